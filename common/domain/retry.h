/* retry: what to do after a failed vendor call, as one table (retry_policy.def; its rules: ARCHITECTURE section 7). Pure:
 * time and randomness come in. Thread: any. */
#ifndef VERIFYD_RETRY_H
#define VERIFYD_RETRY_H

#include "common/domain/verification.h"

enum {
	RETRY_IN_MEMORY_MS = 2000, /* a wait below this stays in the worker's memory; a longer one hops through a delay topic */
	RETRY_AFTER_MAX_MS = 3600 * 1000,
	RETRY_HOP_MARGIN_MS = 500, /* what a hop takes beyond its tier's wait: the forwarder's tick and two deliveries */
};

enum failure {
#define FAILURE(symbol, reason) FAILURE_##symbol,
#define RETRY(failure, flow, tries, base_ms, cap_ms, acted)
#include "common/domain/retry_policy.def"
#undef FAILURE
#undef RETRY
	FAILURE_COUNT
};

/* The delay topics and how long each holds a record. */
struct delay_tier {
	const char *topic; /* without the prefix */
	int64_t wait_ms;
};
enum { DELAY_TIER_COUNT = 4 };
const struct delay_tier *delay_tiers(void); /* DELAY_TIER_COUNT rows, shortest first */

/* Returns: the longest tier that does not pass wait_ms, or the shortest one; a record hops again until its time has come. */
const struct delay_tier *delay_tier_for(int64_t wait_ms);

/* Where a wait is spent, or what is left of one that has hopped before.
 * deadline_ms: unix ms, 0: none. Returns: a delay tier; NULL: in memory. That is so below RETRY_IN_MEMORY_MS, and below the
 * shortest tier's wait where the hop, which takes at least that long, would come too late for the deadline. */
const struct delay_tier *retry_tier(int64_t wait_ms, int64_t now_ms, int64_t deadline_ms);

struct retry_input {
	enum failure failure;
	enum flow_kind flow;      /* of the operation that failed */
	bool bytes_sent;          /* the vendor may have seen the call, or part of it */
	int sends;                /* `sends` of the state, this call included; 0 for a score */
	int attempts;             /* failed calls before this one; >= 0 */
	int max_attempts;
	int64_t retry_after_ms;   /* what the vendor asked for; 0: nothing. Clamped to RETRY_AFTER_MAX_MS */
	int64_t first_failure_ms; /* unix ms; 0: this one is the first */
	int64_t now_ms;           /* unix ms; >= 0 */
	int64_t deadline_ms;      /* unix ms; 0: none. A retrieval has none: a person's verdict is looked for at any time */
	uint32_t random_bits;
	bool is_held;             /* the breaker is open: what fails now is the vendor's fault. It counts no attempt, and the
				     job waits with the others, not for a time */
};

enum retry_verdict {
	RETRY_IN_MEMORY, /* again after wait_ms, by whoever holds it */
	RETRY_DELAYED,   /* again after wait_ms, by way of `tier` */
	RETRY_DEAD,
	RETRY_EXPIRED,   /* the next call would come at or after the deadline */
	RETRY_VERDICT_COUNT
};

struct retry_decision {
	enum retry_verdict verdict;
	enum reason reason; /* the failure's; REASON_SENT when two sends that may have acted are the end */
	bool acted;         /* the vendor may have done what was asked: a send stays counted, a score may be bought again */
	int attempts;       /* failed calls that count, this one included where it does; never fewer than before */
	int64_t wait_ms;    /* RETRY_IN_MEMORY, RETRY_DELAYED; else 0 */
	const struct delay_tier *tier; /* RETRY_DELAYED: the first hop; else NULL */
};

/* Death comes before expiry: a person must see it, deadline or not. */
struct retry_decision retry_decide(const struct retry_input *input);

enum reason failure_reason(enum failure failure);
/* Whether the vendor may have acted on a call of this flow that ended so, once a byte of it was sent. */
bool failure_may_have_acted(enum failure failure, enum flow_kind flow);

#endif
