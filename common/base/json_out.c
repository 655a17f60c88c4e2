/* json_out: writes JSON member by member into a buf. Runs of ordinary bytes are copied at once; only what must be
 * escaped or is not UTF-8 is looked at singly. It does not check that objects and arrays are closed: its callers are
 * straight-line code. */
#include "common/base/json_out.h"
#include "common/base/utf8.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES = 32, ESCAPE_BYTES = 8, DOUBLE_MIN_DIGITS = 15, DOUBLE_MAX_DIGITS = 17 };

static void put(struct json_out *out, const char *data, size_t len)
{
	if (out->failed == ERR_OK)
		out->failed = buf_append(out->buf, data, len);
}

static void put_text(struct json_out *out, const char *text)
{
	put(out, text, strlen(text));
}

static void put_escape(struct json_out *out, unsigned char byte)
{
	static const char short_form[0x20] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
	char escape[ESCAPE_BYTES];
	if (byte >= 0x20)
		(void)snprintf(escape, sizeof(escape), "\\%c", byte);
	else if (short_form[byte])
		(void)snprintf(escape, sizeof(escape), "\\%c", short_form[byte]);
	else
		(void)snprintf(escape, sizeof(escape), "\\u%04x", byte);
	put_text(out, escape);
}

/* Bytes that stand in a string as they are: ASCII without control characters, '"' and '\\'. */
static size_t plain_run(const unsigned char *bytes, size_t len)
{
	static const bool special[256] = {
	        [0x00] = true, [0x01] = true, [0x02] = true, [0x03] = true, [0x04] = true, [0x05] = true, [0x06] = true,
	        [0x07] = true, [0x08] = true, [0x09] = true, [0x0a] = true, [0x0b] = true, [0x0c] = true, [0x0d] = true,
	        [0x0e] = true, [0x0f] = true, [0x10] = true, [0x11] = true, [0x12] = true, [0x13] = true, [0x14] = true,
	        [0x15] = true, [0x16] = true, [0x17] = true, [0x18] = true, [0x19] = true, [0x1a] = true, [0x1b] = true,
	        [0x1c] = true, [0x1d] = true, [0x1e] = true, [0x1f] = true, ['"'] = true,  ['\\'] = true,
	};
	size_t i = 0;
	while (i < len && bytes[i] < 0x80 && !special[bytes[i]])
		i++;
	return i;
}

static void put_string(struct json_out *out, const char *value, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)value;
	size_t done = 0; /* bytes before this one are written */
	put(out, "\"", 1);
	for (size_t i = plain_run(bytes, len); i < len; i += plain_run(bytes + i, len - i)) {
		bool escaped = bytes[i] < 0x80;
		size_t step = escaped ? 0 : utf8_step(value + i, len - i);
		if (step > 0) {
			i += step;
			continue;
		}
		put(out, value + done, i - done);
		if (escaped)
			put_escape(out, bytes[i]);
		else
			put_text(out, "\xef\xbf\xbd"); /* U+FFFD */
		done = ++i;
	}
	put(out, value + done, len - done);
	put(out, "\"", 1);
}

static void begin_value(struct json_out *out, const char *name)
{
	if (out->need_comma)
		put(out, ",", 1);
	if (name) {
		put_string(out, name, strlen(name));
		put(out, ":", 1);
	}
	out->need_comma = true;
}

static void open_group(struct json_out *out, const char *name, const char *bracket)
{
	begin_value(out, name);
	put(out, bracket, 1);
	out->need_comma = false;
}

static void close_group(struct json_out *out, const char *bracket)
{
	put(out, bracket, 1);
	out->need_comma = true;
}

void json_out_begin(struct json_out *out, struct buf *buf)
{
	*out = (struct json_out){.buf = buf, .failed = ERR_OK};
}

void json_out_object(struct json_out *out, const char *name)
{
	open_group(out, name, "{");
}

void json_out_object_end(struct json_out *out)
{
	close_group(out, "}");
}

void json_out_array(struct json_out *out, const char *name)
{
	open_group(out, name, "[");
}

void json_out_array_end(struct json_out *out)
{
	close_group(out, "]");
}

void json_out_str(struct json_out *out, const char *name, const char *value)
{
	if (value)
		json_out_strn(out, name, value, strlen(value));
}

void json_out_strn(struct json_out *out, const char *name, const char *value, size_t len)
{
	if (!value)
		return;
	begin_value(out, name);
	put_string(out, value, len);
}

void json_out_int(struct json_out *out, const char *name, int64_t value)
{
	char text[NUMBER_BYTES];
	char *at = text + sizeof(text);
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
	do
		*--at = (char)('0' + left % 10);
	while (left /= 10);
	if (value < 0)
		*--at = '-';
	begin_value(out, name);
	put(out, at, (size_t)(text + sizeof(text) - at));
}

/* The fewest digits that read back as the same number: 0.1, not 0.10000000000000001. No program of the tree sets a
 * locale, so the decimal point is one. */
void json_out_double(struct json_out *out, const char *name, double value)
{
	char text[NUMBER_BYTES] = "0";
	for (int digits = DOUBLE_MIN_DIGITS; isfinite(value) && digits <= DOUBLE_MAX_DIGITS; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, value);
		if (!islessgreater(strtod(text, NULL), value))
			break;
	}
	begin_value(out, name);
	put_text(out, text);
}

void json_out_bool(struct json_out *out, const char *name, bool value)
{
	begin_value(out, name);
	put_text(out, value ? "true" : "false");
}

void json_out_null(struct json_out *out, const char *name)
{
	begin_value(out, name);
	put_text(out, "null");
}

enum err_code json_out_end(struct json_out *out)
{
	return out->failed;
}
