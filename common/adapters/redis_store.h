/* redis_store: verifications, pointers and leases in Redis (ARCHITECTURE section 5). A cache: every call may end in
 * ERR_UNAVAILABLE, and its caller must have an answer to that.
 *
 * Lives in one loop thread; nothing blocks. Callbacks come exactly once (those of redis_store_get_many: as it says),
 * never from inside the call. Before the store counts as up its scripts are loaded and maxmemory-policy is noeviction
 * (an evicted pointer would buy twice). */
#ifndef VERIFYD_REDIS_STORE_H
#define VERIFYD_REDIS_STORE_H

#include "common/adapters/redis_url.h"
#include "common/domain/verification.h"
#include <uv.h>

struct redis_store;

enum { WAKE_SHARDS = 64, STORE_QUEUED_TTL_MS = 7 * 24 * 3600 * 1000 };

/* retention_ms: how long final states stay. on_change (may be NULL) hears when the store goes up or down.
 * Returns: ERR_OK and *ret_store, connecting in the background; ERR_NO_MEMORY; ERR_IO. */
enum err_code redis_store_new(uv_loop_t *loop, const struct redis_url *url, int64_t retention_ms,
                              void (*on_change)(void *ctx, bool up), void *ctx, struct redis_store **ret_store,
                              struct err *err) WARN_UNUSED;
void redis_store_close(struct redis_store *store); /* accepts NULL; the loop must run until its handles have closed */
bool redis_store_is_up(const struct redis_store *store);

/* Claims a question for `id` (SET NX EX) and reads who holds it. holder is `id` itself when the claim is new. */
typedef void (*store_claim_fn)(void *ctx, enum err_code code, const char *holder);
enum err_code redis_store_claim(struct redis_store *store, const char *question, const char *id, int ttl_s,
                                store_claim_fn fn, void *ctx) WARN_UNUSED;

/* Reads a state. value NULL with ERR_OK: there is none. value lives for the call. */
typedef void (*store_get_fn)(void *ctx, enum err_code code, const char *value, size_t len);
enum err_code redis_store_get(struct redis_store *store, const char *id, store_get_fn fn, void *ctx) WARN_UNUSED;

/* Reads many states in one command. When Redis answers, fn comes once per id, in order. When it does not, or answers
 * with an error, fn does not come at all: a caller that must know needs a timer, or asks again. ids are copied.
 * Returns: ERR_OK (asked); ERR_LIMIT (not 1..STORE_MGET_MAX ids, or too much is pending); ERR_NO_MEMORY;
 * ERR_UNAVAILABLE. */
enum { STORE_MGET_MAX = 256 };
typedef void (*store_each_fn)(void *ctx, const char *id, const char *value, size_t len);
enum err_code redis_store_get_many(struct redis_store *store, const char *const *ids, size_t count, store_each_fn fn,
                                   void *ctx) WARN_UNUSED;

/* Writes a state only where there is none: the accepted request, before any worker saw it. fn may be NULL. */
typedef void (*store_done_fn)(void *ctx, enum err_code code);
enum err_code redis_store_put_first(struct redis_store *store, const char *id, const char *value, size_t len,
                                    store_done_fn fn, void *ctx) WARN_UNUSED;

/* Takes (or prolongs) the lease of one operation on one verification and reads its state, in one step. */
enum lease {
	LEASE_ANOTHERS, /* another token holds it */
	LEASE_GRANTED,
	LEASE_ANSWERED, /* its holder got an answer and kept it (redis_store_keep_answer), but has not written the state
	                   yet */
};

/* value: the state, NULL when there is none; for LEASE_ANSWERED the kept answer. token: LEASE_ANSWERED: its holder's.
 */
typedef void (*store_lease_fn)(void *ctx, enum err_code code, enum lease lease, const char *token, const char *value,
                               size_t len);
enum err_code redis_store_lease(struct redis_store *store, const char *id, const char *op, const char *token,
                                int64_t ttl_ms, store_lease_fn fn, void *ctx) WARN_UNUSED;

/* Keeps an answer beside the lease until the state is written: whoever takes over from a worker that died in between
 * finds it and need not buy it again. Best effort; without a lease of this token nothing happens. */
enum { STORE_ANSWER_TTL_MS = 10 * 60 * 1000 };
void redis_store_keep_answer(struct redis_store *store, const char *id, const char *op, const char *token,
                             const char *value, size_t len);

/* Writes a state by compare-and-set in the order of verification_compare, wakes who waits for it when it was written,
 * and gives the lease back when `token` (NULL: none) still holds it. `value` is verification_encode's text.
 * drop_question (NULL: none): the pointer is removed when it still names this id. */
typedef void (*store_put_fn)(void *ctx, enum err_code code, bool written);
enum err_code redis_store_put(struct redis_store *store, const struct verification *verification, const char *value,
                              size_t len, const char *op, const char *token, const char *drop_question, store_put_fn fn,
                              void *ctx) WARN_UNUSED;

/* Gives a lease back without a state. Best effort: a lease that stays runs out by itself. */
void redis_store_release(struct redis_store *store, const char *id, const char *op, const char *token);

/* The shard of an id, 0..WAKE_SHARDS-1: crc32 (IEEE) of the id modulo WAKE_SHARDS. */
unsigned wake_shard(const char *id);

#endif
