/* kafka_consumer: one group member, read in the loop. A revoke is answered late on purpose: rd_kafka_assign(NULL),
 * which commits what is stored, is called when the records that are out are done, or after revoke_wait_ms. Until then
 * librdkafka stays in its rebalance and the loop goes on. Knows nothing of what a record says, and retries nothing. */
#include "common/adapters/kafka_consumer.h"
#include "common/adapters/kafka_parts.h"
#include "common/adapters/kafka_record.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	TURN_RECORDS = 256, /* read in one turn of the loop */
	TICK_MS = 1000,
	PAUSE_AFTER_MS = 1000, /* pausing throws librdkafka's prefetch away, so a short jam must not */
	HANDLE_COUNT = 3,      /* poll and two timers */
};

struct record {
	struct kafka_record_base base; /* first: what the receiver holds */
	struct kafka_consumer *consumer;
	struct kafka_part *part; /* only while generation is the consumer's */
	uint64_t generation;     /* of the assignment it came from */
	uint64_t ticket;         /* in the part's watermark */
};

struct kafka_consumer {
	struct kafka_owner owner;              /* first: librdkafka's opaque */
	struct kafka_consumer_options options; /* topics and instance_id are not read after the start */
	char group[TOPIC_BYTES];
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	int fd; /* written by librdkafka's threads when its queue is no longer empty */
	uv_poll_t poll;
	uv_timer_t tick, revoke;
	int open_handles;
	struct kafka_parts parts; /* the assignment */
	uint64_t generation;      /* counts assignments */
	size_t outstanding;       /* records out, of every generation */
	size_t current;           /* records out, of this generation */
	uint64_t full_since_ms;
	struct log_limit error_limit;
	bool is_full;     /* intake stopped at max_outstanding */
	bool is_pressed;  /* full for so long that the partitions are paused */
	bool is_revoking; /* librdkafka waits for our rd_kafka_assign(NULL) */
	bool is_stopped, is_closing, is_fatal;
	struct kafka_link link;
};

static void pause_all(struct kafka_consumer *consumer, unsigned reason, bool on)
{
	kafka_parts_pause(consumer->rk, consumer->parts.all, consumer->parts.count, reason, on);
}

/* Ends the assignment on our side: records of it that are still out only free themselves from now on. */
static void forget_parts(struct kafka_consumer *consumer)
{
	kafka_parts_clear(&consumer->parts);
	consumer->current = 0;
	consumer->generation++;
	consumer->is_pressed = false;
	consumer->full_since_ms = uv_now(consumer->tick.loop);
}

static void tell_assignment(struct kafka_consumer *consumer, const char *event, size_t left)
{
	log_info(event, LOG_STR("group", consumer->group), LOG_INT("partitions", consumer->parts.count),
	         LOG_INT("records_left", left));
	if (consumer->options.on_assignment && !consumer->is_closing)
		consumer->options.on_assignment(consumer->options.ctx, consumer->parts.count);
}

static void fail(struct kafka_consumer *consumer, const char *what)
{
	if (!consumer->is_fatal)
		log_error("kafka_consumer_fatal", LOG_STR("group", consumer->group), LOG_STR("error", what));
	consumer->is_fatal = true;
}

static void assign(struct kafka_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_resp_err_t error = rd_kafka_assign(consumer->rk, list);
	if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
		fail(consumer, rd_kafka_err2name(error));
}

static void on_assigned(struct kafka_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
	forget_parts(consumer);
	if (kafka_parts_make(&consumer->parts, list, consumer->options.max_span) != ERR_OK) {
		fail(consumer, "out of memory");
		assign(consumer, NULL);
		return;
	}
	assign(consumer, list);
	if (consumer->is_stopped)
		pause_all(consumer, PAUSE_STOP, true);
	tell_assignment(consumer, "kafka_assigned", 0);
}

static void finish_revoke(struct kafka_consumer *consumer)
{
	size_t left = consumer->current;
	(void)uv_timer_stop(&consumer->revoke);
	consumer->is_revoking = false;
	assign(consumer, NULL);
	forget_parts(consumer);
	tell_assignment(consumer, "kafka_revoked", left);
}

static void on_revoke_timeout(uv_timer_t *timer)
{
	finish_revoke(timer->data);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct kafka_consumer *consumer = opaque;
	if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		on_assigned(consumer, list);
		return;
	}
	kafka_parts_drop_late(&consumer->parts);
	bool may_wait = error == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS && !rd_kafka_assignment_lost(rk) &&
	                consumer->current > 0 && consumer->options.revoke_wait_ms > 0 && !consumer->is_closing;
	if (!may_wait) {
		finish_revoke(consumer);
		return;
	}
	consumer->is_revoking = true;
	(void)uv_timer_start(&consumer->revoke, on_revoke_timeout, (uint64_t)consumer->options.revoke_wait_ms, 0);
}

static void note_error(struct kafka_consumer *consumer, rd_kafka_resp_err_t error)
{
	int64_t dropped;
	rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(consumer->rk, NULL, 0);
	if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
		fail(consumer, rd_kafka_err2name(fatal));
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
			fail(consumer, err_text(code));
		free(record);
		rd_kafka_message_destroy(message);
		return;
	}
	consumer->outstanding++;
	consumer->current++;
	if (kafka_watermark_span(&part->watermark) >= consumer->options.max_span)
		kafka_parts_pause(consumer->rk, part, 1, PAUSE_SPAN, true);
	if (consumer->outstanding >= consumer->options.max_outstanding && !consumer->is_full) {
		consumer->is_full = true;
		consumer->full_since_ms = uv_now(consumer->tick.loop);
	}
	consumer->options.on_record(consumer->options.ctx, &record->base.pub);
}

static bool is_handing_out(const struct kafka_consumer *consumer)
{
	return !consumer->is_full && !consumer->is_revoking && !consumer->is_stopped && !consumer->is_fatal;
}

/* Hands out what had to wait, in its order, as far as its partitions go on. */
static void deliver_late(struct kafka_consumer *consumer)
{
	struct kafka_late late;
	size_t index = 0;
	while (is_handing_out(consumer) && kafka_parts_take_late(&consumer->parts, &index, &late))
		deliver(consumer, late.part, late.message);
}

static void take(struct kafka_consumer *consumer, rd_kafka_message_t *message)
{
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
		note_error(consumer, message->err);
		rd_kafka_message_destroy(message);
		return;
	}
	kafka_link_set(&consumer->link, true);
	struct kafka_part *part =
	        kafka_parts_find(&consumer->parts, rd_kafka_topic_name(message->rkt), message->partition);
	if (!part || consumer->is_revoking || consumer->is_stopped || consumer->is_fatal) {
		rd_kafka_message_destroy(message); /* was never handed out, so the watermark stands before it */
	} else if (consumer->is_full || part->paused || part->late > 0) {
		kafka_parts_add_late(&consumer->parts, part, message);
	} else {
		deliver(consumer, part, message);
	}
}

/* While intake has only just stopped, records stay where they are: in librdkafka's queue. */
static bool may_poll(const struct kafka_consumer *consumer)
{
	bool leave_queued =
	        consumer->is_full && !consumer->is_pressed && !consumer->is_revoking && !consumer->is_stopped;
	return !leave_queued && kafka_parts_has_room(&consumer->parts);
}

/* librdkafka signals only when its queue stops being empty, so whoever leaves something in it must wake us again. */
static void drain(struct kafka_consumer *consumer)
{
	if (consumer->is_revoking && consumer->current == 0)
		finish_revoke(consumer);
	deliver_late(consumer);
	for (int i = 0; i < TURN_RECORDS; i++) {
		if (!may_poll(consumer))
			return;
		rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer->rk, 0);
		if (!message)
			return;
		take(consumer, message);
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
	uint64_t now = uv_now(timer->loop);
	if (consumer->is_full && !consumer->is_pressed && now - consumer->full_since_ms >= PAUSE_AFTER_MS) {
		consumer->is_pressed = true;
		pause_all(consumer, PAUSE_PRESSURE, true);
	}
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
	if (consumer->is_pressed)
		pause_all(consumer, PAUSE_PRESSURE, false);
	consumer->is_pressed = false;
	kafka_wake_set(consumer->fd);
}

static void end_record(struct kafka_record *pub, bool is_done)
{
	struct record *record = (struct record *)pub;
	struct kafka_consumer *consumer = record->consumer;
	consumer->outstanding--;
	if (record->generation == consumer->generation) {
		consumer->current--;
		if (is_done)
			pass(consumer, record->part, record->ticket);
		if (consumer->is_revoking && consumer->current == 0)
			kafka_wake_set(consumer->fd);
	}
	rd_kafka_message_destroy(record->base.message);
	free(record);
	reopen(consumer);
}

void kafka_record_done(struct kafka_record *record)
{
	end_record(record, true);
}

void kafka_record_drop(struct kafka_record *record)
{
	end_record(record, false);
}

static void set_held(struct kafka_consumer *consumer, const char *topic, int32_t partition, bool on)
{
	char full[TOPIC_BYTES];
	struct kafka_part *part = NULL;
	if (kafka_client_name(consumer->owner.client, topic, full) == ERR_OK)
		part = kafka_parts_find(&consumer->parts, full, partition);
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
	kafka_parts_drop_late(&consumer->parts);
	pause_all(consumer, PAUSE_STOP, true);
	kafka_wake_set(consumer->fd);
}

size_t kafka_consumer_outstanding(const struct kafka_consumer *consumer)
{
	return consumer->outstanding;
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

static void on_handle_closed(uv_handle_t *handle)
{
	struct kafka_consumer *consumer = handle->data;
	if (--consumer->open_handles > 0)
		return;
	(void)close(consumer->fd);
	free(consumer);
}

static void end_rk(struct kafka_consumer *consumer)
{
	if (consumer->queue) {
		rd_kafka_queue_io_event_enable(consumer->queue, -1, NULL, 0);
		rd_kafka_queue_destroy(consumer->queue);
	}
	if (consumer->rk)
		kafka_client_leave(consumer->rk);
	forget_parts(consumer);
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
	        .on_rebalance = on_rebalance,
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
	(void)snprintf(consumer->group, sizeof consumer->group, "%s", options->group);
	consumer->link = (struct kafka_link){"consumer", true};
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
	assert(consumer->outstanding == 0); /* a record that is out points here */
	consumer->is_closing = true;
	if (consumer->is_revoking)
		finish_revoke(consumer);
	end_rk(consumer);
	uv_close((uv_handle_t *)&consumer->poll, on_handle_closed);
	uv_close((uv_handle_t *)&consumer->tick, on_handle_closed);
	uv_close((uv_handle_t *)&consumer->revoke, on_handle_closed);
}
