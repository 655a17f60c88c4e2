/* desk_intake: a new score's way: claim the question in Redis, then join who asks it already, or produce it. */
#include "common/base/log.h"
#include "ingress/desk_internal.h"
#include <string.h>

/* Redis is away: a score is bought all the same, but nobody is kept waiting for it. */
static void produce_without_cache(struct ask *ask)
{
	ask->wait_until_ms = 0;
	desk_produce(ask, THEN_SAVE);
}

static void on_joined(void *ctx, enum err_code code, const char *value, size_t len)
{
	struct ask *ask = ctx;
	bool unknown = code == ERR_OK ? !value : redis_store_is_up(ask->desk->store);
	if (unknown) { /* claimed, but its record may be lost: the worker sees to it that it is asked once */
		desk_produce(ask, THEN_SAVE);
		return;
	}
	if (code != ERR_OK) {
		produce_without_cache(ask);
		return;
	}
	enum outcome outcome = desk_take_state(ask, value, len);
	if (outcome == OUTCOME_STATE)
		desk_wait_or_finish(ask);
	else
		desk_finish(ask, outcome);
}

static void on_claimed(void *ctx, enum err_code code, const char *holder)
{
	struct ask *ask = ctx;
	if (code != ERR_OK) {
		produce_without_cache(ask);
		return;
	}
	if (strcmp(holder, ask->request.id) == 0) {
		desk_produce(ask, THEN_SAVE);
		return;
	}
	if (!id_is_valid(holder, strlen(holder))) {
		produce_without_cache(ask);
		return;
	}
	memcpy(ask->request.id, holder, ID_BYTES);
	desk_note_joined(ask);
	if (redis_store_get(ask->desk->store, ask->request.id, on_joined, ask) != ERR_OK)
		on_joined(ask, ERR_UNAVAILABLE, NULL, 0);
}

/* The vendor is left alone: who would only wait for it is told so at once. One question a second goes on all the same,
 * for a worker to probe with; nobody waits for that one either. Returns: whether the ask was handed back. */
static bool turn_away(struct ask *ask)
{
	struct fleet *fleet = ask->desk->fleet;
	enum operation operation = kind_first_operation(ask->request.kind);
	if (!ask->unless_down || !fleet_is_open(fleet, operation))
		return false;
	if (fleet_may_try(fleet, operation, desk_turn_ms(ask->desk))) {
		ask->is_probe = true;
		ask->wait_until_ms = 0;
		return false;
	}
	desk_finish(ask, OUTCOME_VENDOR_DOWN);
	return true;
}

/* An id that an Idempotency-Key leads to is none of our choice. */
static void choose_id(struct ask *ask)
{
	struct desk *desk = ask->desk;
	enum operation operation = kind_first_operation(ask->request.kind);
	if (ask->key[0] == '\0' && desk->producer)
		sticky_fit(&desk->sticky[operation],
		           kafka_producer_partitions(desk->producer, operation_info(operation)->topic),
		           desk_turn_ms(desk), ask->request.id);
}

void desk_new_question(struct ask *ask)
{
	const struct request *request = &ask->request;
	if (turn_away(ask))
		return;
	choose_id(ask);
	enum err_code code = redis_store_claim(ask->desk->store, request->question, request->id,
	                                       kind_info(request->kind)->join_s, on_claimed, ask);
	if (code != ERR_OK)
		on_claimed(ask, code, NULL);
}
