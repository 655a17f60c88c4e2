/* redis_link: one asynchronous Redis connection that keeps itself up: resolves, connects, authenticates, selects, refuses replicas,
 * times commands out and reconnects with full jitter. hiredis 0.14 has none of these.
 *
 * Lives in one loop thread. DNS runs in libuv's thread pool, so nothing here blocks. */
#ifndef VERIFYD_REDIS_LINK_H
#define VERIFYD_REDIS_LINK_H

#include "common/adapters/redis_url.h"
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct redisReply;
struct redis_link;

enum {
	/* Times in which the loop turned: a process that stood still has not listened. */
	REDIS_OP_TIMEOUT_MS = 1000,
	REDIS_HANDSHAKE_TIMEOUT_MS = 2000,
	REDIS_RETRY_CAP_MS = 1000,
	REDIS_MAX_PENDING = 200000
};

/* reply NULL: the connection was lost or the command timed out; whether Redis did it is not known.
 * The reply belongs to hiredis and lives for the call. */
typedef void (*redis_reply_fn)(void *ctx, const struct redisReply *reply);

struct redis_link_options {
	const char *role;           /* for logs: "store", "wake" */
	struct redis_url url;       /* copied */
	void (*on_up)(void *ctx);   /* connected and authenticated; may be NULL */
	void (*on_down)(void *ctx); /* was up, is not any more; may be NULL */
	void *ctx;
};

/* Starts connecting. Returns: ERR_OK; ERR_NO_MEMORY; ERR_IO. */
enum err_code redis_link_new(uv_loop_t *loop, const struct redis_link_options *options, struct redis_link **ret_link,
                             struct err *err) WARN_UNUSED;

/* Sends a command. Returns: ERR_OK (fn is called exactly once, never from inside this call); ERR_UNAVAILABLE (not up);
 * ERR_LIMIT (REDIS_MAX_PENDING; REDIS_MAX_COMMAND_BYTES of redis_command.h); ERR_NO_MEMORY. Any bytes may stand in an
 * argument; argv_len NULL: each ends with its '\0'. fn may be NULL. */
enum err_code redis_link_send(struct redis_link *link, redis_reply_fn fn, void *ctx, int argc, const char **argv,
                              const size_t *argv_len) WARN_UNUSED;

/* Subscribes to channels; fn is called for every message (an array reply "message", channel, payload) until the
 * connection ends; after the next on_up it must be called again. No other command may follow on this link. */
enum err_code redis_link_subscribe(struct redis_link *link, redis_reply_fn fn, void *ctx, int argc, const char **argv,
                                   const size_t *argv_len) WARN_UNUSED;

bool redis_link_is_up(const struct redis_link *link);

/* Breaks the connection and reconnects: for a peer that is known to hang, or that refuses what it must not. */
void redis_link_reset(struct redis_link *link, const char *why);

/* Fails what is pending, closes, frees; the loop must run until its handles have closed. Accepts NULL. */
void redis_link_close(struct redis_link *link);

#endif
