/* b2c_body: what of a body reaches a route, and what is refused before. */
#include "common/base/json_in.h"
#include "ingress/answers.h"
#include "ingress/b2c_body.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *write_down(void *ctx, const char *name, const char *value)
{
	char *text = ctx;
	sprintf(text + strlen(text), "[%s=%s]", name, value ? value : "(no string)");
	return strcmp(name, "bad") == 0 ? "a rule" : NULL;
}

/* Returns: the code of the error; "" when there was none. */
static const char *read_members(const char *body, char out[512])
{
	static char code[64];
	struct exchange exchange = {.dialect = DIALECT_B2C};
	struct json_in *root = NULL;
	out[0] = code[0] = '\0';
	exchange_init(&exchange, NULL, 4096);
	assert_int_equal(buf_append_str(&exchange.body, body), ERR_OK);
	bool good = b2c_body_read(&exchange, write_down, out);
	assert_int_equal(good, exchange.status == 0);
	if (!good) {
		assert_int_equal(json_in_parse(exchange.answer.data, exchange.answer.len, &root, NULL), ERR_OK);
		(void)snprintf(code, sizeof code, "%s", json_in_text(json_in_get(root, "code")));
		json_in_free(root);
	}
	exchange_fini(&exchange);
	return code;
}

static void members_reach_the_route_but_for_nulls(void **state)
{
	char out[512];
	(void)state;
	assert_string_equal(read_members("{\"a\":\"b\",\"c\":null,\"d\":\"\",\"E\":\"\xc3\xa9\"}", out), "");
	assert_string_equal(out, "[a=b][d=][E=\xc3\xa9]");
	assert_string_equal(read_members("{}", out), "");
	assert_string_equal(out, "");
}

static void what_is_no_string_is_left_to_the_route(void **state)
{
	char out[512];
	(void)state;
	assert_string_equal(read_members("{\"a\":1,\"b\":true,\"c\":[\"x\"],\"d\":{}}", out), "");
	assert_string_equal(out, "[a=(no string)][b=(no string)][c=(no string)][d=(no string)]");
}

static void the_first_broken_rule_ends_the_reading(void **state)
{
	char out[512];
	(void)state;
	assert_string_equal(read_members("{\"a\":\"1\",\"bad\":\"2\",\"c\":\"3\"}", out), "bad_field");
	assert_string_equal(out, "[a=1][bad=2]");
}

static void what_is_no_object_never_reaches_the_route(void **state)
{
	static const struct {
		const char *body, *code;
	} rows[] = {
	        {"", "bad_json"},    {"{", "bad_json"},      {"{\"a\":\"b\",\"a\":\"c\"}", "bad_json"},
	        {"[]", "bad_field"}, {"\"a\"", "bad_field"}, {"null", "bad_field"},
	};
	char out[512];
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_string_equal(read_members(rows[i].body, out), rows[i].code);
		assert_string_equal(out, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(members_reach_the_route_but_for_nulls),
	        cmocka_unit_test(what_is_no_string_is_left_to_the_route),
	        cmocka_unit_test(the_first_broken_rule_ends_the_reading),
	        cmocka_unit_test(what_is_no_object_never_reaches_the_route),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
