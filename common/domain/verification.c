/* verification: the state machine as a table, and the names of its values. */
#include "common/domain/verification.h"
#include <assert.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

struct state_info {
	const char *name;
	int rank;
	bool final;
};

static const struct state_info states[] = {
#define STATE(symbol, name, rank, is_final) {name, rank, is_final},
#include "common/domain/states.def"
#undef STATE
};

static const struct {
	const char *name, *text;
} reasons[] = {
#define REASON(symbol, name, text) {name, text},
#include "common/domain/reasons.def"
#undef REASON
};

static const char *const verdicts[] = {
#define VERDICT(symbol, name) name,
#include "common/domain/verdicts.def"
#undef VERDICT
};

static const char *const risks[RISK_COUNT] = {"", "LOW", "MEDIUM", "HIGH", "UNKNOWN"};

/* Where an event leads from a state, and what has to be done. An event without a row for a state
 * has no place there; completed and erased move for nothing but an erasure. */
struct transition {
	enum event_type event;
	enum state from, to;
	unsigned effects;
};

static const struct transition transitions[] = {
        {EVENT_SCORED, STATE_QUEUED, STATE_COMPLETED, EFFECT_PUBLISH},
        {EVENT_NO_SCORE, STATE_QUEUED, STATE_COMPLETED, EFFECT_PUBLISH},
        {EVENT_EXPIRED, STATE_QUEUED, STATE_COMPLETED, EFFECT_PUBLISH | EFFECT_DROP_POINTER},
        {EVENT_DIED, STATE_QUEUED, STATE_DEAD, EFFECT_PUBLISH | EFFECT_DEAD_LETTER},
        {EVENT_DIED, STATE_CHECKING, STATE_DEAD, EFFECT_PUBLISH | EFFECT_DEAD_LETTER},
        {EVENT_REVIVED, STATE_DEAD, STATE_QUEUED, EFFECT_CALL_VENDOR}, /* to checking, when it died there */
        {EVENT_RETRIED, STATE_QUEUED, STATE_QUEUED, EFFECT_PUBLISH},
        {EVENT_RETRIED, STATE_CHECKING, STATE_CHECKING, EFFECT_PUBLISH},
        {EVENT_ERASED, STATE_QUEUED, STATE_ERASED, EFFECT_PUBLISH},
        {EVENT_ERASED, STATE_DEAD, STATE_ERASED, EFFECT_PUBLISH},
        {EVENT_ERASED, STATE_COMPLETED, STATE_ERASED, EFFECT_PUBLISH},
        {EVENT_ERASED, STATE_AWAITING_USER, STATE_ERASED, EFFECT_PUBLISH},
        {EVENT_ERASED, STATE_CHECKING, STATE_ERASED, EFFECT_PUBLISH},
        {EVENT_SENDING, STATE_QUEUED, STATE_QUEUED, EFFECT_PUBLISH | EFFECT_CALL_VENDOR},
        {EVENT_UNSENT, STATE_QUEUED, STATE_QUEUED, EFFECT_PUBLISH},
        {EVENT_INITIATED, STATE_QUEUED, STATE_AWAITING_USER, EFFECT_WATCH | EFFECT_PUBLISH},
        {EVENT_RESUMED, STATE_AWAITING_USER, STATE_AWAITING_USER, EFFECT_PUBLISH},
        {EVENT_RESUMED, STATE_CHECKING, STATE_CHECKING, EFFECT_PUBLISH},
        {EVENT_RETURNED, STATE_AWAITING_USER, STATE_CHECKING, EFFECT_CLIMB | EFFECT_PUBLISH},
        {EVENT_RETURNED, STATE_CHECKING, STATE_CHECKING, EFFECT_PUBLISH},
        {EVENT_CALLED_BACK, STATE_AWAITING_USER, STATE_CHECKING, EFFECT_CALL_VENDOR},
        {EVENT_CALLED_BACK, STATE_CHECKING, STATE_CHECKING, EFFECT_CALL_VENDOR},
        {EVENT_CALLED_BACK, STATE_DEAD, STATE_CHECKING, EFFECT_CALL_VENDOR}, /* only when it died checking */
        {EVENT_OVERDUE, STATE_AWAITING_USER, STATE_CHECKING, EFFECT_CALL_VENDOR},
        {EVENT_PENDING, STATE_CHECKING, STATE_CHECKING, EFFECT_PUBLISH},
        {EVENT_JUDGED, STATE_CHECKING, STATE_COMPLETED, EFFECT_PUBLISH},
        {EVENT_DECIDED, STATE_CHECKING, STATE_COMPLETED, EFFECT_PUBLISH},
        {EVENT_DECIDED, STATE_DEAD, STATE_COMPLETED, EFFECT_PUBLISH}, /* only when it died checking */
};

static const struct transition *find_transition(enum state from, enum event_type event)
{
	for (size_t i = 0; i < sizeof transitions / sizeof *transitions; i++)
		if (transitions[i].from == from && transitions[i].event == event)
			return &transitions[i];
	return NULL;
}

/* A replay follows a death and is a revival: two revisions each. Who knows only the record thus counts as high as who
 * knows the state, and its end is not taken for an old one. */
void verification_queued(const struct request *request, struct verification *ret)
{
	*ret = (struct verification){
	        .kind = request->kind,
	        .state = STATE_QUEUED,
	        .rev = 1 + 2 * (int64_t)request->replays,
	        .score = SCORE_NONE,
	        .replays = request->replays,
	        .notify = request->notify,
	        .created_ms = request->created_ms,
	        .updated_ms = request->created_ms,
	};
	memcpy(ret->id, request->id, sizeof ret->id);
	memcpy(ret->caller, request->caller, sizeof ret->caller);
	if (kind_is_journey(request->kind))
		memcpy(ret->question, request->question, sizeof ret->question);
}

static int64_t given_or(int64_t given, int64_t there)
{
	return given ? given : there;
}

bool verification_died_checking(const struct verification *verification)
{
	return verification->checking_ms != 0;
}

int verification_attempts(const struct verification *verification, const struct request *request, enum flow_kind flow)
{
	enum state tried_in = flow == FLOW_RETRIEVE ? STATE_CHECKING : STATE_QUEUED;
	bool same_tries = verification->state == tried_in && request->replays <= verification->replays;
	bool knows_more = same_tries && verification->attempts > request->attempts;
	return knows_more ? verification->attempts : request->attempts;
}

/* A journey's own members. */
static void step_journey(const struct verification *now, const struct event *event, struct verification *next)
{
	switch (event->type) {
	case EVENT_SENDING:
		next->sends++;
		break;
	case EVENT_UNSENT:
		next->sends -= next->sends > 0;
		break;
	case EVENT_INITIATED:
		memcpy(next->reference, event->reference, sizeof next->reference);
		next->initiated_ms = event->at_ms;
		next->until_ms = event->until_ms;
		break;
	case EVENT_RESUMED:
		next->resumed_ms = event->made_ms;
		next->attempts = now->attempts;
		break;
	case EVENT_RETURNED:
		next->returned_ms = given_or(now->returned_ms, event->at_ms);
		break;
	case EVENT_CALLED_BACK:
		next->called_back_ms = event->at_ms;
		break;
	case EVENT_PENDING:
		next->attempts = 0;
		next->polls += next->polls < INT_MAX;
		next->poll += event->is_rung && next->poll < INT64_MAX;
		break;
	case EVENT_REVIVED:
		if (verification_died_checking(now))
			next->state = STATE_CHECKING;
		else
			next->sends = 0;
		break;
	case EVENT_JUDGED:
		assert(event->verdict > VERDICT_NONE && event->verdict < VERDICT_COUNT);
		next->verdict = event->verdict;
		break;
	case EVENT_DECIDED:
		assert(event->verdict > VERDICT_NONE && event->verdict < VERDICT_COUNT);
		next->verdict = event->verdict;
		next->decided_ms = event->at_ms;
		break;
	case EVENT_EXPIRED:
		next->verdict = VERDICT_EXPIRED;
		break;
	case EVENT_ERASED:
		next->verdict = VERDICT_NONE;
		next->decided_ms = 0;
		break;
	default:
		break;
	}
	bool begins = next->state == STATE_CHECKING && now->state != STATE_CHECKING;
	if (begins)
		next->checking_ms = event->at_ms;
	if (begins && event->type == EVENT_RETURNED)
		next->poll += next->poll < INT64_MAX;
}

/* A score is completed with a risk, a journey with a verdict. */
static void step_score(const struct event *event, struct verification *next)
{
	next->risk = next->state == STATE_COMPLETED ? RISK_UNKNOWN : RISK_NONE;
	next->score = SCORE_NONE;
	if (event->type == EVENT_SCORED) {
		assert(event->score >= 0 && event->score <= SCORE_MAX);
		next->risk = event->risk;
		next->score = event->score;
	}
}

/* Events that only one sort of question has. */
static const enum {
	OF_BOTH,
	OF_SCORES,
	OF_JOURNEYS
} belongs[EVENT_COUNT] = {
        [EVENT_SCORED] = OF_SCORES,     [EVENT_NO_SCORE] = OF_SCORES,      [EVENT_SENDING] = OF_JOURNEYS,
        [EVENT_UNSENT] = OF_JOURNEYS,   [EVENT_INITIATED] = OF_JOURNEYS,   [EVENT_RESUMED] = OF_JOURNEYS,
        [EVENT_RETURNED] = OF_JOURNEYS, [EVENT_CALLED_BACK] = OF_JOURNEYS, [EVENT_OVERDUE] = OF_JOURNEYS,
        [EVENT_PENDING] = OF_JOURNEYS,  [EVENT_JUDGED] = OF_JOURNEYS,      [EVENT_DECIDED] = OF_JOURNEYS,
};

/* Events that a state's row allows, and its kind or its history does not. */
static bool is_out_of_place(const struct verification *now, const struct event *event)
{
	if (belongs[event->type] == (kind_is_journey(now->kind) ? OF_SCORES : OF_JOURNEYS))
		return true;
	switch (event->type) {
	case EVENT_RETRIED:
		return event->attempts <= now->attempts; /* counted already */
	case EVENT_SENDING:
		return now->sends >= SENDS_MAX;
	case EVENT_INITIATED:
		return now->reference[0] != '\0'; /* never replaced */
	case EVENT_REVIVED:
		return event->replays <= now->replays; /* seen before: the record was delivered twice */
	case EVENT_CALLED_BACK:
	case EVENT_DECIDED:
		return now->state == STATE_DEAD && !verification_died_checking(now);
	case EVENT_RETURNED:
		return now->state == STATE_CHECKING && now->returned_ms != 0;
	default:
		return false;
	}
}

bool verification_is_told(const struct verification *verification)
{
	return verification->notify && (verification->state == STATE_COMPLETED || verification->state == STATE_DEAD);
}

bool verification_step(const struct verification *now, const struct event *event, struct verification *ret_next,
                       unsigned *ret_effects)
{
	const struct transition *transition = find_transition(now->state, event->type);
	if (!transition || is_out_of_place(now, event))
		return false;
	struct verification next = *now;
	next.state = transition->to;
	next.rev = now->rev + (event->type != EVENT_RETRIED);
	next.updated_ms = event->at_ms;
	next.reason = event->reason;
	next.attempts = event->attempts;
	next.replays = event->replays > now->replays ? event->replays : now->replays;
	next.taken_ms = given_or(event->taken_ms, now->taken_ms);
	next.asked_ms = given_or(event->asked_ms, now->asked_ms);
	next.answered_ms = given_or(event->answered_ms, now->answered_ms);
	if (event->type == EVENT_RESUMED)
		next.notify = event->notify;
	if (kind_is_journey(now->kind))
		step_journey(now, event, &next);
	else
		step_score(event, &next);
	bool is_told = next.state != now->state && verification_is_told(&next);
	*ret_effects =
	        transition->effects | (next.poll > now->poll ? EFFECT_CLIMB : 0u) | (is_told ? EFFECT_NOTIFY : 0u);
	*ret_next = next;
	return true;
}

int verification_compare(const struct verification *a, const struct verification *b)
{
	int rank_a = state_rank(a->state), rank_b = state_rank(b->state);
	if (rank_a != rank_b)
		return rank_a < rank_b ? -1 : 1;
	if (rank_a > 0)
		return 0; /* the first one stands: completed never changes */
	if (a->rev != b->rev)
		return a->rev < b->rev ? -1 : 1;
	return (a->attempts > b->attempts) - (a->attempts < b->attempts);
}

int state_rank(enum state state)
{
	assert(state < STATE_COUNT);
	return states[state].rank;
}

bool state_is_final(enum state state)
{
	assert(state < STATE_COUNT);
	return states[state].final;
}

const char *state_name(enum state state)
{
	assert(state < STATE_COUNT);
	return states[state].name;
}

enum state state_by_name(const char *name)
{
	for (unsigned i = 0; i < STATE_COUNT; i++)
		if (strcmp(states[i].name, name) == 0)
			return (enum state)i;
	return STATE_COUNT;
}

const char *risk_name(enum risk risk)
{
	assert(risk < RISK_COUNT);
	return risks[risk];
}

enum risk risk_by_name(const char *name)
{
	for (unsigned i = RISK_LOW; i < RISK_COUNT; i++)
		if (strcasecmp(risks[i], name) == 0)
			return (enum risk)i;
	return RISK_COUNT;
}

const char *verdict_name(enum verdict verdict)
{
	assert(verdict < VERDICT_COUNT);
	return verdicts[verdict];
}

enum verdict verdict_by_name(const char *name)
{
	unsigned i = 0;
	while (i < VERDICT_COUNT && strcmp(verdicts[i], name) != 0)
		i++;
	return (enum verdict)i;
}

const char *reason_name(enum reason reason)
{
	assert(reason < REASON_COUNT);
	return reasons[reason].name;
}

enum reason reason_by_name(const char *name)
{
	for (unsigned i = 0; i < REASON_COUNT; i++)
		if (strcmp(reasons[i].name, name) == 0)
			return (enum reason)i;
	return REASON_COUNT;
}

const char *reason_text(enum reason reason)
{
	assert(reason < REASON_COUNT);
	return reasons[reason].text;
}
