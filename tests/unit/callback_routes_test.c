/* The vendor's callbacks and /v1's journeys over HTTP, with a scripted desk: what a callback may cause, and what a
 * caller of /v1 is told of a journey. */
#include "tests/unit/ingress_fixture.h"

#define ID       "vAAAAAAAAAAAAAAAAAAAAAA"
#define CALLBACK "/v1/callbacks/jumio/" SECRET
#define FORM     "Content-Type: application/x-www-form-urlencoded\r\n"
#define ALLOWED  "X-Forwarded-For: 203.0.113.9, 198.51.100.7\r\n"

static int start(void **state)
{
	(void)state;
	start_service(true, (const char *const[]){"VERIFYD_CALLBACK_ALLOW_FROM=198.51.100.0/24, 2001:db8::/32",
	                                          "VERIFYD_TRUSTED_PROXIES=127.0.0.1, 10.0.0.0/8", NULL});
	return 0;
}

/* ---- callbacks ---- */

static void a_callback_is_a_hint_to_look_at_what_it_names(void **state)
{
	static const struct {
		const char *form, *id, *reference;
	} rows[] = {
	        {"callBackType=NETVERIFYID&jumioIdScanReference=" GUID "&merchantIdScanReference=" ID
	         "&verificationStatus=APPROVED_VERIFIED",
	         ID, GUID},
	        {"JUMIOIDSCANREFERENCE=" GUID, "", GUID},
	        {"merchantidscanreference=" ID, ID, ""},
	        {"merchantIdScanReference=txn-1&jumioIdScanReference=" GUID, "", GUID},
	        {"merchantIdScanReference=" ID "&jumioIdScanReference=a%2Fb", ID, ""},
	        {"merchantIdScanReference=%76AAAAAAAAAAAAAAAAAAAAAA", ID, ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int asked = script.asked;
		assert_int_equal(call("POST", CALLBACK, ALLOWED FORM, rows[i].form)->status, 200);
		assert_string_equal(reply.body, "");
		assert_int_equal(script.asked, asked + 1);
		assert_int_equal(script.last.type, ASK_CALLBACK);
		assert_int_equal(script.last.request.kind, KIND_JUMIO_IDENTITY);
		assert_string_equal(script.last.request.id, rows[i].id);
		assert_string_equal(script.last.reference, rows[i].reference);
		assert_in_range(script.last.wait_until_ms - clock_mono_ms(), 1, 1000); /* the vendor is told soon */
	}
}

static void whatever_became_of_it_the_answer_is_200_and_empty(void **state)
{
	(void)state;
	for (int outcome = OUTCOME_STATE; outcome <= OUTCOME_FAILED; outcome++) {
		script.outcome = (enum outcome)outcome;
		assert_int_equal(call("POST", CALLBACK, ALLOWED FORM, "merchantIdScanReference=" ID)->status, 200);
		assert_string_equal(reply.body, "");
		assert_null(replied("Content-Type"));
	}
}

static void a_form_that_names_nothing_of_ours_is_taken_and_forgotten(void **state)
{
	static const struct {
		const char *headers, *body;
	} rows[] = {
	        {ALLOWED FORM, ""},
	        {ALLOWED FORM, "a=b"},
	        {ALLOWED FORM, "jumioIdScanReference=&merchantIdScanReference="},
	        {ALLOWED FORM,
	         "jumioIdScanReference=0123456789012345678901234567890123456789012345678901234567890123x"},
	        {ALLOWED FORM, "jumioIdScanReference=" GUID "%00"},
	        {ALLOWED FORM, "%%%&&&==="},
	        {ALLOWED JSON, "{\"jumioIdScanReference\":\"" GUID "\"}"},
	        {ALLOWED, "jumioIdScanReference=" GUID},
	        {ALLOWED "Content-Type: text/plain\r\n", "jumioIdScanReference=" GUID},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(call("POST", CALLBACK, rows[i].headers, rows[i].body)->status, 200);
	assert_int_equal(script.asked, 0);
}

static void with_a_wrong_secret_there_is_nothing_here(void **state)
{
	static const char *const paths[] = {"/v1/callbacks/jumio/" SECRET "x",
	                                    "/v1/callbacks/jumio/callback-secret-012345678",
	                                    "/v1/callbacks/jumio/Callback-secret-0123456789",
	                                    "/v1/callbacks/jumio/x",
	                                    "/v1/callbacks/jumio/" SECRET "/",
	                                    "/v1/callbacks/jumio/"};
	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		assert_int_equal(call("POST", paths[i], ALLOWED FORM, "merchantIdScanReference=" ID)->status, 404);
	assert_int_equal(script.asked, 0);
}

static void only_the_vendors_addresses_may_call_back(void **state)
{
	static const struct {
		const char *headers;
		int status;
	} rows[] = {
	        {FORM, 403}, /* the proxy itself */
	        {FORM "X-Forwarded-For: 203.0.113.9\r\n", 403},
	        {FORM "X-Forwarded-For: 198.51.100.7, 203.0.113.9\r\n",
	         403}, /* the left part is the caller's own word */
	        {FORM "X-Forwarded-For: garbage\r\n", 403},
	        {FORM "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-For: 203.0.113.9\r\n", 403},
	        {FORM "X-Forwarded-For: 203.0.113.9\r\nx-forwarded-for: 198.51.100.7\r\n", 200},
	        {FORM "X-Forwarded-For: 198.51.100.7:4711, 10.1.2.3\r\n", 200},
	        {FORM "X-Forwarded-For: 2001:db8::7\r\n", 200},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(call("POST", CALLBACK, rows[i].headers, "merchantIdScanReference=" ID)->status,
		                 rows[i].status);
	assert_int_equal(script.asked, 3);
}

/* ---- /v1 ---- */

#define JOURNEY                                                                                                        \
	"{\"kind\":\"jumio.identity\",\"subject\":\"" OBJECT_ID                                                        \
	"\",\"correlation\":\"c\",\"locale\":\"de\",\"return_url\":\"https://a.example/b\"}"

static void a_journey_of_v1_is_told_where_the_person_begins(void **state)
{
	struct ticket ticket;
	(void)state;
	known(STATE_QUEUED, VERDICT_NONE);
	assert_int_equal(call("POST", "/v1/verifications", API_KEY JSON "Prefer: wait=5\r\n", JOURNEY)->status, 202);
	assert_int_equal(script.last.type, ASK_JOURNEY);
	assert_int_equal(script.last.wait_for, WAIT_LEFT_QUEUED);
	assert_in_range(script.last.wait_until_ms - clock_mono_ms(), 1, 5000);
	assert_int_equal(script.last.request.deadline_ms - script.last.request.created_ms,
	                 service.ingress.journeys->ticket_life_ms);
	assert_string_equal(script.given[REQUEST_FIELD_RETURN_URL], "https://a.example/b");
	assert_int_equal(strncmp(script.given[REQUEST_FIELD_BACK_URL], PUBLIC_URL "/return/", strlen(PUBLIC_URL) + 8),
	                 0);
	const char *link = member("start_url");
	assert_int_equal(strncmp(link, PUBLIC_URL "/start/", strlen(PUBLIC_URL) + 7), 0);
	assert_int_equal(ticket_read(service.ingress.journeys->tickets, TICKET_START, link + strlen(PUBLIC_URL) + 7,
	                             clock_unix_ms(), &ticket),
	                 ERR_OK);
	assert_string_equal(ticket.id, member("id"));
	known(STATE_AWAITING_USER, VERDICT_NONE);
	assert_int_equal(call("POST", "/v1/verifications", API_KEY JSON, JOURNEY)->status, 202);
	assert_true(*member("start_url"));
}

static void a_verdict_is_shown_and_a_start_only_while_there_is_one_and_only_to_who_created_it(void **state)
{
	(void)state;
	known(STATE_COMPLETED, VERDICT_DENIED);
	assert_int_equal(call("POST", "/v1/verifications", API_KEY JSON, JOURNEY)->status, 201);
	assert_string_equal(member("verdict"), "denied");
	assert_string_equal(member("start_url"), "");
	known(STATE_AWAITING_USER, VERDICT_NONE);
	assert_int_equal(call("GET", "/v1/verifications/" ID, API_KEY "Prefer: wait=5\r\n", NULL)->status, 200);
	assert_int_equal(script.last.wait_for, WAIT_FINAL);
	assert_string_equal(member("state"), "awaiting_user");
	assert_string_equal(member("start_url"), "");
	assert_string_equal(member("verdict"), "");
}

static void a_journey_of_v1_needs_an_address_to_come_back_to(void **state)
{
	static const struct {
		const char *body, *says;
	} rows[] = {
	        {"{\"kind\":\"jumio.identity\",\"subject\":\"o\",\"correlation\":\"c\"}", "return_url is required"},
	        {"{\"kind\":\"jumio.identity\",\"subject\":\"o\",\"return_url\":\"https://a\"}",
	         "correlation is required"},
	        {"{\"kind\":\"jumio.identity\",\"correlation\":\"c\",\"return_url\":\"https://a\"}",
	         "subject is required"},
	        {"{\"kind\":\"jumio.identity\",\"subject\":\"o\",\"correlation\":\"c\",\"return_url\":\"http://"
	         "a.example\"}",
	         "return_url: it is not"},
	        {"{\"kind\":\"jumio.identity\",\"subject\":\"o\",\"correlation\":\"c\",\"return_url\":\"https://"
	         "a\\r\\nX: y\"}",
	         "return_url: it holds"},
	        {"{\"kind\":\"jumio.identity\",\"subject\":\"o\",\"correlation\":\"c\",\"return_url\":\"https://"
	         "a\",\"policy\":\"P\"}",
	         "not a field of"},
	        {"{\"kind\":\"jumio.identity\",\"subject\":\"o\",\"correlation\":\"c\",\"return_url\":\"https://"
	         "a\",\"session\":\"s\"}",
	         "not a field of"},
	        {"{\"kind\":\"other.kind\",\"subject\":\"o\"}", "not one that is served"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(call("POST", "/v1/verifications", API_KEY JSON, rows[i].body)->status, 400);
		assert_non_null(strstr(member("detail"), rows[i].says));
	}
	assert_int_equal(script.asked, 0);
}

static void too_many_attempts_and_an_absent_cache_are_told(void **state)
{
	(void)state;
	script.outcome = OUTCOME_TOO_MANY;
	assert_int_equal(call("POST", "/v1/verifications", API_KEY JSON, JOURNEY)->status, 429);
	assert_string_equal(member("type"), "urn:verifyd:problem:too_many_attempts");
	known(STATE_QUEUED, VERDICT_NONE);
	script.outcome = OUTCOME_CACHE_AWAY;
	assert_int_equal(call("POST", "/v1/verifications", API_KEY JSON, JOURNEY)->status, 202);
	assert_true(*member("start_url"));
}

static void without_journeys_their_kind_and_routes_are_not_there(void **state)
{
	struct journeys *journeys = service.ingress.journeys;
	(void)state;
	service.ingress.journeys = NULL;
	assert_int_equal(call("POST", "/v1/verifications", API_KEY JSON, JOURNEY)->status, 400);
	assert_non_null(strstr(member("detail"), "not one that is served"));
	assert_int_equal(call("POST", CALLBACK, ALLOWED FORM, "merchantIdScanReference=" ID)->status, 404);
	assert_int_equal(call("GET", "/start/x", "", NULL)->status, 404);
	assert_int_equal(call("GET", "/api/Oidc/keys", "", NULL)->status, 409);
	assert_string_equal(member("code"), "not_found");
	assert_int_equal(call("OPTIONS", "/api/Jumio/VerifyTransactionStatus", "", NULL)->status, 409);
	service.ingress.journeys = journeys;
}

#define TEST(name) cmocka_unit_test_setup(name, clear_script)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_callback_is_a_hint_to_look_at_what_it_names),
	        TEST(whatever_became_of_it_the_answer_is_200_and_empty),
	        TEST(a_form_that_names_nothing_of_ours_is_taken_and_forgotten),
	        TEST(with_a_wrong_secret_there_is_nothing_here),
	        TEST(only_the_vendors_addresses_may_call_back),
	        TEST(a_journey_of_v1_is_told_where_the_person_begins),
	        TEST(a_verdict_is_shown_and_a_start_only_while_there_is_one_and_only_to_who_created_it),
	        TEST(a_journey_of_v1_needs_an_address_to_come_back_to),
	        TEST(too_many_attempts_and_an_absent_cache_are_told),
	        TEST(without_journeys_their_kind_and_routes_are_not_there),
	};
	return cmocka_run_group_tests(tests, start, stop_service);
}
