/* retry: the policy table, read by one function. */
#include "common/domain/retry.h"
#include "common/base/backoff.h"
#include <assert.h>
#include <limits.h>

struct policy {
	enum reason reason;
	int burns;
	int64_t base_ms, cap_ms;
	bool acted;
};

static const struct policy policies[] = {
#define FAILURE(symbol, reason, burns, base_ms, cap_ms, acted) {REASON_##reason, burns, base_ms, cap_ms, acted},
#include "common/domain/retry_policy.def"
#undef FAILURE
};

static const struct delay_tier tiers[DELAY_TIER_COUNT] = {
        {"delay.5s", 5000},
        {"delay.30s", 30000},
        {"delay.120s", 120000},
        {"delay.600s", 600000},
};

struct retry_decision retry_decide(const struct retry_input *input)
{
	assert(input->failure < FAILURE_COUNT);
	const struct policy *policy = &policies[input->failure];
	struct retry_decision decision = {.attempts = input->attempts};
	if (policy->burns != 0 && decision.attempts < INT_MAX)
		decision.attempts++;
	if (policy->burns < 0 || decision.attempts >= input->max_attempts) {
		decision.verdict = RETRY_DEAD;
		return decision;
	}
	int64_t asked = input->retry_after_ms > RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS : input->retry_after_ms;
	int64_t wait = backoff_ms(policy->base_ms, policy->cap_ms, input->attempts, input->random_bits);
	decision.wait_ms = asked > wait ? asked : wait;
	bool too_late = input->deadline_ms != 0 && input->now_ms + decision.wait_ms >= input->deadline_ms;
	decision.verdict = too_late ? RETRY_EXPIRED : RETRY_AGAIN;
	return decision;
}

enum reason failure_reason(enum failure failure)
{
	assert(failure < FAILURE_COUNT);
	return policies[failure].reason;
}

bool failure_may_have_acted(enum failure failure)
{
	assert(failure < FAILURE_COUNT);
	return policies[failure].acted;
}

const struct delay_tier *delay_tiers(void)
{
	return tiers;
}

const struct delay_tier *delay_tier_for(int64_t wait_ms)
{
	const struct delay_tier *best = &tiers[0];
	for (int i = 1; i < DELAY_TIER_COUNT; i++)
		if (tiers[i].wait_ms <= wait_ms)
			best = &tiers[i];
	return best;
}
