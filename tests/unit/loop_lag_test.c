/* Tests of loop_lag: a loop that is kept busy shows it. */
#include "common/adapters/loop_lag.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BUSY_MS = 120, TURNS = 3 };

static void hog(uv_timer_t *timer)
{
	int *turns = timer->data;
	uv_sleep(BUSY_MS);
	if (++*turns == TURNS)
		uv_stop(timer->loop);
}

/* The count of the bucket that ends at `le` seconds. */
static long bucket(struct metrics *metrics, const char *le)
{
	struct buf text;
	char wanted[64];
	buf_init(&text, 65536);
	assert_int_equal(metrics_render(metrics, &text), ERR_OK);
	snprintf(wanted, sizeof wanted, "verifyd_loop_lag_seconds_bucket{le=\"%s\"} ", le);
	const char *at = strstr(text.data, wanted);
	assert_non_null(at);
	long count = strtol(at + strlen(wanted), NULL, 10);
	buf_fini(&text);
	return count;
}

static void a_hogged_loop_is_late_by_what_hogs_it(void **state)
{
	uv_loop_t loop;
	uv_timer_t timer;
	struct loop_lag lag;
	struct metrics *metrics;
	int turns = 0;
	(void)state;
	assert_int_equal(metrics_new(&metrics), ERR_OK);
	assert_int_equal(uv_loop_init(&loop), 0);
	loop_lag_start(&lag, &loop, metrics);
	uv_timer_init(&loop, &timer);
	timer.data = &turns;
	uv_timer_start(&timer, hog, 5, 15);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&timer, NULL);
	loop_lag_close(&lag);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	assert_true(bucket(metrics, "+Inf") >= TURNS - 1);
	assert_true(bucket(metrics, "+Inf") - bucket(metrics, "0.1") >= TURNS - 1); /* later than 100 ms */
	assert_true(loop_lag_take_worst_us(&lag) >= (BUSY_MS - 20) * 1000);
	assert_int_equal(loop_lag_take_worst_us(&lag), 0); /* counts anew */
	metrics_free(metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_hogged_loop_is_late_by_what_hogs_it)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
