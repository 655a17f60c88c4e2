/* urls: where a parameter goes, which addresses may be named, and what their origins are. */
#include "common/base/percent.h"
#include "ingress/urls.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void what_does_not_fit_is_a_limit(void **state)
{
	struct buf out;
	(void)state;
	buf_init(&out, 5);
	assert_int_equal(percent_encode(&out, "ab/"), ERR_OK);
	assert_int_equal(percent_encode(&out, "c"), ERR_LIMIT);
	assert_int_equal(url_with_parameter(&out, "https://a", "b", "c"), ERR_LIMIT);
	buf_fini(&out);
}

static void a_parameter_joins_the_query_and_stands_before_the_fragment(void **state)
{
	static const struct {
		const char *url, *with;
	} rows[] = {
	        {"https://a", "https://a?v=x%2Fy"},
	        {"https://a/b", "https://a/b?v=x%2Fy"},
	        {"https://a/b?", "https://a/b?v=x%2Fy"},
	        {"https://a/b?c=d", "https://a/b?c=d&v=x%2Fy"},
	        {"https://a/b?c=d&", "https://a/b?c=d&v=x%2Fy"},
	        {"https://a/#/done", "https://a/?v=x%2Fy#/done"},
	        {"https://a/?c#d?e", "https://a/?c&v=x%2Fy#d?e"},
	        {"https://a/#d?e", "https://a/?v=x%2Fy#d?e"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf out;
		buf_init(&out, 128);
		assert_int_equal(url_with_parameter(&out, rows[i].url, "v", "x/y"), ERR_OK);
		assert_string_equal(out.data, rows[i].with);
		buf_fini(&out);
	}
}

static void only_https_or_a_loopback_address_is_of_the_web(void **state)
{
	static const struct {
		const char *url;
		bool web, redirect;
	} rows[] = {
	        {"https://app.example", true, true},
	        {"HTTPS://App.Example:8443/a?b#c", true, true},
	        {"https://[2001:db8::1]/a", true, true},
	        {"http://localhost:3000/cb", true, true},
	        {"http://127.0.0.1/cb", true, true},
	        {"http://127.9.9.9:1/cb", true, true},
	        {"http://[::1]:5/cb", true, true},
	        {"http://app.example/cb", false, false},
	        {"http://127.0.0.1.evil.example/", false, false},
	        {"http://localhost.evil.example/", false, false},
	        {"https://user@app.example/", false, false},
	        {"https://user:pw@app.example/", false, false},
	        {"https://localhost\\@evil.example", false, false},
	        {"http://127.0.0.1\\@evil.example", false, false},
	        {"https://app.example:99999/", false, false},
	        {"https://app.example:/", false, false},
	        {"https://app.example:8x/", false, false},
	        {"https://[zz]/", false, false},
	        {"https://[::1/", false, false},
	        {"https://[]/", false, false},
	        {"https:///path", false, false},
	        {"https://", false, false},
	        {"https:app.example", false, false},
	        {"https://app.example/a b", false, true}, /* encoded where it goes; not fit for a header */
	        {"https://app.example/\xc3\xa9", false, true},
	        {"https://app.example/\r\nX: y", false, true},
	        {"com.contoso.app:/oauth2redirect", false, true},
	        {"msauth.com.contoso.app://auth", false, true},
	        {"urn:ietf:wg:oauth:2.0:oob", false, true},
	        {"javascript:alert(1)", false, false},
	        {"JavaScript:alert(1)", false, false},
	        {"data:text/html,x", false, false},
	        {"file:///etc/passwd", false, false},
	        {"1app://auth", false, false},
	        {"my app://auth", false, false},
	        {"app:", false, false},
	        {"no scheme", false, false},
	        {":x", false, false},
	        {"", false, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (url_is_web(rows[i].url) != rows[i].web || url_is_redirect(rows[i].url) != rows[i].redirect)
			print_error("%s\n", rows[i].url);
		assert_int_equal(url_is_web(rows[i].url), rows[i].web);
		assert_int_equal(url_is_redirect(rows[i].url), rows[i].redirect);
	}
}

static void an_origin_is_in_lower_case_without_the_schemes_own_port(void **state)
{
	static const struct {
		const char *url, *origin, *rest;
	} rows[] = {
	        {"https://Login.Example/a/b", "https://login.example", "/a/b"},
	        {"HTTPS://a.example:443", "https://a.example", ""},
	        {"http://a.example:80/", "http://a.example", "/"},
	        {"http://a.example:443", "http://a.example:443", ""},
	        {"https://a.example:8443?b", "https://a.example:8443", "?b"},
	        {"https://[2001:DB8::1]:444#c", "https://[2001:db8::1]:444", "#c"},
	};
	static const char *const none[] = {"", "null", "ftp://a", "https://", "https://a@b", "https://a:x", "//a"};
	char origin[URL_ORIGIN_BYTES], host[300] = "https://";
	const char *rest;
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(url_origin(rows[i].url, origin, &rest), ERR_OK);
		assert_string_equal(origin, rows[i].origin);
		assert_string_equal(rest, rows[i].rest);
	}
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_int_equal(url_origin(none[i], origin, &rest), ERR_INVALID);
	memset(host + 8, 'a', 254);
	assert_int_equal(url_origin(host, origin, NULL), ERR_INVALID);
	host[8 + 253] = '\0';
	assert_int_equal(url_origin(host, origin, NULL), ERR_OK);
	strcpy(host + 8 + 253, ":8443");
	assert_int_equal(url_origin(host, origin, NULL), ERR_LIMIT);
}

static void only_this_machine_is_loopback(void **state)
{
	static const char *const here[] = {"http://localhost", "https://LOCALHOST:8443/x", "http://127.0.0.1:8080",
	                                   "https://127.255.0.9/", "http://[::1]:1/"};
	static const char *const elsewhere[] = {"https://localhost.example:1",
	                                        "https://127.example",
	                                        "https://128.0.0.1",
	                                        "https://[::2]/",
	                                        "ftp://localhost",
	                                        "localhost"};
	(void)state;
	for (size_t i = 0; i < sizeof here / sizeof *here; i++)
		assert_true(url_is_loopback(here[i]));
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
		assert_false(url_is_loopback(elsewhere[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_does_not_fit_is_a_limit),
	        cmocka_unit_test(a_parameter_joins_the_query_and_stands_before_the_fragment),
	        cmocka_unit_test(only_https_or_a_loopback_address_is_of_the_web),
	        cmocka_unit_test(only_this_machine_is_loopback),
	        cmocka_unit_test(an_origin_is_in_lower_case_without_the_schemes_own_port),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
