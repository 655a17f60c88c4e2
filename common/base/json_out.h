/* json_out: writes compact JSON straight into a buf; several times cheaper than building a tree first.
 *
 * Errors stick: after the first one nothing is written, and json_out_end returns it. Strings must be UTF-8; bytes that
 * are not become U+FFFD, control characters are escaped (RFC 8259 section 7), so a value can never break its line. */
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

/* name is NULL at the top level and inside arrays. A string that is NULL is left out, name and all. */
void json_out_object(struct json_out *out, const char *name);
void json_out_object_end(struct json_out *out);
void json_out_array(struct json_out *out, const char *name);
void json_out_array_end(struct json_out *out);
void json_out_str(struct json_out *out, const char *name, const char *value);
void json_out_strn(struct json_out *out, const char *name, const char *value, size_t len);
void json_out_int(struct json_out *out, const char *name, int64_t value);
void json_out_double(struct json_out *out, const char *name, double value); /* not finite: 0 */
void json_out_bool(struct json_out *out, const char *name, bool value);
void json_out_null(struct json_out *out, const char *name);

/* Returns: ERR_OK when all was written; else the first error (the buffer then holds a torn text: drop it). */
enum err_code json_out_end(struct json_out *out) WARN_UNUSED;

#endif
