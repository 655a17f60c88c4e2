/* Tests of common/base/log, and of the clock whose text its lines carry. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { CAPTURE_BYTES = 256 * 1024, THREADS = 4, LINES_EACH = 100 };

/* Stands in for stderr: a socket that keeps the borders between writes. */
struct capture {
	int saved, in, out;
};

static void capture_begin(struct capture *capture)
{
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	capture->in = pair[0];
	capture->saved = dup(STDERR_FILENO);
	assert_true(capture->saved >= 0);
	assert_int_equal(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(close(pair[1]), 0);
}

/* Takes one write from the capture, "" when there was none (more). */
static void capture_next(struct capture *capture, char *out, size_t cap)
{
	ssize_t len = recv(capture->in, out, cap - 1, MSG_DONTWAIT);
	out[len > 0 ? len : 0] = '\0';
}

static void capture_end(struct capture *capture)
{
	assert_int_equal(dup2(capture->saved, STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(close(capture->saved), 0);
}

static void a_line_is_one_write_with_its_keys_in_order(void **state)
{
	struct capture capture;
	char line[8192], more[16];
	(void)state;
	log_init("tester", LOG_INFO);
	capture_begin(&capture);
	log_info("listening", LOG_STR("address", "127.0.0.1:1"), LOG_INT("threads", 2), LOG_STR("left_out", NULL));
	capture_end(&capture);
	capture_next(&capture, line, sizeof(line));
	capture_next(&capture, more, sizeof(more));
	assert_int_equal(close(capture.in), 0);
	assert_string_equal(more, "");

	assert_memory_equal(line, "{\"time\":\"2", 10);
	const char *rest = strchr(line + 9, ',');
	assert_non_null(rest);
	assert_string_equal(rest, ",\"level\":\"info\",\"program\":\"tester\",\"event\":\"listening\","
	                          "\"address\":\"127.0.0.1:1\",\"threads\":2}\n");
}

static void a_value_cannot_break_its_line(void **state)
{
	struct capture capture;
	char line[8192];
	(void)state;
	log_init("tester", LOG_INFO);
	capture_begin(&capture);
	log_error("bad", LOG_STR("value", "a\n{\"level\":\"info\"}\x1b[2J\xff"));
	capture_end(&capture);
	capture_next(&capture, line, sizeof(line));
	assert_int_equal(close(capture.in), 0);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	assert_string_equal(json_string_value(json_object_get(root, "level")), "error");
	json_decref(root);
}

static void what_is_below_the_level_is_not_written(void **state)
{
	struct capture capture;
	char line[8192];
	(void)state;
	log_init("tester", LOG_WARN);
	assert_false(log_enabled(LOG_INFO));
	assert_true(log_enabled(LOG_WARN));
	capture_begin(&capture);
	log_debug("no", LOG_INT("n", 1));
	log_info("no", LOG_INT("n", 1));
	log_warn("yes", LOG_INT("n", 1));
	capture_end(&capture);
	capture_next(&capture, line, sizeof(line));
	assert_non_null(strstr(line, "\"event\":\"yes\""));
	capture_next(&capture, line, sizeof(line));
	assert_string_equal(line, "");
	assert_int_equal(close(capture.in), 0);
}

static void a_longer_line_loses_its_last_fields_and_stays_json(void **state)
{
	struct capture capture;
	char line[8192], text[4000];
	(void)state;
	memset(text, '\n', sizeof(text)); /* two bytes each, escaped */
	text[sizeof(text) - 1] = '\0';
	log_init("tester", LOG_INFO);
	capture_begin(&capture);
	log_info("long", LOG_INT("first", 1), LOG_STR("second", text), LOG_INT("third", 3));
	capture_end(&capture);
	capture_next(&capture, line, sizeof(line));
	assert_int_equal(close(capture.in), 0);
	json_t *root = json_loads(line, 0, NULL);
	assert_non_null(root);
	assert_int_equal(json_integer_value(json_object_get(root, "first")), 1);
	assert_null(json_object_get(root, "second"));
	assert_null(json_object_get(root, "third"));
	json_decref(root);
}

static void a_line_has_at_most_4096_bytes(void **state)
{
	char line[8192], text[4096];
	size_t longest = 0;
	(void)state;
	log_init("tester", LOG_INFO);
	for (size_t len = 3900; len < sizeof(text); len++) {
		struct capture capture;
		memset(text, 'x', len);
		text[len] = '\0';
		capture_begin(&capture);
		log_info("long", LOG_STR("text", text));
		capture_end(&capture);
		capture_next(&capture, line, sizeof(line));
		assert_int_equal(close(capture.in), 0);
		assert_int_equal(line[strlen(line) - 2], '}');
		longest = strlen(line) > longest ? strlen(line) : longest;
	}
	assert_int_equal(longest, 4096);
}

static void logging_leaves_errno_alone(void **state)
{
	(void)state;
	log_init("tester", LOG_INFO);
	int saved = dup(STDERR_FILENO);
	assert_true(saved >= 0);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(full >= 0);
	assert_int_equal(dup2(full, STDERR_FILENO), STDERR_FILENO);
	errno = EDOM;
	log_error("lost", LOG_INT("n", 1));
	int after = errno;
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(close(saved), 0);
	assert_int_equal(close(full), 0);
	assert_int_equal(after, EDOM);
}

static void *log_lines(void *arg)
{
	for (int i = 0; i < LINES_EACH; i++)
		log_info("thread", LOG_INT("n", i), LOG_STR("text", arg));
	return NULL;
}

static void threads_never_mix_lines(void **state)
{
	char text[1000], *all = calloc(1, CAPTURE_BYTES * 4), *rest = NULL;
	FILE *file = tmpfile();
	pthread_t threads[THREADS];
	int lines = 0;
	(void)state;
	assert_non_null(all);
	assert_non_null(file);
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_init("tester", LOG_INFO);
	int saved = dup(STDERR_FILENO);
	assert_true(saved >= 0);
	assert_int_equal(fcntl(fileno(file), F_SETFL, O_APPEND), 0);
	assert_int_equal(dup2(fileno(file), STDERR_FILENO), STDERR_FILENO);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_lines, text), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(close(saved), 0);

	rewind(file);
	assert_true(fread(all, 1, CAPTURE_BYTES * 4 - 1, file) > 0);
	for (char *line = strtok_r(all, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), lines++) {
		json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(root);
		json_decref(root);
	}
	assert_int_equal(lines, THREADS * LINES_EACH);
	assert_int_equal(fclose(file), 0);
	free(all);
}

static void a_limited_event_passes_once_an_interval_and_counts_the_rest(void **state)
{
	struct log_limit limit = {0, 0};
	int64_t dropped = -1;
	(void)state;
	assert_true(log_limit_pass(&limit, 5, 1000, &dropped)); /* the first one, even just after boot */
	assert_int_equal(dropped, 0);
	dropped = -1;
	assert_false(log_limit_pass(&limit, 6, 1000, &dropped));
	assert_false(log_limit_pass(&limit, 1004, 1000, &dropped));
	assert_int_equal(dropped, -1);
	assert_true(log_limit_pass(&limit, 1005, 1000, &dropped));
	assert_int_equal(dropped, 2);
	assert_true(log_limit_pass(&limit, 9000, 1000, &dropped));
	assert_int_equal(dropped, 0);
}

static void check_clock_text(int64_t unix_ms, const char *expected)
{
	char text[CLOCK_TEXT_BYTES];
	clock_text(unix_ms, text);
	assert_string_equal(text, expected);
}

static void a_moment_is_shown_as_rfc_3339_in_utc(void **state)
{
	(void)state;
	check_clock_text(0, "1970-01-01T00:00:00.000Z");
	check_clock_text(1795248000123, "2026-11-21T08:00:00.123Z");
	check_clock_text(1709208000007, "2024-02-29T12:00:00.007Z");
	check_clock_text(-1, "1970-01-01T00:00:00.000Z");
	check_clock_text(INT64_MAX, "9999-12-31T23:59:59.999Z");
}

static void the_clocks_go_forward(void **state)
{
	int64_t us = clock_mono_us();
	int64_t ms = clock_mono_ms();
	(void)state;
	assert_true(ms >= us / 1000);
	assert_true(clock_mono_us() >= us);
	assert_true(clock_unix_ms() > 1700000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_line_is_one_write_with_its_keys_in_order),
	        cmocka_unit_test(a_value_cannot_break_its_line),
	        cmocka_unit_test(what_is_below_the_level_is_not_written),
	        cmocka_unit_test(a_longer_line_loses_its_last_fields_and_stays_json),
	        cmocka_unit_test(a_line_has_at_most_4096_bytes),
	        cmocka_unit_test(logging_leaves_errno_alone),
	        cmocka_unit_test(threads_never_mix_lines),
	        cmocka_unit_test(a_limited_event_passes_once_an_interval_and_counts_the_rest),
	        cmocka_unit_test(a_moment_is_shown_as_rfc_3339_in_utc),
	        cmocka_unit_test(the_clocks_go_forward),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
