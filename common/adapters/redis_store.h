/* redis_store: verifications, pointers and leases in Redis (ARCHITECTURE section 5). A cache: every call may end in
 * ERR_UNAVAILABLE, and its caller must have an answer to that.
 *
 * Lives in one loop thread; nothing blocks. Callbacks come exactly once (those of redis_store_get_many: as it says),
 * never from inside the call, and within REDIS_OP_TIMEOUT_MS + 100 ms in which the loop turns (redis_link), also when Redis
 * hangs. Before the store counts as up its scripts are loaded, it is no replica, maxmemory-policy is noeviction (an evicted pointer would
 * buy twice), and an epoch that names another Redis is removed (a restart may have lost writes): nothing is asked of a Redis that was
 * not looked at. */
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
bool redis_store_is_up(const struct redis_store *store); /* also right inside a callback that ERR_UNAVAILABLE came to */
/* It has not been up yet, and was opened a moment ago: whoever can wait does, instead of going on without it. */
enum { STORE_COMING_MS = 2000 };
bool redis_store_is_coming(const struct redis_store *store);
/* When it came back last, or came for the first time later than STORE_COMING_MS (clock_mono_ms): it may lack what was written
 * nowhere else meanwhile. 0: neither. */
int64_t redis_store_back_ms(const struct redis_store *store);

/* Claims a question for `id` (SET NX EX), or reads who holds it. holder is `id` itself when the claim is new. Returns:
 * ERR_OK (fn comes, never from inside this call); ERR_UNAVAILABLE; ERR_LIMIT; ERR_NO_MEMORY. */
typedef void (*store_claim_fn)(void *ctx, enum err_code code, const char *holder);
enum err_code redis_store_claim(struct redis_store *store, const char *question, const char *id, int ttl_s,
                                store_claim_fn fn, void *ctx) WARN_UNUSED;

/* Reads a state. value NULL with ERR_OK: there is none, and the cache is whole. ERR_UNAVAILABLE: Redis is away, or it
 * has none and is being filled again (redis_store_is_up tells which). value lives for the call. */
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

/* Takes (or prolongs) a verification's lease and reads its state, in one step. op is the name of its kind's first
 * operation: there is one lease per verification. whole: only while the cache is whole (an initiate must not be sent
 * twice because Redis forgot the first one). */
enum lease {
	LEASE_ANOTHERS, /* another token holds it */
	LEASE_GRANTED,
	LEASE_REBUILDING, /* `whole` was asked for, and the cache is being filled again: nothing was taken */
	LEASE_ANSWERED, /* its holder got an answer and kept it (redis_store_keep_answer), but has not written the state
	                   yet */
};

/* value: the state, NULL when there is none, or (LEASE_GRANTED without `whole`) none that says more than that the request
 * was accepted; for LEASE_ANSWERED the kept answer. token: LEASE_ANSWERED: its holder's. */
typedef void (*store_lease_fn)(void *ctx, enum err_code code, enum lease lease, const char *token, const char *value,
                               size_t len);
enum err_code redis_store_lease(struct redis_store *store, const char *id, const char *op, const char *token,
                                int64_t ttl_ms, bool whole, store_lease_fn fn, void *ctx) WARN_UNUSED;

/* Keeps an answer beside the lease until the state is written: whoever takes over from a worker that died in between
 * finds it and need not buy it again. Without a lease of this token nothing is kept, and that is ERR_OK, too. */
enum { STORE_ANSWER_TTL_MS = 10 * 60 * 1000 };
enum err_code redis_store_keep_answer(struct redis_store *store, const char *id, const char *op, const char *token,
                                      const char *value, size_t len, store_done_fn fn, void *ctx) WARN_UNUSED;

/* Writes a state by compare-and-set in the order of verification_compare, wakes who waits for it when it was written,
 * and gives the lease back when `token` (NULL: none) still holds it. `value` is verification_encode's text.
 * drop_question (NULL: none): the pointer is removed when it still names this id. */
typedef void (*store_put_fn)(void *ctx, enum err_code code, bool written);
enum err_code redis_store_put(struct redis_store *store, const struct verification *verification, const char *value,
                              size_t len, const char *op, const char *token, const char *drop_question, store_put_fn fn,
                              void *ctx) WARN_UNUSED;

/* ---- many states at once, for who reads `results` ---- */

/* A state to be set where Redis lacks it. All is borrowed for the call. */
struct store_fill {
	const struct verification *state;
	const char *value; /* verification_encode's text of it */
	size_t len;
	bool subject;   /* it belongs into its person's pointer, state->question: added unless it is there */
	bool reference; /* state->reference leads to it */
};

/* Sets them in one step, in order, each by redis_store_put's compare-and-set. wake: tells who waits for those that are
 * written. Redis does nothing else meanwhile (some 10 us for each), so a batch is small.
 * Returns: ERR_OK (fn comes; ERR_UNAVAILABLE: whether they were written is not known); ERR_LIMIT (not 1..STORE_FILL_MAX, or
 * too much is pending); ERR_NO_MEMORY; ERR_UNAVAILABLE. */
enum { STORE_FILL_MAX = 64 };
typedef void (*store_fill_fn)(void *ctx, enum err_code code, size_t written);
enum err_code redis_store_fill(struct redis_store *store, const struct store_fill *fills, size_t count, bool wake,
                               store_fill_fn fn, void *ctx) WARN_UNUSED;

/* ---- one person's journeys: `verifyd:s:<question>`, a hash of id -> created_ms ---- */

/* Who is this person's current journey? The newest id of the pointer. Adds `id` (created_ms; the newest from then on)
 * when the pointer holds none, or holds `over` (NULL: none) as the newest: that one is known to have ended. An id that
 * is in the pointer already stays what it is. At most max_a_day ids with created_ms on one UTC day. An id that is added
 * is noted as later than every other one, whatever the clocks say; entries of two days before created_ms are forgotten,
 * but for the newest and id. holder: SUBJECT_OURS: id; SUBJECT_ANOTHERS, SUBJECT_TOO_MANY: the newest; else "". */
enum subject_claim {
	SUBJECT_OURS,       /* id is in the pointer, and may be initiated */
	SUBJECT_ANOTHERS,   /* holder is another id: join it, or, when it has ended, claim again with it as `over` */
	SUBJECT_TOO_MANY,   /* the day's number is reached */
	SUBJECT_REBUILDING, /* the cache is being filled again: nobody knows now */
};
typedef void (*store_subject_fn)(void *ctx, enum err_code code, enum subject_claim claim, const char *holder);
enum err_code redis_store_claim_subject(struct redis_store *store, const char *question, const char *id,
                                        int64_t created_ms, const char *over, int max_a_day, store_subject_fn fn,
                                        void *ctx) WARN_UNUSED;

/* ---- which browser a journey belongs to: `verifyd:browser:{id}` ---- */

enum { BROWSER_BYTES = 44 }; /* base64url of SHA-256 of the cookie, with its '\0' */

enum browser {
	BROWSER_OURS,    /* it is this one */
	BROWSER_ANOTHER, /* it is another one */
	BROWSER_UNKNOWN, /* none is known (only when ticket_ms was 0) */
};
/* ticket_ms > 0: binds the journey to this browser when it has none, has this one, or was bound with an older ticket.
 * ticket_ms 0: only looks. */
typedef void (*store_browser_fn)(void *ctx, enum err_code code, enum browser browser);
enum err_code redis_store_browser(struct redis_store *store, const char *id, const char *browser, int64_t ticket_ms,
                                  int64_t ttl_ms, store_browser_fn fn, void *ctx) WARN_UNUSED;

/* ---- where a journey's request stands in Kafka: `verifyd:place:{id}`, for STORE_PLACE_TTL_S ---- */

enum { STORE_PLACE_TTL_S = 3600 };

/* The first that is noted stays. Best effort. */
void redis_store_note_place(struct redis_store *store, const char *id, int32_t partition, int64_t offset);
/* partition -1: none is known. */
typedef void (*store_place_fn)(void *ctx, enum err_code code, int32_t partition, int64_t offset);
enum err_code redis_store_place(struct redis_store *store, const char *id, store_place_fn fn, void *ctx) WARN_UNUSED;

/* ---- a vendor's reference -> id: `verifyd:ref:<vendor>:<reference>`, the reference in lower case ---- */

/* Best effort. */
void redis_store_name_reference(struct redis_store *store, const char *vendor, const char *reference, const char *id);
/* value (the id, for the caller to check) NULL with ERR_OK: unknown, or the cache is being filled. */
enum err_code redis_store_by_reference(struct redis_store *store, const char *vendor, const char *reference,
                                       store_get_fn fn, void *ctx) WARN_UNUSED;

/* ---- what an Idempotency-Key stands for: `verifyd:key:<key>` -> "<body> <id>" ---- */

/* Which verification does this key lead to? `id`, when the key is new; kept for ttl_ms from its first coming. key and body:
 * names of QUESTION_BYTES - 1 characters. same_body false: it came with another body, and id is NULL. ERR_UNAVAILABLE:
 * Redis is away, or it is being filled again: nobody knows, and nothing was kept. */
typedef void (*store_key_fn)(void *ctx, enum err_code code, bool same_body, const char *id);
enum err_code redis_store_claim_key(struct redis_store *store, const char *key, const char *body, const char *id,
                                    int64_t ttl_ms, store_key_fn fn, void *ctx) WARN_UNUSED;

/* The key led to another verification than the one it was claimed for: its question was joined. Best effort. */
void redis_store_name_key(struct redis_store *store, const char *key, const char *body, const char *id);

/* ---- the epoch: which Redis was filled, `verifyd:epoch` ---- */

/* Is the cache whole: does the epoch name this Redis (its replication id; "unknown" when it hides its INFO, said once)?
 * When it names another one, it is removed. */
typedef void (*store_whole_fn)(void *ctx, enum err_code code, bool whole);
enum err_code redis_store_check_epoch(struct redis_store *store, store_whole_fn fn, void *ctx) WARN_UNUSED;
/* Takes the right to fill it again, `verifyd:rebuild`, or prolongs it for the token that it was granted to last by this
 * store; fn's bool: granted. Not granted to who had it: Redis lost it, was emptied or restarted, so what was filled may
 * be lost: begin anew (the next claim takes it again). */
enum err_code redis_store_claim_rebuild(struct redis_store *store, const char *token, int64_t ttl_ms, store_whole_fn fn,
                                        void *ctx) WARN_UNUSED;
/* It is filled: sets the epoch and gives the right back. Who held the right when fn is called goes on holding it for
 * EPOCH_MISSED only. */
enum epoch_set {
	EPOCH_NOT_OURS, /* the token does not hold the right, or this is not the Redis that it was granted for */
	EPOCH_SET,
	EPOCH_MISSED, /* since the right was taken, or since the last such answer, a process came back that could not write
	                 for a while: read what came into `results` meanwhile, and set it again */
};
typedef void (*store_epoch_fn)(void *ctx, enum err_code code, enum epoch_set set);
enum err_code redis_store_set_epoch(struct redis_store *store, const char *token, store_epoch_fn fn,
                                    void *ctx) WARN_UNUSED;
/* Removes the epoch, so that a worker fills Redis again; fn's bool: there was one. */
enum err_code redis_store_drop_epoch(struct redis_store *store, store_whole_fn fn, void *ctx) WARN_UNUSED;

/* How far a rebuild is, a JSON text in `verifyd:rebuild:progress`, for who watches. Best effort. */
void redis_store_tell_rebuild(struct redis_store *store, const char *progress);
/* is_held: somebody holds the right to fill it. progress: of the present or the last rebuild; "" when none is known. */
typedef void (*store_look_fn)(void *ctx, enum err_code code, bool is_held, const char *progress);
enum err_code redis_store_look_rebuild(struct redis_store *store, store_look_fn fn, void *ctx) WARN_UNUSED;

/* ---- the fleet: `verifyd:workers`, a hash of worker's name -> its status (common/domain/worker_status.h) ---- */

enum { FLEET_MAX_WORKERS = 1024 };

/* Both best effort: skipped while Redis is away. name: below WORKER_NAME_BYTES. */
void redis_store_put_worker(struct redis_store *store, const char *name, const char *status, size_t len);
void redis_store_remove_worker(struct redis_store *store, const char *name);

/* Reads them all: fn comes once for each (at most FLEET_MAX_WORKERS), then done, once, with ERR_OK, or with
 * ERR_UNAVAILABLE and no fn before it. name and status live for the call; whoever wrote them, they are checked by nobody
 * yet. What is older than WORKER_FORGET_MS is for the reader to remove. */
typedef void (*store_worker_fn)(void *ctx, const char *name, const char *status, size_t len);
enum err_code redis_store_read_workers(struct redis_store *store, store_worker_fn fn, store_done_fn done,
				       void *ctx) WARN_UNUSED;

/* The same of the ingresses: `verifyd:ingresses` (common/domain/ingress_status.h). */
void redis_store_put_ingress(struct redis_store *store, const char *name, const char *status, size_t len);
void redis_store_remove_ingress(struct redis_store *store, const char *name);
enum err_code redis_store_read_ingresses(struct redis_store *store, store_worker_fn fn, store_done_fn done,
					 void *ctx) WARN_UNUSED;

/* Redis's own clock, unix ms: for who runs where clocks are not kept. */
typedef void (*store_time_fn)(void *ctx, enum err_code code, int64_t unix_ms);
enum err_code redis_store_read_time(struct redis_store *store, store_time_fn fn, void *ctx) WARN_UNUSED;

/* Gives a lease back without a state. Best effort: a lease that stays runs out by itself. */
void redis_store_release(struct redis_store *store, const char *id, const char *op, const char *token);

/* The shard of an id, 0..WAKE_SHARDS-1: crc32 (IEEE) of the id modulo WAKE_SHARDS. */
unsigned wake_shard(const char *id);

#endif
