/* loop_lag: how late the event loop comes to what is due, as the histogram verifyd_loop_lag_seconds. A timer asks to be
 * called every 10 ms; what it is late by, everything else is late by too. Lives in one loop thread; nothing blocks. */
#ifndef VERIFYD_LOOP_LAG_H
#define VERIFYD_LOOP_LAG_H

#include "common/base/metrics.h"
#include <uv.h>

struct loop_lag {
	uv_timer_t timer;
	struct metric *late;
	uint64_t due_ns; /* of uv_hrtime */
	int64_t worst_us; /* since it was taken last */
};

/* Begins in place; metrics must outlive it. */
void loop_lag_start(struct loop_lag *lag, uv_loop_t *loop, struct metrics *metrics);
/* Returns: the latest it was since this was asked last. */
int64_t loop_lag_take_worst_us(struct loop_lag *lag);
/* The loop must run until the handle has closed. */
void loop_lag_close(struct loop_lag *lag);

#endif
