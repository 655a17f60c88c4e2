/* kafka_producer_send: a message's way into librdkafka. Messages of one turn of the loop go together, at its end; while
 * earlier ones are not acked, what comes is held until they are (as Nagle's algorithm does it, RFC 896), or for
 * HOLD_MS: a broker that takes longer holds up none of the others. After a crowd the next ones go a millisecond later
 * at the earliest. So a message that is alone goes at once, and a crowd goes in few produce requests. With librdkafka's
 * linger.ms each message would wait, by whole milliseconds, as its thread sleeps; and with more requests on their way
 * than max.in.flight allows that thread spins (2.0.2). */
#include "common/adapters/kafka_producer_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOLD_MS = 50, CROWD_MS = 1 };

/* A message that is not librdkafka's yet. Owns its headers. */
struct held {
	struct list node;
	rd_kafka_topic_t *rkt;
	rd_kafka_headers_t *headers;
	struct kafka_delivery *delivery;
	size_t key_len, value_len;
	char bytes[]; /* key, then value */
};

/* ---- topics ---- */

static int32_t on_partition(const rd_kafka_topic_t *rkt, const void *key, size_t key_len, int32_t partition_count,
                            void *opaque, void *message_opaque)
{
	struct topic *topic = opaque;
	(void)rkt, (void)message_opaque;
	atomic_store_explicit(&topic->partitions, partition_count, memory_order_relaxed);
	return kafka_partition(key, key_len, partition_count);
}

static struct topic *find_topic(struct handle *handle, const char *name)
{
	for (size_t i = 0; i < handle->topic_count; i++)
		if (strcmp(handle->topics[i].name, name) == 0)
			return &handle->topics[i];
	return NULL;
}

enum err_code producer_topic(struct handle *handle, const char *name, struct topic **ret_topic, struct err *err)
{
	char full[TOPIC_BYTES];
	struct topic *topic = find_topic(handle, name);
	if (topic) {
		*ret_topic = topic;
		return ERR_OK;
	}
	if (handle->topic_count == PRODUCER_TOPICS || kafka_client_name(handle->owner.client, name, full) != ERR_OK)
		return err_set(err, ERR_INVALID, "a topic too many, or its name is too long");
	rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(handle->rk);
	if (!conf)
		return err_set(err, ERR_NO_MEMORY, "topic %s", full);
	topic = &handle->topics[handle->topic_count];
	rd_kafka_topic_conf_set_partitioner_cb(conf, on_partition);
	rd_kafka_topic_conf_set_opaque(conf, topic);
	topic->rkt = rd_kafka_topic_new(handle->rk, full, conf);
	if (!topic->rkt) {
		rd_kafka_topic_conf_destroy(conf);
		return err_set(err, ERR_INVALID, "topic %s: %s", full, rd_kafka_err2name(rd_kafka_last_error()));
	}
	(void)snprintf(topic->name, sizeof topic->name, "%s", name);
	handle->topic_count++;
	*ret_topic = topic;
	return ERR_OK;
}

int32_t kafka_producer_partitions(struct kafka_producer *producer, const char *name)
{
	struct topic *topic = producer->current ? find_topic(producer->current, name) : NULL;
	return topic ? atomic_load_explicit(&topic->partitions, memory_order_relaxed) : 0;
}

/* ---- into librdkafka ---- */

static void fail(struct handle *handle, struct held *held, enum err_code code)
{
	rd_kafka_headers_destroy(held->headers);
	producer_report(handle, held->delivery, code);
	kafka_wake_set(handle->fd);
}

/* Ends what is held. */
static void hand_over_one(struct handle *handle, struct held *held)
{
	char *key = held->bytes, *value = held->bytes + held->key_len;
	rd_kafka_resp_err_t error =
	        rd_kafka_producev(handle->rk, RD_KAFKA_V_RKT(held->rkt), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
	                          RD_KAFKA_V_KEY(key, held->key_len), RD_KAFKA_V_VALUE(value, held->value_len),
	                          RD_KAFKA_V_HEADERS(held->headers), RD_KAFKA_V_OPAQUE(held->delivery), RD_KAFKA_V_END);
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
		handle->unreported++;
	} else {
		fail(handle, held, producer_code_of(error));
		if (error == RD_KAFKA_RESP_ERR__FATAL)
			producer_rebuild_soon(handle);
	}
	free(held);
}

static struct held *take_held(struct kafka_producer *producer)
{
	struct held *held = LIST_ENTRY(producer->held.messages.next, struct held, node);
	list_remove(&held->node);
	return held;
}

void producer_hand_over(struct kafka_producer *producer)
{
	for (producer->held.handed = 0; !list_is_empty(&producer->held.messages); producer->held.handed++)
		hand_over_one(producer->current, take_held(producer));
	producer->held.handed_ms = uv_now(producer->loop);
	(void)uv_prepare_stop(&producer->held.turn);
	(void)uv_timer_stop(&producer->held.timer);
}

void producer_drop_held(struct handle *handle)
{
	while (!list_is_empty(&handle->producer->held.messages)) {
		struct held *held = take_held(handle->producer);
		fail(handle, held, ERR_UNAVAILABLE);
		free(held);
	}
	(void)uv_prepare_stop(&handle->producer->held.turn);
	(void)uv_timer_stop(&handle->producer->held.timer);
}

/* Only so that the loop turns. */
static void on_held_long(uv_timer_t *timer)
{
	(void)timer;
}

/* How long what is held still waits, unless something is acked meanwhile. 0: it goes now. */
static uint64_t wait_ms(const struct kafka_producer *producer)
{
	uint64_t passed = uv_now(producer->loop) - producer->held.handed_ms;
	if (producer->current->unreported > 0)
		return passed < HOLD_MS ? HOLD_MS - passed : 0;
	return producer->held.handed >= PRODUCER_CROWD && passed < CROWD_MS ? CROWD_MS - passed : 0;
}

static void on_turn(uv_prepare_t *turn)
{
	struct kafka_producer *producer = turn->data;
	uv_timer_t *timer = &producer->held.timer;
	uint64_t ms = wait_ms(producer);
	if (ms == 0)
		producer_hand_over(producer);
	else if (!uv_is_active((uv_handle_t *)timer) || uv_timer_get_due_in(timer) > ms)
		(void)uv_timer_start(timer, on_held_long, ms, 0); /* fails only for a handle that is closing */
}

void producer_held_init(struct kafka_producer *producer)
{
	list_init(&producer->held.messages);
	(void)uv_prepare_init(producer->loop, &producer->held.turn); /* this and the next cannot fail */
	(void)uv_timer_init(producer->loop, &producer->held.timer);
	producer->held.turn.data = producer->held.timer.data = producer;
}

/* ---- from the sender ---- */

static rd_kafka_headers_t *headers_of(const struct kafka_message *message)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count);
	for (size_t i = 0; headers && i < message->header_count; i++) {
		const struct kafka_header *header = &message->headers[i];
		if (header->value && rd_kafka_header_add(headers, header->name, -1, header->value, -1) != 0) {
			rd_kafka_headers_destroy(headers);
			return NULL;
		}
	}
	return headers;
}

/* Returns: NULL when there is no memory for it. */
static struct held *make_held(const struct kafka_message *message, rd_kafka_topic_t *rkt)
{
	size_t key_len = strlen(message->key);
	struct held *held = malloc(sizeof *held + key_len + message->value_len);
	rd_kafka_headers_t *headers = held ? headers_of(message) : NULL;
	if (!headers) {
		free(held);
		return NULL;
	}
	*held = (struct held){
	        .rkt = rkt,
	        .headers = headers,
	        .delivery = message->delivery,
	        .key_len = key_len,
	        .value_len = message->value_len,
	};
	memcpy(held->bytes, message->key, key_len);
	memcpy(held->bytes + key_len, message->value, message->value_len);
	return held;
}

enum err_code kafka_producer_send(struct kafka_producer *producer, const struct kafka_message *message, struct err *err)
{
	struct handle *handle = producer->current;
	struct topic *topic;
	if (!handle || producer->is_closing)
		return err_set(err, ERR_UNAVAILABLE, "the producer is being rebuilt or closed");
	if (producer->queued >= (size_t)producer->options.max_queued_messages)
		return err_set(err, ERR_LIMIT, "topic %s: %zu messages are queued", message->topic, producer->queued);
	enum err_code code = producer_topic(handle, message->topic, &topic, err);
	if (code != ERR_OK)
		return code == ERR_NO_MEMORY ? ERR_UNAVAILABLE : code;
	struct held *held = make_held(message, topic->rkt);
	if (!held)
		return err_set(err, ERR_UNAVAILABLE, "no memory for a message");
	list_insert(&producer->held.messages, &held->node);
	producer->queued++;
	(void)uv_prepare_start(&producer->held.turn, on_turn); /* fails only for a handle that is closing */
	return ERR_OK;
}
