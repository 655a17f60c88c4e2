/* kafka_producer: one rd_kafka_t at a time, fed and drained from the loop. After a fatal error its handle is retired:
 * it is purged, reports what it still holds, and is destroyed in a pool thread while a new one is already in use. Does
 * not retry a message that failed: only the sender knows whether that is right. */
#include "common/adapters/kafka_metadata.h"
#include "common/adapters/kafka_producer_internal.h"
#include "common/base/log.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	POLL_ROUNDS = 16, /* in one turn of the loop */
	TURN_DELIVERIES =
	        64, /* told in one turn: one report of librdkafka may hold thousands, and each sets work going */
	BUILD_WAIT_MS = 100,
	BUILD_WAIT_MAX_MS = 10000,
	PURGE_WAIT_MS = 2000,
	OWN_HANDLES = 3, /* the producer's, of libuv */
};

static const struct {
	const char *name, *value;
} guarantees[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"linger.ms", "0"}, /* kafka_producer_send.c gathers messages itself */
        {"statistics.interval.ms", "1000"},
};

static enum err_code build(struct kafka_producer *producer, struct err *err);

static void free_when_closed(struct kafka_producer *producer)
{
	if (producer->is_closing && producer->own_handles == 0 && !producer->handles)
		free(producer);
}

static void on_own_closed(uv_handle_t *handle)
{
	struct kafka_producer *producer = handle->data;
	producer->own_handles--;
	free_when_closed(producer);
}

static void on_poll_closed(uv_handle_t *poll)
{
	struct handle *handle = poll->data;
	struct kafka_producer *producer = handle->producer;
	for (struct handle **at = &producer->handles; *at; at = &(*at)->next) {
		if (*at == handle) {
			*at = handle->next;
			break;
		}
	}
	(void)close(handle->fd);
	free(handle);
	free_when_closed(producer);
}

/* Waits for librdkafka's threads, so it runs outside the loop. */
static void destroy_rk(struct handle *handle)
{
	for (size_t i = 0; i < handle->topic_count; i++)
		rd_kafka_topic_destroy(handle->topics[i].rkt);
	if (handle->queue) {
		rd_kafka_queue_io_event_enable(handle->queue, -1, NULL, 0);
		rd_kafka_queue_destroy(handle->queue);
	}
	if (handle->rk)
		rd_kafka_destroy(handle->rk);
}

static void on_end_work(uv_work_t *work)
{
	destroy_rk(work->data);
}

static void on_ended(uv_work_t *work, int status)
{
	(void)status;
	struct handle *handle = work->data;
	uv_close((uv_handle_t *)&handle->poll, on_poll_closed);
}

/* Only once every delivery was reported: what is left in a destroyed handle is never reported. */
static void end_when_empty(struct handle *handle)
{
	if (!handle->is_retired || handle->is_ending || rd_kafka_outq_len(handle->rk) > 0 ||
	    !list_is_empty(&handle->reported))
		return;
	handle->is_ending = true;
	(void)uv_poll_stop(&handle->poll);
	handle->work.data = handle;
	if (uv_queue_work(handle->producer->loop, &handle->work, on_end_work, on_ended) != 0) {
		destroy_rk(handle);
		uv_close((uv_handle_t *)&handle->poll, on_poll_closed);
	}
}

static void retire(struct handle *handle)
{
	struct kafka_producer *producer = handle->producer;
	if (producer->current == handle) {
		producer_drop_held(handle);
		producer->current = NULL;
	}
	handle->is_retired = true;
	(void)rd_kafka_purge(handle->rk,
	                     RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
	end_when_empty(handle);
}

static void on_rebuild(uv_timer_t *timer)
{
	struct kafka_producer *producer = timer->data;
	uint64_t now = uv_now(producer->loop);
	struct err err = {0};
	if (producer->current && rd_kafka_fatal_error(producer->current->rk, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR)
		retire(producer->current);
	if (producer->current || producer->is_closing)
		return;
	if (now < producer->build_at_ms) {
		(void)uv_timer_start(timer, on_rebuild, producer->build_at_ms - now, 0);
		return;
	}
	producer->build_at_ms = now + (uint64_t)producer->build_wait_ms;
	producer->build_wait_ms *= 2;
	if (producer->build_wait_ms > BUILD_WAIT_MAX_MS)
		producer->build_wait_ms = BUILD_WAIT_MAX_MS;
	if (build(producer, &err) == ERR_OK)
		return;
	log_error("kafka_producer_not_rebuilt", LOG_STR("error", err_text(err.code)), LOG_STR("detail", err.msg));
	(void)uv_timer_start(timer, on_rebuild, (uint64_t)producer->build_wait_ms, 0);
}

/* The old handle cannot be ended from inside its own callbacks. */
void producer_rebuild_soon(struct handle *handle)
{
	struct kafka_producer *producer = handle->producer;
	if (!handle->is_retired && !producer->is_closing && !uv_is_active((uv_handle_t *)&producer->rebuild))
		(void)uv_timer_start(&producer->rebuild, on_rebuild, 0, 0);
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct handle *handle = opaque;
	(void)reason; /* names hosts and more; librdkafka logs it through the client's gate */
	if (handle->is_retired)
		return;
	if (code == RD_KAFKA_RESP_ERR__FATAL) {
		rd_kafka_resp_err_t cause = rd_kafka_fatal_error(rk, NULL, 0);
		log_error("kafka_producer_fatal", LOG_STR("error", rd_kafka_err2name(cause)));
		producer_rebuild_soon(handle);
	} else if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
		kafka_link_set(&handle->producer->link, false);
	}
}

static int on_stats(rd_kafka_t *rk, char *json, size_t json_len, void *opaque)
{
	(void)rk;
	struct handle *handle = opaque;
	if (!handle->is_retired)
		kafka_link_stats(&handle->producer->link, json, json_len);
	return 0;
}

enum err_code producer_code_of(rd_kafka_resp_err_t error)
{
	switch (error) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		return ERR_OK;
	case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
		return ERR_TIMEOUT;
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		return ERR_LIMIT;
	case RD_KAFKA_RESP_ERR__INVALID_ARG:
		return ERR_INVALID;
	default:
		return ERR_UNAVAILABLE;
	}
}

void producer_report(struct handle *handle, struct kafka_delivery *delivery, enum err_code result)
{
	if (!delivery) {
		handle->producer->queued--;
		return;
	}
	delivery->result = result == ERR_INVALID ? ERR_UNAVAILABLE : result;
	list_insert(&handle->reported, &delivery->node);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	(void)rk;
	struct handle *handle = opaque;
	struct kafka_producer *producer = handle->producer;
	struct kafka_delivery *delivery = message->_private;
	enum err_code code = producer_code_of(message->err);
	handle->unreported--;
	if (code == ERR_OK && !handle->is_retired) {
		kafka_link_set(&producer->link, true);
		producer->build_wait_ms = BUILD_WAIT_MS;
	}
	if (delivery) {
		delivery->partition = message->partition;
		delivery->offset = message->offset;
	}
	producer_report(handle, delivery, code);
}

/* Tells at most `count` senders. */
static void tell(struct handle *handle, int count)
{
	while (count-- > 0 && !list_is_empty(&handle->reported)) {
		struct kafka_delivery *delivery = LIST_ENTRY(handle->reported.next, struct kafka_delivery, node);
		list_remove(&delivery->node);
		handle->producer->queued--;
		delivery->delivered(delivery, delivery->result, delivery->partition, delivery->offset);
	}
}

static void on_wake(uv_poll_t *poll, int status, int events)
{
	(void)status, (void)events;
	struct handle *handle = poll->data;
	kafka_wake_clear(handle->fd);
	int round = 0;
	while (round < POLL_ROUNDS && rd_kafka_poll(handle->rk, 0) > 0)
		round++;
	tell(handle, TURN_DELIVERIES);
	if (round == POLL_ROUNDS || !list_is_empty(&handle->reported))
		kafka_wake_set(handle->fd);
	end_when_empty(handle);
}

static enum err_code make_conf(const struct kafka_producer *producer, struct handle *handle, rd_kafka_conf_t **ret_conf,
                               struct err *err)
{
	rd_kafka_conf_t *conf;
	char timeout_ms[12], max_queued[12];
	(void)snprintf(timeout_ms, sizeof timeout_ms, "%d", producer->options.message_timeout_ms);
	(void)snprintf(max_queued, sizeof max_queued, "%d", producer->options.max_queued_messages);
	enum err_code code = kafka_client_conf(producer->client, &conf, err);
	if (code != ERR_OK)
		return code;
	rd_kafka_conf_set_opaque(conf, handle);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_stats_cb(conf, on_stats);
	for (size_t i = 0; code == ERR_OK && i < sizeof guarantees / sizeof *guarantees; i++)
		code = kafka_client_set(conf, guarantees[i].name, guarantees[i].value, err);
	if (code == ERR_OK)
		code = kafka_client_default(producer->client, conf, "queue.buffering.max.kbytes", "262144", err);
	if (code == ERR_OK)
		code = kafka_client_set(conf, "message.timeout.ms", timeout_ms, err);
	if (code == ERR_OK)
		code = kafka_client_set(conf, "queue.buffering.max.messages", max_queued, err);
	if (code != ERR_OK) {
		rd_kafka_conf_destroy(conf);
		return code;
	}
	*ret_conf = conf;
	return ERR_OK;
}

static enum err_code make_rk(struct kafka_producer *producer, struct handle *handle, struct err *err)
{
	rd_kafka_conf_t *conf;
	const uint64_t one = 1;
	enum err_code code = make_conf(producer, handle, &conf, err);
	if (code == ERR_OK)
		code = kafka_client_open(RD_KAFKA_PRODUCER, conf, &handle->rk, err);
	if (code != ERR_OK)
		return code;
	handle->queue = rd_kafka_queue_get_main(handle->rk);
	if (!handle->queue)
		return err_set(err, ERR_NO_MEMORY, "kafka producer's queue");
	rd_kafka_queue_io_event_enable(handle->queue, handle->fd, &one, sizeof one);
	kafka_wake_set(handle->fd); /* what came in before that was not signalled, and would block every later signal */
	return ERR_OK;
}

static enum err_code build(struct kafka_producer *producer, struct err *err)
{
	struct handle *handle = calloc(1, sizeof *handle);
	if (!handle)
		return err_set(err, ERR_NO_MEMORY, "kafka producer");
	handle->owner.client = producer->client;
	handle->producer = producer;
	list_init(&handle->reported);
	enum err_code code = kafka_wake_open(&handle->fd, err);
	if (code != ERR_OK) {
		free(handle);
		return code;
	}
	code = make_rk(producer, handle, err);
	if (code == ERR_OK && uv_poll_init(producer->loop, &handle->poll, handle->fd) != 0)
		code = err_set(err, ERR_NO_MEMORY, "kafka producer's poll handle");
	if (code != ERR_OK) {
		destroy_rk(handle);
		(void)close(handle->fd);
		free(handle);
		return code;
	}
	handle->poll.data = handle;
	handle->next = producer->handles;
	producer->handles = handle;
	producer->current = handle;
	(void)uv_poll_start(&handle->poll, UV_READABLE, on_wake); /* fails only for a handle that is closing */
	return ERR_OK;
}

enum err_code kafka_producer_new(const struct kafka_client *client, const struct kafka_producer_options *options,
                                 uv_loop_t *loop, struct kafka_producer **ret_producer, struct err *err)
{
	if (options->message_timeout_ms < 1000 || options->message_timeout_ms > 300000 ||
	    options->max_queued_messages < 1)
		return err_set(err, ERR_INVALID, "kafka producer's options");
	struct kafka_producer *producer = calloc(1, sizeof *producer);
	if (!producer)
		return err_set(err, ERR_NO_MEMORY, "kafka producer");
	producer->client = client;
	producer->loop = loop;
	producer->link = (struct kafka_link){"producer", true};
	producer->build_wait_ms = BUILD_WAIT_MS;
	producer->options = *options;
	enum err_code code = build(producer, err);
	if (code != ERR_OK) {
		free(producer);
		return code;
	}
	(void)uv_timer_init(loop, &producer->rebuild); /* cannot fail */
	producer->rebuild.data = producer;
	producer_held_init(producer);
	producer->own_handles = OWN_HANDLES;
	*ret_producer = producer;
	return ERR_OK;
}

enum err_code kafka_producer_warm(struct kafka_producer *producer, const char *const *topics, size_t topic_count,
                                  int timeout_ms, struct err *err)
{
	struct handle *handle = producer->current;
	struct topic *topic;
	if (!handle)
		return err_set(err, ERR_UNAVAILABLE, "the producer is being rebuilt");
	enum err_code code = kafka_metadata_check(handle->rk, producer->client, topics, topic_count, timeout_ms, err);
	for (size_t i = 0; code == ERR_OK && i < topic_count; i++)
		if (producer_topic(handle, topics[i], &topic, err) != ERR_OK)
			code = ERR_UNAVAILABLE;
	return code;
}

bool kafka_producer_is_up(const struct kafka_producer *producer)
{
	return producer->current && producer->link.is_up;
}

size_t kafka_producer_queued(const struct kafka_producer *producer)
{
	return producer->queued;
}

/* Reports everything that is left in the handle as failed. */
static void fail_rest(struct handle *handle)
{
	(void)rd_kafka_purge(handle->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	for (int waited = 0; rd_kafka_outq_len(handle->rk) > 0 && waited < PURGE_WAIT_MS; waited += 10)
		(void)rd_kafka_poll(handle->rk, 10);
	tell(handle, INT_MAX);
}

void kafka_producer_close(struct kafka_producer *producer, int timeout_ms)
{
	if (!producer)
		return;
	producer->is_closing = true;
	if (producer->current) {
		producer_hand_over(producer);
		(void)rd_kafka_flush(producer->current->rk, timeout_ms); /* what it left is failed next */
	}
	uv_close((uv_handle_t *)&producer->rebuild, on_own_closed);
	uv_close((uv_handle_t *)&producer->held.turn, on_own_closed);
	uv_close((uv_handle_t *)&producer->held.timer, on_own_closed);
	for (struct handle *handle = producer->handles; handle; handle = handle->next) {
		if (handle->is_ending)
			continue;
		fail_rest(handle);
		handle->is_retired = true;
		end_when_empty(handle);
	}
	producer->current = NULL;
}
