/* webhook_message: the known example of Standard Webhooks, whose keys sign what, and what is told of a verification. */
#include "workers/webhook_message.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define KEY_A "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define KEY_B "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define URL   "https://hooks.example.com/in?t=1"

static const struct verification scored = {.id = "v000000000000000000000A",
                                           .kind = KIND_BIOCATCH_SCORE,
                                           .state = STATE_COMPLETED,
                                           .rev = 2,
                                           .caller = "b2c",
                                           .risk = RISK_LOW,
                                           .score = 87,
                                           .created_ms = 1790000000000,
                                           .updated_ms = 1790000000104,
                                           .question = "question"};

static struct webhook_keys *keys_of(const char *text)
{
	struct webhook_keys *keys = NULL;
	assert_int_equal(webhook_keys_new(text, &keys, NULL), ERR_OK);
	return keys;
}

/* The value of a header; NULL when it is not there. */
static const char *header_of(const struct http_request *http, const char *name)
{
	size_t len = strlen(name);
	for (size_t i = 0; i < http->header_count; i++)
		if (strncmp(http->headers[i].data, name, len) == 0 && http->headers[i].data[len] == ':')
			return http->headers[i].data + len + 2;
	return NULL;
}

static void a_message_has_the_name_of_its_news_and_nothing_of_the_person(void **state)
{
	struct webhook_keys *keys = keys_of(KEY_A);
	struct http_request http;
	(void)state;
	http_request_init(&http);
	assert_int_equal(webhook_message_build(keys, &scored, URL, 1790000005999, &http), ERR_OK);
	assert_string_equal(http.method, "POST");
	assert_string_equal(http.url.data, URL);
	assert_string_equal(header_of(&http, "webhook-id"), "v000000000000000000000A-2");
	assert_string_equal(header_of(&http, "webhook-timestamp"), "1790000005");
	assert_string_equal(header_of(&http, "Content-Type"), "application/json");
	assert_string_equal(
	        http.body.data,
	        "{\"type\":\"verification.completed\",\"timestamp\":\"2026-09-21T14:13:20.104Z\",\"data\":{"
	        "\"id\":\"v000000000000000000000A\",\"kind\":\"biocatch.score\",\"state\":\"completed\",\"rev\":2,"
	        "\"risk\":\"LOW\",\"score\":87,\"updated_ms\":1790000000104}}");
	http_request_fini(&http);
	webhook_keys_free(keys);
}

/* openssl dgst -sha256 -mac HMAC over id.timestamp.body says the same. */
static void the_signature_is_hmac_sha256_over_id_time_and_body(void **state)
{
	struct webhook_keys *keys = keys_of(KEY_A);
	struct http_request http;
	(void)state;
	http_request_init(&http);
	assert_int_equal(webhook_message_build(keys, &scored, URL, 1790000005000, &http), ERR_OK);
	assert_string_equal(header_of(&http, "webhook-signature"), "v1,3jdNQbJf7wUo+c4ozSzTWJBac56rKuptRcwjs0un3xo=");
	http_request_fini(&http);
	webhook_keys_free(keys);
}

static void a_journey_is_told_with_its_verdict_and_a_death_with_its_reason(void **state)
{
	struct webhook_keys *keys = keys_of(KEY_A);
	struct verification journey = {.id = "v000000000000000000000A",
	                               .kind = KIND_JUMIO_IDENTITY,
	                               .state = STATE_COMPLETED,
	                               .rev = 6,
	                               .score = SCORE_NONE,
	                               .verdict = VERDICT_DENIED,
	                               .reason = REASON_FRAUD,
	                               .reference = "reference",
	                               .updated_ms = 1790000000104};
	struct http_request http;
	(void)state;
	http_request_init(&http);
	assert_int_equal(webhook_message_build(keys, &journey, URL, 0, &http), ERR_OK);
	assert_non_null(strstr(http.body.data, "\"verdict\":\"denied\",\"reason\":\"fraud\","));
	assert_null(strstr(http.body.data, "score"));
	assert_null(strstr(http.body.data, "reference"));
	http_request_fini(&http);
	journey.state = STATE_DEAD;
	journey.verdict = VERDICT_NONE;
	http_request_init(&http);
	assert_int_equal(webhook_message_build(keys, &journey, URL, 0, &http), ERR_OK);
	assert_non_null(strstr(http.body.data, "\"type\":\"verification.dead\""));
	assert_null(strstr(http.body.data, "verdict"));
	http_request_fini(&http);
	webhook_keys_free(keys);
}

static size_t signatures_for(const struct webhook_keys *keys, const char *caller)
{
	struct verification verification = scored;
	struct http_request http;
	size_t count = 0;
	http_request_init(&http);
	strcpy(verification.caller, caller);
	enum err_code code = webhook_message_build(keys, &verification, URL, 0, &http);
	if (code == ERR_OK)
		for (const char *at = header_of(&http, "webhook-signature"); (at = strstr(at, "v1,")); at++)
			count++;
	else
		assert_int_equal(code, ERR_NOT_FOUND);
	http_request_fini(&http);
	return count;
}

static void a_callers_own_keys_count_alone_and_all_of_them_sign(void **state)
{
	struct webhook_keys *keys = keys_of("app=" KEY_A "," KEY_B ",app=" KEY_B ", " KEY_A "\n," KEY_B);
	(void)state;
	assert_int_equal(signatures_for(keys, "app"), 2);
	assert_int_equal(signatures_for(keys, "b2c"), 3);
	webhook_keys_free(keys);
	keys = keys_of("app=" KEY_A);
	assert_int_equal(signatures_for(keys, "b2c"), 0);
	assert_int_equal(signatures_for(NULL, "b2c"), 0);
	webhook_keys_free(keys);
	webhook_keys_free(NULL);
}

#define LONGEST_KEY                                                                                                    \
	"a.b-c_d@e=whsec_"                                                                                             \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="

static void keys_of_24_to_64_bytes_are_taken_padded_or_not(void **state)
{
	static const char *const taken[] = {
	        KEY_A, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", LONGEST_KEY};
	(void)state;
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		webhook_keys_free(keys_of(taken[i]));
}

static void what_is_no_key_is_refused_without_being_repeated(void **state)
{
	static const char *const refused[] = {
	        "",
	        ",",
	        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
	        "whsec_",
	        "whsec_AAAA",
	        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA*",
	        KEY_A "====",
	        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", /* a stray bit */
	        "app:" KEY_A,
	        "="
	        "AAAA",
	        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	        KEY_A "," KEY_A "," KEY_A "," KEY_A "," KEY_A,
	        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=" KEY_A};
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct webhook_keys *keys = NULL;
		struct err err = {ERR_OK, ""};
		if (webhook_keys_new(refused[i], &keys, &err) != ERR_INVALID)
			fail_msg("taken: %s", refused[i]);
		assert_null(keys);
		assert_null(strstr(err.msg, "AAAA"));
		assert_null(strstr(err.msg, "MfKQ"));
	}
}

static void an_address_that_cannot_be_sent_is_an_error(void **state)
{
	static char url[HTTP_MAX_URL_BYTES + 2];
	struct webhook_keys *keys = keys_of(KEY_A);
	struct http_request http;
	(void)state;
	memset(url, 'u', sizeof url - 1);
	http_request_init(&http);
	assert_int_equal(webhook_message_build(keys, &scored, url, 0, &http), ERR_LIMIT);
	http_request_fini(&http);
	webhook_keys_free(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_message_has_the_name_of_its_news_and_nothing_of_the_person),
	        cmocka_unit_test(the_signature_is_hmac_sha256_over_id_time_and_body),
	        cmocka_unit_test(a_journey_is_told_with_its_verdict_and_a_death_with_its_reason),
	        cmocka_unit_test(a_callers_own_keys_count_alone_and_all_of_them_sign),
	        cmocka_unit_test(keys_of_24_to_64_bytes_are_taken_padded_or_not),
	        cmocka_unit_test(what_is_no_key_is_refused_without_being_repeated),
	        cmocka_unit_test(an_address_that_cannot_be_sent_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
