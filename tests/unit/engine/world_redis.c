/* world_redis: what Redis holds, and the rules of the Lua scripts (common/adapters/redis_scripts.c) in C. */
#include "tests/unit/engine/world_redis.h"
#include "workers/restore.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LOOK_MS = 500, FILL_MS = 200, DAY_MS = 24 * 3600 * 1000 };

struct entry *redis_entry(struct redis *redis, const char *id, bool make)
{
	struct entry *entry = redis->entries;
	while (entry && strcmp(entry->id, id) != 0)
		entry = entry->next;
	if (!entry && make) {
		entry = world_alloc(sizeof *entry);
		snprintf(entry->id, sizeof entry->id, "%s", id);
		entry->next = redis->entries;
		redis->entries = entry;
	}
	return entry;
}

static void give(struct command *command, const char *value, size_t len)
{
	command->found = value ? world_copy(value, len) : NULL;
	command->found_len = len;
}

static void drop_lease(struct entry *entry)
{
	entry->token[0] = '\0';
	free(entry->answer);
	entry->answer = NULL;
}

static struct entry *entry_now(struct redis *redis, const struct command *command)
{
	struct entry *entry = redis_entry(redis, command->id, true);
	if (entry->token[0] && entry->lease_until_ms <= command->pod->world->now_ms)
		drop_lease(entry);
	return entry;
}

static void write_state(struct entry *entry, const char *value, size_t len)
{
	free(entry->state);
	entry->state = world_copy(value, len);
	entry->state_len = len;
}

/* ---- the scripts ---- */

void execute_nothing(struct redis *redis, struct command *command)
{
	(void)redis, (void)command;
}

void execute_get(struct redis *redis, struct command *command)
{
	const struct entry *entry = entry_now(redis, command);
	if (!entry->state && !redis->is_whole)
		command->code = ERR_UNAVAILABLE;
	give(command, entry->state, entry->state_len);
}

void execute_put_first(struct redis *redis, struct command *command)
{
	struct entry *entry = entry_now(redis, command);
	if (!entry->state)
		write_state(entry, command->value, command->len);
}

void execute_put(struct redis *redis, struct command *command)
{
	struct world *world = command->pod->world;
	struct entry *entry = entry_now(redis, command);
	struct verification standing;
	bool is_known =
	        entry->state && verification_decode(entry->state, entry->state_len, &standing, NULL, NULL) == ERR_OK;
	command->written = !is_known || verification_compare(&command->state, &standing) > 0;
	if (command->written && world->hooks.on_put)
		world->hooks.on_put(world->hooks.ctx, command->pod, &command->state);
	if (command->written)
		write_state(entry, command->value, command->len);
	if (command->token[0] && strcmp(entry->token, command->token) == 0)
		drop_lease(entry);
	world_note(world, command->pod, NOTE_PUT, state_name(command->state.state), command->id, command->written);
}

/* Nothing more than that the request was accepted, which its reader knows. */
static bool says_accepted(const struct entry *entry)
{
	struct verification state;
	return entry->state && verification_decode(entry->state, entry->state_len, &state, NULL, NULL) == ERR_OK &&
	       state.state == STATE_QUEUED && state.rev == 1 && state.attempts == 0;
}

void execute_lease(struct redis *redis, struct command *command)
{
	struct world *world = command->pod->world;
	struct entry *entry = entry_now(redis, command);
	bool is_anothers = entry->token[0] && strcmp(entry->token, command->token) != 0;
	if (is_anothers && entry->answer) {
		command->lease = LEASE_ANSWERED;
		memcpy(command->holder_token, entry->token, TOKEN_BYTES);
		give(command, entry->answer, entry->answer_len);
	} else {
		command->lease = is_anothers                          ? LEASE_ANOTHERS
		                 : command->whole && !redis->is_whole ? LEASE_REBUILDING
		                                                      : LEASE_GRANTED;
		bool is_new = command->lease == LEASE_GRANTED && !command->whole && says_accepted(entry);
		give(command, is_new ? NULL : entry->state, entry->state_len);
	}
	if (command->lease == LEASE_GRANTED) {
		drop_lease(entry);
		memcpy(entry->token, command->token, TOKEN_BYTES);
		entry->lease_until_ms = world->now_ms + command->ttl_ms;
	}
	world_note(world, command->pod, NOTE_LEASE, "", command->id, command->lease);
}

void execute_keep(struct redis *redis, struct command *command)
{
	struct world *world = command->pod->world;
	struct entry *entry = entry_now(redis, command);
	if (entry->answer || strcmp(entry->token, command->token) != 0)
		return;
	entry->answer = world_copy(command->value, command->len);
	entry->answer_len = command->len;
	entry->lease_until_ms = world->now_ms + STORE_ANSWER_TTL_MS;
	world_note(world, command->pod, NOTE_KEPT, "", command->id, 0);
}

void execute_release(struct redis *redis, struct command *command)
{
	struct entry *entry = entry_now(redis, command);
	if (!entry->answer && strcmp(entry->token, command->token) == 0)
		drop_lease(entry);
	world_note(command->pod->world, command->pod, NOTE_RELEASED, "", command->id, 0);
}

static struct person_pointer *pointer_of(struct redis *redis, const char *question)
{
	size_t at = 0;
	while (at < redis->person_count && strcmp(redis->persons[at].question, question) != 0)
		at++;
	assert_true(at < PERSONS);
	if (at == redis->person_count) {
		struct person_pointer *pointer = &redis->persons[redis->person_count++];
		*pointer = (struct person_pointer){.count = 0};
		snprintf(pointer->question, sizeof pointer->question, "%s", question);
	}
	return &redis->persons[at];
}

static void add_journey(struct person_pointer *pointer, const char *id, int64_t created_ms)
{
	assert_true(pointer->count < JOURNEYS);
	memcpy(pointer->journey[pointer->count].id, id, ID_BYTES);
	pointer->journey[pointer->count++].created_ms = created_ms;
}

void execute_claim(struct redis *redis, struct command *command)
{
	struct person_pointer *pointer = pointer_of(redis, command->question);
	const char *newest = NULL;
	int64_t at_ms = -1;
	int today = 0;
	bool is_there = false;
	command->claim = SUBJECT_REBUILDING;
	if (!redis->is_whole)
		return;
	for (size_t i = 0; i < pointer->count; i++) {
		const char *id = pointer->journey[i].id;
		int64_t ms = pointer->journey[i].created_ms;
		if (ms > at_ms || (ms == at_ms && strcmp(id, newest) > 0)) {
			newest = id;
			at_ms = ms;
		}
		today += ms / DAY_MS == command->created_ms / DAY_MS;
		is_there = is_there || strcmp(id, command->id) == 0;
	}
	bool is_over = !newest || strcmp(newest, command->over) == 0;
	command->claim = is_there || (is_over && today < command->max_a_day) ? SUBJECT_OURS
	                 : is_over                                           ? SUBJECT_TOO_MANY
	                                                                     : SUBJECT_ANOTHERS;
	memcpy(command->holder, command->claim == SUBJECT_OURS ? command->id : newest, ID_BYTES);
	if (command->claim == SUBJECT_OURS && !is_there)
		add_journey(pointer, command->id, command->created_ms > at_ms ? command->created_ms : at_ms + 1);
}

void execute_note_subject(struct redis *redis, struct command *command)
{
	struct person_pointer *pointer = pointer_of(redis, command->question);
	for (size_t i = 0; i < pointer->count; i++)
		if (strcmp(pointer->journey[i].id, command->id) == 0)
			return;
	add_journey(pointer, command->id, command->created_ms);
}

/* ---- emptied, and filled again ---- */

static void forget(struct redis *redis)
{
	while (redis->entries) {
		struct entry *entry = redis->entries;
		redis->entries = entry->next;
		drop_lease(entry);
		free(entry->state);
		free(entry);
	}
	redis->person_count = 0;
	memset(redis->gates, 0, sizeof redis->gates);
}

/* What rebuild.c does, at one moment: the results, then the open requests, by the product's own code. */
static void fill(void *ctx)
{
	struct world *world = ctx;
	struct redis *redis = world->redis;
	struct err err;
	struct restore item;
	const struct restore *items = &item;
	struct buf text;
	redis->is_filling = false;
	if (redis->is_whole || redis->is_down)
		return;
	struct pod *filler = world_alloc(sizeof *filler); /* never started: it has a connection and nothing else */
	*filler = (struct pod){.world = world, .number = -1, .redis_up = true};
	list_init(&filler->commands);
	struct redis_store *store = (struct redis_store *)(void *)filler;
	for (int32_t partition = 0; partition < WORLD_PARTITIONS; partition++)
		for (size_t at = 0; at < kafka_partition_len(world, "results", partition); at++) {
			const struct log_record *record = kafka_at(world, "results", partition, at);
			assert_int_equal(restore_read(record->value, record->value_len, &item, &err), ERR_OK);
			assert_int_equal(restore_write(store, &items, 1, false, NULL, NULL), ERR_OK);
		}
	for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
		const char *topic = operation_info(kind_first_operation((enum kind)kind))->topic;
		for (int32_t partition = 0; partition < WORLD_PARTITIONS; partition++)
			for (size_t at = 0; at < kafka_partition_len(world, topic, partition); at++) {
				const struct log_record *record = kafka_at(world, topic, partition, at);
				buf_init(&text, VERIFICATION_MAX_BYTES);
				if (restore_read_request(record->value, record->value_len, &text, &item, &err) ==
				    ERR_OK)
					assert_int_equal(restore_write(store, &items, 1, false, NULL, NULL), ERR_OK);
				buf_fini(&text);
			}
	}
	free(filler);
	redis->is_whole = true;
}

static void begin_to_fill(struct world *world)
{
	if (world->redis->is_filling)
		return;
	world->redis->is_filling = true;
	world_at(world, LOOK_MS + world_roll(world, FILL_MS), NULL, fill, world);
}

void redis_lose(struct world *world)
{
	forget(world->redis);
	world->redis->life++;
	world->redis->is_whole = false;
	if (!world->redis->is_down)
		begin_to_fill(world);
}

void redis_set_up(struct world *world, bool up)
{
	struct redis *redis = world->redis;
	if (redis->is_down == !up)
		return;
	redis->is_down = !up;
	redis->life++;
	redis->is_whole = false; /* a restart: its name is another, so the epoch does not count */
	if (up)
		begin_to_fill(world);
	for (int i = 0; i < world->pod_count; i++) {
		struct pod *pod = world->pods[i];
		if (pod->is_gone)
			continue;
		if (up)
			redis_connect(pod, 20 + world_roll(world, 80));
		else
			redis_disconnect(pod);
	}
}

bool redis_answers(const struct world *world)
{
	return !world->redis->is_down;
}

bool redis_is_whole(const struct world *world)
{
	return world->redis->is_whole && !world->redis->is_down;
}

/* ---- for the test ---- */

bool redis_state(const struct world *world, const char *id, struct verification *ret,
                 struct verification_texts *ret_texts)
{
	const struct entry *entry = redis_entry(world->redis, id, false);
	return entry && entry->state &&
	       verification_decode(entry->state, entry->state_len, ret, ret_texts, NULL) == ERR_OK;
}

void redis_hold(struct world *world, const char *id, const char *token, int64_t ttl_ms, const char *answer, size_t len)
{
	struct entry *entry = redis_entry(world->redis, id, true);
	drop_lease(entry);
	snprintf(entry->token, sizeof entry->token, "%s", token);
	entry->lease_until_ms = world->now_ms + ttl_ms;
	entry->answer = answer ? world_copy(answer, len) : NULL;
	entry->answer_len = len;
}

void redis_put_first(struct world *world, const char *id, const char *value, size_t len)
{
	struct entry *entry = redis_entry(world->redis, id, true);
	if (!world->redis->is_down && !entry->state)
		write_state(entry, value, len);
}

void redis_open(struct world *world)
{
	world->redis = world_alloc(sizeof *world->redis);
	world->redis->is_whole = true;
	list_init(&world->redis->wire);
}

void redis_shut(struct world *world)
{
	store_shut(world->redis);
	forget(world->redis);
	free(world->redis);
}
