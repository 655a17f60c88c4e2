/* http_head: whatever two HTTP parsers could read in two ways is refused. A row names the rule that it breaks. */
#include "tests/unit/http_head_fixture.h"
#include <ctype.h>
#include <stdio.h>

#define ROW(bytes, says)                                                                                               \
	{                                                                                                              \
		bytes, sizeof bytes - 1, says                                                                          \
	}

struct row {
	const char *bytes;
	size_t len;
	const char *says;
};

static void expect_refused(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct http_head *head = read_at_once(rows[i].bytes, rows[i].len);
		if (!head->broken || strcmp(head->broken, rows[i].says) != 0)
			print_error("row %zu: '%s': %s\n", i, rows[i].bytes, head->broken ? head->broken : "good");
		assert_non_null(head->broken);
		assert_string_equal(head->broken, rows[i].says);
		assert_false(head->keeps);
		http_head_free(head);
	}
}

#define EXPECT_REFUSED(rows) expect_refused(rows, sizeof rows / sizeof *rows)

static void where_the_body_ends_must_be_clear(void **state)
{
#define LENGTH    "Content-Length: 2\r\n"
#define CODING    "Transfer-Encoding: chunked\r\n"
#define NO_LENGTH "Content-Length is not a number"
#define NO_CODING "Transfer-Encoding is not chunked"
	static const struct row rows[] = {
	        ROW(GET HOST LENGTH CODING "\r\n", "both Content-Length and Transfer-Encoding"),
	        ROW(GET HOST CODING LENGTH "\r\n", "both Content-Length and Transfer-Encoding"),
	        ROW(GET HOST CODING "Content-Length: 0\r\n\r\n", "both Content-Length and Transfer-Encoding"),
	        ROW(GET HOST LENGTH "Transfer-Encoding: x\r\n\r\n", NO_CODING),
	        ROW(GET HOST LENGTH "Content-Length: 30\r\n\r\n", "two Content-Length headers"),
	        ROW(GET HOST "Content-Length: 30\r\n" LENGTH "\r\n", "two Content-Length headers"),
	        ROW(GET HOST LENGTH LENGTH "\r\n", "two Content-Length headers"),
	        ROW(GET HOST LENGTH "CONTENT-LENGTH: 3\r\n\r\n", "two Content-Length headers"),
	        ROW(GET HOST "Content-Length: 2, 2\r\n\r\n", NO_LENGTH),
	        ROW(GET HOST "Content-Length: 2, 30\r\n\r\n", NO_LENGTH),
	        ROW(GET HOST "Content-Length: 2,2\r\n\r\n", NO_LENGTH),
	        ROW(GET HOST "Content-Length: +2\r\n\r\n", NO_LENGTH),
	        ROW(GET HOST "Content-Length: -1\r\n\r\n", NO_LENGTH),
	        ROW(GET HOST "Content-Length: 0x2\r\n\r\n", NO_LENGTH),
	        ROW(GET HOST "Content-Length: 2x\r\n\r\n", NO_LENGTH),
	        ROW(GET HOST "Content-Length: 2;\r\n\r\n", NO_LENGTH),
	        ROW(GET HOST "Content-Length: five\r\n\r\n", NO_LENGTH),
	        ROW(GET HOST "Content-Length: \xc2\xb2\r\n\r\n", NO_LENGTH),
	        ROW(GET HOST "Content-Length: 2 0\r\n\r\n", NO_LENGTH),
	        ROW(GET HOST "Content-Length: 18446744073709551618\r\n\r\n", NO_LENGTH),
	        ROW(GET HOST "Content-Length: 1234567890123456789\r\n\r\n", NO_LENGTH),
	        ROW(GET HOST "Content-Length:\r\n\r\n", NO_LENGTH),
	        ROW(GET HOST "Content-Length:  \r\n\r\n", NO_LENGTH),
	        ROW(GET HOST "Content-Length: 5\v\r\n\r\n", "a header's value holds a control character"),
	        ROW(GET HOST "Transfer-Encoding: gzip\r\n\r\n", NO_CODING),
	        ROW(GET HOST "Transfer-Encoding: identity\r\n\r\n", NO_CODING),
	        ROW(GET HOST "Transfer-Encoding:\r\n\r\n", NO_CODING),
	        ROW(GET HOST CODING CODING "\r\n", "two Transfer-Encoding headers"),
	        ROW(GET HOST CODING "Transfer-Encoding: identity\r\n\r\n", NO_CODING),
	        ROW(GET HOST "Transfer-Encoding: chunked, gzip\r\n\r\n", NO_CODING),
	        ROW(GET HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", NO_CODING),
	        ROW(GET HOST "Transfer-Encoding: chunked, chunked\r\n\r\n", NO_CODING),
	        ROW(GET HOST "Transfer-Encoding: \"chunked\"\r\n\r\n", NO_CODING),
	        ROW(GET HOST "Transfer-Encoding: chunked;q=1\r\n\r\n", NO_CODING),
	        ROW(GET HOST "Transfer-Encoding: \vchunked\r\n\r\n", "a header's value holds a control character"),
	        ROW(GET HOST "Transfer-Encoding: chunked\0\r\n\r\n", "a header's value holds a control character"),
	        ROW(GET HOST "Transfer-Encoding: xchunked\r\n\r\n", NO_CODING),
	        ROW(GET HOST "Transfer-Encoding: chunke\r\n\r\n", NO_CODING),
	        ROW(OLD "Connection: keep-alive\r\n" CODING "\r\n", "Transfer-Encoding before HTTP/1.1"),
	};
	(void)state;
	EXPECT_REFUSED(rows);
}

static void where_a_header_ends_must_be_clear(void **state)
{
#define NAME    "a header's name is malformed"
#define VALUE   "a header's value holds a control character"
#define NO_CRLF "a line does not end in CRLF"
#define FOLDED  "a header is folded"
	static const struct row rows[] = {
	        ROW(GET HOST "Content-Length : 2\r\n\r\n", NAME),
	        ROW(GET HOST "Transfer-Encoding : chunked\r\n\r\n", NAME),
	        ROW(GET HOST "Transfer-Encoding\t: chunked\r\n\r\n", NAME),
	        ROW(GET HOST "Transfer-Encoding\0: chunked\r\n\r\n", NAME),
	        ROW(GET HOST "Transfer-Encod\xefng: chunked\r\n\r\n", NAME),
	        ROW(GET HOST ": chunked\r\n\r\n", NAME),
	        ROW(GET HOST "Transfer-Encoding chunked\r\n\r\n", NAME),
	        ROW(GET HOST "Transfer-Encoding\r\n\r\n", NAME),
	        ROW(GET HOST "X Y: z\r\n\r\n", NAME),
	        ROW(GET HOST "X(Y): z\r\n\r\n", NAME),
	        ROW(GET HOST "\0X: a\r\n\r\n", NAME),
	        ROW(GET HOST "\rX: a\r\n\r\n", NAME),
	        ROW(GET HOST "X\r: a\r\n\r\n", NAME),
	        ROW(GET HOST "X: a\r\n b\r\n\r\n", FOLDED),
	        ROW(GET HOST "X: a\r\n\tContent-Length: 60\r\n\r\n", FOLDED),
	        ROW(GET HOST "Content-Length: 0\r\n\t\r\n\r\n", FOLDED),
	        ROW(GET " " HOST HOST "\r\n", FOLDED),
	        ROW(GET HOST "X:\r\n chunked\r\n\r\n", FOLDED),
	        ROW(GET HOST "Transfer-Encoding:\r\n chunked\r\n\r\n", NO_CODING),
	        ROW(GET HOST "Content-Length:\r\n 2\r\n\r\n", NO_LENGTH),
	        ROW(GET HOST "X: a\nContent-Length: 2\r\n\r\n", NO_CRLF),
	        ROW(GET HOST "X: a\nTransfer-Encoding: chunked\r\n\r\n", NO_CRLF),
	        ROW(GET HOST "X: a\n\nGET /v1/y HTTP/1.1\nHost: a\n\n", NO_CRLF),
	        ROW("GET /v1/x HTTP/1.1\nHost: h\n\n", NO_CRLF),
	        ROW("GET /v1/x HTTP/1.1\n" HOST "\r\n", NO_CRLF),
	        ROW("GET /v1/x\n" HOST "\r\n", NO_CRLF),
	        ROW("GET\n" HOST "\r\n", NO_CRLF),
	        ROW("\n" GET HOST "\r\n", NO_CRLF),
	        ROW(GET HOST "\nGET /v1/y HTTP/1.1\r\n" HOST "\r\n", NO_CRLF),
	        ROW(GET HOST "X\n\r\n", NO_CRLF),
	        ROW(GET HOST "X:\n\r\n", NO_CRLF),
	        ROW(GET HOST "X: a\rContent-Length: 60\r\n\r\n", VALUE),
	        ROW(GET HOST "X: a\r\r\n\r\n", VALUE),
	        ROW(GET HOST "X: a\0b\r\n\r\n", VALUE),
	        ROW(GET HOST "X: a\0\r\n\r\n", VALUE),
	        ROW(GET HOST "X: a\x01"
	                     "b\r\n\r\n",
	            VALUE),
	        ROW(GET HOST "X: \x7f\r\n\r\n", VALUE),
	};
	(void)state;
	EXPECT_REFUSED(rows);
}

static void whose_request_it_is_must_be_clear(void **state)
{
	static const struct row rows[] = {
	        ROW(GET "\r\n", "no Host header"),
	        ROW(GET "X: y\r\n\r\n", "no Host header"),
	        ROW(GET "X-Host: y\r\n\r\n", "no Host header"),
	        ROW(GET HOST HOST "\r\n", "two Host headers"),
	        ROW(GET HOST "X: y\r\nhost: b\r\n\r\n", "two Host headers"),
	        ROW(OLD HOST "Host: b\r\n\r\n", "two Host headers"),
	        ROW(GET "Host:\r\nHost: b\r\n\r\n", "two Host headers"),
	        ROW(GET "Host: a, b\r\n\r\n", "Host is malformed"),
	        ROW(GET "Host: a b\r\n\r\n", "Host is malformed"),
	        ROW(GET "Host: b@a\r\n\r\n", "Host is malformed"),
	        ROW(GET "Host: a/b\r\n\r\n", "Host is malformed"),
	        ROW(OLD "Host: a/b\r\n\r\n", "Host is malformed"),
	        ROW(GET "Host: \xe9\r\n\r\n", "Host is malformed"),
	};
	(void)state;
	EXPECT_REFUSED(rows);
}

static void the_first_line_must_be_clear(void **state)
{
#define METHOD  "the method is malformed"
#define TARGET  "the target holds what has to be encoded"
#define VERSION "neither HTTP/1.0 nor HTTP/1.1"
	static const struct row rows[] = {
	        ROW("GET /v1/x\0y HTTP/1.1\r\n" HOST "\r\n", TARGET),
	        ROW("GE\0T /v1/x HTTP/1.1\r\n" HOST "\r\n", METHOD),
	        ROW("GET\0 /v1/x HTTP/1.1\r\n" HOST "\r\n", METHOD),
	        ROW("GET\0X /v1/x HTTP/1.1\r\n" HOST "\r\n", METHOD),
	        ROW("GET /v1/x y HTTP/1.1\r\n" HOST "\r\n", VERSION),
	        ROW("GET /v1/x\ty HTTP/1.1\r\n" HOST "\r\n", TARGET),
	        ROW("GET /v1/\xe9 HTTP/1.1\r\n" HOST "\r\n", TARGET),
	        ROW("GET /v1/\x7f HTTP/1.1\r\n" HOST "\r\n", TARGET),
	        ROW("GET /v1/x\ry HTTP/1.1\r\n" HOST "\r\n", TARGET),
	        ROW("GET  /v1/x  HTTP/1.1\r\n" HOST "\r\n", TARGET),
	        ROW("GET /v1/x  HTTP/1.1\r\n" HOST "\r\n", VERSION),
	        ROW("GET  HTTP/1.1\r\n" HOST "\r\n", TARGET),
	        ROW("GET \r\n" HOST "\r\n", TARGET),
	        ROW("GET\r\n" HOST "\r\n", METHOD),
	        ROW("GET\t/v1/x HTTP/1.1\r\n" HOST "\r\n", METHOD),
	        ROW(" GET /v1/x HTTP/1.1\r\n" HOST "\r\n", METHOD),
	        ROW("G(T /v1/x HTTP/1.1\r\n" HOST "\r\n", METHOD),
	        ROW("\r\n" GET HOST "\r\n", METHOD),
	        ROW("\x16\x03\x01\x02\r\n\r\n", METHOD),
	        ROW("GET /v1/x HTTP/1.0 HTTP/1.1\r\n" HOST "\r\n", VERSION),
	        ROW("GET /v1/x HTTP/1.1 \r\n" HOST "\r\n", VERSION),
	        ROW("GET /v1/x HTTP/1.1\r\r\n" HOST "\r\n", VERSION),
	        ROW("GET /v1/x HTTP/1.10\r\n" HOST "\r\n", VERSION),
	        ROW("GET /v1/x HTTP/1.\r\n" HOST "\r\n", VERSION),
	        ROW("GET /v1/x http/1.1\r\n" HOST "\r\n", VERSION),
	        ROW("GET /v1/x HTTP/1.2\r\n" HOST "\r\n", VERSION),
	        ROW("GET /v1/x HTTP/9.9\r\n" HOST "\r\n", VERSION),
	        ROW("PRI * HTTP/2.0\r\n\r\n", VERSION),
	        ROW("GET /v1/x\r\n\r\n", VERSION),
	        ROW("GET /v1/x \r\n\r\n", VERSION),
	};
	static const struct row nuls[] = {
	        ROW("GET /v1/x%00y HTTP/1.1\r\n" HOST "\r\n", "the path holds a NUL"),
	        ROW("GET /%41%00 HTTP/1.1\r\n" HOST "\r\n", "the path holds a NUL"),
	        ROW("GET /%%00?a HTTP/1.1\r\n" HOST "\r\n", "the path holds a NUL"),
	};
	(void)state;
	EXPECT_REFUSED(rows);
	EXPECT_REFUSED(nuls);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct http_head *head = read_at_once(rows[i].bytes, rows[i].len);
		assert_string_equal(head->method, "");
		assert_string_equal(head->target, "");
		assert_int_equal(head->count, 0);
		http_head_free(head);
	}
}

/* As they were before: the two lists of what RFC 9110 and RFC 3986 allow. */
static bool may_stand(unsigned char c, char where)
{
	if (isalnum(c))
		return c < 0x80;
	switch (where) {
	case 'n':
		return c && strchr("!#$%&'*+-.^_`|~", c);
	case 'h':
		return c && strchr("-._~%:[]", c);
	case 't':
		return c > 0x20 && c < 0x7f;
	default:
		return c == '\t' || (c >= 0x20 && c != 0x7f);
	}
}

static void every_byte_may_stand_where_the_rfc_lets_it(void **state)
{
	static const struct {
		char where;
		const char *before, *behind;
	} rows[] = {{'n', "X", " /x HTTP/1.1\r\n" HOST "\r\n"},
	            {'n', GET HOST "X", "Y: z\r\n\r\n"},
	            {'t', "GET /", "x HTTP/1.1\r\n" HOST "\r\n"},
	            {'v', GET HOST "X: a", "b\r\n\r\n"},
	            {'h', GET "Host: a", "b\r\n\r\n"}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (unsigned c = 0; c < 256; c++) {
			char bytes[128];
			size_t before = strlen(rows[i].before), behind = strlen(rows[i].behind);
			if ((i == 0 && c == ' ') || (i == 1 && c == ':') || (i == 2 && c == ' '))
				continue; /* they end it */
			memcpy(bytes, rows[i].before, before);
			bytes[before] = (char)c;
			memcpy(bytes + before + 1, rows[i].behind, behind);
			struct http_head *head = read_at_once(bytes, before + 1 + behind);
			if (!head->broken != may_stand((unsigned char)c, rows[i].where))
				print_error("row %zu, byte %u: %s\n", i, c, head->broken ? head->broken : "good");
			assert_int_equal(!head->broken, may_stand((unsigned char)c, rows[i].where));
			http_head_free(head);
		}
}

/* Long ones are read several bytes at once: neither a byte's place nor its neighbour makes it better or worse. */
static void any_two_bytes_are_good_together_if_each_of_them_is(void **state)
{
	static const struct {
		char where;
		const char *before, *behind;
	} rows[] = {{'t', "GET /", " HTTP/1.1\r\n" HOST "\r\n"}, {'v', GET HOST "X: a", "z\r\n\r\n"}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (unsigned pair = 0; pair < 65536; pair++) {
			unsigned char one = (unsigned char)(pair >> 8), other = (unsigned char)pair;
			char bytes[128];
			if (rows[i].where == 't' && (one == ' ' || other == ' '))
				continue; /* ends it */
			int n = snprintf(bytes, sizeof bytes, "%s%.*s", rows[i].before, (int)(pair % 11), "aaaaaaaaaa");
			bytes[n++] = (char)one;
			bytes[n++] = (char)other;
			n += snprintf(bytes + n, sizeof bytes - (size_t)n, "%s", rows[i].behind);
			struct http_head *head = read_at_once(bytes, (size_t)n);
			bool good = may_stand(one, rows[i].where) && may_stand(other, rows[i].where);
			if (!head->broken != good)
				print_error("row %zu, bytes %u: %s\n", i, pair, head->broken ? head->broken : "good");
			assert_int_equal(!head->broken, good);
			http_head_free(head);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(where_the_body_ends_must_be_clear),
	        cmocka_unit_test(where_a_header_ends_must_be_clear),
	        cmocka_unit_test(whose_request_it_is_must_be_clear),
	        cmocka_unit_test(the_first_line_must_be_clear),
	        cmocka_unit_test(every_byte_may_stand_where_the_rfc_lets_it),
	        cmocka_unit_test(any_two_bytes_are_good_together_if_each_of_them_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
