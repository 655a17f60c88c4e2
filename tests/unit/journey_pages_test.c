/* /start and /return over HTTP, with a scripted desk: who is sent where, who is shown which page, which browser a
 * journey belongs to. */
#include "tests/unit/journey_fixture.h"

/* ---- /start ---- */

static void the_first_opening_binds_the_browser_and_sends_it_to_the_vendor(void **state)
{
	int64_t made = clock_unix_ms() - 1000;
	char hash[BROWSER_BYTES];
	(void)state;
	known(STATE_AWAITING_USER, VERDICT_NONE);
	script.link = LINK;
	assert_int_equal(call("GET", target_of(TICKET_START, made, made / 1000 + 60), "", NULL)->status, 302);
	assert_string_equal(replied("Location"), LINK);
	assert_string_equal(replied("Cache-Control"), "no-store");
	assert_string_equal(replied("Referrer-Policy"), "no-referrer");
	assert_string_equal(reply.body, "");
	const struct ask *ask = &script.last;
	assert_int_equal(ask->type, ASK_START);
	assert_string_equal(ask->request.id, ID);
	assert_string_equal(ask->request.caller, "");
	assert_int_equal(ask->ticket_ms, made);
	assert_int_equal(ask->browser_ttl_ms, service.ingress.journeys->ticket_life_ms);
	assert_int_equal(ask->wait_for, WAIT_LEFT_QUEUED);
	assert_in_range(ask->wait_until_ms - clock_mono_ms(), 1, 700);
	const char *cookie = replied("Set-Cookie");
	assert_int_equal(strncmp(cookie, "__Host-verifyd-" ID "=", strlen(ID) + 16), 0);
	assert_non_null(strstr(cookie, "; Max-Age=5400; Path=/; Secure; HttpOnly; SameSite=Lax"));
	char value[COOKIE_VALUE_BYTES];
	memcpy(value, cookie + strlen(ID) + 16, sizeof value - 1);
	value[sizeof value - 1] = '\0';
	assert_true(cookie_is_ours(service.ingress.journeys->tickets, ID, value));
	assert_int_equal(cookie_hash(value, hash), ERR_OK);
	assert_string_equal(ask->browser, hash);
}

static void a_browser_that_is_known_keeps_its_cookie(void **state)
{
	char cookie[256], hash[BROWSER_BYTES];
	(void)state;
	known(STATE_AWAITING_USER, VERDICT_NONE);
	script.link = LINK;
	assert_int_equal(call("GET", fresh(TICKET_START), own_cookie(cookie, hash), NULL)->status, 302);
	assert_string_equal(script.last.browser, hash);
	assert_null(replied("Set-Cookie"));
}

static void another_browser_is_asked_to_continue_where_it_began(void **state)
{
	(void)state;
	script.outcome = OUTCOME_OTHER_BROWSER;
	script.link = LINK;
	(void)call("GET", fresh(TICKET_START), "", NULL);
	expect_page(409, PAGE_OTHER_BROWSER);
	assert_null(replied("Set-Cookie"));
	assert_null(strstr(reply.text, "capture.example"));
}

static void every_state_has_its_page_at_start(void **state)
{
	static const struct {
		enum outcome outcome;
		enum state state;
		enum verdict verdict;
		enum page page;
	} rows[] = {
	        {OUTCOME_STATE, STATE_QUEUED, VERDICT_NONE, PAGE_WAITING},
	        {OUTCOME_STATE, STATE_CHECKING, VERDICT_NONE, PAGE_CHECKING},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_VERIFIED, PAGE_DONE},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_DENIED, PAGE_DENIED},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_UNREADABLE, PAGE_UNREADABLE},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_NO_DOCUMENT, PAGE_NO_DOCUMENT},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_EXPIRED, PAGE_OUT_OF_TIME},
	        {OUTCOME_STATE, STATE_DEAD, VERDICT_NONE, PAGE_TRY_AGAIN},
	        {OUTCOME_STATE, STATE_ERASED, VERDICT_NONE, PAGE_EXPIRED},
	        {OUTCOME_NOT_FOUND, STATE_QUEUED, VERDICT_NONE, PAGE_WAITING}, /* the ticket is new: it was accepted */
	        {OUTCOME_CACHE_AWAY, STATE_QUEUED, VERDICT_NONE, PAGE_WAITING},
	        {OUTCOME_QUEUE_AWAY, STATE_QUEUED, VERDICT_NONE, PAGE_WAITING},
	        {OUTCOME_OVERLOADED, STATE_QUEUED, VERDICT_NONE, PAGE_WAITING},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		known(rows[i].state, rows[i].verdict);
		script.outcome = rows[i].outcome;
		(void)call("GET", fresh(TICKET_START), "", NULL);
		expect_page(200, rows[i].page);
		expect_refresh(rows[i].page == PAGE_WAITING    ? "\"3; url=?w=1\"" /* the desk came back at once */
		               : rows[i].page == PAGE_CHECKING ? "\"20; url=?w=1\""
		                                               : NULL);
		bool untouched = rows[i].outcome == OUTCOME_QUEUE_AWAY || rows[i].outcome == OUTCOME_OVERLOADED;
		assert_int_equal(replied("Set-Cookie") == NULL, untouched); /* else Redis may have bound it */
	}
}

static void what_nobody_knows_a_minute_after_it_was_accepted_has_expired(void **state)
{
	(void)state;
	int64_t now = clock_unix_ms();
	known(STATE_QUEUED, VERDICT_NONE);
	script.outcome = OUTCOME_NOT_FOUND;
	(void)call("GET", target_of(TICKET_START, now - 61000, now / 1000 + 600), "", NULL);
	expect_page(200, PAGE_EXPIRED);
	expect_refresh(NULL);
}

static void a_desk_that_took_its_time_may_be_asked_again_at_once(void **state)
{
	(void)state;
	known(STATE_QUEUED, VERDICT_NONE);
	script.delay_ms = 500;
	(void)call("GET", fresh(TICKET_START), "", NULL);
	expect_page(200, PAGE_WAITING);
	expect_refresh("\"0; url=?w=1\"");
}

static void the_waiting_page_itself_is_held_long(void **state)
{
	char target[320];
	(void)state;
	known(STATE_QUEUED, VERDICT_NONE);
	(void)snprintf(target, sizeof target, "%s?a=b&w=1", fresh(TICKET_START));
	(void)call("GET", target, "", NULL);
	assert_in_range(script.last.wait_until_ms - clock_mono_ms(), REVISIT_HOLD_MS - 2000, REVISIT_HOLD_MS);
	(void)snprintf(target, sizeof target, "%s?w=2&x", fresh(TICKET_START));
	(void)call("GET", target, "", NULL);
	assert_in_range(script.last.wait_until_ms - clock_mono_ms(), 1, 700);
}

static void a_link_that_leads_nowhere_safe_is_not_followed(void **state)
{
	static const char *const links[] = {NULL, "http://capture.example/", "javascript:alert(1)", "https://a\r\nX: y",
	                                    ""};
	(void)state;
	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		known(STATE_AWAITING_USER, VERDICT_NONE);
		script.link = links[i];
		(void)call("GET", fresh(TICKET_START), "", NULL);
		expect_page(500, PAGE_FAILED);
		assert_null(replied("Location"));
	}
}

/* ---- tickets ---- */

static void what_is_no_ticket_of_this_use_is_not_there_and_an_ended_one_has_expired(void **state)
{
	int64_t now = clock_unix_ms();
	char target[512], cookie[256], hash[BROWSER_BYTES];
	static const char *const uses[] = {"start", "return"};
	(void)state;
	own_cookie(cookie, hash);
	for (int use = TICKET_START; use <= TICKET_RETURN; use++) {
		(void)call("GET", target_of((enum ticket_use)use, now - 10000, now / 1000 - 1), cookie, NULL);
		expect_page(410, PAGE_EXPIRED);
		const char *other = strrchr(fresh((enum ticket_use) !use), '/');
		(void)snprintf(target, sizeof target, "/%s%s", uses[use], other);
		(void)call("GET", target, cookie, NULL);
		expect_page(404, PAGE_EXPIRED);
		(void)snprintf(target, sizeof target, "%s", fresh((enum ticket_use)use));
		target[20] = target[20] == 'A' ? 'B' : 'A';
		(void)call("GET", target, cookie, NULL);
		expect_page(404, PAGE_EXPIRED);
		(void)snprintf(target, sizeof target, "%s/", fresh((enum ticket_use)use));
		(void)call("GET", target, cookie, NULL);
		expect_page(404, PAGE_EXPIRED);
		(void)snprintf(target, sizeof target, "/%s/%0400d", uses[use], 0);
		(void)call("GET", target, cookie, NULL);
		assert_int_equal(reply.status, 404);
		(void)call("POST", fresh((enum ticket_use)use), "", "x");
		expect_page(405, PAGE_FAILED);
		assert_string_equal(replied("Allow"), "GET");
	}
	assert_int_equal(script.asked, 0);
}

/* ---- /return ---- */

static void the_person_goes_on_to_b2c_with_a_fresh_hint_and_our_reference(void **state)
{
	static const char before[] =
	        B2C_URL "/B2C_1A_signup/oauth2/v2.0/authorize?client_id=client%261&redirect_uri=https%3A%2F%2F"
	                "app.example%2Fcb%3Fa%3Db&scope=openid%20profile&response_type=id_token&id_token_hint=";
	static const char after[] = "&transactionReference=" ID;
	char cookie[256], hash[BROWSER_BYTES], target[512];
	(void)state;
	known(STATE_AWAITING_USER, VERDICT_NONE);
	person_is(&script.person, "B2C_1A_signup", NULL);
	(void)snprintf(target, sizeof target,
	               "%s?transactionStatus=SUCCESS&customerInternalReference=evil&transactionReference=" GUID,
	               fresh(TICKET_RETURN));
	assert_int_equal(call("GET", target, own_cookie(cookie, hash), NULL)->status, 302);
	const char *location = replied("Location");
	assert_int_equal(strncmp(location, before, sizeof before - 1), 0);
	assert_string_equal(location + strlen(location) - (sizeof after - 1), after);
	const char *hint = location + sizeof before - 1;
	assert_int_equal(strncmp(hint, "eyJ", 3), 0);
	assert_true(strcspn(hint, "&") > 400);
	assert_null(strstr(location, GUID));
	assert_null(strstr(location, "evil"));
	assert_null(replied("Set-Cookie"));
	assert_int_equal(script.last.type, ASK_RETURN);
	assert_string_equal(script.last.browser, hash);
	assert_string_equal(script.last.request.id, ID);
}

static void a_caller_of_v1_gets_its_person_back_with_the_id(void **state)
{
	char cookie[256], hash[BROWSER_BYTES];
	(void)state;
	known(STATE_CHECKING, VERDICT_NONE);
	person_is(&script.person, NULL, "https://shop.example/done?order=1#top");
	assert_int_equal(call("GET", fresh(TICKET_RETURN), own_cookie(cookie, hash), NULL)->status, 302);
	assert_string_equal(replied("Location"), "https://shop.example/done?order=1&verification=" ID "#top");
}

static void every_state_is_answered_at_return_as_the_table_says(void **state)
{
	static const struct {
		enum outcome outcome;
		enum state state;
		enum verdict verdict;
		bool uploaded;
		int status;
		enum page page;
		const char *refresh;
	} rows[] = {
	        {OUTCOME_STATE, STATE_QUEUED, VERDICT_NONE, false, 200, PAGE_NOT_FINISHED, NULL},
	        {OUTCOME_STATE, STATE_AWAITING_USER, VERDICT_NONE, false, 302, PAGE_COUNT, NULL},
	        {OUTCOME_STATE, STATE_CHECKING, VERDICT_NONE, true, 302, PAGE_COUNT, NULL},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_VERIFIED, true, 302, PAGE_COUNT, NULL},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_DENIED, true, 302, PAGE_COUNT, NULL},
	        {OUTCOME_STATE, STATE_DEAD, VERDICT_NONE, false, 200, PAGE_TRY_AGAIN, NULL},
	        {OUTCOME_STATE, STATE_DEAD, VERDICT_NONE, true, 302, PAGE_COUNT, NULL},
	        {OUTCOME_STATE, STATE_ERASED, VERDICT_NONE, false, 200, PAGE_EXPIRED, NULL},
	        {OUTCOME_NOT_FOUND, STATE_QUEUED, VERDICT_NONE, false, 200, PAGE_EXPIRED, NULL},
	        {OUTCOME_CACHE_AWAY, STATE_QUEUED, VERDICT_NONE, false, 200, PAGE_WAITING, "\"3; url=?w=1\""},
	        {OUTCOME_QUEUE_AWAY, STATE_AWAITING_USER, VERDICT_NONE, false, 200, PAGE_BUSY, "\"5; url=?w=1\""},
	        {OUTCOME_OVERLOADED, STATE_AWAITING_USER, VERDICT_NONE, false, 200, PAGE_BUSY, "\"5; url=?w=1\""},
	        {OUTCOME_OTHER_BROWSER, STATE_AWAITING_USER, VERDICT_NONE, false, 403, PAGE_SIGN_IN_AGAIN, NULL},
	        {OUTCOME_FAILED, STATE_AWAITING_USER, VERDICT_NONE, false, 500, PAGE_FAILED, NULL},
	};
	char cookie[256], hash[BROWSER_BYTES];
	(void)state;
	own_cookie(cookie, hash);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		known(rows[i].state, rows[i].verdict);
		script.state.checking_ms = rows[i].uploaded;
		script.outcome = rows[i].outcome;
		person_is(&script.person, "P", NULL);
		assert_int_equal(call("GET", fresh(TICKET_RETURN), cookie, NULL)->status, rows[i].status);
		assert_int_equal(replied("Location") != NULL, rows[i].status == 302);
		if (rows[i].page == PAGE_COUNT)
			continue;
		expect_page(rows[i].status, rows[i].page);
		expect_refresh(rows[i].refresh);
	}
}

static void who_has_not_finished_is_led_back_to_the_start(void **state)
{
	char cookie[256], hash[BROWSER_BYTES], link[JOURNEY_LINK_BYTES];
	struct ticket ticket;
	(void)state;
	known(STATE_QUEUED, VERDICT_NONE);
	(void)call("GET", fresh(TICKET_RETURN), own_cookie(cookie, hash), NULL);
	const char *href = strstr(reply.body, "href=\"" PUBLIC_URL "/start/");
	assert_non_null(href);
	(void)snprintf(link, sizeof link, "%.*s", (int)strcspn(href + 6, "\""), href + 6);
	assert_int_equal(ticket_read(service.ingress.journeys->tickets, TICKET_START,
	                             link + strlen(PUBLIC_URL "/start/"), clock_unix_ms(), &ticket),
	                 ERR_OK);
	assert_string_equal(ticket.id, ID);
}

static void without_its_own_cookie_nobody_is_sent_on_and_nobody_is_asked(void **state)
{
	char header[256], value[COOKIE_VALUE_BYTES], name[COOKIE_NAME_BYTES];
	(void)state;
	known(STATE_CHECKING, VERDICT_NONE);
	person_is(&script.person, "P", NULL);
	(void)call("GET", fresh(TICKET_RETURN), "", NULL);
	expect_page(403, PAGE_SIGN_IN_AGAIN);
	(void)call("GET", fresh(TICKET_RETURN), "Cookie: __Host-verifyd-" ID "=forged\r\n", NULL);
	expect_page(403, PAGE_SIGN_IN_AGAIN);
	cookie_name(ID, name);
	assert_int_equal(cookie_make(service.ingress.journeys->tickets, "vBBBBBBBBBBBBBBBBBBBBBA", value), ERR_OK);
	(void)snprintf(header, sizeof header, "Cookie: %s=%s\r\n", name, value); /* another journey's */
	(void)call("GET", fresh(TICKET_RETURN), header, NULL);
	expect_page(403, PAGE_SIGN_IN_AGAIN);
	assert_int_equal(script.asked, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, clear_script)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(the_first_opening_binds_the_browser_and_sends_it_to_the_vendor),
	        TEST(a_browser_that_is_known_keeps_its_cookie),
	        TEST(another_browser_is_asked_to_continue_where_it_began),
	        TEST(every_state_has_its_page_at_start),
	        TEST(a_desk_that_took_its_time_may_be_asked_again_at_once),
	        TEST(what_nobody_knows_a_minute_after_it_was_accepted_has_expired),
	        TEST(the_waiting_page_itself_is_held_long),
	        TEST(a_link_that_leads_nowhere_safe_is_not_followed),
	        TEST(what_is_no_ticket_of_this_use_is_not_there_and_an_ended_one_has_expired),
	        TEST(the_person_goes_on_to_b2c_with_a_fresh_hint_and_our_reference),
	        TEST(a_caller_of_v1_gets_its_person_back_with_the_id),
	        TEST(every_state_is_answered_at_return_as_the_table_says),
	        TEST(who_has_not_finished_is_led_back_to_the_start),
	        TEST(without_its_own_cookie_nobody_is_sent_on_and_nobody_is_asked),
	};
	return cmocka_run_group_tests(tests, start, stop_service);
}
