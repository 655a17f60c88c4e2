/* world_store: redis_store over the world's Redis: commands travel, are executed, and are answered, each at its time;
 * a connection that ends fails what was not answered. A pod without a number is served at once. */
#include "common/adapters/redis_link.h"
#include "tests/unit/engine/world_redis.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EXECUTE_MS = 1, ANSWER_MS = 2, RECONNECT_MS = 300 };

static struct pod *pod_of(struct redis_store *store)
{
	return (struct pod *)(void *)store;
}

static void free_command(struct command *command)
{
	free(command->value);
	free(command->found);
	list_remove(&command->wire);
	free(command);
}

void store_shut(struct redis *redis)
{
	while (!list_is_empty(&redis->wire))
		free_command(LIST_ENTRY(redis->wire.next, struct command, wire));
}

static void unlist(struct command *command)
{
	if (command->is_listed)
		list_remove(&command->node);
	command->is_listed = false;
}

static void tell(struct command *command)
{
	unlist(command);
	if (command->answer)
		command->answer(command);
}

static void on_answer(void *ctx)
{
	struct command *command = ctx;
	tell(command);
	free_command(command);
}

/* The link gives up, and with it everything that was asked on it. */
static void on_silence(void *ctx)
{
	struct command *command = ctx;
	struct pod *pod = command->pod;
	command->answering = NULL;
	redis_disconnect(pod);
	redis_connect(pod, RECONNECT_MS);
}

static void on_execute(void *ctx)
{
	struct command *command = ctx;
	struct redis *redis = command->pod->world->redis;
	command->executing = NULL;
	if (!redis->is_down)
		command->execute(redis, command);
	if (!command->is_listed) /* its sender is gone */
		free_command(command);
}

void redis_disconnect(struct pod *pod)
{
	pod->redis_up = false;
	while (!list_is_empty(&pod->commands)) {
		struct command *command = LIST_ENTRY(pod->commands.next, struct command, node);
		world_cancel(command->answering);
		bool is_on_wire = command->executing && !pod->world->redis->is_down && world_roll(pod->world, 2) == 0;
		if (!is_on_wire)
			world_cancel(command->executing);
		command->code = ERR_UNAVAILABLE;
		command->written = false;
		tell(command);
		if (!is_on_wire)
			free_command(command);
	}
}

static void on_connected(void *ctx)
{
	struct pod *pod = ctx;
	bool was_up = pod->redis_up;
	pod->redis_up = !pod->world->redis->is_down;
	pod->redis_was_up = pod->redis_was_up || pod->redis_up;
	if (pod->redis_up && !was_up)
		pod->redis_back_ms = pod->world->now_ms;
}

void redis_connect(struct pod *pod, int64_t after_ms)
{
	world_at(pod->world, after_ms, pod, on_connected, pod);
}

static struct command *new_command(struct redis_store *store, const char *what, const char *id,
                                   void (*execute)(struct redis *redis, struct command *command))
{
	struct command *command = world_alloc(sizeof *command);
	command->pod = pod_of(store);
	command->what = what;
	command->execute = execute;
	list_insert(&command->pod->world->redis->wire, &command->wire);
	snprintf(command->id, sizeof command->id, "%s", id);
	return command;
}

static void schedule(struct command *command)
{
	struct pod *pod = command->pod;
	struct world *world = pod->world;
	struct command_plan plan = {.execute_ms = EXECUTE_MS, .answer_ms = ANSWER_MS};
	if (world->hooks.plan_command)
		world->hooks.plan_command(world->hooks.ctx, pod, command->what, command->id, &plan);
	int64_t at_ms = world->now_ms + plan.execute_ms;
	at_ms = at_ms > pod->redis_last_ms ? at_ms : pod->redis_last_ms;
	int64_t answer_ms = plan.answer_ms + at_ms - world->now_ms - plan.execute_ms;
	bool is_silent = plan.is_silent || answer_ms >= REDIS_OP_TIMEOUT_MS;
	if (!plan.is_lost)
		pod->redis_last_ms = at_ms;
	if (!plan.is_lost)
		command->executing = world_at(world, at_ms - world->now_ms, NULL, on_execute, command);
	command->answering = is_silent ? world_at(world, REDIS_OP_TIMEOUT_MS, pod, on_silence, command)
	                               : world_at(world, answer_ms, pod, on_answer, command);
	(void)world_passes(pod, command->what);
}

static enum err_code submit(struct command *command)
{
	struct pod *pod = command->pod;
	if (pod->number < 0) {
		command->execute(pod->world->redis, command);
		free_command(command);
		return ERR_OK;
	}
	bool lives = world_passes(pod, "before command");
	if (!pod->redis_up) {
		free_command(command);
		return ERR_UNAVAILABLE;
	}
	command->is_listed = true;
	list_insert(&pod->commands, &command->node);
	if (lives)
		schedule(command);
	return ERR_OK;
}

static void set_value(struct command *command, const char *value, size_t len)
{
	command->value = world_copy(value, len);
	command->len = len;
}

/* ---- redis_store.h ---- */

bool redis_store_is_up(const struct redis_store *store)
{
	return ((const struct pod *)(const void *)store)->redis_up;
}

bool redis_store_is_coming(const struct redis_store *store)
{
	const struct pod *pod = (const struct pod *)(const void *)store;
	return !pod->redis_was_up && pod->world->now_ms - pod->started_ms < STORE_COMING_MS;
}

int64_t redis_store_back_ms(const struct redis_store *store)
{
	return ((const struct pod *)(const void *)store)->redis_back_ms;
}

static void answer_get(struct command *command)
{
	bool is_there = command->code == ERR_OK && command->found;
	command->fn.get(command->ctx, command->code, is_there ? command->found : NULL,
	                is_there ? command->found_len : 0);
}

enum err_code redis_store_get(struct redis_store *store, const char *id, store_get_fn fn, void *ctx)
{
	struct command *command = new_command(store, "get", id, execute_get);
	command->answer = answer_get;
	command->fn.get = fn;
	command->ctx = ctx;
	return submit(command);
}

static void answer_done(struct command *command)
{
	command->fn.done(command->ctx, command->code);
}

enum err_code redis_store_put_first(struct redis_store *store, const char *id, const char *value, size_t len,
                                    store_done_fn fn, void *ctx)
{
	struct command *command = new_command(store, "put first", id, execute_put_first);
	set_value(command, value, len);
	command->answer = fn ? answer_done : NULL;
	command->fn.done = fn;
	command->ctx = ctx;
	return submit(command);
}

static void answer_lease(struct command *command)
{
	bool is_there = command->code == ERR_OK && command->found;
	command->fn.lease(command->ctx, command->code, command->lease, command->holder_token,
	                  is_there ? command->found : NULL, is_there ? command->found_len : 0);
}

enum err_code redis_store_lease(struct redis_store *store, const char *id, const char *op, const char *token,
                                int64_t ttl_ms, bool whole, store_lease_fn fn, void *ctx)
{
	struct command *command = new_command(store, "lease", id, execute_lease);
	(void)op; /* one lease per verification: its kind's first operation's */
	memcpy(command->token, token, TOKEN_BYTES);
	command->ttl_ms = ttl_ms;
	command->whole = whole;
	command->answer = answer_lease;
	command->fn.lease = fn;
	command->ctx = ctx;
	return submit(command);
}

enum err_code redis_store_keep_answer(struct redis_store *store, const char *id, const char *op, const char *token,
                                      const char *value, size_t len, store_done_fn fn, void *ctx)
{
	struct command *command = new_command(store, "keep", id, execute_keep);
	(void)op;
	memcpy(command->token, token, TOKEN_BYTES);
	set_value(command, value, len);
	command->answer = answer_done;
	command->fn.done = fn;
	command->ctx = ctx;
	return submit(command);
}

void redis_store_release(struct redis_store *store, const char *id, const char *op, const char *token)
{
	struct command *command = new_command(store, "release", id, execute_release);
	(void)op;
	memcpy(command->token, token, TOKEN_BYTES);
	(void)!submit(command);
}

static void answer_put(struct command *command)
{
	command->fn.put(command->ctx, command->code, command->written);
}

enum err_code redis_store_put(struct redis_store *store, const struct verification *verification, const char *value,
                              size_t len, const char *op, const char *token, const char *drop_question, store_put_fn fn,
                              void *ctx)
{
	struct command *command = new_command(store, "put", verification->id, execute_put);
	(void)op, (void)drop_question;
	command->state = *verification;
	if (token)
		memcpy(command->token, token, TOKEN_BYTES);
	set_value(command, value, len);
	command->answer = fn ? answer_put : NULL;
	command->fn.put = fn;
	command->ctx = ctx;
	return submit(command);
}

static void answer_subject(struct command *command)
{
	command->fn.subject(command->ctx, command->code, command->code == ERR_OK ? command->claim : SUBJECT_REBUILDING,
	                    command->holder);
}

enum err_code redis_store_claim_subject(struct redis_store *store, const char *question, const char *id,
                                        int64_t created_ms, const char *over, int max_a_day, store_subject_fn fn,
                                        void *ctx)
{
	struct command *command = new_command(store, "claim", id, execute_claim);
	snprintf(command->question, sizeof command->question, "%s", question);
	snprintf(command->over, sizeof command->over, "%s", over ? over : "");
	command->created_ms = created_ms;
	command->max_a_day = max_a_day;
	command->answer = answer_subject;
	command->fn.subject = fn;
	command->ctx = ctx;
	return submit(command);
}

void redis_store_name_reference(struct redis_store *store, const char *vendor, const char *reference, const char *id)
{
	(void)vendor, (void)reference;
	(void)!submit(new_command(store, "name reference", id, execute_nothing));
}

/* ---- many at once: one command for each, as if they came one after the other ---- */

struct filling {
	store_fill_fn fn;
	void *ctx;
	enum err_code code;
	size_t written, left;
};

static void answer_filling(struct command *command)
{
	struct filling *filling = command->ctx;
	if (command->code != ERR_OK)
		filling->code = command->code;
	filling->written += command->written;
	if (--filling->left > 0)
		return;
	if (filling->fn)
		filling->fn(filling->ctx, filling->code, filling->code == ERR_OK ? filling->written : 0);
	free(filling);
}

static void submit_subject(struct redis_store *store, const struct verification *state)
{
	struct command *command = new_command(store, "note subject", state->id, execute_note_subject);
	snprintf(command->question, sizeof command->question, "%s", state->question);
	command->created_ms = state->created_ms;
	(void)!submit(command);
}

enum err_code redis_store_fill(struct redis_store *store, const struct store_fill *fills, size_t count, bool wake,
                               store_fill_fn fn, void *ctx)
{
	struct pod *pod = pod_of(store);
	(void)wake;
	if (pod->number >= 0 && !pod->redis_up)
		return ERR_UNAVAILABLE;
	struct filling *filling = world_alloc(sizeof *filling);
	*filling = (struct filling){.fn = fn, .ctx = ctx, .left = count};
	for (size_t i = 0; i < count; i++) {
		struct command *command = new_command(store, "put", fills[i].state->id, execute_put);
		command->state = *fills[i].state;
		set_value(command, fills[i].value, fills[i].len);
		command->answer = answer_filling;
		command->ctx = filling;
		if (submit(command) != ERR_OK)
			assert_true(false); /* it is up */
		if (fills[i].subject)
			submit_subject(store, fills[i].state);
	}
	if (pod->number < 0) /* served at once, and without an answer */
		free(filling);
	return ERR_OK;
}

/* ---- redis_store_gate.h ---- */

static void answer_gate(struct command *command)
{
	command->fn.gate(command->ctx, command->code, &command->gate);
}

enum err_code redis_store_gate(struct redis_store *store, const struct store_gate_ask *ask, store_gate_fn fn, void *ctx)
{
	struct command *command = new_command(store, "gate", ask->op, execute_gate);
	command->ask = *ask;
	snprintf(command->reason, sizeof command->reason, "%s", ask->reason);
	command->ask.reason = command->reason;
	command->answer = answer_gate;
	command->fn.gate = fn;
	command->ctx = ctx;
	return submit(command);
}
