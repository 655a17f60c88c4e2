/* redis_store_fill: many states in one step, from who reads `results`. */
#include "common/adapters/redis_store_internal.h"
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_EACH = 3, ARGUMENTS_EACH = 8, FIRST = 4 }; /* FIRST: EVALSHA, script, number of keys, ttl of names */

/* What has to be written as text for one state; the value is not copied. */
struct texts {
	char state[KEY_BYTES], subject[KEY_BYTES], reference[KEY_BYTES];
	char rank[NUMBER_BYTES], rev[NUMBER_BYTES], attempts[NUMBER_BYTES], ttl[NUMBER_BYTES], channel[CHANNEL_BYTES],
	        created[NUMBER_BYTES];
};

struct command {
	struct texts texts[STORE_FILL_MAX];
	const char *argv[FIRST + STORE_FILL_MAX * (KEYS_EACH + ARGUMENTS_EACH)];
	size_t argv_len[FIRST + STORE_FILL_MAX * (KEYS_EACH + ARGUMENTS_EACH)];
};

static void write_texts(const struct redis_store *store, const struct store_fill *fill, bool wake, struct texts *out)
{
	const struct verification *state = fill->state;
	store_key_of_state(out->state, state->id);
	if (fill->subject)
		store_key_of_subject(out->subject, state->question);
	if (fill->reference)
		store_key_of_reference(out->reference, kind_info(state->kind)->vendor, state->reference);
	decimal_write(state_rank(state->state), out->rank);
	decimal_write(state->rev, out->rev);
	decimal_write(state->attempts, out->attempts);
	decimal_write(store_ttl_of_state(store, state->state), out->ttl);
	decimal_write(state->created_ms, out->created);
	out->channel[0] = '\0';
	if (wake)
		store_channel_of(out->channel, state->id);
}

static void add(struct command *command, size_t at, const char *text)
{
	command->argv[at] = text;
	command->argv_len[at] = strlen(text);
}

static void add_state(struct command *command, size_t i, size_t count, const struct store_fill *fill)
{
	const struct texts *texts = &command->texts[i];
	size_t keys = FIRST - 1 + i * KEYS_EACH, at = FIRST + count * KEYS_EACH + i * ARGUMENTS_EACH;
	add(command, keys, texts->state);
	add(command, keys + 1, fill->subject ? texts->subject : texts->state);
	add(command, keys + 2, fill->reference ? texts->reference : texts->state);
	add(command, at, texts->rank);
	add(command, at + 1, texts->rev);
	add(command, at + 2, texts->attempts);
	command->argv[at + 3] = fill->value;
	command->argv_len[at + 3] = fill->len;
	add(command, at + 4, texts->ttl);
	add(command, at + 5, texts->channel);
	add(command, at + 6, fill->state->id);
	add(command, at + 7, texts->created);
}

static void on_filled(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	bool good = !store_reply_failed(call->store, reply) && reply->type == REDIS_REPLY_INTEGER;
	call->fn.fill(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE, good ? (size_t)reply->integer : 0);
	free(call);
}

enum err_code redis_store_fill(struct redis_store *store, const struct store_fill *fills, size_t count, bool wake,
                               store_fill_fn fn, void *ctx)
{
	char keys[NUMBER_BYTES], names_ttl[NUMBER_BYTES];
	if (count == 0 || count > STORE_FILL_MAX)
		return ERR_LIMIT;
	struct command *command = malloc(sizeof *command);
	struct store_call *call = command ? store_call_new(store, ctx, 0) : NULL;
	if (!call) {
		free(command);
		return ERR_NO_MEMORY;
	}
	call->fn.fill = fn;
	decimal_write((int64_t)(count * KEYS_EACH), keys);
	decimal_write(store_names_ttl_ms, names_ttl);
	add(command, 0, "EVALSHA");
	add(command, 1, store->sha[SCRIPT_FILL]);
	add(command, 2, keys);
	add(command, FIRST - 1 + count * KEYS_EACH, names_ttl); /* the first after the keys */
	for (size_t i = 0; i < count; i++) {
		write_texts(store, &fills[i], wake, &command->texts[i]);
		add_state(command, i, count, &fills[i]);
	}
	int argc = (int)(FIRST + count * (KEYS_EACH + ARGUMENTS_EACH));
	enum err_code code = store_send(call, on_filled, argc, command->argv, command->argv_len);
	free(command);
	return code;
}
