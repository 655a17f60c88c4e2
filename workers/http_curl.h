/* http_curl: sends vendor requests with libcurl inside the libuv loop; thousands at once, one thread.
 *
 * It never sends a request twice by itself. libcurl silently repeats a request when a reused connection closes before
 * any answer came; that would be a second vendor call that nobody counted, so it is refused (http_exchange.c). Where not
 * one byte had been taken by a kept connection, because the vendor had ended it, the call goes on over another one.
 *
 * Where it goes: https only, except to loopback; no redirects; peer and host verified; the environment's proxies ignored.
 * Names are looked up outside the loop (http_resolve). A request whose URL is_foreign reaches public addresses only,
 * checked on the address that is connected to, so that a name which changes its address gains nothing (http_address).
 * With a proxy, everything but loopback goes through CONNECT tunnels: then the proxy looks names up, and which addresses
 * may be reached is for its rules to say; requests are encrypted through it, and their headers are not shown to it. */
#ifndef VERIFYD_HTTP_CURL_H
#define VERIFYD_HTTP_CURL_H

#include "common/base/config.h"
#include "workers/http_resolve.h"
#include "workers/vendors/vendor.h"
#include <uv.h>

struct http_curl;
struct http_call;

/* Texts must outlive the port. */
struct http_curl_options {
	int max_connections;      /* in use at once; more calls wait, within their own time */
	int max_host_connections; /* of those, to one host and port, kept ones included */
	int connect_timeout_ms;   /* connecting and TLS, name and queue not included */
	int max_idle_s;           /* a kept connection idle for longer is not used again; below the vendor's keep-alive */
	int max_life_s;           /* nor one this old: changed addresses are found, and load balancers balance */
	const char *proxy;        /* http:// or https:// URL, maybe with user:password; NULL: none */
	const char *ca_file;      /* PEM; trusted instead of the system's certificates. NULL: the system's */
	http_lookup_fn lookup;    /* uv_getaddrinfo */
};

/* The options of a worker: proxy and certificates out of the settings (config must outlive the port), the system's names, and the
 * same times for whomever it calls. */
struct http_curl_options http_curl_settings(const struct config *config, int max_connections, int max_host_connections);

/* How an exchange ended. */
struct http_result {
	bool ok; /* true: response is valid, whatever its status; false: failure and detail say what broke */
	struct http_response response;
	enum failure failure;
	const char *detail; /* a constant text, without URL or data */
	bool bytes_sent;    /* the vendor may have seen the request */
};

typedef void (*http_done_fn)(void *ctx, const struct http_result *result);

/* Blocks: reads the trusted certificates. Returns: ERR_OK; ERR_NO_MEMORY; ERR_INVALID (ca_file, or libcurl has no
 * OpenSSL); ERR_INTERNAL. curl_global_init is the caller's (main's). */
enum err_code http_curl_new(uv_loop_t *loop, const struct http_curl_options *options, struct http_curl **ret_http,
                            struct err *err) WARN_UNUSED;

/* Starts a call. `request` must stay until done; done is called exactly once, from the loop, never from inside this
 * call. Returns: ERR_OK; ERR_NO_MEMORY; ERR_INVALID (URL refused); ERR_LIMIT (too many hosts at once). On failure done
 * is not called. */
enum err_code http_curl_start(struct http_curl *http, const struct http_request *request, http_done_fn done, void *ctx,
                              struct http_call **ret_call, struct err *err) WARN_UNUSED;

/* Ends a call early; done is not called. */
void http_curl_cancel(struct http_curl *http, struct http_call *call);

size_t http_curl_in_flight(const struct http_curl *http);

/* Cancels what is open and frees; the loop must run until its handles have closed (a name that is being looked up holds
 * it until the system's resolver gives up). Accepts NULL. */
void http_curl_close(struct http_curl *http);

/* Whether ca_file can be used: for checks at start. Returns: ERR_OK; ERR_INVALID, ERR_NO_MEMORY. */
enum err_code http_curl_check_ca(const char *ca_file, struct err *err) WARN_UNUSED;

#endif
