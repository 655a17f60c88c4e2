/* status_report: when a worker stands among the fleet, on a real Redis. */
#include "tests/unit/redis_fixture.h"
#include "workers/status_report.h"

static long long is_listed(struct redis_bench *bench)
{
	return redis_do(bench, "HEXISTS verifyd:workers pod-1");
}

static void turn(struct redis_bench *bench)
{
	for (int i = 0; i < 10; i++) {
		(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
		usleep(5000);
	}
}

static void it_says_so_at_once_and_nothing_more_once_it_is_closed(void **state)
{
	struct redis_bench *bench = bench_of(state);
	const struct ports ports = {.loop = &bench->loop, .store = bench->store};
	struct loop_lag lag = {.worst_us = 0};
	struct status_report report;
	assert_int_equal(status_report_start(&report, &ports, "pod-1", NULL, 0, &lag), ERR_OK);
	assert_int_equal(is_listed(bench), 0);
	status_report_now(&report);
	turn(bench);
	assert_int_equal(is_listed(bench), 1);
	status_report_close(&report);
	status_report_now(&report); /* Redis has come back while the worker goes */
	turn(bench);
	assert_int_equal(is_listed(bench), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_REDIS(it_says_so_at_once_and_nothing_more_once_it_is_closed),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
