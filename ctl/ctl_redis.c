/* ctl_redis: states from Redis, by the asynchronous store on a loop of its own that runs until all is answered or
 * nothing came for a while. After a lost connection it asks on from the first id without an answer. */
#include "common/adapters/redis_store.h"
#include "common/base/clock.h"
#include "ctl/ctl.h"
#include <string.h>

struct lookup {
	const struct ctl_call *call;
	const struct redis_url *url;
	const char *const *ids;
	size_t count;
	ctl_redis_fn on_value;
	void *ctx;
	size_t answered;  /* ids[0..answered) have their answer */
	size_t asked_end; /* ids[answered..asked_end) are on their way; answered == asked_end: none are */
	bool was_up;
	bool gave_up;
	int wait_ms;
	uv_timer_t timer;
};

static void on_time_up(uv_timer_t *timer)
{
	struct lookup *lookup = timer->data;
	lookup->gave_up = true;
}

static void wait_again(struct lookup *lookup)
{
	uv_update_time(lookup->timer.loop);
	(void)uv_timer_start(&lookup->timer, on_time_up, (uint64_t)lookup->wait_ms, 0); /* fails only while closing */
}

static void on_change(void *ctx, bool up)
{
	struct lookup *lookup = ctx;
	lookup->was_up = lookup->was_up || up;
	lookup->asked_end = lookup->answered;
}

static void on_state(void *ctx, const char *id, const char *value, size_t len)
{
	struct lookup *lookup = ctx;
	if (lookup->answered == lookup->asked_end || strcmp(id, lookup->ids[lookup->answered]) != 0)
		return;
	lookup->on_value(lookup->ctx, lookup->answered++, value, len);
	if (lookup->answered == lookup->asked_end)
		wait_again(lookup);
}

static void ask(struct redis_store *store, struct lookup *lookup)
{
	size_t left = lookup->count - lookup->answered;
	size_t chunk = left < STORE_MGET_MAX ? left : STORE_MGET_MAX;
	if (redis_store_get_many(store, lookup->ids + lookup->answered, chunk, on_state, lookup) == ERR_OK)
		lookup->asked_end = lookup->answered + chunk;
}

static enum err_code look_up(uv_loop_t *loop, struct redis_store *store, struct lookup *lookup, struct err *err)
{
	wait_again(lookup);
	while (lookup->answered < lookup->count && !lookup->gave_up) {
		if (redis_store_is_up(store) && lookup->answered == lookup->asked_end)
			ask(store, lookup);
		(void)uv_run(loop, UV_RUN_ONCE);
	}
	if (lookup->answered == lookup->count)
		return ERR_OK;
	if (lookup->was_up)
		return err_set(err, ERR_TIMEOUT, "Redis at %.100s:%d does not answer", lookup->url->host,
		               lookup->url->port);
	return err_set(err, ERR_UNAVAILABLE, "Redis at %.100s:%d is away", lookup->url->host, lookup->url->port);
}

static enum err_code run(uv_loop_t *loop, struct lookup *lookup, struct err *err)
{
	struct redis_store *store = NULL;
	(void)uv_timer_init(loop, &lookup->timer); /* cannot fail */
	lookup->timer.data = lookup;
	int64_t retention_ms = config_int(lookup->call->config, CONFIG_RESULT_RETENTION);
	enum err_code code = redis_store_new(loop, lookup->url, retention_ms, on_change, lookup, &store, err);
	if (code == ERR_OK)
		code = look_up(loop, store, lookup, err);
	redis_store_close(store);
	uv_close((uv_handle_t *)&lookup->timer, NULL);
	while (uv_run(loop, UV_RUN_DEFAULT) != 0)
		;
	return code;
}

enum err_code ctl_redis_each(const struct ctl_call *call, const char *const *ids, size_t count, ctl_redis_fn on_value,
                             void *ctx, struct err *err)
{
	struct redis_url url;
	uv_loop_t loop;
	int left_ms = ctl_left_ms(call);
	struct lookup lookup = {
	        .call = call, .url = &url, .ids = ids, .count = count, .on_value = on_value, .ctx = ctx};
	lookup.wait_ms = left_ms < CTL_REDIS_WAIT_MS ? left_ms : CTL_REDIS_WAIT_MS;
	if (count == 0)
		return ERR_OK;
	enum err_code code = redis_url_parse(config_str(call->config, CONFIG_REDIS_URL), &url, err);
	if (code != ERR_OK)
		return code;
	if (uv_loop_init(&loop) != 0) {
		redis_url_fini(&url);
		return err_set(err, ERR_IO, "no event loop");
	}
	code = run(&loop, &lookup, err);
	(void)uv_loop_close(&loop);
	redis_url_fini(&url);
	return code;
}
