/* cert_header: percent-decoding, PEM's lines or RFC 9440's colons off, blanks out, then strict base64. */
#include "ingress/cert_header.h"
#include "common/base/base64.h"
#include <ctype.h>
#include <string.h>

enum { HEX = 16 };

static const char begin_line[] = "-----BEGIN CERTIFICATE-----", end_line[] = "-----END CERTIFICATE-----";

static int hex(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = digit ? strchr(digits, tolower((unsigned char)digit)) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* Percent-decodes text[0..len) in place. Returns: the length; len + 1 when an escape is broken. */
static size_t decode_percent(char *text, size_t len)
{
	size_t to = 0;
	for (size_t at = 0; at < len; at++) {
		int high, low;
		if (text[at] != '%') {
			text[to++] = text[at];
			continue;
		}
		if (len - at <= 2 || (high = hex(text[at + 1])) < 0 || (low = hex(text[at + 2])) < 0)
			return len + 1;
		text[to++] = (char)(high * HEX + low);
		at += 2;
	}
	return to;
}

static size_t drop_blanks(char *text, size_t len)
{
	size_t to = 0;
	for (size_t at = 0; at < len; at++)
		if (!text[at] || !strchr(" \t\r\n", text[at]))
			text[to++] = text[at];
	return to;
}

/* What of text[0..*len) is base64; both without blanks. NULL: neither PEM's nor RFC 9440's frame is whole. */
static const char *unframe(const char *text, size_t *len)
{
	char begin[sizeof begin_line], end[sizeof end_line];
	memcpy(begin, begin_line, sizeof begin);
	memcpy(end, end_line, sizeof end);
	size_t begin_len = drop_blanks(begin, sizeof begin - 1), end_len = drop_blanks(end, sizeof end - 1);
	if (*len > begin_len && memcmp(text, begin, begin_len) == 0) {
		if (*len < begin_len + end_len || memcmp(text + *len - end_len, end, end_len) != 0)
			return NULL;
		*len -= begin_len + end_len;
		return text + begin_len;
	}
	if (*len > 0 && *text == ':') {
		if (*len < 2 || text[*len - 1] != ':')
			return NULL;
		*len -= 2;
		return text + 1;
	}
	return text;
}

enum err_code cert_header_read(const char *text, unsigned char *out, size_t cap, size_t *ret_len)
{
	char copy[CERT_HEADER_MAX_BYTES];
	size_t given = strnlen(text, sizeof copy + 1), len = given;
	if (given > sizeof copy)
		return ERR_LIMIT;
	memcpy(copy, text, given);
	len = decode_percent(copy, given);
	if (len > given)
		return ERR_INVALID;
	len = drop_blanks(copy, len);
	const char *base64 = unframe(copy, &len);
	if (!base64 || len == 0)
		return ERR_INVALID;
	return base64_decode(base64, len, out, cap, ret_len);
}
