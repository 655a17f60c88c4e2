/* key_watch: keeps an issuer's keys at hand. A thread of its own fetches its JWKS: at start, every hour, and when somebody met a key that is not in it, but then
 * once a minute at most, so that strangers' tokens cannot make it knock at the issuer's door. What fails is tried again after
 * 1 s, 2 s and so on to a minute; until then the last good set is used, however old. */
#ifndef VERIFYD_KEY_WATCH_H
#define VERIFYD_KEY_WATCH_H

#include "common/base/metrics.h"
#include "ingress/key_set.h"
#include <stdatomic.h>
#include <stdint.h>

struct key_watch;

struct key_watch_options {
	/* Appends the JWKS to out; may block, but not after *stop has turned true. */
	enum err_code (*fetch)(void *ctx, const atomic_bool *stop, struct buf *out, struct err *err);
	void *ctx;
	int64_t refresh_ms, miss_ms, retry_ms; /* every hour; once a minute; the first pause after a failure. 0: as above */
	struct metrics *metrics;
};

enum key_watch_state {
	KEY_WATCH_NONE,  /* there never was a set */
	KEY_WATCH_STALE, /* the last fetch failed */
	KEY_WATCH_GOOD,
};

/* Begins to fetch. Returns: ERR_OK, *ret_watch ended by key_watch_free; ERR_NO_MEMORY (also when no thread could be made). */
enum err_code key_watch_new(const struct key_watch_options *options, struct key_watch **ret_watch) WARN_UNUSED;
void key_watch_free(struct key_watch *watch); /* accepts NULL. Blocks: for a fetch that is under way to stop */

/* Returns: the keys, ended by key_set_free; NULL: there are none yet. Thread: any; so the next two. Blocks: no. */
struct key_set *key_watch_take(struct key_watch *watch);
void key_watch_miss(struct key_watch *watch); /* a token names a key that is not in the set */
enum key_watch_state key_watch_state(struct key_watch *watch);

#endif
