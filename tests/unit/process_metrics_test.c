/* What a process tells of itself, against what it knows. */
#include "common/base/clock.h"
#include "common/base/process_metrics.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_MAX = 64 * 1024, US_PER_MS = 1000 };

struct bench {
	struct metrics *metrics;
	struct process_metrics process;
	struct buf out;
};

static void open_bench(struct bench *bench)
{
	assert_int_equal(metrics_new(&bench->metrics), ERR_OK);
	process_metrics_start(&bench->process, bench->metrics, "verifyd-test");
	buf_init(&bench->out, TEXT_MAX);
}

static void render(struct bench *bench)
{
	buf_clear(&bench->out);
	assert_int_equal(metrics_render(bench->metrics, &bench->out), ERR_OK);
}

static void close_bench(struct bench *bench)
{
	buf_fini(&bench->out);
	metrics_free(bench->metrics);
}

static void version_memory_and_start_are_shown(void **state)
{
	struct bench bench;
	int64_t now_us = clock_unix_ms() * US_PER_MS;
	(void)state;
	open_bench(&bench);
	render(&bench);
	assert_non_null(strstr(bench.out.data,
	                       "\nverifyd_build_info{program=\"verifyd-test\",version=\"" VERIFYD_VERSION "\"} 1\n"));
	assert_true(metric_value(bench.process.resident) > 100 * 1024);
	assert_true(metric_value(bench.process.virtual_size) >= metric_value(bench.process.resident));
	struct metric *start = metrics_gauge_us(bench.metrics, "process_start_time_seconds", "", "");
	assert_true(metric_value(start) >= now_us && metric_value(start) < now_us + (int64_t)60 * 1000 * US_PER_MS);
	close_bench(&bench);
}

static void cpu_time_grows_with_work(void **state)
{
	struct bench bench;
	(void)state;
	open_bench(&bench);
	render(&bench);
	int64_t before = metric_value(bench.process.cpu);
	for (int i = 0; i < 1000; i++)
		render(&bench);
	assert_true(before > 0 && metric_value(bench.process.cpu) > before);
	close_bench(&bench);
}

static void an_opened_file_is_counted(void **state)
{
	struct bench bench;
	int ends[2];
	(void)state;
	open_bench(&bench);
	render(&bench);
	int64_t before = metric_value(bench.process.open_files);
	assert_int_equal(pipe(ends), 0);
	render(&bench);
	assert_int_equal(metric_value(bench.process.open_files), before + 2);
	(void)close(ends[0]);
	(void)close(ends[1]);
	render(&bench);
	assert_int_equal(metric_value(bench.process.open_files), before);
	close_bench(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(version_memory_and_start_are_shown),
	        cmocka_unit_test(cpu_time_grows_with_work),
	        cmocka_unit_test(an_opened_file_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
