/* rebuild: a thread reads `results` (librdkafka blocks), the loop writes to Redis; between them a bounded queue. */
#include "workers/rebuild.h"
#include "common/adapters/kafka_scan.h"
#include "common/base/clock.h"
#include "common/base/list.h"
#include "common/base/log.h"
#include "workers/restore.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct item {
	struct list node;
	bool is_request;
	size_t len;
	char value[];
};

struct rebuild {
	struct ports ports;
	uv_timer_t timer;
	uv_async_t bell; /* the thread has queued something */
	uv_work_t work;
	char token[TOKEN_BYTES];
	bool asking;  /* a question about the epoch or the right is on its way */
	bool filling; /* the thread runs, or what it read is being written */
	bool reading; /* the thread runs */
	bool whole, closing, failed;
	size_t writing;
	int64_t began_ms, restored;
	struct metric *gauge;

	pthread_mutex_t lock;
	pthread_cond_t room;
	struct list queue;
	size_t queued;
	atomic_bool stop;    /* told to the thread */
	bool unread;         /* the thread's: not everything was read */
	bool reads_requests; /* the thread's own: which kind of topic it is at */
};

/* ---- the thread ---- */

static bool on_record(void *ctx, const struct kafka_scan_record *record)
{
	struct rebuild *rebuild = ctx;
	if (!record->value)
		return true;
	struct item *item = malloc(sizeof *item + record->value_len);
	if (!item)
		return false;
	item->is_request = rebuild->reads_requests;
	item->len = record->value_len;
	memcpy(item->value, record->value, record->value_len);
	pthread_mutex_lock(&rebuild->lock);
	while (rebuild->queued >= REBUILD_MAX_QUEUED && !atomic_load(&rebuild->stop))
		pthread_cond_wait(&rebuild->room, &rebuild->lock);
	bool stop = atomic_load(&rebuild->stop), ring = rebuild->queued == 0;
	if (!stop) {
		list_insert(&rebuild->queue, &item->node);
		rebuild->queued++;
		if (ring)
			uv_async_send(
			        &rebuild->bell); /* under the lock: the bell is closed only after `stop` was set */
	}
	pthread_mutex_unlock(&rebuild->lock);
	if (stop)
		free(item);
	return !stop;
}

static enum err_code read_topic(struct rebuild *rebuild, const char *topic)
{
	struct err err;
	enum err_code code =
	        kafka_scan(rebuild->ports.kafka, topic, -1, REBUILD_SCAN_MS, on_record, rebuild, &rebuild->stop, &err);
	if (code != ERR_OK)
		log_warn("rebuild_not_read", LOG_STR("topic", topic), LOG_STR("why", err.msg));
	return code;
}

/* The results, then the requests: those that no result is known of are still open. */
static void read_all(uv_work_t *work)
{
	struct rebuild *rebuild = work->data;
	rebuild->reads_requests = false;
	enum err_code code = read_topic(rebuild, "results");
	rebuild->reads_requests = true;
	for (unsigned kind = 0; kind < KIND_COUNT && code == ERR_OK; kind++) {
		code = read_topic(rebuild, operation_info(kind_first_operation((enum kind)kind))->topic);
		if (code == ERR_NOT_FOUND)
			code = ERR_OK; /* a vendor that is not used here */
	}
	rebuild->unread = code != ERR_OK;
}

/* ---- the loop ---- */

static void end_if_done(struct rebuild *rebuild);

static struct item *take(struct rebuild *rebuild)
{
	struct item *item = NULL;
	pthread_mutex_lock(&rebuild->lock);
	if (rebuild->queued > 0) {
		item = LIST_ENTRY(rebuild->queue.next, struct item, node);
		list_remove(&item->node);
		rebuild->queued--;
		pthread_cond_signal(&rebuild->room);
	}
	pthread_mutex_unlock(&rebuild->lock);
	return item;
}

static void write_queued(struct rebuild *rebuild);

static void on_written(void *ctx, enum err_code code, bool written)
{
	struct rebuild *rebuild = ctx;
	rebuild->writing--;
	rebuild->restored += written;
	rebuild->failed = rebuild->failed || code != ERR_OK;
	write_queued(rebuild);
	end_if_done(rebuild);
}

static void on_put(void *ctx, enum err_code code)
{
	on_written(ctx, code, false);
}

static void write_queued(struct rebuild *rebuild)
{
	struct err err;
	while (!rebuild->closing && rebuild->writing < REBUILD_MAX_WRITES) {
		struct item *item = take(rebuild);
		if (!item)
			return;
		enum err_code code = item->is_request ? restore_request(rebuild->ports.store, item->value, item->len,
		                                                        on_put, rebuild, &err)
		                                      : restore_state(rebuild->ports.store, item->value, item->len,
		                                                      on_written, rebuild, &err);
		if (code == ERR_OK)
			rebuild->writing++;
		else if (code == ERR_INVALID)
			log_warn("record_unreadable", LOG_STR("why", err.msg));
		else
			rebuild->failed = true;
		free(item);
	}
}

static void on_bell(uv_async_t *bell)
{
	write_queued(bell->data);
}

static void on_epoch_set(void *ctx, enum err_code code, bool set)
{
	struct rebuild *rebuild = ctx;
	rebuild->asking = false;
	rebuild->filling = false;
	rebuild->whole = code == ERR_OK && set;
	metric_set(rebuild->gauge, rebuild->whole);
	log_info("cache_rebuilt", LOG_STR("whole", rebuild->whole ? "yes" : "no"),
	         LOG_INT("restored", rebuild->restored), LOG_INT("took_ms", clock_mono_ms() - rebuild->began_ms));
}

static void end_if_done(struct rebuild *rebuild)
{
	bool busy = rebuild->reading || rebuild->writing > 0 || rebuild->queued > 0 || rebuild->asking;
	if (!rebuild->filling || busy || rebuild->closing)
		return;
	if (rebuild->failed) {
		rebuild->filling = false; /* begun anew at the next look */
		return;
	}
	rebuild->asking = true;
	if (redis_store_set_epoch(rebuild->ports.store, rebuild->token, on_epoch_set, rebuild) != ERR_OK)
		on_epoch_set(rebuild, ERR_UNAVAILABLE, false);
}

static void on_read(uv_work_t *work, int status)
{
	struct rebuild *rebuild = work->data;
	(void)status;
	rebuild->reading = false;
	rebuild->failed = rebuild->failed || rebuild->unread;
	write_queued(rebuild);
	end_if_done(rebuild);
}

static void fill(struct rebuild *rebuild)
{
	rebuild->filling = rebuild->reading = true;
	rebuild->failed = false;
	atomic_store(&rebuild->stop, false);
	rebuild->restored = 0;
	rebuild->began_ms = clock_mono_ms();
	log_info("cache_rebuilding", LOG_STR("why", "Redis is not the one that was filled"));
	if (uv_queue_work(rebuild->ports.loop, &rebuild->work, read_all, on_read) != 0)
		rebuild->filling = rebuild->reading = false;
}

static void stop_reading(struct rebuild *rebuild)
{
	pthread_mutex_lock(&rebuild->lock);
	atomic_store(&rebuild->stop, true);
	pthread_cond_signal(&rebuild->room);
	pthread_mutex_unlock(&rebuild->lock);
}

static void on_right(void *ctx, enum err_code code, bool granted)
{
	struct rebuild *rebuild = ctx;
	rebuild->asking = false;
	bool ours = code == ERR_OK && granted;
	if (rebuild->closing)
		return;
	if (!rebuild->filling && ours) {
		fill(rebuild);
	} else if (rebuild->filling && !ours) { /* Redis went away or forgot again: what was written may be lost */
		rebuild->failed = true;
		stop_reading(rebuild);
	}
	end_if_done(rebuild);
}

static void claim_right(struct rebuild *rebuild)
{
	rebuild->asking = true;
	if (redis_store_claim_rebuild(rebuild->ports.store, rebuild->token, REBUILD_RIGHT_MS, on_right, rebuild) !=
	    ERR_OK)
		on_right(rebuild, ERR_UNAVAILABLE, false);
}

static void on_epoch(void *ctx, enum err_code code, bool whole)
{
	struct rebuild *rebuild = ctx;
	rebuild->asking = false;
	if (code != ERR_OK || rebuild->closing)
		return;
	rebuild->whole = whole;
	metric_set(rebuild->gauge, whole);
	if (!whole)
		claim_right(rebuild);
}

static void look(struct rebuild *rebuild)
{
	if (rebuild->asking || rebuild->closing || !redis_store_is_up(rebuild->ports.store))
		return;
	if (rebuild->filling) {
		claim_right(rebuild);
		return;
	}
	rebuild->asking = true;
	if (redis_store_check_epoch(rebuild->ports.store, on_epoch, rebuild) != ERR_OK)
		rebuild->asking = false;
}

static void on_tick(uv_timer_t *timer)
{
	look(timer->data);
}

/* ---- life ---- */

enum err_code rebuild_new(const struct ports *ports, struct rebuild **ret_rebuild, struct err *err)
{
	struct rebuild *rebuild = calloc(1, sizeof *rebuild);
	if (!rebuild || id_token(rebuild->token) != ERR_OK ||
	    uv_async_init(ports->loop, &rebuild->bell, on_bell) != 0) {
		free(rebuild);
		return err_set(err, ERR_NO_MEMORY, "rebuild");
	}
	rebuild->ports = *ports;
	rebuild->gauge = metrics_gauge(ports->metrics, "verifyd_cache_whole", "",
	                               "1 while Redis is the one that was filled from results");
	pthread_mutex_init(&rebuild->lock, NULL);
	pthread_cond_init(&rebuild->room, NULL);
	list_init(&rebuild->queue);
	uv_timer_init(ports->loop, &rebuild->timer);
	rebuild->timer.data = rebuild->bell.data = rebuild->work.data = rebuild;
	uv_timer_start(&rebuild->timer, on_tick, 1, REBUILD_LOOK_MS);
	*ret_rebuild = rebuild;
	return ERR_OK;
}

bool rebuild_is_whole(const struct rebuild *rebuild)
{
	return rebuild->whole;
}

void rebuild_close(struct rebuild *rebuild)
{
	if (!rebuild)
		return;
	rebuild->closing = true;
	stop_reading(rebuild);
	uv_close((uv_handle_t *)&rebuild->timer, NULL);
	uv_close((uv_handle_t *)&rebuild->bell, NULL);
}

void rebuild_free(struct rebuild *rebuild)
{
	if (!rebuild)
		return;
	for (struct item *item; (item = take(rebuild));)
		free(item);
	pthread_cond_destroy(&rebuild->room);
	pthread_mutex_destroy(&rebuild->lock);
	free(rebuild);
}
