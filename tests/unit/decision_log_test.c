/* Tests of common/base/decision_log: how many lines of a kind pass in a second, and that what did not is told. */
#include "common/base/decision_log.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int pass(struct decision_log *log, enum decision decision, int count, int64_t now_ms, int64_t *ret_suppressed)
{
	int passed = 0;
	for (int i = 0; i < count; i++) {
		struct log_field field;
		if (!decision_log_pass(log, decision, now_ms, &field))
			continue;
		passed++;
		if (field.type == LOG_TYPE_INT)
			*ret_suppressed += field.num;
	}
	return passed;
}

static void a_flood_is_cut_to_a_few_lines_and_the_next_one_says_how_many_were_left_out(void **state)
{
	struct decision_log log = {0};
	int64_t suppressed = 0;
	(void)state;
	log_init("tester", LOG_INFO);
	assert_int_equal(pass(&log, DECISION_COMPLETED, 1000, 5000, &suppressed), DECISION_LINES);
	assert_int_equal(suppressed, 0);
	assert_int_equal(pass(&log, DECISION_COMPLETED, 10, 5999, &suppressed), 0);
	assert_int_equal(pass(&log, DECISION_DEAD, 3, 5999, &suppressed), 3); /* kinds do not take each other's room */
	assert_int_equal(pass(&log, DECISION_COMPLETED, 2, 6000, &suppressed), 2);
	assert_int_equal(suppressed, 1000 + 10 - DECISION_LINES);
	assert_int_equal(pass(&log, DECISION_COMPLETED, 1, 7000, &suppressed), 1);
	assert_int_equal(suppressed, 1000 + 10 - DECISION_LINES);
}

static void a_level_that_is_not_logged_counts_nothing_and_debug_has_no_limit(void **state)
{
	struct decision_log log = {0};
	int64_t suppressed = 0;
	(void)state;
	log_init("tester", LOG_WARN);
	assert_int_equal(pass(&log, DECISION_COMPLETED, 1000, 5000, &suppressed), 0);
	assert_int_equal(pass(&log, DECISION_DEAD, 1000, 5000, &suppressed), DECISION_LINES);
	assert_int_equal(pass(NULL, DECISION_DEAD, 1000, 5000, &suppressed), 0);
	log_init("tester", LOG_DEBUG);
	assert_int_equal(pass(&log, DECISION_NO_USE, 1000, 5000, &suppressed), 1000);
	log_init("tester", LOG_INFO);
	assert_int_equal(pass(&log, DECISION_COMPLETED, 1, 5000, &suppressed), 1);
	assert_int_equal(suppressed, 0);
}

static void every_decision_has_an_event_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < DECISION_COUNT; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(decision_name((enum decision)i), decision_name((enum decision)j));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_flood_is_cut_to_a_few_lines_and_the_next_one_says_how_many_were_left_out),
	        cmocka_unit_test(a_level_that_is_not_logged_counts_nothing_and_debug_has_no_limit),
	        cmocka_unit_test(every_decision_has_an_event_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
