/* json_in: a bounded scan, then jansson. The scan sees bytes, not grammar: it keeps a small text from becoming a big
 * tree. Messages are made here from jansson's error code, because jansson's own text quotes the input. */
#include "common/base/json_in.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

enum scan_class { SCAN_SCALAR, SCAN_GAP, SCAN_OPEN, SCAN_CLOSE, SCAN_QUOTE };

/* Every byte not named here is part of a number, a literal or of no JSON at all. */
static const unsigned char scan_classes[256] = {
        [' '] = SCAN_GAP,   ['\t'] = SCAN_GAP,  ['\n'] = SCAN_GAP,  ['\r'] = SCAN_GAP,
        [','] = SCAN_GAP,   [':'] = SCAN_GAP,   ['{'] = SCAN_OPEN,  ['['] = SCAN_OPEN,
        ['}'] = SCAN_CLOSE, [']'] = SCAN_CLOSE, ['"'] = SCAN_QUOTE,
};

/* Returns: the position of the closing quote, or len when there is none. */
static size_t string_end(const char *text, size_t len, size_t pos)
{
	for (; pos < len && text[pos] != '"'; pos++)
		if (text[pos] == '\\')
			pos++;
	return pos < len ? pos : len;
}

/* A token is an object, an array, a string (keys too), a number or a literal. */
static enum err_code scan(const char *text, size_t len, struct err *err)
{
	size_t depth = 0;
	size_t tokens = 0;
	bool in_scalar = false;

	for (size_t pos = 0; pos < len; pos++) {
		enum scan_class class = scan_classes[(unsigned char)text[pos]];

		tokens += class == SCAN_OPEN || class == SCAN_QUOTE || (class == SCAN_SCALAR && !in_scalar);
		in_scalar = class == SCAN_SCALAR;
		if (tokens > JSON_IN_MAX_TOKENS)
			return err_set(err, ERR_LIMIT, "byte %zu: more than %d values", pos, JSON_IN_MAX_TOKENS);
		if (class == SCAN_OPEN && ++depth > JSON_IN_MAX_DEPTH)
			return err_set(err, ERR_LIMIT, "byte %zu: nested deeper than %d", pos, JSON_IN_MAX_DEPTH);
		if (class == SCAN_CLOSE && depth > 0)
			depth--;
		if (class == SCAN_QUOTE)
			pos = string_end(text, len, pos + 1);
	}
	return ERR_OK;
}

static const struct parse_rule {
	enum json_error_code jansson;
	enum err_code code;
	const char *text;
} parse_rules[] = {
        {json_error_out_of_memory, ERR_NO_MEMORY, "out of memory"},
        {json_error_stack_overflow, ERR_LIMIT, "nested too deep"},
        {json_error_invalid_utf8, ERR_INVALID, "not UTF-8"},
        {json_error_premature_end_of_input, ERR_INVALID, "the text ends too early"},
        {json_error_end_of_input_expected, ERR_INVALID, "text after the value"},
        {json_error_null_character, ERR_INVALID, "\\u0000 is not allowed"},
        {json_error_null_byte_in_key, ERR_INVALID, "\\u0000 is not allowed"},
        {json_error_duplicate_key, ERR_INVALID, "the same name twice in one object"},
        {json_error_numeric_overflow, ERR_INVALID, "a number out of range"},
};

static enum err_code parse_failed(const json_error_t *error, struct err *err)
{
	for (size_t i = 0; i < sizeof(parse_rules) / sizeof(parse_rules[0]); i++)
		if (parse_rules[i].jansson == json_error_code(error))
			return err_set(err, parse_rules[i].code, "byte %d: %s", error->position, parse_rules[i].text);
	return err_set(err, ERR_INVALID, "byte %d: not JSON", error->position);
}

enum err_code json_in_parse(const char *text, size_t len, json_t **ret_root, struct err *err)
{
	enum err_code code = scan(text, len, err);
	json_error_t error;
	json_t *root;

	if (code != ERR_OK)
		return code;
	root = json_loadb(text ? text : "", len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!root)
		return parse_failed(&error, err);
	*ret_root = root;
	return ERR_OK;
}

/* C0, DEL and, as UTF-8 writes them (C2 80 … C2 9F), C1: none may reach a header, a key or a log line. */
static bool holds_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte < 0x20 || byte == 0x7f)
			return true;
		if (byte == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0)
			return true;
	}
	return false;
}

enum err_code json_in_str(const json_t *object, const char *name, char *out, size_t cap, struct err *err)
{
	const json_t *member = json_object_get(object, name);
	size_t len;

	assert(cap > 0);
	out[0] = '\0';
	if (!member)
		return err_set(err, ERR_NOT_FOUND, "%s is missing", name);
	if (!json_is_string(member))
		return err_set(err, ERR_INVALID, "%s is not a string", name);
	len = json_string_length(member);
	if (len >= cap)
		return err_set(err, ERR_LIMIT, "%s is longer than %zu bytes", name, cap - 1);
	if (holds_control(json_string_value(member), len))
		return err_set(err, ERR_INVALID, "%s holds a control character", name);
	memcpy(out, json_string_value(member), len + 1);
	return ERR_OK;
}

enum err_code json_in_int(const json_t *object, const char *name, int64_t min, int64_t max, int64_t *ret_value,
                          struct err *err)
{
	const json_t *member = json_object_get(object, name);
	int64_t value;

	if (!member)
		return err_set(err, ERR_NOT_FOUND, "%s is missing", name);
	if (!json_is_integer(member))
		return err_set(err, ERR_INVALID, "%s is not an integer", name);
	value = json_integer_value(member);
	if (value < min || value > max)
		return err_set(err, ERR_LIMIT, "%s is outside %lld..%lld", name, (long long)min, (long long)max);
	*ret_value = value;
	return ERR_OK;
}
