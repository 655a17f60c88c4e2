/* http_wire_answer: an answer's bytes: status line, headers in their order, date, body. */
#include "ingress/http_wire_internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROOM = 4096 };

static struct http_wire wire;

static int make_room(void **state)
{
	(void)state;
	buf_init(&wire.out, ROOM);
	return 0;
}

static int free_room(void **state)
{
	(void)state;
	buf_fini(&wire.out);
	return 0;
}

static const char *write_one(const struct http_answer *answer, bool closes, bool without_body)
{
	buf_clear(&wire.out);
	assert_int_equal(http_answer_write(&wire, answer, closes, without_body), ERR_OK);
	return wire.out.data;
}

/* What stands behind the date. */
static const char *rest_of(const char *text)
{
	const char *date = strstr(text, "Date: ");
	assert_non_null(date);
	return strstr(date, "\r\n") + 2;
}

static void headers_keep_their_order(void **state)
{
	const struct http_header headers[] = {{"B", "1"}, {"A", "2"}, {"B", ""}};
	const struct http_answer answer = {.status = 200, .headers = headers, .count = 3, .body = "abc", .len = 3};
	(void)state;
	const char *text = write_one(&answer, false, false);
	assert_memory_equal(text, "HTTP/1.1 200 OK\r\nDate: ", 23);
	assert_string_equal(rest_of(text), "Content-Length: 3\r\nB: 1\r\nA: 2\r\nB: \r\n\r\nabc");
	assert_string_equal(rest_of(write_one(&answer, true, false)),
	                    "Connection: close\r\nContent-Length: 3\r\nB: 1\r\nA: 2\r\nB: \r\n\r\nabc");
	assert_string_equal(rest_of(write_one(&answer, false, true)),
	                    "Content-Length: 3\r\nB: 1\r\nA: 2\r\nB: \r\n\r\n");
}

static void the_date_is_now_as_http_writes_it(void **state)
{
	(void)state;
	time_t before = time(NULL);
	const char *text = write_one(&(struct http_answer){.status = 200, .body = ""}, false, false);
	time_t after = time(NULL);
	char again[HTTP_DATE_BYTES];
	struct tm read = {0};
	const char *date = strstr(text, "Date: ") + 6;
	const char *end = strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &read);
	assert_non_null(end);
	assert_memory_equal(end, "\r\n", 2);
	assert_in_range(timegm(&read), before, after);
	assert_int_equal(strftime(again, sizeof again, "%a, %d %b %Y %H:%M:%S GMT", &read), 29); /* its weekday, too */
	assert_memory_equal(date, again, 29);
}

static void the_date_goes_on(void **state)
{
	(void)state;
	(void)write_one(&(struct http_answer){.status = 200, .body = ""}, false, false);
	wire.date.at--;
	(void)strcpy(wire.date.text, "yesterday");
	const char *text = write_one(&(struct http_answer){.status = 200, .body = ""}, false, false);
	assert_null(strstr(text, "yesterday"));
}

static void a_status_has_its_reason_and_an_unknown_one_none(void **state)
{
	static const struct {
		int status;
		const char *line;
	} rows[] = {{200, "HTTP/1.1 200 OK\r\n"},
	            {204, "HTTP/1.1 204 No Content\r\n"},
	            {404, "HTTP/1.1 404 Not Found\r\n"},
	            {431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
	            {503, "HTTP/1.1 503 Service Unavailable\r\n"},
	            {299, "HTTP/1.1 299 \r\n"}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *text = write_one(&(struct http_answer){.status = rows[i].status, .body = ""}, false, false);
		assert_memory_equal(text, rows[i].line, strlen(rows[i].line));
	}
}

/* Every answer that the product gives has one. */
static void each_problem_has_a_reason(void **state)
{
	static const int statuses[] = {
#define PROBLEM(name, code, status, title, sorry) status,
#include "ingress/problems.def"
#undef PROBLEM
	};
	(void)state;
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		const char *text = write_one(&(struct http_answer){.status = statuses[i], .body = ""}, false, false);
		assert_int_equal(strtol(text + sizeof "HTTP/1.1", NULL, 10), statuses[i]);
		assert_true(text[sizeof "HTTP/1.1 200"] >= 'A');
	}
}

static void an_answer_without_a_body_has_neither_length_nor_body(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const struct http_answer answer = {.status = i ? 304 : 204, .body = "abc", .len = 3};
		assert_string_equal(rest_of(write_one(&answer, false, false)), "\r\n");
	}
	const struct http_answer none = {.status = 200};
	assert_string_equal(rest_of(write_one(&none, false, false)), "Content-Length: 0\r\n\r\n");
}

static void an_answer_that_is_too_long_is_none(void **state)
{
	static char body[ROOM];
	(void)state;
	buf_clear(&wire.out);
	assert_int_equal(
	        http_answer_write(&wire, &(struct http_answer){.status = 200, .body = body, .len = ROOM}, false, false),
	        ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(headers_keep_their_order),
	        cmocka_unit_test(the_date_is_now_as_http_writes_it),
	        cmocka_unit_test(the_date_goes_on),
	        cmocka_unit_test(a_status_has_its_reason_and_an_unknown_one_none),
	        cmocka_unit_test(each_problem_has_a_reason),
	        cmocka_unit_test(an_answer_without_a_body_has_neither_length_nor_body),
	        cmocka_unit_test(an_answer_that_is_too_long_is_none),
	};
	return cmocka_run_group_tests(tests, make_room, free_room);
}
