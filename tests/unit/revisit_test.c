/* revisit: what a browser brings along is believed only as far as it can be, and it comes again the sooner the more is
 * to be expected. */
#include "ingress/revisit.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_query_is_read_and_what_is_wrong_in_it_is_not_said(void **state)
{
	struct revisit revisit = revisit_none();
	(void)state;
	assert_true(!revisit.again && revisit.shows == PAGE_COUNT && revisit.language == LANGUAGE_COUNT);
	assert_true(revisit.shown.ahead == -1 && revisit.shown.minutes == -1);
	assert_true(revisit_take(&revisit, "w", "1") && revisit_take(&revisit, "n", "120"));
	assert_true(revisit_take(&revisit, "t", "3") && revisit_take(&revisit, "shows", "checking"));
	assert_true(revisit_take(&revisit, "lang", "de") && revisit_take(&revisit, "other", "x"));
	assert_true(revisit.again && revisit.shows == PAGE_CHECKING && revisit.language == LANGUAGE_DE);
	assert_true(revisit.shown.ahead == 120 && revisit.shown.minutes == 3);
	assert_true(revisit_take(&revisit, "w", "2") && revisit_take(&revisit, "n", "-1"));
	assert_true(revisit_take(&revisit, "t", "99999999999999999999") && revisit_take(&revisit, "shows", "DONE"));
	assert_true(revisit_take(&revisit, "lang", "fr"));
	assert_true(!revisit.again && revisit.shows == PAGE_COUNT && revisit.language == LANGUAGE_COUNT);
	assert_true(revisit.shown.ahead == -1 && revisit.shown.minutes == -1);
}

static void who_waits_for_its_turn_comes_again_when_that_is_of_use(void **state)
{
	static const struct {
		struct queue_place place;
		bool held;
		int64_t after_ms;
	} rows[] = {
	        {{.known = false, .wait_ms = -1}, true, 0},
	        {{.known = false, .wait_ms = -1}, false, REVISIT_SHUT_MS},
	        {{.known = true, .wait_ms = REVISIT_HOLD_MS}, true, 0},
	        {{.known = true, .wait_ms = REVISIT_HOLD_MS}, false, REVISIT_SHUT_MS},
	        {{.known = true, .wait_ms = REVISIT_HOLD_MS + 1}, false, REVISIT_LEAST_MS},
	        {{.known = true, .wait_ms = 100000}, true, 10000},
	        {{.known = true, .wait_ms = 10000000}, false, REVISIT_MOST_MS},
	        {{.known = true, .stopped = true, .wait_ms = -1}, true, REVISIT_STOPPED_MS},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(revisit_after_ms(&rows[i].place, rows[i].held), rows[i].after_ms);
}

static void who_waits_for_a_verdict_comes_again_ever_later(void **state)
{
	(void)state;
	assert_int_equal(revisit_checking_ms(0, true), 0);
	assert_int_equal(revisit_checking_ms(-5000, true), 0); /* clocks differ */
	assert_int_equal(revisit_checking_ms(0, false), REVISIT_SHUT_MS);
	assert_int_equal(revisit_checking_ms(200000, true), 10000);
	assert_int_equal(revisit_checking_ms(200000, false), 10000);
	assert_int_equal(revisit_checking_ms(INT64_MAX, true), REVISIT_CHECKING_MOST_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_query_is_read_and_what_is_wrong_in_it_is_not_said),
	        cmocka_unit_test(who_waits_for_its_turn_comes_again_when_that_is_of_use),
	        cmocka_unit_test(who_waits_for_a_verdict_comes_again_ever_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
