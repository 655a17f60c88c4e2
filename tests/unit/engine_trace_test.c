/* engine: what is told of a job: one span for each record that was taken, one for each call and each record that was
 * sent, each below the right one; in virtual time. */
#include "tests/unit/engine/bench.h"

enum { SPANS_MAX = 64, RETRY_AFTER_MS = 6000, DRAIN_MS = 50 };

struct told {
	struct bench bench;
	struct tracer tracer;
	struct span spans[SPANS_MAX];
	int count;
};

static void keep(void *ctx, const struct span *span)
{
	struct told *told = ctx;
	assert_true(told->count < SPANS_MAX);
	told->spans[told->count++] = *span;
}

static void open_traced(struct told *told, int64_t share_ppm)
{
	told->count = 0;
	told->tracer = (struct tracer){.share_ppm = share_ppm, .told = keep, .ctx = told};
	bench_open_empty(&told->bench);
	told->bench.pod = pod_start(told->bench.world, &(struct pod_options){.scores = true,
	                                                                     .initiates = true,
	                                                                     .retrievals = true,
	                                                                     .max_in_flight = BENCH_MAX_IN_FLIGHT,
	                                                                     .max_attempts = BENCH_MAX_ATTEMPTS,
	                                                                     .tracer = &told->tracer});
	world_run_for(told->bench.world, BENCH_JOIN_MS);
}

/* The nth span whose name begins so; NULL: there is none. */
static const struct span *span_of(const struct told *told, const char *name, int nth)
{
	for (int i = 0; i < told->count; i++)
		if (strncmp(told->spans[i].name, name, strlen(name)) == 0 && nth-- == 0)
			return &told->spans[i];
	return NULL;
}

static int spans_of(const struct told *told, const char *name)
{
	int count = 0;
	while (span_of(told, name, count))
		count++;
	return count;
}

static const char *attribute(const struct span *span, const char *name)
{
	for (size_t i = 0; i < span->attribute_count; i++)
		if (strcmp(span->attributes[i].name, name) == 0)
			return span->attributes[i].text;
	return "";
}

static void assert_below(const struct span *child, const struct span *parent)
{
	assert_non_null(child);
	assert_non_null(parent);
	assert_string_equal(child->parent_id, parent->context.span_id);
	assert_string_equal(child->context.trace_id, parent->context.trace_id);
}

/* The span that sent the nth record of the topic, by the record's traceparent. */
static const struct span *sender_of(const struct told *told, const char *topic, int nth)
{
	struct trace_context context;
	const struct log_record *record = kafka_of(told->bench.world, topic, told->bench.id, nth);
	assert_non_null(record);
	const char *text = kafka_header_of(record, HEADER_TRACEPARENT);
	assert_true(text && trace_read(text, strlen(text), &context));
	for (int i = 0; i < told->count; i++)
		if (strcmp(told->spans[i].context.span_id, context.span_id) == 0)
			return &told->spans[i];
	fail_msg("nobody told of who sent to %s", topic);
	return NULL;
}

static void a_job_is_told_once_and_its_calls_and_records_are_below_it(void **state)
{
	struct told told;
	(void)state;
	open_traced(&told, TRACE_SHARE_ALL);
	bench_call(&told.bench, (struct call_plan){.end = CALL_STATUS, .status = 503});
	bench_ask_score(&told.bench);
	world_run_for(told.bench.world, 5000);
	assert_int_equal(state_of(&told.bench).state, STATE_COMPLETED);
	const struct span *job = span_of(&told, "process requests.biocatch.score", 0);
	assert_non_null(job);
	assert_int_equal(spans_of(&told, "process"), 1);
	assert_string_equal(job->parent_id, "");
	assert_string_equal(attribute(job, "verifyd.outcome"), "completed");
	assert_string_equal(attribute(job, "verifyd.verification.id"), told.bench.id);
	assert_below(span_of(&told, "wait in requests.biocatch.score", 0), job);
	assert_int_equal(spans_of(&told, "POST biocatch/score") + spans_of(&told, "GET biocatch/score"), 2);
	for (int i = 0; i < told.count; i++)
		if (told.spans[i].kind == SPAN_CLIENT)
			assert_below(&told.spans[i], job);
	int failed = 0;
	for (int i = 0; i < told.count; i++)
		failed += told.spans[i].failed;
	assert_int_equal(failed, 1);
	int results = kafka_count(told.bench.world, "results", told.bench.id);
	assert_int_equal(spans_of(&told, "send results"), results);
	for (int i = 0; i < results; i++)
		assert_below(sender_of(&told, "results", i), job);
	world_free(told.bench.world);
}

static void a_hop_goes_on_in_the_same_trace_below_its_sending(void **state)
{
	struct told told;
	(void)state;
	open_traced(&told, TRACE_SHARE_ALL);
	bench_call(&told.bench,
	           (struct call_plan){.end = CALL_STATUS, .status = 429, .retry_after_ms = RETRY_AFTER_MS});
	bench_ask_score(&told.bench);
	world_run_for(told.bench.world, 30000);
	assert_int_equal(state_of(&told.bench).state, STATE_COMPLETED);
	const struct span *first = span_of(&told, "process", 0), *hop = sender_of(&told, "delay.5s", 0);
	assert_string_equal(attribute(first, "verifyd.outcome"), "delayed");
	assert_string_equal(hop->name, "send delay.5s");
	assert_below(hop, first);
	assert_below(span_of(&told, "process", 1), hop); /* delay topics forward a record's headers as they are */
	assert_int_equal(first->link.trace_id[0], 0);
	world_free(told.bench.world);
}

static void a_record_that_was_not_acked_is_a_failed_span_and_the_next_one_another(void **state)
{
	struct told told;
	(void)state;
	open_traced(&told, TRACE_SHARE_ALL);
	told.bench.plan_topic = "results";
	told.bench.sends[told.bench.send_count++] = (struct send_plan){.fails = true, .is_lost = true};
	bench_ask_score(&told.bench);
	world_run_for(told.bench.world, 10000);
	assert_int_equal(spans_of(&told, "send results"), 2);
	assert_true(span_of(&told, "send results", 0)->failed);
	assert_false(span_of(&told, "send results", 1)->failed);
	assert_int_equal(spans_of(&told, "process"), 1);
	world_free(told.bench.world);
}

static void a_call_that_a_drain_cuts_off_is_told_as_such_and_the_record_as_handed_back(void **state)
{
	struct told told;
	(void)state;
	open_traced(&told, TRACE_SHARE_ALL);
	bench_call(&told.bench, (struct call_plan){.end = CALL_SILENT});
	bench_ask_score(&told.bench);
	while (times(&told.bench, NOTE_CALL, "score") < 1)
		world_step(told.bench.world);
	pod_drain(told.bench.pod, DRAIN_MS);
	world_run_for(told.bench.world, 2000);
	const struct span *job = span_of(&told, "process", 0);
	assert_non_null(job);
	assert_string_equal(attribute(job, "verifyd.outcome"), "handed_back");
	for (int i = 0; i < told.count; i++) {
		if (told.spans[i].kind != SPAN_CLIENT)
			continue;
		assert_true(told.spans[i].failed);
		assert_string_equal(attribute(&told.spans[i], "error.type"), "cancelled");
		assert_below(&told.spans[i], job);
	}
	world_free(told.bench.world);
}

static void what_is_not_sampled_is_not_told_but_named_in_what_is_sent(void **state)
{
	struct told told;
	struct trace_context context;
	(void)state;
	open_traced(&told, 0);
	bench_ask_score(&told.bench);
	world_run_for(told.bench.world, 5000);
	assert_int_equal(state_of(&told.bench).state, STATE_COMPLETED);
	assert_int_equal(told.count, 0);
	const char *text = kafka_header_of(kafka_of(told.bench.world, "results", told.bench.id, 0), HEADER_TRACEPARENT);
	assert_true(text && trace_read(text, strlen(text), &context));
	assert_false(context.sampled); /* so that nobody behind it begins to sample on his own */
	world_free(told.bench.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_job_is_told_once_and_its_calls_and_records_are_below_it),
	        cmocka_unit_test(a_hop_goes_on_in_the_same_trace_below_its_sending),
	        cmocka_unit_test(a_record_that_was_not_acked_is_a_failed_span_and_the_next_one_another),
	        cmocka_unit_test(a_call_that_a_drain_cuts_off_is_told_as_such_and_the_record_as_handed_back),
	        cmocka_unit_test(what_is_not_sampled_is_not_told_but_named_in_what_is_sent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
