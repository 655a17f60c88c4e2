/* json_out: writes JSON member by member into a buf. Runs of ordinary bytes are copied at once; only what must be
 * escaped or is not UTF-8 is looked at singly. It does not check that objects and arrays are closed: its callers are
 * straight-line code. */
#include "common/base/json_out.h"
#include "common/base/json_plain.h"
#include "common/base/utf8.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES = 32, DOUBLE_MIN_DIGITS = 15, DOUBLE_MAX_DIGITS = 17 };

static inline void put(struct json_out *out, const char *data, size_t len)
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
	static const char hex[] = "0123456789abcdef";
	char escape[] = {'\\', (char)byte, '0', '0', hex[byte >> 4], hex[byte & 0xf]};
	size_t len = 2;
	if (byte < 0x20)
		escape[1] = short_form[byte];
	if (!escape[1]) {
		escape[1] = 'u';
		len = sizeof(escape);
	}
	put(out, escape, len);
}

/* A string from its first byte on that is not plain; seldom there, so it stays out of put_string's way. */
static __attribute__((noinline)) void put_special(struct json_out *out, const char *value, size_t len)
{
	size_t done = 0; /* bytes before this one are written */
	for (size_t i = 0; i < len; i += json_plain_run(value + i, len - i)) {
		unsigned char byte = (unsigned char)value[i];
		size_t step = byte < 0x80 ? 0 : utf8_step(value + i, len - i);
		if (step > 0) {
			i += step;
			continue;
		}
		put(out, value + done, i - done);
		if (byte < 0x80)
			put_escape(out, byte);
		else
			put_text(out, "\xef\xbf\xbd"); /* U+FFFD */
		done = ++i;
	}
	put(out, value + done, len - done);
}

static void put_string(struct json_out *out, const char *value, size_t len)
{
	size_t plain = json_plain_run(value, len);
	put(out, "\"", 1);
	put(out, value, plain);
	if (plain < len)
		put_special(out, value + plain, len - plain);
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
