/* breaker: what opens it, what closes it, and how often it lets somebody try. */
#include "workers/breaker.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { PROBE_MS = 5000, FAILURES = 10 };

static struct breaker fresh(void)
{
	struct breaker breaker;
	breaker_init(&breaker, FAILURES, PROBE_MS);
	return breaker;
}

static void every_failure_says_something_about_the_vendor(void **state)
{
	(void)state;
	static const enum failure failing[] = {FAILURE_TIMEOUT,      FAILURE_CONNECT, FAILURE_RESET,    FAILURE_TLS,
	                                       FAILURE_SERVER_ERROR, FAILURE_GARBAGE, FAILURE_TOO_LARGE};
	for (size_t i = 0; i < sizeof failing / sizeof *failing; i++)
		assert_int_equal(breaker_sign(failing[i]), BREAKER_FAILS);
	assert_int_equal(breaker_sign(FAILURE_CREDENTIALS), BREAKER_BARRED);
	assert_int_equal(breaker_sign(FAILURE_REFUSED), BREAKER_WORKS);
	assert_int_equal(breaker_sign(FAILURE_THROTTLED), BREAKER_NOTHING);
}

static void ten_failures_that_are_half_of_all_within_ten_seconds_open_it(void **state)
{
	struct breaker breaker = fresh();
	(void)state;
	assert_false(breaker_count(&breaker, 9, 5, false, "timeout", 1000));
	assert_false(breaker_count(&breaker, 1, 4, false, "timeout", 5000));
	assert_true(breaker_count(&breaker, 0, 1, false, "timeout", 10900));
	assert_true(breaker.is_open);
	assert_string_equal(breaker.reason, "timeout");
	assert_int_equal(breaker.since_ms, 10900);
}

static void fewer_than_half_do_not_open_it_nor_do_those_that_are_long_past(void **state)
{
	struct breaker breaker = fresh();
	(void)state;
	for (int second = 0; second < 100; second++)
		assert_false(breaker_count(&breaker, 3, 2, false, "timeout", second * 1000));
	breaker = fresh();
	for (int second = 0; second < 1000; second += 5)
		assert_false(breaker_count(&breaker, 1, 4, false, "timeout", second * 1000));
}

static void as_many_failures_in_a_row_open_it_however_long_they_took(void **state)
{
	struct breaker breaker = fresh();
	(void)state;
	for (int i = 0; i < FAILURES - 1; i++)
		assert_false(breaker_count(&breaker, 0, 1, false, "reset", i * 60000));
	assert_true(breaker_count(&breaker, 0, 1, false, "reset", 60 * 60000));
}

static void who_is_barred_opens_it_at_once(void **state)
{
	struct breaker breaker = fresh();
	(void)state;
	assert_true(breaker_count(&breaker, 1000, 1, true, "credentials", 0));
}

static void one_probe_is_allowed_per_interval_and_only_its_success_closes_it(void **state)
{
	struct breaker breaker = fresh();
	(void)state;
	assert_false(breaker_take_probe(&breaker, 0));
	breaker_open(&breaker, "connect", 0);
	assert_false(breaker_take_probe(&breaker, PROBE_MS - 1));
	assert_true(breaker_take_probe(&breaker, PROBE_MS));
	assert_false(breaker_take_probe(&breaker, PROBE_MS + PROBE_MS - 1));
	assert_false(breaker_count(&breaker, 100, 0, false, "", PROBE_MS));
	breaker_probed(&breaker, false);
	assert_true(breaker.is_open);
	assert_true(breaker_take_probe(&breaker, 2 * PROBE_MS));
	breaker_probed(&breaker, true);
	assert_false(breaker.is_open);
	assert_false(breaker_count(&breaker, 0, FAILURES - 1, false, "connect", 2 * PROBE_MS)); /* it forgot */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_failure_says_something_about_the_vendor),
	        cmocka_unit_test(ten_failures_that_are_half_of_all_within_ten_seconds_open_it),
	        cmocka_unit_test(fewer_than_half_do_not_open_it_nor_do_those_that_are_long_past),
	        cmocka_unit_test(as_many_failures_in_a_row_open_it_however_long_they_took),
	        cmocka_unit_test(who_is_barred_opens_it_at_once),
	        cmocka_unit_test(one_probe_is_allowed_per_interval_and_only_its_success_closes_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
