/* desk_intake: a new question's way: claim, join or produce, wait for the ack, make the id known.
 *
 * The waiter stands in the table before its record is produced, so that no answer can be missed. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "ingress/desk_internal.h"
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNSAVED_MAX = 10000, NUMBER_BYTES = 24 };

/* A record on its way to Kafka, then its queued state on its way to Redis. Outlives an ask whose time is up. */
struct sending {
	struct kafka_delivery delivery;
	struct desk *desk;
	struct ask *ask; /* NULL once it has left */
	struct verification queued;
};

/* ---- queued states that Redis did not take ---- */

static void keep_unsaved(struct desk *desk, const struct verification *state)
{
	struct unsaved *unsaved = desk->unsaved_count < UNSAVED_MAX ? malloc(sizeof *unsaved) : NULL;
	if (!unsaved)
		return; /* the id becomes known when its result comes */
	unsaved->state = *state;
	unsaved->next = desk->unsaved;
	desk->unsaved = unsaved;
	desk->unsaved_count++;
	metric_set(desk->metric.unsaved, (int64_t)desk->unsaved_count);
}

static enum err_code put_first(struct desk *desk, const struct verification *state, store_done_fn fn, void *ctx)
{
	struct buf value;
	buf_init(&value, VERIFICATION_MAX_BYTES);
	enum err_code code = verification_encode(state, &value);
	if (code == ERR_OK)
		code = redis_store_put_first(desk->store, state->id, value.data, value.len, fn, ctx);
	buf_fini(&value);
	return code;
}

void desk_save_unsaved(struct desk *desk)
{
	while (desk->unsaved) {
		struct unsaved *unsaved = desk->unsaved;
		if (put_first(desk, &unsaved->state, NULL, NULL) != ERR_OK)
			break;
		desk->unsaved = unsaved->next;
		desk->unsaved_count--;
		free(unsaved);
	}
	metric_set(desk->metric.unsaved, (int64_t)desk->unsaved_count);
}

void desk_drop_unsaved(struct desk *desk)
{
	while (desk->unsaved) {
		struct unsaved *unsaved = desk->unsaved;
		desk->unsaved = unsaved->next;
		free(unsaved);
	}
	desk->unsaved_count = 0;
}

/* ---- the record and its ack ---- */

static void sending_free(struct sending *sending)
{
	if (sending->ask)
		sending->ask->sending = NULL;
	free(sending);
}

void desk_detach(struct ask *ask)
{
	if (ask->sending)
		ask->sending->ask = NULL;
	ask->sending = NULL;
}

static void on_saved(void *ctx, enum err_code code)
{
	struct sending *sending = ctx;
	struct ask *ask = sending->ask;
	if (code != ERR_OK)
		keep_unsaved(sending->desk, &sending->queued);
	sending_free(sending);
	if (ask && code != ERR_OK)
		desk_finish(ask, OUTCOME_CACHE_AWAY); /* no answer could wake it */
	else if (ask && !ask->waiting)
		desk_finish(ask, OUTCOME_STATE);
}

static void on_delivered(struct kafka_delivery *delivery, enum err_code result, int32_t partition, int64_t offset)
{
	struct sending *sending = (struct sending *)(void *)((char *)delivery - offsetof(struct sending, delivery));
	struct desk *desk = sending->desk;
	struct ask *ask = sending->ask;
	(void)partition;
	(void)offset;
	if (result != ERR_OK) {
		metric_add(desk->metric.refused, 1);
		sending_free(sending);
		if (ask)
			desk_finish(ask, OUTCOME_QUEUE_AWAY);
		return;
	}
	metric_add(desk->metric.produced, 1);
	if (ask)
		ask->acked = true;
	if (put_first(desk, &sending->queued, on_saved, sending) != ERR_OK)
		on_saved(sending, ERR_UNAVAILABLE);
}

static enum err_code send_record(struct desk *desk, struct ask *ask, struct sending *sending)
{
	const struct request *request = &ask->request;
	const struct kind_info *kind = kind_info(request->kind);
	char deadline[NUMBER_BYTES], schema[NUMBER_BYTES];
	snprintf(deadline, sizeof deadline, "%" PRId64, request->deadline_ms);
	snprintf(schema, sizeof schema, "%d", REQUEST_SCHEMA);
	const struct kafka_header headers[] = {
	        {HEADER_SCHEMA, schema},
	        {HEADER_OP, kind->op},
	        {HEADER_ATTEMPT, "0"},
	        {HEADER_DEADLINE, request->deadline_ms ? deadline : NULL},
	        {HEADER_TRACEPARENT, request->traceparent[0] ? request->traceparent : NULL},
	};
	struct buf value;
	buf_init(&value, REQUEST_MAX_BYTES);
	enum err_code code = request_encode(request, &value);
	const struct kafka_message message = {
	        .topic = kind->topic,
	        .key = request->id,
	        .value = value.data,
	        .value_len = value.len,
	        .headers = headers,
	        .header_count = sizeof headers / sizeof *headers,
	        .delivery = &sending->delivery,
	};
	if (code == ERR_OK)
		code = kafka_producer_send(desk->producer, &message, NULL);
	buf_fini(&value);
	return code;
}

static void produce(struct ask *ask)
{
	struct desk *desk = ask->desk;
	struct err err = {ERR_OK, ""};
	struct sending *sending = calloc(1, sizeof *sending);
	enum err_code code =
	        sending ? request_seal(&ask->request, desk->options.ring, &ask->person, &err) : ERR_NO_MEMORY;
	person_fini(&ask->person);
	if (code != ERR_OK) {
		log_error("question_not_sealed", LOG_STR("error", err_text(code)), LOG_STR("why", err.msg));
		free(sending);
		desk_finish(ask, OUTCOME_FAILED);
		return;
	}
	*sending = (struct sending){.delivery = {on_delivered}, .desk = desk, .ask = ask};
	verification_queued(&ask->request, &sending->queued);
	ask->sending = sending;
	ask->state = sending->queued;
	int64_t now = clock_mono_ms();
	if (ask->wait_until_ms > now && waiters_count(desk->waiters) < desk->max_waiters)
		waiters_add(desk->waiters, ask, now);
	code = send_record(desk, ask, sending);
	if (code == ERR_OK)
		return;
	metric_add(desk->metric.refused, 1);
	sending_free(sending);
	desk_finish(ask, code == ERR_LIMIT ? OUTCOME_OVERLOADED : OUTCOME_QUEUE_AWAY);
}

/* ---- the claim ---- */

/* Redis is away: a score is bought all the same, but nobody is kept waiting for it. */
static void produce_without_cache(struct ask *ask)
{
	ask->wait_until_ms = 0;
	produce(ask);
}

static void on_joined(void *ctx, enum err_code code, const char *value, size_t len)
{
	struct ask *ask = ctx;
	struct err err;
	if (code != ERR_OK) {
		produce_without_cache(ask);
	} else if (!value) {
		produce(ask); /* claimed, but its record may be lost: the worker sees to it that it is asked once */
	} else if (verification_decode(value, len, &ask->state, &err) != ERR_OK) {
		log_error("state_unreadable", LOG_STR("id", ask->request.id), LOG_STR("why", err.msg));
		desk_finish(ask, OUTCOME_FAILED);
	} else {
		person_fini(&ask->person);
		desk_wait_or_finish(ask);
	}
}

static void on_claimed(void *ctx, enum err_code code, const char *holder)
{
	struct ask *ask = ctx;
	if (code != ERR_OK) {
		produce_without_cache(ask);
		return;
	}
	if (strcmp(holder, ask->request.id) == 0) {
		produce(ask);
		return;
	}
	metric_add(ask->desk->metric.joined, 1);
	if (!id_is_valid(holder, strlen(holder))) {
		produce_without_cache(ask);
		return;
	}
	memcpy(ask->request.id, holder, ID_BYTES);
	if (redis_store_get(ask->desk->store, ask->request.id, on_joined, ask) != ERR_OK)
		on_joined(ask, ERR_UNAVAILABLE, NULL, 0);
}

void desk_new_question(struct ask *ask)
{
	const struct request *request = &ask->request;
	enum err_code code = redis_store_claim(ask->desk->store, request->question, request->id,
	                                       kind_info(request->kind)->join_s, on_claimed, ask);
	if (code != ERR_OK)
		on_claimed(ask, code, NULL);
}
