/* projector: a queue of results that are waited on until they are PROJECTOR_LAG_MS old, then written where Redis lacks
 * them, many in one step. */
#include "workers/projector.h"
#include "common/adapters/kafka_consumer.h"
#include "common/base/clock.h"
#include "common/base/crash_point.h"
#include "common/base/list.h"
#include "common/base/log.h"
#include "workers/restore.h"
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
	SETTLED_SETS = 16384, /* a power of two */
	SETTLED_WAYS = 8,     /* places remembered in each set; a forgotten one is merely written again */
	MAX_OUTSTANDING = 4096,
	MAX_BATCHES = 4, /* on their way to Redis at once: one is executed, one is ready, and the way takes its time */
	TICK_MS = 100,
	REVOKE_WAIT_MS = 2000,
	PREFETCH_KBYTES = 256,
};

/* A result that waits, or is on its way to Redis. */
struct item {
	struct kafka_record *record;
	int64_t due_ms; /* unix ms */
	struct list node;
};

/* Results that are written in one step. */
struct batch {
	struct projector *projector;
	bool abandoned; /* revoked while it was on its way */
	size_t count;
	struct item *items[RESTORE_MAX];
	struct restore states[RESTORE_MAX];
	struct list node;
};

struct place {
	int32_t partition;
	int64_t offset; /* -1: free */
};

struct settled_set {
	struct place places[SETTLED_WAYS];
	unsigned next; /* the one to forget */
};

struct projector {
	struct ports ports;
	struct kafka_consumer *consumer;
	uv_timer_t timer;
	struct list waiting; /* of struct item, oldest first */
	struct list writing; /* of struct batch */
	size_t waiting_count, writing_count, batch_count;
	bool stopping, revoking, closing, timer_closed;
	struct metric *written, *present, *skipped, *unreadable;
	struct settled_set settled[SETTLED_SETS];
};

static struct settled_set *set_of(struct projector *projector, int32_t partition, int64_t offset)
{
	uint64_t hash = ((uint64_t)offset ^ (uint64_t)(uint32_t)partition << 40) * 0x9E3779B97F4A7C15u;
	return &projector->settled[(hash >> 32) & (SETTLED_SETS - 1)];
}

void projector_note_settled(struct projector *projector, int32_t partition, int64_t offset)
{
	struct settled_set *set = set_of(projector, partition, offset);
	set->places[set->next++ % SETTLED_WAYS] = (struct place){partition, offset};
}

static bool is_settled(struct projector *projector, const struct kafka_record *record)
{
	const struct settled_set *set = set_of(projector, record->partition, record->offset);
	for (int i = 0; i < SETTLED_WAYS; i++)
		if (set->places[i].offset == record->offset && set->places[i].partition == record->partition)
			return true;
	return false;
}

static void skip(struct projector *projector, struct kafka_record *record)
{
	metric_add(projector->skipped, 1);
	kafka_record_done(record);
}

static void free_when_closed(struct projector *projector)
{
	if (projector->closing && projector->timer_closed && projector->writing_count == 0)
		free(projector);
}

static void write_next(struct projector *projector);

/* Redis is away: first in line again, or whoever owns its partition now reads it again. */
static void give_back(struct projector *projector, struct item *item, bool drop)
{
	if (drop) {
		kafka_record_drop(item->record);
		free(item);
		return;
	}
	list_insert(projector->waiting.next, &item->node);
	projector->waiting_count++;
}

static void end_batch(struct batch *batch, enum err_code code, size_t written)
{
	struct projector *projector = batch->projector;
	bool good = code == ERR_OK && !batch->abandoned;
	bool drop = batch->abandoned || projector->stopping || projector->revoking;
	if (good) {
		metric_add(projector->written, (int64_t)written);
		metric_add(projector->present, (int64_t)(batch->count - written));
	}
	for (size_t i = 0; i < batch->count && good; i++) {
		kafka_record_done(batch->items[i]->record);
		free(batch->items[i]);
	}
	for (size_t i = batch->count; i > 0 && !good; i--)
		give_back(projector, batch->items[i - 1], drop);
	list_remove(&batch->node);
	projector->writing_count -= batch->count;
	projector->batch_count--;
	free(batch);
}

static void on_written(void *ctx, enum err_code code, size_t written)
{
	struct batch *batch = ctx;
	struct projector *projector = batch->projector;
	CRASH_POINT(projector.state_written);
	end_batch(batch, code, written);
	if (code == ERR_OK && !projector->stopping && !projector->revoking)
		write_next(projector);
	free_when_closed(projector);
}

/* Takes an item into the batch, unless it is settled, or nobody can read it. */
static void take_in(struct batch *batch, struct item *item)
{
	struct projector *projector = batch->projector;
	struct kafka_record *record = item->record;
	struct err err;
	if (is_settled(projector, record)) {
		skip(projector, record);
		free(item);
		return;
	}
	enum err_code code = restore_read(record->value, record->value_len, &batch->states[batch->count], &err);
	if (code == ERR_OK) {
		batch->items[batch->count++] = item;
		projector->writing_count++;
		return;
	}
	if (code == ERR_NO_MEMORY) {
		kafka_record_drop(record); /* it comes again */
	} else {
		metric_add(projector->unreadable, 1);
		log_warn("result_unreadable", LOG_INT("partition", record->partition),
		         LOG_INT("offset", record->offset), LOG_STR("why", err.msg));
		kafka_record_done(record);
	}
	free(item);
}

/* Moves what is due into the batch. */
static void collect(struct projector *projector, struct batch *batch)
{
	int64_t now = clock_unix_ms();
	size_t bytes = 0;
	while (projector->waiting_count > 0 && batch->count < RESTORE_MAX && bytes < RESTORE_MAX_BYTES) {
		struct item *item = LIST_ENTRY(projector->waiting.next, struct item, node);
		if (item->due_ms > now)
			return;
		bytes += item->record->value_len;
		list_remove(&item->node);
		projector->waiting_count--;
		take_in(batch, item);
	}
}

/* Returns: whether there may be more to do now. */
static bool write_batch(struct projector *projector)
{
	const struct restore *states[RESTORE_MAX];
	struct batch *batch = malloc(sizeof *batch);
	if (!batch)
		return false; /* at the next tick */
	batch->projector = projector;
	batch->abandoned = false;
	batch->count = 0;
	collect(projector, batch);
	if (batch->count == 0) {
		free(batch);
		return false;
	}
	for (size_t i = 0; i < batch->count; i++)
		states[i] = &batch->states[i];
	list_insert(&projector->writing, &batch->node);
	projector->batch_count++;
	enum err_code code = restore_write(projector->ports.store, states, batch->count, true, on_written, batch);
	CRASH_POINT(projector.state_sent);
	if (code != ERR_OK)
		end_batch(batch, code, 0);
	return code == ERR_OK;
}

static void write_next(struct projector *projector)
{
	while (projector->batch_count < MAX_BATCHES && redis_store_is_up(projector->ports.store))
		if (!write_batch(projector))
			return;
}

static void on_tick(uv_timer_t *timer)
{
	write_next(timer->data);
}

static void on_record(void *ctx, struct kafka_record *record)
{
	struct projector *projector = ctx;
	if (is_settled(projector, record)) {
		skip(projector, record);
		return;
	}
	struct item *item = record->value ? calloc(1, sizeof *item) : NULL;
	if (!item) { /* a tombstone; or no memory: it comes again */
		if (record->value)
			kafka_record_drop(record);
		else
			kafka_record_done(record);
		return;
	}
	item->record = record;
	item->due_ms = record->timestamp_ms + PROJECTOR_LAG_MS;
	list_insert(&projector->waiting, &item->node);
	projector->waiting_count++;
}

static void drop_waiting(struct projector *projector)
{
	while (projector->waiting_count > 0) {
		struct item *item = LIST_ENTRY(projector->waiting.next, struct item, node);
		list_remove(&item->node);
		projector->waiting_count--;
		kafka_record_drop(item->record);
		free(item);
	}
}

/* What is queued is read again by whoever owns its partition next. */
static void on_revoke(void *ctx)
{
	struct projector *projector = ctx;
	projector->revoking = true;
	drop_waiting(projector);
}

/* Partitions moved: what is queued belongs to somebody else now, or comes again. */
static void on_assignment(void *ctx, size_t partitions)
{
	struct projector *projector = ctx;
	(void)partitions;
	projector->revoking = false;
	drop_waiting(projector);
	for (struct list *node = projector->writing.next; node != &projector->writing; node = node->next)
		LIST_ENTRY(node, struct batch, node)->abandoned = true;
}

static void make_metrics(struct projector *projector)
{
	static const char name[] = "verifyd_projected", help[] = "results the projector followed, by what Redis had";
	struct metrics *metrics = projector->ports.metrics;
	projector->written = metrics_counter(metrics, name, "redis=\"lacked\"", help);
	projector->present = metrics_counter(metrics, name, "redis=\"had\"", help);
	projector->skipped = metrics_counter(metrics, name, "redis=\"written_here\"", help);
	projector->unreadable = metrics_counter(metrics, name, "redis=\"unreadable\"", help);
}

enum err_code projector_new(const struct ports *ports, const char *instance_id, struct projector **ret_projector,
                            struct err *err)
{
	static const char *const topics[] = {"results"};
	struct projector *projector = calloc(1, sizeof *projector);
	if (!projector)
		return err_set(err, ERR_NO_MEMORY, "projector");
	projector->ports = *ports;
	list_init(&projector->waiting);
	list_init(&projector->writing);
	for (size_t i = 0; i < SETTLED_SETS; i++)
		for (int way = 0; way < SETTLED_WAYS; way++)
			projector->settled[i].places[way].offset = -1;
	make_metrics(projector);
	const struct kafka_consumer_options options = {
	        .group = "projector",
	        .topics = topics,
	        .topic_count = 1,
	        .max_outstanding = MAX_OUTSTANDING,
	        .max_span = MAX_OUTSTANDING,
	        .instance_id = instance_id,
	        .revoke_wait_ms = REVOKE_WAIT_MS,
	        .queued_kbytes = PREFETCH_KBYTES,
	        .on_record = on_record,
	        .on_revoke = on_revoke,
	        .on_assignment = on_assignment,
	        .ctx = projector,
	};
	enum err_code code = kafka_consumer_new(ports->kafka, &options, ports->loop, &projector->consumer, err);
	if (code != ERR_OK) {
		free(projector);
		return code;
	}
	(void)uv_timer_init(ports->loop, &projector->timer);
	projector->timer.data = projector;
	uv_timer_start(&projector->timer, on_tick, TICK_MS, TICK_MS);
	*ret_projector = projector;
	return ERR_OK;
}

void projector_stop(struct projector *projector)
{
	projector->stopping = true;
	kafka_consumer_stop(projector->consumer);
	drop_waiting(projector);
}

size_t projector_in_flight(const struct projector *projector)
{
	return projector->writing_count;
}

int64_t projector_lag(const struct projector *projector)
{
	return kafka_consumer_lag(projector->consumer);
}

bool projector_has_failed(const struct projector *projector)
{
	return kafka_consumer_has_failed(projector->consumer);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct projector *projector = handle->data;
	projector->timer_closed = true;
	free_when_closed(projector);
}

void projector_close(struct projector *projector)
{
	if (!projector)
		return;
	assert(projector->stopping && projector->writing_count == 0);
	kafka_consumer_close(projector->consumer);
	projector->closing = true;
	uv_timer_stop(&projector->timer);
	uv_close((uv_handle_t *)&projector->timer, on_timer_closed);
}
