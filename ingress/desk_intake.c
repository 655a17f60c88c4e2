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
	metric_add(ask->desk->metric.joined, 1);
	if (!id_is_valid(holder, strlen(holder))) {
		produce_without_cache(ask);
		return;
	}
	memcpy(ask->request.id, holder, ID_BYTES);
	if (redis_store_get(ask->desk->store, ask->request.id, on_joined, ask) != ERR_OK)
		on_joined(ask, ERR_UNAVAILABLE, NULL, 0);
}

void desk_new_question(struct ask *ask)
{
	const struct request *request = &ask->request;
	enum err_code code = redis_store_claim(ask->desk->store, request->question, request->id,
	                                       kind_info(request->kind)->join_s, on_claimed, ask);
	if (code != ERR_OK)
		on_claimed(ask, code, NULL);
}
