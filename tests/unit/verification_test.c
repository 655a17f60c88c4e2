/* verification: what holds over several steps, the order of states, and names. Every state with every event is in
 * verification_table_test.c. */
#include "common/domain/verification.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct verification in_state(enum state state)
{
	return (struct verification){.id = "vAAAAAAAAAAAAAAAAAAAAAA",
	                             .kind = KIND_BIOCATCH_SCORE,
	                             .state = state,
	                             .rev = 41,
	                             .caller = "demo",
	                             .risk = state == STATE_COMPLETED ? RISK_HIGH : RISK_NONE,
	                             .score = state == STATE_COMPLETED ? 900 : SCORE_NONE,
	                             .created_ms = 10,
	                             .taken_ms = 20,
	                             .asked_ms = 30,
	                             .answered_ms = 40,
	                             .updated_ms = 50};
}

static struct event event_of(enum event_type type)
{
	return (struct event){.type = type,
	                      .at_ms = 1000,
	                      .risk = RISK_MEDIUM,
	                      .score = 700,
	                      .reason = type == EVENT_SCORED ? REASON_NONE : REASON_NO_SCORE,
	                      .attempts = 3,
	                      .replays = 1};
}

static void times_that_an_event_does_not_know_stay(void **state)
{
	const struct verification now = in_state(STATE_QUEUED);
	struct event event = event_of(EVENT_SCORED);
	struct verification next;
	unsigned effects;
	(void)state;
	event.asked_ms = 77;
	assert_true(verification_step(&now, &event, &next, &effects));
	assert_int_equal(next.taken_ms, 20);
	assert_int_equal(next.asked_ms, 77);
	assert_int_equal(next.answered_ms, 40);
}

static void a_replay_revives_once_however_often_it_is_delivered(void **state)
{
	struct verification now = in_state(STATE_DEAD);
	struct event replay = {.type = EVENT_REVIVED, .at_ms = 1000, .replays = 1};
	struct event died = event_of(EVENT_DIED);
	unsigned effects;
	(void)state;
	died.replays = 0; /* a failure of the record from before the replay does not forget it */
	assert_true(verification_step(&now, &replay, &now, &effects));
	assert_int_equal(now.replays, 1);
	assert_int_equal(now.reason, REASON_NONE);
	assert_true(verification_step(&now, &died, &now, &effects));
	assert_int_equal(now.state, STATE_DEAD);
	assert_int_equal(now.replays, 1);
	assert_false(verification_step(&now, &replay, &now, &effects));
	replay.replays = 0;
	assert_false(verification_step(&now, &replay, &now, &effects));
	replay.replays = 2;
	assert_true(verification_step(&now, &replay, &now, &effects));
	assert_int_equal(now.replays, 2);
}

static void a_completed_one_changes_for_nothing_but_an_erasure(void **state)
{
	struct verification now = in_state(STATE_COMPLETED);
	const struct verification before = now;
	unsigned effects;
	(void)state;
	for (unsigned type = 0; type < EVENT_COUNT; type++) {
		struct event event = event_of((enum event_type)type);
		event.replays = INT_MAX;
		if (type != EVENT_ERASED)
			assert_false(verification_step(&now, &event, &now, &effects));
	}
	assert_memory_equal(&now, &before, sizeof now);
	const struct event erased = event_of(EVENT_ERASED);
	assert_true(verification_step(&now, &erased, &now, &effects));
	assert_int_equal(now.score, SCORE_NONE);
	assert_int_equal(now.risk, RISK_NONE);
}

static void a_queued_one_is_what_was_asked(void **state)
{
	const struct request request = {.id = "vAAAAAAAAAAAAAAAAAAAAAA",
	                                .kind = KIND_BIOCATCH_SCORE,
	                                .caller = "demo",
	                                .created_ms = 99,
	                                .attempts = 4};
	struct verification queued;
	(void)state;
	memset(&queued, 0xa5, sizeof queued);
	verification_queued(&request, &queued);
	assert_int_equal(queued.state, STATE_QUEUED);
	assert_int_equal(queued.rev, 1);
	assert_string_equal(queued.id, request.id);
	assert_string_equal(queued.caller, "demo");
	assert_int_equal(queued.created_ms, 99);
	assert_int_equal(queued.updated_ms, 99);
	assert_int_equal(queued.score, SCORE_NONE);
	assert_int_equal(queued.risk, RISK_NONE);
	assert_int_equal(queued.reason, REASON_NONE);
	assert_int_equal(queued.attempts + queued.replays, 0);
	assert_int_equal(queued.taken_ms + queued.asked_ms + queued.answered_ms, 0);
}

static void who_knows_only_a_replays_record_counts_as_high_as_who_knows_the_state(void **state)
{
	struct request request = {.kind = KIND_BIOCATCH_SCORE};
	struct verification known, guessed;
	unsigned effects;
	(void)state;
	verification_queued(&request, &known);
	for (int replays = 1; replays < 4; replays++) {
		const struct event died = event_of(EVENT_DIED);
		const struct event replay = {.type = EVENT_REVIVED, .replays = replays};
		known.replays = replays - 1;
		assert_true(verification_step(&known, &died, &known, &effects));
		known.replays = replays - 1;
		assert_true(verification_step(&known, &replay, &known, &effects));
		request.replays = replays;
		verification_queued(&request, &guessed);
		assert_int_equal(guessed.rev, known.rev);
		assert_int_equal(guessed.replays, known.replays);
	}
	request.replays = INT_MAX; /* a header may say so */
	verification_queued(&request, &guessed);
	assert_int_equal(guessed.rev, 1 + 2 * (int64_t)INT_MAX);
}

static int sign_of(int64_t rank_a, int64_t rev_a, int64_t rank_b, int64_t rev_b)
{
	if (rank_a != rank_b)
		return rank_a < rank_b ? -1 : 1;
	return rank_a > 0 || rev_a == rev_b ? 0 : rev_a < rev_b ? -1 : 1;
}

static void states_are_ordered_by_rank_then_by_revision_below_completed(void **state)
{
	static const int64_t revs[] = {1, 2, 41, INT64_MAX};
	static const int ranks[STATE_COUNT] = {[STATE_COMPLETED] = 1, [STATE_ERASED] = 2};
	(void)state;
	for (unsigned a = 0; a < STATE_COUNT; a++)
		for (unsigned b = 0; b < STATE_COUNT; b++)
			for (size_t i = 0; i < sizeof revs / sizeof *revs; i++)
				for (size_t j = 0; j < sizeof revs / sizeof *revs; j++) {
					struct verification left = in_state((enum state)a),
					                    right = in_state((enum state)b);
					left.rev = revs[i];
					right.rev = revs[j];
					int got = verification_compare(&left, &right);
					int want = sign_of(ranks[a], revs[i], ranks[b], revs[j]);
					assert_int_equal((got > 0) - (got < 0), want);
				}
}

static void of_one_revision_the_one_that_was_tried_more_often_stands_until_it_is_completed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STATE_COUNT; i++) {
		struct verification fewer = in_state((enum state)i), more = in_state((enum state)i);
		int want = i == STATE_COMPLETED || i == STATE_ERASED ? 0 : 1;
		more.attempts = 1;
		assert_int_equal(verification_compare(&more, &fewer), want);
		assert_int_equal(verification_compare(&fewer, &more), -want);
		more.attempts = INT_MAX;
		fewer.rev = more.rev + 1; /* a revision is worth more than any number of tries */
		assert_int_equal(verification_compare(&more, &fewer), -want);
	}
}

static struct event tried(int attempts)
{
	return (struct event){.type = EVENT_RETRIED, .at_ms = 900, .reason = REASON_TIMEOUT, .attempts = attempts};
}

static void a_further_try_is_counted_once_and_is_no_revision(void **state)
{
	struct verification now = in_state(STATE_QUEUED);
	const struct event first = tried(1), second = tried(2);
	unsigned effects;
	(void)state;
	assert_true(verification_step(&now, &second, &now, &effects));
	assert_int_equal(now.state, STATE_QUEUED);
	assert_int_equal(now.rev, 41);
	assert_int_equal(now.attempts, 2);
	assert_int_equal(now.reason, REASON_TIMEOUT);
	assert_int_equal(now.updated_ms, 900);
	assert_false(verification_step(&now, &second, &now, &effects));
	assert_false(verification_step(&now, &first, &now, &effects));
	assert_int_equal(now.attempts, 2);
}

/* Redis was away when it died: who wrote that knew of no try. */
static void a_death_stands_above_all_tries_that_its_writer_did_not_know_of(void **state)
{
	const struct request request = {.kind = KIND_BIOCATCH_SCORE, .replays = 1};
	const struct event died = event_of(EVENT_DIED);
	struct verification known, dead;
	unsigned effects;
	(void)state;
	verification_queued(&request, &known);
	dead = known;
	for (int attempts = 1; attempts < 100; attempts++) {
		const struct event event = tried(attempts);
		assert_true(verification_step(&known, &event, &known, &effects));
	}
	assert_true(verification_step(&dead, &died, &dead, &effects));
	assert_true(verification_compare(&dead, &known) > 0);
}

static void whoever_takes_over_counts_on_where_calls_of_its_flow_are_tried(void **state)
{
	static const struct {
		enum state state;
		enum flow_kind flow;
		bool same;
	} rows[] = {
	        {STATE_QUEUED, FLOW_ASK, true},         {STATE_QUEUED, FLOW_INITIATE, true},
	        {STATE_QUEUED, FLOW_RETRIEVE, false},   {STATE_AWAITING_USER, FLOW_INITIATE, false},
	        {STATE_CHECKING, FLOW_RETRIEVE, true},  {STATE_AWAITING_USER, FLOW_RETRIEVE, false},
	        {STATE_CHECKING, FLOW_INITIATE, false}, {STATE_DEAD, FLOW_ASK, false},
	        {STATE_DEAD, FLOW_RETRIEVE, false},     {STATE_COMPLETED, FLOW_ASK, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct verification now = in_state(rows[i].state);
		struct request request = {.attempts = 2, .replays = 1};
		now.attempts = 3;
		now.replays = 1;
		assert_int_equal(verification_attempts(&now, &request, rows[i].flow), rows[i].same ? 3 : 2);
		request.attempts = 4; /* it hopped since */
		assert_int_equal(verification_attempts(&now, &request, rows[i].flow), 4);
		request.attempts = 0;
		request.replays = 2; /* the state is from before the replay */
		assert_int_equal(verification_attempts(&now, &request, rows[i].flow), 0);
		request.replays = 0; /* the record is from before the replay: tried all the same */
		assert_int_equal(verification_attempts(&now, &request, rows[i].flow), rows[i].same ? 3 : 0);
	}
}

static void final_is_what_moves_no_more_by_itself(void **state)
{
	static const bool final[STATE_COUNT] = {[STATE_DEAD] = true, [STATE_COMPLETED] = true, [STATE_ERASED] = true};
	(void)state;
	for (unsigned i = 0; i < STATE_COUNT; i++)
		assert_int_equal(state_is_final((enum state)i), final[i]);
}

static void whoever_wants_to_hear_of_the_end_is_told_of_every_end_and_of_nothing_else(void **state)
{
	static const struct {
		enum event_type event;
		enum kind kind;
		enum state from;
		bool told;
	} rows[] = {
	        {EVENT_SCORED, KIND_BIOCATCH_SCORE, STATE_QUEUED, true},
	        {EVENT_NO_SCORE, KIND_BIOCATCH_SCORE, STATE_QUEUED, true},
	        {EVENT_EXPIRED, KIND_BIOCATCH_SCORE, STATE_QUEUED, true},
	        {EVENT_DIED, KIND_BIOCATCH_SCORE, STATE_QUEUED, true},
	        {EVENT_RETRIED, KIND_BIOCATCH_SCORE, STATE_QUEUED, false},
	        {EVENT_ERASED, KIND_BIOCATCH_SCORE, STATE_COMPLETED, false},
	        {EVENT_INITIATED, KIND_JUMIO_IDENTITY, STATE_QUEUED, false},
	        {EVENT_RETURNED, KIND_JUMIO_IDENTITY, STATE_AWAITING_USER, false},
	        {EVENT_PENDING, KIND_JUMIO_IDENTITY, STATE_CHECKING, false},
	        {EVENT_JUDGED, KIND_JUMIO_IDENTITY, STATE_CHECKING, true},
	        {EVENT_DIED, KIND_JUMIO_IDENTITY, STATE_CHECKING, true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (int notify = 0; notify < 2; notify++) {
			const struct verification now = {
			        .kind = rows[i].kind, .state = rows[i].from, .rev = 3, .notify = notify};
			const struct event event = {.type = rows[i].event,
			                            .verdict = VERDICT_VERIFIED,
			                            .attempts = 1,
			                            .reason = REASON_TIMEOUT};
			struct verification next;
			unsigned effects;
			assert_true(verification_step(&now, &event, &next, &effects));
			assert_int_equal((effects & EFFECT_NOTIFY) != 0, rows[i].told && notify);
			assert_int_equal(next.notify, notify);
		}
	}
	const struct request asked = {.kind = KIND_BIOCATCH_SCORE, .notify = true};
	struct verification queued;
	verification_queued(&asked, &queued);
	assert_true(queued.notify);
}

static void the_last_journeys_caller_is_told(void **state)
{
	const struct verification now = {.kind = KIND_JUMIO_IDENTITY, .state = STATE_AWAITING_USER, .notify = true};
	struct verification next;
	unsigned effects;
	(void)state;
	for (int notify = 0; notify < 2; notify++) {
		const struct event resumed = {.type = EVENT_RESUMED, .notify = notify};
		assert_true(verification_step(&now, &resumed, &next, &effects));
		assert_int_equal(next.notify, notify);
		assert_false(effects & EFFECT_NOTIFY);
	}
}

static void every_name_leads_back_to_its_value(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STATE_COUNT; i++)
		assert_int_equal(state_by_name(state_name((enum state)i)), i);
	for (unsigned i = 0; i < REASON_COUNT; i++)
		assert_int_equal(reason_by_name(reason_name((enum reason)i)), i);
	for (unsigned i = RISK_LOW; i < RISK_COUNT; i++)
		assert_int_equal(risk_by_name(risk_name((enum risk)i)), i);
	for (unsigned i = REASON_NONE + 1; i < REASON_COUNT; i++)
		assert_true(*reason_text((enum reason)i));
	for (unsigned i = 0; i < VERDICT_COUNT; i++)
		assert_int_equal(verdict_by_name(verdict_name((enum verdict)i)), i);
	assert_int_equal(verdict_by_name("Verified"), VERDICT_COUNT);
	assert_string_equal(verdict_name(VERDICT_NONE), "");
	assert_int_equal(state_by_name("Queued"), STATE_COUNT);
	assert_int_equal(state_by_name(""), STATE_COUNT);
	assert_int_equal(reason_by_name("EXPIRED"), REASON_COUNT);
	assert_int_equal(risk_by_name("hIgH"), RISK_HIGH);
	assert_int_equal(risk_by_name(""), RISK_COUNT);
	assert_int_equal(risk_by_name("SEVERE"), RISK_COUNT);
	assert_string_equal(risk_name(RISK_NONE), "");
	assert_string_equal(reason_name(REASON_NONE), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(times_that_an_event_does_not_know_stay),
	        cmocka_unit_test(a_replay_revives_once_however_often_it_is_delivered),
	        cmocka_unit_test(a_completed_one_changes_for_nothing_but_an_erasure),
	        cmocka_unit_test(a_queued_one_is_what_was_asked),
	        cmocka_unit_test(who_knows_only_a_replays_record_counts_as_high_as_who_knows_the_state),
	        cmocka_unit_test(states_are_ordered_by_rank_then_by_revision_below_completed),
	        cmocka_unit_test(of_one_revision_the_one_that_was_tried_more_often_stands_until_it_is_completed),
	        cmocka_unit_test(a_further_try_is_counted_once_and_is_no_revision),
	        cmocka_unit_test(a_death_stands_above_all_tries_that_its_writer_did_not_know_of),
	        cmocka_unit_test(whoever_takes_over_counts_on_where_calls_of_its_flow_are_tried),
	        cmocka_unit_test(final_is_what_moves_no_more_by_itself),
	        cmocka_unit_test(whoever_wants_to_hear_of_the_end_is_told_of_every_end_and_of_nothing_else),
	        cmocka_unit_test(the_last_journeys_caller_is_told),
	        cmocka_unit_test(every_name_leads_back_to_its_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
