/* The four /api/Jumio calls over HTTP, with a scripted desk: exact JSON for every state, and a defined answer for every
 * token and reference that somebody may send. */
#include "tests/unit/ingress_fixture.h"

#define ID "vAAAAAAAAAAAAAAAAAAAAAA"
#define TRANSACTION                                                                                                    \
	"\"ObjectId\":\"" OBJECT_ID "\",\"ClientId\":\"client 1\",\"RedirectUri\":\"https://app.example/cb\","         \
	"\"Scope\":\"openid profile\",\"Policy\":\"B2C_1A_signup\",\"CorrelationId\":\"c-1\""

static int start(void **state)
{
	(void)state;
	start_service(true, (const char *const[]){"VERIFYD_JUMIO_ADOPT_UNTIL=2999-12-31",
	                                          "VERIFYD_INITIATE_WAIT_MS=2500", NULL});
	return 0;
}

static struct reply *post(const char *route, const char *body)
{
	char path[128];
	(void)snprintf(path, sizeof path, "/api/Jumio/%s", route);
	return call("POST", path, API_KEY JSON, body);
}

/* ---- InitializeTransaction ---- */

static void a_transaction_is_asked_for_with_all_that_the_way_back_needs(void **state)
{
	(void)state;
	known(STATE_AWAITING_USER, VERDICT_NONE);
	assert_int_equal(
	        post("InitializeTransaction", "{" TRANSACTION ",\"more\":{\"a\":[1]},\"Locale\":null}")->status, 200);
	const struct ask *ask = &script.last;
	assert_int_equal(ask->type, ASK_JOURNEY);
	assert_int_equal(ask->request.kind, KIND_JUMIO_IDENTITY);
	assert_string_equal(ask->request.caller, "b2c");
	assert_int_equal(ask->wait_for, WAIT_LEFT_QUEUED);
	assert_int_equal(ask->max_a_day, 3);
	assert_in_range(ask->wait_until_ms - clock_mono_ms(), 1, 2500);
	assert_int_equal(ask->request.deadline_ms - ask->request.created_ms, service.ingress.journeys->ticket_life_ms);
	assert_string_equal(script.given[REQUEST_FIELD_SUBJECT], OBJECT_ID);
	assert_string_equal(script.given[REQUEST_FIELD_CLIENT], "client 1");
	assert_string_equal(script.given[REQUEST_FIELD_REDIRECT], "https://app.example/cb");
	assert_string_equal(script.given[REQUEST_FIELD_SCOPE], "openid profile");
	assert_string_equal(script.given[REQUEST_FIELD_POLICY], "B2C_1A_signup");
	assert_string_equal(script.given[REQUEST_FIELD_CORRELATION], "c-1");
	assert_string_equal(script.given[REQUEST_FIELD_NOTIFY_URL], PUBLIC_URL "/v1/callbacks/jumio/" SECRET);
	struct ticket ticket;
	const char *back = script.given[REQUEST_FIELD_BACK_URL];
	assert_int_equal(strncmp(back, PUBLIC_URL "/return/", strlen(PUBLIC_URL "/return/")), 0);
	assert_int_equal(ticket_read(service.ingress.journeys->tickets, TICKET_RETURN,
	                             back + strlen(PUBLIC_URL "/return/"), clock_unix_ms(), &ticket),
	                 ERR_OK);
	assert_string_equal(ticket.id, ask->request.id);
	assert_string_equal(member("transactionReference"), ask->request.id);
}

static void the_answer_is_exactly_a_reference_and_a_start_of_ours(void **state)
{
	struct ticket ticket;
	struct json_in *root = NULL;
	(void)state;
	known(STATE_QUEUED, VERDICT_NONE);
	script.joined = true;
	memcpy(script.state.id, ID, sizeof script.state.id);
	int64_t before = clock_unix_ms();
	assert_int_equal(post("InitializeTransaction", "{" TRANSACTION "}")->status, 200);
	assert_int_equal(json_in_parse(reply.body, strlen(reply.body), &root, NULL), ERR_OK);
	assert_int_equal(json_in_count(root), 2);
	json_in_free(root);
	assert_string_equal(member("transactionReference"), ID); /* the journey that was joined */
	const char *link = member("redirectUrl");
	assert_int_equal(strncmp(link, PUBLIC_URL "/start/", strlen(PUBLIC_URL "/start/")), 0);
	assert_int_equal(ticket_read(service.ingress.journeys->tickets, TICKET_START,
	                             link + strlen(PUBLIC_URL "/start/"), clock_unix_ms(), &ticket),
	                 ERR_OK);
	assert_string_equal(ticket.id, ID);
	assert_true(ticket.made_ms >= before);
}

static void names_are_read_in_any_case_and_the_scope_is_openid_by_itself(void **state)
{
	(void)state;
	known(STATE_QUEUED, VERDICT_NONE);
	assert_int_equal(post("InitializeTransaction",
	                      "{\"objectid\":\"" OBJECT_ID "\",\"CLIENTID\":\"c\",\"redirecturi\":"
	                      "\"com.app:/x\",\"policy\":\"P-1.x_y\",\"correlationID\":\"1\",\"locale\":\"de-AT\"}")
	                         ->status,
	                 200);
	assert_string_equal(script.given[REQUEST_FIELD_SCOPE], "openid");
	assert_string_equal(script.given[REQUEST_FIELD_LOCALE], "de-AT");
}

static void what_is_missing_or_no_good_is_refused_before_anybody_is_asked(void **state)
{
	static const struct {
		const char *body, *code;
	} rows[] = {
	        {"{\"ClientId\":\"c\",\"RedirectUri\":\"https://a\",\"Policy\":\"P\",\"CorrelationId\":\"1\"}",
	         "missing_field"},
	        {"{\"ObjectId\":\"o\",\"RedirectUri\":\"https://a\",\"Policy\":\"P\",\"CorrelationId\":\"1\"}",
	         "missing_field"},
	        {"{\"ObjectId\":\"o\",\"ClientId\":\"c\",\"Policy\":\"P\",\"CorrelationId\":\"1\"}", "missing_field"},
	        {"{\"ObjectId\":\"o\",\"ClientId\":\"c\",\"RedirectUri\":\"https://a\",\"CorrelationId\":\"1\"}",
	         "missing_field"},
	        {"{\"ObjectId\":\"o\",\"ClientId\":\"c\",\"RedirectUri\":\"https://a\",\"Policy\":\"P\"}",
	         "missing_field"},
	        {"{\"ObjectId\":\"\",\"ClientId\":\"c\",\"RedirectUri\":\"https://"
	         "a\",\"Policy\":\"P\",\"CorrelationId\":\"1\"}",
	         "missing_field"},
	        {"{\"ObjectId\":null,\"ClientId\":\"c\",\"RedirectUri\":\"https://"
	         "a\",\"Policy\":\"P\",\"CorrelationId\":\"1\"}",
	         "missing_field"},
	        {"{" TRANSACTION ",\"objectid\":\"another\"}", "bad_field"},
	        {"{\"ObjectId\":1,\"ClientId\":\"c\",\"RedirectUri\":\"https://"
	         "a\",\"Policy\":\"P\",\"CorrelationId\":\"1\"}",
	         "bad_field"},
	        {"{\"ObjectId\":\"o\\u0001\",\"ClientId\":\"c\",\"RedirectUri\":\"https://"
	         "a\",\"Policy\":\"P\",\"CorrelationId\":\"1\"}",
	         "bad_field"},
	        {"{\"ObjectId\":\"o\",\"ClientId\":\"c\",\"RedirectUri\":\"https://a\",\"Policy\":\"P/../"
	         "x\",\"CorrelationId\":\"1\"}",
	         "bad_field"},
	        {"{\"ObjectId\":\"o\",\"ClientId\":\"c\",\"RedirectUri\":\"http://"
	         "a.example\",\"Policy\":\"P\",\"CorrelationId\":\"1\"}",
	         "bad_field"},
	        {"{\"ObjectId\":\"o\",\"ClientId\":\"c\",\"RedirectUri\":\"javascript:alert(1)\",\"Policy\":\"P\","
	         "\"CorrelationId\":\"1\"}",
	         "bad_field"},
	        {"{\"ObjectId\":\"o\\u0000\"}", "bad_json"},
	        {"[]", "bad_field"},
	        {"nothing", "bad_json"},
	        {"", "bad_json"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		(void)post("InitializeTransaction", rows[i].body);
		expect_b2c_error(rows[i].code);
	}
	assert_int_equal(script.asked, 0);
}

static void fields_that_make_the_way_back_too_long_are_refused_at_once(void **state)
{
	static char body[4096];
	char *at = body + sprintf(body, "{\"ObjectId\":\"o\",\"ClientId\":\"c\",\"Policy\":\"P\",\"CorrelationId\":"
	                                "\"1\",\"RedirectUri\":\"app://");
	(void)state;
	memset(at, '/', 2000);
	strcpy(at + 2000, "\"}");
	(void)post("InitializeTransaction", body);
	expect_b2c_error("bad_field");
	assert_int_equal(script.asked, 0);
}

static void what_the_desk_says_becomes_b2cs_answer(void **state)
{
	static const struct {
		enum outcome outcome;
		const char *code; /* NULL: 200 */
	} rows[] = {
	        {OUTCOME_CACHE_AWAY, NULL},         {OUTCOME_QUEUE_AWAY, "queue_away"},
	        {OUTCOME_OVERLOADED, "overloaded"}, {OUTCOME_TOO_MANY, "too_many_attempts"},
	        {OUTCOME_FAILED, "internal"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		script.outcome = rows[i].outcome;
		(void)post("InitializeTransaction", "{" TRANSACTION "}");
		if (rows[i].code)
			expect_b2c_error(rows[i].code);
		else
			assert_int_equal(reply.status, 200);
	}
}

static void only_what_died_before_the_upload_is_told_as_not_begun(void **state)
{
	static const struct {
		enum state state;
		enum verdict verdict;
		enum reason reason;
		bool uploaded;
		const char *code; /* NULL: 200 */
	} rows[] = {
	        {STATE_QUEUED, VERDICT_NONE, REASON_NONE, false, NULL},
	        {STATE_AWAITING_USER, VERDICT_NONE, REASON_NONE, false, NULL},
	        {STATE_CHECKING, VERDICT_NONE, REASON_NONE, true, NULL},
	        {STATE_COMPLETED, VERDICT_DENIED, REASON_FRAUD, true, NULL},
	        {STATE_COMPLETED, VERDICT_VERIFIED, REASON_NONE, true, NULL},
	        {STATE_DEAD, VERDICT_NONE, REASON_UNKNOWN_STATUS, true, NULL},
	        {STATE_DEAD, VERDICT_NONE, REASON_REFUSED, false, "not_started"},
	        {STATE_DEAD, VERDICT_NONE, REASON_SENT, false, "not_started"},
	        {STATE_DEAD, VERDICT_NONE, REASON_TOO_MANY, false, "too_many_attempts"},
	        {STATE_ERASED, VERDICT_NONE, REASON_NONE, false, "not_started"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		known(rows[i].state, rows[i].verdict);
		script.state.reason = rows[i].reason;
		script.state.checking_ms = rows[i].uploaded;
		(void)post("InitializeTransaction", "{" TRANSACTION "}");
		if (rows[i].code)
			expect_b2c_error(rows[i].code);
		else
			assert_int_equal(reply.status, 200);
	}
}

/* ---- tokens ---- */

/* A token made by InitializeVerification. Lives until the next call of it. */
static const char *token_of(const char *object_id, const char *reference)
{
	static char token[TOKEN_MAX_BYTES + 1];
	char body[1024];
	(void)snprintf(body, sizeof body, "{\"ObjectId\":\"%s\",\"TransactionReference\":\"%s\"}", object_id,
	               reference);
	int asked = script.asked;
	assert_int_equal(post("InitializeVerification", body)->status, 200);
	assert_int_equal(script.asked, asked); /* nobody is asked for it */
	assert_in_range(snprintf(token, sizeof token, "%s", member("verificationToken")), 1, sizeof token - 1);
	assert_true(strlen(token) > 100);
	return token;
}

static struct reply *verify(const char *token, const char *headers)
{
	static char body[12 * 1024];
	(void)snprintf(body, sizeof body, "{\"verificationToken\":\"%s\"}", token);
	char all[256];
	(void)snprintf(all, sizeof all, JSON "%s", headers);
	return call("POST", "/api/jumio/verifytransactionstatus", all, body);
}

static struct reply *validate(const char *object_id, const char *reference, const char *token)
{
	static char body[12 * 1024];
	(void)snprintf(body, sizeof body,
	               "{\"ObjectId\":\"%s\",\"TransactionReference\":\"%s\",\"VerificationToken\":\"%s\"}", object_id,
	               reference, token);
	return post("ValidateVerificationToken", body);
}

static void expect_validation(bool success, const char *says)
{
	struct json_in *root = NULL;
	assert_int_equal(reply.status, 200);
	assert_int_equal(json_in_parse(reply.body, strlen(reply.body), &root, NULL), ERR_OK);
	assert_int_equal(json_in_count(root), 2);
	assert_int_equal(json_in_type(json_in_get(root, "success")) == JSON_IN_TRUE, success);
	assert_true(success || json_in_type(json_in_get(root, "success")) == JSON_IN_FALSE);
	json_in_free(root);
	assert_non_null(strstr(member("message"), says));
}

static void a_token_is_made_for_an_id_of_ours_or_the_vendors_guid_only(void **state)
{
	static const char *const references[] = {"",
	                                         "v",
	                                         "vAAAAAAAAAAAAAAAAAAAA+A",
	                                         "0b8e1c1e-1111-4222-8333-44445555666",
	                                         "0b8e1c1e-1111-4222-8333-4444555566666",
	                                         "0b8e1c1e_1111-4222-8333-444455556666",
	                                         "gb8e1c1e-1111-4222-8333-444455556666",
	                                         "../x"};
	char body[256];
	(void)state;
	(void)token_of(OBJECT_ID, ID);
	(void)token_of(OBJECT_ID, GUID);
	for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
		(void)snprintf(body, sizeof body, "{\"ObjectId\":\"o\",\"TransactionReference\":\"%s\"}",
		               references[i]);
		(void)post("InitializeVerification", body);
		expect_b2c_error(*references[i] ? "bad_field" : "missing_field");
	}
	(void)post("InitializeVerification", "{\"TransactionReference\":\"" ID "\"}");
	expect_b2c_error("missing_field");
}

static void every_state_is_told_as_the_table_says_to_the_page_and_to_b2c(void **state)
{
	static const struct {
		enum outcome outcome;
		enum state state;
		enum verdict verdict;
		const char *status;
		bool success;
		const char *says;
	} rows[] = {
	        {OUTCOME_STATE, STATE_QUEUED, VERDICT_NONE, "RETRY", false, "not finished"},
	        {OUTCOME_STATE, STATE_AWAITING_USER, VERDICT_NONE, "RETRY", false, "not finished"},
	        {OUTCOME_STATE, STATE_CHECKING, VERDICT_NONE, "RETRY", false, "still being checked"},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_VERIFIED, "SUCCESS", true, "confirmed"},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_DENIED, "FAILED", false, "did not succeed"},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_UNREADABLE, "FAILED", false, "not clear enough"},
	        {OUTCOME_STATE, STATE_DEAD, VERDICT_NONE, "FAILED", false, "try again"},
	        {OUTCOME_STATE, STATE_ERASED, VERDICT_NONE, "FAILED", false, "expired"},
	        {OUTCOME_NOT_FOUND, STATE_QUEUED, VERDICT_NONE, "FAILED", false, "expired"},
	        {OUTCOME_CACHE_AWAY, STATE_QUEUED, VERDICT_NONE, "RETRY", false, "still being checked"},
	        {OUTCOME_QUEUE_AWAY, STATE_QUEUED, VERDICT_NONE, "RETRY", false, "still being checked"},
	};
	const char *token = token_of(OBJECT_ID, ID);
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		known(rows[i].state, rows[i].verdict);
		script.outcome = rows[i].outcome;
		assert_int_equal(verify(token, "")->status, 200);
		assert_string_equal(member("status"), rows[i].status);
		assert_string_equal(member("verificationToken"), token);
		(void)validate(OBJECT_ID, ID, token);
		expect_validation(rows[i].success, rows[i].says);
	}
	assert_int_equal(script.last.type, ASK_READ);
	assert_string_equal(script.last.request.id, ID);
	assert_string_equal(script.last.request.caller, "");
}

static void another_persons_verification_does_not_exist_for_this_one(void **state)
{
	const char *token = token_of("another-person", ID);
	(void)state;
	known(STATE_COMPLETED, VERDICT_VERIFIED);
	(void)verify(token, "");
	assert_string_equal(member("status"), "FAILED");
	(void)validate("another-person", ID, token);
	expect_validation(false, "expired");
	known(STATE_COMPLETED, VERDICT_NONE);
	script.state.kind = KIND_BIOCATCH_SCORE;
	(void)verify(token_of(OBJECT_ID, ID), "");
	assert_string_equal(member("status"), "FAILED");
}

static void a_token_counts_only_for_its_own_person_and_transaction(void **state)
{
	static const char other[] = "vBBBBBBBBBBBBBBBBBBBBBA";
	char token[TOKEN_MAX_BYTES + 1], guids[TOKEN_MAX_BYTES + 1];
	(void)state;
	(void)snprintf(token, sizeof token, "%s", token_of(OBJECT_ID, ID));
	(void)snprintf(guids, sizeof guids, "%s", token_of(OBJECT_ID, GUID));
	known(STATE_COMPLETED, VERDICT_VERIFIED);
	int asked = script.asked;
	(void)validate("another-person", ID, token);
	expect_validation(false, "could not confirm");
	(void)validate(OBJECT_ID "x", ID, token);
	expect_validation(false, "could not confirm");
	(void)validate(OBJECT_ID, other, token); /* the transaction was swapped */
	expect_validation(false, "could not confirm");
	(void)validate(OBJECT_ID, ID, guids);
	expect_validation(false, "could not confirm");
	assert_int_equal(script.asked, asked);
	(void)validate(OBJECT_ID, "0B8E1C1E-1111-4222-8333-444455556666", guids);
	expect_validation(true, "confirmed");
}

static void garbage_is_answered_and_tells_nothing(void **state)
{
	static const char *const tokens[] = {
	        "x", "a.b.c", "a.b.c.d.e", "eyJhbGciOiJub25lIn0.e30.", "\\u0001\\uffff", "'\\\"<script>"};
	char token[TOKEN_MAX_BYTES + 1];
	(void)state;
	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
		assert_int_equal(verify(tokens[i], "")->status, 200);
		assert_string_equal(member("status"), "FAILED");
		assert_true(*member("verificationToken"));
		(void)validate(OBJECT_ID, ID, tokens[i]);
		expect_validation(false, "could not confirm");
	}
	(void)snprintf(token, sizeof token, "%s", token_of(OBJECT_ID, ID));
	token[strlen(token) / 2] ^= 1;
	(void)verify(token, "");
	assert_string_equal(member("status"), "FAILED");
	memset(token, 'x', TOKEN_MAX_BYTES);
	token[TOKEN_MAX_BYTES] = '\0';
	assert_int_equal(verify(token, "")->status, 200);
	assert_int_equal(script.asked, 0);
}

static void a_token_that_is_over_is_said_to_be(void **state)
{
	struct token_claims claims = {.object_id = OBJECT_ID, .reference = ID};
	int64_t now = clock_unix_ms() / 1000;
	struct buf token;
	(void)state;
	buf_init(&token, TOKEN_MAX_BYTES);
	claims.expires_s = now - 2 * TOKEN_LEEWAY_S;
	assert_int_equal(token_make(service.ingress.journeys->tokens, &claims, now - TOKEN_LIFE_S, &token), ERR_OK);
	known(STATE_COMPLETED, VERDICT_VERIFIED);
	(void)verify(token.data, "");
	assert_string_equal(member("status"), "FAILED");
	(void)validate(OBJECT_ID, ID, token.data);
	expect_validation(false, "too long");
	(void)validate("another-person", ID, token.data); /* whom it does not concern is not told even that */
	expect_validation(false, "could not confirm");
	assert_int_equal(script.asked, 0);
	buf_fini(&token);
}

static void a_page_that_says_how_long_it_waits_is_held_until_it_is_settled(void **state)
{
	const char *token = token_of(OBJECT_ID, ID);
	(void)state;
	known(STATE_CHECKING, VERDICT_NONE);
	(void)verify(token, "");
	assert_int_equal(script.last.wait_until_ms, 0);
	assert_null(replied("Preference-Applied"));
	(void)verify(token, "Prefer: wait=10\r\n");
	assert_in_range(script.last.wait_until_ms - clock_mono_ms(), 1, 10000);
	assert_int_equal(script.last.wait_for, WAIT_SETTLED);
	assert_string_equal(replied("Preference-Applied"), "wait=10");
	(void)verify(token, "Prefer: wait=3600\r\n");
	assert_in_range(script.last.wait_until_ms - clock_mono_ms(), 20000, 25000);
	(void)validate(OBJECT_ID, ID, token);
	assert_int_equal(script.last.wait_until_ms, 0);
}

static void an_internal_fault_is_b2cs_error_and_no_state(void **state)
{
	const char *token = token_of(OBJECT_ID, ID);
	(void)state;
	script.outcome = OUTCOME_FAILED;
	(void)verify(token, "");
	expect_b2c_error("internal");
	(void)validate(OBJECT_ID, ID, token);
	expect_b2c_error("internal");
}

/* ---- the vendor's own references ---- */

static void a_reference_that_the_sample_left_behind_is_taken_over(void **state)
{
	char first[ID_BYTES];
	(void)state;
	known(STATE_COMPLETED, VERDICT_VERIFIED);
	memcpy(script.state.caller, ADOPTED_CALLER, sizeof ADOPTED_CALLER);
	assert_int_equal(subject_question(service.ingress.id_key, ADOPTED_CALLER, KIND_JUMIO_IDENTITY, OBJECT_ID,
	                                  script.state.question),
	                 ERR_OK);
	(void)verify(token_of(OBJECT_ID, GUID), "");
	assert_string_equal(member("status"), "SUCCESS");
	const struct ask *ask = &script.last;
	assert_int_equal(ask->type, ASK_ADOPT);
	assert_string_equal(ask->reference, GUID);
	assert_string_equal(ask->request.caller, "adopted");
	assert_string_equal(ask->request.question, script.state.question);
	assert_true(ask->request.created_ms > 0 && id_is_valid(ask->request.id, strlen(ask->request.id)));
	assert_string_equal(script.given[REQUEST_FIELD_SUBJECT], OBJECT_ID);
	memcpy(first, ask->request.id, sizeof first);
	(void)validate(OBJECT_ID, GUID, token_of(OBJECT_ID, "0B8E1C1E-1111-4222-8333-444455556666"));
	expect_validation(true, "confirmed");
	assert_string_equal(script.last.request.id, first); /* the same one, however it is spelled */
	assert_string_equal(script.last.reference, GUID);
}

static void after_the_last_day_a_foreign_reference_is_unknown(void **state)
{
	const char *token = token_of(OBJECT_ID, GUID);
	int64_t until = service.ingress.journeys->adopt_until_ms;
	(void)state;
	service.ingress.journeys->adopt_until_ms = clock_unix_ms();
	(void)verify(token, "");
	assert_string_equal(member("status"), "FAILED");
	(void)validate(OBJECT_ID, GUID, token);
	expect_validation(false, "expired");
	assert_int_equal(script.asked, 0);
	service.ingress.journeys->adopt_until_ms = until;
}

#define TEST(name) cmocka_unit_test_setup(name, clear_script)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_transaction_is_asked_for_with_all_that_the_way_back_needs),
	        TEST(the_answer_is_exactly_a_reference_and_a_start_of_ours),
	        TEST(names_are_read_in_any_case_and_the_scope_is_openid_by_itself),
	        TEST(what_is_missing_or_no_good_is_refused_before_anybody_is_asked),
	        TEST(fields_that_make_the_way_back_too_long_are_refused_at_once),
	        TEST(what_the_desk_says_becomes_b2cs_answer),
	        TEST(only_what_died_before_the_upload_is_told_as_not_begun),
	        TEST(a_token_is_made_for_an_id_of_ours_or_the_vendors_guid_only),
	        TEST(every_state_is_told_as_the_table_says_to_the_page_and_to_b2c),
	        TEST(another_persons_verification_does_not_exist_for_this_one),
	        TEST(a_token_counts_only_for_its_own_person_and_transaction),
	        TEST(garbage_is_answered_and_tells_nothing),
	        TEST(a_token_that_is_over_is_said_to_be),
	        TEST(a_page_that_says_how_long_it_waits_is_held_until_it_is_settled),
	        TEST(an_internal_fault_is_b2cs_error_and_no_state),
	        TEST(a_reference_that_the_sample_left_behind_is_taken_over),
	        TEST(after_the_last_day_a_foreign_reference_is_unknown),
	};
	return cmocka_run_group_tests(tests, start, stop_service);
}
