/* json_in: reads JSON (RFC 8259) that strangers wrote. One block of memory holds a document: its values, and a copy of
 * the text in which the strings stand unescaped. Nothing is recursive but containers, to JSON_IN_MAX_DEPTH.
 *
 * Stricter than the RFC demands: a name twice in one object, NUL in any form, half a surrogate pair, and a number that
 * neither int64_t nor double can hold are refused. What a text costs is bounded by its length: memory by the text, 16
 * bytes for each of its bytes (160 KB at most) and 1 KB; time by n log n for the names of an object, which are sorted,
 * and linear for the rest (64 KiB of the worst that was tried: 0.2 ms).
 *
 * Thread: any; a document is read-only once it is there. Nothing blocks. */
#ifndef VERIFYD_JSON_IN_H
#define VERIFYD_JSON_IN_H

#include "common/base/err.h"
#include <stddef.h>
#include <stdint.h>

/* Names count as tokens, as every value does. */
enum { JSON_IN_MAX_DEPTH = 32, JSON_IN_MAX_TOKENS = 5000, JSON_IN_MAX_BYTES = 16 << 20 };

/* A value of a document. The first is the root, and stands for the whole document. NULL stands for a value that is not
 * there: everything that takes a const struct json_in * accepts it. */
struct json_in;

enum json_in_type {
	JSON_IN_ABSENT, /* NULL's */
	JSON_IN_NULL,
	JSON_IN_FALSE,
	JSON_IN_TRUE,
	JSON_IN_INTEGER, /* written without a fraction and without an exponent; -0 is 0 */
	JSON_IN_REAL,
	JSON_IN_STRING,
	JSON_IN_ARRAY,
	JSON_IN_OBJECT
};

/* Parses text[0..len), which is copied. Any top-level value is accepted; callers ask for the type they need.
 * Returns: ERR_OK and *ret_root, which the caller ends with json_in_free; ERR_LIMIT (too deep, too many tokens, too
 * long); ERR_INVALID (not JSON, or a rule above); ERR_NO_MEMORY. err->msg names the byte, from 0, and the rule, never
 * the content. */
enum err_code json_in_parse(const char *text, size_t len, struct json_in **ret_root, struct err *err) WARN_UNUSED;

/* Overwrites the document and frees it: most hold a person's data. Takes the root, or NULL. */
void json_in_free(struct json_in *root);

enum json_in_type json_in_type(const struct json_in *value);

/* Returns: the string in UTF-8, ended by '\0', without a NUL inside; NULL when it is no string. Lives as long as the
 * document, as all that follow. */
const char *json_in_text(const struct json_in *value);
size_t json_in_text_len(const struct json_in *value); /* in bytes; 0 when it is no string */
int64_t json_in_integer(const struct json_in *value); /* 0 when it is none */
double json_in_real(const struct json_in *value);     /* 0 when it is none; an integer is none */

/* Returns: the member of this name; NULL when there is none, or `object` is no object. Cost: linear in the members. */
const struct json_in *json_in_get(const struct json_in *object, const char *name);

/* The items of an array or the members of an object, in the order of the text. Returns: NULL when there is no (further)
 * one. */
const struct json_in *json_in_first(const struct json_in *container);
const struct json_in *json_in_next(const struct json_in *value);
size_t json_in_count(const struct json_in *container); /* 0 when it is no container */
const char *json_in_name(const struct json_in *value); /* a member's, ended by '\0'; NULL for any other value */

/* Copies the string member `name` into out[0..cap), always ended by '\0'.
 * Returns: ERR_OK; ERR_NOT_FOUND (no such member; *out is ""); ERR_INVALID (not a string, or it holds a control
 * character); ERR_LIMIT (does not fit: cap - 1 bytes). */
enum err_code json_in_str(const struct json_in *object, const char *name, char *out, size_t cap,
			  struct err *err) WARN_UNUSED;

/* Reads the integer member `name`. Returns: ERR_OK; ERR_NOT_FOUND; ERR_INVALID (not an integer); ERR_LIMIT (outside
 * of min..max). */
enum err_code json_in_int(const struct json_in *object, const char *name, int64_t min, int64_t max, int64_t *ret_value,
			  struct err *err) WARN_UNUSED;

#endif
