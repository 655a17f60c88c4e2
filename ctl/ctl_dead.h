/* ctl_dead: one dead letter as the commands about them see it. */
#ifndef VERIFYD_CTL_DEAD_H
#define VERIFYD_CTL_DEAD_H

#include "common/adapters/kafka_scan.h"
#include "ctl/ctl.h"

enum { DEAD_WORD_BYTES = 65, DEAD_MESSAGE_BYTES = 513 };

struct dead_letter {
	char id[ID_BYTES]; /* "": the key is no id, so it is a poison record's */
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms;
	enum kind kind; /* KIND_COUNT: poison, the value cannot be read or is another id's */
	enum operation operation;    /* where a replay goes; OPERATION_COUNT for poison */
	char class[DEAD_WORD_BYTES]; /* these three: printable ASCII, "" when absent */
	char error[DEAD_WORD_BYTES];
	char message[DEAD_MESSAGE_BYTES];
	char traceparent[TRACEPARENT_BYTES];
	char cause[DEAD_WORD_BYTES]; /* of a retrieval */
	int attempts;
	int replays;
	int64_t first_failure_ms, last_failure_ms; /* 0: absent */
	int64_t deadline_ms;                       /* unix ms; 0: none */
	int64_t poll;                              /* 0: none */
};

/* Reads a record of `dead`. Never fails: what cannot be read shows as absent, or as poison. */
void dead_letter_read(const struct kafka_scan_record *record, struct dead_letter *ret);

/* Returns: when it failed last; a record that does not say so: when the broker got it. */
int64_t dead_letter_time(const struct dead_letter *letter);

/* Reads `dead`: the partition of `id`, or all of them when it is NULL. Returns: as kafka_scan; ERR_OK also when on_record
 * wanted no more. Blocks: until nothing came for the command's time. */
enum err_code dead_scan(const struct ctl_call *call, const char *id,
                        bool (*on_record)(void *ctx, const struct kafka_scan_record *record), void *ctx,
                        struct err *err) WARN_UNUSED;

/* Which letters a command is about. */
struct dead_filter {
	const char *vendor, *class; /* NULL: any */
	int64_t since_ms, until_ms; /* since <= time < until */
	const char **ids;           /* sorted; none: any id */
	size_t id_count;
};

/* ret_filter->ids is the caller's, with room for all of the call's arguments. Returns: CTL_OK; CTL_USAGE after a line on
 * stderr: no such vendor, an argument is no id. */
int dead_filter_of(const struct ctl_call *call, const char **ids, struct dead_filter *ret_filter);

/* class fits the letter's class (its request's topic, or "poison"), its error (a reason), its operation ("retrieve") or
 * vendor and operation ("jumio/retrieve"). */
bool dead_filter_fits(const struct dead_filter *filter, const struct dead_letter *letter);

#endif
