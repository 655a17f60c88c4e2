/* ctl_pace: the rate is held, whether who takes comes on time, late, or in steps; no real time passes. */
#include "ctl/ctl_pace.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Takes `count` tokens, coming `late_us` later each time than was asked for. Returns: how long that took. */
static int64_t take(struct ctl_pace *pace, int64_t *now_us, int count, int64_t late_us)
{
	int64_t begun_us = *now_us;
	for (int taken = 0; taken < count;) {
		int64_t wait_us = ctl_pace_take(pace, *now_us);
		taken += wait_us == 0;
		if (wait_us > 0)
			*now_us += wait_us + late_us;
	}
	return *now_us - begun_us;
}

static void tokens_come_at_the_rate_also_to_who_is_a_little_late_each_time(void **state)
{
	static const int rates[] = {1, 7, 100, 333, 1000, 99999};
	(void)state;
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
		for (int64_t late_us = 0; late_us <= 10000; late_us += 5000) {
			struct ctl_pace pace;
			int64_t now_us = 12345678;
			int count = rates[i] * 10;
			ctl_pace_begin(&pace, rates[i], now_us);
			int64_t took_us = take(&pace, &now_us, count + 1, late_us);
			assert_in_range(took_us, 9900000, 10200000);
		}
}

static void the_first_token_is_there_at_once_and_the_next_one_is_not(void **state)
{
	struct ctl_pace pace;
	(void)state;
	ctl_pace_begin(&pace, 10, 1000);
	assert_int_equal(ctl_pace_take(&pace, 1000), 0);
	assert_int_equal(ctl_pace_take(&pace, 1000), 100000);
	assert_int_equal(ctl_pace_take(&pace, 100999), 1);
	assert_int_equal(ctl_pace_take(&pace, 101000), 0);
}

static void a_long_pause_is_made_up_for_with_no_more_than_a_tenth_of_a_second(void **state)
{
	struct ctl_pace pace;
	int64_t now_us = 0;
	int at_once = 0;
	(void)state;
	ctl_pace_begin(&pace, 1000, now_us);
	now_us += 60000000;
	while (ctl_pace_take(&pace, now_us) == 0)
		at_once++;
	assert_int_equal(at_once, 101);
	ctl_pace_begin(&pace, 1, now_us); /* slower than that: one */
	now_us += 60000000;
	assert_int_equal(ctl_pace_take(&pace, now_us), 0);
	assert_int_equal(ctl_pace_take(&pace, now_us), 900000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(tokens_come_at_the_rate_also_to_who_is_a_little_late_each_time),
	        cmocka_unit_test(the_first_token_is_there_at_once_and_the_next_one_is_not),
	        cmocka_unit_test(a_long_pause_is_made_up_for_with_no_more_than_a_tenth_of_a_second),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
