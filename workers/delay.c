/* delay: one lane per partition, each a short queue of records whose time has not come; a full lane holds its partition
 * back. */
#include "workers/delay.h"
#include "common/base/clock.h"
#include "common/base/crash_point.h"
#include "common/base/list.h"
#include "common/base/log.h"
#include "workers/headers.h"
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
	LANE_MAX = 512, /* records of one partition kept in memory */
	LANE_LOW = 128, /* below this a held partition goes on */
	MAX_OUTSTANDING = 16384,
	TICK_MS = 100,
	RESEND_MS = 1000,
	REVOKE_WAIT_MS = 2000,
	PREFETCH_KBYTES = 256,
};

struct item {
	struct kafka_delivery delivery;
	struct delay_end end;
	struct delay *delay;
	struct lane *lane;
	struct kafka_record *record;
	int64_t due_ms; /* unix ms */
	bool abandoned; /* its partition moved while the copy was on its way */
	struct list node;
};

struct lane {
	char topic[32];
	int32_t partition;
	int64_t wait_ms;
	struct list items; /* of struct item, oldest first; those being forwarded have left it */
	size_t count;
	bool held;
	struct lane *next;
};

struct delay {
	struct ports ports;
	struct kafka_consumer *consumer;
	struct delay_taker taker; /* target NULL: there is none */
	uv_timer_t timer;
	struct lane *lanes;
	struct list sending; /* of struct item */
	size_t sending_count;
	bool stopping, revoking, timer_closed;
	struct metric *waiting, *forwarded, *poison;
};

static int64_t tier_wait_ms(const char *topic)
{
	for (int i = 0; i < DELAY_TIER_COUNT; i++)
		if (strcmp(delay_tiers()[i].topic, topic) == 0)
			return delay_tiers()[i].wait_ms;
	return 0;
}

static struct lane *lane_of(struct delay *delay, const struct kafka_record *record)
{
	for (struct lane *lane = delay->lanes; lane; lane = lane->next)
		if (lane->partition == record->partition && strcmp(lane->topic, record->topic) == 0)
			return lane;
	struct lane *lane = calloc(1, sizeof *lane);
	if (!lane || strlen(record->topic) >= sizeof lane->topic) {
		free(lane);
		return NULL;
	}
	memcpy(lane->topic, record->topic, strlen(record->topic) + 1);
	lane->partition = record->partition;
	lane->wait_ms = tier_wait_ms(record->topic);
	list_init(&lane->items);
	lane->next = delay->lanes;
	delay->lanes = lane;
	return lane;
}

static struct item *first_of(const struct lane *lane)
{
	return LIST_ENTRY(lane->items.next, struct item, node);
}

static void end_item(struct item *item, bool done)
{
	if (item->record && done)
		kafka_record_done(item->record);
	else if (item->record)
		kafka_record_drop(item->record);
	free(item);
}

/* ---- forwarding ---- */

/* Topics that a record may be forwarded to: those of the operations, and no others. */
static const char *known_target(const char *name, size_t len)
{
	enum operation operation = operation_by_topic(name, len);
	return operation < OPERATION_COUNT ? operation_info(operation)->topic : NULL;
}

static void settle(struct item *item, bool is_done)
{
	struct delay *delay = item->delay;
	list_remove(&item->node);
	delay->sending_count--;
	if (is_done || item->abandoned || delay->stopping || delay->revoking) {
		end_item(item, is_done);
		return;
	}
	item->due_ms = clock_unix_ms() + RESEND_MS;
	list_insert(item->lane->items.next, &item->node); /* first in line again */
	item->lane->count++;
}

static void on_delivered(struct kafka_delivery *delivery, enum err_code result, int32_t partition, int64_t offset)
{
	struct item *item = (struct item *)(void *)((char *)delivery - offsetof(struct item, delivery));
	(void)partition;
	(void)offset;
	CRASH_POINT(delay.copy_acked);
	metric_add(item->delay->forwarded, result == ERR_OK);
	settle(item, result == ERR_OK);
}

static void on_ended(struct delay_end *end, bool is_done)
{
	settle((struct item *)(void *)((char *)end - offsetof(struct item, end)), is_done);
}

/* Where a copy goes. */
enum way {
	WAY_ON,    /* to its own topic: its time came. The target has served its purpose; the rest travels on */
	WAY_ROUND, /* once more through the same delay topic */
	WAY_DEAD,
};

static void set_headers(const struct item *item, enum way way, struct copied_headers *copied)
{
	static const struct failure_note note = {
	        .class = "poison", .reason = REASON_POISON, .message = "a delayed record without a known target"};
	static const char *const target[] = {HEADER_TARGET, NULL}, *const turn[] = {HEADER_NOT_BEFORE, NULL};
	copied->headers.count = 0;
	if (way == WAY_DEAD)
		headers_failure(&copied->headers, &note);
	else
		headers_copy(item->record, way == WAY_ON ? target : turn, copied);
	if (way == WAY_ROUND)
		headers_number(&copied->headers, HEADER_NOT_BEFORE, clock_unix_ms() + item->lane->wait_ms);
}

static enum err_code send_copy(struct item *item, const char *topic, enum way way)
{
	struct copied_headers copied;
	char key[ID_BYTES + 1];
	const struct kafka_record *record = item->record;
	size_t key_len = record->key && record->key_len < sizeof key ? record->key_len : 0;
	if (key_len)
		memcpy(key, record->key, key_len);
	key[key_len] = '\0';
	set_headers(item, way, &copied);
	const struct kafka_message message = {
	        .topic = topic,
	        .key = key,
	        .value = record->value,
	        .value_len = record->value_len,
	        .headers = copied.headers.list,
	        .header_count = copied.headers.count,
	        .delivery = &item->delivery,
	};
	return kafka_producer_send(item->delay->ports.producer, &message, NULL);
}

/* The item has left its lane, and comes back to `settle`. */
static void note_sent(struct delay *delay, struct item *item)
{
	list_remove(&item->node);
	item->lane->count--;
	list_insert(&delay->sending, &item->node);
	delay->sending_count++;
}

static bool is_to_be_taken(const struct delay *delay, const char *target, size_t len)
{
	const char *ours = delay->taker.target;
	return ours && target && strlen(ours) == len && memcmp(ours, target, len) == 0;
}

/* What only a newer version knows where to send waits for one that does; what nobody knows is dead. */
static enum way way_without_target(struct delay *delay, const struct item *item)
{
	bool is_newer = headers_are_newer(item->record);
	if (!is_newer)
		metric_add(delay->poison, 1);
	log_warn(is_newer ? "newer_record" : "poison_record", LOG_STR("topic", item->record->topic),
	         LOG_INT("partition", item->record->partition), LOG_INT("offset", item->record->offset),
	         LOG_STR("why", "no known target"));
	return is_newer ? WAY_ROUND : WAY_DEAD;
}

/* Returns: false when nothing can be sent now. */
static bool forward(struct delay *delay, struct item *item)
{
	size_t len = 0;
	const char *target = kafka_record_header(item->record, HEADER_TARGET, &len);
	const char *topic = target ? known_target(target, len) : NULL;
	if (is_to_be_taken(delay, target, len)) {
		enum delay_taken taken = delay->taker.take(delay->taker.ctx, item->record, &item->end);
		if (taken == DELAY_TAKEN)
			note_sent(delay, item);
		if (taken != DELAY_POISON)
			return taken == DELAY_TAKEN;
	}
	enum way way = topic ? WAY_ON : way_without_target(delay, item);
	enum err_code sent = send_copy(item, way == WAY_ROUND ? item->lane->topic : topic ? topic : "dead", way);
	CRASH_POINT(delay.copy_sent);
	if (sent != ERR_OK)
		return false;
	note_sent(delay, item);
	return true;
}

static size_t serve_lane(struct delay *delay, struct lane *lane, int64_t now)
{
	while (lane->count > 0 && first_of(lane)->due_ms <= now)
		if (!forward(delay, first_of(lane)))
			break;
	if (lane->held && lane->count <= LANE_LOW) {
		lane->held = false;
		kafka_consumer_unhold(delay->consumer, lane->topic, lane->partition);
	}
	return lane->count;
}

static void on_tick(uv_timer_t *timer)
{
	struct delay *delay = timer->data;
	int64_t now = clock_unix_ms(), waiting = 0;
	if (delay->stopping)
		return;
	for (struct lane *lane = delay->lanes; lane; lane = lane->next)
		waiting += (int64_t)serve_lane(delay, lane, now);
	metric_set(delay->waiting, waiting);
}

/* ---- intake ---- */

static void on_record(void *ctx, struct kafka_record *record)
{
	struct delay *delay = ctx;
	struct lane *lane = lane_of(delay, record);
	struct item *item = lane ? calloc(1, sizeof *item) : NULL;
	if (!item) {
		log_error("delay_not_taken", LOG_STR("why", "out of memory"));
		kafka_record_drop(record); /* comes again */
		return;
	}
	int64_t since = record->timestamp_ms > 0 ? record->timestamp_ms : clock_unix_ms();
	*item = (struct item){.delay = delay, .lane = lane, .record = record, .due_ms = since + lane->wait_ms};
	item->delivery.delivered = on_delivered;
	item->end.ended = on_ended;
	list_insert(&lane->items, &item->node);
	lane->count++;
	if (lane->count >= LANE_MAX && !lane->held) {
		lane->held = true;
		kafka_consumer_hold(delay->consumer, lane->topic, lane->partition);
	}
}

static void drop_waiting(struct delay *delay)
{
	for (struct lane *lane = delay->lanes; lane; lane = lane->next) {
		while (lane->count > 0) {
			struct item *item = first_of(lane);
			list_remove(&item->node);
			lane->count--;
			end_item(item, false);
		}
		lane->held = false;
	}
}

/* What waits here is read again by whoever owns its partition next; only copies on their way are worth waiting for. */
static void on_revoke(void *ctx)
{
	struct delay *delay = ctx;
	delay->revoking = true;
	drop_waiting(delay);
	if (delay->taker.revoked)
		delay->taker.revoked(delay->taker.ctx);
}

/* Partitions moved: what waits here would be forwarded twice. The consumer has forgotten which partitions were held. */
static void on_assignment(void *ctx, size_t partitions)
{
	struct delay *delay = ctx;
	(void)partitions;
	delay->revoking = false;
	drop_waiting(delay);
	for (struct list *node = delay->sending.next; node != &delay->sending; node = node->next)
		LIST_ENTRY(node, struct item, node)->abandoned = true;
}

/* ---- life ---- */

enum err_code delay_new(const struct ports *ports, const char *instance_id, const struct delay_taker *taker,
                        struct delay **ret_delay, struct err *err)
{
	const char *topics[DELAY_TIER_COUNT];
	struct delay *delay = calloc(1, sizeof *delay);
	if (!delay)
		return err_set(err, ERR_NO_MEMORY, "delay");
	delay->ports = *ports;
	if (taker)
		delay->taker = *taker;
	list_init(&delay->sending);
	delay->waiting = metrics_gauge(ports->metrics, "verifyd_delayed_in_memory", "", "delayed records read ahead");
	delay->forwarded =
	        metrics_counter(ports->metrics, "verifyd_delayed_forwarded", "", "delayed records whose time came");
	delay->poison =
	        metrics_counter(ports->metrics, "verifyd_delayed_poison", "", "delayed records without a known target");
	for (int i = 0; i < DELAY_TIER_COUNT; i++)
		topics[i] = delay_tiers()[i].topic;
	const struct kafka_consumer_options options = {
	        .group = "delay",
	        .topics = topics,
	        .topic_count = DELAY_TIER_COUNT,
	        .max_outstanding = MAX_OUTSTANDING,
	        .max_span = MAX_OUTSTANDING,
	        .instance_id = instance_id,
	        .revoke_wait_ms = REVOKE_WAIT_MS,
	        .queued_kbytes = PREFETCH_KBYTES,
	        .on_record = on_record,
	        .on_revoke = on_revoke,
	        .on_assignment = on_assignment,
	        .ctx = delay,
	};
	enum err_code code = kafka_consumer_new(ports->kafka, &options, ports->loop, &delay->consumer, err);
	if (code != ERR_OK) {
		free(delay);
		return code;
	}
	(void)uv_timer_init(ports->loop, &delay->timer);
	delay->timer.data = delay;
	uv_timer_start(&delay->timer, on_tick, TICK_MS, TICK_MS);
	*ret_delay = delay;
	return ERR_OK;
}

void delay_stop(struct delay *delay)
{
	delay->stopping = true;
	kafka_consumer_stop(delay->consumer);
	drop_waiting(delay);
	if (delay->taker.revoked)
		delay->taker.revoked(delay->taker.ctx);
}

size_t delay_in_flight(const struct delay *delay)
{
	return delay->sending_count;
}

int64_t delay_lag(const struct delay *delay)
{
	return kafka_consumer_lag(delay->consumer);
}

bool delay_has_failed(const struct delay *delay)
{
	return kafka_consumer_has_failed(delay->consumer);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct delay *delay = handle->data;
	delay->timer_closed = true;
}

/* Copies still on their way keep their items until the producer reports them, but no record. */
void delay_abandon(struct delay *delay)
{
	for (struct list *node = delay->sending.next; node != &delay->sending; node = node->next) {
		struct item *item = LIST_ENTRY(node, struct item, node);
		kafka_record_drop(item->record);
		item->record = NULL;
		item->abandoned = true;
	}
	kafka_consumer_close(delay->consumer);
	delay->consumer = NULL;
	uv_timer_stop(&delay->timer);
	uv_close((uv_handle_t *)&delay->timer, on_timer_closed);
}

void delay_free(struct delay *delay)
{
	if (!delay)
		return;
	assert(delay->sending_count == 0 && delay->timer_closed);
	while (delay->lanes) {
		struct lane *lane = delay->lanes;
		delay->lanes = lane->next;
		free(lane);
	}
	free(delay);
}
