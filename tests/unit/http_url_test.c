/* Tests of http_url: which URLs are called, and where they are said to lead. */
#include "common/base/http_url.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool reads(const char *text, bool is_foreign, struct http_url *ret_url)
{
	return http_url_read(text, strlen(text), is_foreign, ret_url);
}

static void a_url_is_taken_apart(void **state)
{
	static const struct {
		const char *text, *host, *origin;
		unsigned port;
		bool plain, loopback, named;
	} cases[] = {
	        {"https://api.example.com/a?b", "api.example.com", "https://api.example.com", 443, false, false, true},
	        {"HTTPS://API.Example.com:8443", "api.example.com", "HTTPS://API.Example.com:8443", 8443, false, false,
	         true},
	        {"https://10.0.0.1?x", "10.0.0.1", "https://10.0.0.1", 443, false, false, false},
	        {"https://[2001:DB8::1]:1/", "2001:db8::1", "https://[2001:DB8::1]:1", 1, false, false, false},
	        {"https://localhost/", "localhost", "https://localhost", 443, false, true, false},
	        {"https://[::1]/", "::1", "https://[::1]", 443, false, true, false},
	        {"http://127.9.0.1:80/", "127.9.0.1", "http://127.9.0.1:80", 80, true, true, false},
	        {"http://LOCALHOST#f", "localhost", "http://LOCALHOST", 80, true, true, false},
	        {"http://[::1]:65535", "::1", "http://[::1]:65535", 65535, true, true, false},
	        {"https://a-b.c_d.x1", "a-b.c_d.x1", "https://a-b.c_d.x1", 443, false, false, true},
	        {"https://1.2.3.4.example", "1.2.3.4.example", "https://1.2.3.4.example", 443, false, false, true},
	        {"https://vendor", "vendor", "https://vendor", 443, false, false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_url url;
		if (!reads(cases[i].text, false, &url))
			fail_msg("refused: %s", cases[i].text);
		assert_string_equal(url.host, cases[i].host);
		assert_int_equal(url.port, cases[i].port);
		assert_int_equal(url.plain, cases[i].plain);
		assert_int_equal(url.loopback, cases[i].loopback);
		assert_int_equal(url.named, cases[i].named);
		assert_int_equal(url.origin_len, strlen(cases[i].origin));
		assert_memory_equal(cases[i].text, cases[i].origin, url.origin_len);
	}
}

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
	static const char *const refused[] = {
	        "",
	        "h",
	        "https",
	        "https:",
	        "https:/",
	        "https://",
	        "https:///",
	        "https://?",
	        "http://",
	        "ftp://h/",
	        "//h/",
	        "h/",
	        " https://h/",
	        "https://u@h/",
	        "https://u:p@h/",
	        "https://@h/",
	        "https://h@/",
	        "https://h\\@x/",
	        "https://h:/",
	        "https://h:0/",
	        "https://h:65536/",
	        "https://h:-1/",
	        "https://h:8o/",
	        "https://h:000443/",
	        "https://h:1:2/",
	        "https://:443/",
	        "https://[::1/",
	        "https://::1/",
	        "https://[::1]x/",
	        "https://[h]/",
	        "https://[]/",
	        "https://[::1]:/",
	        "https://[fe80::1%25eth0]/",
	        "https://127.1/",
	        "https://2130706433/",
	        "https://0x7f000001/",
	        "https://0x7f.1/",
	        "https://127.0.0.0x1/",
	        "https://010.0.0.1/",
	        "https://1.2.3.256/",
	        "https://1.2.3.4.5/",
	        "https://1.2.3.4./",
	        "https://h./",
	        "https://.h/",
	        "https://a..b/",
	        "https://h x/",
	        "https://h/\t",
	        "https://h/\r\nX: y",
	        "https://h/\x7f",
	        "https://h\xc3\xa9/",
	        "https://h%2e/",
	        "https://h*/",
	        "http://example.com/",
	        "http://10.0.0.1/",
	        "http://127.0.0.1.example.com/",
	        "http://localhost.example.com/",
	        "http://[::2]/",
	        "http://[::ffff:127.0.0.1]/",
	        "http://0.0.0.0/",
	        "http://128.0.0.1/",
	};
	struct http_url url;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (reads(refused[i], false, &url))
			fail_msg("accepted: %s", refused[i]);
}

static void a_foreign_url_is_https_to_no_system_port(void **state)
{
	static const char *const accepted[] = {"https://h/", "https://h:443/", "https://h:1024/", "https://h:65535/",
	                                       "https://10.0.0.1/"}; /* refused where it would connect */
	static const char *const refused[] = {"http://127.0.0.1/", "http://localhost/", "https://h:25/",
	                                      "https://h:80/",     "https://h:1023/",   "https://h:1/"};
	struct http_url url;

	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++)
		if (!reads(accepted[i], true, &url))
			fail_msg("refused: %s", accepted[i]);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (reads(refused[i], true, &url))
			fail_msg("accepted: %s", refused[i]);
}

static void a_host_has_at_most_253_characters(void **state)
{
	char text[512] = "https://";
	struct http_url url;

	(void)state;
	memset(text + 8, 'a', HTTP_NAME_BYTES);
	text[8 + HTTP_NAME_BYTES] = '\0';
	assert_false(reads(text, false, &url));
	text[8 + HTTP_NAME_BYTES - 1] = '\0';
	assert_true(reads(text, false, &url));
	assert_int_equal(strlen(url.host), HTTP_NAME_BYTES - 1);
	strcat(text, ":65535");
	assert_true(reads(text, false, &url));
	assert_true(url.origin_len <= HTTP_ORIGIN_BYTES);
}

static void an_origin_ends_where_the_host_ends(void **state)
{
	static const char origin[] = "https://h:44";
	static const struct {
		const char *url;
		bool has;
	} cases[] = {{"https://h:44", true},   {"https://h:44/", true},   {"https://h:44?x", true},
	             {"https://h:44#x", true}, {"https://h:443/", false}, {"https://h:4", false},
	             {"https://h:44x", false}, {"https://g:44/", false},  {"https://h:44@x/", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (http_url_has_origin(cases[i].url, strlen(cases[i].url), origin, strlen(origin)) != cases[i].has)
			fail_msg("%s", cases[i].url);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_url_is_taken_apart),
	        cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
	        cmocka_unit_test(a_foreign_url_is_https_to_no_system_port),
	        cmocka_unit_test(a_host_has_at_most_253_characters),
	        cmocka_unit_test(an_origin_ends_where_the_host_ends),
	};
	return cmocka_run_group_tests_name("http_url", tests, NULL, NULL);
}
