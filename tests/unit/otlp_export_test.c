/* Tests of common/adapters/otlp_export against a collector of their own: batches, tries, what is dropped, and the end.
 */
#include "common/adapters/otlp_export.h"
#include "common/base/clock.h"
#include <microhttpd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, SPANS_OF_A_FLOOD = OTLP_QUEUE_SPANS + 3 * OTLP_BATCH_SPANS };

struct collector {
	struct MHD_Daemon *daemon;
	char endpoint[64];
	atomic_int status; /* 0: it takes the request and says nothing */
	atomic_int requests;
	atomic_int bytes;  /* of the last body */
	atomic_bool right; /* path, type and header were as they should in all of them */
	const char *_Atomic answer;
};

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **seen)
{
	struct collector *collector = cls;
	static int first;
	(void)version, (void)data;
	if (!*seen) {
		*seen = &first;
		atomic_store(&collector->bytes, 0);
		return MHD_YES;
	}
	atomic_fetch_add(&collector->bytes, (int)*size);
	if (*size > 0) {
		*size = 0;
		return MHD_YES;
	}
	const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type");
	const char *key = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "api-key");
	if (strcmp(url, "/v1/traces") != 0 || strcmp(method, "POST") != 0 || !type ||
	    strcmp(type, "application/json") != 0 || !key || strcmp(key, "a b") != 0)
		atomic_store(&collector->right, false);
	atomic_fetch_add(&collector->requests, 1);
	while (atomic_load(&collector->status) == 0)
		usleep(10000);
	const char *answer = atomic_load(&collector->answer);
	struct MHD_Response *response =
	        MHD_create_response_from_buffer(strlen(answer), (void *)(uintptr_t)answer, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result queued = MHD_queue_response(connection, (unsigned)atomic_load(&collector->status), response);
	MHD_destroy_response(response);
	return queued;
}

struct bench {
	struct collector collector;
	struct config *config;
	struct metrics *metrics;
	struct otlp_export *export;
};

static void start(struct bench *bench, int status)
{
	char endpoint[128], headers[] = "VERIFYD_OTLP_HEADERS=api-key=a%20b", sample[] = "VERIFYD_OTLP_SAMPLE=0.5";
	char *const settings[] = {endpoint, headers, sample, NULL};
	struct err err = {ERR_OK, ""};
	int ignored;
	memset(bench, 0, sizeof *bench);
	bench->collector.answer = "{}";
	atomic_store(&bench->collector.status, status);
	atomic_store(&bench->collector.right, true);
	bench->collector.daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request,
	                                           &bench->collector, MHD_OPTION_END);
	assert_non_null(bench->collector.daemon);
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(bench->collector.daemon, MHD_DAEMON_INFO_BIND_PORT);
	assert_non_null(info);
	snprintf(endpoint, sizeof endpoint, "VERIFYD_OTLP_ENDPOINT=http://127.0.0.1:%d/", info->port);
	assert_int_equal(config_read(CONFIG_WORKER, settings, NULL, &bench->config, &ignored), ERR_OK);
	assert_int_equal(metrics_new(&bench->metrics), ERR_OK);
	if (otlp_export_start(bench->config, "tester", bench->metrics, &bench->export, &err) != ERR_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(otlp_export_tracer(bench->export)->share_ppm, TRACE_SHARE_ALL / 2);
}

static void stop(struct bench *bench)
{
	atomic_store(&bench->collector.status, 200);
	otlp_export_stop(bench->export, PATIENCE_MS);
	MHD_stop_daemon(bench->collector.daemon);
	metrics_free(bench->metrics);
	config_free(bench->config);
}

static void tell(struct bench *bench, int count)
{
	struct span span = {.context = {"0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", true},
	                    .kind = SPAN_INTERNAL,
	                    .name = "test",
	                    .begin_us = 1};
	for (int i = 0; i < count; i++)
		tracer_tell(otlp_export_tracer(bench->export), &span);
}

static int64_t exported(struct bench *bench)
{
	return metric_value(metrics_counter(bench->metrics, "verifyd_spans_exported", "", ""));
}

static int64_t dropped(struct bench *bench, const char *why)
{
	char labels[32];
	snprintf(labels, sizeof labels, "why=\"%s\"", why);
	return metric_value(metrics_counter(bench->metrics, "verifyd_spans_dropped", labels, ""));
}

static void await_count(struct bench *bench, int64_t (*count)(struct bench *bench), int64_t wanted)
{
	for (int64_t end = clock_mono_ms() + PATIENCE_MS; count(bench) < wanted && clock_mono_ms() < end;)
		usleep(5000);
	assert_int_equal(count(bench), wanted);
}

static int64_t failed(struct bench *bench)
{
	return dropped(bench, "collector");
}

static int64_t requests(struct bench *bench)
{
	return atomic_load(&bench->collector.requests);
}

static void without_an_endpoint_nothing_is_traced(void **state)
{
	struct config *config = NULL;
	struct otlp_export *export = (struct otlp_export *)state;
	int ignored;
	assert_int_equal(config_read(CONFIG_WORKER, (char *const[]){NULL}, NULL, &config, &ignored), ERR_OK);
	assert_int_equal(otlp_export_start(config, "tester", NULL, &export, NULL), ERR_OK);
	assert_null(export);
	assert_null(otlp_export_tracer(export));
	otlp_export_stop(export, 0);
	assert_int_equal(otlp_export_check(config, stderr), 0);
	config_free(config);
}

static void spans_go_out_together_to_the_endpoint_with_its_headers(void **state)
{
	struct bench bench;
	(void)state;
	start(&bench, 200);
	tell(&bench, 10);
	await_count(&bench, exported, 10);
	assert_in_range(requests(&bench), 1, 2); /* two, when the thread looked between the first and the last */
	assert_true(atomic_load(&bench.collector.right));
	assert_in_range(atomic_load(&bench.collector.bytes), 300, 10000);
	bench.collector.answer = "{\"partialSuccess\":{\"rejectedSpans\":\"2\"}}";
	tell(&bench, 5);
	await_count(&bench, exported, 13);
	assert_int_equal(dropped(&bench, "refused"), 2);
	stop(&bench);
}

static void what_may_pass_is_tried_again_and_what_will_not_is_not(void **state)
{
	struct bench bench;
	(void)state;
	start(&bench, 400);
	tell(&bench, 1);
	await_count(&bench, failed, 1);
	assert_int_equal(requests(&bench), 1);
	atomic_store(&bench.collector.status, 503);
	tell(&bench, 1);
	await_count(&bench, failed, 2);
	assert_int_equal(requests(&bench), 1 + OTLP_TRIES);
	tell(&bench, 1);
	await_count(&bench, requests, 2 + OTLP_TRIES);
	atomic_store(&bench.collector.status, 200);
	await_count(&bench, exported, 1);
	assert_int_equal(failed(&bench), 2);
	stop(&bench);
}

static void a_collector_that_hangs_costs_spans_and_no_time(void **state)
{
	struct bench bench;
	(void)state;
	start(&bench, 0);
	tell(&bench, SPANS_OF_A_FLOOD); /* would never return if telling waited for the collector */
	int64_t kept = SPANS_OF_A_FLOOD - dropped(&bench, "queue");
	assert_in_range(kept, OTLP_QUEUE_SPANS, OTLP_QUEUE_SPANS + OTLP_BATCH_SPANS);
	assert_int_equal(exported(&bench), 0);
	atomic_store(&bench.collector.status, 200);
	await_count(&bench, exported, kept);
	stop(&bench);
}

static void the_end_sends_what_is_left_but_waits_no_longer_than_it_may(void **state)
{
	struct bench bench;
	(void)state;
	start(&bench, 200);
	tell(&bench, OTLP_BATCH_SPANS + 1);
	otlp_export_stop(bench.export, PATIENCE_MS);
	bench.export = NULL;
	assert_int_equal(exported(&bench), OTLP_BATCH_SPANS + 1);
	stop(&bench);

	start(&bench, 0);
	tell(&bench, OTLP_BATCH_SPANS + 1);
	await_count(&bench, requests, 1);
	int64_t begun = clock_mono_ms();
	otlp_export_stop(bench.export, 100);
	bench.export = NULL;
	assert_true(clock_mono_ms() - begun < OTLP_TIMEOUT_MS); /* it did not wait for the answer */
	assert_int_equal(failed(&bench), OTLP_BATCH_SPANS + 1);
	stop(&bench);
}

static void headers_that_cannot_be_used_are_one_line_without_their_text(void **state)
{
	char headers[] = "VERIFYD_OTLP_HEADERS=api-key:hush", *text = NULL;
	struct config *config = NULL;
	size_t len = 0;
	int ignored;
	(void)state;
	assert_int_equal(config_read(CONFIG_WORKER, (char *const[]){headers, NULL}, NULL, &config, &ignored), ERR_OK);
	FILE *complaints = open_memstream(&text, &len);
	assert_non_null(complaints);
	assert_int_equal(otlp_export_check(config, complaints), 1);
	assert_int_equal(fclose(complaints), 0);
	assert_non_null(strstr(text, "VERIFYD_OTLP_HEADERS: "));
	assert_null(strstr(text, "hush"));
	free(text);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(without_an_endpoint_nothing_is_traced),
	        cmocka_unit_test(spans_go_out_together_to_the_endpoint_with_its_headers),
	        cmocka_unit_test(what_may_pass_is_tried_again_and_what_will_not_is_not),
	        cmocka_unit_test(a_collector_that_hangs_costs_spans_and_no_time),
	        cmocka_unit_test(the_end_sends_what_is_left_but_waits_no_longer_than_it_may),
	        cmocka_unit_test(headers_that_cannot_be_used_are_one_line_without_their_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
