/* redis_url: what is taken apart, what is refused, and that nothing of a URL reaches an error text. */
#include "common/adapters/redis_url.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void urls_are_taken_apart(void **state)
{
	static const struct {
		const char *text, *host, *user, *password;
		int port, db;
	} rows[] = {
	        {"redis://localhost", "localhost", "", "", 6379, 0},
	        {"redis://localhost/", "localhost", "", "", 6379, 0},
	        {"redis://r.example:1/9999", "r.example", "", "", 1, 9999},
	        {"redis://r:65535/0", "r", "", "", 65535, 0},
	        {"redis://[::1]", "::1", "", "", 6379, 0},
	        {"redis://[fe80::1]:6380/2", "fe80::1", "", "", 6380, 2},
	        {"redis://:hush@r", "r", "", "hush", 6379, 0},
	        {"redis://u:hush@r:7/1", "r", "u", "hush", 7, 1},
	        {"redis://u:@r", "r", "u", "", 6379, 0},
	        {"redis://u:a:b@c@r", "r", "u", "a:b@c", 6379, 0},
	        {"redis://u%3a:%2F%40%25%c3%A9@r", "r", "u:", "/@%\xc3\xa9", 6379, 0},
	        {"redis://u:100%25@[::1]:8", "::1", "u", "100%", 8, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct redis_url url;
		memset(&url, 0xa5, sizeof url);
		enum err_code code = redis_url_parse(rows[i].text, &url, NULL);
		if (code != ERR_OK)
			print_error("%s\n", rows[i].text);
		assert_int_equal(code, ERR_OK);
		assert_string_equal(url.host, rows[i].host);
		assert_string_equal(url.user, rows[i].user);
		assert_string_equal(url.password, rows[i].password);
		assert_int_equal(url.port, rows[i].port);
		assert_int_equal(url.db, rows[i].db);
		redis_url_fini(&url);
		assert_string_equal(url.password, "");
	}
}

static void what_is_no_such_url_is_refused_without_a_word_of_it(void **state)
{
	static const char *const texts[] = {
	        "",
	        "hush",
	        "redis:",
	        "redis:/hush",
	        "redis://",
	        "redis:///0",
	        "REDIS://hush",
	        "http://hush",
	        "unix:///hush",
	        "rediss://u:hush@r",
	        "redis://hush:",
	        "redis://hush:0",
	        "redis://hush:65536",
	        "redis://hush:-1",
	        "redis://hush:+1",
	        "redis://hush:12345678",
	        "redis://hush:6379x",
	        "redis://::1",
	        "redis://[::1",
	        "redis://[]:6379",
	        "redis://[::1]6379",
	        "redis://hush@r",
	        "redis://u:hush@",
	        "redis://u:hush@:6379",
	        "redis://u:hu%s@r",
	        "redis://u:hush%@r",
	        "redis://u:hush%4@r",
	        "redis://u:hush%00@r",
	        "redis://hush/x",
	        "redis://hush/10000",
	        "redis://hush/-1",
	        "redis://hush/1/2",
	        "redis://hush/1?tls=1",
	        "redis://hush?db=1",
	        "redis://hush#1",
	};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct redis_url url = {.port = 41};
		struct err err = {ERR_OK, ""};
		enum err_code code = redis_url_parse(texts[i], &url, &err);
		if (code != ERR_INVALID)
			print_error("%s\n", texts[i]);
		assert_int_equal(code, ERR_INVALID);
		assert_int_equal(url.port, 41);
		assert_string_not_equal(err.msg, "");
		assert_null(strstr(err.msg, "hush"));
	}
}

static void parts_at_their_limit_fit_and_longer_ones_are_refused(void **state)
{
	struct redis_url url;
	char text[2048];
	(void)state;
	static const struct {
		int user, password, host;
		bool fits;
	} rows[] = {
	        {127, 511, 255, true},
	        {128, 511, 255, false},
	        {127, 512, 255, false},
	        {127, 511, 256, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		(void)snprintf(text, sizeof text, "redis://%0*d:%0*d@%0*d", rows[i].user, 0, rows[i].password, 0,
		               rows[i].host, 0);
		assert_int_equal(redis_url_parse(text, &url, NULL), rows[i].fits ? ERR_OK : ERR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(urls_are_taken_apart),
	        cmocka_unit_test(what_is_no_such_url_is_refused_without_a_word_of_it),
	        cmocka_unit_test(parts_at_their_limit_fit_and_longer_ones_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
