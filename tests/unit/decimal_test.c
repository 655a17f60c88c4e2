/* decimal: what counts as a number, and what does not. */
#include "common/base/decimal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void digits_are_a_number_up_to_the_limit(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t max, number;
	} good[] = {{"0", 0, 0},
	            {"007", 10, 7},
	            {"65535", 65535, 65535},
	            {"999999999999999999", INT64_MAX, 999999999999999999}};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		int64_t number = -1;
		assert_int_equal(decimal_parse(good[i].text, strlen(good[i].text), good[i].max, &number), ERR_OK);
		assert_int_equal(number, good[i].number);
	}
}

static void everything_else_is_refused_and_changes_nothing(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum err_code code;
	} bad[] = {{"", ERR_INVALID},    {"-1", ERR_INVALID}, {"+1", ERR_INVALID},
	           {" 1", ERR_INVALID},  {"1 ", ERR_INVALID}, {"0x1", ERR_INVALID},
	           {"1e3", ERR_INVALID}, {"11", ERR_LIMIT},   {"9999999999999999999", ERR_LIMIT}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int64_t number = 42;
		assert_int_equal(decimal_parse(bad[i].text, strlen(bad[i].text), 10, &number), bad[i].code);
		assert_int_equal(number, 42);
	}
}

static void no_more_than_the_length_is_read(void **state)
{
	(void)state;
	int64_t number = 0;
	assert_int_equal(decimal_parse("123456", 3, 1000, &number), ERR_OK);
	assert_int_equal(number, 123);
}

static void what_is_written_is_what_printf_writes(void **state)
{
	static const int64_t numbers[] = {0,         1,  -1,  9,    10,        99,        100,       1795311447894,
	                                  INT32_MAX, -5, 100, -100, INT64_MAX, INT64_MIN, INT32_MIN, 7};
	char written[DECIMAL_BYTES], expected[32];
	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		char *end = decimal_write(numbers[i], written);
		(void)snprintf(expected, sizeof expected, "%lld", (long long)numbers[i]);
		assert_string_equal(written, expected);
		assert_ptr_equal(end, written + strlen(expected));
	}
}

static void every_count_of_digits_is_written_whole(void **state)
{
	char written[DECIMAL_BYTES], expected[32];
	int64_t power = 1;
	(void)state;
	for (int digits = 1; digits <= 18; digits++, power *= 10) {
		const int64_t numbers[] = {power, power - 1, power + 1, -power, 5 * power, 9 * power};
		for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
			char *end = decimal_write(numbers[i], written);
			(void)snprintf(expected, sizeof expected, "%lld", (long long)numbers[i]);
			assert_string_equal(written, expected);
			assert_ptr_equal(end, written + strlen(expected));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(digits_are_a_number_up_to_the_limit),
	        cmocka_unit_test(everything_else_is_refused_and_changes_nothing),
	        cmocka_unit_test(no_more_than_the_length_is_read),
	        cmocka_unit_test(what_is_written_is_what_printf_writes),
	        cmocka_unit_test(every_count_of_digits_is_written_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
