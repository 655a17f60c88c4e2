/* retry: the policy table, read by one function. */
#include "common/domain/retry.h"
#include "common/base/backoff.h"
#include <assert.h>
#include <limits.h>

enum tries {
	TRIES_NONE,
	TRIES_COUNT,
	TRIES_WAIT,
};

struct policy {
	enum tries tries;
	int64_t base_ms, cap_ms;
	bool acted;
};

enum { FLOWS = FLOW_RETRIEVE + 1 };

#define FAILURE(symbol, reason)
#define RETRY(failure, flow, tries, base_ms, cap_ms, acted)                                                            \
	[FAILURE_##failure][FLOW_##flow] = {TRIES_##tries, base_ms, cap_ms, acted},
static const struct policy policies[FAILURE_COUNT][FLOWS] = {
#include "common/domain/retry_policy.def"
};
#undef RETRY
/* No row is there twice (-Woverride-init), so that many are all. */
#define RETRY(failure, flow, tries, base_ms, cap_ms, acted) +1
_Static_assert(
#include "common/domain/retry_policy.def"
        == (int)FAILURE_COUNT * FLOWS, "every failure needs a row for every flow");
#undef RETRY
#undef FAILURE

static const enum reason reasons[] = {
#define FAILURE(symbol, reason) REASON_##reason,
#define RETRY(failure, flow, tries, base_ms, cap_ms, acted)
#include "common/domain/retry_policy.def"
#undef FAILURE
#undef RETRY
};

static const struct delay_tier tiers[DELAY_TIER_COUNT] = {
        {"delay.5s", 5000},
        {"delay.30s", 30000},
        {"delay.120s", 120000},
        {"delay.600s", 600000},
};

static const struct policy *policy_of(enum failure failure, enum flow_kind flow)
{
	assert(failure < FAILURE_COUNT && (int)flow < FLOWS);
	return &policies[failure][flow];
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* Whoever waits without counting has no attempts to double the wait by; the longer it has lasted, the less it hurries.
 */
static int64_t jittered_ms(const struct policy *policy, const struct retry_input *input)
{
	if (policy->tries == TRIES_COUNT)
		return backoff_ms(policy->base_ms, policy->cap_ms, input->attempts, input->random_bits);
	int64_t since_ms = input->first_failure_ms > 0 ? input->now_ms - input->first_failure_ms : 0;
	return backoff_jitter_ms(clamp(since_ms, policy->base_ms, policy->cap_ms), input->random_bits);
}

static bool is_late(int64_t wait_ms, int64_t now_ms, int64_t deadline_ms)
{
	return deadline_ms != 0 && wait_ms >= deadline_ms - now_ms;
}

/* What the failed call has changed, and whether it was the last. */
static struct retry_decision count_failure(const struct policy *policy, const struct retry_input *input)
{
	struct retry_decision decision = {.verdict = RETRY_IN_MEMORY,
	                                  .reason = reasons[input->failure],
	                                  .acted = policy->acted && input->bytes_sent,
	                                  .attempts = input->attempts};
	bool counts = policy->tries == TRIES_NONE || (policy->tries == TRIES_COUNT && !input->is_held);
	if (counts && decision.attempts < INT_MAX)
		decision.attempts++;
	bool sent_out = decision.acted && input->sends >= SENDS_MAX;
	bool used_up = policy->tries == TRIES_COUNT && counts && decision.attempts >= input->max_attempts;
	if (sent_out)
		decision.reason = REASON_SENT;
	if (sent_out || used_up || policy->tries == TRIES_NONE)
		decision.verdict = RETRY_DEAD;
	return decision;
}

struct retry_decision retry_decide(const struct retry_input *input)
{
	const struct policy *policy = policy_of(input->failure, input->flow);
	struct retry_decision decision = count_failure(policy, input);
	if (decision.verdict == RETRY_DEAD)
		return decision;
	int64_t deadline_ms = input->flow == FLOW_RETRIEVE ? 0 : input->deadline_ms;
	int64_t asked_ms = clamp(input->retry_after_ms, 0, RETRY_AFTER_MAX_MS);
	int64_t wait_ms = input->is_held ? 0 : jittered_ms(policy, input);
	if (!input->is_held && asked_ms > wait_ms)
		wait_ms = asked_ms;
	if (is_late(wait_ms, input->now_ms, deadline_ms)) {
		decision.verdict = RETRY_EXPIRED;
		return decision;
	}
	decision.wait_ms = wait_ms;
	decision.tier = retry_tier(wait_ms, input->now_ms, deadline_ms);
	decision.verdict = decision.tier ? RETRY_DELAYED : RETRY_IN_MEMORY;
	return decision;
}

enum reason failure_reason(enum failure failure)
{
	assert(failure < FAILURE_COUNT);
	return reasons[failure];
}

bool failure_may_have_acted(enum failure failure, enum flow_kind flow)
{
	return policy_of(failure, flow)->acted;
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

const struct delay_tier *retry_tier(int64_t wait_ms, int64_t now_ms, int64_t deadline_ms)
{
	if (wait_ms < RETRY_IN_MEMORY_MS)
		return NULL;
	const struct delay_tier *tier = delay_tier_for(wait_ms);
	bool comes_too_late = is_late(tier->wait_ms + RETRY_HOP_MARGIN_MS, now_ms, deadline_ms);
	return tier->wait_ms > wait_ms && comes_too_late ? NULL : tier;
}
