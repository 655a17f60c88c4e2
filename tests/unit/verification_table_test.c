/* verification: every state with every event, for scores and for journeys, against a table of its own: where it leads,
 * what has to be done, and which members change. A new row of states.def or a new event does not compile or fails here
 * until what is expected of it has been written down. */
#include "common/domain/verification.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

_Static_assert(STATE_COUNT == 6 && EVENT_COUNT == 17, "write down below what is expected of the new state or event");

/* Members that some events change and others do not. */
enum {
	RISKS = 1, /* risk and score */
	VERDICT = 2,
	SENDS = 4,
	REFERENCE = 8, /* reference, initiated_ms and until_ms */
	RESUMED = 16,
	RETURNED = 32,
	CALLED = 64,
	SINCE = 128, /* checking_ms */
	POLL = 256,
	POLLS = 512,
	DECIDED = 1024,
};

#define AT(member) offsetof(struct verification, member), sizeof(((struct verification *)NULL)->member)
static const struct member {
	size_t offset, size;
	unsigned group; /* 0: changes with every step */
} members[] = {
        {AT(state), 0},
        {AT(rev), 0},
        {AT(updated_ms), 0},
        {AT(reason), 0},
        {AT(attempts), 0},
        {AT(replays), 0},
        {AT(taken_ms), 0},
        {AT(asked_ms), 0},
        {AT(answered_ms), 0},
        {AT(risk), RISKS},
        {AT(score), RISKS},
        {AT(verdict), VERDICT},
        {AT(sends), SENDS},
        {AT(reference), REFERENCE},
        {AT(initiated_ms), REFERENCE},
        {AT(until_ms), REFERENCE},
        {AT(resumed_ms), RESUMED},
        {AT(returned_ms), RETURNED},
        {AT(called_back_ms), CALLED},
        {AT(checking_ms), SINCE},
        {AT(poll), POLL},
        {AT(polls), POLLS},
        {AT(decided_ms), DECIDED},
};
enum { MEMBER_COUNT = sizeof members / sizeof *members };

struct cell {
	bool goes; /* false: the event has no place here */
	enum state to;
	unsigned effects, changes;
};
#define GO(to, effects, changes)                                                                                       \
	{                                                                                                              \
		true, STATE_##to, effects, changes                                                                     \
	}
#define PUBLISH EFFECT_PUBLISH
#define LETTER  (EFFECT_PUBLISH | EFFECT_DEAD_LETTER)
#define CALL    EFFECT_CALL_VENDOR

#define SCORE(s)         .kind = KIND_BIOCATCH_SCORE, .state = STATE_##s, .score = SCORE_NONE
#define JOURNEY(s)       .kind = KIND_JUMIO_IDENTITY, .state = STATE_##s, .score = SCORE_NONE, .question = "who"
#define OPENED(s)        JOURNEY(s), .sends = 1, .reference = "ref-1", .initiated_ms = 61, .until_ms = 62
#define BEING_CHECKED(s) OPENED(s), .checking_ms = 63, .poll = 4, .polls = 5

static const struct situation {
	const char *name;
	struct verification now;
	struct cell on[EVENT_COUNT];
} situations[] = {
        {"a queued score",
         {SCORE(QUEUED)},
         {[EVENT_SCORED] = GO(COMPLETED, PUBLISH, RISKS),
          [EVENT_NO_SCORE] = GO(COMPLETED, PUBLISH, RISKS),
          [EVENT_EXPIRED] = GO(COMPLETED, PUBLISH | EFFECT_DROP_POINTER, RISKS),
          [EVENT_DIED] = GO(DEAD, LETTER, 0),
          [EVENT_RETRIED] = GO(QUEUED, PUBLISH, 0),
          [EVENT_ERASED] = GO(ERASED, PUBLISH, 0)}},
        /* a score is never here; read from a damaged record it can still end */
        {"a score that awaits its user", {SCORE(AWAITING_USER)}, {[EVENT_ERASED] = GO(ERASED, PUBLISH, 0)}},
        {"a score that is checked",
         {SCORE(CHECKING)},
         {[EVENT_DIED] = GO(DEAD, LETTER, 0),
          [EVENT_RETRIED] = GO(CHECKING, PUBLISH, 0),
          [EVENT_ERASED] = GO(ERASED, PUBLISH, 0)}},
        {"a dead score",
         {SCORE(DEAD)},
         {[EVENT_REVIVED] = GO(QUEUED, CALL, 0), [EVENT_ERASED] = GO(ERASED, PUBLISH, 0)}},
        {"a dead score that was replayed before",
         {SCORE(DEAD), .replays = 1},
         {[EVENT_ERASED] = GO(ERASED, PUBLISH, 0)}},
        {"a completed score",
         {.kind = KIND_BIOCATCH_SCORE, .state = STATE_COMPLETED, .risk = RISK_HIGH, .score = 900},
         {[EVENT_ERASED] = GO(ERASED, PUBLISH, RISKS)}},
        {"an erased score", {SCORE(ERASED)}, {{false, 0, 0, 0}}},

        {"a queued journey",
         {JOURNEY(QUEUED)},
         {[EVENT_EXPIRED] = GO(COMPLETED, PUBLISH | EFFECT_DROP_POINTER, VERDICT),
          [EVENT_DIED] = GO(DEAD, LETTER, 0),
          [EVENT_RETRIED] = GO(QUEUED, PUBLISH, 0),
          [EVENT_ERASED] = GO(ERASED, PUBLISH, 0),
          [EVENT_SENDING] = GO(QUEUED, PUBLISH | CALL, SENDS),
          [EVENT_UNSENT] = GO(QUEUED, PUBLISH, 0),
          [EVENT_INITIATED] = GO(AWAITING_USER, EFFECT_WATCH | PUBLISH, REFERENCE)}},
        {"a journey that was sent once",
         {JOURNEY(QUEUED), .sends = 1},
         {[EVENT_EXPIRED] = GO(COMPLETED, PUBLISH | EFFECT_DROP_POINTER, VERDICT),
          [EVENT_DIED] = GO(DEAD, LETTER, 0),
          [EVENT_RETRIED] = GO(QUEUED, PUBLISH, 0),
          [EVENT_ERASED] = GO(ERASED, PUBLISH, 0),
          [EVENT_SENDING] = GO(QUEUED, PUBLISH | CALL, SENDS),
          [EVENT_UNSENT] = GO(QUEUED, PUBLISH, SENDS),
          [EVENT_INITIATED] = GO(AWAITING_USER, EFFECT_WATCH | PUBLISH, REFERENCE)}},
        {"a journey that was sent as often as allowed",
         {JOURNEY(QUEUED), .sends = SENDS_MAX},
         {[EVENT_EXPIRED] = GO(COMPLETED, PUBLISH | EFFECT_DROP_POINTER, VERDICT),
          [EVENT_DIED] = GO(DEAD, LETTER, 0),
          [EVENT_RETRIED] = GO(QUEUED, PUBLISH, 0),
          [EVENT_ERASED] = GO(ERASED, PUBLISH, 0),
          [EVENT_UNSENT] = GO(QUEUED, PUBLISH, SENDS),
          [EVENT_INITIATED] = GO(AWAITING_USER, EFFECT_WATCH | PUBLISH, REFERENCE)}},
        {"a queued journey with a reference", /* from a damaged record: the reference is not replaced */
         {OPENED(QUEUED)},
         {[EVENT_EXPIRED] = GO(COMPLETED, PUBLISH | EFFECT_DROP_POINTER, VERDICT),
          [EVENT_DIED] = GO(DEAD, LETTER, 0),
          [EVENT_RETRIED] = GO(QUEUED, PUBLISH, 0),
          [EVENT_ERASED] = GO(ERASED, PUBLISH, 0),
          [EVENT_SENDING] = GO(QUEUED, PUBLISH | CALL, SENDS),
          [EVENT_UNSENT] = GO(QUEUED, PUBLISH, SENDS)}},
        {"a journey that awaits its person",
         {OPENED(AWAITING_USER)},
         {[EVENT_ERASED] = GO(ERASED, PUBLISH, 0),
          [EVENT_RESUMED] = GO(AWAITING_USER, PUBLISH, RESUMED),
          [EVENT_RETURNED] = GO(CHECKING, EFFECT_CLIMB | PUBLISH, RETURNED | SINCE | POLL),
          [EVENT_CALLED_BACK] = GO(CHECKING, CALL, CALLED | SINCE),
          [EVENT_OVERDUE] = GO(CHECKING, CALL, SINCE)}},
        {"a checked journey whose person has not come back",
         {BEING_CHECKED(CHECKING)},
         {[EVENT_DIED] = GO(DEAD, LETTER, 0),
          [EVENT_RETRIED] = GO(CHECKING, PUBLISH, 0),
          [EVENT_ERASED] = GO(ERASED, PUBLISH, 0),
          [EVENT_RESUMED] = GO(CHECKING, PUBLISH, RESUMED),
          [EVENT_RETURNED] = GO(CHECKING, PUBLISH, RETURNED),
          [EVENT_CALLED_BACK] = GO(CHECKING, CALL, CALLED),
          [EVENT_PENDING] = GO(CHECKING, PUBLISH, POLLS),
          [EVENT_JUDGED] = GO(COMPLETED, PUBLISH, VERDICT),
          [EVENT_DECIDED] = GO(COMPLETED, PUBLISH, VERDICT | DECIDED)}},
        {"a checked journey whose person came back",
         {BEING_CHECKED(CHECKING), .returned_ms = 64},
         {[EVENT_DIED] = GO(DEAD, LETTER, 0),
          [EVENT_RETRIED] = GO(CHECKING, PUBLISH, 0),
          [EVENT_ERASED] = GO(ERASED, PUBLISH, 0),
          [EVENT_RESUMED] = GO(CHECKING, PUBLISH, RESUMED),
          [EVENT_CALLED_BACK] = GO(CHECKING, CALL, CALLED),
          [EVENT_PENDING] = GO(CHECKING, PUBLISH, POLLS),
          [EVENT_JUDGED] = GO(COMPLETED, PUBLISH, VERDICT),
          [EVENT_DECIDED] = GO(COMPLETED, PUBLISH, VERDICT | DECIDED)}},
        {"a journey that died before the upload",
         {JOURNEY(DEAD), .sends = SENDS_MAX},
         {[EVENT_REVIVED] = GO(QUEUED, CALL, SENDS), [EVENT_ERASED] = GO(ERASED, PUBLISH, 0)}},
        {"a journey that died while it was checked",
         {BEING_CHECKED(DEAD), .returned_ms = 64},
         {[EVENT_REVIVED] = GO(CHECKING, CALL, SINCE),
          [EVENT_ERASED] = GO(ERASED, PUBLISH, 0),
          [EVENT_CALLED_BACK] = GO(CHECKING, CALL, CALLED | SINCE),
          [EVENT_DECIDED] = GO(COMPLETED, PUBLISH, VERDICT | DECIDED)}},
        {"a completed journey",
         {BEING_CHECKED(COMPLETED), .verdict = VERDICT_VERIFIED},
         {[EVENT_ERASED] = GO(ERASED, PUBLISH, VERDICT)}},
        {"a completed journey that a person decided",
         {BEING_CHECKED(COMPLETED), .verdict = VERDICT_VERIFIED, .decided_ms = 70},
         {[EVENT_ERASED] = GO(ERASED, PUBLISH, VERDICT | DECIDED)}},
        {"an erased journey", {OPENED(ERASED)}, {{false, 0, 0, 0}}},
};
enum { SITUATION_COUNT = sizeof situations / sizeof *situations };

static struct verification now_of(const struct situation *situation)
{
	struct verification now = situation->now;
	memcpy(now.id, "vAAAAAAAAAAAAAAAAAAAAAA", sizeof now.id);
	memcpy(now.caller, "demo", sizeof "demo");
	now.rev = 41;
	now.attempts = 2;
	now.created_ms = 10;
	now.taken_ms = 20;
	now.asked_ms = 30;
	now.answered_ms = 40;
	now.updated_ms = 50;
	return now;
}

/* Every value differs from all that the situations have, so that a member that is written shows. */
static struct event event_of(enum event_type type)
{
	return (struct event){.type = type,
	                      .at_ms = 1000,
	                      .risk = RISK_MEDIUM,
	                      .score = 700,
	                      .verdict = VERDICT_DENIED,
	                      .reason = REASON_FRAUD,
	                      .attempts = 3,
	                      .replays = 1,
	                      .reference = "ref-2",
	                      .until_ms = 9000,
	                      .made_ms = 900,
	                      .taken_ms = 970,
	                      .asked_ms = 980,
	                      .answered_ms = 990};
}

static unsigned changes_between(const struct verification *before, const struct verification *after)
{
	unsigned changes = 0;
	for (size_t i = 0; i < MEMBER_COUNT; i++)
		if (memcmp((const char *)before + members[i].offset, (const char *)after + members[i].offset,
		           members[i].size) != 0)
			changes |= members[i].group;
	return changes;
}

/* What no step may touch, padding included: id, kind, caller, question, adopted, created_ms. */
static void assert_rest_untouched(const struct verification *before, struct verification after)
{
	for (size_t i = 0; i < MEMBER_COUNT; i++)
		memcpy((char *)&after + members[i].offset, (const char *)before + members[i].offset, members[i].size);
	assert_memory_equal(before, &after, sizeof after);
}

static void check_cell(const struct situation *situation, enum event_type type)
{
	const struct cell *want = &situation->on[type];
	const struct verification now = now_of(situation);
	const struct event event = event_of(type);
	struct verification next = now;
	unsigned effects = 0xdead;
	bool goes = verification_step(&now, &event, &next, &effects);
	unsigned changes = changes_between(&now, &next);
	if (goes != want->goes ||
	    (goes && (next.state != want->to || effects != want->effects || changes != want->changes)))
		print_error("%s, event %u: goes %d, to %s, effects %#x, changes %#x\n", situation->name, type, goes,
		            state_name(next.state), effects, changes);
	assert_int_equal(goes, want->goes);
	if (!goes) {
		assert_int_equal(effects, 0xdead);
		assert_memory_equal(&next, &now, sizeof now);
		return;
	}
	assert_int_equal(next.state, want->to);
	assert_int_equal(effects, want->effects);
	assert_int_equal(changes, want->changes);
	assert_rest_untouched(&now, next);
}

static void every_state_answers_every_event_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < SITUATION_COUNT; i++)
		for (unsigned type = 0; type < EVENT_COUNT; type++)
			check_cell(&situations[i], (enum event_type)type);
}

static void the_table_has_every_state_of_scores_and_of_journeys(void **state)
{
	bool seen[KIND_COUNT][STATE_COUNT] = {{false}};
	(void)state;
	for (size_t i = 0; i < SITUATION_COUNT; i++)
		seen[situations[i].now.kind][situations[i].now.state] = true;
	for (unsigned i = 0; i < STATE_COUNT; i++)
		assert_true(seen[KIND_BIOCATCH_SCORE][i] && seen[KIND_JUMIO_IDENTITY][i]);
}

/* A look that ended without a verdict was the last of its tries; a further journey says nothing of calls. */
static int attempts_after(enum event_type type, int before, int given)
{
	return type == EVENT_PENDING ? 0 : type == EVENT_RESUMED ? before : given;
}

static void every_step_but_a_further_try_is_one_revision_and_notes_when_why_and_how_often(void **state)
{
	int steps = 0;
	(void)state;
	for (size_t i = 0; i < SITUATION_COUNT; i++)
		for (unsigned type = 0; type < EVENT_COUNT; type++) {
			const struct verification now = now_of(&situations[i]);
			const struct event event = event_of((enum event_type)type);
			struct verification next;
			unsigned effects;
			if (!verification_step(&now, &event, &next, &effects))
				continue;
			steps++;
			assert_int_equal(next.rev, type == EVENT_RETRIED ? 41 : 42);
			assert_int_equal(next.updated_ms, 1000);
			assert_int_equal(next.reason, REASON_FRAUD);
			assert_int_equal(next.attempts, attempts_after(event.type, now.attempts, 3));
			assert_int_equal(next.replays, 1);
			assert_int_equal(next.taken_ms, 970);
			assert_int_equal(next.asked_ms, 980);
			assert_int_equal(next.answered_ms, 990);
			assert_true(verification_compare(&next, &now) > 0);
		}
	assert_true(steps > 50);
}

static void a_step_may_be_taken_in_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < SITUATION_COUNT; i++)
		for (unsigned type = 0; type < EVENT_COUNT; type++) {
			struct verification now = now_of(&situations[i]), apart = now;
			const struct event event = event_of((enum event_type)type);
			unsigned effects = 0;
			bool goes = verification_step(&now, &event, &apart, &effects);
			assert_int_equal(verification_step(&now, &event, &now, &effects), goes);
			assert_memory_equal(&now, &apart, sizeof now);
		}
}

static void only_a_scored_one_has_a_score_and_only_a_judged_one_a_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < SITUATION_COUNT; i++)
		for (unsigned type = 0; type < EVENT_COUNT; type++) {
			const struct verification now = now_of(&situations[i]);
			const struct event event = event_of((enum event_type)type);
			struct verification next;
			unsigned effects;
			if (!verification_step(&now, &event, &next, &effects))
				continue;
			bool journey = kind_is_journey(now.kind), completed = next.state == STATE_COMPLETED;
			bool scored = type == EVENT_SCORED;
			assert_int_equal(next.score, scored ? 700 : SCORE_NONE);
			assert_int_equal(next.risk, scored                  ? RISK_MEDIUM
			                            : completed && !journey ? RISK_UNKNOWN
			                                                    : RISK_NONE);
			assert_int_equal(next.verdict, !completed || !journey  ? VERDICT_NONE
			                               : type == EVENT_EXPIRED ? VERDICT_EXPIRED
			                                                       : VERDICT_DENIED);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_state_answers_every_event_as_the_table_says),
	        cmocka_unit_test(the_table_has_every_state_of_scores_and_of_journeys),
	        cmocka_unit_test(every_step_but_a_further_try_is_one_revision_and_notes_when_why_and_how_often),
	        cmocka_unit_test(a_step_may_be_taken_in_place),
	        cmocka_unit_test(only_a_scored_one_has_a_score_and_only_a_judged_one_a_verdict),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
