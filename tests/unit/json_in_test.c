/* What json_in accepts, what it refuses, and that a refusal never quotes what was sent. */
#include "common/base/json_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum err_code parse(const char *text, struct err *err)
{
	json_t *root = NULL;
	enum err_code code = json_in_parse(text, strlen(text), &root, err);

	assert_true((code == ERR_OK) == (root != NULL));
	json_decref(root);
	return code;
}

static void any_top_level_value_is_accepted(void **state)
{
	static const char *const texts[] = {"{}",   "[]",   "\"a\"",           "1",
	                                    "true", "null", " {\"a\":[1,2]} ", "\"\\\"{[\\\\\""};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(parse(texts[i], NULL), ERR_OK);
}

static void each_rule_has_its_code_position_and_text(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
		const char *msg;
	} cases[] = {
	        {"", ERR_INVALID, "byte 0: the text ends too early"},
	        {"{\"a\":", ERR_INVALID, "byte 5: the text ends too early"},
	        {"{} x", ERR_INVALID, "byte 4: text after the value"},
	        {"{\"a\":1,\"a\":2}", ERR_INVALID, "byte 10: the same name twice in one object"},
	        {"\"\\u0000\"", ERR_INVALID, "byte 8: \\u0000 is not allowed"},
	        {"{\"\\u0000\":1}", ERR_INVALID, "byte 9: \\u0000 is not allowed"},
	        {"\"\xff\"", ERR_INVALID, "byte 1: not UTF-8"},
	        {"123456789012345678901234567890", ERR_INVALID, "byte 30: a number out of range"},
	        {"{'a':1}", ERR_INVALID, "byte 2: not JSON"},
	        {"]", ERR_INVALID, "byte 1: not JSON"},
	        {"\"never ends", ERR_INVALID, "byte 11: the text ends too early"},
	        {"\"never ends\\", ERR_INVALID, "byte 12: not JSON"},
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		err = (struct err){0};
		assert_int_equal(parse(cases[i].text, &err), cases[i].code);
		assert_int_equal(err.code, cases[i].code);
		assert_string_equal(err.msg, cases[i].msg);
	}
}

static void a_refusal_never_quotes_the_content(void **state)
{
	static const char *const texts[] = {
	        "{\"SECRET\":1,\"SECRET\":2}", "SECRET",  "{\"SECRET\" \"SECRET\"}", "{} SECRET",
	        "\"SECRET\\u0000\"",           "{SECRET",
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		err = (struct err){0};
		assert_int_equal(parse(texts[i], &err), ERR_INVALID);
		assert_null(strstr(err.msg, "SECRET"));
		assert_true(strncmp(err.msg, "byte ", 5) == 0);
	}
}

static void a_raw_nul_byte_is_refused(void **state)
{
	json_t *root = NULL;

	(void)state;
	assert_int_equal(json_in_parse("{}\0", 3, &root, NULL), ERR_INVALID);
	assert_int_equal(json_in_parse("\"a\0b\"", 5, &root, NULL), ERR_INVALID);
	assert_int_equal(json_in_parse(NULL, 0, &root, NULL), ERR_INVALID);
	assert_null(root);
}

static void nest(char *out, size_t depth)
{
	memset(out, '[', depth);
	memset(out + depth, ']', depth);
	out[2 * depth] = '\0';
}

static void the_deepest_allowed_text_passes_and_one_more_does_not(void **state)
{
	char text[2 * (JSON_IN_MAX_DEPTH + 1) + 1];
	struct err err = {0};

	(void)state;
	nest(text, JSON_IN_MAX_DEPTH);
	assert_int_equal(parse(text, NULL), ERR_OK);
	nest(text, JSON_IN_MAX_DEPTH + 1);
	assert_int_equal(parse(text, &err), ERR_LIMIT);
	assert_string_equal(err.msg, "byte 32: nested deeper than 32");
}

static void depth_is_what_is_open_not_how_often_it_opened(void **state)
{
	char text[8 * JSON_IN_MAX_DEPTH + 3] = "[";
	size_t len = 1;

	(void)state;
	for (size_t i = 0; i < (size_t)2 * JSON_IN_MAX_DEPTH; i++, len += 3)
		memcpy(text + len, "{},", 3);
	text[len - 1] = ']';
	text[len] = '\0';
	assert_int_equal(parse(text, NULL), ERR_OK);
}

static void brackets_and_quotes_inside_strings_do_not_count(void **state)
{
	char text[3 * JSON_IN_MAX_TOKENS + 8];
	size_t len = 0;

	(void)state;
	text[len++] = '"';
	for (size_t i = 0; i < JSON_IN_MAX_TOKENS; i++, len += 3)
		memcpy(text + len, "\\\"[", 3);
	text[len++] = '"';
	text[len] = '\0';
	assert_int_equal(parse(text, NULL), ERR_OK);
}

/* An array of `count` times the item: count + 1 values. */
static char *array_of(const char *item, size_t count)
{
	size_t item_len = strlen(item);
	char *text = malloc(count * (item_len + 1) + 2);
	size_t len = 0;

	assert_non_null(text);
	text[len++] = '[';
	for (size_t i = 0; i < count; i++) {
		memcpy(text + len, item, item_len);
		len += item_len;
		text[len++] = i + 1 < count ? ',' : ']';
	}
	text[len] = '\0';
	return text;
}

static void every_kind_of_value_counts_once(void **state)
{
	static const char *const items[] = {"{}", "[]", "\"ab\"", "-12.5e3", "true", " null "};

	(void)state;
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		char *at_limit = array_of(items[i], JSON_IN_MAX_TOKENS - 1);
		char *over = array_of(items[i], JSON_IN_MAX_TOKENS);

		assert_int_equal(parse(at_limit, NULL), ERR_OK);
		assert_int_equal(parse(over, NULL), ERR_LIMIT);
		free(at_limit);
		free(over);
	}
}

static void names_count_as_values(void **state)
{
	char *at_limit = array_of("{\"a\":1}", (JSON_IN_MAX_TOKENS - 1) / 3);
	char *over = array_of("{\"a\":1}", JSON_IN_MAX_TOKENS / 3 + 1);

	(void)state;
	assert_int_equal(parse(at_limit, NULL), ERR_OK);
	assert_int_equal(parse(over, NULL), ERR_LIMIT);
	free(at_limit);
	free(over);
}

static json_t *object(const char *text)
{
	json_t *root = NULL;

	assert_int_equal(json_in_parse(text, strlen(text), &root, NULL), ERR_OK);
	return root;
}

static void a_string_member_is_copied_when_it_fits(void **state)
{
	json_t *root = object("{\"a\":\"four\",\"e\":\"\",\"u\":\"\\u00e4\xe2\x82\xac\"}");
	char out[6] = "xxxxx";

	(void)state;
	assert_int_equal(json_in_str(root, "a", out, sizeof(out), NULL), ERR_OK);
	assert_string_equal(out, "four");
	assert_int_equal(json_in_str(root, "a", out, 5, NULL), ERR_OK);
	assert_int_equal(json_in_str(root, "a", out, 4, NULL), ERR_LIMIT);
	assert_string_equal(out, "");
	assert_int_equal(json_in_str(root, "e", out, 1, NULL), ERR_OK);
	assert_int_equal(json_in_str(root, "u", out, sizeof(out), NULL), ERR_OK);
	assert_string_equal(out, "\xc3\xa4\xe2\x82\xac");
	json_decref(root);
}

static void a_string_member_with_the_wrong_type_or_bytes_is_refused(void **state)
{
	static const char *const names[] = {"int", "null", "obj", "lf", "tab", "del", "c1"};
	json_t *root = object("{\"int\":1,\"null\":null,\"obj\":{},\"lf\":\"SECRET\\n\",\"tab\":\"SECRET\\t\","
	                      "\"del\":\"SECRET\x7f\",\"c1\":\"SECRET\\u0085\"}");
	char out[16];
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		err = (struct err){0};
		assert_int_equal(json_in_str(root, names[i], out, sizeof(out), &err), ERR_INVALID);
		assert_string_equal(out, "");
		assert_non_null(strstr(err.msg, names[i]));
		assert_null(strstr(err.msg, "SECRET"));
	}
	json_decref(root);
}

static void a_missing_member_is_not_found_and_empty(void **state)
{
	json_t *root = object("{}");
	json_t *array = object("[]");
	char out[4] = "abc";
	int64_t value = 7;

	(void)state;
	assert_int_equal(json_in_str(root, "a", out, sizeof(out), NULL), ERR_NOT_FOUND);
	assert_string_equal(out, "");
	assert_int_equal(json_in_str(array, "a", out, sizeof(out), NULL), ERR_NOT_FOUND);
	assert_int_equal(json_in_int(root, "a", 0, 9, &value, NULL), ERR_NOT_FOUND);
	assert_int_equal(value, 7);
	json_decref(array);
	json_decref(root);
}

static void an_integer_member_is_held_to_its_range_and_type(void **state)
{
	json_t *root =
	        object("{\"lo\":-1,\"hi\":1000,\"over\":1001,\"real\":1.0,\"str\":\"1\",\"max\":9223372036854775807}");
	int64_t value = 7;

	(void)state;
	assert_int_equal(json_in_int(root, "over", -1, 1000, &value, NULL), ERR_LIMIT);
	assert_int_equal(json_in_int(root, "lo", 0, 1000, &value, NULL), ERR_LIMIT);
	assert_int_equal(json_in_int(root, "real", -1, 1000, &value, NULL), ERR_INVALID);
	assert_int_equal(json_in_int(root, "str", -1, 1000, &value, NULL), ERR_INVALID);
	assert_int_equal(value, 7);
	assert_int_equal(json_in_int(root, "lo", -1, 1000, &value, NULL), ERR_OK);
	assert_int_equal(value, -1);
	assert_int_equal(json_in_int(root, "hi", -1, 1000, &value, NULL), ERR_OK);
	assert_int_equal(value, 1000);
	assert_int_equal(json_in_int(root, "max", 0, INT64_MAX, &value, NULL), ERR_OK);
	assert_true(value == INT64_MAX);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(any_top_level_value_is_accepted),
	        cmocka_unit_test(each_rule_has_its_code_position_and_text),
	        cmocka_unit_test(a_refusal_never_quotes_the_content),
	        cmocka_unit_test(a_raw_nul_byte_is_refused),
	        cmocka_unit_test(the_deepest_allowed_text_passes_and_one_more_does_not),
	        cmocka_unit_test(depth_is_what_is_open_not_how_often_it_opened),
	        cmocka_unit_test(brackets_and_quotes_inside_strings_do_not_count),
	        cmocka_unit_test(every_kind_of_value_counts_once),
	        cmocka_unit_test(names_count_as_values),
	        cmocka_unit_test(a_string_member_is_copied_when_it_fits),
	        cmocka_unit_test(a_string_member_with_the_wrong_type_or_bytes_is_refused),
	        cmocka_unit_test(a_missing_member_is_not_found_and_empty),
	        cmocka_unit_test(an_integer_member_is_held_to_its_range_and_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
