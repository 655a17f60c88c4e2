/* fuzz_json_in: any bytes as JSON, beside jansson: both accept it and read the same values in the same order, or both
 * refuse it. Two differences: at a limit of ours, jansson must show that it was passed; and a NUL in the text, which
 * jansson 2.14 overlooks behind a number or a literal ("1\0" is 1 to it), is always refused. A refusal says one of the
 * known rules and nothing besides. */
#include "common/base/json_in.h"
#include "tests/fuzz/fuzz.h"
#include <jansson.h>
#include <stdbool.h>

/* ---- how large jansson finds it ---- */

struct measure {
	size_t tokens, depth;
};

static struct measure measure_of(const json_t *value)
{
	struct measure all = {.tokens = 1}, one;
	size_t i;
	const char *name;
	json_t *inner;
	if (!json_is_array(value) && !json_is_object(value))
		return all;
	size_t deepest = 0;
	json_array_foreach(value, i, inner)
	{
		one = measure_of(inner);
		all.tokens += one.tokens;
		deepest = one.depth > deepest ? one.depth : deepest;
	}
	json_object_foreach((json_t *)(uintptr_t)value, name, inner)
	{
		one = measure_of(inner);
		all.tokens += one.tokens + 1;
		deepest = one.depth > deepest ? one.depth : deepest;
	}
	all.depth = 1 + deepest;
	return all;
}

static bool is_within_limits(const json_t *value)
{
	struct measure measure = measure_of(value);
	return measure.tokens <= JSON_IN_MAX_TOKENS && measure.depth <= JSON_IN_MAX_DEPTH;
}

/* ---- the same values ---- */

static void check_same(const struct json_in *value, const json_t *other);

static void check_array(const struct json_in *array, const json_t *other)
{
	size_t count = 0;
	for (const struct json_in *at = json_in_first(array); at; at = json_in_next(at), count++) {
		FUZZ_RULE(!json_in_name(at));
		check_same(at, json_array_get(other, count));
	}
	FUZZ_RULE(count == json_in_count(array) && count == json_array_size(other));
}

static void check_object(const struct json_in *object, const json_t *other)
{
	json_t *walked = (json_t *)(uintptr_t)other; /* jansson's iterators take no const */
	void *beside = json_object_iter(walked);
	size_t count = 0;
	for (const struct json_in *at = json_in_first(object); at; at = json_in_next(at), count++) {
		FUZZ_RULE(beside && strcmp(json_in_name(at), json_object_iter_key(beside)) == 0);
		FUZZ_RULE(json_in_get(object, json_in_name(at)) == at);
		check_same(at, json_object_iter_value(beside));
		beside = json_object_iter_next(walked, beside);
	}
	FUZZ_RULE(count == json_in_count(object) && count == json_object_size(other));
}

static void check_real(const struct json_in *value, const json_t *other)
{
	double ours = json_in_real(value), theirs = json_real_value(other);
	FUZZ_RULE(memcmp(&ours, &theirs, sizeof(ours)) == 0); /* also the sign of a zero */
}

static void check_string(const struct json_in *value, const json_t *other)
{
	size_t len = json_in_text_len(value);
	FUZZ_RULE(len == json_string_length(other) &&
	          memcmp(json_in_text(value), json_string_value(other), len + 1) == 0);
}

static void check_same(const struct json_in *value, const json_t *other)
{
	static const enum json_in_type types[] = {
	        [JSON_OBJECT] = JSON_IN_OBJECT,   [JSON_ARRAY] = JSON_IN_ARRAY, [JSON_STRING] = JSON_IN_STRING,
	        [JSON_INTEGER] = JSON_IN_INTEGER, [JSON_REAL] = JSON_IN_REAL,   [JSON_TRUE] = JSON_IN_TRUE,
	        [JSON_FALSE] = JSON_IN_FALSE,     [JSON_NULL] = JSON_IN_NULL,
	};
	FUZZ_RULE(other && json_in_type(value) == types[json_typeof(other)]);
	FUZZ_RULE(json_in_integer(value) == json_integer_value(other));
	check_real(value, json_is_real(other) ? other : NULL);
	if (json_is_string(other))
		check_string(value, other);
	else if (json_is_array(other))
		check_array(value, other);
	else if (json_is_object(other))
		check_object(value, other);
}

/* ---- what is refused ---- */

static void check_message(const char *message)
{
	static const char *const rules[] = {
	        "the text ends too early",
	        "text after the value",
	        "not JSON",
	        "not UTF-8",
	        "not an escape of JSON",
	        "half a surrogate pair",
	        "\\u0000 is not allowed",
	        "a control character in a string",
	        "a number out of range",
	        "the same name twice in one object",
	        "more than 5000 values",
	        "nested deeper than 32",
	};
	size_t digits = strspn(message + strlen("byte "), "0123456789");
	FUZZ_RULE(strncmp(message, "byte ", strlen("byte ")) == 0 && digits > 0);
	const char *rest = message + strlen("byte ") + digits;
	FUZZ_RULE(strncmp(rest, ": ", 2) == 0);
	size_t rule = 0;
	while (rule < sizeof(rules) / sizeof(rules[0]) && strcmp(rest + 2, rules[rule]) != 0)
		rule++;
	FUZZ_RULE(rule < sizeof(rules) / sizeof(rules[0]));
}

static void check_members(const struct json_in *root)
{
	char text[16];
	int64_t number = 0;
	enum err_code code = json_in_str(root, "a", text, sizeof text, NULL);
	FUZZ_RULE(code == ERR_OK || text[0] == '\0');
	code = json_in_int(root, "a", -5, 5, &number, NULL);
	FUZZ_RULE(code == ERR_OK || number == 0);
	FUZZ_RULE(number >= -5 && number <= 5);
}

static void check_refused(enum err_code code, const json_t *other, bool holds_nul)
{
	if (code == ERR_LIMIT)
		FUZZ_RULE(!other || !is_within_limits(other));
	else
		FUZZ_RULE(code == ERR_INVALID && (!other || holds_nul));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_in *root = NULL;
	struct err err = {ERR_OK, ""};
	bool holds_nul = size > 0 && memchr(data, '\0', size);
	json_t *other = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	enum err_code code = json_in_parse((const char *)data, size, &root, &err);
	FUZZ_RULE((code == ERR_OK) == (root != NULL) && err.code == code);
	if (code == ERR_OK) {
		FUZZ_RULE(!holds_nul && other && is_within_limits(other));
		check_same(root, other);
		check_members(root);
	} else {
		check_refused(code, other, holds_nul);
		check_message(err.msg);
	}
	json_decref(other);
	json_in_free(root);
	return 0;
}
