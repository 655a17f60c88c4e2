/* rebuild_read: on the thread: read, decode, keep back, put into batches; between it and the loop a bounded queue. */
#include "workers/rebuild_read.h"
#include "common/adapters/kafka_scan.h"
#include "common/base/list.h"
#include "common/base/log.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 16384 }; /* a power of two */

/* A state and its text. */
struct item {
	struct restore restore;
	struct list node;  /* among those kept back, oldest first */
	struct item *next; /* in its bucket */
	char text[];
};

struct rebuild_batch {
	struct list node;
	size_t count, bytes;
	struct item *items[RESTORE_MAX];
};

enum { TOPIC_COUNT = 1 + KIND_COUNT }; /* results, and where each kind's questions begin */

struct rebuild_reader {
	struct ports ports;
	void (*on_batches)(void *ctx);
	void (*on_end)(void *ctx, bool whole);
	void *ctx;
	uv_async_t bell; /* the thread has queued something */
	uv_work_t work;
	bool running, closing;

	pthread_mutex_t lock;
	pthread_cond_t room;
	struct list queue; /* of struct rebuild_batch */
	size_t queued;
	atomic_bool stop; /* told to the thread */

	/* the thread's own */
	bool whole;
	struct kafka_scan_places places[TOPIC_COUNT];
	struct item *buckets[BUCKETS];
	struct list kept;
	size_t kept_count, kept_bytes;
	struct rebuild_batch *batch; /* being filled; NULL: none */
};

static struct item *item_new(const struct restore *from)
{
	struct item *item = malloc(sizeof *item + from->len);
	if (!item)
		return NULL;
	item->restore = *from;
	item->restore.value = item->text;
	memcpy(item->text, from->value, from->len);
	return item;
}

/* ---- batches ---- */

size_t rebuild_batch_states(const struct rebuild_batch *batch, const struct restore *ret_states[RESTORE_MAX])
{
	for (size_t i = 0; i < batch->count; i++)
		ret_states[i] = &batch->items[i]->restore;
	return batch->count;
}

void rebuild_batch_free(struct rebuild_batch *batch)
{
	for (size_t i = 0; batch && i < batch->count; i++)
		free(batch->items[i]);
	free(batch);
}

/* Waits for room. Returns: false when it was stopped. */
static bool hand_over(struct rebuild_reader *reader)
{
	struct rebuild_batch *batch = reader->batch;
	reader->batch = NULL;
	pthread_mutex_lock(&reader->lock);
	while (reader->queued >= READ_MAX_BATCHES && !atomic_load(&reader->stop))
		pthread_cond_wait(&reader->room, &reader->lock);
	bool stopped = atomic_load(&reader->stop);
	if (!stopped && batch) {
		list_insert(&reader->queue, &batch->node);
		reader->queued++;
		uv_async_send(&reader->bell); /* under the lock: the bell is closed only after `stop` was set */
	}
	pthread_mutex_unlock(&reader->lock);
	if (stopped)
		rebuild_batch_free(batch);
	return !stopped;
}

/* Takes the item. Returns: false when it was stopped, or out of memory. */
static bool put_out(struct rebuild_reader *reader, struct item *item)
{
	if (!reader->batch)
		reader->batch = calloc(1, sizeof *reader->batch);
	if (!reader->batch) {
		free(item);
		return false;
	}
	reader->batch->items[reader->batch->count++] = item;
	reader->batch->bytes += item->restore.len;
	bool is_full = reader->batch->count == RESTORE_MAX || reader->batch->bytes >= RESTORE_MAX_BYTES;
	return !is_full || hand_over(reader);
}

/* ---- what is kept back ---- */

static struct item **place_of(struct rebuild_reader *reader, const char *id)
{
	uint32_t hash = 2166136261u;
	for (const char *at = id; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619u;
	struct item **place = &reader->buckets[hash & (BUCKETS - 1)];
	while (*place && strcmp((*place)->restore.state.id, id) != 0)
		place = &(*place)->next;
	return place;
}

static struct item *let_go(struct rebuild_reader *reader, struct item **place)
{
	struct item *item = *place;
	*place = item->next;
	list_remove(&item->node);
	reader->kept_count--;
	reader->kept_bytes -= item->restore.len;
	return item;
}

static struct item *let_go_oldest(struct rebuild_reader *reader)
{
	struct item *oldest = LIST_ENTRY(reader->kept.next, struct item, node);
	return let_go(reader, place_of(reader, oldest->restore.state.id));
}

/* Takes the item. Returns: as put_out. */
static bool keep(struct rebuild_reader *reader, struct item *item)
{
	struct item **place = place_of(reader, item->restore.state.id);
	item->next = *place;
	*place = item;
	list_insert(&reader->kept, &item->node);
	reader->kept_count++;
	reader->kept_bytes += item->restore.len;
	bool is_full = reader->kept_count > READ_MAX_KEPT || reader->kept_bytes > READ_MAX_KEPT_BYTES;
	return !is_full || put_out(reader, let_go_oldest(reader));
}

/* ---- records ---- */

/* Returns: false when it was stopped, or out of memory. */
static bool take_state(struct rebuild_reader *reader, const struct restore *state)
{
	struct item **place = place_of(reader, state->state.id);
	if (*place && verification_compare(&state->state, &(*place)->restore.state) <= 0)
		return true;
	if (*place)
		free(let_go(reader, place));
	struct item *item = item_new(state);
	if (!item)
		return false;
	return state_is_final(state->state.state) ? put_out(reader, item) : keep(reader, item);
}

static bool is_readable(enum err_code code, const struct kafka_scan_record *record, const struct err *err)
{
	if (code != ERR_OK)
		log_warn("record_unreadable", LOG_INT("partition", record->partition),
		         LOG_INT("offset", record->offset), LOG_STR("why", err->msg));
	return code == ERR_OK;
}

static bool on_result(void *ctx, const struct kafka_scan_record *record)
{
	struct restore state;
	struct err err;
	if (!record->value)
		return true;
	enum err_code code = restore_read(record->value, record->value_len, &state, &err);
	if (code == ERR_NO_MEMORY)
		return false;
	return !is_readable(code, record, &err) || take_state(ctx, &state);
}

static bool on_request(void *ctx, const struct kafka_scan_record *record)
{
	struct restore state;
	struct buf text;
	struct err err;
	if (!record->value)
		return true;
	buf_init(&text, VERIFICATION_MAX_BYTES);
	enum err_code code = restore_read_request(record->value, record->value_len, &text, &state, &err);
	struct item *item = code == ERR_OK ? item_new(&state) : NULL;
	buf_fini(&text);
	if (code == ERR_NO_MEMORY || (code == ERR_OK && !item))
		return false;
	return !is_readable(code, record, &err) || put_out(ctx, item);
}

/* ---- the thread ---- */

/* A handler's `false` ends a read like the topic's end, so it is noted. */
struct reading {
	struct rebuild_reader *reader;
	bool (*on_record)(void *ctx, const struct kafka_scan_record *record);
	bool gave_up;
};

static bool on_record(void *ctx, const struct kafka_scan_record *record)
{
	struct reading *reading = ctx;
	reading->gave_up = !reading->on_record(reading->reader, record);
	return !reading->gave_up;
}

static bool read_topic(struct rebuild_reader *reader, size_t number, const char *topic)
{
	struct err err;
	struct reading reading = {reader, number == 0 ? on_result : on_request, false};
	enum err_code code = kafka_scan_on(reader->ports.kafka, topic, &reader->places[number], READ_TIMEOUT_MS,
	                                   on_record, &reading, &reader->stop, &err);
	if (code == ERR_NOT_FOUND && number > 0)
		return true; /* a vendor that is not used here */
	if (code != ERR_OK)
		log_warn("rebuild_not_read", LOG_STR("topic", topic), LOG_STR("why", err.msg));
	return code == ERR_OK && !reading.gave_up && !atomic_load(&reader->stop);
}

static void forget(struct rebuild_reader *reader)
{
	while (reader->kept_count > 0)
		free(let_go_oldest(reader));
	rebuild_batch_free(reader->batch);
	reader->batch = NULL;
}

/* The results, then the requests: those that no result is known of are still open. */
static void read_all(uv_work_t *work)
{
	struct rebuild_reader *reader = work->data;
	bool good = read_topic(reader, 0, "results");
	while (good && reader->kept_count > 0)
		good = put_out(reader, let_go_oldest(reader));
	for (unsigned kind = 0; kind < KIND_COUNT && good; kind++)
		good = read_topic(reader, 1 + kind, operation_info(kind_first_operation((enum kind)kind))->topic);
	reader->whole = good && hand_over(reader);
	forget(reader);
}

/* ---- the loop ---- */

static void drop_queued(struct rebuild_reader *reader)
{
	for (struct rebuild_batch *batch; (batch = rebuild_reader_take(reader));)
		rebuild_batch_free(batch);
}

static void on_bell(uv_async_t *bell)
{
	struct rebuild_reader *reader = bell->data;
	if (!reader->closing)
		reader->on_batches(reader->ctx);
}

static void on_read(uv_work_t *work, int status)
{
	struct rebuild_reader *reader = work->data;
	reader->running = false;
	if (!reader->closing)
		reader->on_end(reader->ctx, status == 0 && reader->whole);
}

enum err_code rebuild_reader_new(const struct ports *ports, void (*on_batches)(void *ctx),
                                 void (*on_end)(void *ctx, bool whole), void *ctx, struct rebuild_reader **ret_reader,
                                 struct err *err)
{
	struct rebuild_reader *reader = calloc(1, sizeof *reader);
	if (!reader || uv_async_init(ports->loop, &reader->bell, on_bell) != 0) {
		free(reader);
		return err_set(err, ERR_NO_MEMORY, "reader of the rebuild");
	}
	reader->ports = *ports;
	reader->on_batches = on_batches;
	reader->on_end = on_end;
	reader->ctx = ctx;
	reader->bell.data = reader->work.data = reader;
	pthread_mutex_init(&reader->lock, NULL);
	pthread_cond_init(&reader->room, NULL);
	list_init(&reader->queue);
	list_init(&reader->kept);
	*ret_reader = reader;
	return ERR_OK;
}

enum err_code rebuild_reader_begin(struct rebuild_reader *reader, bool on)
{
	if (reader->running || reader->closing)
		return ERR_IO;
	drop_queued(reader);
	for (size_t i = 0; i < TOPIC_COUNT && !on; i++) {
		reader->places[i].count = 0;
		atomic_store(&reader->places[i].todo, 0);
		atomic_store(&reader->places[i].done, 0);
	}
	atomic_store(&reader->stop, false);
	if (uv_queue_work(reader->ports.loop, &reader->work, read_all, on_read) != 0)
		return ERR_IO;
	reader->running = true;
	return ERR_OK;
}

struct rebuild_batch *rebuild_reader_take(struct rebuild_reader *reader)
{
	struct rebuild_batch *batch = NULL;
	pthread_mutex_lock(&reader->lock);
	if (reader->queued > 0) {
		batch = LIST_ENTRY(reader->queue.next, struct rebuild_batch, node);
		list_remove(&batch->node);
		reader->queued--;
		pthread_cond_signal(&reader->room);
	}
	pthread_mutex_unlock(&reader->lock);
	return batch;
}

void rebuild_reader_progress(struct rebuild_reader *reader, int64_t *ret_done, int64_t *ret_todo)
{
	*ret_done = *ret_todo = 0;
	for (size_t i = 0; i < TOPIC_COUNT; i++) {
		*ret_done += atomic_load(&reader->places[i].done);
		*ret_todo += atomic_load(&reader->places[i].todo);
	}
}

void rebuild_reader_stop(struct rebuild_reader *reader)
{
	pthread_mutex_lock(&reader->lock);
	atomic_store(&reader->stop, true);
	pthread_cond_signal(&reader->room);
	pthread_mutex_unlock(&reader->lock);
	drop_queued(reader);
}

void rebuild_reader_close(struct rebuild_reader *reader)
{
	if (!reader || reader->closing)
		return;
	reader->closing = true;
	rebuild_reader_stop(reader);
	uv_close((uv_handle_t *)&reader->bell, NULL);
}

void rebuild_reader_free(struct rebuild_reader *reader)
{
	if (!reader)
		return;
	drop_queued(reader);
	pthread_cond_destroy(&reader->room);
	pthread_mutex_destroy(&reader->lock);
	free(reader);
}
