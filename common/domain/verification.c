/* verification: the state machine as a table, and the names of its values. */
#include "common/domain/verification.h"
#include <assert.h>
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
        {EVENT_REVIVED, STATE_DEAD, STATE_QUEUED, EFFECT_CALL_VENDOR},
        {EVENT_ERASED, STATE_QUEUED, STATE_ERASED, EFFECT_PUBLISH},
        {EVENT_ERASED, STATE_DEAD, STATE_ERASED, EFFECT_PUBLISH},
        {EVENT_ERASED, STATE_COMPLETED, STATE_ERASED, EFFECT_PUBLISH},
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
	        .created_ms = request->created_ms,
	        .updated_ms = request->created_ms,
	};
	memcpy(ret->id, request->id, sizeof ret->id);
	memcpy(ret->caller, request->caller, sizeof ret->caller);
}

static int64_t given_or(int64_t given, int64_t there)
{
	return given ? given : there;
}

bool verification_step(const struct verification *now, const struct event *event, struct verification *ret_next,
                       unsigned *ret_effects)
{
	const struct transition *transition = find_transition(now->state, event->type);
	if (!transition)
		return false;
	if (event->type == EVENT_REVIVED && event->replays <= now->replays)
		return false; /* this replay was seen before: the record was delivered twice */
	struct verification next = *now;
	next.state = transition->to;
	next.rev = now->rev + 1;
	next.updated_ms = event->at_ms;
	next.reason = event->reason;
	next.attempts = event->attempts;
	next.replays = event->replays > now->replays ? event->replays : now->replays;
	next.taken_ms = given_or(event->taken_ms, now->taken_ms);
	next.asked_ms = given_or(event->asked_ms, now->asked_ms);
	next.answered_ms = given_or(event->answered_ms, now->answered_ms);
	next.risk = next.state == STATE_COMPLETED ? RISK_UNKNOWN : RISK_NONE;
	next.score = SCORE_NONE;
	if (event->type == EVENT_SCORED) {
		assert(event->score >= 0 && event->score <= SCORE_MAX);
		next.risk = event->risk;
		next.score = event->score;
	}
	*ret_next = next;
	*ret_effects = transition->effects;
	return true;
}

int verification_compare(const struct verification *a, const struct verification *b)
{
	int rank_a = state_rank(a->state), rank_b = state_rank(b->state);
	if (rank_a != rank_b)
		return rank_a < rank_b ? -1 : 1;
	if (rank_a > 0)
		return 0; /* the first one stands: completed never changes */
	return (a->rev > b->rev) - (a->rev < b->rev);
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
