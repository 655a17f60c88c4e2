/* http_lane: a bounded group of calls to one host, with the connections they use: a multi handle of libcurl and its
 * timer in the loop.
 *
 * For each call libcurl walks the connections it has to that host until it finds a free one; with 2,000 of them that was
 * a third of what a call cost, with 10,000 two thirds (docs/performance.md). So a host's calls are spread over lanes of a
 * few dozen. A lane costs 45 KB and two descriptors of libcurl's own. */
#ifndef VERIFYD_HTTP_LANE_H
#define VERIFYD_HTTP_LANE_H

#include "workers/http_watch.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_LANE_CALLS = 64 }; /* at once, and connections kept */

struct http_lane;

/* A transfer is over; `private` is its CURLINFO_PRIVATE. It is to be taken off the lane. May close the lane. */
typedef void (*http_ended_fn)(void *private, CURLcode code);

struct http_lane_options {
	uv_loop_t *loop;
	struct http_watches *watches;
	int max_connections; /* 1..HTTP_LANE_CALLS */
	http_ended_fn ended;
	size_t *handles;           /* one more with each lane */
	void (*closed)(void *ctx); /* nothing of a lane is left in the loop: one less */
	void *ctx;
};

/* Returns: NULL when out of memory; ended by http_lane_close. */
struct http_lane *http_lane_new(const struct http_lane_options *options);

/* Ends the kept connections. Every call must have been removed. Accepts NULL, and then calls nothing. */
void http_lane_close(struct http_lane *lane);

/* Returns: false when libcurl did not take it. */
bool http_lane_add(struct http_lane *lane, CURL *easy);
void http_lane_remove(struct http_lane *lane, CURL *easy);

/* How many calls there are, and whether there is room for one more. */
size_t http_lane_calls(const struct http_lane *lane);
bool http_lane_is_full(const struct http_lane *lane);
/* Since when there has been no call, in ms of the loop's clock. */
uint64_t http_lane_idle_since(const struct http_lane *lane);

/* For http_watches_new: a socket of this lane is ready. */
void http_lane_ready(void *lane, curl_socket_t fd, int events);

/* Which answer of http_resolve libcurl has been told here; 0: none yet. */
unsigned *http_lane_told(struct http_lane *lane);

#endif
