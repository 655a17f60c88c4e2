/* Tests of common/base/json_out; jansson reads back what it wrote. */
#include "common/base/json_out.h"
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void nested_groups_get_their_commas(void **state)
{
	struct buf buf;
	struct json_out json;
	(void)state;
	buf_init(&buf, 1000);
	json_out_begin(&json, &buf);
	json_out_object(&json, NULL);
	json_out_str(&json, "a", "x");
	json_out_array(&json, "b");
	json_out_int(&json, NULL, INT64_MIN);
	json_out_object(&json, NULL);
	json_out_object_end(&json);
	json_out_array(&json, NULL);
	json_out_array_end(&json);
	json_out_array_end(&json);
	json_out_bool(&json, "c", true);
	json_out_bool(&json, "d", false);
	json_out_null(&json, "n");
	json_out_strn(&json, "e", "yzz", 1);
	json_out_object_end(&json);
	assert_int_equal(json_out_end(&json), ERR_OK);
	assert_string_equal(buf.data, "{\"a\":\"x\",\"b\":[-9223372036854775808,{},[]],\"c\":true,\"d\":false,"
	                              "\"n\":null,\"e\":\"y\"}");
	buf_fini(&buf);
}

static void check_string(const char *value, size_t len, const char *expected)
{
	struct buf buf;
	struct json_out json;
	buf_init(&buf, 1000);
	json_out_begin(&json, &buf);
	json_out_strn(&json, NULL, value, len);
	assert_int_equal(json_out_end(&json), ERR_OK);
	assert_string_equal(buf.data, expected);
	buf_fini(&buf);
}

static void control_characters_quotes_and_backslashes_are_escaped(void **state)
{
	(void)state;
	check_string("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
	check_string("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
	check_string("\0\x1f\x7f", 3, "\"\\u0000\\u001f\x7f\"");
}

static void every_byte_can_be_read_back_by_a_strict_reader(void **state)
{
	(void)state;
	for (int byte = 1; byte < 256; byte++) {
		char value[] = {'a', (char)byte, 'z'};
		struct buf buf;
		struct json_out json;
		buf_init(&buf, 100);
		json_out_begin(&json, &buf);
		json_out_strn(&json, NULL, value, sizeof(value));
		assert_int_equal(json_out_end(&json), ERR_OK);
		json_t *root = json_loadb(buf.data, buf.len, JSON_DECODE_ANY, NULL);
		assert_non_null(root);
		if (byte < 0x80)
			assert_memory_equal(json_string_value(root), value, sizeof(value));
		else
			assert_string_equal(json_string_value(root), "a\xef\xbf\xbdz");
		json_decref(root);
		buf_fini(&buf);
	}
}

static void utf8_passes_as_it_is(void **state)
{
	static const char text[] = "\xc3\xa9 \xe2\x82\xac \xed\x9f\xbf \xef\xbf\xbf \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf";
	char expected[sizeof(text) + 2];
	(void)state;
	(void)snprintf(expected, sizeof(expected), "\"%s\"", text);
	check_string(text, sizeof(text) - 1, expected);
}

#define BAD "\xef\xbf\xbd"

static void what_is_not_utf8_becomes_the_replacement_character(void **state)
{
	(void)state;
	check_string("\xc0\xaf", 2, "\"" BAD BAD "\"");                 /* overlong '/' */
	check_string("\xe0\x80\xaf", 3, "\"" BAD BAD BAD "\"");         /* overlong */
	check_string("\xed\xa0\x80", 3, "\"" BAD BAD BAD "\"");         /* surrogate */
	check_string("\xf4\x90\x80\x80", 4, "\"" BAD BAD BAD BAD "\""); /* above U+10FFFF */
	check_string("a\xe2\x82\xac", 3, "\"a" BAD BAD "\"");           /* cut off */
	check_string("\xe2\x82"
	             "b",
	             3, "\"" BAD BAD "b\""); /* broken off */
	check_string("\xf0\x9f\x98"
	             "\"",
	             4, "\"" BAD BAD BAD "\\\"\""); /* swallows no quote */
}

/* What needs no escaping is measured beforehand: a limit is met to the byte, whatever is written last. */
static void a_text_may_fill_its_buffer_to_the_last_byte(void **state)
{
	static const char whole[] = "{\"a\":\"x\\n\",\"b\":-12,\"c\":[true]}";
	(void)state;
	for (size_t room = 1; room < sizeof(whole); room++) {
		struct buf buf;
		struct json_out json;
		buf_init(&buf, room);
		json_out_begin(&json, &buf);
		json_out_object(&json, NULL);
		json_out_str(&json, "a", "x\n");
		json_out_int(&json, "b", -12);
		json_out_array(&json, "c");
		json_out_bool(&json, NULL, true);
		json_out_array_end(&json);
		json_out_object_end(&json);
		assert_int_equal(json_out_end(&json), room < sizeof(whole) - 1 ? ERR_LIMIT : ERR_OK);
		assert_int_equal(strncmp(buf.data, whole, buf.len), 0);
		buf_fini(&buf);
	}
}

static void a_null_string_is_left_out_with_its_name(void **state)
{
	struct buf buf;
	struct json_out json;
	(void)state;
	buf_init(&buf, 100);
	json_out_begin(&json, &buf);
	json_out_object(&json, NULL);
	json_out_str(&json, "gone", NULL);
	json_out_strn(&json, "gone", NULL, 0);
	json_out_int(&json, "here", 1);
	json_out_object_end(&json);
	assert_int_equal(json_out_end(&json), ERR_OK);
	assert_string_equal(buf.data, "{\"here\":1}");
	buf_fini(&buf);
}

static void check_double(double value, const char *expected)
{
	struct buf buf;
	struct json_out json;
	buf_init(&buf, 100);
	json_out_begin(&json, &buf);
	json_out_double(&json, NULL, value);
	assert_int_equal(json_out_end(&json), ERR_OK);
	assert_string_equal(buf.data, expected);
	buf_fini(&buf);
}

static void doubles_are_short_and_read_back_the_same(void **state)
{
	(void)state;
	check_double(0.1, "0.1");
	check_double(87, "87");
	check_double(-1.5e300, "-1.5e+300");
	check_double(0.1 + 0.2, "0.30000000000000004");
}

static void a_double_that_is_not_finite_is_zero(void **state)
{
	(void)state;
	check_double((double)NAN, "0");
	check_double((double)INFINITY, "0");
	check_double((double)-INFINITY, "0");
}

static void the_first_error_sticks(void **state)
{
	struct buf buf;
	struct json_out json;
	(void)state;
	buf_init(&buf, 10);
	json_out_begin(&json, &buf);
	json_out_object(&json, NULL);
	json_out_str(&json, "name", "too long for it");
	size_t len = buf.len;
	json_out_int(&json, "a", 1);
	json_out_object_end(&json);
	assert_int_equal(json_out_end(&json), ERR_LIMIT);
	assert_int_equal(buf.len, len);
	buf_fini(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nested_groups_get_their_commas),
	        cmocka_unit_test(control_characters_quotes_and_backslashes_are_escaped),
	        cmocka_unit_test(every_byte_can_be_read_back_by_a_strict_reader),
	        cmocka_unit_test(utf8_passes_as_it_is),
	        cmocka_unit_test(what_is_not_utf8_becomes_the_replacement_character),
	        cmocka_unit_test(a_text_may_fill_its_buffer_to_the_last_byte),
	        cmocka_unit_test(a_null_string_is_left_out_with_its_name),
	        cmocka_unit_test(doubles_are_short_and_read_back_the_same),
	        cmocka_unit_test(a_double_that_is_not_finite_is_zero),
	        cmocka_unit_test(the_first_error_sticks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
