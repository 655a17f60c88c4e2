/* redis_store_keys: what an Idempotency-Key stands for: `verifyd:key:<key>` -> "<body> <id>". */
#include "common/adapters/redis_store_internal.h"
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_BYTES = QUESTION_BYTES + ID_BYTES };

static void key_of_key(char out[KEY_BYTES], const char *key)
{
	store_key(out, (const char *[]){"verifyd:key:", key, NULL});
}

/* call->token holds nothing that long: the body's name follows the call. */
static void on_key(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	const char *body = (const char *)call->ids;
	const size_t body_len = QUESTION_BYTES - 1;
	bool good = !store_reply_failed(call->store, reply) && reply->type == REDIS_REPLY_STRING &&
	            reply->len == VALUE_BYTES - 1 && id_is_valid(reply->str + QUESTION_BYTES, ID_BYTES - 1);
	bool same = good && memcmp(reply->str, body, body_len) == 0;
	call->fn.key(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE, same, same ? reply->str + QUESTION_BYTES : NULL);
	free(call);
}

enum err_code redis_store_claim_key(struct redis_store *store, const char *key, const char *body, const char *id,
                                    int64_t ttl_ms, store_key_fn fn, void *ctx)
{
	char name[KEY_BYTES], value[VALUE_BYTES], ttl[NUMBER_BYTES];
	key_of_key(name, key);
	snprintf(value, sizeof value, "%s %s", body, id);
	decimal_write(ttl_ms, ttl);
	struct store_call *call = store_call_new(store, ctx, (QUESTION_BYTES + ID_BYTES - 1) / ID_BYTES);
	if (call) {
		call->fn.key = fn;
		snprintf((char *)call->ids, QUESTION_BYTES, "%s", body);
	}
	return store_send_script(call, on_key, SCRIPT_KEY, 2, (const char *[]){name, KEY_EPOCH, value, ttl, NULL});
}

void redis_store_name_key(struct redis_store *store, const char *key, const char *body, const char *id)
{
	char name[KEY_BYTES], value[VALUE_BYTES];
	key_of_key(name, key);
	snprintf(value, sizeof value, "%s %s", body, id);
	store_send_idly(store, "key", 5, (const char *[]){"SET", name, value, "XX", "KEEPTTL"});
}
