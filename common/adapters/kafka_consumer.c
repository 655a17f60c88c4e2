/* kafka_consumer: one group member, read in the loop: life, intake, and what becomes of records. How partitions come
 * and go is in kafka_consumer_rebalance.c. Knows nothing of what a record says. */
#include "common/adapters/kafka_consumer_internal.h"
#include "common/base/clock.h"
#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	TURN_RECORDS = 32, /* read in one turn of the loop: what each begins, the next turns have to do */
	TICK_MS = 1000,
	AGAIN_AFTER_MS = 1000, /* a dropped record comes again with the next tick after that */
	HANDLE_COUNT = 3,      /* poll and two timers */
};

void consumer_pause(struct kafka_consumer *consumer, unsigned reasons, bool on)
{
	kafka_parts_pause(consumer->rk, consumer->parts.all, consumer->parts.count, reasons, on);
}

static void free_record(struct record *record)
{
	record->consumer->outstanding--;
	rd_kafka_message_destroy(record->base.message);
	free(record);
}

static struct record *take_dropped(struct kafka_consumer *consumer)
{
	struct record *record = LIST_ENTRY(consumer->dropped.next, struct record, node);
	list_remove(&record->node);
	consumer->dropped_count--;
	return record;
}

void consumer_free_dropped(struct kafka_consumer *consumer)
{
	while (consumer->dropped_count > 0)
		free_record(take_dropped(consumer));
}

void consumer_fail(struct kafka_consumer *consumer, const char *what)
{
	if (!consumer->is_fatal)
		log_error("kafka_consumer_fatal", LOG_STR("group", consumer->group), LOG_STR("error", what));
	consumer->is_fatal = true;
}

static void note_error(struct kafka_consumer *consumer, rd_kafka_resp_err_t error)
{
	int64_t dropped;
	rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(consumer->rk, NULL, 0);
	if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
		consumer_fail(consumer, rd_kafka_err2name(fatal));
	} else if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
		kafka_link_set(&consumer->link, false);
	} else if (log_limit_pass(&consumer->error_limit, clock_mono_ms(), TICK_MS, &dropped)) {
		log_warn("kafka_consumer_error", LOG_STR("group", consumer->group),
		         LOG_STR("error", rd_kafka_err2name(error)), LOG_INT("dropped", dropped));
	}
}

static void on_error(rd_kafka_t *rk, int error, const char *reason, void *opaque)
{
	(void)rk, (void)reason;
	note_error(opaque, error);
}

static int on_stats(rd_kafka_t *rk, char *json, size_t json_len, void *opaque)
{
	(void)rk;
	struct kafka_consumer *consumer = opaque;
	kafka_link_stats(&consumer->link, json, json_len);
	return 0;
}

static struct record *make_record(struct kafka_consumer *consumer, struct kafka_part *part, rd_kafka_message_t *message)
{
	struct record *record = malloc(sizeof *record);
	if (!record)
		return NULL;
	*record = (struct record){
	        .base = kafka_record_of(consumer->owner.client, message),
	        .consumer = consumer,
	        .part = part,
	        .generation = consumer->generation,
	};
	return record;
}

/* Out of memory means: somebody reads this offset again after the next rebalance, and the watermark stays before it. */
static void deliver(struct kafka_consumer *consumer, struct kafka_part *part, rd_kafka_message_t *message)
{
	struct record *record = make_record(consumer, part, message);
	enum err_code code =
	        record ? kafka_watermark_add(&part->watermark, message->offset, &record->ticket) : ERR_NO_MEMORY;
	if (code != ERR_OK) {
		/* ERR_CONFLICT: librdkafka fetched a record again that was handed out before; once is enough. */
		if (code != ERR_CONFLICT)
			consumer_fail(consumer, err_text(code));
		free(record);
		rd_kafka_message_destroy(message);
		return;
	}
	consumer->outstanding++;
	consumer->current++;
	if (kafka_watermark_span(&part->watermark) >= consumer->options.max_span)
		kafka_parts_pause(consumer->rk, part, 1, PAUSE_SPAN, true);
	consumer->is_full = consumer->is_full || consumer->outstanding >= consumer->options.max_outstanding;
	consumer->options.on_record(consumer->options.ctx, &record->base.pub);
}

static bool has_stopped(const struct kafka_consumer *consumer)
{
	return consumer->is_revoking || consumer->is_stopped || consumer->is_closing || consumer->is_fatal;
}

/* They count as outstanding all the while, so there is room for them. One that is dropped again goes to the end. */
static void deliver_dropped(struct kafka_consumer *consumer, uint64_t now_ms)
{
	while (!has_stopped(consumer) && consumer->dropped_count > 0 &&
	       LIST_ENTRY(consumer->dropped.next, struct record, node)->again_ms <= now_ms) {
		struct record *record = take_dropped(consumer);
		consumer->current++;
		consumer->options.on_record(consumer->options.ctx, &record->base.pub);
	}
}

/* Rebalances and errors; records have queues of their own (kafka_parts_split). Also when there is no room for a record:
 * it keeps the member in its group (max.poll.interval.ms). */
static void serve_group(struct kafka_consumer *consumer)
{
	rd_kafka_message_t *message;
	for (int i = 0; i < TURN_RECORDS; i++) {
		if (!(message = rd_kafka_consumer_poll(consumer->rk, 0)))
			return;
		if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
			note_error(consumer, message->err);
		rd_kafka_message_destroy(message);
	}
	kafka_wake_set(consumer->fd);
}

static void take(struct kafka_consumer *consumer, struct kafka_part *part, rd_kafka_message_t *message)
{
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
		note_error(consumer, message->err);
		rd_kafka_message_destroy(message);
		return;
	}
	kafka_link_set(&consumer->link, true);
	deliver(consumer, part, message);
}

/* The oldest first, whichever partition it is in: who came first is served first, also from a long backlog.
 * librdkafka signals only when a queue stops being empty, so whoever leaves something in one must wake us again. */
static void drain(struct kafka_consumer *consumer)
{
	if (consumer->is_revoking && consumer->current == 0)
		consumer_finish_revoke(consumer);
	consumer_leave_when_stopped(consumer);
	serve_group(consumer);
	if (consumer->is_full || has_stopped(consumer))
		return;
	kafka_parts_look(&consumer->parts);
	for (int i = 0; i < TURN_RECORDS; i++) {
		struct kafka_part *part;
		rd_kafka_message_t *message = kafka_parts_take(&consumer->parts, &part);
		if (!message)
			return;
		take(consumer, part, message);
		if (consumer->is_full || has_stopped(consumer))
			return;
	}
	kafka_wake_set(consumer->fd);
}

static void on_wake(uv_poll_t *poll, int status, int events)
{
	(void)status, (void)events;
	struct kafka_consumer *consumer = poll->data;
	kafka_wake_clear(consumer->fd);
	drain(consumer);
}

/* Keeps max.poll.interval.ms and rebalances served when records do not move. */
static void on_tick(uv_timer_t *timer)
{
	struct kafka_consumer *consumer = timer->data;
	deliver_dropped(consumer, uv_now(timer->loop));
	drain(consumer);
}

static void pass(struct kafka_consumer *consumer, struct kafka_part *part, uint64_t ticket)
{
	int64_t next;
	if (!kafka_watermark_done(&part->watermark, ticket, &next))
		return;
	rd_kafka_resp_err_t error = kafka_parts_store(consumer->rk, part, next);
	if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
		note_error(consumer, error);
	size_t span = kafka_watermark_span(&part->watermark);
	if ((part->paused & PAUSE_SPAN) && span * 4 < consumer->options.max_span * 3) {
		kafka_parts_pause(consumer->rk, part, 1, PAUSE_SPAN, false);
		kafka_wake_set(consumer->fd);
	}
}

static void reopen(struct kafka_consumer *consumer)
{
	if (!consumer->is_full || consumer->outstanding * 4 >= consumer->options.max_outstanding * 3)
		return;
	consumer->is_full = false;
	kafka_wake_set(consumer->fd);
}

/* A record of this assignment is in hand no longer. */
static void end_current(struct kafka_consumer *consumer)
{
	consumer->current--;
	if (consumer->current == 0 && (consumer->is_revoking || consumer->is_stopped))
		kafka_wake_set(consumer->fd);
}

void kafka_record_done(struct kafka_record *pub)
{
	struct record *record = (struct record *)pub;
	struct kafka_consumer *consumer = record->consumer;
	if (record->generation == consumer->generation) {
		pass(consumer, record->part, record->ticket);
		end_current(consumer);
	}
	free_record(record);
	reopen(consumer);
}

void kafka_record_drop(struct kafka_record *pub)
{
	struct record *record = (struct record *)pub;
	struct kafka_consumer *consumer = record->consumer;
	bool is_current = record->generation == consumer->generation;
	if (is_current)
		end_current(consumer);
	if (is_current && !has_stopped(consumer)) {
		record->again_ms = uv_now(consumer->tick.loop) + AGAIN_AFTER_MS;
		list_insert(&consumer->dropped, &record->node);
		consumer->dropped_count++;
		return;
	}
	free_record(record);
	reopen(consumer);
}

/* topic: without prefix. Returns: NULL when the partition is not assigned, or was taken away. */
static struct kafka_part *part_of(struct kafka_consumer *consumer, const char *topic, int32_t partition)
{
	char full[TOPIC_BYTES];
	if (kafka_client_name(consumer->owner.client, topic, full) != ERR_OK)
		return NULL;
	return kafka_parts_find(&consumer->parts, full, partition);
}

static void set_held(struct kafka_consumer *consumer, const char *topic, int32_t partition, bool on)
{
	struct kafka_part *part = part_of(consumer, topic, partition);
	if (!part)
		return; /* taken away meanwhile */
	kafka_parts_pause(consumer->rk, part, 1, PAUSE_HOLD, on);
	if (!on)
		kafka_wake_set(consumer->fd);
}

void kafka_consumer_hold(struct kafka_consumer *consumer, const char *topic, int32_t partition)
{
	set_held(consumer, topic, partition, true);
}

void kafka_consumer_unhold(struct kafka_consumer *consumer, const char *topic, int32_t partition)
{
	set_held(consumer, topic, partition, false);
}

void kafka_consumer_stop(struct kafka_consumer *consumer)
{
	consumer->is_stopped = true;
	consumer->leave_at_ms = uv_now(consumer->tick.loop) + (uint64_t)consumer->options.revoke_wait_ms;
	consumer_free_dropped(consumer);
	consumer_pause(consumer, PAUSE_STOP, true);
	kafka_wake_set(consumer->fd);
}

size_t kafka_consumer_outstanding(const struct kafka_consumer *consumer)
{
	return consumer->outstanding - consumer->dropped_count;
}

bool kafka_consumer_is_up(const struct kafka_consumer *consumer)
{
	return consumer->link.is_up && !consumer->is_fatal;
}

bool kafka_consumer_has_failed(const struct kafka_consumer *consumer)
{
	return consumer->is_fatal;
}

size_t kafka_consumer_partitions(const struct kafka_consumer *consumer)
{
	return consumer->parts.count;
}

int64_t kafka_consumer_lag(const struct kafka_consumer *consumer)
{
	return kafka_parts_lag(consumer->rk, &consumer->parts);
}

size_t kafka_consumer_gap(const struct kafka_consumer *consumer)
{
	return kafka_parts_gap(&consumer->parts);
}

void kafka_consumer_learn(struct kafka_consumer *consumer, const char *topic, int32_t partition, int64_t committed,
                          int64_t end)
{
	struct kafka_part *part = part_of(consumer, topic, partition);
	if (!part)
		return;
	part->committed = committed;
	part->end = end;
}

size_t kafka_consumer_positions(const struct kafka_consumer *consumer, struct kafka_position *out, size_t cap)
{
	size_t known = 0;
	for (size_t i = 0; i < consumer->parts.count; i++) {
		const struct kafka_part *part = &consumer->parts.all[i];
		if (kafka_part_next(part) < 0)
			continue;
		if (known < cap)
			out[known] = (struct kafka_position){part->partition, kafka_part_next(part)};
		known++;
	}
	return known;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct kafka_consumer *consumer = handle->data;
	if (--consumer->open_handles > 0)
		return;
	(void)close(consumer->fd);
	free(consumer);
}

/* A rebalance that is queued already would not be heard of by whoever closes, which then waits for us in vain. */
static void serve_events(struct kafka_consumer *consumer)
{
	rd_kafka_message_t *message;
	consumer_pause(consumer, PAUSE_STOP, true); /* so that records come to an end */
	while ((message = rd_kafka_consumer_poll(consumer->rk, 0)))
		rd_kafka_message_destroy(message);
}

static void end_rk(struct kafka_consumer *consumer)
{
	if (consumer->queue) {
		rd_kafka_queue_io_event_enable(consumer->queue, -1, NULL, 0);
		rd_kafka_queue_destroy(consumer->queue);
	}
	kafka_parts_join(&consumer->parts); /* while there is what the queues are of */
	if (consumer->rk)
		kafka_client_leave(consumer->rk);
	consumer_forget_parts(consumer);
}

static enum err_code open_rk(struct kafka_consumer *consumer, struct err *err)
{
	const struct kafka_consumer_options *options = &consumer->options;
	const struct kafka_membership membership = {
	        .group = options->group,
	        .topics = options->topics,
	        .topic_count = options->topic_count,
	        .instance_id = options->instance_id,
	        .queued_kbytes = options->queued_kbytes,
	        .opaque = consumer,
	        .on_rebalance = consumer_on_rebalance,
	        .on_error = on_error,
	        .on_stats = on_stats,
	};
	const uint64_t one = 1;
	enum err_code code = kafka_client_join(consumer->owner.client, &membership, &consumer->rk, err);
	if (code != ERR_OK)
		return code;
	consumer->queue = rd_kafka_queue_get_consumer(consumer->rk);
	if (!consumer->queue)
		return err_set(err, ERR_NO_MEMORY, "kafka consumer's queue");
	rd_kafka_queue_io_event_enable(consumer->queue, consumer->fd, &one, sizeof one);
	kafka_wake_set(consumer->fd); /* what came in before that was not signalled */
	return ERR_OK;
}

enum err_code kafka_consumer_new(const struct kafka_client *client, const struct kafka_consumer_options *options,
                                 uv_loop_t *loop, struct kafka_consumer **ret_consumer, struct err *err)
{
	if (options->topic_count == 0 || options->max_outstanding == 0 || options->max_span == 0 || !options->on_record)
		return err_set(err, ERR_INVALID, "kafka consumer's options");
	struct kafka_consumer *consumer = calloc(1, sizeof *consumer);
	if (!consumer)
		return err_set(err, ERR_NO_MEMORY, "kafka consumer");
	consumer->owner.client = client;
	consumer->options = *options;
	consumer->is_static = options->instance_id != NULL;
	(void)snprintf(consumer->group, sizeof consumer->group, "%s", options->group);
	consumer->link = (struct kafka_link){"consumer", true};
	list_init(&consumer->dropped);
	enum err_code code = kafka_wake_open(&consumer->fd, err);
	if (code != ERR_OK) {
		free(consumer);
		return code;
	}
	(void)uv_timer_init(loop, &consumer->tick); /* cannot fail, nor can the other */
	(void)uv_timer_init(loop, &consumer->revoke);
	code = open_rk(consumer, err);
	if (code == ERR_OK && uv_poll_init(loop, &consumer->poll, consumer->fd) != 0)
		code = err_set(err, ERR_NO_MEMORY, "kafka consumer's poll handle");
	consumer->tick.data = consumer->revoke.data = consumer->poll.data = consumer;
	consumer->open_handles = code == ERR_OK ? HANDLE_COUNT : HANDLE_COUNT - 1;
	if (code != ERR_OK) {
		end_rk(consumer);
		uv_close((uv_handle_t *)&consumer->tick, on_handle_closed);
		uv_close((uv_handle_t *)&consumer->revoke, on_handle_closed);
		return code;
	}
	(void)uv_poll_start(&consumer->poll, UV_READABLE, on_wake); /* these fail only for handles that are closing */
	(void)uv_timer_start(&consumer->tick, on_tick, TICK_MS, TICK_MS);
	*ret_consumer = consumer;
	return ERR_OK;
}

void kafka_consumer_close(struct kafka_consumer *consumer)
{
	if (!consumer)
		return;
	consumer->is_closing = true;
	consumer_free_dropped(consumer);
	assert(consumer->outstanding == 0); /* a record that is out points here */
	if (consumer->is_revoking)
		consumer_finish_revoke(consumer);
	serve_events(consumer);
	end_rk(consumer);
	uv_close((uv_handle_t *)&consumer->poll, on_handle_closed);
	uv_close((uv_handle_t *)&consumer->tick, on_handle_closed);
	uv_close((uv_handle_t *)&consumer->revoke, on_handle_closed);
}
