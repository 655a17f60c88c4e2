/* redis_store_gate: the fleet's quota and breaker of one class (a vendor's operation), kept in Redis and moved by one
 * script (SCRIPT_GATE): `verifyd:quota:<vendor>:<op>`, a list of what was allowed when; `verifyd:gate:<vendor>:<op>`, a
 * hash of what else is known: who wants how much, Retry-After, sums of calls; `verifyd:breaker:<vendor>`, a hash of
 * operation -> "open <since> <next probe> <reason>" (unix ms of Redis), without a field while closed.
 *
 * Time is Redis's own. As redis_store: one loop thread, nothing blocks, a callback comes exactly once. */
#ifndef VERIFYD_REDIS_STORE_GATE_H
#define VERIFYD_REDIS_STORE_GATE_H

#include "common/adapters/redis_store.h"

enum {
	STORE_GATE_PRIORITIES = 4,
	STORE_GATE_REASON_BYTES = 32,
	/* A window that nobody knows any more (Redis was emptied) allows nothing for so long: until then every worker has
	 * said what it has used. */
	STORE_GATE_NEW_MS = 450,
	STORE_GATE_WANT_MS = 500, /* what a worker wanted counts for so long after it asked */
	/* Of one priority the worker that has who came first has its turn; who came within so long of them shares it. */
	STORE_GATE_TURN_MS = 50,
};

enum store_probe { PROBE_NONE, PROBE_WORKED, PROBE_FAILED };

/* What a worker wants, and what it has seen since it asked last. */
struct store_gate_ask {
	const char *vendor, *op, *member; /* member: of this worker, at most 64 bytes without a blank */
	int64_t limit, span_ms;           /* at most `limit` permits in any span; limit 0: no quota */
	int64_t wants[STORE_GATE_PRIORITIES];
	int64_t since_ms[STORE_GATE_PRIORITIES]; /* when the first who waits with it came, unix ms; 0: not known */
	int64_t used;     /* permits of this worker within the last span */
	int64_t untold;   /* of these, what the window has not given */
	int64_t born_ms, given; /* as the last reply said; 0 */
	int64_t ok, failed;     /* calls that ended */
	bool barred;            /* one of them must open the breaker */
	const char *reason;     /* of the failures; a word; "" */
	enum store_probe probe;
	int64_t close_ms;       /* Retry-After: nobody calls for so long; 0 */
	int64_t probe_ms, breaker_failures;
};

struct store_gate_reply {
	int64_t grants[STORE_GATE_PRIORITIES]; /* without a quota: 0, but for a probe */
	bool probe;        /* the one permit among grants is the breaker's probe */
	int64_t again_ms;  /* when it makes sense to ask again for what is still wanted */
	int64_t closed_ms; /* for how long the vendor has asked for peace; 0: it has not */
	int64_t used;      /* of the quota, by the fleet */
	int64_t members;   /* workers that asked within the last 3 s, this one included */
	int64_t born_ms, given; /* which window it is, and how many permits it has given: for the next ask */
	bool is_open;
	char reason[STORE_GATE_REASON_BYTES]; /* is_open */
};

typedef void (*store_gate_fn)(void *ctx, enum err_code code, const struct store_gate_reply *reply);
enum err_code redis_store_gate(struct redis_store *store, const struct store_gate_ask *ask, store_gate_fn fn,
			       void *ctx) WARN_UNUSED;

/* Which operations of a vendor have their breaker open: fn comes once per operation, then done, once, with ERR_OK, or
 * with ERR_UNAVAILABLE and no fn before it. op and state ("open …", as above) live for the call. */
typedef void (*store_breaker_fn)(void *ctx, const char *op, const char *state);
enum err_code redis_store_read_breakers(struct redis_store *store, const char *vendor, store_breaker_fn fn,
					store_done_fn done, void *ctx) WARN_UNUSED;

#endif
