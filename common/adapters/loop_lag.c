/* loop_lag: a timer that measures its own lateness. */
#include "common/adapters/loop_lag.h"

enum { EVERY_MS = 10 };

static void arm(struct loop_lag *lag);

static void on_timer(uv_timer_t *timer)
{
	struct loop_lag *lag = timer->data;
	uint64_t now = uv_hrtime();
	int64_t late_us = now > lag->due_ns ? (int64_t)(now - lag->due_ns) / 1000 : 0;
	metric_observe_us(lag->late, late_us);
	lag->worst_us = late_us > lag->worst_us ? late_us : lag->worst_us;
	arm(lag);
}

/* The loop's own clock may be old by as much as the turn took, and libuv counts from it. */
static void arm(struct loop_lag *lag)
{
	uv_update_time(lag->timer.loop);
	lag->due_ns = uv_hrtime() + (uint64_t)EVERY_MS * 1000000;
	uv_timer_start(&lag->timer, on_timer, EVERY_MS, 0); /* fails only for a handle that is closing */
}

void loop_lag_start(struct loop_lag *lag, uv_loop_t *loop, struct metrics *metrics)
{
	lag->late = metrics_histogram(metrics, "verifyd_loop_lag_seconds", "",
	                              "how late the event loop comes to what is due");
	(void)uv_timer_init(loop, &lag->timer); /* cannot fail */
	lag->timer.data = lag;
	lag->worst_us = 0;
	arm(lag);
}

int64_t loop_lag_take_worst_us(struct loop_lag *lag)
{
	int64_t worst_us = lag->worst_us;
	lag->worst_us = 0;
	return worst_us;
}

void loop_lag_close(struct loop_lag *lag)
{
	uv_close((uv_handle_t *)&lag->timer, NULL);
}
