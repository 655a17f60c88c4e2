/* desk_journey: a new journey's way: the same journey again, joins the person's unfinished one, or begins one. Without
 * a whole cache nobody knows which: it is produced under its own id, and the worker sees to it. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "ingress/desk_internal.h"
#include <string.h>

enum {
	CLAIMS_MAX = 3, /* of one ask: each after the first because the one that was newest has ended meanwhile */
	PARK_MARGIN_MS = 1000, /* of an ask's time, left for Kafka and the vendor */
};

static void claim(struct ask *ask, const char *over);

/* The cache is being filled again: in a moment it is known what to join, so the ask is put aside while it has the time.
 * With Redis away it is produced under its own id at once. */
static void without_cache(struct ask *ask)
{
	struct desk *desk = ask->desk;
	bool has_time = ask->wait_until_ms - PARK_MARGIN_MS > clock_mono_ms() && !desk->draining;
	if (!redis_store_is_up(desk->store) || !has_time) {
		desk_produce(ask, THEN_SAVE);
		return;
	}
	ask->claims = 0;
	ask->next_in_inbox = desk->parked;
	desk->parked = ask;
}

void desk_serve_parked(struct desk *desk)
{
	struct ask *ask = desk->parked;
	desk->parked = NULL;
	for (struct ask *next; ask; ask = next) {
		next = ask->next_in_inbox;
		desk_new_journey(ask);
	}
}

/* The person goes on with what is under way: its worker hears of this journey, and has its fields from now on.
 * is_known: it has a state; else the record of whoever claimed it may be lost, and this one is its first. */
static void join(struct ask *ask, bool is_known)
{
	memcpy(ask->request.id, ask->holder, ID_BYTES);
	desk_note_joined(ask);
	ask->joined = true;
	if (!ask->on_joined || ask->on_joined(ask) == ERR_OK) {
		desk_produce(ask, is_known ? THEN_WAIT : THEN_SAVE);
		return;
	}
	log_error("journey_not_joined", LOG_STR("id", ask->request.id));
	desk_finish(ask, OUTCOME_FAILED);
}

static void on_holder(void *ctx, enum err_code code, const char *value, size_t len)
{
	struct ask *ask = ctx;
	enum outcome outcome = value ? desk_take_state(ask, value, len) : OUTCOME_STATE;
	if (code != ERR_OK)
		without_cache(ask);
	else if (outcome != OUTCOME_STATE)
		desk_finish(ask, outcome);
	else if (value && state_is_final(ask->state.state))
		claim(ask, ask->holder);
	else
		join(ask, value != NULL);
}

static void on_claimed(void *ctx, enum err_code code, enum subject_claim subject, const char *holder)
{
	struct ask *ask = ctx;
	if (code == ERR_OK && subject == SUBJECT_TOO_MANY) {
		desk_finish(ask, OUTCOME_TOO_MANY);
	} else if (code == ERR_OK && subject == SUBJECT_ANOTHERS) {
		memcpy(ask->holder, holder, ID_BYTES);
		if (redis_store_get(ask->desk->store, holder, on_holder, ask) != ERR_OK)
			on_holder(ask, ERR_UNAVAILABLE, NULL, 0);
	} else if (code == ERR_OK && subject == SUBJECT_OURS) {
		desk_produce(ask, THEN_SAVE);
	} else {
		without_cache(ask);
	}
}

/* over: the newest of the person's, known to have ended; NULL: nothing is known. */
static void claim(struct ask *ask, const char *over)
{
	const struct request *request = &ask->request;
	if (ask->claims++ == CLAIMS_MAX) {
		log_error("journey_not_claimed", LOG_STR("id", request->id), LOG_INT("claims", CLAIMS_MAX));
		desk_finish(ask, OUTCOME_FAILED);
		return;
	}
	enum err_code code = redis_store_claim_subject(ask->desk->store, request->question, request->id,
	                                               request->created_ms, over, ask->max_a_day, on_claimed, ask);
	if (code != ERR_OK)
		on_claimed(ask, code, SUBJECT_REBUILDING, "");
}

static void on_own(void *ctx, enum err_code code, const char *value, size_t len)
{
	struct ask *ask = ctx;
	if (code != ERR_OK) {
		without_cache(ask);
		return;
	}
	enum outcome outcome = value ? desk_take_state(ask, value, len) : OUTCOME_STATE;
	bool superseded = value && ask->state.state == STATE_DEAD && ask->state.reason == REASON_SUPERSEDED;
	if (outcome != OUTCOME_STATE)
		desk_finish(ask, outcome);
	else if (!value || superseded)
		claim(ask, NULL);
	else /* this journey again: nothing is new about it */
		desk_wait_or_finish(ask);
}

void desk_new_journey(struct ask *ask)
{
	/* while nobody opens pages the person waits before our own */
	if (fleet_is_open(ask->desk->fleet, kind_first_operation(ask->request.kind)))
		ask->wait_until_ms = 0;
	if (redis_store_get(ask->desk->store, ask->request.id, on_own, ask) != ERR_OK)
		on_own(ask, ERR_UNAVAILABLE, NULL, 0);
}
