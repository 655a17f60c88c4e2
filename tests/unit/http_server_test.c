/* http_server: what it decides before a route is asked, over real sockets: which routes are there, who may call, in
 * which form, which pages of other origins; and that long answers get out. */
#include "ingress/http_head.h"
#include "tests/unit/ingress_fixture.h"

#define VERIFY "/api/Jumio/VerifyTransactionStatus"
#define ORIGIN "Origin: https://t.b2clogin.com\r\n"

static int start(void **state)
{
	(void)state;
	start_service(true, NULL);
	return 0;
}

static void a_preflight_of_b2cs_page_is_allowed_what_it_needs(void **state)
{
	(void)state;
	assert_int_equal(call("OPTIONS", "/" VERIFY, ORIGIN "Access-Control-Request-Method: POST\r\n", NULL)->status,
	                 204);
	assert_string_equal(replied("Access-Control-Allow-Origin"), "https://t.b2clogin.com");
	assert_string_equal(replied("Access-Control-Allow-Methods"), "POST");
	assert_string_equal(replied("Access-Control-Allow-Headers"), "content-type, prefer");
	assert_string_equal(replied("Access-Control-Max-Age"), "600");
	assert_string_equal(replied("Vary"), "Origin");
	assert_null(replied("Access-Control-Allow-Credentials"));
	assert_null(replied("Content-Type"));
	assert_string_equal(reply.body, "");
}

static void another_origin_is_allowed_nothing(void **state)
{
	(void)state;
	assert_int_equal(call("OPTIONS", VERIFY, "Origin: https://evil.example\r\n", NULL)->status, 204);
	assert_null(replied("Access-Control-Allow-Origin"));
	assert_string_equal(replied("Vary"), "Origin");
	(void)call("POST", VERIFY, "Origin: null\r\n" JSON, "{}");
	assert_null(replied("Access-Control-Allow-Origin"));
	(void)call("POST", VERIFY, JSON, "{}");
	assert_null(replied("Access-Control-Allow-Origin"));
}

static void every_answer_of_that_route_carries_the_permission(void **state)
{
	static char large[30 * 1024], long_headers[HTTP_HEAD_MAX_BYTES + 1] = ORIGIN JSON "X: ";
	static const struct {
		const char *method, *headers, *body, *code;
	} rows[] = {
	        {"POST", ORIGIN JSON, "{}", "missing_field"},
	        {"POST", ORIGIN JSON, "{", "bad_json"},
	        {"POST", ORIGIN JSON, "[]", "bad_field"},
	        {"POST", ORIGIN "Content-Type: text/plain\r\n", "{}", "unsupported_media_type"},
	        {"POST", ORIGIN "Content-Type: application/json; charset=utf-8\r\n", "{}", "missing_field"},
	        {"GET", ORIGIN, NULL, "method_not_allowed"},
	        {"DELETE", ORIGIN, NULL, "method_not_allowed"},
	        {"POST", ORIGIN "Host: other\r\n" JSON, "{}", "malformed_request"},
	        {"POST", ORIGIN JSON "Content-Length: 1048577\r\n", NULL, "too_large"},
	        {"POST", long_headers, "{}", "head_too_large"},
	        {"POST", ORIGIN JSON, large, "bad_field"},
	};
	(void)state;
	memset(long_headers + strlen(long_headers), 'x', sizeof long_headers - 3 - strlen(long_headers));
	memcpy(long_headers + sizeof long_headers - 3, "\r\n", 2);
	memset(large, ' ', sizeof large - 1);
	memcpy(large, "{\"verificationToken\":\"", 22);
	memset(large + 22, 'x', TOKEN_MAX_BYTES + 1);
	memcpy(large + 22 + TOKEN_MAX_BYTES + 1, "\"}", 2);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		(void)call(rows[i].method, VERIFY, rows[i].headers, rows[i].body);
		expect_b2c_error(rows[i].code);
		assert_string_equal(replied("Access-Control-Allow-Origin"), "https://t.b2clogin.com");
		assert_string_equal(replied("Vary"), "Origin");
	}
	(void)call("GET", VERIFY, "", NULL);
	assert_string_equal(replied("Allow"), "POST, OPTIONS");
}

static void other_routes_know_nothing_of_other_origins(void **state)
{
	static const char *const paths[] = {"/api/Jumio/InitializeTransaction", "/api/BioCatch/GetScore",
	                                    "/api/Oidc/keys", "/start/x"};
	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		(void)call("OPTIONS", paths[i], ORIGIN, NULL);
		assert_true(reply.status == 405 || reply.status == 409);
		assert_null(replied("Access-Control-Allow-Origin"));
	}
}

static void who_has_no_credential_gets_in_only_where_none_is_asked_for(void **state)
{
	static const struct {
		const char *method, *path;
		int status;
	} rows[] = {
	        {"POST", "/api/Jumio/InitializeTransaction", 409},
	        {"POST", "/api/Jumio/InitializeVerification", 409},
	        {"POST", "/api/Jumio/ValidateVerificationToken", 409},
	        {"POST", "/v1/verifications", 401},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(call(rows[i].method, rows[i].path, JSON, "{}")->status, rows[i].status);
		assert_non_null(strstr(reply.body, "unauthenticated"));
	}
	assert_int_equal(call("GET", "/api/oidc/keys", "", NULL)->status, 200);
	assert_int_equal(script.asked, 0);
}

static void the_documents_of_openid_may_be_kept_for_a_while(void **state)
{
	(void)state;
	assert_int_equal(call("GET", "//api/Oidc/.well-known/openid-configuration", "", NULL)->status, 200);
	assert_string_equal(replied("Cache-Control"), "public, max-age=300");
	assert_string_equal(replied("Content-Type"), "application/json");
	assert_string_equal(member("issuer"), "https://idv.contoso.example");
	assert_int_equal(strncmp(member("jwks_uri"), PUBLIC_URL "/", strlen(PUBLIC_URL) + 1), 0);
	assert_int_equal(call("GET", "/api/Oidc/.well-known/keys", "", NULL)->status, 200);
	assert_string_equal(replied("Cache-Control"), "public, max-age=300");
	assert_non_null(strstr(reply.body, "\"kid\""));
	assert_int_equal(call("POST", "/api/Oidc/keys", JSON, "{}")->status, 409);
	assert_string_equal(replied("Cache-Control"), "no-store");
}

static void the_longest_address_gets_out_whole(void **state)
{
	static char link[EXCHANGE_HEADER_MAX_BYTES + 1];
	static char cookies[6 * 1024];
	char target[EXCHANGE_PATH_BYTES], ticket[JOURNEY_LINK_BYTES];
	(void)state;
	for (int len = 6 * 1024; len <= EXCHANGE_HEADER_MAX_BYTES; len += 2 * 1024) {
		memset(link, 'a', sizeof link);
		memcpy(link, "https://capture.example/?t=", 27);
		link[len] = '\0';
		known(STATE_AWAITING_USER, VERDICT_NONE);
		script.link = link;
		assert_int_equal(journey_start_link(service.ingress.journeys, "vAAAAAAAAAAAAAAAAAAAAAA",
		                                    clock_unix_ms(), ticket),
		                 ERR_OK);
		assert_in_range(snprintf(target, sizeof target, "%s", ticket + strlen(PUBLIC_URL)), 1,
		                sizeof target - 1);
		/* with a long request before it */
		memset(cookies, 'c', sizeof cookies - 1);
		memcpy(cookies, "Cookie: a=", 10);
		memcpy(cookies + sizeof cookies - 3, "\r\n", 3);
		assert_int_equal(call("GET", target, cookies, NULL)->status, 302);
		assert_string_equal(replied("Location"), link);
		assert_non_null(replied("Set-Cookie"));
		assert_string_equal(reply.body, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(a_preflight_of_b2cs_page_is_allowed_what_it_needs, clear_script),
	        cmocka_unit_test_setup(another_origin_is_allowed_nothing, clear_script),
	        cmocka_unit_test_setup(every_answer_of_that_route_carries_the_permission, clear_script),
	        cmocka_unit_test_setup(other_routes_know_nothing_of_other_origins, clear_script),
	        cmocka_unit_test_setup(who_has_no_credential_gets_in_only_where_none_is_asked_for, clear_script),
	        cmocka_unit_test_setup(the_documents_of_openid_may_be_kept_for_a_while, clear_script),
	        cmocka_unit_test_setup(the_longest_address_gets_out_whole, clear_script),
	};
	return cmocka_run_group_tests(tests, start, stop_service);
}
