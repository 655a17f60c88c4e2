/* world_consumer: kafka_consumer on the world's log, with the real watermark: reading, completion, commits. */
#include "tests/unit/engine/world_consumer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FETCH_MS = 1, TURN_RECORDS = 64, AGAIN_MS = 1000 };

/* ---- commits ---- */

void consumer_commit(struct kafka_consumer *consumer)
{
	struct world *world = consumer->pod->world;
	for (size_t i = 0; i < consumer->part_count; i++) {
		struct part *part = &consumer->parts[i];
		int64_t *committed = &consumer->group->committed[part->topic][part->partition];
		if (consumer->is_lost || !kafka_is_up(world) || part->stored < 0)
			continue;
		assert_true(part->stored >= *committed); /* nobody else commits what is ours */
		*committed = part->stored;
	}
}

static void on_commit(void *ctx)
{
	struct kafka_consumer *consumer = ctx;
	struct world *world = consumer->pod->world;
	consumer->commit = NULL;
	if (!world_passes(consumer->pod, "before commit"))
		return;
	consumer_commit(consumer);
	if (!kafka_is_up(world))
		consumer->commit = world_at(world, world->commit_every_ms, consumer->pod, on_commit, consumer);
}

/* ---- reading ---- */

static struct kafka_record record_of(const struct log_record *log)
{
	return (struct kafka_record){.topic = log->topic,
	                             .partition = log->partition,
	                             .offset = log->offset,
	                             .timestamp_ms = log->timestamp_ms,
	                             .key = log->key,
	                             .key_len = strlen(log->key),
	                             .value = log->value,
	                             .value_len = log->value_len};
}

static void deliver(struct kafka_consumer *consumer, struct part *part, const struct log_record *log)
{
	struct record *record = world_alloc(sizeof *record);
	*record = (struct record){.pub = record_of(log),
	                          .log = log,
	                          .consumer = consumer,
	                          .part = part,
	                          .generation = consumer->generation};
	assert_int_equal(kafka_watermark_add(&part->watermark, log->offset, &record->ticket), ERR_OK);
	consumer->outstanding++;
	consumer->current++;
	assert_true(consumer->outstanding <= consumer->options.max_outstanding);
	consumer->is_full = consumer->outstanding >= consumer->options.max_outstanding;
	world_note(consumer->pod->world, consumer->pod, NOTE_TAKEN, log->topic, log->key, log->offset);
	consumer->options.on_record(consumer->options.ctx, &record->pub);
}

bool consumer_has_stopped(const struct kafka_consumer *consumer)
{
	return consumer->is_stopped || consumer->is_revoking || consumer->is_closing || consumer->pod->is_crashing;
}

static bool is_reading(const struct kafka_consumer *consumer)
{
	return !consumer->is_full && !consumer_has_stopped(consumer) && kafka_is_up(consumer->pod->world);
}

/* Returns: NULL when the partition has nothing to give now. */
static const struct log_record *next_of(const struct kafka_consumer *consumer, const struct part *part)
{
	const struct topic *topic = &consumer->pod->world->kafka->topics[part->topic];
	if (part->is_held || part->position >= (int64_t)topic->count[part->partition] ||
	    kafka_watermark_span(&part->watermark) >= consumer->options.max_span)
		return NULL;
	return topic->records[part->partition][part->position];
}

/* The oldest of all partitions. Returns: false when there is nothing to be had now. */
static bool read_one(struct kafka_consumer *consumer)
{
	const struct log_record *oldest = NULL, *next;
	struct part *from = NULL;
	for (size_t i = 0; i < consumer->part_count && is_reading(consumer); i++)
		if ((next = next_of(consumer, &consumer->parts[i])) &&
		    (!oldest || next->timestamp_ms < oldest->timestamp_ms)) {
			oldest = next;
			from = &consumer->parts[i];
		}
	if (!oldest)
		return false;
	from->position++;
	deliver(consumer, from, oldest);
	return true;
}

static void on_pump(void *ctx)
{
	struct kafka_consumer *consumer = ctx;
	consumer->pump = NULL;
	int left = TURN_RECORDS;
	while (left > 0 && read_one(consumer))
		left--;
	if (left == 0)
		consumer_wake(consumer);
}

void consumer_wake(struct kafka_consumer *consumer)
{
	if (!consumer->pump && !consumer->is_closing)
		consumer->pump = world_at(consumer->pod->world, FETCH_MS, consumer->pod, on_pump, consumer);
}

void kafka_wake_readers(struct world *world, const char *topic)
{
	int index = topic_index(world->kafka, topic);
	for (size_t i = 0; i < world->kafka->group_count; i++) {
		struct group *group = &world->kafka->groups[i];
		for (struct list *node = group->members.next; node != &group->members; node = node->next) {
			struct kafka_consumer *consumer = LIST_ENTRY(node, struct kafka_consumer, member);
			for (size_t part = 0; part < consumer->part_count; part++)
				if (consumer->parts[part].topic == index)
					consumer_wake(consumer);
		}
	}
}

/* ---- kafka_consumer.h ---- */

enum err_code kafka_consumer_new(const struct kafka_client *client, const struct kafka_consumer_options *options,
                                 uv_loop_t *loop, struct kafka_consumer **ret_consumer, struct err *err)
{
	struct pod *pod = loop->data;
	struct kafka_consumer *consumer = world_alloc(sizeof *consumer);
	(void)client, (void)err;
	assert_true(options->topic_count <= TOPICS_MAX);
	consumer->pod = pod;
	consumer->options = *options;
	consumer->group = group_of(pod->world->kafka, options->group);
	for (size_t i = 0; i < options->topic_count; i++)
		consumer->topics[i] = topic_index(pod->world->kafka, options->topics[i]);
	consumer->is_ready = true;
	list_init(&consumer->dropped);
	list_insert(&consumer->group->members, &consumer->member);
	list_insert(&pod->consumers, &consumer->node);
	group_balance(pod->world, consumer->group);
	*ret_consumer = consumer;
	return ERR_OK;
}

static const struct log_header *header(const struct kafka_record *record, size_t index)
{
	const struct log_record *log = ((const struct record *)record)->log;
	return index < log->header_count ? &log->headers[index] : NULL;
}

const char *kafka_record_header(const struct kafka_record *record, const char *name, size_t *ret_len)
{
	const struct log_header *found = NULL, *each;
	for (size_t i = 0; (each = header(record, i)); i++)
		found = strcmp(each->name, name) == 0 ? each : found;
	if (!found)
		return NULL;
	*ret_len = found->value_len;
	return found->value;
}

bool kafka_record_header_at(const struct kafka_record *record, size_t index, const char **ret_name,
                            const char **ret_value, size_t *ret_len)
{
	const struct log_header *found = header(record, index);
	if (!found)
		return false;
	*ret_name = found->name;
	*ret_value = found->value;
	*ret_len = found->value_len;
	return true;
}

static void pass(struct kafka_consumer *consumer, const struct record *record)
{
	struct world *world = consumer->pod->world;
	struct part *part = record->part;
	if (!kafka_watermark_done(&part->watermark, record->ticket, &part->stored))
		return;
	world_note(world, consumer->pod, NOTE_STORED, record->log->topic, record->log->key, part->stored);
	if (!consumer->commit)
		consumer->commit = world_at(world, world->commit_every_ms, consumer->pod, on_commit, consumer);
}

static void tell(const struct record *record, bool is_done)
{
	const struct log_record *log = record->log;
	struct pod *pod = record->consumer->pod;
	struct world *world = pod->world;
	world_note(world, pod, is_done ? NOTE_DONE : NOTE_DROPPED, log->topic, log->key, log->offset);
	if (is_done && world->hooks.on_done)
		world->hooks.on_done(world->hooks.ctx, pod, log);
}

static void free_record(struct record *record)
{
	struct kafka_consumer *consumer = record->consumer;
	consumer->outstanding--;
	if (consumer->outstanding * 4 < consumer->options.max_outstanding * 3)
		consumer->is_full = false;
	free(record);
	consumer_wake(consumer);
}

void consumer_free_dropped(struct kafka_consumer *consumer)
{
	while (!list_is_empty(&consumer->dropped)) {
		struct record *record = LIST_ENTRY(consumer->dropped.next, struct record, node);
		list_remove(&record->node);
		consumer->dropped_count--;
		world_cancel(record->again);
		free_record(record);
	}
}

static void on_again(void *ctx)
{
	struct record *record = ctx;
	struct kafka_consumer *consumer = record->consumer;
	record->again = NULL;
	list_remove(&record->node);
	consumer->dropped_count--;
	if (consumer_has_stopped(consumer)) {
		free_record(record);
		return;
	}
	consumer->current++;
	world_note(consumer->pod->world, consumer->pod, NOTE_TAKEN, record->log->topic, record->log->key,
	           record->log->offset);
	consumer->options.on_record(consumer->options.ctx, &record->pub);
}

static void on_leave(void *ctx);

/* A record of this assignment is in hand no longer. */
static void end_current(struct kafka_consumer *consumer)
{
	struct world *world = consumer->pod->world;
	consumer->current--;
	if (consumer->current > 0)
		return;
	if (consumer->is_revoking)
		group_revoked_soon(consumer);
	if (consumer->leave) {
		world_cancel(consumer->leave);
		consumer->leave = world_at(world, 0, consumer->pod, on_leave, consumer);
	}
}

void kafka_record_done(struct kafka_record *pub)
{
	struct record *record = (struct record *)pub;
	struct kafka_consumer *consumer = record->consumer;
	bool lives = world_passes(consumer->pod, "before done");
	if (lives)
		tell(record, true);
	if (record->generation == consumer->generation) {
		if (lives)
			pass(consumer, record);
		end_current(consumer);
	}
	free_record(record);
	(void)world_passes(consumer->pod, "after done");
}

void kafka_record_drop(struct kafka_record *pub)
{
	struct record *record = (struct record *)pub;
	struct kafka_consumer *consumer = record->consumer;
	bool is_current = record->generation == consumer->generation;
	if (world_passes(consumer->pod, "before drop"))
		tell(record, false);
	if (is_current)
		end_current(consumer);
	if (!is_current || consumer_has_stopped(consumer)) {
		free_record(record);
		return;
	}
	record->again = world_at(consumer->pod->world, AGAIN_MS, consumer->pod, on_again, record);
	list_insert(&consumer->dropped, &record->node);
	consumer->dropped_count++;
}

static void hold(struct kafka_consumer *consumer, const char *topic, int32_t partition, bool is_held)
{
	int index = topic_index(consumer->pod->world->kafka, topic);
	for (size_t i = 0; i < consumer->part_count; i++)
		if (consumer->parts[i].topic == index && consumer->parts[i].partition == partition)
			consumer->parts[i].is_held = is_held;
	consumer_wake(consumer);
}

void kafka_consumer_hold(struct kafka_consumer *consumer, const char *topic, int32_t partition)
{
	hold(consumer, topic, partition, true);
}

void kafka_consumer_unhold(struct kafka_consumer *consumer, const char *topic, int32_t partition)
{
	hold(consumer, topic, partition, false);
}

/* A stopped member does not make the others wait for the end of its drain. */
static void on_leave(void *ctx)
{
	struct kafka_consumer *consumer = ctx;
	consumer->leave = NULL;
	if (!world_passes(consumer->pod, "at leave"))
		return;
	consumer->is_leaving = true;
	world_cancel(consumer->lost);
	consumer->lost = NULL;
	group_finish_revoke(consumer);
	group_quit(consumer);
}

void kafka_consumer_stop(struct kafka_consumer *consumer)
{
	consumer->is_stopped = true;
	consumer_free_dropped(consumer);
	int64_t wait_ms = consumer->current > 0 ? consumer->options.revoke_wait_ms : 0;
	if (!consumer->pod->is_crashing)
		consumer->leave = world_at(consumer->pod->world, wait_ms, consumer->pod, on_leave, consumer);
}

size_t kafka_consumer_outstanding(const struct kafka_consumer *consumer)
{
	return consumer->outstanding - consumer->dropped_count;
}

bool kafka_consumer_is_up(const struct kafka_consumer *consumer)
{
	return kafka_is_up(consumer->pod->world);
}

bool kafka_consumer_has_failed(const struct kafka_consumer *consumer)
{
	(void)consumer;
	return false;
}

size_t kafka_out(const struct pod *pod, enum operation operation)
{
	const char *topic = operation_info(operation)->topic;
	size_t out = 0;
	for (const struct list *node = pod->consumers.next; node != &pod->consumers; node = node->next) {
		const struct kafka_consumer *consumer = LIST_ENTRY(node, struct kafka_consumer, node);
		out += consumer->topics[0] == topic_index(pod->world->kafka, topic)
		               ? kafka_consumer_outstanding(consumer)
		               : 0;
	}
	return out;
}

size_t kafka_consumer_partitions(const struct kafka_consumer *consumer)
{
	return consumer->part_count;
}

int64_t kafka_consumer_lag(const struct kafka_consumer *consumer)
{
	int64_t lag = 0;
	for (size_t i = 0; i < consumer->part_count; i++) {
		const struct part *part = &consumer->parts[i];
		lag += (int64_t)consumer->pod->world->kafka->topics[part->topic].count[part->partition] -
		       part->position;
	}
	return lag;
}

size_t kafka_consumer_gap(const struct kafka_consumer *consumer)
{
	size_t gap = 0;
	for (size_t i = 0; i < consumer->part_count; i++) {
		size_t span = kafka_watermark_span(&consumer->parts[i].watermark);
		gap = span > gap ? span : gap;
	}
	return gap;
}

void kafka_consumer_learn(struct kafka_consumer *consumer, const char *topic, int32_t partition, int64_t committed,
                          int64_t end)
{
	(void)consumer, (void)topic, (void)partition, (void)committed, (void)end; /* this one knows from the start */
}

size_t kafka_consumer_positions(const struct kafka_consumer *consumer, struct kafka_position *out, size_t cap)
{
	for (size_t i = 0; i < consumer->part_count && i < cap; i++)
		out[i] = (struct kafka_position){(int32_t)consumer->parts[i].partition, consumer->parts[i].position};
	return consumer->part_count;
}

void consumer_shut(struct world *world)
{
	for (size_t i = 0; i < world->kafka->group_count; i++) {
		struct list *members = &world->kafka->groups[i].members;
		while (!list_is_empty(members)) {
			struct kafka_consumer *member = LIST_ENTRY(members->next, struct kafka_consumer, member);
			list_remove(&member->member);
			free(member);
		}
	}
}

/* Of a pod that was killed the group hears only when its session ends. */
static void on_session_end(void *ctx)
{
	group_quit(ctx);
	free(ctx);
}

void kafka_consumer_close(struct kafka_consumer *consumer)
{
	struct world *world;
	if (!consumer)
		return;
	world = consumer->pod->world;
	assert_int_equal(kafka_consumer_outstanding(consumer), 0); /* a record that is out points here */
	consumer->is_closing = true;
	list_remove(&consumer->node);
	world_cancel(consumer->commit);
	world_cancel(consumer->revoke);
	world_cancel(consumer->balance);
	world_cancel(consumer->lost);
	world_cancel(consumer->leave);
	consumer_free_dropped(consumer);
	world_cancel(consumer->pump);
	bool says_goodbye = world_passes(consumer->pod, "before close");
	if (says_goodbye)
		consumer_commit(consumer);
	group_forget_parts(consumer);
	if (says_goodbye || !consumer->member.next) {
		group_quit(consumer);
		free(consumer);
	} else {
		consumer->is_ready = false; /* a rebalance waits for it */
		world_at(world, SESSION_TIMEOUT_MS, NULL, on_session_end, consumer);
	}
}
