/* desk: life of the loop thread, the inbox, handing back and waiting. The steps of each type of ask are in desk_*.c. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/process.h"
#include "ingress/desk_internal.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	TICK_MS = WAITERS_SLOT_MS,
	WATCH_MS = 250,
	WAITING_LOG_MS = 5000,
	MESSAGE_TIMEOUT_MS = 5000, /* below the sync budget, so that a caller hears of it */
	MAX_QUEUED_MESSAGES = 50000,
	FLUSH_MS = 1000,
	INBOX_MAX = 2000, /* asks that the loop has not looked at yet: some 50 ms of its work */
};

/* ---- handing back ---- */

static void count_callback(const struct ask *ask)
{
	enum callback_end end = CALLBACK_FAILED;
	if (ask->outcome == OUTCOME_NOT_FOUND)
		end = CALLBACK_UNKNOWN;
	else if (ask->outcome == OUTCOME_STATE)
		end = ask->is_orphan ? CALLBACK_ORPHAN : ask->acked ? CALLBACK_TAKEN : CALLBACK_FINISHED;
	metric_add(ask->desk->metric.callback[end], 1);
}

void desk_finish(struct ask *ask, enum outcome outcome)
{
	struct desk *desk = ask->desk;
	waiters_remove(desk->waiters, ask);
	desk_detach(ask);
	person_fini(&ask->person);
	ask->outcome = outcome;
	if (outcome == OUTCOME_STATE)
		desk_note_key(ask);
	if (ask->wants_place)
		ask->place = desk_place_of(ask);
	if (ask->type == ASK_CALLBACK)
		count_callback(ask);
	atomic_fetch_sub(&desk->asks, 1);
	ask->done(ask);
}

bool desk_has_room(struct desk *desk)
{
	bool room = waiters_count(desk->waiters) < desk->max_waiters;
	if (!room)
		metric_add(desk->metric.full, 1);
	return room;
}

static bool may_wait(struct ask *ask, int64_t now)
{
	struct desk *desk = ask->desk;
	return ask->wait_until_ms > now && !desk->draining && (ask->waiting || desk_has_room(desk));
}

void desk_wait_for_cache(struct ask *ask)
{
	int64_t now = clock_mono_ms();
	if (may_wait(ask, now))
		waiters_add(ask->desk->waiters, ask, now);
	else
		desk_finish(ask, OUTCOME_CACHE_AWAY);
}

void desk_wait_or_finish(struct ask *ask)
{
	struct desk *desk = ask->desk;
	int64_t now = clock_mono_ms();
	bool wait = !ask_is_content(ask, &ask->state) && may_wait(ask, now) && !desk_waiting_is_pointless(ask);
	person_fini(&ask->person);
	if (!wait)
		desk_finish(ask, OUTCOME_STATE);
	else if (!ask->waiting)
		waiters_add(desk->waiters, ask, now);
}

/* Time is up. A record that was not acked by now was not accepted: nothing is pretended. */
static void give_up(struct ask *ask)
{
	if (ask->state.id[0] == '\0')
		desk_finish(ask, OUTCOME_CACHE_AWAY);
	else
		desk_finish(ask, ask->sending && !ask->acked ? OUTCOME_QUEUE_AWAY : OUTCOME_STATE);
}

struct left {
	struct ask *asks[64];
	size_t count;
};

static void gather_left(void *ctx, struct ask *ask)
{
	struct left *left = ctx;
	if (left->count < sizeof left->asks / sizeof *left->asks && ask->left && atomic_load(ask->left))
		left->asks[left->count++] = ask;
}

/* Nobody reads the answers of those whose callers have gone: their places are for others. What they asked for goes on.
 */
static void free_left(struct desk *desk)
{
	struct left left;
	do {
		left.count = 0;
		waiters_each(desk->waiters, gather_left, &left);
		for (size_t i = 0; i < left.count; i++)
			give_up(left.asks[i]);
	} while (left.count == sizeof left.asks / sizeof *left.asks);
}

/* ---- what is stored ---- */

bool desk_wants_texts(const struct ask *ask)
{
	return ask->type == ASK_START || ask->type == ASK_RETURN || ask->type == ASK_CALLBACK;
}

bool desk_is_visible(const struct request *request, const struct verification *state)
{
	bool any_caller = request->caller[0] == '\0';
	bool any_person = request->question[0] == '\0' || !kind_is_journey(state->kind);
	return (any_caller || strcmp(state->caller, request->caller) == 0) &&
	       (any_person || strcmp(state->question, request->question) == 0);
}

enum outcome desk_take_state(struct ask *ask, const char *value, size_t len)
{
	struct err err;
	struct verification state;
	struct verification_texts texts = {NULL, NULL};
	if (!value)
		return OUTCOME_NOT_FOUND;
	if (verification_decode(value, len, &state, desk_wants_texts(ask) ? &texts : NULL, &err) != ERR_OK) {
		log_error("state_unreadable", LOG_STR("id", ask->request.id), LOG_STR("why", err.msg));
		return OUTCOME_FAILED;
	}
	verification_texts_fini(&ask->texts);
	if (!desk_is_visible(&ask->request, &state)) {
		verification_texts_fini(&texts);
		return OUTCOME_NOT_FOUND;
	}
	ask->state = state;
	ask->texts = texts;
	return OUTCOME_STATE;
}

/* ---- the inbox ---- */

/* An eventfd of our own: uv_async_t's receiver spins while a sender that rang has not got on yet. */
static void ring_bell(struct desk *desk)
{
	const uint64_t one = 1;
	ssize_t written = write(desk->bell_fd, &one, sizeof one);
	(void)written; /* refused only when it has rung 2^64 - 2 times unheard */
}

void desk_submit(struct desk *desk, struct ask *ask)
{
	ask->desk = desk;
	pthread_mutex_lock(&desk->inbox_lock);
	bool shut = desk->shut, full = desk->inbox_count >= INBOX_MAX, taken = !shut && !full;
	bool ring = desk->inbox == NULL && taken && !desk->options.in_loop;
	if (taken) {
		atomic_fetch_add(&desk->asks, 1);
		ask->next_in_inbox = desk->inbox;
		desk->inbox = ask;
		desk->inbox_count++;
	}
	pthread_mutex_unlock(&desk->inbox_lock);
	if (ring)
		ring_bell(desk);
	if (taken)
		return;
	if (!shut)
		metric_add(desk->metric.crowded, 1);
	person_fini(&ask->person);
	ask->outcome = shut ? OUTCOME_QUEUE_AWAY : OUTCOME_OVERLOADED;
	ask->done(ask);
}

static struct ask *take_inbox(struct desk *desk)
{
	pthread_mutex_lock(&desk->inbox_lock);
	struct ask *newest = desk->inbox;
	desk->inbox = NULL;
	desk->inbox_count = 0;
	pthread_mutex_unlock(&desk->inbox_lock);
	struct ask *oldest = NULL;
	while (newest) { /* first come, first served */
		struct ask *ask = newest;
		newest = ask->next_in_inbox;
		ask->next_in_inbox = oldest;
		oldest = ask;
	}
	return oldest;
}

static void serve_inbox(struct desk *desk)
{
	static void (*const first_step[])(struct ask * ask) = {
	        [ASK_NEW] = desk_new_question, [ASK_JOURNEY] = desk_new_journey, [ASK_READ] = desk_read,
	        [ASK_START] = desk_start,      [ASK_RETURN] = desk_return,       [ASK_CALLBACK] = desk_callback,
	        [ASK_ADOPT] = desk_adopt,
	};
	for (struct ask *ask = take_inbox(desk), *next; ask; ask = next) {
		next = ask->next_in_inbox;
		if (ask->key[0])
			desk_new_with_key(ask);
		else
			first_step[ask->type](ask);
	}
}

void desk_serve(struct desk *desk)
{
	serve_inbox(desk);
}

static void on_inbox_bell(uv_poll_t *bell, int status, int events)
{
	struct desk *desk = bell->data;
	uint64_t rings;
	(void)status;
	(void)events;
	if (read(desk->bell_fd, &rings, sizeof rings) == (ssize_t)sizeof rings)
		serve_inbox(desk);
}

/* ---- the tick ---- */

static void log_waiting(struct desk *desk, int64_t now)
{
	if (now - desk->waiting_logged_ms < WAITING_LOG_MS)
		return;
	desk->waiting_logged_ms = now;
	log_warn("waiting", LOG_STR("for_kafka", desk->warmed ? "no" : "yes: brokers and topics"),
	         LOG_STR("for_redis", redis_store_is_up(desk->store) && desk->wake_seen ? "no" : "yes"));
}

/* Metadata of the request topics is fetched before the first call needs it; the loop is not held up for more than a
 * moment. */
static void warm_up(struct desk *desk)
{
	enum { WARM_MS = 100 };
	const char *topics[OPERATION_COUNT];
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		topics[i] = operation_info((enum operation)i)->topic;
	desk->warmed = kafka_producer_warm(desk->producer, topics, OPERATION_COUNT, WARM_MS, NULL) == ERR_OK;
}

static void watch(struct desk *desk, int64_t now)
{
	atomic_store(&desk->kafka_up, kafka_producer_is_up(desk->producer));
	desk_show(desk);
	if (atomic_load(&desk->started))
		return;
	if (!desk->warmed)
		warm_up(desk);
	if (desk->warmed && redis_store_is_up(desk->store) && desk->wake_seen) {
		atomic_store(&desk->started, true);
		log_info("started", LOG_INT("max_waiters", desk->max_waiters));
	} else {
		log_waiting(desk, now);
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct desk *desk = timer->data;
	int64_t now = clock_mono_ms();
	for (struct ask *ask; (ask = waiters_take_due(desk->waiters, now));)
		give_up(ask);
	fleet_turn(desk->fleet, now);
	if (now - desk->reread_ms >= DESK_REREAD_MS) {
		desk->reread_ms = now;
		free_left(desk);
		desk_reread(desk, false);
		desk_serve_parked(desk);
	}
	desk_refresh_queues(desk, now);
	if (now - desk->watched_ms >= WATCH_MS) {
		desk->watched_ms = now;
		watch(desk, now);
	}
	if (desk->draining && (atomic_load(&desk->asks) == 0 || now >= desk->drain_until_ms))
		uv_stop(&desk->loop);
}

/* ---- life ---- */

static enum err_code open_clients(struct desk *desk, struct err *err)
{
	const struct config *config = desk->options.config;
	const struct kafka_producer_options producer = {MESSAGE_TIMEOUT_MS, MAX_QUEUED_MESSAGES};
	const struct redis_wake_options wake_options = {desk_on_state, desk_on_subscribed, desk};
	enum err_code code;
	if ((code = redis_url_parse(config_str(config, CONFIG_REDIS_URL), &desk->redis_url, err)) != ERR_OK ||
	    (code = kafka_client_new(config, "verifyd-ingress", &desk->kafka, err)) != ERR_OK ||
	    (code = kafka_producer_new(desk->kafka, &producer, &desk->loop, &desk->producer, err)) != ERR_OK ||
	    (code = redis_wake_new(&desk->loop, &desk->redis_url, &wake_options, &desk->wake, err)) != ERR_OK)
		return code;
	code = redis_store_new(&desk->loop, &desk->redis_url, config_int(config, CONFIG_RESULT_RETENTION),
	                       desk_on_store_change, desk, &desk->store, err);
	return code == ERR_OK ? fleet_new(desk->store, &desk->fleet) : code;
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct desk *desk = handle->data;
	(void)number;
	desk->on_signal(desk->on_signal_ctx);
}

static void open_handles(struct desk *desk)
{
	uv_timer_init(&desk->loop, &desk->tick);
	uv_signal_init(&desk->loop, &desk->on_term);
	uv_signal_init(&desk->loop, &desk->on_int);
	desk->tick.data = desk->on_term.data = desk->on_int.data = desk;
	uv_timer_start(&desk->tick, on_tick, TICK_MS, TICK_MS);
	loop_lag_start(&desk->lag, &desk->loop, desk->options.metrics);
	/* before anybody can know that it is there; what comes is looked at when the loop runs */
	uv_signal_start(&desk->on_term, on_signal, SIGTERM);
	uv_signal_start(&desk->on_int, on_signal, SIGINT);
}

static bool open_bell(struct desk *desk)
{
	desk->bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (desk->bell_fd < 0 || uv_poll_init(&desk->loop, &desk->inbox_bell, desk->bell_fd) != 0)
		return false;
	desk->inbox_bell.data = desk;
	return uv_poll_start(&desk->inbox_bell, UV_READABLE, on_inbox_bell) == 0;
}

enum err_code desk_new(const struct desk_options *options, struct desk **ret_desk, struct err *err)
{
	int64_t now = clock_mono_ms();
	struct desk *desk = calloc(1, sizeof *desk);
	if (!desk || uv_loop_init(&desk->loop) != 0) {
		free(desk);
		return err_set(err, ERR_NO_MEMORY, "desk");
	}
	desk->options = *options;
	desk->max_waiters = (size_t)config_int(options->config, CONFIG_MAX_WAITERS);
	desk->queue.slow_ms = config_int(options->config, CONFIG_QUEUE_SLOW_MS);
	desk_init_queue(desk);
	desk->waiting_logged_ms = now;
	pthread_mutex_init(&desk->inbox_lock, NULL);
	desk_make_metrics(desk);
	open_handles(desk);
	enum err_code code = waiters_new(now, &desk->waiters);
	if (code == ERR_OK && !open_bell(desk))
		code = err_set(err, ERR_IO, "no eventfd for the desk");
	if (code == ERR_OK)
		code = open_clients(desk, err);
	if (code == ERR_OK)
		code = desk_report_start(desk);
	if (code == ERR_OK)
		*ret_desk = desk;
	return code; /* on failure the process ends: the operating system takes back what was opened */
}

uv_loop_t *desk_loop(struct desk *desk)
{
	return &desk->loop;
}

void desk_run(struct desk *desk, void (*signal_fn)(void *ctx), void *ctx)
{
	desk->on_signal = signal_fn;
	desk->on_signal_ctx = ctx;
	uv_run(&desk->loop, UV_RUN_DEFAULT);
}

void desk_drain(struct desk *desk, int64_t drain_ms)
{
	desk->draining = true;
	pthread_mutex_lock(&desk->inbox_lock);
	desk->shut = true;
	pthread_mutex_unlock(&desk->inbox_lock);
	serve_inbox(desk);
	desk_serve_parked(desk);
	desk_report_now(desk);
	desk->drain_until_ms = clock_mono_ms() + drain_ms;
	for (struct ask *ask; (ask = waiters_take_any(desk->waiters));)
		give_up(ask);
}

void desk_status(struct desk *desk, struct desk_status *ret_status)
{
	*ret_status = (struct desk_status){
	        .started = atomic_load(&desk->started),
	        .kafka_up = atomic_load(&desk->kafka_up),
	        .redis_up = atomic_load(&desk->redis_up),
	        .asks = atomic_load(&desk->asks),
	};
}

void desk_close(struct desk *desk)
{
	if (!desk)
		return;
	desk_drain(desk, 0);
	kafka_producer_close(desk->producer, FLUSH_MS);
	desk->producer = NULL; /* what still comes from Redis is refused, and what comes from Kafka is not saved */
	desk_report_close(desk);
	redis_wake_close(desk->wake);
	redis_store_close(desk->store);
	desk->store = NULL;
	uv_close((uv_handle_t *)&desk->inbox_bell, NULL);
	uv_close((uv_handle_t *)&desk->tick, NULL);
	loop_lag_close(&desk->lag);
	uv_close((uv_handle_t *)&desk->on_term, NULL);
	uv_close((uv_handle_t *)&desk->on_int, NULL);
	process_ignore_stops();
	uv_run(&desk->loop, UV_RUN_DEFAULT);
	uv_loop_close(&desk->loop);
}

void desk_free(struct desk *desk)
{
	if (!desk)
		return;
	desk_drop_unsaved(desk);
	spares_fini(&desk->queue.sendings);
	waiters_free(desk->waiters);
	fleet_free(desk->fleet);
	kafka_client_free(desk->kafka);
	(void)close(desk->bell_fd);
	redis_url_fini(&desk->redis_url);
	pthread_mutex_destroy(&desk->inbox_lock);
	free(desk);
}
