/* percent: what is encoded, what is not, and what a full buffer keeps. */
#include "common/base/percent.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void every_byte_but_unreserved_is_encoded(void **state)
{
	static const char unreserved[] = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	struct buf url;

	(void)state;
	for (int byte = 1; byte < 256; byte++) {
		char text[2] = {(char)byte, '\0'};
		char expected[4];
		if (strchr(unreserved, byte))
			snprintf(expected, sizeof(expected), "%c", byte);
		else
			snprintf(expected, sizeof(expected), "%%%02X", (unsigned)byte);
		buf_init(&url, 16);
		assert_int_equal(percent_encode(&url, text), ERR_OK);
		assert_string_equal(url.data, expected);
		buf_fini(&url);
	}
}

static void encoding_appends_and_takes_runs(void **state)
{
	struct buf url;

	(void)state;
	buf_init(&url, 64);
	assert_int_equal(buf_append_str(&url, "u?a="), ERR_OK);
	assert_int_equal(percent_encode(&url, ""), ERR_OK);
	assert_int_equal(percent_encode(&url, "ab cd//e"), ERR_OK);
	assert_string_equal(url.data, "u?a=ab%20cd%2F%2Fe");
	buf_fini(&url);
}

static void encoding_over_the_limit_changes_nothing(void **state)
{
	struct buf url;

	(void)state;
	buf_init(&url, 8);
	assert_int_equal(percent_encode(&url, "abcdefghi"), ERR_LIMIT);
	assert_int_equal(url.len, 0);
	assert_int_equal(buf_append_str(&url, "u"), ERR_OK);
	assert_int_equal(percent_encode(&url, "abc   "), ERR_LIMIT);
	assert_string_equal(url.data, "u");
	assert_int_equal(url.len, 1);
	assert_int_equal(percent_encode(&url, "  b"), ERR_OK); /* exactly to the limit */
	assert_string_equal(url.data, "u%20%20b");
	buf_fini(&url);
}

static void everything_but_unreserved_characters_is_encoded(void **state)
{
	struct buf out;
	char text[2] = "";
	(void)state;
	for (int c = 1; c < 256; c++) {
		buf_init(&out, 16);
		text[0] = (char)c;
		assert_int_equal(percent_encode(&out, text), ERR_OK);
		bool plain =
		        (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~", c);
		char encoded[4] = {'%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15], '\0'};
		assert_string_equal(out.data, plain ? text : encoded);
		buf_fini(&out);
	}
	buf_init(&out, 64);
	assert_int_equal(percent_encode(&out, "https://a/?b=c d&\xc3\xa9"), ERR_OK);
	assert_string_equal(out.data, "https%3A%2F%2Fa%2F%3Fb%3Dc%20d%26%C3%A9");
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_byte_but_unreserved_is_encoded),
	        cmocka_unit_test(encoding_appends_and_takes_runs),
	        cmocka_unit_test(encoding_over_the_limit_changes_nothing),
	        cmocka_unit_test(everything_but_unreserved_characters_is_encoded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
