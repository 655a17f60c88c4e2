/* Tests of common/base/err. */
#include "common/base/err.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void err_set_fills_code_and_message_and_returns_the_code(void **state)
{
	struct err err = {ERR_OK, ""};
	(void)state;
	assert_int_equal(err_set(&err, ERR_TIMEOUT, "broker %d", 7), ERR_TIMEOUT);
	assert_int_equal(err.code, ERR_TIMEOUT);
	assert_string_equal(err.msg, "broker 7");
}

static void err_set_takes_null(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, ERR_IO, "%s", "unseen"), ERR_IO);
}

static void a_longer_message_is_cut_and_ended(void **state)
{
	char text[ERR_MSG_BYTES * 2];
	struct err err;
	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	(void)err_set(&err, ERR_INVALID, "%s", text);
	assert_int_equal(strlen(err.msg), ERR_MSG_BYTES - 1);
}

static void a_message_can_be_built_from_the_one_it_replaces(void **state)
{
	struct err err;
	(void)state;
	(void)err_set(&err, ERR_IO, "inner");
	(void)err_set(&err, ERR_UNAVAILABLE, "outer: %s", err.msg);
	assert_string_equal(err.msg, "outer: inner");
}

static void every_code_has_a_text_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < ERR_COUNT; i++) {
		assert_true(strlen(err_text((enum err_code)i)) > 0);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(err_text((enum err_code)i), err_text((enum err_code)k));
	}
	assert_string_equal(err_text(ERR_OK), "ok");
}

static void a_code_out_of_range_is_an_unknown_error(void **state)
{
	(void)state;
	assert_string_equal(err_text(ERR_COUNT), "unknown error");
	assert_string_equal(err_text((enum err_code) - 1), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(err_set_fills_code_and_message_and_returns_the_code),
	        cmocka_unit_test(err_set_takes_null),
	        cmocka_unit_test(a_longer_message_is_cut_and_ended),
	        cmocka_unit_test(a_message_can_be_built_from_the_one_it_replaces),
	        cmocka_unit_test(every_code_has_a_text_of_its_own),
	        cmocka_unit_test(a_code_out_of_range_is_an_unknown_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
