/* desk_queue: what the workers say of their queues, and what that means for who waits here. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "ingress/desk_internal.h"

enum { REFRESH_MS = 1000, SPARED_AT_ONCE = 1024 /* the others with the next refresh */ };

/* ---- the fleet ---- */

static void on_worker(void *ctx, const char *name, const char *text, size_t len)
{
	struct desk *desk = ctx;
	struct worker_status status;
	struct err err;
	int64_t now = clock_unix_ms();
	if (worker_status_decode(text, len, &status, &err) != ERR_OK)
		log_debug("worker_unreadable", LOG_STR("worker", name), LOG_STR("why", err.msg));
	else if (worker_status_is_fresh(&status, now))
		queue_view_add(&desk->queues, &status);
	else if (now - status.at_ms > WORKER_FORGET_MS)
		redis_store_remove_worker(desk->store, name);
}

/* Who waits in vain, as is known now. */
struct in_vain {
	struct ask *asks[SPARED_AT_ONCE];
	size_t count;
};

static void note_in_vain(void *ctx, struct ask *ask)
{
	struct in_vain *in_vain = ctx;
	if (in_vain->count < SPARED_AT_ONCE && desk_waiting_is_pointless(ask))
		in_vain->asks[in_vain->count++] = ask;
}

static void on_workers(void *ctx, enum err_code code)
{
	struct desk *desk = ctx;
	struct in_vain in_vain = {.count = 0};
	desk->queues_asked = false;
	if (code != ERR_OK)
		return;
	queue_view_end(&desk->queues, clock_mono_ms());
	desk_show_workers(desk);
	waiters_each(desk->waiters, note_in_vain, &in_vain);
	for (size_t i = 0; i < in_vain.count; i++)
		desk_finish(in_vain.asks[i], OUTCOME_STATE);
}

void desk_refresh_queues(struct desk *desk, int64_t now)
{
	if (now - desk->queues_ms < REFRESH_MS || desk->queues_asked || !redis_store_is_up(desk->store))
		return;
	desk->queues_ms = now;
	queue_view_begin(&desk->queues);
	desk->queues_asked = redis_store_read_workers(desk->store, on_worker, on_workers, desk) == ERR_OK;
}

/* ---- who waits ---- */

static struct queue_place place_known(const struct ask *ask, enum operation operation)
{
	const struct queue_view *view = &ask->desk->queues;
	int64_t now = clock_mono_ms();
	struct queue_place place = {.ahead = -1, .wait_ms = -1};
	if (ask->is_placed)
		place = queue_place_of(view, operation, ask->partition, ask->offset, now);
	if (ask->acked && place.ahead < 0) /* it is the newest, or nearly */
		place = queue_place_of(view, operation, -1, 0, now);
	return place;
}

struct queue_place desk_place_of(const struct ask *ask)
{
	const struct queue_place nowhere = {.ahead = -1, .wait_ms = -1};
	const struct verification *state = &ask->state;
	if (state->state != STATE_QUEUED || (!ask->acked && !ask->is_placed))
		return nowhere;
	enum operation operation = kind_first_operation(state->kind);
	struct queue_place place = place_known(ask, operation);
	if (fleet_is_open(ask->desk->fleet, operation)) { /* heard of sooner than from the workers */
		place.known = place.stopped = true;
		place.wait_ms = -1;
	}
	return place;
}

bool desk_waiting_is_pointless(const struct ask *ask)
{
	const struct queue_place place = desk_place_of(ask);
	int64_t left_ms = ask->wait_until_ms - clock_mono_ms();
	bool pointless = left_ms > 0 && queue_wait_is_pointless(&place, left_ms);
	if (pointless)
		metric_add(ask->desk->metric.spared, 1);
	return pointless;
}

static void on_place(void *ctx, enum err_code code, int32_t partition, int64_t offset)
{
	struct ask *ask = ctx;
	ask->is_placed = code == ERR_OK && partition >= 0;
	ask->partition = partition;
	ask->offset = offset;
	desk_wait_or_finish(ask);
}

void desk_find_place(struct ask *ask)
{
	bool looks = ask->wants_place && ask->state.state == STATE_QUEUED;
	if (!looks || redis_store_place(ask->desk->store, ask->request.id, on_place, ask) != ERR_OK)
		desk_wait_or_finish(ask);
}
