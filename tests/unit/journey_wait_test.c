/* What people are told on the way: pages in their language, named after the app that they come from, with how long it
 * takes; and /wait, which the pages' script asks. */
#include "tests/unit/journey_fixture.h"

/* ---- whom a page is for ---- */

static bool shows(const char *text)
{
	return strstr(reply.body, text) != NULL;
}

static void a_page_is_in_the_language_of_the_app_then_of_the_browser(void **state)
{
	static const struct {
		const char *locale, *accept;
		enum language language;
	} rows[] = {
	        {"de-AT", "Accept-Language: en\r\n", LANGUAGE_DE},
	        {"en-GB", "Accept-Language: de\r\n", LANGUAGE_EN},
	        {"fr", "Accept-Language: fr;q=0.9, de;q=0.8, en;q=0.2\r\n", LANGUAGE_DE},
	        {NULL, "Accept-Language: de\r\n", LANGUAGE_DE},
	        {NULL, "", LANGUAGE_EN},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		known(STATE_COMPLETED, VERDICT_DENIED);
		person_is(&script.person, "P", NULL);
		script.person.field[REQUEST_FIELD_LOCALE] = rows[i].locale;
		(void)call("GET", fresh(TICKET_START), rows[i].accept, NULL);
		expect_page_in(rows[i].language, 200, PAGE_DENIED);
		assert_true(shows(rows[i].language == LANGUAGE_DE ? "<html lang=\"de\">" : "<html lang=\"en\">"));
	}
	script.person.field[REQUEST_FIELD_LOCALE] = NULL;
	(void)call("GET", "/start/nothing", "Accept-Language: de-CH\r\n", NULL);
	expect_page_in(LANGUAGE_DE, 404, PAGE_EXPIRED);
}

static void a_page_names_the_app_that_the_person_comes_from(void **state)
{
	(void)state;
	known(STATE_COMPLETED, VERDICT_DENIED);
	person_is(&script.person, "P", NULL);
	(void)call("GET", fresh(TICKET_START), "", NULL);
	assert_true(shows("<header><p>Fjord &amp; Sons</p></header>") && shows(" – Fjord &amp; Sons</title>"));
	script.person.field[REQUEST_FIELD_CLIENT] = NULL;
	(void)call("GET", fresh(TICKET_START), "", NULL);
	assert_true(shows("<header><p>Harbour</p></header>"));
	(void)call("GET", "/start/nothing", "", NULL);
	assert_true(shows("<header><p>Every &lt;App&gt;</p></header>"));
}

static void who_is_done_or_checked_finds_the_way_back(void **state)
{
	char link[JOURNEY_LINK_BYTES];
	struct ticket ticket;
	(void)state;
	known(STATE_COMPLETED, VERDICT_VERIFIED);
	(void)call("GET", fresh(TICKET_START), "", NULL);
	assert_false(shows("/return/")); /* nobody knows where to */
	person_is(&script.person, "P", NULL);
	for (int i = 0; i < 3; i++) {
		script.state.state = i == 2 ? STATE_CHECKING : STATE_COMPLETED;
		script.state.verdict = i == 0 ? VERDICT_VERIFIED : i == 1 ? VERDICT_UNREADABLE : VERDICT_NONE;
		(void)call("GET", fresh(TICKET_START), "", NULL);
		const char *href = strstr(reply.body, "href=\"" PUBLIC_URL "/return/");
		assert_non_null(href);
		(void)snprintf(link, sizeof link, "%.*s", (int)strcspn(href + 6, "\""), href + 6);
		assert_int_equal(ticket_read(service.ingress.journeys->tickets, TICKET_RETURN,
		                             link + strlen(PUBLIC_URL "/return/"), clock_unix_ms(), &ticket),
		                 ERR_OK);
		assert_string_equal(ticket.id, ID);
	}
	script.state.state = STATE_DEAD; /* before the upload: nothing there to go back with */
	script.state.checking_ms = 0;
	(void)call("GET", fresh(TICKET_START), "", NULL);
	expect_page(200, PAGE_TRY_AGAIN);
	assert_false(shows("/return/"));
}

static void the_waiting_page_tells_how_long_it_takes(void **state)
{
	char target[320];
	(void)state;
	known(STATE_QUEUED, VERDICT_NONE);
	script.place = (struct queue_place){.known = true, .ahead = 118, .wait_ms = 130000};
	(void)call("GET", fresh(TICKET_START), "", NULL);
	assert_true(shows("role=\"status\">About 150 people are before you. It takes about 3 minutes.</p>"));
	assert_true(shows("data-shows=\"waiting\" data-n=\"150\" data-t=\"3\""));
	expect_refresh("\"13; url=?w=1&amp;n=150&amp;t=3\"");
	(void)snprintf(target, sizeof target, "%s?w=1&n=120&t=3", fresh(TICKET_START));
	(void)call("GET", target, "Accept-Language: de\r\n", NULL);
	assert_true(shows("Vor Ihnen sind etwa 120 Personen. Es dauert etwa 3 Minuten."));
	script.place = (struct queue_place){.known = true, .stopped = true, .ahead = -1, .wait_ms = -1};
	(void)call("GET", fresh(TICKET_START), "", NULL);
	assert_true(shows("Right now nobody can begin."));
	expect_refresh("\"15; url=?w=1\"");
}

/* ---- /wait ---- */

static const char *wait_for(const char *query)
{
	static char target[320];
	(void)snprintf(target, sizeof target, "/wait%s?%s", strrchr(fresh(TICKET_START), '/'), query);
	(void)call("GET", target, "", NULL);
	assert_string_equal(replied("Content-Type"), "application/json");
	assert_string_equal(replied("Cache-Control"), "no-store");
	assert_null(replied("Set-Cookie"));
	return reply.body;
}

static void a_page_that_waits_is_told_when_it_is_another_one(void **state)
{
	static const struct {
		enum outcome outcome;
		enum state state;
		enum verdict verdict;
		bool ready[2]; /* waiting, checking */
	} rows[] = {
	        {OUTCOME_STATE, STATE_QUEUED, VERDICT_NONE, {false, true}},
	        {OUTCOME_STATE, STATE_AWAITING_USER, VERDICT_NONE, {true, true}},
	        {OUTCOME_STATE, STATE_CHECKING, VERDICT_NONE, {true, false}},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_VERIFIED, {true, true}},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_DENIED, {true, true}},
	        {OUTCOME_STATE, STATE_DEAD, VERDICT_NONE, {true, true}},
	        {OUTCOME_STATE, STATE_ERASED, VERDICT_NONE, {true, true}},
	        {OUTCOME_NOT_FOUND, STATE_QUEUED, VERDICT_NONE, {false, false}}, /* the ticket is new */
	        {OUTCOME_CACHE_AWAY, STATE_QUEUED, VERDICT_NONE, {false, false}},
	};
	static const char *const queries[] = {"shows=waiting", "shows=checking"};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (int which = 0; which < 2; which++) {
			known(rows[i].state, rows[i].verdict);
			script.outcome = rows[i].outcome;
			const char *expected =
			        rows[i].ready[which] ? "{\"ready\":true}" : "{\"ready\":false,\"again_ms\":";
			assert_int_equal(strncmp(wait_for(queries[which]), expected, strlen(expected)), 0);
			assert_int_equal(script.last.type, ASK_READ);
			assert_int_equal(script.last.wait_for, which ? WAIT_SETTLED : WAIT_LEFT_QUEUED);
			assert_in_range(script.last.wait_until_ms - clock_mono_ms(), REVISIT_HOLD_MS - 2000,
			                REVISIT_HOLD_MS);
			assert_string_equal(script.last.request.id, ID);
		}
	}
}

static void a_page_that_waits_is_told_how_long_in_its_language(void **state)
{
	(void)state;
	known(STATE_QUEUED, VERDICT_NONE);
	script.place = (struct queue_place){.known = true, .ahead = 37, .wait_ms = 38000};
	assert_string_equal(wait_for("shows=waiting&lang=de&n=40&t=0"),
	                    "{\"ready\":false,\"again_ms\":3800,\"news\":\"Vor Ihnen sind etwa 40 Personen. Es dauert "
	                    "weniger als eine Minute.\",\"ahead\":40,\"minutes\":0}");
	assert_string_equal(wait_for("n=30"),
	                    "{\"ready\":false,\"again_ms\":3800,\"news\":\"About 30 people are before "
	                    "you. It takes less than a minute.\",\"ahead\":30,\"minutes\":0}");
	script.place = (struct queue_place){.ahead = -1, .wait_ms = -1};
	assert_string_equal(wait_for("lang=fr&n=x&t=-1"),
	                    "{\"ready\":false,\"again_ms\":3000,\"news\":\"\",\"ahead\":-1,\"minutes\":-1}");
}

static void who_has_no_ticket_is_told_nothing(void **state)
{
	int64_t now = clock_unix_ms();
	char target[320];
	(void)state;
	known(STATE_AWAITING_USER, VERDICT_NONE);
	for (size_t i = 0; i < 3; i++) {
		const char *ticket = i == 0   ? target_of(TICKET_START, now - 10000, now / 1000 - 1) /* has ended */
		                     : i == 1 ? fresh(TICKET_RETURN)
		                              : "/x/none";
		(void)snprintf(target, sizeof target, "/wait%s", strrchr(ticket, '/'));
		assert_int_equal(call("GET", target, "", NULL)->status, 404);
		assert_string_equal(replied("Content-Type"), "application/problem+json");
	}
	assert_int_equal(script.asked, 0);
	script.outcome = OUTCOME_FAILED;
	(void)snprintf(target, sizeof target, "/wait%s", strrchr(fresh(TICKET_START), '/'));
	assert_int_equal(call("GET", target, "", NULL)->status, 500);
}

#define TEST(name) cmocka_unit_test_setup(name, clear_script)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_page_is_in_the_language_of_the_app_then_of_the_browser),
	        TEST(a_page_names_the_app_that_the_person_comes_from),
	        TEST(who_is_done_or_checked_finds_the_way_back),
	        TEST(the_waiting_page_tells_how_long_it_takes),
	        TEST(a_page_that_waits_is_told_when_it_is_another_one),
	        TEST(a_page_that_waits_is_told_how_long_in_its_language),
	        TEST(who_has_no_ticket_is_told_nothing),
	};
	return cmocka_run_group_tests(tests, start, stop_service);
}
