/* redis_store_epoch: which Redis was filled. Its name is its replication id: new after every restart and failover, so
 * an epoch that names another one may stand beside lost writes. Looked at on every new connection, before the store
 * counts as up, and whenever asked. */
#include "common/adapters/redis_store_internal.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Redis was away for so long that what this process could not write may be known to nobody else: its own projector,
 * which would write it later, may die first. */
enum { MISSED_MS = 500 };
#define COUNT_TTL_MS    "86400000" /* of the count of such outages; a count that begins anew is another one, too */
#define PROGRESS_TTL_MS "3600000"

static const char unnamed_id[] = "unknown"; /* of a Redis that hides its replication id: emptying it is still noticed */

static void on_epoch(void *ctx, const struct redisReply *reply)
{
	struct redis_store *store = ctx;
	bool there = reply && reply->type == REDIS_REPLY_STRING;
	snprintf(store->epoch, sizeof store->epoch, "%s", there ? reply->str : "");
}

/* What a replica tells is the primary's, its replication id too; it gets one of its own when it takes the primary's
 * place. */
static bool is_replica(const struct redisReply *reply)
{
	return reply->type == REDIS_REPLY_STRING && strstr(reply->str, "role:slave");
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

/* Who fills it now is told by the count to read on: what this process could not write may have come after what was
 * read. */
static void forget_epoch(struct redis_store *store, bool whole)
{
	const char *count[] = {"INCR", KEY_MISSED}, *expire[] = {"PEXPIRE", KEY_MISSED, COUNT_TTL_MS};
	if (whole) {
		log_warn("redis_was_away", LOG_INT("for_ms", clock_mono_ms() - store->away_since_ms),
		         LOG_STR("doing", "what it lacks is filled in again"));
		store_delete_if(store, KEY_EPOCH, store->epoch);
	}
	store_send_idly(store, "outage_not_counted", 2, count);
	store_send_idly(store, "outage_not_counted", 3, expire);
}

static void on_connection_info(void *ctx, const struct redisReply *reply)
{
	struct redis_store *store = ctx;
	if (!reply)
		return;
	if (is_replica(reply)) {
		redis_link_reset(store->link, "it became a replica");
		return;
	}
	read_replication_id(store, reply);
	bool whole = is_whole(store);
	if (store->away_since_ms != 0 && clock_mono_ms() - store->away_since_ms >= MISSED_MS)
		forget_epoch(store, whole);
	store->away_since_ms = 0;
	store->identified = true;
	store_check_up(store);
}

static void on_info(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	struct redis_store *store = call->store;
	bool good = reply && !is_replica(reply), whole = false;
	if (good) {
		read_replication_id(store, reply);
		whole = is_whole(store);
	} else {
		store->lost = true;
	}
	call->fn.whole(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE, whole);
	if (reply && !good)
		redis_link_reset(store->link, "it became a replica");
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

/* As the scripts say. */
_Static_assert(EPOCH_NOT_OURS == 0 && EPOCH_SET == 1 && EPOCH_MISSED == 2, "epoch_script");

static const char *text_of(const struct redisReply *reply)
{
	return reply->type == REDIS_REPLY_STRING ? reply->str : "";
}

static void right_text(const struct redis_store *store, const char *token, char out[RIGHT_BYTES])
{
	snprintf(out, RIGHT_BYTES, "%.16s %s", token, store->replication_id);
}

static void on_claim(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	struct redis_store *store = call->store;
	bool good = !store_reply_failed(store, reply) && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
	bool granted = good && reply->element[0]->integer == 1, taken = granted && !call->prolongs;
	if (good)
		snprintf(store->rebuild_token, TOKEN_BYTES, "%s", granted ? call->token : "");
	if (taken)
		snprintf(store->missed, sizeof store->missed, "%s", text_of(reply->element[1]));
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
	decimal_write(ttl_ms, ttl);
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call) {
		call->fn.whole = fn;
		call->prolongs = prolong;
		snprintf(call->token, sizeof call->token, "%s", token);
	}
	return store_send_script(
	        call, on_claim, SCRIPT_REBUILD, 2,
	        (const char *[]){KEY_REBUILD, KEY_MISSED, token, right, ttl, prolong ? "prolong" : "take", NULL});
}

static void on_epoch_set(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	struct redis_store *store = call->store;
	bool good = !store_reply_failed(store, reply) && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
	enum epoch_set set = good ? (enum epoch_set)reply->element[0]->integer : EPOCH_NOT_OURS;
	if (good && set == EPOCH_MISSED)
		snprintf(store->missed, sizeof store->missed, "%s", text_of(reply->element[1]));
	else
		store->rebuild_token[0] = '\0';
	call->fn.epoch(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE, set);
	free(call);
}

enum err_code redis_store_set_epoch(struct redis_store *store, const char *token, store_epoch_fn fn, void *ctx)
{
	char right[RIGHT_BYTES];
	right_text(store, token, right);
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call)
		call->fn.epoch = fn;
	return store_send_script(call, on_epoch_set, SCRIPT_EPOCH, 3,
	                         (const char *[]){KEY_REBUILD, KEY_EPOCH, KEY_MISSED, right, store->replication_id,
	                                          store->missed, NULL});
}

/* ---- on purpose, and how far it is ---- */

static void on_dropped(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	bool good = !store_reply_failed(call->store, reply) && reply->type == REDIS_REPLY_INTEGER;
	call->fn.whole(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE, good && reply->integer == 1);
	free(call);
}

enum err_code redis_store_drop_epoch(struct redis_store *store, store_whole_fn fn, void *ctx)
{
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call)
		call->fn.whole = fn;
	return store_send(call, on_dropped, 2, (const char *[]){"DEL", KEY_EPOCH}, NULL);
}

void redis_store_tell_rebuild(struct redis_store *store, const char *progress)
{
	if (store->up)
		store_send_idly(store, "progress", 5,
		                (const char *[]){"SET", KEY_PROGRESS, progress, "PX", PROGRESS_TTL_MS});
}

static void on_looked(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	bool good = !store_reply_failed(call->store, reply) && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
	bool is_held = good && reply->element[0]->type == REDIS_REPLY_STRING;
	const char *progress = good ? text_of(reply->element[1]) : "";
	call->fn.look(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE, is_held, progress);
	free(call);
}

enum err_code redis_store_look_rebuild(struct redis_store *store, store_look_fn fn, void *ctx)
{
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call)
		call->fn.look = fn;
	return store_send(call, on_looked, 3, (const char *[]){"MGET", KEY_REBUILD, KEY_PROGRESS}, NULL);
}
