/* Tests of common/base/trace: which traceparents are taken, what is made of them, and what a tracer is told. */
#include "common/base/trace.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN  "b7ad6b7169203331"
#define GOOD  "00-" TRACE "-" SPAN "-01"
#define ZERO8 "00000000"

static void a_good_traceparent_is_taken(void **state)
{
	static const struct {
		const char *text;
		bool sampled;
	} rows[] = {
	        {GOOD, true},
	        {"00-" TRACE "-" SPAN "-00", false},
	        {"00-" TRACE "-" SPAN "-03", true}, /* level 2: random */
	        {"00-" TRACE "-" SPAN "-02", false},
	        {"00-" TRACE "-" SPAN "-ff", true}, /* unknown flags are left alone */
	        {"cc-" TRACE "-" SPAN "-01", true}, /* a later version */
	        {"cc-" TRACE "-" SPAN "-01-what-the-future-will-be-like", true},
	        {"fe-" TRACE "-" SPAN "-01-", true},
	        {"00-" ZERO8 ZERO8 ZERO8 "00000001-" SPAN "-01", true},
	        {"00-" TRACE "-0000000000000001-01", true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct trace_context context = {.sampled = false};
		if (!trace_read(rows[i].text, strlen(rows[i].text), &context))
			fail_msg("refused: %s", rows[i].text);
		assert_int_equal(context.sampled, rows[i].sampled);
		assert_int_equal(strlen(context.trace_id), 32);
		assert_memory_equal(context.trace_id, rows[i].text + 3, 32);
		assert_int_equal(strlen(context.span_id), 16);
		assert_memory_equal(context.span_id, rows[i].text + 36, 16);
	}
}

static void a_bad_traceparent_is_none(void **state)
{
	static const char *const rows[] = {
	        "",
	        "00",
	        "00-" TRACE "-" SPAN,
	        "00-" TRACE "-" SPAN "-",
	        "00-" TRACE "-" SPAN "-0",
	        "00-" TRACE "-" SPAN "-01-", /* version 00 ends here */
	        "00-" TRACE "-" SPAN "-01-more",
	        "00-" TRACE "-" SPAN "-011",
	        "cc-" TRACE "-" SPAN "-01.more", /* later ones go on behind a dash */
	        "cc-" TRACE "-" SPAN "-011",
	        "ff-" TRACE "-" SPAN "-01", /* no version */
	        "0-" TRACE "-" SPAN "-001",
	        "0g-" TRACE "-" SPAN "-01",
	        "00-" ZERO8 ZERO8 ZERO8 ZERO8 "-" SPAN "-01",
	        "00-" TRACE "-" ZERO8 ZERO8 "-01",
	        "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01", /* upper case */
	        "00-" TRACE "-B7AD6B7169203331-01",
	        "00-" TRACE "-" SPAN "-0A",
	        "00-" TRACE "-" SPAN "-.1",
	        "00-.af7651916cd43dd8448eb211c80319c-" SPAN "-01",
	        "00_" TRACE "-" SPAN "-01",
	        "00-" TRACE "_" SPAN "-01",
	        "00-" TRACE "-" SPAN "_01",
	        " " GOOD,
	        GOOD " ",
	        GOOD ", " GOOD, /* two headers */
	};
	struct trace_context context = {.trace_id = "untouched"};
	char longest[TRACE_PARENT_MAX + 2];
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (trace_read(rows[i], strlen(rows[i]), &context))
			fail_msg("taken: %s", rows[i]);
	for (size_t len = 0; len < sizeof GOOD - 1; len++)
		assert_false(trace_read(GOOD, len, &context));
	memset(longest, 'x', sizeof longest);
	memcpy(longest, "01", 2);
	memcpy(longest + 2, &GOOD[2], sizeof GOOD - 3);
	longest[sizeof GOOD - 1] = '-';
	assert_false(trace_read(longest, TRACE_PARENT_MAX + 1, &context));
	assert_string_equal(context.trace_id, "untouched");
	assert_true(trace_read(longest, TRACE_PARENT_MAX, &context));
	assert_false(trace_read("00-" TRACE "-" SPAN "-0\0", sizeof GOOD - 1, &context)); /* a NUL is no digit */
	assert_false(trace_read(NULL, 0, &context));
}

static void what_is_written_is_read_back_as_version_00(void **state)
{
	struct trace_context context, again;
	char text[TRACE_PARENT_BYTES];
	const struct trace_context none = {.sampled = true};
	(void)state;
	assert_true(trace_read("cc-" TRACE "-" SPAN "-ff-x", strlen(GOOD) + 2, &context));
	trace_write(&context, text);
	assert_string_equal(text, GOOD);
	assert_true(trace_read(text, strlen(text), &again));
	assert_string_equal(again.trace_id, context.trace_id);
	trace_write(&none, text);
	assert_string_equal(text, "");
}

static void a_new_trace_is_sampled_by_its_share_and_never_twice_the_same(void **state)
{
	struct trace_context context, other;
	char text[TRACE_PARENT_BYTES];
	int sampled = 0;
	(void)state;
	assert_true(trace_begin(TRACE_SHARE_ALL, &context));
	assert_true(context.sampled);
	trace_write(&context, text);
	assert_true(trace_read(text, strlen(text), &other));
	assert_true(trace_begin(0, &other));
	assert_false(other.sampled);
	assert_string_not_equal(other.trace_id, context.trace_id);
	assert_string_not_equal(other.span_id, context.span_id);
	for (int i = 0; i < 4000; i++) {
		assert_true(trace_begin(TRACE_SHARE_ALL / 4, &other));
		sampled += other.sampled;
	}
	assert_in_range(sampled, 700, 1300); /* 11 standard deviations to either side */
}

static void a_span_follows_in_its_trace_only_where_somebody_hears_of_it(void **state)
{
	struct trace_context context, child;
	(void)state;
	assert_true(trace_read(GOOD, strlen(GOOD), &context));
	assert_true(trace_follow(&context, &child));
	assert_string_equal(child.trace_id, TRACE);
	assert_string_not_equal(child.span_id, SPAN);
	assert_true(child.sampled);
	context.sampled = false;
	assert_true(trace_follow(&context, &child));
	assert_string_equal(child.span_id, SPAN); /* else the next one would have a parent that nobody knows */
	assert_false(child.sampled);
}

static void keep(void *ctx, const struct span *span)
{
	*(struct span *)ctx = *span;
}

static void a_sampled_span_is_told_and_ends_no_earlier_than_it_began(void **state)
{
	struct span told = {.begin_us = -1}, span = {.begin_us = INT64_MAX};
	const struct tracer tracer = {.told = keep, .ctx = &told};
	(void)state;
	tracer_tell(&tracer, &span);
	assert_int_equal(told.begin_us, -1); /* not sampled */
	span.context.sampled = true;
	tracer_tell(NULL, &span);
	tracer_tell(&tracer, &span);
	assert_true(told.end_us == INT64_MAX);
	span = (struct span){.context.sampled = true, .begin_us = 1, .end_us = 2};
	tracer_tell(&tracer, &span);
	assert_int_equal(told.end_us, 2);
}

static void a_step_is_below_where_it_began_and_ends_once(void **state)
{
	const struct tracer tracer = {.share_ppm = TRACE_SHARE_ALL};
	struct trace_context from = {.sampled = false};
	struct trace_step step;
	struct span span = {.begin_us = -1};
	char text[TRACE_PARENT_BYTES];
	(void)state;
	assert_true(trace_read(GOOD, strlen(GOOD), &from));
	trace_step_begin(&step, &tracer, &from, text);
	assert_memory_equal(text, "00-" TRACE "-", 3 + 32 + 1);
	assert_string_not_equal(text, GOOD);
	assert_true(trace_step_end(&step, SPAN_CLIENT, true, &span));
	assert_memory_equal(text + 3 + 32 + 1, span.context.span_id, 16);
	assert_string_equal(span.parent_id, SPAN);
	assert_true(span.kind == SPAN_CLIENT && span.failed && span.begin_us > 0 && span.end_us == 0);
	assert_int_equal(span.attribute_count, 0);
	span.begin_us = -1;
	assert_false(trace_step_end(&step, SPAN_CLIENT, true, &span));
	assert_int_equal(span.begin_us, -1);
}

static void a_step_of_which_nobody_hears_hands_its_parent_on(void **state)
{
	const struct tracer tracer = {.share_ppm = TRACE_SHARE_ALL};
	struct trace_context from = {.sampled = false};
	struct trace_step step;
	struct span span;
	char text[TRACE_PARENT_BYTES];
	(void)state;
	trace_step_begin(&step, &tracer, &from, text);
	assert_string_equal(text, "");
	assert_false(trace_step_end(&step, SPAN_CLIENT, false, &span));
	assert_true(trace_read(GOOD, strlen(GOOD), &from));
	trace_step_begin(&step, NULL, &from, text);
	assert_string_equal(text, GOOD);
	assert_false(trace_step_end(&step, SPAN_CLIENT, false, &span));
	from.sampled = false;
	trace_step_begin(&step, &tracer, &from, text);
	assert_string_equal(text, "00-" TRACE "-" SPAN "-00");
	assert_false(trace_step_end(&step, SPAN_CLIENT, false, &span));
}

static void attributes_have_a_bound_and_what_is_empty_is_left_out(void **state)
{
	struct span span = {.begin_us = 0};
	char text[3 * SPAN_TEXT_BYTES];
	(void)state;
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	span_text(&span, "a", NULL);
	span_text(&span, "a", "");
	assert_int_equal(span.attribute_count, 0);
	span_text(&span, "a", text);
	assert_int_equal(strlen(span.attributes[0].text), SPAN_TEXT_BYTES - 1);
	for (int i = 0; i < 2 * SPAN_MAX_ATTRIBUTES; i++)
		span_number(&span, "n", i);
	assert_int_equal(span.attribute_count, SPAN_MAX_ATTRIBUTES);
	assert_false(span.attributes[SPAN_MAX_ATTRIBUTES - 1].is_text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_good_traceparent_is_taken),
	        cmocka_unit_test(a_bad_traceparent_is_none),
	        cmocka_unit_test(what_is_written_is_read_back_as_version_00),
	        cmocka_unit_test(a_new_trace_is_sampled_by_its_share_and_never_twice_the_same),
	        cmocka_unit_test(a_span_follows_in_its_trace_only_where_somebody_hears_of_it),
	        cmocka_unit_test(a_sampled_span_is_told_and_ends_no_earlier_than_it_began),
	        cmocka_unit_test(a_step_is_below_where_it_began_and_ends_once),
	        cmocka_unit_test(a_step_of_which_nobody_hears_hands_its_parent_on),
	        cmocka_unit_test(attributes_have_a_bound_and_what_is_empty_is_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
