/* world_producer: kafka_producer on the world's log. An outage holds messages back until they time out. */
#include "tests/unit/engine/world_kafka.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { APPEND_MS = 1, TELL_MS = 2, AGAIN_MS = 20, MESSAGE_TIMEOUT_MS = 30000 };

/* A message on its way. Lives until it is neither going to be appended nor to be told. */
struct send {
	struct pod *pod;
	struct kafka_message message; /* its texts are owned */
	struct send_plan plan;
	int64_t sent_ms;
	enum err_code result;
	int32_t partition;
	int64_t offset;
	struct moment *telling, *appending;
	bool is_listed;
	struct list node; /* its pod's */
	struct list wire; /* the world's */
};

static void free_send(struct send *send)
{
	for (size_t i = 0; i < send->message.header_count; i++) {
		free((char *)send->message.headers[i].name);
		free((char *)send->message.headers[i].value);
	}
	free((struct kafka_header *)send->message.headers);
	free((char *)send->message.key);
	free((char *)send->message.value);
	list_remove(&send->wire);
	free(send);
}

static void unlist(struct send *send)
{
	if (send->is_listed)
		list_remove(&send->node);
	send->is_listed = false;
}

static void tell(void *ctx)
{
	struct send *send = ctx;
	struct world *world = send->pod->world;
	struct kafka_delivery *delivery = send->message.delivery;
	bool is_acked = send->result == ERR_OK;
	unlist(send);
	world_note(world, send->pod, is_acked ? NOTE_ACKED : NOTE_UNACKED, send->message.topic, send->message.key,
	           send->result);
	if (delivery)
		delivery->delivered(delivery, send->result, send->partition, send->offset);
	free_send(send);
}

static void append(void *ctx)
{
	struct send *send = ctx;
	struct world *world = send->pod->world;
	send->appending = NULL;
	if (!kafka_is_up(world) && world->now_ms - send->sent_ms < MESSAGE_TIMEOUT_MS) {
		send->appending = world_at(world, AGAIN_MS, NULL, append, send);
		return;
	}
	bool arrives = kafka_is_up(world) && !send->plan.is_lost;
	send->result = arrives && !send->plan.fails ? ERR_OK : ERR_TIMEOUT;
	if (arrives) {
		const struct log_record *record = kafka_append(world, &send->message, send->pod->number);
		send->partition = record->partition;
		send->offset = record->offset;
	}
	if (!send->is_listed) /* its sender is gone */
		free_send(send);
	else
		send->telling = world_at(world, send->plan.tell_ms - send->plan.append_ms, send->pod, tell, send);
}

static void copy_message(struct send *send, const struct kafka_message *message)
{
	struct kafka_header *headers = world_alloc(message->header_count * sizeof *headers);
	send->message = *message;
	send->message.header_count = 0;
	for (size_t i = 0; i < message->header_count; i++) {
		const struct kafka_header *from = &message->headers[i];
		if (from->value)
			headers[send->message.header_count++] =
			        (struct kafka_header){world_copy(from->name, strlen(from->name)),
			                              world_copy(from->value, strlen(from->value))};
	}
	send->message.headers = headers;
	send->message.key = world_copy(message->key, strlen(message->key));
	send->message.value = world_copy(message->value, message->value_len);
}

enum err_code kafka_producer_send(struct kafka_producer *producer, const struct kafka_message *message, struct err *err)
{
	struct pod *pod = (struct pod *)(void *)producer;
	struct world *world = pod->world;
	bool lives = world_passes(pod, "before send");
	struct send_plan plan = {.append_ms = APPEND_MS, .tell_ms = TELL_MS};
	if (lives && world->hooks.plan_send)
		world->hooks.plan_send(world->hooks.ctx, pod, message, &plan);
	if (plan.refused != ERR_OK)
		return err_set(err, plan.refused, "as planned");
	struct send *send = world_alloc(sizeof *send);
	send->pod = pod;
	send->plan = plan;
	send->sent_ms = world->now_ms;
	send->is_listed = true;
	copy_message(send, message);
	list_insert(&pod->sends, &send->node);
	list_insert(&world->kafka->wire, &send->wire);
	if (lives) {
		world_note(world, pod, NOTE_SENT, message->topic, message->key, 0);
		send->appending = world_at(world, plan.append_ms, NULL, append, send);
		(void)world_passes(pod, "after send");
	}
	return ERR_OK;
}

/* What was not told: librdkafka purges it. What is on the wire may arrive all the same. */
void kafka_fail_sends(struct pod *pod)
{
	while (!list_is_empty(&pod->sends)) {
		struct send *send = LIST_ENTRY(pod->sends.next, struct send, node);
		struct kafka_delivery *delivery = send->message.delivery;
		unlist(send);
		world_cancel(send->telling);
		bool arrives = send->appending && world_roll(pod->world, 2) == 0;
		if (send->appending && !arrives)
			world_cancel(send->appending);
		if (delivery)
			delivery->delivered(delivery, ERR_UNAVAILABLE, -1, -1);
		if (!arrives)
			free_send(send);
	}
}

void producer_shut(struct world *world)
{
	while (!list_is_empty(&world->kafka->wire))
		free_send(LIST_ENTRY(world->kafka->wire.next, struct send, wire));
}

size_t kafka_sends(const struct pod *pod)
{
	size_t count = 0;
	for (struct list *node = pod->sends.next; node != &pod->sends; node = node->next)
		count++;
	return count;
}

bool kafka_producer_is_up(const struct kafka_producer *producer)
{
	return kafka_is_up(((const struct pod *)(const void *)producer)->world);
}
