/* kafka_parts: the partitions of an assignment. Decides nothing about when a record may go out. */
#include "common/adapters/kafka_parts.h"
#include "common/base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err_code kafka_parts_make(struct kafka_parts *parts, const rd_kafka_topic_partition_list_t *list, size_t max_span)
{
	size_t count = (size_t)list->cnt;
	parts->all = calloc(count ? count : 1, sizeof *parts->all);
	if (!parts->all)
		return ERR_NO_MEMORY;
	parts->count = count;
	for (size_t i = 0; i < count; i++) {
		struct kafka_part *part = &parts->all[i];
		(void)snprintf(part->topic, sizeof part->topic, "%s", list->elems[i].topic);
		part->partition = list->elems[i].partition;
		part->committed = part->end = -1;
		kafka_watermark_init(&part->watermark, max_span);
		part->store = rd_kafka_topic_partition_list_new(1);
		(void)rd_kafka_topic_partition_list_add(part->store, part->topic, part->partition);
	}
	return ERR_OK;
}

void kafka_parts_clear(struct kafka_parts *parts)
{
	kafka_parts_join(parts);
	for (size_t i = 0; i < parts->count; i++) {
		kafka_watermark_fini(&parts->all[i].watermark);
		if (parts->all[i].store)
			rd_kafka_topic_partition_list_destroy(parts->all[i].store);
	}
	free(parts->all);
	*parts = (struct kafka_parts){.all = NULL};
}

enum err_code kafka_parts_split(rd_kafka_t *rk, struct kafka_parts *parts, int fd)
{
	const uint64_t one = 1;
	for (size_t i = 0; i < parts->count; i++) {
		struct kafka_part *part = &parts->all[i];
		part->queue = rd_kafka_queue_get_partition(rk, part->topic, part->partition);
		if (!part->queue)
			return ERR_NO_MEMORY;
		rd_kafka_queue_forward(part->queue, NULL);
		rd_kafka_queue_io_event_enable(part->queue, fd, &one, sizeof one);
	}
	return ERR_OK;
}

/* The queue outlives our handle on it, and what is in it would stay in memory until the partition comes again. */
static void empty(rd_kafka_queue_t *queue)
{
	rd_kafka_message_t *message;
	for (size_t left = rd_kafka_queue_length(queue); left > 0; left--)
		if ((message = rd_kafka_consume_queue(queue, 0)))
			rd_kafka_message_destroy(message);
}

void kafka_parts_join(struct kafka_parts *parts)
{
	for (size_t i = 0; i < parts->count; i++) {
		struct kafka_part *part = &parts->all[i];
		if (part->next)
			rd_kafka_message_destroy(part->next);
		part->next = NULL;
		if (!part->queue)
			continue;
		rd_kafka_queue_io_event_enable(part->queue, -1, NULL, 0);
		empty(part->queue);
		rd_kafka_queue_destroy(part->queue);
		part->queue = NULL;
	}
}

/* A clock that is ahead must not hold a partition up for longer than what is older than now takes. */
static void look(struct kafka_part *part)
{
	if (part->next || part->paused || !part->queue || !(part->next = rd_kafka_consume_queue(part->queue, 0)))
		return;
	int64_t written_ms = rd_kafka_message_timestamp(part->next, NULL), now_ms = clock_unix_ms();
	part->next_ms = part->next->err != RD_KAFKA_RESP_ERR_NO_ERROR ? INT64_MIN
	                : written_ms < now_ms                         ? written_ms
	                                                              : now_ms;
}

void kafka_parts_look(struct kafka_parts *parts)
{
	for (size_t i = 0; i < parts->count; i++)
		look(&parts->all[i]);
}

rd_kafka_message_t *kafka_parts_take(struct kafka_parts *parts, struct kafka_part **ret_part)
{
	struct kafka_part *oldest = NULL;
	for (size_t i = 0; i < parts->count; i++) {
		struct kafka_part *part = &parts->all[(parts->last + 1 + i) % parts->count];
		if (part->next && !part->paused && (!oldest || part->next_ms < oldest->next_ms))
			oldest = part;
	}
	if (!oldest)
		return NULL;
	rd_kafka_message_t *message = oldest->next;
	parts->last = (size_t)(oldest - parts->all);
	oldest->next = NULL;
	look(oldest);
	*ret_part = oldest;
	return message;
}

struct kafka_part *kafka_parts_find(struct kafka_parts *parts, const char *topic, int32_t partition)
{
	for (size_t i = 0; i < parts->count; i++)
		if (parts->all[i].partition == partition && strcmp(parts->all[i].topic, topic) == 0)
			return &parts->all[i];
	return NULL;
}

void kafka_parts_pause(rd_kafka_t *rk, struct kafka_part *first, size_t count, unsigned reasons, bool on)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
	for (size_t i = 0; i < count; i++) {
		struct kafka_part *part = &first[i];
		bool was = part->paused != 0;
		part->paused = on ? part->paused | reasons : part->paused & ~reasons;
		if (was != (part->paused != 0))
			(void)rd_kafka_topic_partition_list_add(list, part->topic, part->partition);
	}
	/* It refuses only a partition that it does not know, which none of an assignment is. */
	if (list->cnt > 0)
		(void)(on ? rd_kafka_pause_partitions(rk, list) : rd_kafka_resume_partitions(rk, list));
	rd_kafka_topic_partition_list_destroy(list);
}

rd_kafka_resp_err_t kafka_parts_store(rd_kafka_t *rk, struct kafka_part *part, int64_t next)
{
	part->store->elems[0].offset = next;
	rd_kafka_resp_err_t error = rd_kafka_offsets_store(rk, part->store);
	return error == RD_KAFKA_RESP_ERR__STATE ? RD_KAFKA_RESP_ERR_NO_ERROR : error;
}

int64_t kafka_part_next(const struct kafka_part *part)
{
	return part->watermark.next > part->committed ? part->watermark.next : part->committed;
}

int64_t kafka_parts_lag(rd_kafka_t *rk, const struct kafka_parts *parts)
{
	int64_t lag = 0;
	for (size_t i = 0; i < parts->count; i++) {
		const struct kafka_part *part = &parts->all[i];
		int64_t next = kafka_part_next(part), low = -1, high = -1;
		if (rd_kafka_get_watermark_offsets(rk, part->topic, part->partition, &low, &high) !=
		            RD_KAFKA_RESP_ERR_NO_ERROR ||
		    high < part->end)
			high = part->end;
		if (next >= 0 && high > next)
			lag += high - next;
	}
	return lag;
}

size_t kafka_parts_gap(const struct kafka_parts *parts)
{
	size_t gap = 0;
	for (size_t i = 0; i < parts->count; i++) {
		size_t span = kafka_watermark_span(&parts->all[i].watermark);
		gap = span > gap ? span : gap;
	}
	return gap;
}
