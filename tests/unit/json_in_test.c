/* What json_in accepts and how it reads it, what it refuses, and that a refusal never quotes what was sent. */
#include "common/base/buf.h"
#include "common/base/json_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum err_code parse(const char *text, struct err *err)
{
	struct json_in *root = NULL;
	enum err_code code = json_in_parse(text, strlen(text), &root, err);

	assert_true((code == ERR_OK) == (root != NULL));
	json_in_free(root);
	return code;
}

/* ---- the grammar ---- */

static const struct row {
	const char *text;
	size_t len;
	const char *read;    /* a good text's document, as print() writes it */
	const char *message; /* a bad one's */
} rows[] = {
#define GOOD(text, read)   {(text), sizeof(text) - 1, (read), NULL},
#define BAD(text, message) {(text), sizeof(text) - 1, NULL, (message)},
#include "tests/unit/json_in_texts.def"
#undef GOOD
#undef BAD
};

static void print_string(struct buf *out, const char *text, size_t len)
{
	assert_int_equal(buf_append_str(out, "\""), ERR_OK);
	for (size_t i = 0; i < len; i++)
		assert_int_equal((unsigned char)text[i] < 0x20 ? buf_printf(out, "<%02x>", (unsigned)text[i])
		                                               : buf_append(out, &text[i], 1),
		                 ERR_OK);
	assert_int_equal(strlen(text), len);
	assert_int_equal(buf_append_str(out, "\""), ERR_OK);
}

static void print(struct buf *out, const struct json_in *value);

static void print_inner(struct buf *out, const struct json_in *container, const char *brackets)
{
	size_t count = 0;

	assert_int_equal(buf_append(out, &brackets[0], 1), ERR_OK);
	for (const struct json_in *at = json_in_first(container); at; at = json_in_next(at)) {
		const char *name = json_in_name(at);
		assert_int_equal(buf_append_str(out, count++ > 0 ? "," : ""), ERR_OK);
		assert_int_equal(name != NULL, json_in_type(container) == JSON_IN_OBJECT);
		if (name) {
			assert_ptr_equal(json_in_get(container, name), at);
			print_string(out, name, strlen(name));
			assert_int_equal(buf_append_str(out, ":"), ERR_OK);
		}
		print(out, at);
	}
	assert_int_equal(json_in_count(container), count);
	assert_int_equal(buf_append(out, &brackets[1], 1), ERR_OK);
}

static void print(struct buf *out, const struct json_in *value)
{
	static const char *const words[] = {
	        [JSON_IN_NULL] = "null", [JSON_IN_FALSE] = "false", [JSON_IN_TRUE] = "true"};

	switch (json_in_type(value)) {
	case JSON_IN_NULL:
	case JSON_IN_FALSE:
	case JSON_IN_TRUE:
		assert_int_equal(buf_append_str(out, words[json_in_type(value)]), ERR_OK);
		break;
	case JSON_IN_INTEGER:
		assert_int_equal(buf_printf(out, "%lld", (long long)json_in_integer(value)), ERR_OK);
		break;
	case JSON_IN_REAL:
		assert_int_equal(buf_printf(out, "~%.17g", json_in_real(value)), ERR_OK);
		break;
	case JSON_IN_STRING:
		print_string(out, json_in_text(value), json_in_text_len(value));
		break;
	case JSON_IN_ARRAY:
		print_inner(out, value, "[]");
		break;
	case JSON_IN_OBJECT:
		print_inner(out, value, "{}");
		break;
	case JSON_IN_ABSENT:
		fail();
	}
}

/* The text as it stands in memory that ends where it ends. */
static enum err_code parse_exactly(const char *text, size_t len, struct json_in **ret_root, struct err *err)
{
	char *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	enum err_code code = json_in_parse(copy, len, ret_root, err);
	free(copy);
	return code;
}

static void each_text_is_read_or_refused_as_the_grammar_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct json_in *root = NULL;
		struct err err = {0};
		struct buf out;
		buf_init(&out, 4096);
		enum err_code code = parse_exactly(row->text, row->len, &root, &err);
		if (code == ERR_OK)
			print(&out, root);
		if (code != (row->read ? ERR_OK : ERR_INVALID) ||
		    strcmp(row->read ? out.data : err.msg, row->read ? row->read : row->message) != 0)
			fail_msg("%s: got code %d, %s%s", row->text, code, out.data, err.msg);
		assert_int_equal(err.code, code);
		assert_int_equal(root != NULL, code == ERR_OK);
		json_in_free(root);
		buf_fini(&out);
	}
}

static void a_text_cut_short_anywhere_is_refused(void **state)
{
	static const char text[] = "{\"a\":[1,-2.5e3,true,null,\"\\u00e4\\ud83d\\ude00\xc3\xa4\"],\"b\":{\"c\":\"d\"}}";

	(void)state;
	for (size_t len = 0; len <= sizeof(text) - 1; len++) {
		struct json_in *root = NULL;
		assert_int_equal(parse_exactly(text, len, &root, NULL), len == sizeof(text) - 1 ? ERR_OK : ERR_INVALID);
		json_in_free(root);
	}
}

static void a_byte_that_is_not_plain_is_found_wherever_it_stands(void **state)
{
	static const char *const others[] = {"\"", "\\", "\x1f", "\x01", "\x80", "\xff", "\n"};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		for (size_t at = 1; at < 40; at++) {
			char message[64];
			struct err err = {0};
			memset(text, '~', sizeof(text));
			text[0] = '"';
			text[at] = *others[i];
			text[41] = '"';
			text[42] = '\0';
			assert_int_equal(parse(text, &err), ERR_INVALID);
			(void)snprintf(message, sizeof(message), "byte %zu:", *others[i] == '"' ? at + 1 : at);
			assert_int_equal(strncmp(err.msg, message, strlen(message)), 0);
		}
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

static void no_text_at_all_is_refused(void **state)
{
	struct json_in *root = NULL;
	(void)state;
	assert_int_equal(json_in_parse(NULL, 0, &root, NULL), ERR_INVALID);
	assert_null(root);
	json_in_free(NULL);
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

/* {"n0":0,"n1":1,…}; where `twice` is below count, its name stands there a second time. */
static void object_of(size_t count, size_t twice, struct buf *ret_text)
{
	buf_init(ret_text, 256 * 1024);
	assert_int_equal(buf_append_str(ret_text, "{"), ERR_OK);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(buf_printf(ret_text, "%s\"n%zu\":%zu", i > 0 ? "," : "", i, i), ERR_OK);
	if (twice < count)
		assert_int_equal(buf_printf(ret_text, ",\"n%zu\":0", twice), ERR_OK);
	assert_int_equal(buf_append_str(ret_text, "}"), ERR_OK);
}

static void a_name_twice_is_found_in_objects_of_any_size(void **state)
{
	static const size_t counts[] = {1, 2, 15, 16, 17, 18, 100, JSON_IN_MAX_TOKENS / 2 - 2};
	char message[64];
	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		for (size_t twice = 0; twice <= counts[i]; twice += counts[i] > 100 ? 499 : 1) {
			struct buf text;
			struct err err = {0};
			object_of(counts[i], twice, &text);
			enum err_code code = parse(text.data, &err);
			assert_int_equal(code, twice < counts[i] ? ERR_INVALID : ERR_OK);
			if (twice < counts[i]) {
				const char *last = strrchr(text.data, ',') + 1;
				(void)snprintf(message, sizeof(message), "byte %zu: the same name twice in one object",
				               (size_t)(last - text.data));
				assert_string_equal(err.msg, message);
			}
			buf_fini(&text);
		}
	}
}

static void members_are_found_by_their_whole_name(void **state)
{
	struct buf text;
	struct json_in *root = NULL;
	char name[16];

	(void)state;
	object_of(300, 300, &text);
	assert_int_equal(json_in_parse(text.data, text.len, &root, NULL), ERR_OK);
	for (size_t i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "n%zu", i);
		assert_int_equal(json_in_integer(json_in_get(root, name)), i);
	}
	assert_null(json_in_get(root, "n"));
	assert_null(json_in_get(root, "n300"));
	assert_null(json_in_get(root, "N1"));
	assert_null(json_in_get(root, ""));
	json_in_free(root);
	buf_fini(&text);
}

static void a_text_that_is_too_long_is_refused_before_it_is_copied(void **state)
{
	char *text = malloc(JSON_IN_MAX_BYTES + 1);
	struct json_in *root = NULL;
	struct err err = {0};

	(void)state;
	assert_non_null(text);
	memset(text, ' ', JSON_IN_MAX_BYTES + 1);
	text[0] = '7';
	assert_int_equal(json_in_parse(text, JSON_IN_MAX_BYTES + 1, &root, &err), ERR_LIMIT);
	assert_string_equal(err.msg, "more than 16777216 bytes");
	assert_null(root);
	assert_int_equal(json_in_parse(text, JSON_IN_MAX_BYTES, &root, NULL), ERR_OK);
	json_in_free(root);
	free(text);
}

static struct json_in *object(const char *text)
{
	struct json_in *root = NULL;

	assert_int_equal(json_in_parse(text, strlen(text), &root, NULL), ERR_OK);
	return root;
}

static void a_string_member_is_copied_when_it_fits(void **state)
{
	struct json_in *root = object("{\"a\":\"four\",\"e\":\"\",\"u\":\"\\u00e4\xe2\x82\xac\"}");
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
	json_in_free(root);
}

static void a_string_member_with_the_wrong_type_or_bytes_is_refused(void **state)
{
	static const char *const names[] = {"int", "null", "obj", "lf", "tab", "del", "c1"};
	struct json_in *root = object("{\"int\":1,\"null\":null,\"obj\":{},\"lf\":\"SECRET\\n\",\"tab\":\"SECRET\\t\","
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
	json_in_free(root);
}

static void a_missing_member_is_not_found_and_empty(void **state)
{
	struct json_in *root = object("{}");
	struct json_in *array = object("[]");
	char out[4] = "abc";
	int64_t value = 7;

	(void)state;
	assert_int_equal(json_in_str(root, "a", out, sizeof(out), NULL), ERR_NOT_FOUND);
	assert_string_equal(out, "");
	assert_int_equal(json_in_str(array, "a", out, sizeof(out), NULL), ERR_NOT_FOUND);
	assert_int_equal(json_in_int(root, "a", 0, 9, &value, NULL), ERR_NOT_FOUND);
	assert_int_equal(value, 7);
	json_in_free(array);
	json_in_free(root);
}

static void what_is_not_there_or_of_another_type_has_no_value(void **state)
{
	static const char *const texts[] = {"null", "true", "false", "7", "1.5", "\"a\"", "[1]", "{\"a\":1}"};

	(void)state;
	assert_int_equal(json_in_type(NULL), JSON_IN_ABSENT);
	for (size_t i = 0; i <= sizeof(texts) / sizeof(texts[0]); i++) {
		struct json_in *root = NULL;
		if (i < sizeof(texts) / sizeof(texts[0]))
			assert_int_equal(json_in_parse(texts[i], strlen(texts[i]), &root, NULL), ERR_OK);
		enum json_in_type type = json_in_type(root);
		assert_int_equal(json_in_text(root) != NULL, type == JSON_IN_STRING);
		assert_int_equal(json_in_text_len(root), type == JSON_IN_STRING);
		assert_int_equal(json_in_integer(root), type == JSON_IN_INTEGER ? 7 : 0);
		assert_true(json_in_real(root) == (type == JSON_IN_REAL ? 1.5 : 0));
		assert_int_equal(json_in_get(root, "a") != NULL, type == JSON_IN_OBJECT);
		assert_int_equal(json_in_count(root), type == JSON_IN_ARRAY || type == JSON_IN_OBJECT);
		assert_int_equal(json_in_first(root) != NULL, type == JSON_IN_ARRAY || type == JSON_IN_OBJECT);
		assert_null(json_in_next(root));
		assert_null(json_in_name(root));
		json_in_free(root);
	}
}

static void an_integer_member_is_held_to_its_range_and_type(void **state)
{
	struct json_in *root =
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
	json_in_free(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_text_is_read_or_refused_as_the_grammar_says),
	        cmocka_unit_test(a_text_cut_short_anywhere_is_refused),
	        cmocka_unit_test(a_byte_that_is_not_plain_is_found_wherever_it_stands),
	        cmocka_unit_test(a_refusal_never_quotes_the_content),
	        cmocka_unit_test(no_text_at_all_is_refused),
	        cmocka_unit_test(the_deepest_allowed_text_passes_and_one_more_does_not),
	        cmocka_unit_test(depth_is_what_is_open_not_how_often_it_opened),
	        cmocka_unit_test(brackets_and_quotes_inside_strings_do_not_count),
	        cmocka_unit_test(every_kind_of_value_counts_once),
	        cmocka_unit_test(names_count_as_values),
	        cmocka_unit_test(a_name_twice_is_found_in_objects_of_any_size),
	        cmocka_unit_test(members_are_found_by_their_whole_name),
	        cmocka_unit_test(a_text_that_is_too_long_is_refused_before_it_is_copied),
	        cmocka_unit_test(a_string_member_is_copied_when_it_fits),
	        cmocka_unit_test(a_string_member_with_the_wrong_type_or_bytes_is_refused),
	        cmocka_unit_test(a_missing_member_is_not_found_and_empty),
	        cmocka_unit_test(what_is_not_there_or_of_another_type_has_no_value),
	        cmocka_unit_test(an_integer_member_is_held_to_its_range_and_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
