/* quota: how many calls were allowed within the last span: a sliding log, in a fixed number of steps. Errs only towards
 * too many, by a step (span / QUOTA_STEPS) at most. Pure: time comes in, and never goes back. Thread: any, one at a
 * time. */
#ifndef VERIFYD_QUOTA_H
#define VERIFYD_QUOTA_H

#include <stddef.h>
#include <stdint.h>

enum { QUOTA_STEPS = 256, QUOTA_GUARD_MAX_MS = 250, QUOTA_GUARD_SHARE = 20 };

/* What is added to a period so that calls, which take a while to their vendor, keep to it there: half of it a permit may
 * be kept before it is used, half is for the network. */
int64_t quota_guard_ms(int64_t period_ms);

struct quota {
	int64_t span_ms, step_ms, sum;
	size_t first, count; /* of the ring */
	struct {
		int64_t at_ms, n;
	} ring[QUOTA_STEPS + 2];
};

/* span_ms: 1 or more. */
void quota_init(struct quota *quota, int64_t span_ms);
void quota_add(struct quota *quota, int64_t now_ms, int64_t n);
/* Returns: what was added within the last span. */
int64_t quota_used(struct quota *quota, int64_t now_ms);
/* Returns: in how many ms less will be used; 0: nothing is. */
int64_t quota_next_ms(struct quota *quota, int64_t now_ms);

#endif
