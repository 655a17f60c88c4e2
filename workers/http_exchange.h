/* http_exchange: one libcurl easy handle, what it sends and what came back; used again for the next call.
 * It knows no loop; http_curl drives it. */
#ifndef VERIFYD_HTTP_EXCHANGE_H
#define VERIFYD_HTTP_EXCHANGE_H

#include "workers/http_curl.h"
#include "workers/http_host.h"
#include "workers/http_trust.h"

/* How far a call has come. */
enum http_stage {
	HTTP_STAGE_NAME,     /* its host's name is being looked up */
	HTTP_STAGE_NAMELESS, /* that has failed */
	HTTP_STAGE_QUEUE,    /* waits for a connection: as many as allowed are in use */
	HTTP_STAGE_REFUSED,  /* libcurl did not take it: out of memory */
	HTTP_STAGE_CALL,     /* libcurl has it */
	HTTP_STAGE_COUNT
};

/* What every exchange of a port has in common. Outlives them. */
struct http_common {
	const struct http_curl_options *options;
	CURLSH *share;
	struct http_trust *trust;
	struct http_watches *watches;
};

struct http_exchange {
	CURL *easy;
	const struct http_common *common;
	const struct http_request *request;
	struct http_lane *lane;
	struct buf answer;
	bool begun;       /* libcurl went on to send the request */
	long size_before; /* bytes that libcurl had sent before that: to a proxy */
	enum http_stage stage;
	bool plain; /* http, so loopback only */
	bool proxied; /* what the handle is set to */
	bool head_whole; /* of the answer */
	bool too_large;
	bool not_public; /* a connection to an address that is not public was refused */
	unsigned telling; /* the answer of http_resolve that it carries; 0: none */
	char *told;       /* that answer */
	struct curl_slist resolve;
	struct curl_slist headers[HTTP_MAX_HEADERS + 1]; /* point into the request: nothing is copied per call */
};

/* Makes the handle and sets what never changes. owner comes back as CURLINFO_PRIVATE; the exchange must not move.
 * Returns: false when libcurl has no memory; http_exchange_fini is then still to be called. */
bool http_exchange_init(struct http_exchange *exchange, const struct http_common *common, void *owner) WARN_UNUSED;
void http_exchange_fini(struct http_exchange *exchange); /* accepts a zeroed one */

/* Readies the handle for a request, which must stay. */
void http_exchange_begin(struct http_exchange *exchange, const struct http_request *request);

/* Sets the handle up to go to this host on this lane. Returns: ERR_OK; ERR_NO_MEMORY. */
enum err_code http_exchange_aim(struct http_exchange *exchange, const struct http_host *host,
                                struct http_lane *lane) WARN_UNUSED;

/* Whether the transfer ended because each kept connection that it tried was dead, and no new one was made: not one byte of
 * the request was taken (CURLINFO_REQUEST_SIZE). It is then to be aimed and sent once more; as the dead ones are gone
 * then, that ends. */
bool http_exchange_again(struct http_exchange *exchange, CURLcode code) WARN_UNUSED;

/* Says how the transfer ended. The result points into the exchange. */
void http_exchange_result(const struct http_exchange *exchange, CURLcode code, struct http_result *ret_result);

/* Overwrites what the vendor said; keeps a small buffer for the next answer. Returns: false when the handle must not be
 * used again. */
bool http_exchange_wipe(struct http_exchange *exchange) WARN_UNUSED;

#endif
