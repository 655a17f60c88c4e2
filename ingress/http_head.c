/* http_head: one pass over a copy of the bytes, by a table that says of each byte what it may be a part of. Texts are
 * ended where they stand: their '\0' takes the place of the blank, colon or CR behind them. */
#include "ingress/http_head.h"
#include "common/base/decimal.h"
#include <endian.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NO_CRLF "a line does not end in CRLF"

enum { PADDING = sizeof(uint64_t) }; /* of zeroes behind the text, which end every loop */

enum { IN_TOKEN = 1, IN_VALUE = 2, IN_TARGET = 4, IN_HOST = 8 };

/* What a byte is: nothing (control character), a part of values alone (blank, tab, beyond ASCII), any visible one, of a
 * token (RFC 9110 section 5.6.2), of a host (RFC 3986 section 3.2.2, without what no host of ours has), of both. */
enum { NO = 0, VA = IN_VALUE, VI = VA | IN_TARGET, TO = VI | IN_TOKEN, HO = VI | IN_HOST, TH = TO | HO };

static const unsigned char classes[256] = {
        NO, NO, NO, NO, NO, NO, NO, NO,
        NO, VA, NO, NO, NO, NO, NO, NO, /* a tab */
        NO, NO, NO, NO, NO, NO, NO, NO,
        NO, NO, NO, NO, NO, NO, NO, NO, /* 0x10 to 0x1f */
        VA, TO, VI, TO, TO, TH, TO, TO,
        VI, VI, TO, TO, VI, TH, TH, VI, /* blank ! " # $ % & ' ( ) * + , - . and a slash */
        TH, TH, TH, TH, TH, TH, TH, TH,
        TH, TH, HO, VI, VI, VI, VI, VI, /* 0 to 9 : ; < = > ? */
        VI, TH, TH, TH, TH, TH, TH, TH,
        TH, TH, TH, TH, TH, TH, TH, TH, /* @ A to O */
        TH, TH, TH, TH, TH, TH, TH, TH,
        TH, TH, TH, HO, VI, HO, TO, TH, /* P to Z [ \ ] ^ _ */
        TO, TH, TH, TH, TH, TH, TH, TH,
        TH, TH, TH, TH, TH, TH, TH, TH, /* ` a to o */
        TH, TH, TH, TH, TH, TH, TH, TH,
        TH, TH, TH, VI, TO, VI, TH, NO, /* p to z { | } ~ DEL */
        VA, VA, VA, VA, VA, VA, VA, VA,
        VA, VA, VA, VA, VA, VA, VA, VA, /* 0x80 to 0x8f */
        VA, VA, VA, VA, VA, VA, VA, VA,
        VA, VA, VA, VA, VA, VA, VA, VA, /* 0x90 to 0x9f */
        VA, VA, VA, VA, VA, VA, VA, VA,
        VA, VA, VA, VA, VA, VA, VA, VA, /* 0xa0 to 0xaf */
        VA, VA, VA, VA, VA, VA, VA, VA,
        VA, VA, VA, VA, VA, VA, VA, VA, /* 0xb0 to 0xbf */
        VA, VA, VA, VA, VA, VA, VA, VA,
        VA, VA, VA, VA, VA, VA, VA, VA, /* 0xc0 to 0xcf */
        VA, VA, VA, VA, VA, VA, VA, VA,
        VA, VA, VA, VA, VA, VA, VA, VA, /* 0xd0 to 0xdf */
        VA, VA, VA, VA, VA, VA, VA, VA,
        VA, VA, VA, VA, VA, VA, VA, VA, /* 0xe0 to 0xef */
        VA, VA, VA, VA, VA, VA, VA, VA,
        VA, VA, VA, VA, VA, VA, VA, VA, /* 0xf0 to 0xff */
};

struct reading {
	struct http_head *head;
	char *at, *end;    /* what has not been read; PADDING zeroes stand at the end */
	unsigned capacity; /* fields that there is room for */
	bool has_host, closes;
};

size_t http_head_end(struct http_head_scan *scan, const char *data, size_t len)
{
	while (scan->seen < len) {
		const char *lf = memchr(data + scan->seen, '\n', len - scan->seen);
		if (!lf) {
			scan->seen = len;
			return 0;
		}
		size_t line_len = (size_t)(lf - data) - scan->line;
		scan->seen = (size_t)(lf - data) + 1;
		scan->lines++;
		if (line_len == 0 || lf[-1] != '\r' || line_len == 1)
			return scan->seen;
		scan->line = scan->seen;
	}
	return 0;
}

size_t http_head_skip(const char *data, size_t len)
{
	return len >= 2 && data[0] == '\r' && data[1] == '\n' ? 2 : 0;
}

/* Passes over what is of that class; the zeroes behind the text are of none. */
static inline char *skip(char *at, unsigned char part)
{
	while (true) { /* unrolled by hand: it is most of the work */
		if (!(classes[(unsigned char)at[0]] & part))
			return at;
		if (!(classes[(unsigned char)at[1]] & part))
			return at + 1;
		if (!(classes[(unsigned char)at[2]] & part))
			return at + 2;
		if (!(classes[(unsigned char)at[3]] & part))
			return at + 3;
		at += 4;
	}
}

/* The same for targets and values, eight bytes at once. Of each it is asked whether it is below the lowest that is
 * good, DEL, or beyond ASCII: its highest bit then ends up set, for certain that of the first such byte. Values may be
 * beyond ASCII; a tab goes the slow way. */
static inline char *skip_long(char *at, unsigned char part)
{
	const uint64_t each = 0x0101010101010101, lowest = each * (part == IN_TARGET ? 0x21 : 0x20);
	for (;; at += sizeof(uint64_t)) {
		uint64_t bytes;
		memcpy(&bytes, at, sizeof bytes);
		bytes = le64toh(bytes);
		uint64_t below = (bytes - lowest) | ((bytes ^ each * 0x7f) - each);
		uint64_t found = (part == IN_TARGET ? below : below & ~bytes) & each * 0x80;
		if (found)
			return skip(at + __builtin_ctzll(found) / CHAR_BIT, part);
	}
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool is_crlf(const char *at)
{
	return at[0] == '\r' && at[1] == '\n';
}

/* In any case; len is 1 at least. Most names differ in their first letter. */
static inline bool is_same(const char *one, const char *other, size_t len)
{
	return ((one[0] ^ other[0]) & 0xdf) == 0 && strncasecmp(one, other, len) == 0;
}

/* A query's NUL is its reader's matter. A '?' or '\0' stands at the end: nothing is read behind it. */
static bool path_holds_nul(const char *target, size_t len)
{
	const char *query = memchr(target, '?', len);
	const char *end = query ? query : target + len, *at = target;
	while ((at = memchr(at, '%', (size_t)(end - at)))) {
		at++;
		if (at[0] == '0' && at[1] == '0')
			return true;
	}
	return false;
}

static const char *read_request_line(struct reading *reading)
{
	char *method = reading->at, *method_end = skip(method, IN_TOKEN);
	if (method_end == method || *method_end != ' ')
		return *method_end == '\n' ? NO_CRLF : "the method is malformed";
	char *target = method_end + 1, *target_end = skip_long(target, IN_TARGET);
	if (target_end == target || (*target_end != ' ' && *target_end != '\n' && !is_crlf(target_end)))
		return "the target holds what has to be encoded";
	char *version = target_end + (*target_end == ' '), *minor = version + sizeof "HTTP/1." - 1;
	if (memcmp(version, "HTTP/1.", sizeof "HTTP/1." - 1) != 0 || (*minor != '0' && *minor != '1'))
		return *version == '\n' ? NO_CRLF : "neither HTTP/1.0 nor HTTP/1.1";
	if (!is_crlf(minor + 1))
		return minor[1] == '\n' ? NO_CRLF : "neither HTTP/1.0 nor HTTP/1.1";
	reading->head->is_1_1 = *minor == '1';
	*method_end = *target_end = '\0';
	reading->head->method = method;
	reading->head->target = target;
	reading->at = minor + 1 + 2;
	return path_holds_nul(target, (size_t)(target_end - target)) ? "the path holds a NUL" : NULL;
}

static const char *read_host(struct reading *reading, char *value, size_t len)
{
	if (skip(value, IN_HOST) != value + len)
		return "Host is malformed";
	if (reading->has_host)
		return "two Host headers";
	reading->has_host = true;
	return NULL;
}

static const char *read_length(struct reading *reading, char *value, size_t len)
{
	int64_t length;
	if (decimal_parse(value, len, INT64_MAX, &length) != ERR_OK)
		return "Content-Length is not a number";
	if (reading->head->has_length)
		return "two Content-Length headers";
	reading->head->has_length = true;
	reading->head->length = (uint64_t)length;
	return NULL;
}

static const char *read_coding(struct reading *reading, char *value, size_t len)
{
	if (len != sizeof "chunked" - 1 || !is_same(value, "chunked", len))
		return "Transfer-Encoding is not chunked";
	if (reading->head->chunked)
		return "two Transfer-Encoding headers";
	reading->head->chunked = true;
	return NULL;
}

static const char *read_expect(struct reading *reading, char *value, size_t len)
{
	if (len == sizeof "100-continue" - 1 && is_same(value, "100-continue", len) && reading->head->is_1_1)
		reading->head->expects = true;
	return NULL;
}

/* A list of tokens (RFC 9110 section 7.6.1); what else it holds is of no use here. */
static const char *read_connection(struct reading *reading, char *value, size_t len)
{
	for (const char *at = value, *end = value + len; at < end; at++) {
		while (is_blank(*at))
			at++;
		const char *comma = memchr(at, ',', (size_t)(end - at)), *last = comma ? comma : end;
		while (last > at && is_blank(last[-1]))
			last--;
		if (last - at == sizeof "close" - 1 && is_same(at, "close", sizeof "close" - 1))
			reading->closes = true;
		at = comma ? comma : end;
	}
	return NULL;
}

/* The headers that say how the message is framed; they stand at the length of their names. */
static const struct {
	const char *name;
	const char *(*read)(struct reading *reading, char *value, size_t len);
} known[] = {
        [sizeof "Host" - 1] = {"Host", read_host},
        [sizeof "Expect" - 1] = {"Expect", read_expect},
        [sizeof "Connection" - 1] = {"Connection", read_connection},
        [sizeof "Content-Length" - 1] = {"Content-Length", read_length},
        [sizeof "Transfer-Encoding" - 1] = {"Transfer-Encoding", read_coding},
};

static const char *read_field(struct reading *reading)
{
	struct http_head *head = reading->head;
	char *name = reading->at, *name_end = skip(name, IN_TOKEN), *value = name_end + 1;
	if (name_end == name || *name_end != ':')
		return is_blank(*name)     ? "a header is folded"
		       : *name_end == '\n' ? NO_CRLF
		                           : "a header's name is malformed";
	while (is_blank(*value))
		value++;
	char *cr = skip_long(value, IN_VALUE), *value_end = cr;
	if (!is_crlf(cr))
		return *cr == '\n' ? NO_CRLF : "a header's value holds a control character";
	if (head->count == reading->capacity)
		return "too many headers";
	while (value_end > value && is_blank(value_end[-1]))
		value_end--;
	*name_end = *value_end = '\0';
	reading->at = cr + 2;
	size_t name_len = (size_t)(name_end - name), value_len = (size_t)(value_end - value);
	if (name_len < sizeof known / sizeof *known && known[name_len].name &&
	    is_same(name, known[name_len].name, name_len)) {
		const char *broken = known[name_len].read(reading, value, value_len);
		if (broken)
			return broken;
	}
	head->fields[head->count++] = (struct http_field){(uint16_t)(name - head->text), (uint16_t)(value - head->text),
	                                                  (uint16_t)name_len, (uint16_t)value_len};
	return NULL;
}

static const char *check_framing(const struct reading *reading)
{
	const struct http_head *head = reading->head;
	if (!reading->has_host && head->is_1_1)
		return "no Host header";
	if (head->has_length && head->chunked)
		return "both Content-Length and Transfer-Encoding";
	if (head->chunked && !head->is_1_1)
		return "Transfer-Encoding before HTTP/1.1";
	return NULL;
}

static const char *read_all(struct reading *reading)
{
	const char *broken = read_request_line(reading);
	while (!broken && !is_crlf(reading->at))
		broken = read_field(reading);
	if (!broken && reading->at + 2 != reading->end)
		broken = "the head does not end with its empty line";
	return broken ? broken : check_framing(reading);
}

struct http_head *http_head_new(const char *data, size_t len, unsigned lines)
{
	size_t kept = len < HTTP_HEAD_MAX_BYTES ? len : HTTP_HEAD_MAX_BYTES;
	unsigned capacity = lines < HTTP_HEAD_MAX_LINES ? lines : HTTP_HEAD_MAX_LINES;
	size_t before_text = sizeof(struct http_head) + capacity * sizeof(struct http_field);
	struct http_head *head = malloc(before_text + kept + PADDING);
	if (!head)
		return NULL;
	char *text = (char *)head + before_text;
	memcpy(text, data, kept);
	memset(text + kept, 0, PADDING);
	*head = (struct http_head){
	        .method = text + kept, .target = text + kept, .text = text, .size = before_text + kept + PADDING};
	struct reading reading = {.head = head, .at = text, .end = text + kept, .capacity = capacity};
	head->broken = read_all(&reading);
	head->too_large = len > HTTP_HEAD_MAX_BYTES || lines > HTTP_HEAD_MAX_LINES;
	if (head->too_large)
		head->broken = len > HTTP_HEAD_MAX_BYTES ? "the head is too long" : "too many headers";
	head->keeps = !head->broken && head->is_1_1 && !reading.closes;
	return head;
}

void http_head_free(struct http_head *head)
{
	if (!head)
		return;
	explicit_bzero(head, head->size);
	free(head);
}

const char *http_head_value(const struct http_head *head, const char *name)
{
	size_t len = strlen(name);
	for (unsigned i = 0; i < head->count; i++) {
		const struct http_field *field = &head->fields[i];
		if (field->name_len == len && is_same(head->text + field->name, name, len))
			return head->text + field->value;
	}
	return NULL;
}
