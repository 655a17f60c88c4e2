/* journey_view: two tables and how to read them. */
#include "ingress/journey_view.h"
#include <stdio.h>

enum { PAGE_ENDING = (int)PAGE_ONWARD + 1 }; /* in the table: see endings */

static const struct {
	const char *status;
	bool success;
	const char *message;
	int start, back;
} stages[] = {
#define STAGE(symbol, status, success, message, start, back)                                                           \
	{status, success, message, (int)PAGE_##start, (int)PAGE_##back},
#include "ingress/journey_stages.def"
#undef STAGE
};

/* Which page tells how it ended; the first row that fits. VERDICT_NONE: it died before the upload. REASON_NONE: any. */
static const struct {
	enum verdict verdict;
	enum reason reason;
	enum page page;
} endings[] = {
        {VERDICT_NONE, REASON_TOO_MANY, PAGE_TOO_MANY},
        {VERDICT_NONE, REASON_NONE, PAGE_TRY_AGAIN},
        {VERDICT_DENIED, REASON_UNSUPPORTED_TYPE, PAGE_UNSUPPORTED},
        {VERDICT_DENIED, REASON_UNSUPPORTED_COUNTRY, PAGE_UNSUPPORTED},
        {VERDICT_DENIED, REASON_FACE_UNCLEAR, PAGE_FACE_UNCLEAR},
        {VERDICT_DENIED, REASON_NONE, PAGE_DENIED},
        {VERDICT_UNREADABLE, REASON_FACE_UNCLEAR, PAGE_FACE_UNCLEAR},
        {VERDICT_UNREADABLE, REASON_NONE, PAGE_UNREADABLE},
        {VERDICT_NO_DOCUMENT, REASON_NONE, PAGE_NO_DOCUMENT},
        {VERDICT_EXPIRED, REASON_NONE, PAGE_OUT_OF_TIME},
};

static enum journey_stage stage_of_state(const struct verification *state)
{
	switch (state->state) {
	case STATE_QUEUED:
		return JOURNEY_QUEUED;
	case STATE_AWAITING_USER:
		return JOURNEY_AWAITING_USER;
	case STATE_CHECKING:
		return JOURNEY_CHECKING;
	case STATE_DEAD:
		return verification_died_checking(state) ? JOURNEY_DEAD_AFTER : JOURNEY_DEAD_BEFORE;
	case STATE_COMPLETED:
		return state->verdict == VERDICT_VERIFIED ? JOURNEY_VERIFIED : JOURNEY_ENDED;
	default:
		return JOURNEY_GONE;
	}
}

static enum journey_stage stage_of(enum outcome outcome, const struct verification *state)
{
	if (outcome == OUTCOME_STATE)
		return stage_of_state(state);
	return outcome == OUTCOME_NOT_FOUND ? JOURNEY_GONE : JOURNEY_UNKNOWN;
}

static enum page ending_of(const struct verification *state)
{
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (endings[i].verdict == state->verdict &&
		    (endings[i].reason == state->reason || endings[i].reason == REASON_NONE))
			return endings[i].page;
	return PAGE_DENIED;
}

void journey_view(enum outcome outcome, const struct verification *state, struct journey_view *ret_view)
{
	enum journey_stage stage = stage_of(outcome, state);
	bool ended = stage == JOURNEY_ENDED || stage == JOURNEY_DEAD_BEFORE;
	enum page ending = ended ? ending_of(state) : PAGE_FAILED;
	*ret_view = (struct journey_view){
	        .stage = stage,
	        .status = stages[stage].status,
	        .success = stages[stage].success,
	        .start = (enum page)(stages[stage].start == PAGE_ENDING ? (int)ending : stages[stage].start),
	        .back = (enum page)(stages[stage].back == PAGE_ENDING ? (int)ending : stages[stage].back),
	};
	const struct page_words *words = page_words(ending, LANGUAGE_EN); /* B2C's call names no language */
	if (*stages[stage].message)
		snprintf(ret_view->message, sizeof ret_view->message, "%s", stages[stage].message);
	else
		snprintf(ret_view->message, sizeof ret_view->message, "%s %s", words->text, words->advice);
}

enum outcome journey_outcome(const struct ask *ask, int64_t now_ms)
{
	bool fresh = now_ms - ask->ticket_ms < JOURNEY_FRESH_MS;
	return ask->outcome == OUTCOME_NOT_FOUND && fresh ? OUTCOME_CACHE_AWAY : ask->outcome;
}

bool journey_was_held(const struct ask *ask, int64_t accepted_ms, int64_t now_ms)
{
	return ask->outcome == OUTCOME_STATE && now_ms - accepted_ms >= (ask->wait_until_ms - accepted_ms) / 2;
}
