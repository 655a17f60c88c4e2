/* http_host: the origins that are called ("https://host:port"), and of each: its name's addresses, its lanes, and who
 * waits for it.
 *
 * Calls to URLs from outside have hosts of their own: a connection that settings allowed to a private address must not be
 * used again for somebody else's URL. */
#ifndef VERIFYD_HTTP_HOST_H
#define VERIFYD_HTTP_HOST_H

#include "common/base/list.h"
#include "workers/http_lane.h"
#include "workers/http_resolve.h"
#include "common/base/http_url.h"
#include "workers/vendors/vendor.h"

enum { HTTP_MAX_HOSTS = 64 }; /* at once; those from outside are forgotten when idle */

struct http_host {
	struct list node;    /* in http_hosts */
	struct list waiting; /* calls that have no lane yet, in order */
	struct http_url url; /* of the first call */
	char origin[HTTP_ORIGIN_BYTES]; /* as that URL spells it */
	bool is_foreign;
	bool proxied;
	struct http_resolve *resolve; /* NULL: no name to look up. The proxy's where there is one */
	size_t users;                 /* calls to it, waiting ones included */
	size_t calls;                 /* of those, which have a lane */
	size_t limit;                 /* of calls */
	uint64_t used_ms;             /* the loop's clock */
	size_t lane_count, first_free; /* lanes below first_free are full */
	struct http_lane *lanes[];     /* NULL where there is none at the moment */
};

struct http_hosts_options {
	size_t limit;      /* calls and connections to one host, 1 and more */
	const char *proxy; /* NULL: none */
	struct http_resolve_options names;
	struct http_lane_options lanes;
};

struct http_hosts {
	struct list list;
	size_t count;
	struct http_host *last; /* the one asked for last */
	struct http_resolve *proxy_name; /* NULL: no proxy, or one without a name */
	struct http_hosts_options options;
};

/* Of options, lanes.handles counts what is in the loop: lanes and names; both `closed` take one off. Returns: ERR_OK;
 * ERR_INVALID (the proxy's URL); ERR_NO_MEMORY. In any case ended by http_hosts_fini. */
enum err_code http_hosts_init(struct http_hosts *hosts, const struct http_hosts_options *options) WARN_UNUSED;
/* No users may be left. Accepts a zeroed one. */
void http_hosts_fini(struct http_hosts *hosts);

/* The host of a request's URL. Returns: ERR_OK; ERR_INVALID (URL refused); ERR_LIMIT (too many); ERR_NO_MEMORY. */
enum err_code http_hosts_find(struct http_hosts *hosts, const struct http_request *request, struct http_host **ret_host,
                              struct err *err) WARN_UNUSED;

/* Closes lanes without a call for idle_ms, and forgets hosts from outside that nobody called for long. */
void http_hosts_sweep(struct http_hosts *hosts, uint64_t now_ms, uint64_t idle_ms);

/* A lane with room, the first such, so that the last ones run dry; made where there is none. Counts the call;
 * host->calls must be below host->limit. Returns: its number; SIZE_MAX: out of memory. */
size_t http_host_take(struct http_hosts *hosts, struct http_host *host);
/* The call has left its lane. */
void http_host_give(struct http_host *host, size_t lane);

#endif
