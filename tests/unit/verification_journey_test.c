/* verification: a journey over several steps: what is promised about its reference, its ladder, its sends and its
 * revival. Every state with every event is in verification_table_test.c. */
#include "common/domain/verification.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct walk {
	struct verification now;
	unsigned effects;
	int64_t clock_ms;
};

static struct walk begin(void)
{
	const struct request request = {.id = "vAAAAAAAAAAAAAAAAAAAAAA",
	                                .kind = KIND_JUMIO_IDENTITY,
	                                .caller = "b2c",
	                                .question = "who",
	                                .created_ms = 1000};
	struct walk walk = {.clock_ms = 1000};
	verification_queued(&request, &walk.now);
	return walk;
}

static bool try(struct walk *walk, struct event event)
{
	event.at_ms = walk->clock_ms += 10;
	return verification_step(&walk->now, &event, &walk->now, &walk->effects);
}

static void go(struct walk *walk, struct event event)
{
	assert_true(try(walk, event));
}

static struct event named(enum event_type type, const char *reference)
{
	struct event event = {.type = type, .until_ms = 5000};
	strncpy(event.reference, reference, sizeof event.reference - 1);
	return event;
}

static struct walk opened(void)
{
	struct walk walk = begin();
	go(&walk, (struct event){.type = EVENT_SENDING});
	go(&walk, named(EVENT_INITIATED, "ref-1"));
	return walk;
}

static struct walk returned(void)
{
	struct walk walk = opened();
	go(&walk, (struct event){.type = EVENT_RETURNED});
	return walk;
}

static void a_queued_journey_knows_whose_it_is_and_a_score_does_not(void **state)
{
	struct request request = {.kind = KIND_JUMIO_IDENTITY, .question = "who", .created_ms = 7, .replays = 2};
	struct verification queued;
	(void)state;
	memset(&queued, 0xa5, sizeof queued);
	verification_queued(&request, &queued);
	assert_string_equal(queued.question, "who");
	assert_string_equal(queued.reference, "");
	assert_int_equal(queued.verdict, VERDICT_NONE);
	assert_int_equal(queued.sends + queued.polls + queued.poll, 0);
	assert_int_equal(queued.checking_ms, 0);
	assert_int_equal(queued.rev, 5);
	request.kind = KIND_BIOCATCH_SCORE;
	verification_queued(&request, &queued);
	assert_string_equal(queued.question, "");
}

static void a_sign_up_goes_from_queued_to_its_verdict(void **state)
{
	struct walk walk = begin();
	(void)state;
	go(&walk, (struct event){.type = EVENT_SENDING});
	assert_int_equal(walk.now.sends, 1);
	go(&walk, named(EVENT_INITIATED, "ref-1"));
	assert_int_equal(walk.now.state, STATE_AWAITING_USER);
	assert_int_equal(walk.now.sends, 1); /* stays, to be shown */
	assert_int_equal(walk.now.initiated_ms, walk.clock_ms);
	assert_int_equal(walk.now.until_ms, 5000);
	assert_true(walk.effects & EFFECT_WATCH);
	go(&walk, (struct event){.type = EVENT_RETURNED});
	assert_int_equal(walk.now.returned_ms, walk.clock_ms);
	assert_int_equal(walk.now.checking_ms, walk.clock_ms);
	assert_int_equal(walk.now.poll, 1);
	go(&walk, (struct event){.type = EVENT_PENDING, .is_rung = true});
	assert_int_equal(walk.now.poll, 2);
	assert_true(walk.effects & EFFECT_CLIMB);
	go(&walk, (struct event){.type = EVENT_PENDING}); /* a callback's look between two rungs */
	assert_int_equal(walk.now.poll, 2);
	assert_false(walk.effects & EFFECT_CLIMB);
	assert_int_equal(walk.now.polls, 2);
	go(&walk, (struct event){.type = EVENT_JUDGED, .verdict = VERDICT_VERIFIED});
	assert_int_equal(walk.now.state, STATE_COMPLETED);
	assert_int_equal(walk.now.verdict, VERDICT_VERIFIED);
	assert_string_equal(walk.now.reference, "ref-1");
	assert_int_equal(walk.now.rev, 7);
}

static void a_reference_once_given_is_never_replaced(void **state)
{
	struct walk walk = opened();
	(void)state;
	for (unsigned round = 0; round < 40; round++)
		for (unsigned type = 0; type < EVENT_COUNT; type++) {
			struct event event = named((enum event_type)type, "ref-2");
			event.verdict = VERDICT_DENIED;
			event.replays = (int)round;
			if (type != EVENT_JUDGED && type != EVENT_ERASED)
				(void)try(&walk, event);
			assert_string_equal(walk.now.reference, "ref-1");
		}
	walk.now.state = STATE_QUEUED; /* only a damaged record says so */
	assert_false(try(&walk, named(EVENT_INITIATED, "ref-2")));
}

static void a_completed_journey_changes_for_nothing_but_an_erasure(void **state)
{
	struct walk walk = returned();
	(void)state;
	go(&walk, (struct event){.type = EVENT_JUDGED, .verdict = VERDICT_UNREADABLE, .reason = REASON_NOT_READABLE});
	const struct verification before = walk.now;
	for (unsigned type = 0; type < EVENT_COUNT; type++) {
		struct event event = named((enum event_type)type, "ref-2");
		event.verdict = VERDICT_VERIFIED;
		event.replays = INT_MAX;
		if (type != EVENT_ERASED)
			assert_false(try(&walk, event));
	}
	assert_memory_equal(&walk.now, &before, sizeof before);
	go(&walk, (struct event){.type = EVENT_ERASED});
	assert_int_equal(walk.now.verdict, VERDICT_NONE);
}

static void a_person_returns_once(void **state)
{
	struct walk walk = returned();
	int64_t first_ms = walk.now.returned_ms;
	(void)state;
	assert_false(try(&walk, (struct event){.type = EVENT_RETURNED}));
	go(&walk, (struct event){.type = EVENT_CALLED_BACK});
	assert_false(try(&walk, (struct event){.type = EVENT_RETURNED}));
	assert_int_equal(walk.now.returned_ms, first_ms);
	assert_int_equal(walk.now.poll, 1);
}

static void a_callback_before_the_return_begins_the_ladder_with_its_first_look(void **state)
{
	struct walk walk = opened();
	(void)state;
	go(&walk, (struct event){.type = EVENT_CALLED_BACK});
	int64_t since_ms = walk.now.checking_ms;
	assert_int_equal(walk.now.state, STATE_CHECKING);
	assert_int_equal(walk.now.poll, 0); /* nothing to climb before it was looked */
	go(&walk, (struct event){.type = EVENT_PENDING, .is_rung = true});
	assert_int_equal(walk.now.poll, 1);
	assert_true(walk.effects & EFFECT_CLIMB);
	go(&walk, (struct event){.type = EVENT_RETURNED}); /* is noted, and begins no second ladder */
	assert_int_equal(walk.now.poll, 1);
	assert_false(walk.effects & EFFECT_CLIMB);
	assert_int_equal(walk.now.returned_ms, walk.clock_ms);
	assert_int_equal(walk.now.checking_ms, since_ms);
}

static void further_journeys_leave_their_own_time_and_nothing_else(void **state)
{
	struct walk walk = opened();
	(void)state;
	go(&walk, (struct event){.type = EVENT_RESUMED, .made_ms = 1234});
	assert_int_equal(walk.now.resumed_ms, 1234);
	assert_int_equal(walk.now.state, STATE_AWAITING_USER);
	go(&walk, (struct event){.type = EVENT_RETURNED});
	go(&walk, (struct event){.type = EVENT_RESUMED, .made_ms = 2345});
	assert_int_equal(walk.now.resumed_ms, 2345);
	assert_int_equal(walk.now.poll, 1);
}

static void two_sends_without_an_answer_are_the_last(void **state)
{
	struct walk walk = begin();
	(void)state;
	for (int i = 0; i < SENDS_MAX; i++)
		go(&walk, (struct event){.type = EVENT_SENDING});
	assert_false(try(&walk, (struct event){.type = EVENT_SENDING}));
	go(&walk, (struct event){.type = EVENT_UNSENT});
	go(&walk, (struct event){.type = EVENT_SENDING});
	assert_false(try(&walk, (struct event){.type = EVENT_SENDING}));
	for (int i = 0; i < 2 * SENDS_MAX; i++)
		go(&walk, (struct event){.type = EVENT_UNSENT});
	assert_int_equal(walk.now.sends, 0);
}

static void a_death_before_the_upload_is_revived_as_a_new_beginning_and_by_no_callback(void **state)
{
	struct walk walk = begin();
	(void)state;
	go(&walk, (struct event){.type = EVENT_SENDING});
	go(&walk, (struct event){.type = EVENT_SENDING});
	go(&walk, (struct event){.type = EVENT_DIED, .reason = REASON_SENT});
	assert_false(verification_died_checking(&walk.now));
	assert_false(try(&walk, (struct event){.type = EVENT_CALLED_BACK}));
	assert_false(try(&walk, (struct event){.type = EVENT_REVIVED, .replays = 0}));
	go(&walk, (struct event){.type = EVENT_REVIVED, .replays = 1});
	assert_int_equal(walk.now.state, STATE_QUEUED);
	assert_int_equal(walk.now.sends, 0);
	assert_int_equal(walk.now.checking_ms, 0);
	assert_false(try(&walk, (struct event){.type = EVENT_REVIVED, .replays = 2})); /* it is alive */
}

static void a_death_while_checked_is_revived_by_a_replay_or_a_callback_into_checking(void **state)
{
	static const struct event revivals[] = {{.type = EVENT_REVIVED, .replays = 1}, {.type = EVENT_CALLED_BACK}};
	(void)state;
	for (size_t i = 0; i < sizeof revivals / sizeof *revivals; i++) {
		struct walk walk = returned();
		go(&walk, (struct event){.type = EVENT_PENDING, .is_rung = true});
		go(&walk, (struct event){.type = EVENT_DIED, .reason = REASON_STILL_PENDING});
		assert_true(verification_died_checking(&walk.now));
		go(&walk, revivals[i]);
		assert_int_equal(walk.now.state, STATE_CHECKING);
		assert_int_equal(walk.now.sends, 1);
		assert_int_equal(walk.now.checking_ms, walk.clock_ms); /* the ladder begins anew, */
		assert_int_equal(walk.now.poll, 2);                    /* under numbers that were not used */
		go(&walk, (struct event){.type = EVENT_PENDING, .is_rung = true});
		assert_int_equal(walk.now.poll, 3);
	}
}

static void tries_are_counted_for_each_look_and_a_further_journey_does_not_touch_them(void **state)
{
	struct walk walk = returned();
	(void)state;
	go(&walk, (struct event){.type = EVENT_RETRIED, .attempts = 1, .reason = REASON_TIMEOUT});
	go(&walk, (struct event){.type = EVENT_RETRIED, .attempts = 2, .reason = REASON_RESET});
	assert_int_equal(walk.now.state, STATE_CHECKING);
	assert_int_equal(walk.now.reason, REASON_RESET);
	go(&walk, (struct event){.type = EVENT_RESUMED, .made_ms = 1234});
	assert_int_equal(walk.now.attempts, 2);
	go(&walk, (struct event){.type = EVENT_PENDING, .is_rung = true, .attempts = 5, .reason = REASON_TIMEOUT});
	assert_int_equal(walk.now.attempts, 0);
	go(&walk, (struct event){.type = EVENT_RETRIED, .attempts = 1});
	go(&walk, (struct event){.type = EVENT_JUDGED, .verdict = VERDICT_VERIFIED, .attempts = 1});
	assert_int_equal(walk.now.attempts, 1);
}

static void one_that_nobody_waits_for_ends_with_the_verdict_expired(void **state)
{
	struct walk walk = begin();
	(void)state;
	go(&walk, (struct event){.type = EVENT_EXPIRED, .reason = REASON_EXPIRED});
	assert_int_equal(walk.now.state, STATE_COMPLETED);
	assert_int_equal(walk.now.verdict, VERDICT_EXPIRED);
	assert_int_equal(walk.now.risk, RISK_NONE);
	assert_int_equal(walk.now.score, SCORE_NONE);
}

static void counters_stop_where_their_type_ends(void **state)
{
	struct walk walk = returned();
	(void)state;
	walk.now.polls = INT_MAX;
	walk.now.poll = INT64_MAX;
	go(&walk, (struct event){.type = EVENT_PENDING, .is_rung = true});
	assert_int_equal(walk.now.polls, INT_MAX);
	assert_int_equal(walk.now.poll, INT64_MAX);
	assert_false(walk.effects & EFFECT_CLIMB); /* there is no further number */
	walk = opened();
	walk.now.poll = INT64_MAX;
	go(&walk, (struct event){.type = EVENT_RETURNED});
	assert_int_equal(walk.now.poll, INT64_MAX);
}

static void only_a_pending_look_climbs(void **state)
{
	(void)state;
	for (unsigned type = 0; type < EVENT_COUNT; type++) {
		struct walk walk = returned();
		const struct event event = {
		        .type = (enum event_type)type, .verdict = VERDICT_DENIED, .replays = 1, .is_rung = true};
		bool goes = try(&walk, event);
		assert_int_equal(walk.now.poll, 1 + (type == EVENT_PENDING));
		if (goes)
			assert_int_equal((walk.effects & EFFECT_CLIMB) != 0, type == EVENT_PENDING);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_queued_journey_knows_whose_it_is_and_a_score_does_not),
	        cmocka_unit_test(a_sign_up_goes_from_queued_to_its_verdict),
	        cmocka_unit_test(a_reference_once_given_is_never_replaced),
	        cmocka_unit_test(a_completed_journey_changes_for_nothing_but_an_erasure),
	        cmocka_unit_test(a_person_returns_once),
	        cmocka_unit_test(a_callback_before_the_return_begins_the_ladder_with_its_first_look),
	        cmocka_unit_test(further_journeys_leave_their_own_time_and_nothing_else),
	        cmocka_unit_test(two_sends_without_an_answer_are_the_last),
	        cmocka_unit_test(a_death_before_the_upload_is_revived_as_a_new_beginning_and_by_no_callback),
	        cmocka_unit_test(a_death_while_checked_is_revived_by_a_replay_or_a_callback_into_checking),
	        cmocka_unit_test(tries_are_counted_for_each_look_and_a_further_journey_does_not_touch_them),
	        cmocka_unit_test(one_that_nobody_waits_for_ends_with_the_verdict_expired),
	        cmocka_unit_test(counters_stop_where_their_type_ends),
	        cmocka_unit_test(only_a_pending_look_climbs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
