/* ask: its end, and what satisfies it. */
#include "ingress/ask.h"
#include "ingress/etag.h"

void ask_fini(struct ask *ask)
{
	request_fini(&ask->request);
	person_fini(&ask->person);
	verification_texts_fini(&ask->texts);
}

/* What died after the upload may still be decided. */
static bool is_settled(const struct verification *state)
{
	return state_is_final(state->state) && (state->state != STATE_DEAD || !verification_died_checking(state));
}

/* Should the person be back at once, they must go on with this journey and not with the one that was joined. */
static bool has_our_fields(const struct ask *ask, const struct verification *state)
{
	return state_is_final(state->state) || state->resumed_ms >= ask->request.created_ms;
}

static bool is_news(const struct ask *ask, const struct verification *state)
{
	char tag[ETAG_BYTES];
	etag_of(state, tag);
	return !etag_is_listed(ask->known, tag);
}

bool ask_is_content(const struct ask *ask, const struct verification *state)
{
	switch (ask->wait_for) {
	case WAIT_LEFT_QUEUED:
		return state->state != STATE_QUEUED && (!ask->joined || has_our_fields(ask, state));
	case WAIT_SETTLED:
		return is_settled(state);
	case WAIT_CHANGED:
		return is_news(ask, state);
	default:
		return state_is_final(state->state);
	}
}
