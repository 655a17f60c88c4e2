/* Tests of common/base/trace_send: what travels in a record, and the span that is told of its sending. */
#include "common/base/trace_send.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define GOOD "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

struct told {
	struct span span;
	int count;
};

static void keep(void *ctx, const struct span *span)
{
	struct told *told = ctx;
	told->span = *span;
	told->count++;
}

static struct trace_context from(const char *text)
{
	struct trace_context context = {.sampled = false};
	assert_true(trace_read(text, strlen(text), &context));
	return context;
}

static void the_record_names_the_span_of_its_sending(void **state)
{
	struct told told = {.count = 0};
	const struct tracer tracer = {.topic_prefix = "p.", .told = keep, .ctx = &told};
	const struct trace_context parent = from(GOOD);
	struct trace_send send;
	char text[TRACE_PARENT_BYTES];
	(void)state;
	trace_send_begin(&send, &tracer, &parent, "results", text);
	const struct trace_context travels = from(text);
	trace_send_end(&send, &tracer, "vAAECAwQFBgcICQoLDA0ODw", true);
	trace_send_end(&send, &tracer, "vAAECAwQFBgcICQoLDA0ODw", false); /* it has ended already */
	assert_int_equal(told.count, 1);
	assert_string_equal(told.span.context.span_id, travels.span_id);
	assert_string_equal(told.span.parent_id, parent.span_id);
	assert_string_equal(told.span.name, "send p.results");
	assert_int_equal(told.span.kind, SPAN_PRODUCER);
	assert_false(told.span.failed);
	trace_send_begin(&send, &tracer, &parent, "results", text);
	trace_send_end(&send, &tracer, "", false);
	assert_true(told.count == 2 && told.span.failed);
}

static void where_nobody_hears_of_it_the_parent_travels_on(void **state)
{
	struct told told = {.count = 0};
	const struct tracer tracer = {.told = keep, .ctx = &told};
	const struct trace_context parent = from(GOOD), silent = {.sampled = false};
	struct trace_context unsampled = parent;
	struct trace_send send;
	char text[TRACE_PARENT_BYTES];
	(void)state;
	unsampled.sampled = false;
	trace_send_begin(&send, NULL, &parent, "results", text);
	assert_string_equal(text, GOOD);
	trace_send_end(&send, NULL, "", true);
	trace_send_begin(&send, &tracer, &unsampled, "results", text);
	assert_memory_equal(text, GOOD, sizeof GOOD - 3);
	assert_string_equal(text + sizeof GOOD - 3, "00");
	trace_send_end(&send, &tracer, "", true);
	trace_send_begin(&send, &tracer, &silent, "results", text);
	assert_string_equal(text, "");
	assert_int_equal(told.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_record_names_the_span_of_its_sending),
	        cmocka_unit_test(where_nobody_hears_of_it_the_parent_travels_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
