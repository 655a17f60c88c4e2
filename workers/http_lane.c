/* http_lane: drives one multi handle. Calls end in drain() only, never inside libcurl. */
#include "workers/http_lane.h"
#include <assert.h>
#include <stdlib.h>

struct http_lane {
	struct http_lane_options options;
	CURLM *multi; /* NULL once closed */
	uv_timer_t timer;
	size_t calls;
	uint64_t idle_since_ms;
	unsigned told;
};

/* Takes every finished transfer. A callback may close the lane, so that is looked at again each time. */
static void drain(struct http_lane *lane)
{
	int left = 0;

	while (lane->multi) {
		CURLMsg *message = curl_multi_info_read(lane->multi, &left);
		if (!message)
			return;
		void *private = NULL;
		CURLcode found = curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		assert(found == CURLE_OK && private);
		(void)found; /* without asserts */
		lane->options.ended(private, message->data.result);
	}
}

void http_lane_ready(void *ctx, curl_socket_t fd, int events)
{
	struct http_lane *lane = ctx;
	int running = 0;

	if (!lane->multi)
		return;
	/* what goes wrong for one call comes as its message; anything else is ended by the calls' deadlines */
	(void)curl_multi_socket_action(lane->multi, fd, events, &running);
	drain(lane);
}

static void on_timer(uv_timer_t *timer)
{
	http_lane_ready(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timeout_change(CURLM *multi, long timeout_ms, void *ctx)
{
	struct http_lane *lane = ctx;

	(void)multi;
	if (timeout_ms < 0)
		return uv_timer_stop(&lane->timer);
	return uv_timer_start(&lane->timer, on_timer, (uint64_t)timeout_ms, 0);
}

static bool setup(struct http_lane *lane)
{
	CURLM *multi = lane->multi = curl_multi_init();
	long connections = lane->options.max_connections;

	return multi && curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, http_watch_socket) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, lane->options.watches) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout_change) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_TIMERDATA, lane) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections) == CURLM_OK;
}

struct http_lane *http_lane_new(const struct http_lane_options *options)
{
	struct http_lane *lane = calloc(1, sizeof(*lane));

	if (!lane)
		return NULL;
	lane->options = *options;
	lane->idle_since_ms = uv_now(options->loop);
	lane->timer.data = lane;
	if (uv_timer_init(options->loop, &lane->timer) != 0) {
		free(lane);
		return NULL;
	}
	(*options->handles)++;
	if (setup(lane))
		return lane;
	http_lane_close(lane);
	return NULL;
}

static void on_closed(uv_handle_t *timer)
{
	struct http_lane *lane = timer->data;
	const struct http_lane_options options = lane->options;

	free(lane);
	options.closed(options.ctx);
}

void http_lane_close(struct http_lane *lane)
{
	if (!lane)
		return;
	assert(lane->calls == 0);
	curl_multi_cleanup(lane->multi); /* ends the kept connections, through http_watch_close */
	lane->multi = NULL;
	uv_close((uv_handle_t *)&lane->timer, on_closed);
}

bool http_lane_add(struct http_lane *lane, CURL *easy)
{
	if (curl_multi_add_handle(lane->multi, easy) != CURLM_OK)
		return false;
	lane->calls++;
	return true;
}

void http_lane_remove(struct http_lane *lane, CURL *easy)
{
	CURLMcode code = curl_multi_remove_handle(lane->multi, easy);

	assert(code == CURLM_OK);
	(void)code;
	lane->calls--;
	if (lane->calls == 0)
		lane->idle_since_ms = uv_now(lane->options.loop);
}

size_t http_lane_calls(const struct http_lane *lane)
{
	return lane->calls;
}

bool http_lane_is_full(const struct http_lane *lane)
{
	return lane->calls >= (size_t)lane->options.max_connections;
}

uint64_t http_lane_idle_since(const struct http_lane *lane)
{
	return lane->idle_since_ms;
}

unsigned *http_lane_told(struct http_lane *lane)
{
	return &lane->told;
}
