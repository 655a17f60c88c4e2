/* redis_store: states, questions and leases: keys, scripts and replies. The connection's life is redis_link's. */
#include "common/adapters/redis_store.h"
#include "common/adapters/redis_store_internal.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct store_call *store_call_new(struct redis_store *store, void *ctx, size_t ids)
{
	struct store_call *call = calloc(1, sizeof *call + ids * ID_BYTES);
	if (call) {
		call->store = store;
		call->ctx = ctx;
		call->count = ids;
	}
	return call;
}

void store_key(char out[KEY_BYTES], const char *const *parts)
{
	size_t at = 0;
	for (; *parts; parts++) {
		size_t len = strnlen(*parts, KEY_BYTES - 1 - at);
		memcpy(out + at, *parts, len);
		at += len;
	}
	out[at] = '\0';
}

void store_key_of_state(char out[KEY_BYTES], const char *id)
{
	store_key(out, (const char *[]){"verifyd:v:{", id, "}", NULL});
}

static void key_of_lease(char out[KEY_BYTES], const char *id, const char *op)
{
	store_key(out, (const char *[]){"verifyd:lease:{", id, "}:", op, NULL});
}

void store_channel_of(char out[CHANNEL_BYTES], const char *id)
{
	static const char name[] = "verifyd:wake:";
	memcpy(out, name, sizeof name - 1);
	decimal_write(wake_shard(id), out + sizeof name - 1);
}

int64_t store_ttl_of_state(const struct redis_store *store, enum state state)
{
	return state_is_final(state) ? store->retention_ms : STORE_QUEUED_TTL_MS;
}

/* ---- going up ---- */

static void set_up(struct redis_store *store, bool up)
{
	if (store->up == up)
		return;
	store->up = up;
	if (up && !redis_store_is_coming(store))
		store->back_ms = clock_mono_ms();
	if (!up)
		store->away_since_ms = clock_mono_ms();
	store->was_up = true;
	if (store->on_change)
		store->on_change(store->ctx, up);
}

void store_check_up(struct redis_store *store)
{
	if (store->policy_good && store->loaded == SCRIPT_COUNT && store->identified)
		set_up(store, true);
}

static void on_policy(void *ctx, const struct redisReply *reply)
{
	struct redis_store *store = ctx;
	if (!reply)
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		/* managed services hide CONFIG: say so, and trust the operator */
		log_warn("redis_policy_unknown", LOG_STR("needs", "maxmemory-policy noeviction"));
	} else if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
	           strcmp(reply->element[1]->str, "noeviction") != 0) {
		log_error("redis_evicts", LOG_STR("policy", reply->element[1]->str), LOG_STR("needs", "noeviction"));
		return; /* stays down until the next connection finds it mended */
	}
	store->policy_good = true;
	store_check_up(store);
}

static void on_loaded(void *ctx, const struct redisReply *reply)
{
	struct redis_store *store = ctx;
	if (!reply)
		return;
	if (reply->type != REDIS_REPLY_STRING || reply->len != SHA_BYTES - 1) {
		log_error("redis_script_refused", LOG_INT("script", store->loaded));
		return;
	}
	memcpy(store->sha[store->loaded++], reply->str, SHA_BYTES);
	store_check_up(store);
}

static void on_link_up(void *ctx)
{
	struct redis_store *store = ctx;
	store->loaded = 0;
	store->policy_good = store->identified = store->lost = false;
	const char *policy[] = {"CONFIG", "GET", "maxmemory-policy"};
	enum err_code code = redis_link_send(store->link, on_policy, store, 3, policy, NULL);
	for (int i = 0; i < SCRIPT_COUNT && code == ERR_OK; i++) {
		const char *load[] = {"SCRIPT", "LOAD", redis_script((enum redis_script)i)};
		code = redis_link_send(store->link, on_loaded, store, 3, load, NULL);
	}
	if (code == ERR_OK)
		code = store_ask_epoch(store, NULL); /* last: it may want the scripts */
	if (code != ERR_OK)
		redis_link_reset(store->link, "cannot ask for what must be known");
}

static void on_link_down(void *ctx)
{
	set_up(ctx, false);
}

enum err_code redis_store_new(uv_loop_t *loop, const struct redis_url *url, int64_t retention_ms,
                              void (*on_change)(void *ctx, bool up), void *ctx, struct redis_store **ret_store,
                              struct err *err)
{
	struct redis_store *store = calloc(1, sizeof *store);
	if (!store)
		return err_set(err, ERR_NO_MEMORY, "redis store");
	store->retention_ms = retention_ms;
	store->opened_ms = clock_mono_ms();
	store_claims_init(store);
	store->on_change = on_change;
	store->ctx = ctx;
	const struct redis_link_options options = {
	        .role = "store", .url = *url, .on_up = on_link_up, .on_down = on_link_down, .ctx = store};
	enum err_code code = redis_link_new(loop, &options, &store->link, err);
	if (code != ERR_OK)
		free(store);
	else
		*ret_store = store;
	return code;
}

void redis_store_close(struct redis_store *store)
{
	if (!store)
		return;
	store->on_change = NULL;
	redis_link_close(store->link);
	spares_fini(&store->claims);
	free(store);
}

bool redis_store_is_up(const struct redis_store *store)
{
	return store->up && !store->lost;
}

bool redis_store_is_coming(const struct redis_store *store)
{
	return !store->was_up && clock_mono_ms() - store->opened_ms < STORE_COMING_MS;
}

int64_t redis_store_back_ms(const struct redis_store *store)
{
	return store->back_ms;
}

enum err_code store_send(struct store_call *call, redis_reply_fn fn, int argc, const char **argv,
                         const size_t *argv_len)
{
	if (!call)
		return ERR_NO_MEMORY;
	enum err_code code =
	        call->store->up ? redis_link_send(call->store->link, fn, call, argc, argv, argv_len) : ERR_UNAVAILABLE;
	if (code != ERR_OK)
		free(call);
	return code;
}

enum err_code store_send_script(struct store_call *call, redis_reply_fn fn, enum redis_script script, int keys,
                                const char *const *argv)
{
	char count[NUMBER_BYTES];
	const char *all[3 + SCRIPT_MAX_ARGUMENTS] = {"EVALSHA", call ? call->store->sha[script] : NULL, count};
	int argc = 3;
	decimal_write(keys, count);
	for (; *argv; argv++) {
		assert(argc < 3 + SCRIPT_MAX_ARGUMENTS);
		all[argc++] = *argv;
	}
	return store_send(call, fn, argc, all, NULL);
}

void store_send_idly(struct redis_store *store, const char *what, int argc, const char **argv)
{
	if (redis_link_send(store->link, NULL, NULL, argc, argv, NULL) != ERR_OK)
		log_debug("redis_command_skipped", LOG_STR("what", what));
}

void store_delete_if(struct redis_store *store, const char *key, const char *value)
{
	store_send_idly(store, "delete", 5, (const char *[]){"EVALSHA", store->sha[SCRIPT_DELETE_IF], "1", key, value});
}

bool store_reply_failed(struct redis_store *store, const struct redisReply *reply)
{
	if (!reply) {
		store->lost = true;
		return true;
	}
	if (reply->type != REDIS_REPLY_ERROR)
		return false;
	char code[16];
	snprintf(code, sizeof code, "%.*s", (int)strcspn(reply->str, " "), reply->str);
	log_warn("redis_error", LOG_STR("code", code));
	if (strcmp(code, "NOSCRIPT") == 0 || strcmp(code, "READONLY") == 0)
		redis_link_reset(store->link, code);
	return true;
}

static void value_of(const struct redisReply *reply, const char **ret_value, size_t *ret_len)
{
	bool there = reply->type == REDIS_REPLY_STRING;
	*ret_value = there ? reply->str : NULL;
	*ret_len = there ? reply->len : 0;
}

/* ---- operations ---- */

void store_on_text(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	const char *value = NULL;
	size_t len = 0;
	bool failed = store_reply_failed(call->store, reply);
	if (!failed)
		value_of(reply, &value, &len);
	call->fn.get(call->ctx, failed ? ERR_UNAVAILABLE : ERR_OK, value, len);
	free(call);
}

/* As a text or nil, but an integer when nobody can say that there is none. */
static void on_get(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	if (!reply || reply->type != REDIS_REPLY_INTEGER) {
		store_on_text(ctx, reply);
		return;
	}
	call->fn.get(call->ctx, ERR_UNAVAILABLE, NULL, 0);
	free(call);
}

enum err_code redis_store_get(struct redis_store *store, const char *id, store_get_fn fn, void *ctx)
{
	char key[KEY_BYTES];
	store_key_of_state(key, id);
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call)
		call->fn.get = fn;
	return store_send_script(call, on_get, SCRIPT_GET, 2, (const char *[]){key, KEY_EPOCH, NULL});
}

static void on_get_many(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	bool failed = store_reply_failed(call->store, reply);
	for (size_t i = 0; !failed && i < call->count && i < reply->elements; i++) {
		const char *value;
		size_t len;
		value_of(reply->element[i], &value, &len);
		call->fn.each(call->ctx, call->ids[i], value, len);
	}
	free(call);
}

enum err_code redis_store_get_many(struct redis_store *store, const char *const *ids, size_t count, store_each_fn fn,
                                   void *ctx)
{
	char keys[STORE_MGET_MAX][KEY_BYTES];
	const char *argv[1 + STORE_MGET_MAX] = {"MGET"};
	if (count == 0 || count > STORE_MGET_MAX)
		return ERR_LIMIT;
	struct store_call *call = store_call_new(store, ctx, count);
	if (!call)
		return ERR_NO_MEMORY;
	call->fn.each = fn;
	for (size_t i = 0; i < count; i++) {
		store_key_of_state(keys[i], ids[i]);
		argv[1 + i] = keys[i];
		snprintf(call->ids[i], ID_BYTES, "%s", ids[i]);
	}
	return store_send(call, on_get_many, (int)count + 1, argv, NULL);
}

static void on_done(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	bool failed = store_reply_failed(call->store, reply);
	if (call->fn.done)
		call->fn.done(call->ctx, failed ? ERR_UNAVAILABLE : ERR_OK);
	free(call);
}

enum err_code redis_store_put_first(struct redis_store *store, const char *id, const char *value, size_t len,
                                    store_done_fn fn, void *ctx)
{
	char key[KEY_BYTES], ttl[NUMBER_BYTES];
	store_key_of_state(key, id);
	const size_t ttl_len = (size_t)(decimal_write(STORE_QUEUED_TTL_MS, ttl) - ttl);
	const char *argv[] = {"SET", key, value, "NX", "PX", ttl};
	const size_t argv_len[] = {3, strlen(key), len, 2, 2, ttl_len};
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call)
		call->fn.done = fn;
	return store_send(call, on_done, 6, argv, argv_len);
}

/* {LEASE_ANSWERED, "<token> <answer>"} */
static void on_answered(struct store_call *call, const char *held, size_t len)
{
	char token[TOKEN_BYTES];
	bool good = held && len > TOKEN_BYTES;
	if (good) {
		memcpy(token, held, TOKEN_BYTES - 1);
		token[TOKEN_BYTES - 1] = '\0';
	}
	call->fn.lease(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE, LEASE_ANSWERED, token,
	               good ? held + TOKEN_BYTES : NULL, good ? len - TOKEN_BYTES : 0);
}

static void on_lease(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	const char *value = NULL;
	size_t len = 0;
	bool good = !store_reply_failed(call->store, reply) && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
	enum lease lease = good ? (enum lease)reply->element[0]->integer : LEASE_ANOTHERS;
	if (good)
		value_of(reply->element[1], &value, &len);
	if (lease == LEASE_ANSWERED)
		on_answered(call, value, len);
	else
		call->fn.lease(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE, lease, "", value, len);
	free(call);
}

enum err_code redis_store_lease(struct redis_store *store, const char *id, const char *op, const char *token,
                                int64_t ttl_ms, bool whole, store_lease_fn fn, void *ctx)
{
	char lease[KEY_BYTES], state[KEY_BYTES], ttl[NUMBER_BYTES];
	key_of_lease(lease, id, op);
	store_key_of_state(state, id);
	decimal_write(ttl_ms, ttl);
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call)
		call->fn.lease = fn;
	return store_send_script(call, on_lease, SCRIPT_LEASE, 3,
	                         (const char *[]){lease, state, KEY_EPOCH, token, ttl, whole ? "whole" : "any", NULL});
}

static void on_put(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	bool failed = store_reply_failed(call->store, reply);
	if (call->fn.put)
		call->fn.put(call->ctx, failed ? ERR_UNAVAILABLE : ERR_OK, !failed && reply->integer == 1);
	free(call);
}

enum err_code redis_store_put(struct redis_store *store, const struct verification *verification, const char *value,
                              size_t len, const char *op, const char *token, const char *drop_question, store_put_fn fn,
                              void *ctx)
{
	char state[KEY_BYTES], lease[KEY_BYTES], pointer[KEY_BYTES], rank[NUMBER_BYTES], rev[NUMBER_BYTES],
	        ttl[NUMBER_BYTES], channel[CHANNEL_BYTES], attempts[NUMBER_BYTES];
	store_key_of_state(state, verification->id);
	key_of_lease(lease, verification->id, op);
	decimal_write(state_rank(verification->state), rank);
	decimal_write(verification->rev, rev);
	decimal_write(verification->attempts, attempts);
	decimal_write(store_ttl_of_state(store, verification->state), ttl);
	store_channel_of(channel, verification->id);
	const char *argv[] = {"EVALSHA", store->sha[SCRIPT_PUT], "2",     state, lease, rank, rev, value, ttl,
	                      channel,   token ? token : "",     attempts};
	const size_t argv_len[] = {7,
	                           strlen(argv[1]),
	                           1,
	                           strlen(state),
	                           strlen(lease),
	                           strlen(rank),
	                           strlen(rev),
	                           len,
	                           strlen(ttl),
	                           strlen(channel),
	                           strlen(argv[10]),
	                           strlen(attempts)};
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call)
		call->fn.put = fn;
	enum err_code code = store_send(call, on_put, 12, argv, argv_len);
	if (code == ERR_OK && drop_question) {
		store_key_of_question(pointer, drop_question);
		store_delete_if(store, pointer, verification->id);
	}
	return code;
}

enum err_code redis_store_keep_answer(struct redis_store *store, const char *id, const char *op, const char *token,
                                      const char *value, size_t len, store_done_fn fn, void *ctx)
{
	char lease[KEY_BYTES], ttl[NUMBER_BYTES];
	key_of_lease(lease, id, op);
	decimal_write(STORE_ANSWER_TTL_MS, ttl);
	const char *argv[] = {"EVALSHA", store->sha[SCRIPT_KEEP], "1", lease, token, value, ttl};
	const size_t argv_len[] = {7, strlen(argv[1]), 1, strlen(lease), strlen(token), len, strlen(ttl)};
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call)
		call->fn.done = fn;
	return store_send(call, on_done, 7, argv, argv_len);
}

void redis_store_release(struct redis_store *store, const char *id, const char *op, const char *token)
{
	char lease[KEY_BYTES];
	key_of_lease(lease, id, op);
	store_delete_if(store, lease, token);
}

/* CRC-32 (of zlib), four bits at a time. */
unsigned wake_shard(const char *id)
{
	static const uint32_t of_bits[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
	                                     0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
	                                     0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
	uint32_t crc = 0xFFFFFFFFu;
	for (; *id; id++) {
		crc ^= (unsigned char)*id;
		crc = crc >> 4 ^ of_bits[crc & 15];
		crc = crc >> 4 ^ of_bits[crc & 15];
	}
	return ~crc % WAKE_SHARDS;
}
