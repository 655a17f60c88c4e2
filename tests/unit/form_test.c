/* form: names and values come out as the WHATWG's parser has them, and nothing a stranger writes is more than text. */
#include "ingress/form.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool write_down(void *ctx, const char *name, const char *value)
{
	char *text = ctx;
	sprintf(text + strlen(text), "[%s=%s]", name, value);
	return strcmp(name, "stop") != 0;
}

static bool read_form(const void *bytes, size_t len, char out[512])
{
	char *exact = malloc(len + 1);
	assert_non_null(exact);
	memcpy(exact, bytes, len);
	exact[len] = '\0';
	out[0] = '\0';
	bool whole = form_each(exact, len, write_down, out);
	free(exact);
	return whole;
}

static void members_come_out_decoded_and_in_order(void **state)
{
	static const struct {
		const char *form, *members;
	} rows[] = {
	        {"", ""},
	        {"a=b", "[a=b]"},
	        {"a=b&c=d", "[a=b][c=d]"},
	        {"a", "[a=]"},
	        {"a=", "[a=]"},
	        {"=b", "[=b]"},
	        {"=", "[=]"},
	        {"&&a=b&", "[a=b]"},
	        {"a=b=c", "[a=b=c]"},
	        {"a+b=c+d", "[a b=c d]"},
	        {"a%3Db=%26%2B%25", "[a=b=&+%]"},
	        {"a=%c3%A9", "[a=\xc3\xa9]"},
	        {"a=%", "[a=%]"},
	        {"a=%4", "[a=%4]"},
	        {"a=%4g&b=%g4", "[a=%4g][b=%g4]"},
	        {"a=%41%4", "[a=A%4]"},
	        {"a=%%41", "[a=%A]"},
	        {"%61=1&aa", "[a=1][aa=]"},
	        {"a=1;b=2", "[a=1;b=2]"},
	};
	char out[512];
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(read_form(rows[i].form, strlen(rows[i].form), out));
		assert_string_equal(out, rows[i].members);
	}
}

static void a_member_with_a_nul_is_left_out_and_the_others_stay(void **state)
{
	static const char raw[] = "a=1&b=\0x&c=3";
	char out[512];
	(void)state;
	assert_true(read_form("a=1&b=x%00y&c%00=2&d=4", 22, out));
	assert_string_equal(out, "[a=1][d=4]");
	assert_true(read_form(raw, sizeof raw - 1, out));
	assert_string_equal(out, "[a=1][c=3]");
}

static void who_has_enough_may_stop(void **state)
{
	char out[512];
	(void)state;
	assert_false(read_form("a=1&stop&b=2", 12, out));
	assert_string_equal(out, "[a=1][stop=]");
}

static bool count(void *ctx, const char *name, const char *value)
{
	(void)name, (void)value;
	++*(int *)ctx;
	return true;
}

static void more_members_than_the_limit_end_it(void **state)
{
	char many[2 * (FORM_MAX_MEMBERS + 1) + 1];
	int seen = 0;
	(void)state;
	for (size_t i = 0; i < FORM_MAX_MEMBERS + 1; i++)
		memcpy(many + 2 * i, "a&", 2);
	many[2 * FORM_MAX_MEMBERS] = '\0';
	assert_true(form_each(many, 2 * (size_t)FORM_MAX_MEMBERS, count, &seen));
	assert_int_equal(seen, FORM_MAX_MEMBERS);
	for (size_t i = 0; i < FORM_MAX_MEMBERS + 1; i++)
		memcpy(many + 2 * i, "a&", 2);
	many[sizeof many - 1] = '\0';
	seen = 0;
	assert_false(form_each(many, sizeof many - 1, count, &seen));
	assert_int_equal(seen, FORM_MAX_MEMBERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(members_come_out_decoded_and_in_order),
	        cmocka_unit_test(a_member_with_a_nul_is_left_out_and_the_others_stay),
	        cmocka_unit_test(who_has_enough_may_stop),
	        cmocka_unit_test(more_members_than_the_limit_end_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
