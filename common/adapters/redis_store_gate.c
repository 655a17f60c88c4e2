/* redis_store_gate: one question to the gate's script and its answer; and which breakers are open. */
#include "common/adapters/redis_store_internal.h"
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLY_MEMBERS = 12, REPLY_REASON = 11, MAX_BREAKERS = 64, OP_BYTES = 64 };

static void key_of_breaker(char out[KEY_BYTES], const char *vendor)
{
	store_key(out, (const char *[]){"verifyd:breaker:", vendor, NULL});
}

/* ---- asking ---- */

static bool read_reply(const struct redisReply *reply, struct store_gate_reply *ret)
{
	int64_t number[REPLY_REASON];
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != REPLY_MEMBERS)
		return false;
	for (int i = 0; i < REPLY_REASON; i++) {
		if (reply->element[i]->type != REDIS_REPLY_INTEGER)
			return false;
		number[i] = reply->element[i]->integer;
	}
	const struct redisReply *reason = reply->element[REPLY_REASON];
	*ret = (struct store_gate_reply){
	        .grants = {number[0], number[1], number[2], number[3]},
	        .probe = number[4] == 1,
	        .again_ms = number[5],
	        .closed_ms = number[6],
	        .used = number[7],
	        .members = number[8],
	        .born_ms = number[9],
	        .given = number[10],
	        .is_open = reason->type == REDIS_REPLY_STRING,
	};
	if (ret->is_open)
		snprintf(ret->reason, sizeof ret->reason, "%s", reason->str);
	return true;
}

static void on_reply(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	struct store_gate_reply answer = {.used = 0};
	bool good = !store_reply_failed(call->store, reply) && read_reply(reply, &answer);
	call->fn.gate(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE, &answer);
	free(call);
}

enum err_code redis_store_gate(struct redis_store *store, const struct store_gate_ask *ask, store_gate_fn fn, void *ctx)
{
	static const char *const probes[] = {[PROBE_NONE] = "", [PROBE_WORKED] = "worked", [PROBE_FAILED] = "failed"};
	const int64_t numbers[] = {ask->limit,         ask->span_ms,      ask->wants[0],
	                           ask->wants[1],      ask->wants[2],     ask->wants[3],
	                           ask->used,          ask->untold,       ask->born_ms,
	                           ask->given,         ask->ok,           ask->failed,
	                           ask->close_ms,      ask->probe_ms,     ask->breaker_failures,
	                           STORE_GATE_WANT_MS, STORE_GATE_NEW_MS, STORE_GATE_TURN_MS};
	char window[KEY_BYTES], gate[KEY_BYTES], breaker[KEY_BYTES];
	char n[sizeof numbers / sizeof *numbers][NUMBER_BYTES], since[STORE_GATE_PRIORITIES * NUMBER_BYTES];
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		decimal_write(numbers[i], n[i]);
	snprintf(since, sizeof since, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64, ask->since_ms[0],
	         ask->since_ms[1], ask->since_ms[2], ask->since_ms[3]);
	store_key(window, (const char *[]){"verifyd:quota:", ask->vendor, ":", ask->op, NULL});
	store_key(gate, (const char *[]){"verifyd:gate:", ask->vendor, ":", ask->op, NULL});
	key_of_breaker(breaker, ask->vendor);
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call)
		call->fn.gate = fn;
	return store_send_script(call, on_reply, SCRIPT_GATE, 3,
	                         (const char *[]){window,
	                                          gate,
	                                          breaker,
	                                          ask->member,
	                                          n[0],
	                                          n[1],
	                                          n[2],
	                                          n[3],
	                                          n[4],
	                                          n[5],
	                                          n[6],
	                                          n[7],
	                                          n[8],
	                                          n[9],
	                                          n[10],
	                                          n[11],
	                                          ask->barred ? "barred" : "",
	                                          probes[ask->probe],
	                                          n[12],
	                                          n[13],
	                                          n[14],
	                                          ask->op,
	                                          ask->reason,
	                                          n[15],
	                                          n[16],
	                                          n[17],
	                                          since,
	                                          NULL});
}

/* ---- looking ---- */

static void on_breakers(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	bool good = !store_reply_failed(call->store, reply) && reply->type == REDIS_REPLY_ARRAY;
	size_t end = good ? reply->elements : 0;
	for (size_t i = 0; i + 1 < end && i / 2 < MAX_BREAKERS; i += 2) {
		const struct redisReply *op = reply->element[i], *state = reply->element[i + 1];
		if (op->type == REDIS_REPLY_STRING && state->type == REDIS_REPLY_STRING && op->len < OP_BYTES &&
		    strncmp(state->str, "open ", 5) == 0)
			call->fn.breaker(call->ctx, op->str, state->str);
	}
	call->done(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE);
	free(call);
}

enum err_code redis_store_read_breakers(struct redis_store *store, const char *vendor, store_breaker_fn fn,
                                        store_done_fn done, void *ctx)
{
	char key[KEY_BYTES];
	key_of_breaker(key, vendor);
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call) {
		call->fn.breaker = fn;
		call->done = done;
	}
	return store_send(call, on_breakers, 2, (const char *[]){"HGETALL", key}, NULL);
}
