/* status_redis: what Redis knows, asked over one connection in one go; and the loop in which `status` waits. */
#include "common/adapters/redis_store_gate.h"
#include "common/adapters/status.h"
#include "common/base/clock.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Where answers about one vendor's breakers go. */
struct vendor_asked {
	struct status_link *link;
	const char *vendor;
};

struct status_link {
	uv_loop_t loop;
	uv_timer_t timer;
	uv_signal_t on_int, on_term;
	uv_async_t on_stop;
	struct redis_url url;
	struct redis_store *store;
	struct status_picture *picture; /* being filled */
	struct vendor_asked asked[KIND_COUNT];
	size_t pending;
	bool failed; /* an answer was one that says nothing */
	bool time_is_up, stopped;
};

/* ---- waiting ---- */

static void on_timer(uv_timer_t *timer)
{
	struct status_link *link = timer->data;
	link->time_is_up = true;
}

static void on_signal(uv_signal_t *handle, int signal_number)
{
	struct status_link *link = handle->data;
	(void)signal_number;
	link->stopped = true;
}

static void start_timer(struct status_link *link, int wait_ms)
{
	link->time_is_up = false;
	uv_update_time(&link->loop);
	(void)uv_timer_start(&link->timer, on_timer, (uint64_t)wait_ms, 0); /* fails only while closing */
}

bool status_redis_wait(struct status_link *link, int wait_ms)
{
	start_timer(link, wait_ms);
	while (!link->time_is_up && !link->stopped)
		(void)uv_run(&link->loop, UV_RUN_ONCE);
	return !link->stopped;
}

static void on_stop(uv_async_t *async)
{
	struct status_link *link = async->data;
	link->stopped = true;
}

void status_redis_stop(struct status_link *link)
{
	(void)uv_async_send(&link->on_stop); /* fails only while closing */
}

/* ---- answers ---- */

static void answered(struct status_link *link, enum err_code code)
{
	link->pending--;
	link->failed = link->failed || code != ERR_OK;
}

static void on_time(void *ctx, enum err_code code, int64_t unix_ms)
{
	struct status_link *link = ctx;
	if (code == ERR_OK)
		link->picture->redis.now_ms = unix_ms;
	answered(link, code);
}

static void on_whole(void *ctx, enum err_code code, bool whole)
{
	struct status_link *link = ctx;
	link->picture->redis.whole_known = code == ERR_OK;
	link->picture->redis.is_whole = whole;
	answered(link, code);
}

static void on_rebuild(void *ctx, enum err_code code, bool is_held, const char *progress)
{
	struct status_link *link = ctx;
	link->picture->redis.is_filled = is_held;
	if (is_held)
		status_read_progress(progress, &link->picture->redis);
	answered(link, code);
}

static void on_worker(void *ctx, const char *name, const char *status, size_t len)
{
	struct status_link *link = ctx;
	if (status_note_worker(&link->picture->workers, name, status, len) != ERR_OK)
		link->failed = true;
}

static void on_ingress(void *ctx, const char *name, const char *status, size_t len)
{
	struct status_link *link = ctx;
	if (status_note_ingress(&link->picture->ingresses, name, status, len) != ERR_OK)
		link->failed = true;
}

static void on_all(void *ctx, enum err_code code)
{
	answered(ctx, code);
}

static void on_breaker(void *ctx, const char *op, const char *state)
{
	const struct vendor_asked *asked = ctx;
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		const struct operation_info *operation = operation_info((enum operation)i);
		if (strcmp(operation->name, op) == 0 && strcmp(kind_info(operation->kind)->vendor, asked->vendor) == 0)
			status_read_breaker(state, strlen(state), &asked->link->picture->redis.breakers[i]);
	}
}

static void on_breakers(void *ctx, enum err_code code)
{
	answered(((const struct vendor_asked *)ctx)->link, code);
}

/* ---- asking ---- */

static void sent(struct status_link *link, enum err_code code)
{
	link->pending += code == ERR_OK;
	link->failed = link->failed || code != ERR_OK;
}

static bool is_repeated(unsigned kind)
{
	for (unsigned i = 0; i < kind; i++)
		if (strcmp(kind_info((enum kind)i)->vendor, kind_info((enum kind)kind)->vendor) == 0)
			return true;
	return false;
}

static void ask(struct status_link *link)
{
	struct redis_store *store = link->store;
	sent(link, redis_store_read_time(store, on_time, link));
	sent(link, redis_store_check_epoch(store, on_whole, link));
	sent(link, redis_store_look_rebuild(store, on_rebuild, link));
	sent(link, redis_store_read_workers(store, on_worker, on_all, link));
	sent(link, redis_store_read_ingresses(store, on_ingress, on_all, link));
	for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
		struct vendor_asked *asked = &link->asked[kind];
		*asked = (struct vendor_asked){link, kind_info((enum kind)kind)->vendor};
		if (!is_repeated(kind))
			sent(link, redis_store_read_breakers(store, asked->vendor, on_breaker, on_breakers, asked));
	}
}

/* Those whose silence has lasted so long that it is no accident. */
static void forget_the_gone(struct status_link *link)
{
	const struct status_picture *picture = link->picture;
	for (size_t i = 0; i < picture->workers.count; i++)
		if (picture->redis.now_ms - picture->workers.list[i].now.at_ms > WORKER_FORGET_MS)
			redis_store_remove_worker(link->store, picture->workers.list[i].name);
	for (size_t i = 0; i < picture->ingresses.count; i++)
		if (picture->redis.now_ms - picture->ingresses.list[i].now.at_ms > WORKER_FORGET_MS)
			redis_store_remove_ingress(link->store, picture->ingresses.list[i].name);
}

void status_redis_look(struct status_link *link, struct status_picture *picture)
{
	struct status_redis *redis = &picture->redis;
	link->picture = picture;
	link->failed = false;
	*redis = (struct status_redis){.now_ms = clock_unix_ms()};
	status_begin_look(&picture->workers);
	status_begin_ingresses(&picture->ingresses);
	start_timer(link, STATUS_REDIS_MS);
	while (!redis_store_is_up(link->store) && !link->time_is_up && !link->stopped)
		(void)uv_run(&link->loop, UV_RUN_ONCE);
	bool up = redis_store_is_up(link->store);
	if (up)
		ask(link);
	while (link->pending > 0)
		(void)uv_run(&link->loop, UV_RUN_ONCE); /* each comes within REDIS_OP_TIMEOUT_MS */
	redis->is_up = up && !link->failed;
	status_end_look(&picture->workers, redis->now_ms);
	status_end_ingresses(&picture->ingresses, redis->now_ms);
	if (redis->is_up)
		forget_the_gone(link);
	else
		(void)snprintf(redis->why, sizeof redis->why, "%.100s:%d %s", link->url.host, link->url.port,
		               up ? "does not answer" : "cannot be reached");
	link->picture = NULL;
}

/* ---- life ---- */

static void watch_signals(struct status_link *link, bool hears_signals)
{
	(void)uv_timer_init(&link->loop, &link->timer); /* these cannot fail */
	(void)uv_signal_init(&link->loop, &link->on_int);
	(void)uv_signal_init(&link->loop, &link->on_term);
	link->timer.data = link->on_int.data = link->on_term.data = link->on_stop.data = link;
	if (!hears_signals)
		return;
	(void)uv_signal_start(&link->on_int, on_signal,
	                      SIGINT); /* where it fails, the signal ends us as it always does */
	(void)uv_signal_start(&link->on_term, on_signal, SIGTERM);
	uv_unref((uv_handle_t *)&link->on_int);
	uv_unref((uv_handle_t *)&link->on_term);
}

static int open_loop(struct status_link *link)
{
	if (uv_loop_init(&link->loop) != 0)
		return -1;
	if (uv_async_init(&link->loop, &link->on_stop, on_stop) == 0) {
		uv_unref((uv_handle_t *)&link->on_stop);
		return 0;
	}
	(void)uv_loop_close(&link->loop);
	return -1;
}

enum err_code status_redis_open(const struct config *config, bool hears_signals, struct status_link **ret_link,
                                struct err *err)
{
	struct status_link *link = calloc(1, sizeof *link);
	if (!link)
		return err_set(err, ERR_NO_MEMORY, "status");
	enum err_code code = redis_url_parse(config_str(config, CONFIG_REDIS_URL), &link->url, err);
	if (code == ERR_OK && open_loop(link) != 0) {
		redis_url_fini(&link->url);
		code = err_set(err, ERR_IO, "no event loop");
	}
	if (code != ERR_OK) {
		free(link);
		return code;
	}
	watch_signals(link, hears_signals);
	code = redis_store_new(&link->loop, &link->url, config_int(config, CONFIG_RESULT_RETENTION), NULL, NULL,
	                       &link->store, err);
	if (code == ERR_OK)
		*ret_link = link;
	else
		status_redis_close(link);
	return code;
}

void status_redis_close(struct status_link *link)
{
	if (!link)
		return;
	redis_store_close(link->store);
	uv_close((uv_handle_t *)&link->timer, NULL);
	uv_close((uv_handle_t *)&link->on_int, NULL);
	uv_close((uv_handle_t *)&link->on_term, NULL);
	uv_close((uv_handle_t *)&link->on_stop, NULL);
	while (uv_run(&link->loop, UV_RUN_DEFAULT) != 0)
		;
	(void)uv_loop_close(&link->loop);
	redis_url_fini(&link->url);
	free(link);
}
