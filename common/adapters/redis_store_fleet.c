/* redis_store_fleet: what each worker and each ingress says of itself, in a hash of its kind: small, rewritten every
 * second, worth nothing once it is old. */
#include "common/adapters/redis_store_internal.h"
#include "common/base/log.h"
#include "common/domain/worker_status.h"
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#define KEY_WORKERS   "verifyd:workers"
#define KEY_INGRESSES "verifyd:ingresses"

static void put(struct redis_store *store, const char *key, const char *name, const char *status, size_t len)
{
	const char *argv[] = {"HSET", key, name, status};
	const size_t argv_len[] = {4, strlen(key), strlen(name), len};
	char ttl[NUMBER_BYTES];
	if (!store->up)
		return;
	if (redis_link_send(store->link, NULL, NULL, 4, argv, argv_len) != ERR_OK)
		log_debug("redis_command_skipped", LOG_STR("what", key));
	decimal_write(WORKER_FORGET_MS, ttl); /* of the hash: the last one of all leaves nothing */
	store_send_idly(store, "fleet_ttl", 3, (const char *[]){"PEXPIRE", key, ttl});
}

void redis_store_put_worker(struct redis_store *store, const char *name, const char *status, size_t len)
{
	put(store, KEY_WORKERS, name, status, len);
}

void redis_store_put_ingress(struct redis_store *store, const char *name, const char *status, size_t len)
{
	put(store, KEY_INGRESSES, name, status, len);
}

void redis_store_remove_worker(struct redis_store *store, const char *name)
{
	store_send_idly(store, "worker_gone", 3, (const char *[]){"HDEL", KEY_WORKERS, name});
}

void redis_store_remove_ingress(struct redis_store *store, const char *name)
{
	store_send_idly(store, "ingress_gone", 3, (const char *[]){"HDEL", KEY_INGRESSES, name});
}

static void on_fleet(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	bool good = !store_reply_failed(call->store, reply) && reply->type == REDIS_REPLY_ARRAY;
	size_t end = good ? reply->elements : 0;
	for (size_t i = 0; i + 1 < end && i / 2 < FLEET_MAX_WORKERS; i += 2) {
		const struct redisReply *name = reply->element[i], *status = reply->element[i + 1];
		bool readable = name->type == REDIS_REPLY_STRING && status->type == REDIS_REPLY_STRING &&
		                name->len > 0 && name->len < WORKER_NAME_BYTES && strlen(name->str) == name->len;
		if (readable)
			call->fn.worker(call->ctx, name->str, status->str, status->len);
	}
	call->done(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE);
	free(call);
}

static enum err_code read_fleet(struct redis_store *store, const char *key, store_worker_fn fn, store_done_fn done,
                                void *ctx)
{
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call) {
		call->fn.worker = fn;
		call->done = done;
	}
	return store_send(call, on_fleet, 2, (const char *[]){"HGETALL", key}, NULL);
}

enum err_code redis_store_read_workers(struct redis_store *store, store_worker_fn fn, store_done_fn done, void *ctx)
{
	return read_fleet(store, KEY_WORKERS, fn, done, ctx);
}

enum err_code redis_store_read_ingresses(struct redis_store *store, store_worker_fn fn, store_done_fn done, void *ctx)
{
	return read_fleet(store, KEY_INGRESSES, fn, done, ctx);
}

/* {"<seconds>", "<microseconds>"} */
static void on_time(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	bool good = !store_reply_failed(call->store, reply) && reply->type == REDIS_REPLY_ARRAY &&
	            reply->elements == 2 && reply->element[0]->str && reply->element[1]->str;
	int64_t ms = good ? strtoll(reply->element[0]->str, NULL, 10) * 1000 +
	                             strtoll(reply->element[1]->str, NULL, 10) / 1000
	                  : 0;
	call->fn.time(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE, ms);
	free(call);
}

enum err_code redis_store_read_time(struct redis_store *store, store_time_fn fn, void *ctx)
{
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call)
		call->fn.time = fn;
	return store_send(call, on_time, 1, (const char *[]){"TIME"}, NULL);
}
