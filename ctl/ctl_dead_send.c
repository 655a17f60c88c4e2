/* ctl_dead_send: one loop with the producer on it; it turns while the scan of `dead` hands out a letter whose turn has
 * not come. Nothing is noted anywhere: what was sent is in Kafka, and whoever asks there knows how far this came. */
#include "ctl/ctl_dead_send.h"
#include "common/adapters/kafka_producer.h"
#include "common/base/clock.h"
#include "ctl/ctl_pace.h"
#include "ctl/ctl_progress.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	NUMBER_BYTES = 24,
	UNACKED_MAX = 1000,
	TURN_MS = 100, /* how long at most until a signal is noticed */
	ACK_WAIT_MIN_MS = 1000,
	ACK_WAIT_MAX_MS = 300000
};

struct sender {
	const struct ctl_call *call;
	struct dead_index *index;
	struct dead_send *send;
	struct kafka_producer *producer;
	uv_loop_t loop;
	uv_timer_t timer;
	struct ctl_pace pace;
	struct ctl_progress progress;
	size_t unacked, acked;
	enum err_code code; /* of the first that failed */
	struct err err;
};

struct parcel {
	struct kafka_delivery delivery; /* first: the producer hands it back */
	struct sender *sender;
	struct dead_entry *entry;
};

static void settle(struct sender *sender, struct dead_entry *entry, enum err_code code)
{
	if (code == ERR_OK)
		entry->is_done = true;
	else if (sender->code == ERR_OK)
		sender->code = code;
	sender->send->on_outcome(sender->send->ctx, entry, code);
	ctl_progress_at(&sender->progress, ++sender->acked);
}

static void on_delivered(struct kafka_delivery *delivery, enum err_code result, int32_t partition, int64_t offset)
{
	struct parcel *parcel = (struct parcel *)delivery;
	(void)partition, (void)offset;
	parcel->sender->unacked--;
	settle(parcel->sender, parcel->entry, result);
	free(parcel);
}

/* ---- one letter ---- */

static void send_letter(struct sender *sender, struct dead_entry *entry, const struct kafka_scan_record *record)
{
	char schema[NUMBER_BYTES], replays[NUMBER_BYTES], deadline[NUMBER_BYTES], poll[NUMBER_BYTES];
	struct dead_letter letter;
	struct parcel *parcel = calloc(1, sizeof *parcel);
	dead_letter_read(record, &letter);
	const struct operation_info *operation = operation_info((enum operation)entry->operation);
	bool stale = letter.deadline_ms <= clock_unix_ms(), retrieves = operation->flow == FLOW_RETRIEVE;
	(void)snprintf(schema, sizeof schema, "%d", REQUEST_SCHEMA);
	(void)snprintf(replays, sizeof replays, "%d", dead_entry_next_replay(entry));
	(void)snprintf(deadline, sizeof deadline, "%" PRId64, letter.deadline_ms);
	(void)snprintf(poll, sizeof poll, "%" PRId64, letter.poll);
	const struct kafka_header headers[] = {
	        {HEADER_SCHEMA, schema},
	        {HEADER_OP, operation->name},
	        {HEADER_ATTEMPT, "0"},
	        {HEADER_REPLAYS, replays},
	        {HEADER_DEADLINE, stale ? NULL : deadline},
	        {HEADER_CAUSE, retrieves && *letter.cause ? letter.cause : NULL},
	        {HEADER_POLL, retrieves && letter.poll ? poll : NULL},
	        {HEADER_TRACEPARENT, *letter.traceparent ? letter.traceparent : NULL},
	};
	entry->is_sent = true;
	sender->send->sent++;
	if (!parcel) {
		settle(sender, entry, ERR_NO_MEMORY);
		return;
	}
	*parcel = (struct parcel){.delivery.delivered = on_delivered, .sender = sender, .entry = entry};
	const struct kafka_message message = {operation->topic,  entry->id, record->value,
	                                      record->value_len, headers,   sizeof headers / sizeof headers[0],
	                                      &parcel->delivery};
	enum err_code code = kafka_producer_send(sender->producer, &message, &sender->err);
	if (code == ERR_OK) {
		sender->unacked++;
		return;
	}
	free(parcel);
	settle(sender, entry, code);
}

static void on_turn(uv_timer_t *timer)
{
	(void)timer;
}

/* Lets deliveries come, for at most so long. */
static void turn(struct sender *sender, int64_t wait_us)
{
	int64_t wait_ms = (wait_us + 999) / 1000;
	uv_update_time(&sender->loop);
	(void)uv_timer_start(&sender->timer, on_turn, (uint64_t)(wait_ms < TURN_MS ? wait_ms : TURN_MS),
	                     0); /* fails only while closing */
	(void)uv_run(&sender->loop, UV_RUN_ONCE);
}

/* Returns: false when no more may be sent. */
static bool wait_for_turn(struct sender *sender)
{
	(void)uv_run(&sender->loop, UV_RUN_NOWAIT);
	while (!atomic_load(&sender->send->stop->asked) && sender->code == ERR_OK) {
		int64_t wait_us = sender->unacked < UNACKED_MAX ? ctl_pace_take(&sender->pace, clock_mono_us())
		                                                : (int64_t)TURN_MS * 1000;
		if (wait_us == 0)
			return true;
		turn(sender, wait_us);
	}
	return false;
}

static bool on_letter(void *ctx, const struct kafka_scan_record *record)
{
	struct sender *sender = ctx;
	char id[ID_BYTES] = "";
	if (!record->key || record->key_len != ID_BYTES - 1)
		return true;
	memcpy(id, record->key, sizeof id - 1);
	struct dead_entry *entry = dead_index_find(sender->index, id);
	bool is_it = entry && entry->fate == FATE_REPLAY && entry->partition == record->partition &&
	             entry->offset == record->offset;
	if (!is_it || entry->is_sent)
		return true;
	if (!wait_for_turn(sender))
		return false;
	send_letter(sender, entry, record);
	return sender->send->sent < sender->send->total;
}

/* ---- all ---- */

static enum err_code warm(struct sender *sender)
{
	const char *topics[OPERATION_COUNT];
	bool is_used[OPERATION_COUNT] = {false};
	size_t count = 0;
	for (size_t i = 0; i < dead_index_count(sender->index); i++) {
		const struct dead_entry *entry = dead_index_at(sender->index, i);
		if (entry->fate != FATE_REPLAY || is_used[entry->operation])
			continue;
		is_used[entry->operation] = true;
		topics[count++] = operation_info((enum operation)entry->operation)->topic;
	}
	return kafka_producer_warm(sender->producer, topics, count, ctl_left_ms(sender->call), &sender->err);
}

static enum err_code send_all(struct sender *sender)
{
	const struct dead_send *send = sender->send;
	int32_t partition = -1;
	enum err_code code = warm(sender);
	if (code != ERR_OK)
		return code;
	for (size_t i = 0; send->total == 1 && i < dead_index_count(sender->index); i++)
		if (dead_index_at(sender->index, i)->fate == FATE_REPLAY)
			partition = dead_index_at(sender->index, i)->partition;
	ctl_pace_begin(&sender->pace, sender->call->rate, clock_mono_us());
	ctl_progress_begin(&sender->progress, "replaying", send->total);
	sender->progress.is_shown = sender->progress.is_shown && send->draws;
	code = kafka_scan(sender->call->kafka, "dead", partition, sender->call->timeout_s * 1000, on_letter, sender,
	                  &sender->send->stop->asked, &sender->err);
	while (sender->unacked > 0) /* each is delivered or fails within the producer's time */
		turn(sender, (int64_t)TURN_MS * 1000);
	ctl_progress_end(&sender->progress);
	return code;
}

/* Runs the producer on the loop, which then is closed. */
static enum err_code run(struct sender *sender)
{
	int left_ms = sender->call->timeout_s * 1000;
	left_ms = left_ms < ACK_WAIT_MIN_MS ? ACK_WAIT_MIN_MS : left_ms;
	const struct kafka_producer_options options = {
	        .message_timeout_ms = left_ms < ACK_WAIT_MAX_MS ? left_ms : ACK_WAIT_MAX_MS,
	        .max_queued_messages = UNACKED_MAX,
	};
	(void)uv_timer_init(&sender->loop, &sender->timer); /* cannot fail */
	enum err_code code =
	        kafka_producer_new(sender->call->kafka, &options, &sender->loop, &sender->producer, &sender->err);
	if (code == ERR_OK)
		code = send_all(sender);
	kafka_producer_close(sender->producer, 0);
	uv_close((uv_handle_t *)&sender->timer, NULL);
	while (uv_run(&sender->loop, UV_RUN_DEFAULT) != 0)
		;
	return code;
}

int dead_send_all(const struct ctl_call *call, struct dead_index *index, struct dead_send *send)
{
	const struct ctl_call renewed = ctl_renewed(call);
	struct sender sender = {.call = &renewed, .index = index, .send = send};
	ctl_stop_hold(send->stop);
	enum err_code code = uv_loop_init(&sender.loop) == 0 ? ERR_OK : err_set(&sender.err, ERR_IO, "no event loop");
	if (code == ERR_OK) {
		code = run(&sender);
		(void)uv_loop_close(&sender.loop);
	}
	send->interrupted = atomic_load(&send->stop->asked);
	return code == ERR_OK ? CTL_OK : ctl_fail_kafka(call, "nothing more was replayed", code, &sender.err);
}
