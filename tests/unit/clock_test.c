/* clock: the monotonic clock never goes back, and times are shown as RFC 3339 whatever the number is. */
#include "common/base/clock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void times_are_shown_as_rfc_3339_in_utc(void **state)
{
	static const struct {
		int64_t unix_ms;
		const char *text;
	} rows[] = {
	        {0, "1970-01-01T00:00:00.000Z"},
	        {1, "1970-01-01T00:00:00.001Z"},
	        {1795248000123, "2026-11-21T08:00:00.123Z"},
	        {951782399999, "2000-02-28T23:59:59.999Z"},
	        {951782400000, "2000-02-29T00:00:00.000Z"},
	        {253402300799999, "9999-12-31T23:59:59.999Z"},
	        {253402300800000, "9999-12-31T23:59:59.999Z"},
	        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
	        {-1, "1970-01-01T00:00:00.000Z"},
	        {INT64_MIN, "1970-01-01T00:00:00.000Z"},
	};
	char text[CLOCK_TEXT_BYTES];
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		memset(text, '?', sizeof text);
		clock_text(rows[i].unix_ms, text);
		assert_string_equal(text, rows[i].text);
	}
}

/* The first and the last moment of each of the days, and one within. */
static void check_days(int64_t first, int64_t end, int64_t step)
{
	enum { DAY_S = 24 * 3600 };
	for (int64_t day = first; day < end; day += step) {
		const int64_t moments[] = {day * DAY_S, day * DAY_S + day % DAY_S, day * DAY_S + DAY_S - 1};
		for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
			time_t seconds = (time_t)moments[i];
			struct tm utc;
			char expected[64], text[CLOCK_TEXT_BYTES];
			assert_non_null(gmtime_r(&seconds, &utc));
			assert_true(strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.007Z", &utc) > 0);
			clock_text(moments[i] * 1000 + 7, text);
			assert_string_equal(text, expected);
		}
	}
}

static void every_day_of_five_centuries_is_the_one_of_libc(void **state)
{
	(void)state;
	check_days(0, 530 * 366, 1);
}

static void so_are_days_up_to_the_year_9999(void **state)
{
	(void)state;
	check_days(530 * 366, 2932897, 61);
	check_days(2932897 - 400, 2932897, 1);
}

static void the_monotonic_clock_never_goes_back_and_both_units_agree(void **state)
{
	int64_t last_us = clock_mono_us();
	(void)state;
	for (int i = 0; i < 10000; i++) {
		int64_t before_ms = clock_mono_ms(), us = clock_mono_us(), after_ms = clock_mono_ms();
		assert_true(us >= last_us);
		assert_true(before_ms <= us / 1000 && us / 1000 <= after_ms);
		last_us = us;
	}
}

static void the_wall_clock_shows_this_century(void **state)
{
	char text[CLOCK_TEXT_BYTES];
	(void)state;
	clock_text(clock_unix_ms(), text);
	assert_memory_equal(text, "20", 2);
	assert_int_equal(strlen(text), CLOCK_TEXT_BYTES - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(times_are_shown_as_rfc_3339_in_utc),
	        cmocka_unit_test(every_day_of_five_centuries_is_the_one_of_libc),
	        cmocka_unit_test(so_are_days_up_to_the_year_9999),
	        cmocka_unit_test(the_monotonic_clock_never_goes_back_and_both_units_agree),
	        cmocka_unit_test(the_wall_clock_shows_this_century),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
