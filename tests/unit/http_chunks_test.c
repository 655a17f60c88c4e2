/* http_chunks: the body is the same however the bytes are cut, and what is no chunked coding is refused. */
#include "ingress/http_chunks.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROW(bytes)                                                                                                     \
	{                                                                                                              \
		bytes, sizeof bytes - 1                                                                                \
	}

enum { BODY_BYTES = 4096 };

struct outcome {
	enum http_chunks_answer answer;
	size_t taken; /* in all */
	size_t len;
	char body[BODY_BYTES];
};

/* Feeds one piece, from memory of its very size. Returns: whether more is wanted. */
static bool feed(struct http_chunks *chunks, struct outcome *outcome, const char *bytes, size_t len)
{
	char *copy = malloc(len ? len : 1);
	size_t at = 0;
	assert_non_null(copy);
	memcpy(copy, bytes, len);
	do {
		const char *data = NULL;
		size_t taken = len + 1, data_len = 0;
		outcome->answer = http_chunks_take(chunks, copy + at, len - at, &taken, &data, &data_len);
		assert_in_range(taken, len > at ? 1 : 0, len - at);
		if (outcome->answer == HTTP_CHUNKS_DATA) {
			assert_true(data_len > 0 && data >= copy + at && data + data_len == copy + at + taken);
			assert_true(outcome->len + data_len <= BODY_BYTES);
			memcpy(outcome->body + outcome->len, data, data_len);
			outcome->len += data_len;
		} else {
			assert_null(data);
			assert_int_equal(data_len, 0);
		}
		at += taken;
		outcome->taken += taken;
	} while (at < len && outcome->answer == HTTP_CHUNKS_DATA);
	if (outcome->answer == HTTP_CHUNKS_DATA || outcome->answer == HTTP_CHUNKS_MORE)
		assert_int_equal(at, len);
	free(copy);
	return outcome->answer == HTTP_CHUNKS_DATA || outcome->answer == HTTP_CHUNKS_MORE;
}

/* In three pieces; the outcome of all of them. */
static struct outcome take(const char *bytes, size_t len, size_t first, size_t second)
{
	struct http_chunks chunks = {0};
	struct outcome outcome = {.answer = HTTP_CHUNKS_MORE};
	if (feed(&chunks, &outcome, bytes, first) && feed(&chunks, &outcome, bytes + first, second - first))
		(void)feed(&chunks, &outcome, bytes + second, len - second);
	return outcome;
}

static void a_body_is_the_same_wherever_it_is_cut(void **state)
{
	static const struct {
		const char *bytes, *body, *behind;
	} rows[] = {
	        {"0\r\n\r\n", "", ""},
	        {"2\r\n{}\r\n0\r\n\r\n", "{}", ""},
	        {"2\r\n{}\r\n0\r\n\r\nGET / HTTP/1.1\r\n", "{}", "GET / HTTP/1.1\r\n"},
	        {"2\r\n{}\r\n0\r\n\r\n\r\n", "{}", "\r\n"},
	        {"3\r\nabc\r\n1\r\nd\r\n000\r\n\r\nXXXX", "abcd", "XXXX"},
	        {"a\r\n0123456789\r\nB\r\nabcdefghijk\r\n0\r\n\r\n", "0123456789abcdefghijk", ""},
	        {"10\r\n0123456789abcdef\r\n0\r\n\r\n", "0123456789abcdef", ""},
	        {"0000000000000004\r\n\r\n\r\n\r\n0000000000000000\r\n\r\n", "\r\n\r\n", ""},
	        {"2;a=b\r\n{}\r\n0;\r\n\r\n", "{}", ""},
	        {"2;a=\"1;2\"\t \xc3\xa9;0\r\n{}\r\n0;x\r\n\r\n", "{}", ""},
	        {"2\r\n{}\r\n0\r\nContent-Length: 60\r\n\r\n", "{}", ""},
	        {"2\r\n{}\r\n0\r\nX: a\r\n;\r\nY:\t\xe9\r\n\r\n0\r\n", "{}", "0\r\n"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t len = strlen(rows[i].bytes), body_len = strlen(rows[i].body);
		for (size_t first = 0; first <= len; first++)
			for (size_t second = first; second <= len; second++) {
				struct outcome outcome = take(rows[i].bytes, len, first, second);
				if (outcome.answer != HTTP_CHUNKS_WHOLE)
					print_error("row %zu, cut at %zu, %zu\n", i, first, second);
				assert_int_equal(outcome.answer, HTTP_CHUNKS_WHOLE);
				assert_int_equal(outcome.taken, len - strlen(rows[i].behind));
				assert_int_equal(outcome.len, body_len);
				assert_memory_equal(outcome.body, rows[i].body, body_len);
			}
	}
}

static void what_is_no_such_coding_is_refused_wherever_it_is_cut(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
	        ROW("ZZ\r\n{}\r\n0\r\n\r\n"),
	        ROW("0x2\r\n{}\r\n0\r\n\r\n"),
	        ROW("+2\r\n{}\r\n0\r\n\r\n"),
	        ROW("-2\r\n{}\r\n0\r\n\r\n"),
	        ROW("10000000000000002\r\n{}\r\n0\r\n\r\n"),
	        ROW("00000000000000002\r\n{}\r\n0\r\n\r\n"),
	        ROW("ffffffffffffffff\r\n{}"),
	        ROW("8000000000000000\r\n{}"),
	        ROW("1\r\n{}\r\n0\r\n\r\n"),
	        ROW("3\r\n{}\r\n0\r\n\r\n"),
	        ROW(" 2\r\n{}\r\n0\r\n\r\n"),
	        ROW("2 \r\n{}\r\n0\r\n\r\n"),
	        ROW("2 ;a\r\n{}\r\n0\r\n\r\n"),
	        ROW("2\t\r\n{}\r\n0\r\n\r\n"),
	        ROW("\r\n{}\r\n0\r\n\r\n"),
	        ROW(";a\r\n{}\r\n0\r\n\r\n"),
	        ROW("2g\r\n{}\r\n0\r\n\r\n"),
	        ROW("2\0\r\n{}\r\n0\r\n\r\n"),
	        ROW("2\n{}\n0\n\n"),
	        ROW("2\r{}\r\n0\r\n\r\n"),
	        ROW("2\r\r\n{}\r\n0\r\n\r\n"),
	        ROW("2;a\n{}\r\n0\r\n\r\n"),
	        ROW("2;a\r{}\r\n0\r\n\r\n"),
	        ROW("2;a\0\r\n{}\r\n0\r\n\r\n"),
	        ROW("2;a\x7f\r\n{}\r\n0\r\n\r\n"),
	        ROW("2\r\n{}\n0\r\n\r\n"),
	        ROW("2\r\n{}0\r\n\r\n"),
	        ROW("2\r\n{}\r0\r\n\r\n"),
	        ROW("2\r\n{}\r\n\r\n"),
	        ROW("0\r\n\n"),
	        ROW("0\r\n\rX"),
	        ROW("2\r\n{}\r\n0\r\nX: a\n\n"),
	        ROW("0\r\nX: a\n\r\n"),
	        ROW("0\r\nX: a\rY: b\r\n\r\n"),
	        ROW("0\r\nX: a\0\r\n\r\n"),
	        ROW("0\r\nX: a\x01\r\n\r\n"),
	        ROW("0\r\n\0\r\n\r\n"),
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct outcome whole = take(rows[i].bytes, rows[i].len, rows[i].len, rows[i].len);
		if (whole.answer != HTTP_CHUNKS_BROKEN)
			print_error("row %zu: '%s'\n", i, rows[i].bytes);
		for (size_t cut = 0; cut <= rows[i].len; cut++) {
			struct outcome outcome = take(rows[i].bytes, rows[i].len, cut, cut);
			assert_int_equal(outcome.answer, HTTP_CHUNKS_BROKEN);
			assert_int_equal(outcome.taken, whole.taken);
			assert_int_equal(outcome.len, whole.len);
		}
	}
}

/* Whether that many bytes of one kind, between a beginning and an end, are still good. */
static bool passes(const char *before, char filler, size_t count, const char *behind)
{
	char bytes[2 * HTTP_CHUNK_LINE_MAX_BYTES];
	size_t len = strlen(before);
	memcpy(bytes, before, len);
	memset(bytes + len, filler, count);
	len += count;
	memcpy(bytes + len, behind, strlen(behind));
	len += strlen(behind);
	struct outcome outcome = take(bytes, len, len / 2, len / 2);
	assert_true(outcome.answer == HTTP_CHUNKS_WHOLE || outcome.answer == HTTP_CHUNKS_BROKEN);
	return outcome.answer == HTTP_CHUNKS_WHOLE;
}

static void lines_are_good_up_to_their_limit(void **state)
{
	enum { MAX = HTTP_CHUNK_LINE_MAX_BYTES };
	(void)state;
	assert_true(passes("1;", 'x', MAX - 4, "\r\nd\r\n0\r\n\r\n")); /* its CRLF counts */
	assert_false(passes("1;", 'x', MAX - 3, "\r\nd\r\n0\r\n\r\n"));
	assert_true(passes("0\r\nX:", 'x', MAX - 6, "\r\n\r\n")); /* and the empty line, of trailers */
	assert_false(passes("0\r\nX:", 'x', MAX - 5, "\r\n\r\n"));
	assert_true(passes("0\r\nX: y\r\nX:", 'x', MAX - 12, "\r\n\r\n")); /* of all of them */
	assert_false(passes("0\r\nX: y\r\nX:", 'x', MAX - 11, "\r\n\r\n"));
}

static void each_line_of_a_size_has_the_limit_to_itself(void **state)
{
	char line[HTTP_CHUNK_LINE_MAX_BYTES + 1];
	struct http_chunks chunks = {0};
	struct outcome outcome = {.answer = HTTP_CHUNKS_MORE};
	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "1;", 2);
	memcpy(line + HTTP_CHUNK_LINE_MAX_BYTES - 2, "\r\nd", 3);
	for (int i = 0; i < 5; i++) {
		assert_true(feed(&chunks, &outcome, line, sizeof line));
		assert_true(feed(&chunks, &outcome, "\r\n", 2));
	}
	assert_false(feed(&chunks, &outcome, "0\r\n\r\n", 5));
	assert_int_equal(outcome.answer, HTTP_CHUNKS_WHOLE);
	assert_int_equal(outcome.len, 5);
}

static void the_largest_size_is_waited_for(void **state)
{
	struct http_chunks chunks = {0};
	struct outcome outcome = {.answer = HTTP_CHUNKS_MORE};
	(void)state;
	assert_true(feed(&chunks, &outcome, "7fffffffFFFFFFFF\r\n{}", 20));
	assert_int_equal(chunks.left, INT64_MAX - 2);
}

static void what_is_over_stays_over_and_takes_nothing(void **state)
{
	struct http_chunks whole = {0}, broken = {0};
	struct outcome outcome = {.answer = HTTP_CHUNKS_MORE};
	const char *data = NULL;
	size_t taken = 4711, len = 4711;
	(void)state;
	assert_false(feed(&whole, &outcome, "0\r\n\r\n", 5));
	assert_false(feed(&broken, &outcome, "x", 1));
	assert_int_equal(http_chunks_take(&whole, "1\r\n", 3, &taken, &data, &len), HTTP_CHUNKS_WHOLE);
	assert_int_equal(taken, 0);
	taken = 4711;
	assert_int_equal(http_chunks_take(&broken, "1\r\n", 3, &taken, &data, &len), HTTP_CHUNKS_BROKEN);
	assert_int_equal(taken, 0);
	assert_null(data);
	assert_int_equal(len, 4711);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_body_is_the_same_wherever_it_is_cut),
	        cmocka_unit_test(what_is_no_such_coding_is_refused_wherever_it_is_cut),
	        cmocka_unit_test(lines_are_good_up_to_their_limit),
	        cmocka_unit_test(each_line_of_a_size_has_the_limit_to_itself),
	        cmocka_unit_test(the_largest_size_is_waited_for),
	        cmocka_unit_test(what_is_over_stays_over_and_takes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
