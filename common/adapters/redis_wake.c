/* redis_wake: one connection that is subscribed to all shards. */
#include "common/adapters/redis_wake.h"
#include "common/adapters/redis_link.h"
#include "common/adapters/redis_store.h"
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct redis_wake {
	struct redis_link *link;
	struct redis_wake_options options;
};

static void on_message(void *ctx, const struct redisReply *reply)
{
	struct redis_wake *wake = ctx;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
		return;
	const struct redisReply *what = reply->element[0], *payload = reply->element[2];
	if (what->type != REDIS_REPLY_STRING)
		return;
	if (strcmp(what->str, "message") == 0 && payload->type == REDIS_REPLY_STRING)
		wake->options.on_state(wake->options.ctx, payload->str, payload->len);
	else if (strcmp(what->str, "subscribe") == 0 && payload->type == REDIS_REPLY_INTEGER &&
	         payload->integer == WAKE_SHARDS)
		wake->options.on_subscribed(wake->options.ctx);
}

static void on_up(void *ctx)
{
	struct redis_wake *wake = ctx;
	char channels[WAKE_SHARDS][32];
	const char *argv[1 + WAKE_SHARDS] = {"SUBSCRIBE"};
	for (int i = 0; i < WAKE_SHARDS; i++) {
		snprintf(channels[i], sizeof channels[i], "verifyd:wake:%d", i);
		argv[1 + i] = channels[i];
	}
	if (redis_link_subscribe(wake->link, on_message, wake, 1 + WAKE_SHARDS, argv, NULL) != ERR_OK)
		redis_link_reset(wake->link, "cannot subscribe");
}

enum err_code redis_wake_new(uv_loop_t *loop, const struct redis_url *url, const struct redis_wake_options *options,
                             struct redis_wake **ret_wake, struct err *err)
{
	struct redis_wake *wake = calloc(1, sizeof *wake);
	if (!wake)
		return err_set(err, ERR_NO_MEMORY, "wake-up listener");
	wake->options = *options;
	const struct redis_link_options link_options = {.role = "wake", .url = *url, .on_up = on_up, .ctx = wake};
	enum err_code code = redis_link_new(loop, &link_options, &wake->link, err);
	if (code != ERR_OK)
		free(wake);
	else
		*ret_wake = wake;
	return code;
}

bool redis_wake_is_up(const struct redis_wake *wake)
{
	return redis_link_is_up(wake->link);
}

void redis_wake_reset(struct redis_wake *wake)
{
	redis_link_reset(wake->link, "the store's connection hangs");
}

void redis_wake_close(struct redis_wake *wake)
{
	if (!wake)
		return;
	redis_link_close(wake->link);
	free(wake);
}
