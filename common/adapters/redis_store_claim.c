/* redis_store_claim: who asked a question first: `verifyd:q:<question>` -> its id. Nearly every question is new, and
 * one command claims it; whose it is otherwise takes a second turn. */
#include "common/adapters/redis_store_internal.h"
#include <hiredis/hiredis.h>
#include <string.h>

enum { CLAIMS_KEPT = 512 };

/* One claim on its way; given back with its answer. */
struct claim {
	struct redis_store *store;
	store_claim_fn fn;
	void *ctx;
	char key[KEY_BYTES], id[ID_BYTES], ttl[NUMBER_BYTES];
};

void store_claims_init(struct redis_store *store)
{
	spares_init(&store->claims, sizeof(struct claim), CLAIMS_KEPT);
}

void store_key_of_question(char out[KEY_BYTES], const char *question)
{
	store_key(out, (const char *[]){"verifyd:q:", question, NULL});
}

static void finish(struct claim *claim, enum err_code code, const char *holder)
{
	store_claim_fn fn = claim->fn;
	void *ctx = claim->ctx;
	char id[ID_BYTES] = "";
	if (holder)
		memcpy(id, holder, ID_BYTES - 1);
	spares_give(&claim->store->claims, claim); /* before: who is called may close the store */
	fn(ctx, code, holder ? id : NULL);
}

static enum err_code send_set(struct claim *claim, redis_reply_fn fn)
{
	const char *argv[] = {"SET", claim->key, claim->id, "NX", "EX", claim->ttl};
	return claim->store->up ? redis_link_send(claim->store->link, fn, claim, 6, argv, NULL) : ERR_UNAVAILABLE;
}

static void on_holder(void *ctx, const struct redisReply *reply)
{
	struct claim *claim = ctx;
	bool good = !store_reply_failed(claim->store, reply) && reply->type == REDIS_REPLY_STRING &&
	            reply->len == ID_BYTES - 1;
	finish(claim, good ? ERR_OK : ERR_UNAVAILABLE, good ? reply->str : NULL);
}

/* Claimed once more with it: its holder may have given it up meanwhile, and there is nothing to read then. */
static enum err_code ask_holder(struct claim *claim)
{
	enum err_code code = send_set(claim, NULL);
	if (code != ERR_OK)
		return code;
	return redis_link_send(claim->store->link, on_holder, claim, 2, (const char *[]){"GET", claim->key}, NULL);
}

static void on_set(void *ctx, const struct redisReply *reply)
{
	struct claim *claim = ctx;
	if (store_reply_failed(claim->store, reply))
		finish(claim, ERR_UNAVAILABLE, NULL);
	else if (reply->type == REDIS_REPLY_STATUS)
		finish(claim, ERR_OK, claim->id);
	else if (ask_holder(claim) != ERR_OK)
		finish(claim, ERR_UNAVAILABLE, NULL);
}

enum err_code redis_store_claim(struct redis_store *store, const char *question, const char *id, int ttl_s,
                                store_claim_fn fn, void *ctx)
{
	struct claim *claim = spares_take(&store->claims);
	if (!claim)
		return ERR_NO_MEMORY;
	claim->store = store;
	claim->fn = fn;
	claim->ctx = ctx;
	store_key_of_question(claim->key, question);
	memcpy(claim->id, id, ID_BYTES);
	decimal_write(ttl_s, claim->ttl);
	enum err_code code = send_set(claim, on_set);
	if (code != ERR_OK)
		spares_give(&store->claims, claim);
	return code;
}
