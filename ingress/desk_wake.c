/* desk_wake: answers to those who wait: from pub/sub, and by reading again what pub/sub may have dropped. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "ingress/desk_internal.h"

/* Whether a state is the answer to one who waits; what it is not, it may still be by the time that is up. */
static bool is_answer(const void *ctx, struct ask *ask)
{
	const struct verification *state = ctx;
	if (!ask->state.id[0] && !desk_is_visible(&ask->request, state))
		return false;
	if (verification_compare(state, &ask->state) > 0)
		ask->state = *state;
	return ask_is_content(ask, state) && (ask->acked || !ask->held);
}

/* Everybody who waits for this id and is content with the state gets it; others wait on. */
static void wake(struct desk *desk, const char *value, size_t len)
{
	struct verification state;
	struct err err;
	if (waiters_count(desk->waiters) == 0)
		return;
	if (verification_decode(value, len, &state, NULL, &err) != ERR_OK) {
		log_error("state_unreadable", LOG_STR("why", err.msg));
		return;
	}
	for (struct ask *ask; (ask = waiters_take(desk->waiters, state.id, is_answer, &state));) {
		ask->state = state;
		desk_finish(ask, desk_wants_texts(ask) ? desk_take_state(ask, value, len) : OUTCOME_STATE);
	}
}

void desk_on_state(void *ctx, const char *value, size_t len)
{
	wake(ctx, value, len);
}

static void on_reread(void *ctx, const char *id, const char *value, size_t len)
{
	(void)id;
	if (value)
		wake(ctx, value, len);
}

struct reread {
	struct desk *desk;
	const char *ids[STORE_MGET_MAX];
	size_t count;
	int64_t now_ms;
	bool all;
};

static void reread_flush(struct reread *reread)
{
	if (reread->count > 0 &&
	    redis_store_get_many(reread->desk->store, reread->ids, reread->count, on_reread, reread->desk) == ERR_OK)
		metric_add(reread->desk->metric.reread, (int64_t)reread->count);
	reread->count = 0;
}

static void reread_add(void *ctx, struct ask *ask)
{
	struct reread *reread = ctx;
	if (!reread->all && reread->now_ms - ask->waiting_since_ms < DESK_REREAD_MS)
		return;
	reread->ids[reread->count++] = ask->request.id;
	if (reread->count == STORE_MGET_MAX)
		reread_flush(reread);
}

void desk_reread(struct desk *desk, bool all)
{
	struct reread reread = {.desk = desk, .now_ms = clock_mono_ms(), .all = all};
	if (!redis_store_is_up(desk->store))
		return;
	waiters_each(desk->waiters, reread_add, &reread);
	reread_flush(&reread);
}

void desk_on_subscribed(void *ctx)
{
	struct desk *desk = ctx;
	desk->wake_seen = true;
	desk_reread(desk, true);
}

void desk_on_store_change(void *ctx, bool up)
{
	struct desk *desk = ctx;
	atomic_store(&desk->redis_up, up);
	if (up) {
		desk_report_now(desk);
		desk_save_unsaved(desk);
		desk_reread(desk, true);
	} else {
		desk->wake_seen = false;
		redis_wake_reset(desk->wake);
	}
}
