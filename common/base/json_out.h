/* json_out: writes compact JSON straight into a buf; several times cheaper than building a tree first.
 *
 * Errors stick: after the first one nothing is written, and json_out_end returns it. Strings must be UTF-8; bytes that
 * are not become U+FFFD, control characters are escaped (RFC 8259 section 7), so a value can never break its line.
 *
 * Names of members are the program's own words and are written as they are: ASCII without control characters, '"' and '\\';
 * builds for tests assert it. Nothing that came from outside may be a name. */
#ifndef VERIFYD_JSON_OUT_H
#define VERIFYD_JSON_OUT_H

#include "common/base/buf.h"
#include <stdbool.h>
#include <stdint.h>

struct json_out {
	struct buf *buf;
	enum err_code failed; /* the first error, ERR_OK so far */
	bool need_comma;
};

void json_out_begin(struct json_out *out, struct buf *buf);

/* A member's name with its length: that of a constant is known when it is compiled. */
struct json_name {
	const char *text; /* NULL: none */
	size_t len;
};

static inline struct json_name json_name(const char *text)
{
	return (struct json_name){text, text ? strlen(text) : 0};
}

/* What the functions below stand on. value must not be NULL. */
void json_out_open(struct json_out *out, struct json_name name, char bracket);
void json_out_text(struct json_out *out, struct json_name name, const char *value, size_t len);
void json_out_whole(struct json_out *out, struct json_name name, int64_t value);
void json_out_word(struct json_out *out, struct json_name name, const char *word); /* as it is */

/* name is NULL at the top level and inside arrays. A string that is NULL is left out, name and all. */
static inline void json_out_object(struct json_out *out, const char *name)
{
	json_out_open(out, json_name(name), '{');
}

static inline void json_out_array(struct json_out *out, const char *name)
{
	json_out_open(out, json_name(name), '[');
}

static inline void json_out_strn(struct json_out *out, const char *name, const char *value, size_t len)
{
	if (value)
		json_out_text(out, json_name(name), value, len);
}

static inline void json_out_str(struct json_out *out, const char *name, const char *value)
{
	if (value)
		json_out_text(out, json_name(name), value, strlen(value));
}

static inline void json_out_int(struct json_out *out, const char *name, int64_t value)
{
	json_out_whole(out, json_name(name), value);
}

static inline void json_out_bool(struct json_out *out, const char *name, bool value)
{
	json_out_word(out, json_name(name), value ? "true" : "false");
}

static inline void json_out_null(struct json_out *out, const char *name)
{
	json_out_word(out, json_name(name), "null");
}

void json_out_object_end(struct json_out *out);
void json_out_array_end(struct json_out *out);
void json_out_double(struct json_out *out, const char *name, double value); /* not finite: 0 */

/* Returns: ERR_OK when all was written; else the first error (the buffer then holds a torn text: drop it). */
enum err_code json_out_end(struct json_out *out) WARN_UNUSED;

#endif
