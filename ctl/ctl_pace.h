/* ctl_pace: so many a second, evenly: a bucket of tokens that holds no more than a tenth of a second's. Pure. */
#ifndef VERIFYD_CTL_PACE_H
#define VERIFYD_CTL_PACE_H

#include <stdint.h>

struct ctl_pace { /* ctl_pace_begin */
	int64_t interval_ns; /* between two tokens */
	int64_t due_ns;      /* when the next one may be taken; monotonic */
};

/* rate: a second, 1..1000000. The first token is there at once. */
void ctl_pace_begin(struct ctl_pace *pace, int rate, int64_t now_us);

/* Returns: 0, and a token is taken; else how many microseconds to wait before one is there. Who comes late may take at once
 * what a tenth of a second has made, and one at least; the rest of what was missed is not made up for. */
int64_t ctl_pace_take(struct ctl_pace *pace, int64_t now_us);

#endif
