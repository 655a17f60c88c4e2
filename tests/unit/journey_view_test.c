/* journey_view: every cell of the table "state x route" (ARCHITECTURE section 6), and a page and words for every way to
 * end. */
#include "ingress/journey_view.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

static struct verification state_of(enum state state, enum verdict verdict, bool uploaded)
{
	return (struct verification){
	        .kind = KIND_JUMIO_IDENTITY, .state = state, .verdict = verdict, .checking_ms = uploaded ? 1 : 0};
}

static void every_cell_is_what_the_table_says(void **state)
{
	static const struct {
		enum outcome outcome;
		enum state state;
		enum verdict verdict;
		bool uploaded;
		const char *status;
		bool success;
		const char *message;
		enum page start, back;
	} rows[] = {
	        {OUTCOME_STATE, STATE_QUEUED, VERDICT_NONE, false, "RETRY", false, "not finished", PAGE_WAITING,
	         PAGE_NOT_FINISHED},
	        {OUTCOME_STATE, STATE_AWAITING_USER, VERDICT_NONE, false, "RETRY", false, "not finished", PAGE_ONWARD,
	         PAGE_ONWARD},
	        {OUTCOME_STATE, STATE_CHECKING, VERDICT_NONE, true, "RETRY", false, "still being checked",
	         PAGE_CHECKING, PAGE_ONWARD},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_VERIFIED, true, "SUCCESS", true, "confirmed", PAGE_DONE,
	         PAGE_ONWARD},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_DENIED, true, "FAILED", false, "did not succeed", PAGE_DENIED,
	         PAGE_ONWARD},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_UNREADABLE, true, "FAILED", false, "not clear enough",
	         PAGE_UNREADABLE, PAGE_ONWARD},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_NO_DOCUMENT, true, "FAILED", false, "handed in",
	         PAGE_NO_DOCUMENT, PAGE_ONWARD},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_EXPIRED, false, "FAILED", false, "in time", PAGE_OUT_OF_TIME,
	         PAGE_ONWARD},
	        {OUTCOME_STATE, STATE_COMPLETED, VERDICT_NONE, false, "FAILED", false, "try again", PAGE_TRY_AGAIN,
	         PAGE_ONWARD},
	        {OUTCOME_STATE, STATE_DEAD, VERDICT_NONE, false, "FAILED", false, "try again", PAGE_TRY_AGAIN,
	         PAGE_TRY_AGAIN},
	        {OUTCOME_STATE, STATE_DEAD, VERDICT_NONE, true, "RETRY", false, "still being checked", PAGE_CHECKING,
	         PAGE_ONWARD},
	        {OUTCOME_STATE, STATE_ERASED, VERDICT_VERIFIED, true, "FAILED", false, "expired", PAGE_EXPIRED,
	         PAGE_EXPIRED},
	        {OUTCOME_NOT_FOUND, STATE_QUEUED, VERDICT_NONE, false, "FAILED", false, "expired", PAGE_EXPIRED,
	         PAGE_EXPIRED},
	        {OUTCOME_CACHE_AWAY, STATE_COMPLETED, VERDICT_VERIFIED, false, "RETRY", false, "still being checked",
	         PAGE_WAITING, PAGE_WAITING},
	        {OUTCOME_QUEUE_AWAY, STATE_COMPLETED, VERDICT_VERIFIED, false, "RETRY", false, "still being checked",
	         PAGE_WAITING, PAGE_WAITING},
	        {OUTCOME_OVERLOADED, STATE_COMPLETED, VERDICT_VERIFIED, false, "RETRY", false, "still being checked",
	         PAGE_WAITING, PAGE_WAITING},
	        {OUTCOME_FAILED, STATE_COMPLETED, VERDICT_VERIFIED, false, "RETRY", false, "still being checked",
	         PAGE_WAITING, PAGE_WAITING},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct verification known = state_of(rows[i].state, rows[i].verdict, rows[i].uploaded);
		struct journey_view view;
		journey_view(rows[i].outcome, &known, &view);
		assert_string_equal(view.status, rows[i].status);
		assert_int_equal(view.success, rows[i].success);
		assert_non_null(strcasestr(view.message, rows[i].message));
		assert_int_equal(view.start, rows[i].start);
		assert_int_equal(view.back, rows[i].back);
	}
}

static void only_a_completed_verified_state_is_ever_a_success(void **state)
{
	(void)state;
	for (unsigned s = 0; s < STATE_COUNT; s++)
		for (unsigned v = 0; v < VERDICT_COUNT; v++)
			for (unsigned r = 0; r < REASON_COUNT; r++)
				for (int uploaded = 0; uploaded < 2; uploaded++) {
					struct verification known = state_of((enum state)s, (enum verdict)v, uploaded);
					struct journey_view view;
					known.reason = (enum reason)r;
					journey_view(OUTCOME_STATE, &known, &view);
					bool verified = s == STATE_COMPLETED && v == VERDICT_VERIFIED;
					assert_int_equal(view.success, verified);
					assert_int_equal(strcmp(view.status, "SUCCESS") == 0, verified);
					assert_true(strlen(view.message) > 10 &&
					            strlen(view.message) < sizeof view.message - 1);
					assert_true(view.start <= PAGE_ONWARD && view.back <= PAGE_ONWARD);
				}
}

static void a_reason_that_a_person_can_do_something_about_has_its_own_page(void **state)
{
	static const struct {
		enum state state;
		enum verdict verdict;
		enum reason reason;
		enum page page;
	} rows[] = {
	        {STATE_COMPLETED, VERDICT_DENIED, REASON_UNSUPPORTED_TYPE, PAGE_UNSUPPORTED},
	        {STATE_COMPLETED, VERDICT_DENIED, REASON_UNSUPPORTED_COUNTRY, PAGE_UNSUPPORTED},
	        {STATE_COMPLETED, VERDICT_DENIED, REASON_FRAUD, PAGE_DENIED}, /* who tried to deceive learns nothing */
	        {STATE_COMPLETED, VERDICT_DENIED, REASON_NAME_MISMATCH, PAGE_DENIED},
	        {STATE_COMPLETED, VERDICT_DENIED, REASON_FACE_DIFFERS, PAGE_DENIED},
	        {STATE_COMPLETED, VERDICT_DENIED, REASON_NOT_LIVE, PAGE_DENIED},
	        {STATE_COMPLETED, VERDICT_DENIED, REASON_FACE_UNCLEAR, PAGE_FACE_UNCLEAR},
	        {STATE_COMPLETED, VERDICT_UNREADABLE, REASON_FACE_UNCLEAR, PAGE_FACE_UNCLEAR},
	        {STATE_COMPLETED, VERDICT_UNREADABLE, REASON_NOT_READABLE, PAGE_UNREADABLE},
	        {STATE_COMPLETED, VERDICT_NO_DOCUMENT, REASON_NOT_UPLOADED, PAGE_NO_DOCUMENT},
	        {STATE_DEAD, VERDICT_NONE, REASON_TOO_MANY, PAGE_TOO_MANY},
	        {STATE_DEAD, VERDICT_NONE, REASON_SUPERSEDED, PAGE_TRY_AGAIN},
	        {STATE_DEAD, VERDICT_NONE, REASON_SENT, PAGE_TRY_AGAIN},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct verification known = state_of(rows[i].state, rows[i].verdict, false);
		struct journey_view view;
		known.reason = rows[i].reason;
		journey_view(OUTCOME_STATE, &known, &view);
		assert_int_equal(view.start, rows[i].page);
	}
}

static void a_fresh_ticket_that_nobody_knows_is_waited_for(void **state)
{
	struct ask ask = {.ticket_ms = 1000000, .outcome = OUTCOME_NOT_FOUND};
	(void)state;
	assert_int_equal(journey_outcome(&ask, 1000000 + JOURNEY_FRESH_MS - 1), OUTCOME_CACHE_AWAY);
	assert_int_equal(journey_outcome(&ask, 1000000 + JOURNEY_FRESH_MS), OUTCOME_NOT_FOUND);
	ask.outcome = OUTCOME_STATE;
	assert_int_equal(journey_outcome(&ask, 1000000), OUTCOME_STATE);
}

static void who_was_sent_away_early_was_not_held(void **state)
{
	struct ask ask = {.wait_until_ms = 3000, .outcome = OUTCOME_STATE};
	(void)state;
	assert_true(journey_was_held(&ask, 1000, 2000));
	assert_false(journey_was_held(&ask, 1000, 1999));
	ask.outcome = OUTCOME_CACHE_AWAY;
	assert_false(journey_was_held(&ask, 1000, 3000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_cell_is_what_the_table_says),
	        cmocka_unit_test(only_a_completed_verified_state_is_ever_a_success),
	        cmocka_unit_test(a_reason_that_a_person_can_do_something_about_has_its_own_page),
	        cmocka_unit_test(a_fresh_ticket_that_nobody_knows_is_waited_for),
	        cmocka_unit_test(who_was_sent_away_early_was_not_held),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
