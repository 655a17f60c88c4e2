/* The exposition to the letter, families kept together, updates from many threads, and what happens past the limit. */
#include "common/base/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_MAX = 1024 * 1024, THREADS = 4, ROUNDS = 20000 };

static struct metrics *metrics_made(void)
{
	struct metrics *metrics = NULL;

	assert_int_equal(metrics_new(&metrics), ERR_OK);
	return metrics;
}

static void assert_renders(struct metrics *metrics, const char *expected)
{
	struct buf out;

	buf_init(&out, TEXT_MAX);
	assert_int_equal(metrics_render(metrics, &out), ERR_OK);
	assert_string_equal(out.data, expected);
	buf_fini(&out);
}

static void assert_renders_begin(struct metrics *metrics, const char *expected)
{
	struct buf out;

	buf_init(&out, TEXT_MAX);
	assert_int_equal(metrics_render(metrics, &out), ERR_OK);
	assert_true(strncmp(out.data, expected, strlen(expected)) == 0);
	buf_fini(&out);
}

static void no_series_is_only_the_end_mark(void **state)
{
	struct metrics *metrics = metrics_made();

	(void)state;
	assert_renders(metrics, "# EOF\n");
	metrics_free(metrics);
	metrics_free(NULL);
}

static void families_stay_together_and_in_order_of_their_first_series(void **state)
{
	struct metrics *metrics = metrics_made();

	(void)state;
	metric_add(metrics_counter(metrics, "verifyd_http_requests", "route=\"GetScore\",status=\"200\"", "Answers."),
	           3);
	metric_set(metrics_gauge(metrics, "verifyd_in_flight", "", "Calls in flight."), -2);
	metric_add(metrics_counter(metrics, "verifyd_http_requests", "route=\"GetScore\",status=\"409\"", "other"), 1);
	metric_add(metrics_counter(metrics, "verifyd_sends", "", "Vendor calls."), 0);
	assert_renders(metrics, "# TYPE verifyd_http_requests counter\n"
	                        "# HELP verifyd_http_requests Answers.\n"
	                        "verifyd_http_requests_total{route=\"GetScore\",status=\"200\"} 3\n"
	                        "verifyd_http_requests_total{route=\"GetScore\",status=\"409\"} 1\n"
	                        "# TYPE verifyd_in_flight gauge\n"
	                        "# HELP verifyd_in_flight Calls in flight.\n"
	                        "verifyd_in_flight -2\n"
	                        "# TYPE verifyd_sends counter\n"
	                        "# HELP verifyd_sends Vendor calls.\n"
	                        "verifyd_sends_total 0\n"
	                        "# EOF\n");
	metrics_free(metrics);
}

static void a_histogram_is_cumulative_and_in_seconds(void **state)
{
	static const int64_t observed_us[] = {-5, 0, 1000, 1001, 2500, 9999, 25000000, 25000001, 60000000};
	struct metrics *metrics = metrics_made();
	struct metric *plain = metrics_histogram(metrics, "verifyd_wait_seconds", "", "Waits.");

	(void)state;
	for (size_t i = 0; i < sizeof(observed_us) / sizeof(observed_us[0]); i++)
		metric_observe_us(plain, observed_us[i]);
	assert_int_equal(metric_value(plain), 9);
	assert_renders(metrics, "# TYPE verifyd_wait_seconds histogram\n"
	                        "# HELP verifyd_wait_seconds Waits.\n"
	                        "verifyd_wait_seconds_bucket{le=\"0.001\"} 3\n"
	                        "verifyd_wait_seconds_bucket{le=\"0.0025\"} 5\n"
	                        "verifyd_wait_seconds_bucket{le=\"0.005\"} 5\n"
	                        "verifyd_wait_seconds_bucket{le=\"0.01\"} 6\n"
	                        "verifyd_wait_seconds_bucket{le=\"0.02\"} 6\n"
	                        "verifyd_wait_seconds_bucket{le=\"0.025\"} 6\n"
	                        "verifyd_wait_seconds_bucket{le=\"0.05\"} 6\n"
	                        "verifyd_wait_seconds_bucket{le=\"0.1\"} 6\n"
	                        "verifyd_wait_seconds_bucket{le=\"0.25\"} 6\n"
	                        "verifyd_wait_seconds_bucket{le=\"0.5\"} 6\n"
	                        "verifyd_wait_seconds_bucket{le=\"1.0\"} 6\n"
	                        "verifyd_wait_seconds_bucket{le=\"2.5\"} 6\n"
	                        "verifyd_wait_seconds_bucket{le=\"5.0\"} 6\n"
	                        "verifyd_wait_seconds_bucket{le=\"10.0\"} 6\n"
	                        "verifyd_wait_seconds_bucket{le=\"25.0\"} 7\n"
	                        "verifyd_wait_seconds_bucket{le=\"+Inf\"} 9\n"
	                        "verifyd_wait_seconds_sum 110.014501\n"
	                        "verifyd_wait_seconds_count 9\n"
	                        "# EOF\n");
	metrics_free(metrics);
}

static void a_histogram_keeps_its_labels_on_every_line(void **state)
{
	struct metrics *metrics = metrics_made();
	struct buf out;

	(void)state;
	buf_init(&out, TEXT_MAX);
	metric_observe_us(metrics_histogram(metrics, "h", "vendor=\"x\"", "H."), 5);
	assert_int_equal(metrics_render(metrics, &out), ERR_OK);
	assert_non_null(strstr(out.data, "\nh_bucket{vendor=\"x\",le=\"0.001\"} 1\n"));
	assert_non_null(strstr(out.data, "\nh_bucket{vendor=\"x\",le=\"+Inf\"} 1\n"));
	assert_non_null(strstr(out.data, "\nh_sum{vendor=\"x\"} 0.000005\nh_count{vendor=\"x\"} 1\n"));
	buf_fini(&out);
	metrics_free(metrics);
}

static void a_help_text_cannot_break_its_line(void **state)
{
	struct metrics *metrics = metrics_made();

	(void)state;
	metrics_gauge(metrics, "g", "", "a\nb \"c\" \\d");
	assert_renders(metrics, "# TYPE g gauge\n# HELP g a\\nb \\\"c\\\" \\\\d\ng 0\n# EOF\n");
	metrics_free(metrics);
}

static void spans_of_time_are_shown_in_seconds(void **state)
{
	struct metrics *metrics = metrics_made();

	(void)state;
	metric_add(metrics_counter_us(metrics, "cpu_seconds", "", "C."), 1250000);
	metric_set(metrics_gauge_us(metrics, "drain_seconds", "", "D."), 7);
	metric_set(metrics_gauge_us(metrics, "behind_seconds", "", "B."), -500000);
	assert_renders(metrics, "# TYPE cpu_seconds counter\n# HELP cpu_seconds C.\ncpu_seconds_total 1.250000\n"
	                        "# TYPE drain_seconds gauge\n# HELP drain_seconds D.\ndrain_seconds 0.000007\n"
	                        "# TYPE behind_seconds gauge\n# HELP behind_seconds B.\nbehind_seconds -0.500000\n"
	                        "# EOF\n");
	metrics_free(metrics);
}

/* https://prometheus.io/docs/instrumenting/exposition_formats/: there a family's name is that of its samples, a help
 * text keeps its quotes, there is no type "info" and no mark at the end. */
static void the_older_text_names_families_as_their_samples(void **state)
{
	struct metrics *metrics = metrics_made();
	struct buf out;

	(void)state;
	buf_init(&out, TEXT_MAX);
	metric_add(metrics_counter(metrics, "c", "a=\"1\"", "so \"called\" \\"), 2);
	metrics_info(metrics, "build", "version=\"1\"", "B.");
	metric_observe_us(metrics_histogram(metrics, "h", "", "H."), 25000000);
	assert_int_equal(metrics_render_text(metrics, &out), ERR_OK);
	assert_true(strncmp(out.data,
	                    "# TYPE c_total counter\n# HELP c_total so \"called\" \\\\\nc_total{a=\"1\"} 2\n"
	                    "# TYPE build_info gauge\n# HELP build_info B.\nbuild_info{version=\"1\"} 1\n"
	                    "# TYPE h histogram\n# HELP h H.\nh_bucket{le=\"0.001\"} 0\n",
	                    strlen("# TYPE c_total counter\n# HELP c_total so \"called\" \\\\\nc_total{a=\"1\"} 2\n"
	                           "# TYPE build_info gauge\n# HELP build_info B.\nbuild_info{version=\"1\"} 1\n"
	                           "# TYPE h histogram\n# HELP h H.\nh_bucket{le=\"0.001\"} 0\n")) == 0);
	assert_non_null(strstr(out.data, "\nh_bucket{le=\"25.0\"} 1\n"));
	assert_null(strstr(out.data, "# EOF"));
	buf_fini(&out);
	assert_renders_begin(metrics, "# TYPE c counter\n# HELP c so \\\"called\\\" \\\\\nc_total{a=\"1\"} 2\n"
	                              "# TYPE build info\n# HELP build B.\nbuild_info{version=\"1\"} 1\n");
	metrics_free(metrics);
}

static void look(void *ctx)
{
	metric_add(ctx, 1);
}

static void what_is_looked_up_is_fresh_in_each_rendering(void **state)
{
	struct metrics *metrics = metrics_made();

	(void)state;
	metrics_refresh_with(metrics, look, metrics_gauge(metrics, "looks", "", "L."));
	assert_renders(metrics, "# TYPE looks gauge\n# HELP looks L.\nlooks 1\n# EOF\n");
	assert_renders(metrics, "# TYPE looks gauge\n# HELP looks L.\nlooks 2\n# EOF\n");
	metrics_free(metrics);
}

static void openmetrics_is_for_who_asks_for_it(void **state)
{
	static const struct {
		const char *accept;
		bool prefers;
	} cases[] = {
	        {NULL, false},
	        {"", false},
	        {"*/*", false},
	        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false},
	        {"application/openmetrics-text", true},
	        {"Application/OpenMetrics-Text; version=1.0.0", true},
	        /* Prometheus 2.42 */
	        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
	         "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	         true},
	        {"text/plain;version=0.0.4;q=1,*/*;q=0.1", false},
	        {"application/openmetrics-text;q=0", false},
	        {"application/openmetrics-text;q=0.3, text/plain;q=0.5", false},
	        {"text/plain;q=0.5 , application/openmetrics-text ; q=0.5", true},
	        {"*/*, text/plain;q=0.1, application/openmetrics-text;q=0.2", true},
	        {"text/*;q=0.9, */*;q=0.1, application/openmetrics-text;q=0.5", false},
	        {"application/openmetrics-text;q=x", false},
	        {"application/openmetrics-text;q=2", false},
	        {"application/openmetrics-textual", false},
	        {",;,;q=1, ,application/openmetrics-text", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (metrics_accept_prefers_openmetrics(cases[i].accept) != cases[i].prefers)
			fail_msg("%s", cases[i].accept ? cases[i].accept : "(none)");
}

static void the_same_name_and_labels_are_the_same_series(void **state)
{
	struct metrics *metrics = metrics_made();
	struct metric *first = metrics_counter(metrics, "c", "a=\"1\"", "C.");

	(void)state;
	assert_ptr_equal(metrics_counter(metrics, "c", "a=\"1\"", "C."), first);
	assert_ptr_not_equal(metrics_counter(metrics, "c", "a=\"2\"", "C."), first);
	metric_add(first, 2);
	metric_add(first, 3);
	assert_int_equal(metric_value(first), 5);
	metrics_free(metrics);
}

static void a_name_used_for_two_types_is_shown_as_the_first(void **state)
{
	struct metrics *metrics = metrics_made();

	(void)state;
	metric_add(metrics_counter(metrics, "c", "", "C."), 1);
	metric_set(metrics_gauge(metrics, "c", "", "C."), 9);
	metric_observe_us(metrics_histogram(metrics, "c", "a=\"1\"", "C."), 9);
	assert_renders(metrics, "# TYPE c counter\n# HELP c C.\nc_total 1\n# EOF\n");
	metrics_free(metrics);
}

static size_t count_lines(const char *text, const char *prefix)
{
	size_t count = 0;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		count += strncmp(line, prefix, strlen(prefix)) == 0;
	}
	return count;
}

static void past_the_limit_series_work_but_are_not_shown(void **state)
{
	struct metrics *metrics = metrics_made();
	struct metric *spare;
	char labels[32];
	struct buf out;

	(void)state;
	for (int i = 0; i < METRICS_MAX_SERIES; i++) {
		snprintf(labels, sizeof(labels), "i=\"%d\"", i);
		metric_add(metrics_counter(metrics, "c", labels, "C."), 1);
	}
	spare = metrics_counter(metrics, "c", "i=\"more\"", "C.");
	assert_non_null(spare);
	assert_ptr_equal(metrics_gauge(metrics, "another", "", "A."), spare);
	metric_add(spare, 1);
	metric_observe_us(spare, 1);
	buf_init(&out, TEXT_MAX);
	assert_int_equal(metrics_render(metrics, &out), ERR_OK);
	assert_int_equal(count_lines(out.data, "c_total{"), METRICS_MAX_SERIES);
	assert_null(strstr(out.data, "more"));
	assert_null(strstr(out.data, "another"));
	buf_fini(&out);
	metrics_free(metrics);
}

static void a_full_buffer_is_an_error_not_a_torn_exposition(void **state)
{
	struct metrics *metrics = metrics_made();
	struct buf out;

	(void)state;
	metrics_histogram(metrics, "h", "", "H.");
	for (size_t max = 0; max < 300; max += 7) {
		buf_init(&out, max);
		assert_int_equal(metrics_render(metrics, &out), ERR_LIMIT);
		buf_fini(&out);
	}
	metrics_free(metrics);
}

static void *update(void *arg)
{
	struct metrics *metrics = arg;
	struct metric *counter = metrics_counter(metrics, "c", "", "C.");
	struct metric *histogram = metrics_histogram(metrics, "h", "", "H.");

	for (int i = 0; i < ROUNDS; i++) {
		metric_add(counter, 1);
		metric_observe_us(histogram, i);
	}
	return NULL;
}

static void a_sum_is_over_the_series_whose_labels_contain_a_part(void **state)
{
	struct metrics *metrics = metrics_made();

	(void)state;
	metric_add(metrics_counter(metrics, "c", "a=\"1\",b=\"x\"", ""), 1);
	metric_add(metrics_counter(metrics, "c", "a=\"2\",b=\"x\"", ""), 20);
	metric_add(metrics_counter(metrics, "c", "a=\"1\",b=\"y\"", ""), 300);
	metric_add(metrics_counter(metrics, "cc", "b=\"x\"", ""), 4000);
	assert_int_equal(metrics_sum(metrics, "c", ""), 321);
	assert_int_equal(metrics_sum(metrics, "c", "b=\"x\""), 21);
	assert_int_equal(metrics_sum(metrics, "c", "b=\"z\""), 0);
	assert_int_equal(metrics_sum(metrics, "d", ""), 0);
	metrics_free(metrics);
}

static void no_update_is_lost_between_threads_while_one_renders(void **state)
{
	struct metrics *metrics = metrics_made();
	pthread_t threads[THREADS];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, update, metrics), 0);
	for (int i = 0; i < 20; i++) {
		buf_init(&out, TEXT_MAX);
		assert_int_equal(metrics_render(metrics, &out), ERR_OK);
		buf_fini(&out);
	}
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(metric_value(metrics_counter(metrics, "c", "", "C.")), THREADS * ROUNDS);
	assert_int_equal(metric_value(metrics_histogram(metrics, "h", "", "H.")), THREADS * ROUNDS);
	metrics_free(metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(no_series_is_only_the_end_mark),
	        cmocka_unit_test(families_stay_together_and_in_order_of_their_first_series),
	        cmocka_unit_test(a_histogram_is_cumulative_and_in_seconds),
	        cmocka_unit_test(a_histogram_keeps_its_labels_on_every_line),
	        cmocka_unit_test(a_help_text_cannot_break_its_line),
	        cmocka_unit_test(spans_of_time_are_shown_in_seconds),
	        cmocka_unit_test(the_older_text_names_families_as_their_samples),
	        cmocka_unit_test(what_is_looked_up_is_fresh_in_each_rendering),
	        cmocka_unit_test(openmetrics_is_for_who_asks_for_it),
	        cmocka_unit_test(the_same_name_and_labels_are_the_same_series),
	        cmocka_unit_test(a_name_used_for_two_types_is_shown_as_the_first),
	        cmocka_unit_test(past_the_limit_series_work_but_are_not_shown),
	        cmocka_unit_test(a_full_buffer_is_an_error_not_a_torn_exposition),
	        cmocka_unit_test(a_sum_is_over_the_series_whose_labels_contain_a_part),
	        cmocka_unit_test(no_update_is_lost_between_threads_while_one_renders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
