/* quota: a ring of steps, each with the time at which it began to count as full. */
#include "workers/quota.h"

enum { RING = QUOTA_STEPS + 2 };

int64_t quota_guard_ms(int64_t period_ms)
{
	int64_t guard_ms = period_ms / QUOTA_GUARD_SHARE;
	return guard_ms < QUOTA_GUARD_MAX_MS ? guard_ms : QUOTA_GUARD_MAX_MS;
}

void quota_init(struct quota *quota, int64_t span_ms)
{
	*quota = (struct quota){.span_ms = span_ms, .step_ms = span_ms / QUOTA_STEPS + 1};
}

static void forget_old(struct quota *quota, int64_t now_ms)
{
	while (quota->count > 0 && quota->ring[quota->first].at_ms + quota->span_ms <= now_ms) {
		quota->sum -= quota->ring[quota->first].n;
		quota->first = (quota->first + 1) % RING;
		quota->count--;
	}
}

/* A step's calls count as made at its end: they are forgotten late, never early. */
void quota_add(struct quota *quota, int64_t now_ms, int64_t n)
{
	int64_t at_ms = (now_ms / quota->step_ms + 1) * quota->step_ms;
	if (n <= 0)
		return;
	forget_old(quota, now_ms);
	size_t last = (quota->first + quota->count + RING - 1) % RING;
	if (quota->count == 0 || quota->ring[last].at_ms < at_ms) {
		last = (quota->first + quota->count) % RING;
		quota->ring[last].at_ms = at_ms;
		quota->ring[last].n = 0;
		quota->count++;
	}
	quota->ring[last].n += n;
	quota->sum += n;
}

int64_t quota_used(struct quota *quota, int64_t now_ms)
{
	forget_old(quota, now_ms);
	return quota->sum;
}

int64_t quota_next_ms(struct quota *quota, int64_t now_ms)
{
	forget_old(quota, now_ms);
	return quota->count == 0 ? 0 : quota->ring[quota->first].at_ms + quota->span_ms - now_ms;
}
