/* http_curl: calls, and in which order they get a connection. A call waits at its host for the name's address, then for
 * a connection, then libcurl has it; its own timer bounds all of that, and is what ends it where libcurl does not.
 * Calls and their easy handles are pooled, because making one costs more than a call. Hosts and lanes are http_host's,
 * what is sent and what came back http_exchange's. It does not retry. */
#include "workers/http_curl.h"
#include "workers/http_exchange.h"
#include <assert.h>
#include <stdlib.h>

enum {
	SWEEP_MS = 5000, /* idle lanes and pooled calls are looked at so often */
	POOL_SHARE = 4,  /* of the pooled calls that nobody took between two looks one in so many is freed */
	TURN_CALLS = 64, /* handed to libcurl in one turn of the loop; the others wait for the next ones */
	CONNECT_TIMEOUT_MS = 3000,
	MAX_IDLE_S = 20,
	MAX_LIFE_S = 300,
};

struct http_call {
	struct http_curl *http;
	struct list node;    /* in `calls` or `pool` */
	struct list waiting; /* at its host, or alone */
	struct http_host *host;
	size_t lane; /* SIZE_MAX: none */
	struct http_exchange exchange;
	uv_timer_t deadline;
	http_done_fn done;
	void *ctx;
};

struct http_curl {
	uv_loop_t *loop;
	uv_timer_t sweep;
	uv_idle_t turn; /* runs while calls wait for the next turn */
	struct http_curl_options options;
	struct http_common common;
	struct http_hosts hosts;
	struct list calls, pool;
	size_t in_flight, connected, pooled;
	size_t turn_calls; /* handed over since the last look at it: at least those of this turn */
	size_t pool_spare; /* the least that was in the pool since the last look */
	size_t handles;    /* of the loop that have not closed yet; the last one frees this */
	bool closed;
};

#define CALL_OF(list_node)    LIST_ENTRY((list_node), struct http_call, node)
#define WAITING_OF(list_node) LIST_ENTRY((list_node), struct http_call, waiting)

/* ---- the end ---- */

static void handle_closed(void *ctx)
{
	struct http_curl *http = ctx;

	http->handles--;
	if (http->handles > 0)
		return;
	curl_share_cleanup(http->common.share); /* every easy handle is gone by now */
	http_trust_free(http->common.trust);
	free(http);
}

static void on_own_closed(uv_handle_t *handle)
{
	handle_closed(handle->data);
}

static void on_call_closed(uv_handle_t *handle)
{
	struct http_call *call = handle->data;
	struct http_curl *http = call->http;

	free(call);
	handle_closed(http);
}

/* ---- calls and their pool ---- */

static void call_free(struct http_call *call)
{
	http_exchange_fini(&call->exchange);
	uv_close((uv_handle_t *)&call->deadline, on_call_closed);
}

static struct http_call *call_new(struct http_curl *http)
{
	struct http_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	if (uv_timer_init(http->loop, &call->deadline) != 0) {
		free(call);
		return NULL;
	}
	call->deadline.data = call;
	call->http = http;
	list_init(&call->waiting);
	http->handles++;
	if (http_exchange_init(&call->exchange, &http->common, call))
		return call;
	call_free(call);
	return NULL;
}

static struct http_call *pool_take(struct http_curl *http, struct list *node)
{
	list_remove(node);
	http->pooled--;
	if (http->pooled < http->pool_spare)
		http->pool_spare = http->pooled;
	return CALL_OF(node);
}

/* clean: the exchange ended well. Any other handle is not used again: a refused repeat leaves libcurl's wish to rewind
 * on it, which would fail the next call before it is sent. */
static void call_release(struct http_call *call, bool clean)
{
	struct http_curl *http = call->http;

	if (!clean || http->closed || !http_exchange_wipe(&call->exchange)) {
		call_free(call);
		return;
	}
	list_insert(http->pool.next, &call->node);
	http->pooled++;
}

static void leave_lane(struct http_call *call)
{
	http_lane_remove(call->host->lanes[call->lane], call->exchange.easy);
	http_host_give(call->host, call->lane);
	call->lane = SIZE_MAX;
	call->http->connected--;
}

/* Takes a call off its lane, its host and the list; it still holds its answer. Returns: whether a connection is free
 * now. */
static bool call_detach(struct http_call *call)
{
	struct http_curl *http = call->http;
	bool connected = call->lane != SIZE_MAX;

	(void)uv_timer_stop(&call->deadline); /* never fails */
	list_remove(&call->waiting);
	list_init(&call->waiting);
	if (connected)
		leave_lane(call);
	call->host->users--;
	list_remove(&call->node);
	http->in_flight--;
	return connected;
}

static void pump(struct http_curl *http);

/* Ends a call and tells its owner, who may start and cancel calls and close http meanwhile. Only from the loop. */
static void call_finish(struct http_call *call, CURLcode code)
{
	struct http_curl *http = call->http; /* stays until the loop's next turn, even if it is closed meanwhile */
	struct http_result result;
	bool connected = call_detach(call);

	http_exchange_result(&call->exchange, code, &result);
	call->done(call->ctx, &result);
	call_release(call, code == CURLE_OK);
	if (connected && !http->closed)
		pump(http);
}

static void launch(struct http_call *call);

static void on_ended(void *private, CURLcode code)
{
	struct http_call *call = private;

	if (!http_exchange_again(&call->exchange, code)) {
		call_finish(call, code);
		return;
	}
	leave_lane(call);
	launch(call); /* into the room that it left */
	pump(call->http);
}

static void on_deadline(uv_timer_t *timer)
{
	struct http_call *call = timer->data;
	CURLcode code = CURLE_OPERATION_TIMEDOUT;

	if (call->exchange.stage == HTTP_STAGE_NAMELESS)
		code = call->host->proxied ? CURLE_COULDNT_RESOLVE_PROXY : CURLE_COULDNT_RESOLVE_HOST;
	else if (call->exchange.stage == HTTP_STAGE_REFUSED)
		code = CURLE_OUT_OF_MEMORY;
	call_finish(call, code);
}

/* ---- getting a connection ---- */

static void stop_waiting(struct http_call *call)
{
	list_remove(&call->waiting);
	list_init(&call->waiting);
}

/* Ends a call that cannot go on, in the loop's next turn. */
static void end_soon(struct http_call *call, enum http_stage stage)
{
	stop_waiting(call);
	call->exchange.stage = stage;
	(void)uv_timer_start(&call->deadline, on_deadline, 0, 0); /* never fails */
}

static void on_turn(uv_idle_t *turn);

/* A reply of Redis may let a thousand calls begin at once. */
static bool has_turn(struct http_curl *http)
{
	if (http->turn_calls < TURN_CALLS)
		return true;
	(void)uv_idle_start(&http->turn, on_turn); /* fails only without a callback */
	return false;
}

static bool has_room(struct http_curl *http, const struct http_host *host)
{
	return host->calls < host->limit && http->connected < (size_t)http->options.max_connections && has_turn(http);
}

/* Hands a call to libcurl. */
static void launch(struct http_call *call)
{
	struct http_curl *http = call->http;
	struct http_host *host = call->host;
	size_t at = http_host_take(&http->hosts, host);

	if (at == SIZE_MAX) {
		end_soon(call, HTTP_STAGE_REFUSED);
		return;
	}
	struct http_lane *lane = host->lanes[at];
	if (http_exchange_aim(&call->exchange, host, lane) != ERR_OK || !http_lane_add(lane, call->exchange.easy)) {
		http_host_give(host, at);
		end_soon(call, HTTP_STAGE_REFUSED);
		return;
	}
	call->lane = at;
	call->exchange.stage = HTTP_STAGE_CALL;
	http->connected++;
	http->turn_calls++;
}

static enum http_name name_of(const struct http_host *host)
{
	return host->resolve ? http_resolve_state(host->resolve) : HTTP_NAME_KNOWN;
}

/* Where a new call stands: with libcurl, waiting, or without an address to go to. */
static void admit(struct http_call *call)
{
	struct http_host *host = call->host;
	enum http_name name = name_of(host);

	if (name == HTTP_NAME_FAILED) {
		end_soon(call, HTTP_STAGE_NAMELESS);
	} else if (name == HTTP_NAME_KNOWN && list_is_empty(&host->waiting) && has_room(call->http, host)) {
		launch(call);
	} else {
		call->exchange.stage = name == HTTP_NAME_KNOWN ? HTTP_STAGE_QUEUE : HTTP_STAGE_NAME;
		list_insert(&host->waiting, &call->waiting);
	}
}

/* Has those who wait at a host go on as far as they can. */
static void pump_host(struct http_curl *http, struct http_host *host)
{
	if (list_is_empty(&host->waiting))
		return;
	enum http_name name = name_of(host);
	while (name == HTTP_NAME_FAILED && !list_is_empty(&host->waiting))
		end_soon(WAITING_OF(host->waiting.next), HTTP_STAGE_NAMELESS);
	while (name == HTTP_NAME_KNOWN && !list_is_empty(&host->waiting) && has_room(http, host)) {
		struct http_call *call = WAITING_OF(host->waiting.next);
		stop_waiting(call);
		launch(call);
	}
	if (name != HTTP_NAME_KNOWN)
		return;
	for (struct list *at = host->waiting.prev; at != &host->waiting; at = at->prev) {
		if (WAITING_OF(at)->exchange.stage == HTTP_STAGE_QUEUE)
			break; /* so are those before it */
		WAITING_OF(at)->exchange.stage = HTTP_STAGE_QUEUE;
	}
}

/* Calls nobody back. */
static void pump(struct http_curl *http)
{
	struct list *list = &http->hosts.list;

	if (http->connected >= http->in_flight) /* nobody waits */
		return;
	for (struct list *at = list->next; at != list; at = at->next)
		pump_host(http, LIST_ENTRY(at, struct http_host, node));
	if ((http->connected < (size_t)http->options.max_connections && http->turn_calls < TURN_CALLS) ||
	    list_is_empty(list))
		return;
	/* a limit over all hosts is reached: another host is the first to be looked at the next time */
	struct list *first = list->next;
	list_remove(first);
	list_insert(list, first);
}

static void on_turn(uv_idle_t *turn)
{
	struct http_curl *http = turn->data;

	http->turn_calls = 0;
	pump(http);
	if (http->turn_calls < TURN_CALLS)
		(void)uv_idle_stop(turn); /* never fails */
}

static void on_resolved(void *ctx)
{
	pump(ctx);
}

/* ---- now and then ---- */

static void on_sweep(uv_timer_t *timer)
{
	struct http_curl *http = timer->data;
	size_t count = (http->pool_spare + POOL_SHARE - 1) / POOL_SHARE;

	for (; count > 0; count--)
		call_free(pool_take(http, http->pool.prev));
	http->pool_spare = http->pooled;
	http_hosts_sweep(&http->hosts, uv_now(http->loop), (uint64_t)http->options.max_idle_s * 1000);
}

/* ---- the interface ---- */

struct http_curl_options http_curl_settings(const struct config *config, int max_connections, int max_host_connections)
{
	return (struct http_curl_options){
	        .max_connections = max_connections,
	        .max_host_connections = max_host_connections,
	        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
	        .max_idle_s = MAX_IDLE_S,
	        .max_life_s = MAX_LIFE_S,
	        .proxy = config_str(config, CONFIG_VENDOR_PROXY),
	        .ca_file = config_str(config, CONFIG_VENDOR_CA_FILE),
	        .lookup = uv_getaddrinfo,
	};
}

static enum err_code setup(struct http_curl *http, struct err *err)
{
	const struct http_curl_options *options = &http->options;
	int limit = options->max_host_connections;
	struct http_common *common = &http->common;

	common->options = options;
	common->share = curl_share_init();
	common->watches = http_watches_new(http->loop, http_lane_ready);
	if (!common->share || !common->watches ||
	    curl_share_setopt(common->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK)
		return err_set(err, ERR_INTERNAL, "libcurl could not be set up");
	enum err_code code = http_trust_new(options->ca_file, &common->trust, err);
	uv_update_time(http->loop); /* that took a while, and the first calls' time is not to be shorter for it */
	if (code != ERR_OK)
		return code;
	const struct http_hosts_options hosts = {
	        .limit = (size_t)(limit < options->max_connections ? limit : options->max_connections),
	        .proxy = options->proxy,
	        .names = {http->loop, options->lookup, on_resolved, http, handle_closed, http},
	        .lanes = {.loop = http->loop,
	                  .watches = common->watches,
	                  .ended = on_ended,
	                  .handles = &http->handles,
	                  .closed = handle_closed,
	                  .ctx = http},
	};
	code = http_hosts_init(&http->hosts, &hosts);
	return code == ERR_OK ? ERR_OK : err_set(err, code, "the proxy's URL cannot be used");
}

enum err_code http_curl_new(uv_loop_t *loop, const struct http_curl_options *options, struct http_curl **ret_http,
                            struct err *err)
{
	struct http_curl *http = calloc(1, sizeof(*http));

	if (!http)
		return err_set(err, ERR_NO_MEMORY, "no memory for the HTTP client");
	http->loop = loop;
	http->options = *options;
	list_init(&http->calls);
	list_init(&http->pool);
	if (uv_timer_init(loop, &http->sweep) != 0) {
		free(http);
		return err_set(err, ERR_INTERNAL, "no timer for the HTTP client");
	}
	http->sweep.data = http->turn.data = http;
	(void)uv_idle_init(loop, &http->turn);                            /* never fails */
	(void)uv_timer_start(&http->sweep, on_sweep, SWEEP_MS, SWEEP_MS); /* never fails */
	uv_unref((uv_handle_t *)&http->sweep);                            /* it alone keeps no loop turning */
	http->handles = 2;
	enum err_code code = setup(http, err);
	if (code != ERR_OK) {
		http_curl_close(http);
		return code;
	}
	*ret_http = http;
	return ERR_OK;
}

enum err_code http_curl_start(struct http_curl *http, const struct http_request *request, http_done_fn done, void *ctx,
                              struct http_call **ret_call, struct err *err)
{
	struct http_host *host = NULL;
	enum err_code code = http_hosts_find(&http->hosts, request, &host, err);

	if (code != ERR_OK)
		return code;
	struct http_call *call = list_is_empty(&http->pool) ? call_new(http) : pool_take(http, http->pool.next);
	if (!call)
		return err_set(err, ERR_NO_MEMORY, "no memory for an HTTP call");
	call->host = host;
	call->lane = SIZE_MAX;
	call->done = done;
	call->ctx = ctx;
	list_insert(&http->calls, &call->node);
	host->users++;
	http->in_flight++;
	http_exchange_begin(&call->exchange, request);
	(void)uv_timer_start(&call->deadline, on_deadline, (uint64_t)request->timeout_ms, 0); /* never fails */
	admit(call);
	*ret_call = call;
	return ERR_OK;
}

void http_curl_cancel(struct http_curl *http, struct http_call *call)
{
	assert(call->http == http);
	bool connected = call_detach(call);
	call_release(call, false);
	if (connected && !http->closed)
		pump(http);
}

size_t http_curl_in_flight(const struct http_curl *http)
{
	return http->in_flight;
}

void http_curl_close(struct http_curl *http)
{
	if (!http)
		return;
	http->closed = true;
	while (!list_is_empty(&http->calls))
		http_curl_cancel(http, CALL_OF(http->calls.next));
	while (!list_is_empty(&http->pool))
		call_free(pool_take(http, http->pool.next));
	http_hosts_fini(&http->hosts);
	http_watches_close(http->common.watches);
	uv_close((uv_handle_t *)&http->turn, on_own_closed);
	uv_close((uv_handle_t *)&http->sweep, on_own_closed);
}

enum err_code http_curl_check_ca(const char *ca_file, struct err *err)
{
	struct http_trust *trust = NULL;
	enum err_code code = http_trust_new(ca_file, &trust, err);

	http_trust_free(trust);
	return code;
}
