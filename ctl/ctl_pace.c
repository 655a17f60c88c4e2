/* ctl_pace: counted in nanoseconds, so that no rate is rounded to another one. */
#include "ctl/ctl_pace.h"

enum { BURST_NS = 100 * 1000 * 1000 };

void ctl_pace_begin(struct ctl_pace *pace, int rate, int64_t now_us)
{
	pace->interval_ns = 1000000000 / rate;
	pace->due_ns = now_us * 1000;
}

int64_t ctl_pace_take(struct ctl_pace *pace, int64_t now_us)
{
	int64_t now_ns = now_us * 1000;
	if (pace->due_ns > now_ns)
		return (pace->due_ns - now_ns + 999) / 1000;
	if (now_ns - pace->due_ns > BURST_NS)
		pace->due_ns = now_ns - BURST_NS;
	pace->due_ns += pace->interval_ns;
	return 0;
}
