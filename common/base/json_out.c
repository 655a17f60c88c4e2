/* json_out: writes JSON member by member into a buf. Runs of ordinary bytes are copied at once; only what must be
 * escaped or is not UTF-8 is looked at singly. It does not check that objects and arrays are closed: its callers are
 * straight-line code. */
#include "common/base/json_out.h"
#include "common/base/decimal.h"
#include "common/base/json_plain.h"
#include "common/base/utf8.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MARKS = sizeof "\"\":" - 1, NUMBER_BYTES = 32, DOUBLE_MIN_DIGITS = 15, DOUBLE_MAX_DIGITS = 17 };

static inline void put(struct json_out *out, const char *data, size_t len)
{
	if (out->failed == ERR_OK)
		out->failed = buf_append(out->buf, data, len);
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
			put(out, "\xef\xbf\xbd", 3); /* U+FFFD */
		done = ++i;
	}
	put(out, value + done, len - done);
}

/* Writes what stands before a value, and makes room for the value's first `len` bytes too.
 * Returns: where these go, ended by buf_wrote; NULL after an error. */
static inline char *begin_value(struct json_out *out, struct json_name name, size_t len)
{
	size_t before = (out->need_comma ? 1 : 0) + (name.text ? name.len + NAME_MARKS : 0);
	char *at;
#ifdef VERIFYD_CRASH_POINTS /* a build for tests */
	assert(json_plain_run(name.text, name.len) == name.len);
#endif
	if (out->failed == ERR_OK)
		out->failed = buf_room(out->buf, before + len, &at);
	if (out->failed != ERR_OK)
		return NULL;
	if (out->need_comma)
		*at++ = ',';
	out->need_comma = true;
	if (name.text) {
		*at++ = '"';
		at = (char *)memcpy(at, name.text, name.len) + name.len;
		*at++ = '"';
		*at++ = ':';
	}
	return at;
}

void json_out_begin(struct json_out *out, struct buf *buf)
{
	*out = (struct json_out){.buf = buf, .failed = ERR_OK};
}

void json_out_open(struct json_out *out, struct json_name name, char bracket)
{
	char *at = begin_value(out, name, 1);
	if (!at)
		return;
	*at++ = bracket;
	buf_wrote(out->buf, at);
	out->need_comma = false;
}

static void close_group(struct json_out *out, const char *bracket)
{
	put(out, bracket, 1);
	out->need_comma = true;
}

void json_out_object_end(struct json_out *out)
{
	close_group(out, "}");
}

void json_out_array_end(struct json_out *out)
{
	close_group(out, "]");
}

void json_out_text(struct json_out *out, struct json_name name, const char *value, size_t len)
{
	size_t plain = json_plain_run(value, len);
	char *at = begin_value(out, name, plain + 2);
	if (!at)
		return;
	*at++ = '"';
	at = (char *)memcpy(at, value, plain) + plain;
	if (plain == len) {
		*at++ = '"';
		buf_wrote(out->buf, at);
		return;
	}
	buf_wrote(out->buf, at);
	put_special(out, value + plain, len - plain);
	put(out, "\"", 1);
}

static void put_value(struct json_out *out, struct json_name name, const char *text, size_t len)
{
	char *at = begin_value(out, name, len);
	if (at)
		buf_wrote(out->buf, (char *)memcpy(at, text, len) + len);
}

void json_out_whole(struct json_out *out, struct json_name name, int64_t value)
{
	char text[DECIMAL_BYTES];
	const char *end = decimal_write(value, text);
	put_value(out, name, text, (size_t)(end - text));
}

void json_out_word(struct json_out *out, struct json_name name, const char *word)
{
	put_value(out, name, word, strlen(word));
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
	json_out_word(out, json_name(name), text);
}

enum err_code json_out_end(struct json_out *out)
{
	return out->failed;
}
