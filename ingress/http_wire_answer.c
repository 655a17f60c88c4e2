/* http_wire_answer: an answer's bytes: status line, headers, body (RFC 9112 section 4). */
#include "common/base/decimal.h"
#include "ingress/http_wire_internal.h"
#include <stdio.h>

static const struct {
	int status;
	const char *reason;
} reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {410, "Gone"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
};

/* May be empty (RFC 9112 section 4). */
static const char *reason_of(int status)
{
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}

/* RFC 9110 section 5.6.7; locales do not reach it. */
static const char *date(struct http_wire *wire)
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t now = time(NULL);
	struct tm utc;
	if (now != wire->date.at && gmtime_r(&now, &utc)) {
		(void)snprintf(wire->date.text, sizeof wire->date.text, "%s, %02d %s %04d %02d:%02d:%02d GMT",
		               days[utc.tm_wday], utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour,
		               utc.tm_min, utc.tm_sec);
		wire->date.at = now;
	}
	return wire->date.text;
}

/* Lines, each put together in one go. */
struct pen {
	struct buf *out;
	enum err_code code;
};

static inline char *copy(char *at, const char *text, size_t len)
{
	return (char *)memcpy(at, text, len) + len;
}

/* before, text, after, more, CR LF; always inlined, so that a constant costs nothing but its bytes. */
static inline __attribute__((always_inline)) void put_line(struct pen *pen, const char *before, const char *text,
                                                           const char *after, const char *more)
{
	size_t before_len = strlen(before), text_len = strlen(text), after_len = strlen(after), more_len = strlen(more);
	char *at;
	if (pen->code == ERR_OK)
		pen->code = buf_room(pen->out, before_len + text_len + after_len + more_len + 2, &at);
	if (pen->code != ERR_OK)
		return;
	at = copy(at, before, before_len);
	at = copy(at, text, text_len);
	at = copy(at, after, after_len);
	at = copy(at, more, more_len);
	buf_wrote(pen->out, copy(at, "\r\n", 2));
}

enum err_code http_answer_write(struct http_wire *wire, const struct http_answer *answer, bool closes,
                                bool without_body)
{
	struct pen pen = {&wire->out, ERR_OK};
	bool has_none = answer->status == 204 || answer->status == 304; /* RFC 9110 section 8.6 */
	char number[DECIMAL_BYTES];
	(void)decimal_write(answer->status, number);
	put_line(&pen, "HTTP/1.1 ", number, " ", reason_of(answer->status));
	put_line(&pen, "Date: ", date(wire), "", "");
	if (closes)
		put_line(&pen, "Connection: close", "", "", "");
	if (!has_none) {
		(void)decimal_write((int64_t)answer->len, number);
		put_line(&pen, "Content-Length: ", number, "", "");
	}
	for (size_t i = 0; i < answer->count; i++)
		put_line(&pen, "", answer->headers[i].name, ": ", answer->headers[i].value);
	put_line(&pen, "", "", "", "");
	if (!without_body && !has_none && pen.code == ERR_OK)
		pen.code = buf_append(pen.out, answer->body, answer->len);
	return pen.code;
}
