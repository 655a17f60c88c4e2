/* json_in_parse: fills one block: a head, the values in the order of the text, and a copy of the text. Strings are
 * unescaped where they stand, since no escape is shorter than what it means. Messages never quote the input. */
#include "common/base/hex.h"
#include "common/base/json_in_internal.h"
#include "common/base/json_plain.h"
#include "common/base/utf8.h"
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct document {
	size_t used; /* nodes */
	char *text;  /* behind the last node that there is room for */
	size_t len;
	struct json_in nodes[]; /* the first is the root */
};

struct reader {
	struct document *document;
	char *at, *end; /* of the copy; *end is '\0', which stops every loop below */
	size_t room;    /* nodes */
	size_t tokens;
	int depth;
	struct err *err;
};

static enum err_code fail_at(const struct reader *reader, const char *at, const char *rule)
{
	return err_set(reader->err, ERR_INVALID, "byte %zu: %s", (size_t)(at - reader->document->text), rule);
}

/* What the grammar asks for does not stand here. */
static enum err_code fail_here(const struct reader *reader)
{
	return fail_at(reader, reader->at, reader->at == reader->end ? "the text ends too early" : "not JSON");
}

static enum err_code count_token(struct reader *reader)
{
	if (reader->tokens++ < JSON_IN_MAX_TOKENS)
		return ERR_OK;
	return err_set(reader->err, ERR_LIMIT, "byte %zu: more than %d values",
	               (size_t)(reader->at - reader->document->text), JSON_IN_MAX_TOKENS);
}

/* Sixteen bytes at a time: this reads all of a text. */
enum { VECTOR_BYTES = 16, COUNT_MAX = UINT8_MAX, CASE_BIT = '{' ^ '[' };
typedef uint8_t vector __attribute__((vector_size(VECTOR_BYTES)));

/* Every value but the first stands behind a ',' or is the first of a container; so does one that turns out to be
 * missing. Those bytes inside of texts make it more than are needed. */
static size_t room_for(const char *text, size_t len)
{
	size_t room = 1, at = 0;

	while (len - at >= VECTOR_BYTES) {
		vector counts = {0};
		for (int i = 0; i < COUNT_MAX && len - at >= VECTOR_BYTES; i++, at += VECTOR_BYTES) {
			vector bytes;
			memcpy(&bytes, text + at, sizeof(bytes));
			counts -= (vector)((bytes == ',') | ((bytes | CASE_BIT) == '{')); /* -1 each */
		}
		for (int i = 0; i < VECTOR_BYTES; i++)
			room += counts[i];
	}
	for (; at < len; at++)
		room += text[at] == ',' || (text[at] | CASE_BIT) == '{';
	return room < JSON_IN_MAX_TOKENS ? room : JSON_IN_MAX_TOKENS;
}

static enum err_code node_new(struct reader *reader, struct json_in **ret_node)
{
	enum err_code code = count_token(reader);

	if (code != ERR_OK)
		return code;
	assert(reader->document->used < reader->room);
	*ret_node = &reader->document->nodes[reader->document->used++];
	**ret_node = (struct json_in){.type = JSON_IN_NULL};
	return ERR_OK;
}

static void skip_space(struct reader *reader)
{
	while (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' || *reader->at == '\r')
		reader->at++;
}

/* ---- strings ---- */

/* Reads \uXXXX. Returns: false when it is something else. */
static bool read_unit(const char *at, uint32_t *ret_unit)
{
	uint32_t unit = 0;

	if (at[0] != '\\' || at[1] != 'u')
		return false;
	for (int i = 2; i < 6; i++) {
		int digit = hex_digit(at[i]);
		if (digit < 0)
			return false;
		unit = unit << 4 | (uint32_t)digit;
	}
	*ret_unit = unit;
	return true;
}

static bool is_surrogate(uint32_t unit, uint32_t first)
{
	return (unit & 0xfc00) == first;
}

static char *put_utf8(char *out, uint32_t point)
{
	static const struct {
		uint32_t below;
		unsigned char lead;
		unsigned shift;
	} forms[] = {{0x80, 0x00, 0}, {0x800, 0xc0, 6}, {0x10000, 0xe0, 12}, {0x110000, 0xf0, 18}};
	size_t form = 0;

	while (point >= forms[form].below)
		form++;
	*out++ = (char)(forms[form].lead | point >> forms[form].shift);
	for (unsigned shift = forms[form].shift; shift > 0; shift -= 6)
		*out++ = (char)(0x80 | (point >> (shift - 6) & 0x3f));
	return out;
}

/* Takes the escape at reader->at and puts what it means at *out. */
static enum err_code unescape_unicode(struct reader *reader, char **out)
{
	uint32_t point, low;

	if (!read_unit(reader->at, &point))
		return fail_at(reader, reader->at, "not an escape of JSON");
	if (point == 0)
		return fail_at(reader, reader->at, "\\u0000 is not allowed");
	if (is_surrogate(point, 0xd800)) {
		if (!read_unit(reader->at + 6, &low) || !is_surrogate(low, 0xdc00))
			return fail_at(reader, reader->at, "half a surrogate pair");
		point = 0x10000 + ((point & 0x3ff) << 10 | (low & 0x3ff));
		reader->at += 6;
	} else if (is_surrogate(point, 0xdc00)) {
		return fail_at(reader, reader->at, "half a surrogate pair");
	}
	reader->at += 6;
	*out = put_utf8(*out, point);
	return ERR_OK;
}

static enum err_code unescape(struct reader *reader, char **out)
{
	static const char meanings[256] = {
	        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
	        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
	};
	char meaning = meanings[(unsigned char)reader->at[1]];

	if (reader->at[1] == 'u')
		return unescape_unicode(reader, out);
	if (!meaning)
		return fail_at(reader, reader->at, "not an escape of JSON");
	*(*out)++ = meaning;
	reader->at += 2;
	return ERR_OK;
}

/* Takes what json_plain_run stopped at, but for the closing quote. */
static enum err_code read_special(struct reader *reader, char **out)
{
	size_t step;

	if (*reader->at == '\\')
		return unescape(reader, out);
	if (reader->at == reader->end)
		return fail_here(reader);
	if ((unsigned char)*reader->at < 0x20)
		return fail_at(reader, reader->at, "a control character in a string");
	step = utf8_step(reader->at, (size_t)(reader->end - reader->at));
	if (step == 0)
		return fail_at(reader, reader->at, "not UTF-8");
	memmove(*out, reader->at, step);
	*out += step;
	reader->at += step;
	return ERR_OK;
}

/* A value or a name. */
static enum err_code read_string(struct reader *reader, const char **ret_text, uint32_t *ret_len)
{
	char *text = ++reader->at;
	char *out = text;

	for (;;) {
		char *plain = reader->at;
		reader->at += json_plain_run(plain, (size_t)(reader->end - plain));
		if (out != plain)
			memmove(out, plain, (size_t)(reader->at - plain));
		out += reader->at - plain;
		if (*reader->at == '"')
			break;
		enum err_code code = read_special(reader, &out);
		if (code != ERR_OK)
			return code;
	}
	reader->at++;
	*out = '\0';
	*ret_text = text;
	*ret_len = (uint32_t)(out - text);
	return ERR_OK;
}

/* ---- numbers and literals ---- */

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* Takes one digit or more. */
static bool skip_digits(struct reader *reader)
{
	const char *from = reader->at;

	while (is_digit(*reader->at))
		reader->at++;
	return reader->at > from;
}

/* digits[0..len) below zero, because int64_t reaches further there. Returns: false when it is out of range. */
static bool to_integer(const char *digits, size_t len, bool negative, int64_t *ret_value)
{
	int64_t value = 0;

	for (size_t i = 0; i < len; i++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, digits[i] - '0', &value))
			return false;
	return negative ? (*ret_value = value, true) : !__builtin_sub_overflow(0, value, ret_value);
}

/* No program sets a locale, so strtod reads what the grammar allowed, to its last byte. */
static enum err_code read_number(struct reader *reader, struct json_in *node)
{
	const char *from = reader->at;
	bool negative = *reader->at == '-';

	reader->at += negative;
	const char *digits = reader->at;
	if (*reader->at == '0')
		reader->at++;
	else if (!skip_digits(reader))
		return fail_here(reader);
	size_t len = (size_t)(reader->at - digits);
	node->type = JSON_IN_INTEGER;
	if (*reader->at == '.') {
		node->type = JSON_IN_REAL;
		reader->at++;
		if (!skip_digits(reader))
			return fail_here(reader);
	}
	if (*reader->at == 'e' || *reader->at == 'E') {
		node->type = JSON_IN_REAL;
		reader->at++;
		reader->at += *reader->at == '+' || *reader->at == '-';
		if (!skip_digits(reader))
			return fail_here(reader);
	}
	if (node->type == JSON_IN_INTEGER && !to_integer(digits, len, negative, &node->as.integer))
		return fail_at(reader, from, "a number out of range");
	if (node->type == JSON_IN_REAL && !isfinite(node->as.real = strtod(from, NULL)))
		return fail_at(reader, from, "a number out of range");
	return ERR_OK;
}

static enum err_code read_literal(struct reader *reader, struct json_in *node)
{
	static const struct {
		const char *text;
		size_t len;
		enum json_in_type type;
	} rows[] = {{"null", 4, JSON_IN_NULL}, {"false", 5, JSON_IN_FALSE}, {"true", 4, JSON_IN_TRUE}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strncmp(reader->at, rows[i].text, rows[i].len) == 0) {
			node->type = rows[i].type;
			reader->at += rows[i].len;
			return ERR_OK;
		}
	}
	return fail_here(reader);
}

/* ---- containers ---- */

enum { FEW_NAMES = 16 };

/* -1, 0 or 1; which order does not matter, as long as it is one. */
static int compare_names(const struct json_in *a, const struct json_in *b)
{
	if (a->name_len != b->name_len)
		return a->name_len < b->name_len ? -1 : 1;
	return memcmp(a->name, b->name, a->name_len);
}

/* Equal names in the order of the text. */
static int compare_for_sort(const void *left, const void *right)
{
	const struct json_in *a = *(const struct json_in *const *)left;
	const struct json_in *b = *(const struct json_in *const *)right;
	int order = compare_names(a, b);

	return order != 0 ? order : (a > b) - (a < b);
}

/* Returns: a member whose name an earlier one has; NULL. Cost: n². */
static const struct json_in *repeated_of_few(const struct json_in *object)
{
	const struct json_in *first = json_in_first(object);

	for (const struct json_in *at = first; at; at = json_in_next(at))
		for (const struct json_in *before = first; before != at; before = json_in_next(before))
			if (compare_names(before, at) == 0)
				return at;
	return NULL;
}

/* The same at n log n. */
static const struct json_in *repeated_of_many(const struct json_in *object)
{
	const struct json_in *members[JSON_IN_MAX_TOKENS / 2];
	size_t count = 0;

	for (const struct json_in *at = json_in_first(object); at; at = json_in_next(at))
		members[count++] = at;
	qsort(members, count, sizeof(const struct json_in *), compare_for_sort);
	for (size_t i = 1; i < count; i++)
		if (compare_names(members[i - 1], members[i]) == 0)
			return members[i];
	return NULL;
}

static enum err_code check_names(const struct reader *reader, const struct json_in *object)
{
	const struct json_in *repeated = object->len <= FEW_NAMES ? repeated_of_few(object) : repeated_of_many(object);

	return repeated ? fail_at(reader, repeated->name - 1, "the same name twice in one object") : ERR_OK;
}

static enum err_code read_name(struct reader *reader, struct json_in *node)
{
	enum err_code code;

	if (*reader->at != '"')
		return fail_here(reader);
	if ((code = count_token(reader)) != ERR_OK ||
	    (code = read_string(reader, &node->name, &node->name_len)) != ERR_OK)
		return code;
	skip_space(reader);
	if (*reader->at != ':')
		return fail_here(reader);
	reader->at++;
	skip_space(reader);
	return ERR_OK;
}

static enum err_code read_value(struct reader *reader, struct json_in *node);

/* One item or member, and the space behind it. */
static enum err_code read_inner(struct reader *reader, struct json_in *container, struct json_in **last)
{
	struct json_in *node;
	enum err_code code = node_new(reader, &node);

	if (code == ERR_OK && container->type == JSON_IN_OBJECT)
		code = read_name(reader, node);
	if (code == ERR_OK)
		code = read_value(reader, node);
	if (code != ERR_OK)
		return code;
	if (*last)
		(*last)->next = (uint32_t)(node - *last);
	*last = node;
	container->len++;
	skip_space(reader);
	return ERR_OK;
}

static enum err_code read_container(struct reader *reader, struct json_in *container)
{
	bool is_object = *reader->at == '{';
	char close = is_object ? '}' : ']';
	struct json_in *last = NULL;
	enum err_code code;

	if (reader->depth == JSON_IN_MAX_DEPTH)
		return err_set(reader->err, ERR_LIMIT, "byte %zu: nested deeper than %d",
		               (size_t)(reader->at - reader->document->text), JSON_IN_MAX_DEPTH);
	reader->depth++;
	container->type = is_object ? JSON_IN_OBJECT : JSON_IN_ARRAY;
	do {
		reader->at++; /* the opening bracket or a comma */
		skip_space(reader);
		if (*reader->at == close && !last)
			break;
		if ((code = read_inner(reader, container, &last)) != ERR_OK)
			return code;
	} while (*reader->at == ',');
	if (*reader->at != close)
		return fail_here(reader);
	reader->at++;
	reader->depth--;
	return is_object ? check_names(reader, container) : ERR_OK;
}

static enum err_code read_value(struct reader *reader, struct json_in *node)
{
	char first = *reader->at;

	if (first == '"') {
		node->type = JSON_IN_STRING;
		return read_string(reader, &node->as.text, &node->len);
	}
	if (first == '{' || first == '[')
		return read_container(reader, node);
	if (first == '-' || is_digit(first))
		return read_number(reader, node);
	return read_literal(reader, node);
}

static enum err_code read_document(struct reader *reader)
{
	struct json_in *root;
	enum err_code code = node_new(reader, &root);

	skip_space(reader);
	if (code == ERR_OK)
		code = read_value(reader, root);
	skip_space(reader);
	if (code == ERR_OK && reader->at != reader->end)
		code = fail_at(reader, reader->at, "text after the value");
	return code;
}

enum err_code json_in_parse(const char *text, size_t len, struct json_in **ret_root, struct err *err)
{
	if (len > JSON_IN_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "more than %d bytes", JSON_IN_MAX_BYTES);
	size_t room = room_for(text, len);
	struct document *document = malloc(sizeof(*document) + room * sizeof(document->nodes[0]) + len + 1);
	if (!document)
		return err_set(err, ERR_NO_MEMORY, "a document of %zu bytes", len);
	*document = (struct document){.text = (char *)&document->nodes[room], .len = len};
	if (len > 0)
		memcpy(document->text, text, len);
	document->text[len] = '\0';

	struct reader reader = {
	        .document = document, .at = document->text, .end = document->text + len, .room = room, .err = err};
	enum err_code code = read_document(&reader);
	if (code == ERR_OK)
		*ret_root = document->nodes;
	else
		json_in_free(document->nodes);
	return code;
}

void json_in_free(struct json_in *root)
{
	if (!root)
		return;
	struct document *document = (void *)((char *)root - offsetof(struct document, nodes));
	explicit_bzero(document->text, document->len);
	explicit_bzero(document->nodes, document->used * sizeof(document->nodes[0]));
	free(document);
}
