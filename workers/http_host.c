/* http_host: finds and forgets hosts, and says which lane a call takes. */
#include "workers/http_host.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOREIGN_IDLE_MS = 10 * 60 * 1000 };

#define HOST_OF(list_node) LIST_ENTRY((list_node), struct http_host, node)

/* ---- lanes ---- */

size_t http_host_take(struct http_hosts *hosts, struct http_host *host)
{
	size_t at = host->first_free;

	while (host->lanes[at] && http_lane_is_full(host->lanes[at]))
		at++; /* ends: calls are below the limit */
	host->first_free = at;
	if (!host->lanes[at]) {
		struct http_lane_options options = hosts->options.lanes;
		size_t left = host->limit - at * HTTP_LANE_CALLS;
		options.max_connections = (int)(left < HTTP_LANE_CALLS ? left : HTTP_LANE_CALLS);
		host->lanes[at] = http_lane_new(&options);
	}
	if (!host->lanes[at])
		return SIZE_MAX;
	host->calls++;
	return at;
}

void http_host_give(struct http_host *host, size_t lane)
{
	host->calls--;
	if (lane < host->first_free)
		host->first_free = lane;
}

/* Closes the lanes that have been without a call since before_ms. Returns: whether any is left. */
static bool sweep_lanes(struct http_host *host, uint64_t before_ms)
{
	bool left = false;

	for (size_t i = 0; i < host->lane_count; i++) {
		struct http_lane *lane = host->lanes[i];
		if (lane && http_lane_calls(lane) == 0 && http_lane_idle_since(lane) <= before_ms) {
			http_lane_close(lane);
			host->lanes[i] = NULL;
			if (i < host->first_free)
				host->first_free = i;
		}
		left = left || host->lanes[i];
	}
	return left;
}

/* ---- hosts ---- */

static struct http_host *host_new(const struct http_url *url, const struct http_request *request, size_t limit)
{
	size_t lanes = (limit + HTTP_LANE_CALLS - 1) / HTTP_LANE_CALLS;
	struct http_host *host = calloc(1, sizeof(*host) + lanes * sizeof(struct http_lane *));

	if (!host)
		return NULL;
	host->url = *url;
	memcpy(host->origin, request->url.data, url->origin_len);
	host->is_foreign = request->is_foreign;
	host->limit = limit;
	host->lane_count = lanes;
	list_init(&host->waiting);
	return host;
}

static void host_end(struct http_hosts *hosts, struct http_host *host)
{
	list_remove(&host->node);
	hosts->count--;
	if (hosts->last == host)
		hosts->last = NULL;
	if (!host->proxied)
		http_resolve_close(host->resolve);
	for (size_t i = 0; i < host->lane_count; i++)
		http_lane_close(host->lanes[i]);
	free(host);
}

static bool host_is(const struct http_host *host, const struct http_request *request)
{
	return host->is_foreign == request->is_foreign &&
	       http_url_has_origin(request->url.data, request->url.len, host->origin, host->url.origin_len);
}

/* Makes room for one more. Returns: false when there is none. */
static bool has_room(struct http_hosts *hosts)
{
	struct http_host *oldest = NULL;

	if (hosts->count < HTTP_MAX_HOSTS)
		return true;
	for (struct list *at = hosts->list.next; at != &hosts->list; at = at->next) {
		struct http_host *host = HOST_OF(at);
		if (host->is_foreign && host->users == 0 && (!oldest || host->used_ms < oldest->used_ms))
			oldest = host;
	}
	if (!oldest)
		return false;
	host_end(hosts, oldest);
	return true;
}

static enum err_code name_new(struct http_hosts *hosts, const struct http_url *url, struct http_resolve **ret_name)
{
	if (!url->named)
		return ERR_OK;
	enum err_code code = http_resolve_new(&hosts->options.names, url->host, url->port, ret_name);
	if (code == ERR_OK)
		(*hosts->options.lanes.handles)++;
	return code;
}

static enum err_code host_add(struct http_hosts *hosts, const struct http_request *request, struct http_host **ret_host,
                              struct err *err)
{
	struct http_url url;
	enum err_code code = ERR_OK;

	if (!http_url_read(request->url.data, request->url.len, request->is_foreign, &url))
		return err_set(err, ERR_INVALID, "URL refused: https, or http to loopback; no user information");
	if (!has_room(hosts))
		return err_set(err, ERR_LIMIT, "calls to more than %d hosts at once", HTTP_MAX_HOSTS);
	struct http_host *host = host_new(&url, request, hosts->options.limit);
	if (!host)
		return err_set(err, ERR_NO_MEMORY, "no memory for a host");
	host->proxied = hosts->options.proxy && !url.loopback;
	if (host->proxied)
		host->resolve = hosts->proxy_name;
	else
		code = name_new(hosts, &url, &host->resolve);
	if (code != ERR_OK) {
		free(host);
		return err_set(err, code, "no memory for a host's name");
	}
	list_insert(&hosts->list, &host->node);
	hosts->count++;
	*ret_host = host;
	return ERR_OK;
}

enum err_code http_hosts_find(struct http_hosts *hosts, const struct http_request *request, struct http_host **ret_host,
                              struct err *err)
{
	struct http_host *found = hosts->last;

	if (!found || !host_is(found, request)) {
		found = NULL;
		for (struct list *at = hosts->list.next; at != &hosts->list && !found; at = at->next)
			if (host_is(HOST_OF(at), request))
				found = HOST_OF(at);
	}
	if (found && !http_url_is_printable(request->url.data, request->url.len))
		return err_set(err, ERR_INVALID, "URL refused: not printable ASCII");
	enum err_code code = found ? ERR_OK : host_add(hosts, request, &found, err);
	if (code != ERR_OK)
		return code;
	found->used_ms = uv_now(hosts->options.lanes.loop);
	hosts->last = found;
	*ret_host = found;
	return ERR_OK;
}

void http_hosts_sweep(struct http_hosts *hosts, uint64_t now_ms, uint64_t idle_ms)
{
	struct list *next = NULL;

	for (struct list *at = hosts->list.next; at != &hosts->list; at = next) {
		struct http_host *host = HOST_OF(at);
		next = at->next;
		bool used = sweep_lanes(host, now_ms > idle_ms ? now_ms - idle_ms : 0) || host->users > 0;
		if (!used && host->is_foreign && now_ms - host->used_ms >= FOREIGN_IDLE_MS)
			host_end(hosts, host);
	}
}

/* ---- all of them ---- */

/* The proxy's own name is what has to be looked up. Its URL was checked with the settings. */
static enum err_code init_proxy(struct http_hosts *hosts)
{
	char origin[HTTP_ORIGIN_BYTES];
	struct http_url url;
	const char *authority = strstr(hosts->options.proxy, "://");

	if (!authority)
		return ERR_INVALID;
	authority += 3;
	size_t len = strcspn(authority, "/");
	const char *user_end = memrchr(authority, '@', len);
	const char *host = user_end ? user_end + 1 : authority;
	int written = snprintf(origin, sizeof(origin), "https://%.*s", (int)(authority + len - host), host);
	if (written < 0 || (size_t)written >= sizeof(origin) || !http_url_read(origin, (size_t)written, false, &url))
		return ERR_INVALID;
	return name_new(hosts, &url, &hosts->proxy_name);
}

enum err_code http_hosts_init(struct http_hosts *hosts, const struct http_hosts_options *options)
{
	*hosts = (struct http_hosts){.options = *options};
	list_init(&hosts->list);
	return options->proxy ? init_proxy(hosts) : ERR_OK;
}

void http_hosts_fini(struct http_hosts *hosts)
{
	if (!hosts->list.next)
		return;
	while (!list_is_empty(&hosts->list))
		host_end(hosts, HOST_OF(hosts->list.next));
	http_resolve_close(hosts->proxy_name);
	hosts->proxy_name = NULL;
}
