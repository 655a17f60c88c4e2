/* redis_wake: hears every state change of the fleet (verifyd:wake:0..63). Pub/sub may drop: whoever waits re-reads when
 * it hears on_subscribed, and from time to time. */
#ifndef VERIFYD_REDIS_WAKE_H
#define VERIFYD_REDIS_WAKE_H

#include "common/adapters/redis_url.h"
#include <stddef.h>
#include <uv.h>

struct redis_wake;

struct redis_wake_options {
	/* value: the new state as verification_encode wrote it; lives for the call */
	void (*on_state)(void *ctx, const char *value, size_t len);
	void (*on_subscribed)(void *ctx); /* what was published before this may have been missed */
	void *ctx;
};

enum err_code redis_wake_new(uv_loop_t *loop, const struct redis_url *url, const struct redis_wake_options *options,
                             struct redis_wake **ret_wake, struct err *err) WARN_UNUSED;
bool redis_wake_is_up(const struct redis_wake *wake);
/* Reconnects: for when the store noticed that Redis hangs; a subscriber alone cannot. */
void redis_wake_reset(struct redis_wake *wake);
void redis_wake_close(struct redis_wake *wake); /* accepts NULL */

#endif
