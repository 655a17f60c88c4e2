/* http_head: a request's line and headers (RFC 9112 sections 2 to 6), strictly: what two HTTP parsers could read in two ways is
 * refused (request smuggling), not repaired. Pure.
 *
 * Limits: HTTP_HEAD_MAX_BYTES of line and headers, HTTP_HEAD_MAX_LINES lines; the first one and the empty one count. */
#ifndef VERIFYD_HTTP_HEAD_H
#define VERIFYD_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_HEAD_MAX_BYTES = 24 * 1024, HTTP_HEAD_MAX_LINES = 128 };

/* How far the end of a head was looked for; of zeroes at its beginning. */
struct http_head_scan {
	size_t line;    /* where the line begins that has not ended */
	size_t seen;    /* bytes that were looked at */
	unsigned lines; /* that have ended */
};

/* Looks for the end of a head in what has come of it; every byte is looked at once, in whatever pieces it comes. Empty lines before
 * the request line have to be left out by the caller (http_head_skip).
 * Returns: its length, with the empty line at its end, or up to a line that ends in LF alone, which http_head_new then refuses;
 * 0: its end is not there yet. */
size_t http_head_end(struct http_head_scan *scan, const char *data, size_t len);

/* How many bytes of an empty line stand before the request line (RFC 9112 section 2.2: one is ignored). Returns: 0 or 2. */
size_t http_head_skip(const char *data, size_t len);

struct http_field {
	uint16_t name, value; /* where they begin in text */
	uint16_t name_len, value_len;
};

/* All texts stand in `text` and end in '\0'. */
struct http_head {
	const char *broken; /* the rule that it breaks (a constant text that holds nothing of the request); NULL: none. If not NULL, nothing
	                     * else of the head counts but method and target, which are "" where they could not be read */
	const char *method, *target; /* as they stood there, not decoded */
	bool too_large;              /* the rule that it breaks is a limit of the two above */
	bool is_1_1;                 /* else HTTP/1.0 */
	bool keeps;                  /* the connection may go on after the answer */
	bool expects;                /* Expect: 100-continue */
	bool chunked, has_length;    /* how the body is framed; neither: there is none */
	uint64_t length;
	uint16_t count;
	char *text;
	size_t size; /* of the whole allocation */
	struct http_field fields[];
};

/* Reads a head of len bytes, all of it, as http_head_end found it; one beyond the limits or not ended is broken. Returns:
 * ended by http_head_free; NULL: no memory. */
struct http_head *http_head_new(const char *data, size_t len, unsigned lines);
void http_head_free(struct http_head *head); /* overwrites it: it holds credentials; accepts NULL */

/* The value of the first header of that name, in any case; "" is a value. Returns: NULL: there is none. Lives as long as the head. */
const char *http_head_value(const struct http_head *head, const char *name);

#endif
