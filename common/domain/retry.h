/* retry: what to do after a failed vendor call, as one table (retry_policy.def). Pure: time and randomness come in. */
#ifndef VERIFYD_RETRY_H
#define VERIFYD_RETRY_H

#include "common/domain/verification.h"

/* A wait below this stays in the worker's memory; a longer one hops through a delay topic. */
enum { RETRY_IN_MEMORY_MS = 2000, RETRY_AFTER_MAX_MS = 3600 * 1000 };

enum failure {
#define FAILURE(symbol, reason, burns, base_ms, cap_ms, acted) FAILURE_##symbol,
#include "common/domain/retry_policy.def"
#undef FAILURE
	FAILURE_COUNT
};

struct retry_input {
	enum failure failure;
	int attempts;           /* failed calls before this one */
	int max_attempts;
	int64_t retry_after_ms; /* what the vendor asked for; 0: nothing. Clamped to RETRY_AFTER_MAX_MS */
	int64_t now_ms;         /* unix ms */
	int64_t deadline_ms;    /* unix ms; 0: none */
	uint32_t random_bits;
};

enum retry_verdict { RETRY_AGAIN, RETRY_DEAD, RETRY_EXPIRED };

struct retry_decision {
	enum retry_verdict verdict;
	int attempts;    /* failed calls that count, this one included where it does */
	int64_t wait_ms; /* RETRY_AGAIN: before the next call */
};

struct retry_decision retry_decide(const struct retry_input *input);

enum reason failure_reason(enum failure failure);
/* Whether the vendor may have acted on a call that ended so. */
bool failure_may_have_acted(enum failure failure);

/* The delay topics and how long each holds a record. */
struct delay_tier {
	const char *topic; /* without the prefix */
	int64_t wait_ms;
};
enum { DELAY_TIER_COUNT = 4 };
const struct delay_tier *delay_tiers(void); /* DELAY_TIER_COUNT rows, shortest first */

/* Returns: the longest tier that does not pass wait_ms, or the shortest one; a record hops again until its time has come. */
const struct delay_tier *delay_tier_for(int64_t wait_ms);

#endif
