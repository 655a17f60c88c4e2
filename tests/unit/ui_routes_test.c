/* GET /ui/NAME over HTTP: the pages that lie in deploy/b2c/ui, to B2C's origin, and nothing else of the disk. */
#include "tests/unit/ingress_fixture.h"

static int start(void **state)
{
	(void)state;
	start_service(true, (const char *const[]){"VERIFYD_UI_DIR=" TEST_SOURCE_DIR "/../deploy/b2c/ui", NULL});
	return 0;
}

static void a_page_is_served_to_b2cs_origin(void **state)
{
	(void)state;
	assert_int_equal(call("GET", "/ui/polling.html", "Origin: https://t.b2clogin.com\r\n", NULL)->status, 200);
	assert_non_null(strstr(reply.body, "<div id=\"api\"></div>"));
	assert_string_equal(replied("Content-Type"), "text/html; charset=utf-8");
	assert_string_equal(replied("Access-Control-Allow-Origin"), "https://t.b2clogin.com");
	assert_string_equal(replied("Vary"), "Origin");
	assert_string_equal(replied("Cache-Control"), "public, max-age=300");
	assert_string_equal(replied("X-Content-Type-Options"), "nosniff");
	assert_non_null(strstr(replied("Content-Security-Policy"), "default-src 'none'"));
	assert_int_equal(call("GET", "//ui//polling.html", "Origin: https://elsewhere.example\r\n", NULL)->status, 200);
	assert_null(replied("Access-Control-Allow-Origin"));
	assert_int_equal(script.asked, 0);
}

static void who_has_it_already_gets_no_second_copy(void **state)
{
	char headers[17 * 1024];
	(void)state;
	assert_int_equal(call("GET", "/ui/mfa.html", "", NULL)->status, 200);
	(void)snprintf(headers, sizeof headers, "If-None-Match: \"x\", %s\r\n", replied("ETag"));
	assert_int_equal(call("GET", "/ui/mfa.html", headers, NULL)->status, 304);
	assert_string_equal(reply.body, "");
	assert_non_null(strstr(headers, replied("ETag")));
	assert_int_equal(call("GET", "/ui/signin.html", headers, NULL)->status, 200);
}

static void nothing_else_of_the_disk_is_served(void **state)
{
	static const char *const targets[] = {
	        "/ui/nothing.html",       "/ui/README.md",          "/ui/build.py",       "/ui/src/style.css",
	        "/ui/../ui/signin.html",  "/ui/%2e%2e/build.py",    "/ui/src%2fblock.js", "/ui/..%2f..%2fpackages.sh",
	        "/ui/%2fetc%2fpasswd.js", "/ui/signin.html%00.css", "/ui/SIGNIN.HTML",
	};
	(void)state;
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		int status = call("GET", targets[i], "", NULL)->status;
		if (status != 404 && status != 400)
			print_error("%s\n", targets[i]);
		assert_true(status == 404 || status == 400);
	}
	assert_int_equal(call("POST", "/ui/signin.html", "Content-Type: application/json\r\n", "{}")->status, 405);
	assert_string_equal(replied("Allow"), "GET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(a_page_is_served_to_b2cs_origin, clear_script),
	        cmocka_unit_test_setup(who_has_it_already_gets_no_second_copy, clear_script),
	        cmocka_unit_test_setup(nothing_else_of_the_disk_is_served, clear_script),
	};
	return cmocka_run_group_tests(tests, start, stop_service);
}
