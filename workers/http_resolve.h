/* http_resolve: the addresses of one name, looked up outside the loop and kept for a stated time.
 *
 * libcurl's own resolver starts a thread for each transfer, and may make curl_multi_remove_handle wait for it
 * (curl/curl#8515). Here a name is looked up once for all calls that want it, by uv_getaddrinfo; libcurl is told the
 * answer (CURLOPT_RESOLVE). getaddrinfo says nothing of the records' TTL, hence the fixed times. For the loop's thread. */
#ifndef VERIFYD_HTTP_RESOLVE_H
#define VERIFYD_HTTP_RESOLVE_H

#include "common/base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum {
	HTTP_NAME_FRESH_MS = 30 * 1000,           /* then it is looked up again, and the old answer used meanwhile */
	HTTP_NAME_STALE_MS = 24 * 60 * 60 * 1000, /* so long an answer is used when nothing newer can be had (RFC 8767 section 5) */
	HTTP_NAME_AGAIN_MS = 1000,                /* between lookups that fail */
	HTTP_NAME_MAX_ADDRESSES = 8,
};

struct http_resolve;

enum http_name { HTTP_NAME_AWAITED, HTTP_NAME_KNOWN, HTTP_NAME_FAILED };

/* As uv_getaddrinfo, which is the one that is used; tests bring their own. */
typedef int (*http_lookup_fn)(uv_loop_t *loop, uv_getaddrinfo_t *lookup, uv_getaddrinfo_cb done, const char *name,
                              const char *service, const struct addrinfo *hints);

/* A lookup that was awaited is over: ask http_resolve_state. From the loop, never from inside another call. */
typedef void (*http_resolved_fn)(void *ctx);

struct http_resolve_options {
	uv_loop_t *loop;
	http_lookup_fn lookup;
	http_resolved_fn resolved;
	void *ctx;
	void (*closed)(void *ctx); /* after http_resolve_close: nothing of it is left in the loop */
	void *closed_ctx;
};

/* Starts no lookup yet. Returns: ERR_OK and *ret_resolve, ended by http_resolve_close; ERR_NO_MEMORY. */
enum err_code http_resolve_new(const struct http_resolve_options *options, const char *name, uint16_t port,
                               struct http_resolve **ret_resolve) WARN_UNUSED;

/* Whether there is an address now. Starts a lookup where one is due. */
enum http_name http_resolve_state(struct http_resolve *resolve);

/* The answer as CURLOPT_RESOLVE takes it, "name:port:address,…", until the next turn of the loop; "" before there is one. */
const char *http_resolve_answer(const struct http_resolve *resolve);
/* Which answer that is: 0 before the first, another number whenever it changes. */
unsigned http_resolve_version(const struct http_resolve *resolve);

/* `resolved` is not called any more. A lookup under way cannot be taken back: the loop turns until the system's resolver
 * has given up (resolv.conf(5): timeout, attempts). Accepts NULL, and then calls nothing. */
void http_resolve_close(struct http_resolve *resolve);

#endif
