/* http_curl: libcurl's multi interface on libuv. One timer for libcurl, one per call: libcurl does not time calls that
 * wait for a free connection. Calls and their easy handles are pooled, because making one costs more than a call.
 * Sockets are http_watch's, what is sent and what came back http_exchange's. It does not retry. */
#include "workers/http_curl.h"
#include "workers/http_exchange.h"
#include "workers/http_watch.h"
#include <assert.h>
#include <stdlib.h>

enum { POOL_MAX = 1024 }; /* calls kept for later */

struct http_call {
	struct http_curl *http;
	struct http_call *next, **at; /* in `calls`, or in `pool`: then without `at` */
	struct http_exchange exchange;
	uv_timer_t deadline;
	http_done_fn done;
	void *ctx;
};

struct http_curl {
	uv_loop_t *loop;
	uv_timer_t timer;
	CURLM *multi; /* NULL once closed */
	CURLSH *share;
	struct http_watches *watches;
	struct http_curl_options options;
	struct http_call *calls, *pool;
	size_t in_flight, pooled;
	size_t handles; /* timers that have not closed yet; the last one frees this */
};

/* ---- timers ---- */

static void handle_closed(struct http_curl *http)
{
	http->handles--;
	if (http->handles > 0)
		return;
	curl_share_cleanup(http->share); /* every easy handle is gone by now */
	free(http);
}

static void on_timer_closed(uv_handle_t *handle)
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
	http->handles++;
	if (http_exchange_init(&call->exchange, &http->options, http->share, http->watches, call))
		return call;
	call_free(call);
	return NULL;
}

static struct http_call *call_take(struct http_curl *http)
{
	struct http_call *call = http->pool;

	if (!call)
		return call_new(http);
	http->pool = call->next;
	http->pooled--;
	return call;
}

/* clean: the exchange ended well. Any other handle is not used again: a refused repeat leaves libcurl's wish to rewind
 * on it, which would fail the next call before it is sent. */
static void call_release(struct http_call *call, bool clean)
{
	struct http_curl *http = call->http;

	if (!clean || !http->multi || http->pooled >= POOL_MAX) {
		call_free(call);
		return;
	}
	http_exchange_wipe(&call->exchange);
	call->at = NULL;
	call->next = http->pool;
	http->pool = call;
	http->pooled++;
}

static void call_attach(struct http_call *call)
{
	struct http_curl *http = call->http;

	call->next = http->calls;
	call->at = &http->calls;
	if (call->next)
		call->next->at = &call->next;
	http->calls = call;
	http->in_flight++;
}

/* Takes a call off libcurl and off the list; it still holds its answer. */
static void call_detach(struct http_call *call)
{
	(void)uv_timer_stop(&call->deadline); /* never fails */
	CURLMcode code = curl_multi_remove_handle(call->http->multi, call->exchange.easy);
	assert(code == CURLM_OK);
	*call->at = call->next;
	if (call->next)
		call->next->at = call->at;
	call->http->in_flight--;
}

/* Ends a call and tells its owner, who may start and cancel calls and close http meanwhile. */
static void call_finish(struct http_call *call, CURLcode code)
{
	struct http_result result;

	call_detach(call);
	http_exchange_result(&call->exchange, code, &result);
	call->done(call->ctx, &result);
	call_release(call, code == CURLE_OK);
}

static void on_deadline(uv_timer_t *timer)
{
	call_finish(timer->data, CURLE_OPERATION_TIMEDOUT);
}

/* ---- driving libcurl ---- */

/* Takes every finished transfer. A callback may close http, so that is looked at again each time. */
static void drain(struct http_curl *http)
{
	int left = 0;

	while (http->multi) {
		CURLMsg *message = curl_multi_info_read(http->multi, &left);
		if (!message)
			return;
		struct http_call *call = NULL;
		CURLcode found = curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		assert(found == CURLE_OK && call);
		call_finish(call, message->data.result);
	}
}

static void act(void *ctx, curl_socket_t fd, int events)
{
	struct http_curl *http = ctx;
	int running = 0;

	if (!http->multi)
		return;
	/* what goes wrong for one call comes as its message; anything else is ended by the calls' deadlines */
	(void)curl_multi_socket_action(http->multi, fd, events, &running);
	drain(http);
}

static void on_timer(uv_timer_t *timer)
{
	act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timeout_change(CURLM *multi, long timeout_ms, void *ctx)
{
	struct http_curl *http = ctx;

	(void)multi;
	if (timeout_ms < 0)
		return uv_timer_stop(&http->timer);
	return uv_timer_start(&http->timer, on_timer, (uint64_t)timeout_ms, 0);
}

/* ---- the interface ---- */

static bool setup(struct http_curl *http)
{
	CURLM *multi = http->multi = curl_multi_init();
	CURLSH *share = http->share = curl_share_init();
	long connections = http->options.max_connections;

	http->watches = http_watches_new(http->loop, act, http);
	return multi && share && http->watches &&
	       curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, http_watch_socket) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, http->watches) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout_change) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_TIMERDATA, http) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections) == CURLM_OK &&
	       curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK &&
	       curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) == CURLSHE_OK;
}

enum err_code http_curl_new(uv_loop_t *loop, const struct http_curl_options *options, struct http_curl **ret_http,
                            struct err *err)
{
	struct http_curl *http = calloc(1, sizeof(*http));

	if (!http)
		return err_set(err, ERR_NO_MEMORY, "no memory for the HTTP client");
	http->loop = loop;
	http->options = *options;
	if (uv_timer_init(loop, &http->timer) != 0) {
		free(http);
		return err_set(err, ERR_INTERNAL, "no timer for the HTTP client");
	}
	http->timer.data = http;
	http->handles = 1;
	if (!setup(http)) {
		http_curl_close(http);
		return err_set(err, ERR_INTERNAL, "libcurl could not be set up");
	}
	*ret_http = http;
	return ERR_OK;
}

enum err_code http_curl_start(struct http_curl *http, const struct http_request *request, http_done_fn done, void *ctx,
                              struct http_call **ret_call, struct err *err)
{
	struct http_call *call = call_take(http);

	if (!call)
		return err_set(err, ERR_NO_MEMORY, "no memory for an HTTP call");
	enum err_code code = http_exchange_begin(&call->exchange, request, err);
	if (code == ERR_OK && (uv_timer_start(&call->deadline, on_deadline, (uint64_t)request->timeout_ms, 0) != 0 ||
	                       curl_multi_add_handle(http->multi, call->exchange.easy) != CURLM_OK))
		code = err_set(err, ERR_NO_MEMORY, "libcurl did not take the call");
	if (code != ERR_OK) {
		(void)uv_timer_stop(&call->deadline);
		call_release(call, false);
		return code;
	}
	call->done = done;
	call->ctx = ctx;
	call_attach(call);
	*ret_call = call;
	return ERR_OK;
}

void http_curl_cancel(struct http_curl *http, struct http_call *call)
{
	assert(call->http == http && call->at);
	call_detach(call);
	call_release(call, false);
}

size_t http_curl_in_flight(const struct http_curl *http)
{
	return http->in_flight;
}

void http_curl_close(struct http_curl *http)
{
	if (!http)
		return;
	while (http->calls)
		http_curl_cancel(http, http->calls);
	while (http->pool) {
		struct http_call *call = http->pool;
		http->pool = call->next;
		call_free(call);
	}
	curl_multi_cleanup(http->multi); /* ends the kept connections, through http_watch_close */
	http->multi = NULL;
	http_watches_close(http->watches);
	uv_close((uv_handle_t *)&http->timer, on_timer_closed);
}
