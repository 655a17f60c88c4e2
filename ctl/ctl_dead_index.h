/* ctl_dead_index: the newest dead letter of each id, in about a hundred bytes: what fits, where it stands in `dead`, what is
 * known of its id now, and what a replay would do. The values stay in Kafka. */
#ifndef VERIFYD_CTL_DEAD_INDEX_H
#define VERIFYD_CTL_DEAD_INDEX_H

#include "ctl/ctl_dead.h"

enum {
	DEAD_INDEX_MAX = 2000000, /* ids, and poison records without one: about 250 MB */
	DEAD_TEXTS_MAX = 4096,    /* different classes, errors and messages; of others it is not known what they say */
};

/* What a replay does with a letter, and why. */
enum dead_fate {
	FATE_REPLAY,
	FATE_ALIVE,   /* the state that stands is not dead */
	FATE_WAITING, /* its replay is in Kafka and has not been worked on */
	FATE_STALE,   /* its deadline has passed */
	FATE_LOOPING, /* replayed as often as is allowed */
	FATE_POISON,
	FATE_UNKNOWN, /* nobody could say which state stands */
	FATE_LATER,   /* beyond --limit */
	FATE_COUNT
};

struct dead_entry {
	char id[ID_BYTES]; /* "": poison without one */
	int64_t offset, timestamp_ms;
	int64_t first_failure_ms, last_failure_ms, deadline_ms;
	int64_t rev; /* these four: of the state that stands */
	int now_attempts, now_replays;
	uint8_t state; /* enum state; STATE_COUNT: none is known */
	uint8_t kind, operation, fate;
	int32_t partition;
	int attempts, replays;
	uint16_t class, error, message; /* dead_index_text */
	bool fits, from_redis, is_waiting, is_sent, is_done, is_unknown;
};

struct dead_index;

/* max: entries, at most DEAD_INDEX_MAX. Returns: ERR_OK and *ret_index; ERR_NO_MEMORY. */
enum err_code dead_index_new(size_t max, struct dead_index **ret_index) WARN_UNUSED;
void dead_index_free(struct dead_index *index); /* accepts NULL */

/* Takes a letter; of one id the one that was written last counts: by offset in one partition, else by the broker's time. Kept
 * is what fits, and what stands in the place of an older letter that did. Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code dead_index_add(struct dead_index *index, const struct dead_letter *letter, bool fits) WARN_UNUSED;

/* Drops what does not fit, after the last dead_index_add. */
void dead_index_settle(struct dead_index *index);

size_t dead_index_count(const struct dead_index *index);
struct dead_entry *dead_index_at(struct dead_index *index, size_t i); /* lives until the next add or settle */
struct dead_entry *dead_index_find(struct dead_index *index, const char *id); /* NULL: not there, or "" */
const char *dead_index_text(const struct dead_index *index, uint16_t text);

/* Returns: pointers to all entries, the one that failed first in front, ended by free(); NULL: out of memory. */
struct dead_entry **dead_index_by_time(struct dead_index *index);

/* Notes a state of an entry's id when it stands above what was noted before. */
void dead_entry_note(struct dead_entry *entry, const struct verification *state);

/* Returns: what its replay's record says: one more than was ever seen. */
int dead_entry_next_replay(const struct dead_entry *entry);

struct dead_rules {
	int64_t now_ms;
	bool include_stale;
	int max_replays;
};
enum dead_fate dead_entry_fate(const struct dead_entry *entry, const struct dead_rules *rules);

/* In a word, for JSON and tables: "replay". Returns: a constant text. */
const char *dead_fate_name(enum dead_fate fate);

/* Why it is not replayed, as a sentence; of one whose state is not known, in general. cap > 0. */
void dead_entry_why(const struct dead_entry *entry, char *out, size_t cap);

#endif
