/* http_fetch: gets a small document by HTTPS, for threads that may wait: settings' keys and the like, never a caller's request.
 *
 * Certificates are verified, TLS 1.2 at least; redirects are not followed, the environment's proxies are not used. */
#ifndef VERIFYD_HTTP_FETCH_H
#define VERIFYD_HTTP_FETCH_H

#include "common/adapters/http_way.h"
#include "common/base/buf.h"
#include <stdatomic.h>

enum { HTTP_FETCH_TIMEOUT_MS = 10000 };

/* libcurl's set-up. Once per user; each ended by http_fetch_close. Returns: ERR_OK; ERR_IO. */
enum err_code http_fetch_open(void) WARN_UNUSED;
void http_fetch_close(void);

/* Appends the body of the way's url, which has to be answered 200, to out; no more than out takes. stop: turning true ends it within
 * a second. Returns: ERR_OK; ERR_UNAVAILABLE (not reached, no such certificate, another status; err says which); ERR_LIMIT; ERR_NO_MEMORY. On failure out
 * may hold a part. Thread: any. Blocks: for HTTP_FETCH_TIMEOUT_MS at most. */
enum err_code http_fetch(const struct http_way *way, const atomic_bool *stop, struct buf *out,
                         struct err *err) WARN_UNUSED;

#endif
