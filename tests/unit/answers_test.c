/* answers: errors in both dialects are valid JSON with exactly the documented members, statuses and headers; a browser
 * gets a page instead. */
#include "common/base/json_in.h"
#include "ingress/answers.h"
#include "ingress/http_head.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	enum problem problem;
	const char *code;
	int status;
} documented[] = {
        {PROBLEM_UNAUTHENTICATED, "unauthenticated", 401},
        {PROBLEM_NOT_FOUND, "not_found", 404},
        {PROBLEM_METHOD_NOT_ALLOWED, "method_not_allowed", 405},
        {PROBLEM_BAD_JSON, "bad_json", 400},
        {PROBLEM_TOO_LARGE, "too_large", 413},
        {PROBLEM_HEAD_TOO_LARGE, "head_too_large", 431},
        {PROBLEM_UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", 415},
        {PROBLEM_MISSING_FIELD, "missing_field", 400},
        {PROBLEM_BAD_FIELD, "bad_field", 400},
        {PROBLEM_MALFORMED_REQUEST, "malformed_request", 400},
        {PROBLEM_FORBIDDEN, "forbidden", 403},
        {PROBLEM_TOO_MANY_ATTEMPTS, "too_many_attempts", 429},
        {PROBLEM_NOT_STARTED, "not_started", 409},
        {PROBLEM_QUEUE_AWAY, "queue_away", 503},
        {PROBLEM_OVERLOADED, "overloaded", 503},
        {PROBLEM_RATE_LIMITED, "rate_limited", 429},
        {PROBLEM_KEY_REUSED, "idempotency_key_reused", 422},
        {PROBLEM_KEY_AWAY, "idempotency_key_away", 503},
        {PROBLEM_AUTH_AWAY, "auth_away", 503},
        {PROBLEM_CALLBACK_REFUSED, "callback_refused", 422},
        {PROBLEM_INTERNAL, "internal", 500},
};
_Static_assert(sizeof documented / sizeof *documented == PROBLEM_COUNT, "write the new problem down here");

static struct exchange exchange_of(enum dialect dialect)
{
	static const struct http_head no_headers;
	struct exchange exchange = {.dialect = dialect, .request_id = "0123456789abcdef", .head = &no_headers};
	exchange_init(&exchange, NULL, 1024);
	return exchange;
}

static struct json_in *answer_of(const struct exchange *exchange)
{
	struct json_in *root = NULL;
	assert_int_equal(json_in_parse(exchange->answer.data, exchange->answer.len, &root, NULL), ERR_OK);
	assert_true(json_in_type(root) == JSON_IN_OBJECT);
	return root;
}

static void expect_text(const struct json_in *root, const char *name, const char *text)
{
	const struct json_in *member = json_in_get(root, name);
	assert_true(json_in_type(member) == JSON_IN_STRING);
	assert_string_equal(json_in_text(member), text);
}

static const char *header_of(const struct exchange *exchange, const char *name)
{
	for (size_t i = 0; i < exchange->header_count; i++)
		if (strcmp(exchange->headers[i].name, name) == 0)
			return exchange->headers[i].value;
	return NULL;
}

static void b2c_gets_409_with_exactly_the_members_of_its_contract(void **state)
{
	(void)state;
	for (size_t i = 0; i < PROBLEM_COUNT; i++) {
		struct exchange exchange = exchange_of(DIALECT_B2C);
		answer_problem(&exchange, documented[i].problem, "internals");
		struct json_in *root = answer_of(&exchange);
		assert_int_equal(exchange.status, 409);
		assert_string_equal(exchange.content_type, "application/json");
		assert_int_equal(json_in_count(root), 5);
		expect_text(root, "version", "1.0.0");
		assert_int_equal(json_in_integer(json_in_get(root, "status")), 409);
		expect_text(root, "code", documented[i].code);
		expect_text(root, "requestId", "0123456789abcdef");
		assert_true(json_in_text_len(json_in_get(root, "userMessage")) > 0);
		assert_null(strstr(exchange.answer.data, "internals"));
		assert_null(header_of(&exchange, "WWW-Authenticate")); /* B2C shows no dialog, and 409 asks for none */
		json_in_free(root);
		exchange_fini(&exchange);
	}
}

static void everybody_else_gets_a_problem_of_rfc_9457(void **state)
{
	char type[96];
	(void)state;
	for (size_t i = 0; i < PROBLEM_COUNT; i++) {
		struct exchange exchange = exchange_of(DIALECT_PROBLEM);
		answer_problem(&exchange, documented[i].problem, "a \"rule\"\n");
		struct json_in *root = answer_of(&exchange);
		(void)snprintf(type, sizeof type, "urn:verifyd:problem:%s", documented[i].code);
		assert_int_equal(exchange.status, documented[i].status);
		assert_string_equal(exchange.content_type, "application/problem+json");
		assert_int_equal(json_in_count(root), 5);
		expect_text(root, "type", type);
		assert_true(json_in_text_len(json_in_get(root, "title")) > 0);
		assert_int_equal(json_in_integer(json_in_get(root, "status")), documented[i].status);
		expect_text(root, "detail", "a \"rule\"\n");
		expect_text(root, "requestId", "0123456789abcdef");
		json_in_free(root);
		exchange_fini(&exchange);
	}
}

static void without_a_detail_the_title_stands_there(void **state)
{
	struct exchange exchange = exchange_of(DIALECT_PROBLEM);
	(void)state;
	answer_problem(&exchange, PROBLEM_NOT_FOUND, NULL);
	struct json_in *root = answer_of(&exchange);
	expect_text(root, "detail", json_in_text(json_in_get(root, "title")));
	json_in_free(root);
	exchange_fini(&exchange);
}

static void who_may_try_again_later_is_told_when(void **state)
{
	(void)state;
	for (size_t i = 0; i < PROBLEM_COUNT; i++)
		for (int dialect = DIALECT_PROBLEM; dialect <= DIALECT_PAGE; dialect++) {
			struct exchange exchange = exchange_of((enum dialect)dialect);
			answer_problem(&exchange, documented[i].problem, NULL);
			const char *after = header_of(&exchange, "Retry-After");
			assert_int_equal(after != NULL, documented[i].status == 503);
			if (after)
				assert_string_equal(after, "2");
			bool challenged = header_of(&exchange, "WWW-Authenticate") != NULL;
			assert_int_equal(challenged, documented[i].status == 401 && dialect == DIALECT_PROBLEM);
			exchange_fini(&exchange);
		}
}

static void a_browser_gets_a_page_that_tells_nothing_but_what_to_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < PROBLEM_COUNT; i++) {
		struct exchange exchange = exchange_of(DIALECT_PAGE);
		exchange.cache_control = "public";
		answer_problem(&exchange, documented[i].problem, "internals");
		assert_int_equal(exchange.status, documented[i].status);
		assert_string_equal(exchange.content_type, "text/html; charset=utf-8");
		assert_null(exchange.cache_control);
		assert_non_null(strstr(exchange.answer.data, "<h1>"));
		assert_null(strstr(exchange.answer.data, "internals"));
		assert_null(strstr(exchange.answer.data, documented[i].code));
		assert_string_equal(header_of(&exchange, "Content-Security-Policy"), PAGE_CSP);
		assert_string_equal(header_of(&exchange, "Referrer-Policy"), "no-referrer");
		exchange_fini(&exchange);
	}
}

static void an_answer_without_a_body_has_no_type_either(void **state)
{
	struct exchange exchange = exchange_of(DIALECT_PAGE);
	(void)state;
	answer_problem(&exchange, PROBLEM_INTERNAL, NULL);
	answer_empty(&exchange, 204);
	assert_int_equal(exchange.status, 204);
	assert_int_equal(exchange.answer.len, 0);
	assert_null(exchange.content_type);
	exchange_fini(&exchange);
}

static void how_long_a_caller_would_wait_is_confirmed_when_it_said_so(void **state)
{
	struct exchange exchange = exchange_of(DIALECT_PROBLEM);
	(void)state;
	answer_applied_wait(&exchange);
	assert_null(header_of(&exchange, "Preference-Applied"));
	exchange.prefer_wait_s = 7;
	answer_applied_wait(&exchange);
	assert_string_equal(header_of(&exchange, "Preference-Applied"), "wait=7");
	exchange_fini(&exchange);
}

static void a_problem_replaces_what_was_half_written(void **state)
{
	struct exchange exchange = exchange_of(DIALECT_PROBLEM);
	(void)state;
	assert_int_equal(buf_append_str(&exchange.answer, "{\"score\":"), ERR_OK);
	answer_problem(&exchange, PROBLEM_INTERNAL, NULL);
	json_in_free(answer_of(&exchange));
	exchange_fini(&exchange);
}

static void an_answer_that_does_not_fit_is_empty_rather_than_torn(void **state)
{
	struct exchange exchange = exchange_of(DIALECT_PROBLEM);
	(void)state;
	buf_init(&exchange.answer, 40);
	answer_problem(&exchange, PROBLEM_INTERNAL, NULL);
	assert_int_equal(exchange.answer.len, 0);
	assert_int_equal(exchange.status, 500);
	exchange_fini(&exchange);
}

static void every_outcome_but_a_state_is_a_problem(void **state)
{
	static const struct {
		enum outcome outcome;
		int status; /* 0: no problem */
	} rows[] = {
	        {OUTCOME_STATE, 0},        {OUTCOME_CACHE_AWAY, 0},      {OUTCOME_NOT_FOUND, 404},
	        {OUTCOME_QUEUE_AWAY, 503}, {OUTCOME_OVERLOADED, 503},    {OUTCOME_FAILED, 500},
	        {OUTCOME_TOO_MANY, 429},   {OUTCOME_OTHER_BROWSER, 403},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct exchange exchange = exchange_of(DIALECT_PROBLEM);
		exchange.ask.outcome = rows[i].outcome;
		assert_int_equal(answer_outcome_problem(&exchange), rows[i].status != 0);
		assert_int_equal(exchange.status, rows[i].status);
		exchange_fini(&exchange);
	}
}

static void json_is_answered_as_json(void **state)
{
	struct exchange exchange = exchange_of(DIALECT_PROBLEM);
	(void)state;
	answer_json(&exchange, 202);
	assert_int_equal(exchange.status, 202);
	assert_string_equal(exchange.content_type, "application/json");
	exchange_fini(&exchange);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(b2c_gets_409_with_exactly_the_members_of_its_contract),
	        cmocka_unit_test(everybody_else_gets_a_problem_of_rfc_9457),
	        cmocka_unit_test(without_a_detail_the_title_stands_there),
	        cmocka_unit_test(who_may_try_again_later_is_told_when),
	        cmocka_unit_test(a_browser_gets_a_page_that_tells_nothing_but_what_to_do),
	        cmocka_unit_test(an_answer_without_a_body_has_no_type_either),
	        cmocka_unit_test(how_long_a_caller_would_wait_is_confirmed_when_it_said_so),
	        cmocka_unit_test(a_problem_replaces_what_was_half_written),
	        cmocka_unit_test(an_answer_that_does_not_fit_is_empty_rather_than_torn),
	        cmocka_unit_test(every_outcome_but_a_state_is_a_problem),
	        cmocka_unit_test(json_is_answered_as_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
