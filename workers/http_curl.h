/* http_curl: sends vendor requests with libcurl's multi interface inside the libuv loop; thousands at once, one thread.
 *
 * It never sends a request twice by itself. libcurl silently repeats a request when a reused connection closes before
 * any answer came; that would be a second vendor call that nobody counted, so it is refused (see the .c file).
 * https only, except to loopback; no redirects; environment proxies ignored; peer and host verified. */
#ifndef VERIFYD_HTTP_CURL_H
#define VERIFYD_HTTP_CURL_H

#include "workers/vendors/vendor.h"
#include <uv.h>

struct http_curl;
struct http_call;

struct http_curl_options {
	int max_connections; /* kept open at once, over all hosts; more calls wait inside libcurl */
	int connect_timeout_ms;
	int max_idle_s; /* a kept connection older than this is not used again; below the vendor's keep-alive */
};

/* How an exchange ended. */
struct http_result {
	bool ok; /* true: response is valid, whatever its status; false: failure and detail say what broke */
	struct http_response response;
	enum failure failure;
	const char *detail; /* a constant text, without URL or data */
	bool bytes_sent;    /* the vendor may have seen the request */
};

typedef void (*http_done_fn)(void *ctx, const struct http_result *result);

/* Returns: ERR_OK; ERR_NO_MEMORY; ERR_INTERNAL. curl_global_init is the caller's (main's). */
enum err_code http_curl_new(uv_loop_t *loop, const struct http_curl_options *options, struct http_curl **ret_http,
                            struct err *err) WARN_UNUSED;

/* Starts a call. `request` must stay until done; done is called exactly once, from the loop, never from inside this
 * call. Returns: ERR_OK; ERR_NO_MEMORY; ERR_INVALID (URL refused). On failure done is not called. */
enum err_code http_curl_start(struct http_curl *http, const struct http_request *request, http_done_fn done, void *ctx,
                              struct http_call **ret_call, struct err *err) WARN_UNUSED;

/* Ends a call early; done is not called. */
void http_curl_cancel(struct http_curl *http, struct http_call *call);

size_t http_curl_in_flight(const struct http_curl *http);

/* Cancels what is open and frees; the loop must run until its handles have closed. Accepts NULL. */
void http_curl_close(struct http_curl *http);

#endif
