/* desk_record: records on their way to Kafka, the first states that follow them to Redis, and those that Redis did not
 * take.
 *
 * The waiter stands in the table before its record is produced, so that no answer can be missed. */
#include "common/base/crash_point.h"
#include "common/base/decimal.h"
#include "common/base/log.h"
#include "ingress/call_trace.h"
#include "ingress/desk_internal.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
	SENDINGS_KEPT = 512,
	UNSAVED_MAX = 10000,
	UNSAVED_MAX_BYTES = 16 * 1024 * 1024,
	USUAL_BYTES = 1000, /* of a record or state */
	PROBE_MS = 200,     /* while Kafka is slow one record in so long goes out all the same */
};

/* A record on its way to Kafka, then a first state on its way to Redis. Outlives an ask whose time is up. */
struct sending {
	struct kafka_delivery delivery;
	struct list in_unacked;
	int64_t sent_ms;
	struct desk *desk;
	struct ask *ask; /* NULL once it has left */
	enum desk_then then;
	bool is_question; /* begins a verification, or joins one */
	char id[ID_BYTES];
	struct trace_send trace;
	/* THEN_SAVE */
	struct verification first;
	char *sealed; /* owned; NULL: none */
};

/* ---- first states that Redis did not take ---- */

static void unsaved_free(struct desk *desk, struct unsaved *unsaved)
{
	desk->unsaved_bytes -= unsaved->sealed ? strlen(unsaved->sealed) : 0;
	desk->unsaved_count--;
	free(unsaved->sealed);
	free(unsaved);
}

/* Takes the sealed text over. What cannot be kept becomes known when its result comes. */
static void keep_unsaved(struct desk *desk, struct sending *sending)
{
	size_t bytes = sending->sealed ? strlen(sending->sealed) : 0;
	bool room = desk->unsaved_count < UNSAVED_MAX && desk->unsaved_bytes + bytes <= UNSAVED_MAX_BYTES;
	struct unsaved *unsaved = room ? malloc(sizeof *unsaved) : NULL;
	if (!unsaved)
		return;
	*unsaved = (struct unsaved){sending->first, sending->sealed, desk->unsaved};
	sending->sealed = NULL;
	desk->unsaved = unsaved;
	desk->unsaved_count++;
	desk->unsaved_bytes += bytes;
	metric_set(desk->metric.unsaved, (int64_t)desk->unsaved_count);
}

static enum err_code put_first(struct desk *desk, const struct verification *state, char *sealed, store_done_fn fn,
                               void *ctx)
{
	struct buf value;
	const struct verification_texts texts = {.sealed = sealed};
	if (!desk->store)
		return ERR_UNAVAILABLE;
	buf_init(&value, VERIFICATION_MAX_BYTES);
	buf_expect(&value, USUAL_BYTES);
	enum err_code code = verification_encode(state, &texts, &value);
	if (code == ERR_OK)
		code = redis_store_put_first(desk->store, state->id, value.data, value.len, fn, ctx);
	buf_fini(&value);
	return code;
}

void desk_save_unsaved(struct desk *desk)
{
	while (desk->unsaved) {
		struct unsaved *unsaved = desk->unsaved;
		if (put_first(desk, &unsaved->state, unsaved->sealed, NULL, NULL) != ERR_OK)
			break;
		desk->unsaved = unsaved->next;
		unsaved_free(desk, unsaved);
	}
	metric_set(desk->metric.unsaved, (int64_t)desk->unsaved_count);
}

void desk_drop_unsaved(struct desk *desk)
{
	while (desk->unsaved) {
		struct unsaved *unsaved = desk->unsaved;
		desk->unsaved = unsaved->next;
		unsaved_free(desk, unsaved);
	}
}

/* ---- acks ---- */

/* ask NULL: it has left. */
static void note(struct desk *desk, enum decision decision, const char *id, const struct ask *ask)
{
	struct log_field suppressed;
	char trace_id[TRACE_ID_BYTES];
	if (!decision_log_pass(desk->options.decisions, decision, desk_turn_ms(desk), &suppressed))
		return;
	decision_log_write(decision, LOG_STR("id", id), LOG_STR("trace_id", ask ? ask_trace_id(ask, trace_id) : NULL),
	                   LOG_STR("kind", ask ? kind_info(ask->request.kind)->name : NULL), suppressed);
}

void desk_note_joined(const struct ask *ask)
{
	desk_count_question(ask->desk, ask->request.kind, QUESTION_JOINED);
	note(ask->desk, DECISION_JOINED, ask->request.id, ask);
}

static void sending_free(struct sending *sending)
{
	if (sending->ask)
		sending->ask->sending = NULL;
	free(sending->sealed);
	spares_give(&sending->desk->queue.sendings, sending);
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
		keep_unsaved(sending->desk, sending);
	sending_free(sending);
	if (ask && code != ERR_OK)
		desk_finish(ask, OUTCOME_CACHE_AWAY); /* no answer could wake it */
	else if (ask && (!ask->waiting || desk_waiting_is_pointless(ask)))
		desk_finish(ask, OUTCOME_STATE);
}

static void on_refused(struct sending *sending, enum outcome outcome)
{
	struct ask *ask = sending->ask;
	if (sending->is_question)
		desk_count_question(sending->desk, sending->first.kind, QUESTION_REFUSED);
	trace_send_end(&sending->trace, sending->desk->options.tracer, sending->id, false);
	sending_free(sending);
	if (ask)
		desk_finish(ask, outcome);
}

static void on_delivered(struct kafka_delivery *delivery, enum err_code result, int32_t partition, int64_t offset)
{
	struct sending *sending = (struct sending *)(void *)((char *)delivery - offsetof(struct sending, delivery));
	struct desk *desk = sending->desk;
	struct ask *ask = sending->ask;
	enum desk_then then = sending->then;
	list_remove(&sending->in_unacked);
	desk->queue.failed = result != ERR_OK && result != ERR_LIMIT;
	if (result != ERR_OK) {
		on_refused(sending, OUTCOME_QUEUE_AWAY);
		return;
	}
	CRASH_POINT(ingress.request_acked);
	trace_send_end(&sending->trace, desk->options.tracer, sending->id, true);
	if (sending->is_question) {
		desk_count_question(desk, sending->first.kind, QUESTION_ACCEPTED);
		note(desk, DECISION_ACCEPTED, sending->id, ask);
	}
	if (ask) {
		ask->acked = true;
		ask->is_placed = sending->is_question;
		ask->partition = partition;
		ask->offset = offset;
	}
	if (then == THEN_SAVE) {
		if (desk->store && sending->is_question && kind_is_journey(sending->first.kind))
			redis_store_note_place(desk->store, sending->first.id, partition, offset);
		if (put_first(desk, &sending->first, sending->sealed, on_saved, sending) != ERR_OK)
			on_saved(sending, ERR_UNAVAILABLE);
		CRASH_POINT(ingress.state_sent);
		return;
	}
	sending_free(sending);
	if (ask && then == THEN_WAIT)
		desk_wait_or_finish(ask);
	else if (ask)
		desk_finish(ask, OUTCOME_STATE);
}

/* ---- producing ---- */

void desk_init_queue(struct desk *desk)
{
	list_init(&desk->queue.unacked);
	spares_init(&desk->queue.sendings, sizeof(struct sending), SENDINGS_KEPT);
}

/* Kafka does not ack, or the last record that came back was not taken: whoever comes now would wait in vain. */
static bool queue_is_slow(const struct desk *desk, int64_t now)
{
	const struct list *unacked = &desk->queue.unacked;
	if (list_is_empty(unacked))
		return desk->queue.failed;
	return desk->queue.failed ||
	       now - LIST_ENTRY(unacked->next, struct sending, in_unacked)->sent_ms >= desk->queue.slow_ms;
}

/* Returns: false when the ask was handed back. */
static bool queue_may_take(struct ask *ask, int64_t now)
{
	struct desk *desk = ask->desk;
	if (!queue_is_slow(desk, now))
		return true;
	if (now - desk->queue.probed_ms >= PROBE_MS) {
		desk->queue.probed_ms = now;
		return true;
	}
	metric_add(desk->metric.slow, 1);
	desk_finish(ask, OUTCOME_QUEUE_AWAY);
	return false;
}

static enum err_code send_record(const struct ask *ask, struct sending *sending, enum operation operation,
                                 enum cause cause, const struct buf *value)
{
	const struct request *request = &ask->request;
	const struct operation_info *info = operation_info(operation);
	char deadline[DECIMAL_BYTES], schema[DECIMAL_BYTES], traceparent[TRACE_PARENT_BYTES];
	ask_trace_send(ask, &sending->trace, ask->desk->options.tracer, info->topic, traceparent);
	(void)decimal_write(request->deadline_ms, deadline);
	(void)decimal_write(REQUEST_SCHEMA, schema);
	const struct kafka_header headers[] = {
	        {HEADER_SCHEMA, schema},
	        {HEADER_OP, info->name},
	        {HEADER_ATTEMPT, "0"},
	        {HEADER_CAUSE, cause != CAUSE_NONE ? cause_name(cause) : NULL},
	        {HEADER_DEADLINE, cause == CAUSE_NONE && request->deadline_ms ? deadline : NULL},
	        {HEADER_TRACEPARENT, traceparent[0] ? traceparent : NULL},
	};
	const struct kafka_message message = {
	        .topic = info->topic,
	        .key = request->id,
	        .value = value->data,
	        .value_len = value->len,
	        .headers = headers,
	        .header_count = sizeof headers / sizeof *headers,
	        .delivery = &sending->delivery,
	};
	struct kafka_producer *producer = ask->desk->producer;
	return producer ? kafka_producer_send(producer, &message, NULL) : ERR_UNAVAILABLE;
}

static void produce(struct ask *ask, enum desk_then then, enum operation operation, enum cause cause,
                    const struct buf *value)
{
	struct desk *desk = ask->desk;
	int64_t now = desk_turn_ms(desk);
	if (!queue_may_take(ask, now))
		return;
	struct sending *sending = spares_take(&desk->queue.sendings);
	if (!sending) {
		log_error("record_not_made", LOG_STR("id", ask->request.id), LOG_STR("error", err_text(ERR_NO_MEMORY)));
		desk_finish(ask, OUTCOME_FAILED);
		return;
	}
	*sending = (struct sending){
	        .delivery = {.delivered = on_delivered},
	        .sent_ms = now,
	        .desk = desk,
	        .ask = ask,
	        .then = then,
	        .is_question = cause == CAUSE_NONE,
	        .first = ask->state,
	};
	memcpy(sending->id, ask->request.id, ID_BYTES);
	if (then == THEN_SAVE && kind_is_journey(ask->state.kind)) { /* whoever shows it wants to know for whom */
		sending->sealed = ask->request.sealed;
		ask->request.sealed = NULL;
	}
	list_insert(&desk->queue.unacked, &sending->in_unacked);
	ask->sending = sending;
	ask->held = then != THEN_SAVE;
	if (ask->wait_until_ms > now && desk_has_room(desk))
		waiters_add(desk->waiters, ask, now);
	enum err_code code = send_record(ask, sending, operation, cause, value);
	CRASH_POINT(ingress.request_sent);
	if (code == ERR_OK && ask->is_probe)
		desk_finish(ask, OUTCOME_VENDOR_DOWN); /* the record goes on without it */
	if (code == ERR_OK)
		return;
	list_remove(&sending->in_unacked);
	on_refused(sending, code == ERR_LIMIT ? OUTCOME_OVERLOADED : OUTCOME_QUEUE_AWAY);
}

/* What was put together goes out, or the ask is handed back. */
static void produce_encoded(struct ask *ask, enum desk_then then, enum operation operation, enum cause cause,
                            enum err_code code, struct buf *value)
{
	if (code == ERR_OK) {
		produce(ask, then, operation, cause, value);
	} else {
		log_error("record_not_made", LOG_STR("id", ask->request.id), LOG_STR("error", err_text(code)));
		desk_finish(ask, OUTCOME_FAILED);
	}
	buf_fini(value);
}

bool desk_seal(struct ask *ask)
{
	struct err err = {ERR_OK, ""};
	enum err_code code = request_seal(&ask->request, ask->desk->options.ring, &ask->person, &err);
	person_fini(&ask->person);
	if (code == ERR_OK)
		return true;
	log_error("question_not_sealed", LOG_STR("error", err_text(code)), LOG_STR("why", err.msg));
	desk_finish(ask, OUTCOME_FAILED);
	return false;
}

void desk_produce(struct ask *ask, enum desk_then then)
{
	struct buf value;
	CRASH_POINT(ingress.claimed);
	if (!desk_seal(ask))
		return;
	if (strcmp(ask->state.id, ask->request.id) != 0) /* else: what is known of the one that is joined */
		verification_queued(&ask->request, &ask->state);
	buf_init(&value, REQUEST_MAX_BYTES);
	buf_expect(&value, USUAL_BYTES);
	enum err_code code = request_encode(&ask->request, &value);
	produce_encoded(ask, then, kind_first_operation(ask->request.kind), CAUSE_NONE, code, &value);
}

void desk_retrieve(struct ask *ask, enum cause cause, const struct verification_texts *texts, enum desk_then then)
{
	struct buf value;
	enum operation operation = kind_operation(ask->state.kind, FLOW_RETRIEVE);
	buf_init(&value, REQUEST_MAX_BYTES);
	enum err_code code = operation == OPERATION_COUNT ? ERR_INVALID : retrieval_encode(&ask->state, texts, &value);
	produce_encoded(ask, then, operation, cause, code, &value);
}
