/* redis_store_epoch: which Redis was filled. Its name is its replication id: new after every restart and failover, so
 * an epoch that names another one may stand beside lost writes. Looked at on every new connection, before the store
 * counts as up, and whenever asked. */
#include "common/adapters/redis_store_internal.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Redis was away for so long that what this process could not write may be known to nobody else: its own projector,
 * which would write it later, may die first. */
enum { MISSED_MS = 500 };

static const char unnamed_id[] = "unknown"; /* of a Redis that hides its replication id: emptying it is still noticed */

static void on_epoch(void *ctx, const struct redisReply *reply)
{
	struct redis_store *store = ctx;
	bool there = reply && reply->type == REDIS_REPLY_STRING;
	snprintf(store->epoch, sizeof store->epoch, "%s", there ? reply->str : "");
}

static void read_replication_id(struct redis_store *store, const struct redisReply *reply)
{
	static const char name[] = "master_replid:";
	const char *line = reply->type == REDIS_REPLY_STRING ? strstr(reply->str, name) : NULL;
	const char *value = line ? line + strlen(name) : "";
	int len = (int)strcspn(value, "\r\n");
	if (len > 0 && len < REPLICATION_ID_BYTES) {
		snprintf(store->replication_id, sizeof store->replication_id, "%.*s", len, value);
		return;
	}
	if (!store->unnamed)
		log_warn("redis_replication_id_unknown", LOG_STR("needs", "INFO replication"),
		         LOG_STR("means", "a restart that loses writes goes unnoticed"));
	store->unnamed = true;
	snprintf(store->replication_id, sizeof store->replication_id, "%s", unnamed_id);
}

/* Returns: whether the epoch names this Redis; one that names another is removed. */
static bool is_whole(struct redis_store *store)
{
	bool whole = strcmp(store->epoch, store->replication_id) == 0;
	if (!whole && store->epoch[0]) {
		log_warn("redis_is_another", LOG_STR("doing", "what it lacks is filled in again"));
		store_delete_if(store, KEY_EPOCH, store->epoch);
	}
	return whole;
}

/* The one who is filling it now begins anew, too: what it has read may be older than what is missing. */
static void forget_epoch(struct redis_store *store)
{
	const char *right[] = {"DEL", KEY_REBUILD};
	log_warn("redis_was_away", LOG_INT("for_ms", clock_mono_ms() - store->away_since_ms),
	         LOG_STR("doing", "what it lacks is filled in again"));
	store_delete_if(store, KEY_EPOCH, store->epoch);
	store_send_idly(store, "rebuild_right_not_removed", 2, right);
}

static void on_connection_info(void *ctx, const struct redisReply *reply)
{
	struct redis_store *store = ctx;
	if (!reply)
		return;
	read_replication_id(store, reply);
	bool missed = store->away_since_ms != 0 && clock_mono_ms() - store->away_since_ms >= MISSED_MS;
	if (is_whole(store) && missed)
		forget_epoch(store);
	store->away_since_ms = 0;
	store->identified = true;
	store_check_up(store);
}

static void on_info(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	struct redis_store *store = call->store;
	bool whole = false;
	if (reply) {
		read_replication_id(store, reply);
		whole = is_whole(store);
	} else {
		store->lost = true;
	}
	call->fn.whole(call->ctx, reply ? ERR_OK : ERR_UNAVAILABLE, whole);
	free(call);
}

enum err_code store_ask_epoch(struct redis_store *store, struct store_call *call)
{
	const char *get[] = {"GET", KEY_EPOCH};
	const char *info[] = {"INFO", "replication"};
	enum err_code code = redis_link_send(store->link, on_epoch, store, 2, get, NULL);
	if (code != ERR_OK)
		free(call);
	else if (call)
		code = store_send(call, on_info, 2, info, NULL);
	else
		code = redis_link_send(store->link, on_connection_info, store, 2, info, NULL);
	return code;
}

enum err_code redis_store_check_epoch(struct redis_store *store, store_whole_fn fn, void *ctx)
{
	if (!store->up)
		return ERR_UNAVAILABLE;
	struct store_call *call = store_call_new(store, ctx, 0);
	if (!call)
		return ERR_NO_MEMORY;
	call->fn.whole = fn;
	return store_ask_epoch(store, call);
}

/* ---- the right to fill it ---- */

static void right_text(const struct redis_store *store, const char *token, char out[RIGHT_BYTES])
{
	snprintf(out, RIGHT_BYTES, "%.16s %s", token, store->replication_id);
}

static void on_claim(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	bool good = !store_reply_failed(call->store, reply) && reply->type == REDIS_REPLY_INTEGER;
	bool granted = good && reply->integer == 1;
	if (good)
		snprintf(call->store->rebuild_token, TOKEN_BYTES, "%s", granted ? call->token : "");
	call->fn.whole(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE, granted);
	free(call);
}

/* Who was granted the right before may only prolong it: taken anew it would hide that Redis lost it, and with it what
 * was written meanwhile. */
enum err_code redis_store_claim_rebuild(struct redis_store *store, const char *token, int64_t ttl_ms, store_whole_fn fn,
                                        void *ctx)
{
	char right[RIGHT_BYTES], ttl[NUMBER_BYTES];
	bool prolong = strcmp(store->rebuild_token, token) == 0;
	right_text(store, token, right);
	snprintf(ttl, sizeof ttl, "%" PRId64, ttl_ms);
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call) {
		call->fn.whole = fn;
		snprintf(call->token, sizeof call->token, "%s", token);
	}
	return store_send_script(call, on_claim, SCRIPT_REBUILD, 1,
	                         (const char *[]){KEY_REBUILD, token, right, ttl, prolong ? "prolong" : "take", NULL});
}

static void on_epoch_set(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	bool good = !store_reply_failed(call->store, reply) && reply->type == REDIS_REPLY_INTEGER;
	if (call->fn.whole)
		call->fn.whole(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE, good && reply->integer == 1);
	free(call);
}

enum err_code redis_store_set_epoch(struct redis_store *store, const char *token, store_whole_fn fn, void *ctx)
{
	char right[RIGHT_BYTES];
	right_text(store, token, right);
	store->rebuild_token[0] = '\0';
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call)
		call->fn.whole = fn;
	return store_send_script(call, on_epoch_set, SCRIPT_EPOCH, 2,
	                         (const char *[]){KEY_REBUILD, KEY_EPOCH, right, store->replication_id, NULL});
}
