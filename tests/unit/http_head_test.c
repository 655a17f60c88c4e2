/* http_head: a good head is read right in pieces of any size, up to its limits. What is refused:
 * http_head_refused_test.c. */
#include "tests/unit/http_head_fixture.h"
#include <stdio.h>

/* All that counts of a good head, in one text. */
static void describe(const struct http_head *head, char *out, size_t size)
{
	int n = snprintf(out, size, "%s|%s|%s|%d%d%d%d%d|%llu", head->broken ? head->broken : "", head->method,
	                 head->target, head->is_1_1, head->keeps, head->expects, head->chunked, head->has_length,
	                 (unsigned long long)head->length);
	for (unsigned i = 0; i < head->count; i++) {
		const struct http_field *field = &head->fields[i];
		assert_int_equal(strlen(head->text + field->name), field->name_len);
		assert_int_equal(strlen(head->text + field->value), field->value_len);
		n += snprintf(out + n, size - (size_t)n, "|%s=%s", head->text + field->name, head->text + field->value);
	}
	assert_in_range(n, 1, size - 1);
}

static void good_heads_are_read_right_in_pieces_of_any_size(void **state)
{
	static const struct {
		const char *bytes, *says; /* is_1_1, keeps, expects, chunked, has_length; length */
	} rows[] = {
	        {GET HOST "\r\n", "|GET|/v1/x|11000|0|Host=h"},
	        {GET "hOST:h\r\nX-Empty:\r\nA!#$%&'*+-.^_`|~9: \xc3\xa9\r\n\r\n",
	         "|GET|/v1/x|11000|0|hOST=h|X-Empty=|A!#$%&'*+-.^_`|~9=\xc3\xa9"},
	        {GET "Host:\r\nX: \t a \t b\t \r\nY: \t \r\n\r\n", "|GET|/v1/x|11000|0|Host=|X=a \t b|Y="},
	        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n", "|POST|/|11001|5|Host=h|Content-Length=5"},
	        {"POST / HTTP/1.1\r\n" HOST "content-length:  005\t\r\n\r\n",
	         "|POST|/|11001|5|Host=h|content-length=005"},
	        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "|POST|/|11001|0|Host=h|Content-Length=0"},
	        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 999999999999999999\r\n\r\n",
	         "|POST|/|11001|999999999999999999|Host=h|Content-Length=999999999999999999"},
	        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\tChunKed\r\n\r\n",
	         "|POST|/|11010|0|Host=h|Transfer-Encoding=ChunKed"},
	        {"POST / HTTP/1.1\r\n" HOST "expect: 100-Continue\r\nContent-Length: 1\r\n\r\n",
	         "|POST|/|11101|1|Host=h|expect=100-Continue|Content-Length=1"},
	        {"POST / HTTP/1.1\r\n" HOST "Expect: 100-continued\r\n\r\n",
	         "|POST|/|11000|0|Host=h|Expect=100-continued"},
	        {"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
	         "|POST|/|00001|1|Expect=100-continue|Content-Length=1"},
	        {OLD "\r\n", "|GET|/v1/x|00000|0"},
	        {OLD HOST "Connection: keep-alive\r\n\r\n", "|GET|/v1/x|00000|0|Host=h|Connection=keep-alive"},
	        {"GET /a%20b/~x?y=z&%41#%0 HTTP/1.1\r\n" HOST "\r\n", "|GET|/a%20b/~x?y=z&%41#%0|11000|0|Host=h"},
	        {"GET /%0?b=%00 HTTP/1.1\r\n" HOST "\r\n", "|GET|/%0?b=%00|11000|0|Host=h"},
	        {"OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "|OPTIONS|*|11000|0|Host=[::1]:80"},
	        {"CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n", "|CONNECT|a:80|11000|0|Host=h"},
	        {"GET http://b/v1/x HTTP/1.1\r\n" HOST "\r\n", "|GET|http://b/v1/x|11000|0|Host=h"},
	        {GET HOST "Cookie: a\r\nCookie: b\r\n\r\n", "|GET|/v1/x|11000|0|Host=h|Cookie=a|Cookie=b"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t len = strlen(rows[i].bytes);
		for (size_t piece = 1; piece <= len; piece++) {
			struct http_head_scan scan = {0};
			char described[512];
			size_t end = 0;
			for (size_t come = piece; end == 0; come += piece) {
				assert_true(come < len + piece);
				end = http_head_end(&scan, rows[i].bytes, come < len ? come : len);
			}
			assert_int_equal(end, len);
			struct http_head *head = http_head_new(rows[i].bytes, end, scan.lines);
			assert_non_null(head);
			describe(head, described, sizeof described);
			assert_string_equal(described, rows[i].says);
			http_head_free(head);
		}
	}
}

static void a_connection_goes_on_unless_the_list_says_close(void **state)
{
	static const struct {
		const char *connection;
		bool keeps;
	} rows[] = {{"close", false},
	            {"Close", false},
	            {"CLOSE", false},
	            {"Upgrade, close", false},
	            {"close,TE", false},
	            {"a,close ,b", false},
	            {",\tclose\t,", false},
	            {"keep-alive", true},
	            {"closed", true},
	            {"xclose", true},
	            {"", true},
	            {",", true},
	            {"close-notify", true},
	            {"a close", true},
	            {", ,", true},
	            {"TE,  Upgrade", true},
	            {"a\r\nConnection: close\r\nConnection: b", false}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char bytes[256];
		int n = snprintf(bytes, sizeof bytes, GET HOST "Connection: %s\r\n\r\n", rows[i].connection);
		struct http_head *head = read_at_once(bytes, (size_t)n);
		assert_null(head->broken);
		if (head->keeps != rows[i].keeps)
			print_error("%s\n", rows[i].connection);
		assert_int_equal(head->keeps, rows[i].keeps);
		http_head_free(head);
	}
}

static void a_value_is_the_first_of_its_name_in_any_case(void **state)
{
	static const char bytes[] = GET HOST "X-Key: a\r\nEmpty:\r\nx-key: b\r\n^: c\r\n\r\n";
	struct http_head *head = read_at_once(bytes, sizeof bytes - 1);
	(void)state;
	assert_null(head->broken);
	assert_string_equal(http_head_value(head, "X-KEY"), "a");
	assert_string_equal(http_head_value(head, "empty"), "");
	assert_string_equal(http_head_value(head, "host"), "h");
	assert_string_equal(http_head_value(head, "^"), "c");
	assert_null(http_head_value(head, "~")); /* differs in that one bit */
	assert_null(http_head_value(head, "X-Ke"));
	assert_null(http_head_value(head, "X-Key2"));
	assert_null(http_head_value(head, ""));
	http_head_free(head);
}

static void of_a_broken_one_is_left_what_was_read_before(void **state)
{
	static const char field[] = "GET /api/x?y HTTP/1.1\r\nOrigin: https://o\r\n" HOST "X\x01: a\r\nY: b\r\n\r\n";
	static const char path[] = "GET /api/%00 HTTP/1.1\r\n" HOST "\r\n";
	struct http_head *head = read_at_once(field, sizeof field - 1);
	(void)state;
	assert_string_equal(head->broken, "a header's name is malformed");
	assert_string_equal(head->method, "GET");
	assert_string_equal(head->target, "/api/x?y");
	assert_int_equal(head->count, 2);
	assert_string_equal(http_head_value(head, "Origin"), "https://o");
	assert_null(http_head_value(head, "Y"));
	http_head_free(head);
	head = read_at_once(path, sizeof path - 1);
	assert_string_equal(head->method, "GET");
	assert_string_equal(head->target, "/api/%00");
	http_head_free(head);
}

/* A head of that many bytes and lines, its empty line among them. */
static char *make_head(size_t size, unsigned lines)
{
	char *bytes = malloc(size + 1);
	assert_non_null(bytes);
	int n = snprintf(bytes, size + 1, GET HOST);
	for (unsigned i = 0; i + 4 < lines; i++)
		n += snprintf(bytes + n, size + 1 - (size_t)n, "X: y\r\n");
	n += snprintf(bytes + n, size + 1 - (size_t)n, "Z: ");
	memset(bytes + n, 'z', size - (size_t)n);
	memcpy(bytes + size - 4, "\r\n\r\n", 4);
	return bytes;
}

static void a_head_is_good_up_to_its_limits_and_refused_beyond(void **state)
{
	static const struct {
		size_t size;
		unsigned lines;
		const char *broken;
	} rows[] = {{HTTP_HEAD_MAX_BYTES, 4, NULL},
	            {HTTP_HEAD_MAX_BYTES, HTTP_HEAD_MAX_LINES, NULL},
	            {HTTP_HEAD_MAX_BYTES + 1, 4, "the head is too long"},
	            {100000, 4, "the head is too long"},
	            {1000, HTTP_HEAD_MAX_LINES + 1, "too many headers"},
	            {20000, 3000, "too many headers"},
	            {200000, 20000, "the head is too long"}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct http_head_scan scan = {0};
		char *bytes = make_head(rows[i].size, rows[i].lines);
		assert_int_equal(http_head_end(&scan, bytes, rows[i].size), rows[i].size);
		assert_int_equal(scan.lines, rows[i].lines);
		struct http_head *head = http_head_new(bytes, rows[i].size, scan.lines);
		assert_non_null(head);
		assert_string_equal(head->broken ? head->broken : "", rows[i].broken ? rows[i].broken : "");
		assert_string_equal(head->target, "/v1/x");
		assert_string_equal(http_head_value(head, "Host"), "h");
		if (!rows[i].broken) {
			assert_int_equal(head->count, rows[i].lines - 2);
			const struct http_field *last = &head->fields[head->count - 1];
			assert_int_equal(last->value + last->value_len, HTTP_HEAD_MAX_BYTES - 4);
			assert_int_equal(strlen(http_head_value(head, "Z")), last->value_len);
		}
		free(bytes);
		http_head_free(head);
	}
}

static void a_head_that_did_not_end_or_goes_on_is_refused(void **state)
{
	static const char bytes[] = GET HOST "X: y\r\n\r\n";
	static const char more[] = GET HOST "\r\n\r\n";
	(void)state;
	for (size_t len = 0; len < sizeof bytes - 1; len++) {
		struct http_head_scan scan = {0};
		assert_int_equal(http_head_end(&scan, bytes, len), 0);
		assert_int_equal(scan.seen, len);
		struct http_head *head = http_head_new(bytes, len, scan.lines);
		assert_non_null(head);
		assert_non_null(head->broken);
		http_head_free(head);
	}
	struct http_head *head = http_head_new(more, sizeof more - 1, 4);
	assert_non_null(head);
	assert_string_equal(head->broken, "the head does not end with its empty line");
	http_head_free(head);
	head = http_head_new(bytes, sizeof bytes - 1,
	                     1); /* fewer lines than there are: nothing is written behind its end */
	assert_non_null(head);
	assert_string_equal(head->broken, "too many headers");
	http_head_free(head);
}

static void the_end_is_found_before_what_stands_behind_it(void **state)
{
	static const char two[] = GET HOST "\r\n" GET HOST "\r\n";
	struct http_head_scan scan = {0};
	(void)state;
	assert_int_equal(http_head_end(&scan, two, sizeof two - 1), (sizeof two - 1) / 2);
	assert_int_equal(scan.lines, 3);
	assert_int_equal(scan.seen, (sizeof two - 1) / 2);
	scan = (struct http_head_scan){0};
	assert_int_equal(http_head_end(&scan, GET "X: a\nY: z\r\n\r\n", 33), strlen(GET "X: a\n"));
	scan = (struct http_head_scan){0};
	assert_int_equal(http_head_end(&scan, "\nY: z\r\n\r\n", 10), 1);
}

static void one_empty_line_before_a_request_is_left_out(void **state)
{
	(void)state;
	assert_int_equal(http_head_skip("\r\nG", 3), 2);
	assert_int_equal(http_head_skip("\r\n", 2), 2);
	assert_int_equal(http_head_skip("\r\n", 1), 0);
	assert_int_equal(http_head_skip("", 0), 0);
	assert_int_equal(http_head_skip("\nG", 2), 0);
	assert_int_equal(http_head_skip("\r\r", 2), 0);
	assert_int_equal(http_head_skip("GET", 3), 0);
}

static void nothing_is_freed_of_nothing(void **state)
{
	(void)state;
	http_head_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(good_heads_are_read_right_in_pieces_of_any_size),
	        cmocka_unit_test(a_connection_goes_on_unless_the_list_says_close),
	        cmocka_unit_test(a_value_is_the_first_of_its_name_in_any_case),
	        cmocka_unit_test(of_a_broken_one_is_left_what_was_read_before),
	        cmocka_unit_test(a_head_is_good_up_to_its_limits_and_refused_beyond),
	        cmocka_unit_test(a_head_that_did_not_end_or_goes_on_is_refused),
	        cmocka_unit_test(the_end_is_found_before_what_stands_behind_it),
	        cmocka_unit_test(one_empty_line_before_a_request_is_left_out),
	        cmocka_unit_test(nothing_is_freed_of_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
