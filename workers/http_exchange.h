/* http_exchange: one libcurl easy handle, what it sends and what came back; used again for the next call.
 * It knows no loop; http_curl drives it. */
#ifndef VERIFYD_HTTP_EXCHANGE_H
#define VERIFYD_HTTP_EXCHANGE_H

#include "workers/http_curl.h"
#include "workers/http_watch.h"

struct http_exchange {
	CURL *easy;
	struct http_watches *watches;
	const struct http_request *request;
	struct buf answer;
	size_t body_sent;
	int sends;  /* how often libcurl went on to send the request */
	bool plain; /* http, so loopback only */
	bool too_large;
	struct curl_slist headers[HTTP_MAX_HEADERS + 1]; /* point into the request: nothing is copied per call */
};

/* Makes the handle and sets what never changes. owner comes back as CURLINFO_PRIVATE; the exchange must not move.
 * Returns: false when libcurl has no memory; http_exchange_fini is then still to be called. */
bool http_exchange_init(struct http_exchange *exchange, const struct http_curl_options *options, CURLSH *share,
                        struct http_watches *watches, void *owner) WARN_UNUSED;
void http_exchange_fini(struct http_exchange *exchange); /* accepts a zeroed one */

/* Readies the handle for a request, which must stay. Returns: ERR_OK; ERR_INVALID (URL refused); ERR_NO_MEMORY. */
enum err_code http_exchange_begin(struct http_exchange *exchange, const struct http_request *request,
                                  struct err *err) WARN_UNUSED;

/* Says how the transfer ended. The result points into the exchange. */
void http_exchange_result(const struct http_exchange *exchange, CURLcode code, struct http_result *ret_result);

/* Overwrites what the vendor said; keeps a small buffer for the next answer. */
void http_exchange_wipe(struct http_exchange *exchange);

#endif
