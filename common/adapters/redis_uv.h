/* redis_uv: puts a hiredis asynchronous context on a libuv loop.
 *
 * hiredis's own adapter is not used: it ignores poll errors, so a refused connection would never be noticed. */
#ifndef VERIFYD_REDIS_UV_H
#define VERIFYD_REDIS_UV_H

#include "common/base/err.h"
#include <hiredis/async.h>
#include <uv.h>

/* From now on the loop drives the context, until hiredis frees it. Returns: ERR_OK; ERR_NO_MEMORY. */
enum err_code redis_uv_attach(redisAsyncContext *context, uv_loop_t *loop) WARN_UNUSED;

#endif
