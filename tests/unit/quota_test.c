/* quota: a sliding log that never forgets early. */
#include "workers/quota.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SPAN_MS = 5250, TURNS = 20000 };

static void the_guard_is_a_twentieth_of_the_period_and_a_quarter_of_a_second_at_most(void **state)
{
	(void)state;
	assert_int_equal(quota_guard_ms(1000), 50);
	assert_int_equal(quota_guard_ms(5000), 250);
	assert_int_equal(quota_guard_ms(60000), 250);
	assert_int_equal(quota_guard_ms(0), 0);
}

static void what_was_used_counts_for_the_span_and_not_a_step_longer(void **state)
{
	struct quota quota;
	(void)state;
	quota_init(&quota, SPAN_MS);
	quota_add(&quota, 1000, 3);
	quota_add(&quota, 1000, 0);
	assert_int_equal(quota_used(&quota, 1000 + SPAN_MS), 3);
	assert_int_equal(quota_used(&quota, 1000 + SPAN_MS + quota.step_ms), 0);
	assert_int_equal(quota_next_ms(&quota, 9000), 0);
}

static void it_says_when_something_comes_free(void **state)
{
	struct quota quota;
	(void)state;
	quota_init(&quota, SPAN_MS);
	quota_add(&quota, 100, 1);
	quota_add(&quota, 3000, 1);
	int64_t next_ms = quota_next_ms(&quota, 3000);
	assert_int_equal(quota_used(&quota, 3000 + next_ms - 1), 2);
	assert_int_equal(quota_used(&quota, 3000 + next_ms), 1);
}

/* Against a log of every single call. */
static void it_never_knows_of_fewer_than_there_were(void **state)
{
	static int64_t at_ms[TURNS];
	struct quota quota;
	int64_t now = 0, first = 0;
	(void)state;
	srand(1);
	quota_init(&quota, SPAN_MS);
	for (int i = 0; i < TURNS; i++) {
		now += rand() % 4 == 0 ? rand() % 300 : rand() % 3;
		at_ms[i] = now;
		quota_add(&quota, now, 1);
		while (at_ms[first] + SPAN_MS <= now)
			first++;
		int64_t truth = i + 1 - first, late = truth;
		for (int64_t j = first; j > 0 && at_ms[j - 1] + SPAN_MS + quota.step_ms > now; j--)
			late++;
		assert_true(quota_used(&quota, now) >= truth);
		assert_true(quota_used(&quota, now) <= late);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_guard_is_a_twentieth_of_the_period_and_a_quarter_of_a_second_at_most),
	        cmocka_unit_test(what_was_used_counts_for_the_span_and_not_a_step_longer),
	        cmocka_unit_test(it_says_when_something_comes_free),
	        cmocka_unit_test(it_never_knows_of_fewer_than_there_were),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
