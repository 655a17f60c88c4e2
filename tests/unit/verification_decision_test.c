/* verification: a journey that a person decides in the vendor's place: when it may be, what is kept of it, and which
 * texts are taken. Every state with every event is in verification_table_test.c. */
#include "common/domain/verification.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct verification checked(enum state state)
{
	return (struct verification){.id = "vAAAAAAAAAAAAAAAAAAAAAA",
	                             .kind = KIND_JUMIO_IDENTITY,
	                             .state = state,
	                             .rev = 7,
	                             .caller = "b2c",
	                             .score = SCORE_NONE,
	                             .question = "who",
	                             .reference = "ref-1",
	                             .reason = REASON_UNKNOWN_STATUS,
	                             .checking_ms = 50};
}

static bool decide(const struct verification *now, enum verdict verdict, struct verification *ret)
{
	const struct event event = {.type = EVENT_DECIDED, .at_ms = 900, .verdict = verdict, .reason = REASON_DECIDED};
	unsigned effects = 0;
	if (!verification_step(now, &event, ret, &effects))
		return false;
	assert_int_equal(effects, EFFECT_PUBLISH);
	return true;
}

static void what_is_checked_or_died_while_it_was_can_be_decided(void **state)
{
	static const enum state open[] = {STATE_CHECKING, STATE_DEAD};
	(void)state;
	for (size_t i = 0; i < sizeof open / sizeof *open; i++)
		for (unsigned verdict = VERDICT_VERIFIED; verdict < VERDICT_COUNT; verdict++) {
			const struct verification now = checked(open[i]);
			struct verification next;
			assert_true(decide(&now, (enum verdict)verdict, &next));
			assert_int_equal(next.state, STATE_COMPLETED);
			assert_int_equal(next.verdict, verdict);
			assert_int_equal(next.decided_ms, 900);
			assert_int_equal(next.reason, REASON_DECIDED);
			assert_string_equal(next.reference, "ref-1");
			assert_true(verification_compare(&next, &now) > 0);
		}
}

static void nothing_else_can_be_decided_and_a_completed_one_least_of_all(void **state)
{
	struct verification now = checked(STATE_COMPLETED), next;
	(void)state;
	now.verdict = VERDICT_DENIED;
	assert_false(decide(&now, VERDICT_VERIFIED, &next));
	now = checked(STATE_DEAD);
	now.checking_ms = 0; /* before the person had handed anything in */
	assert_false(decide(&now, VERDICT_VERIFIED, &next));
	now = checked(STATE_DEAD);
	now.kind = KIND_BIOCATCH_SCORE;
	assert_false(decide(&now, VERDICT_VERIFIED, &next));
	static const enum state others[] = {STATE_QUEUED, STATE_AWAITING_USER, STATE_ERASED};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		now = checked(others[i]);
		assert_false(decide(&now, VERDICT_VERIFIED, &next));
	}
}

static void a_decision_is_written_and_read_and_no_other_state_has_one(void **state)
{
	const struct verification now = checked(STATE_CHECKING);
	struct verification next, back;
	struct verification_decision decision, found;
	struct buf value;
	(void)state;
	assert_true(decide(&now, VERDICT_DENIED, &next));
	assert_int_equal(verification_decision_set(&decision, "ada", "stamp \"missing\", \xc3\xa9t\xc3\xa9", NULL),
	                 ERR_OK);
	buf_init(&value, VERIFICATION_MAX_BYTES);
	assert_int_equal(verification_encode_decided(&next, NULL, &decision, &value), ERR_OK);
	assert_int_equal(verification_decode(value.data, value.len, &back, NULL, NULL), ERR_OK);
	assert_int_equal(back.decided_ms, 900);
	assert_int_equal(verification_decision_decode(value.data, value.len, &found, NULL), ERR_OK);
	assert_string_equal(found.by, decision.by);
	assert_string_equal(found.reason, decision.reason);
	buf_clear(&value);
	assert_int_equal(verification_encode(&now, NULL, &value), ERR_OK);
	assert_null(strstr(value.data, "decided"));
	assert_int_equal(verification_decision_decode(value.data, value.len, &found, NULL), ERR_OK);
	assert_string_equal(found.by, "");
	assert_string_equal(found.reason, "");
	assert_int_equal(verification_decision_decode("{", 1, &found, NULL), ERR_INVALID);
	assert_int_equal(verification_decision_decode(NULL, 0, &found, NULL), ERR_INVALID);
	buf_fini(&value);
}

static void the_longest_reason_is_counted_in_characters(void **state)
{
	char reason[DECIDED_REASON_BYTES + 4] = "";
	struct verification_decision decision;
	(void)state;
	for (int i = 0; i < DECIDED_REASON_CHARS; i++)
		strcat(reason, "\xf0\x9f\x99\x82");
	assert_int_equal(verification_decision_set(&decision, "ada", reason, NULL), ERR_OK);
	assert_string_equal(decision.reason, reason);
	strcat(reason, "x");
	assert_int_equal(verification_decision_set(&decision, "ada", reason, NULL), ERR_LIMIT);
}

static void texts_that_say_nothing_or_could_steer_a_terminal_are_refused(void **state)
{
	static const char *const names[] = {"", "a\tb", "\xc3\xa9",
	                                    "01234567890123456789012345678901234567890123456789012345678901234"};
	static const char *const reasons[] = {"", "   ", "a\nb", "a\x1b[2J", "a\x7f", "a\xc2\x9b", "a\xff", "a\xc3"};
	struct verification_decision decision = {"mine", "mine"};
	struct err err;
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_int_equal(verification_decision_set(&decision, names[i], "good", &err), ERR_INVALID);
		assert_non_null(strstr(err.msg, "who"));
	}
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
		assert_int_equal(verification_decision_set(&decision, "ada", reasons[i], &err), ERR_INVALID);
		assert_non_null(strstr(err.msg, "reason"));
	}
	assert_string_equal(decision.by, "mine");
	assert_string_equal(decision.reason, "mine");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_checked_or_died_while_it_was_can_be_decided),
	        cmocka_unit_test(nothing_else_can_be_decided_and_a_completed_one_least_of_all),
	        cmocka_unit_test(a_decision_is_written_and_read_and_no_other_state_has_one),
	        cmocka_unit_test(the_longest_reason_is_counted_in_characters),
	        cmocka_unit_test(texts_that_say_nothing_or_could_steer_a_terminal_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
