/* world_kafka: the log: topics, partitions by the key's id, and what the groups have committed. */
#include "tests/unit/engine/world_kafka.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void kafka_open(struct world *world)
{
	struct kafka *kafka = world->kafka = world_alloc(sizeof *kafka);
	int at = 0;
	list_init(&kafka->wire);
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		kafka->topics[at++].name = operation_info((enum operation)i)->topic;
	for (int i = 0; i < DELAY_TIER_COUNT; i++)
		kafka->topics[at++].name = delay_tiers()[i].topic;
	kafka->topics[at++].name = "results";
	kafka->topics[at].name = "dead";
}

static void free_record(struct log_record *record)
{
	for (size_t i = 0; i < record->header_count; i++) {
		free(record->headers[i].name);
		free(record->headers[i].value);
	}
	free(record->headers);
	free(record->key);
	free(record->value);
	free(record);
}

void kafka_shut(struct world *world)
{
	producer_shut(world);
	consumer_shut(world);
	for (int i = 0; i < TOPICS; i++) {
		struct topic *topic = &world->kafka->topics[i];
		for (int partition = 0; partition < WORLD_PARTITIONS; partition++) {
			for (size_t at = 0; at < topic->count[partition]; at++)
				free_record(topic->records[partition][at]);
			free(topic->records[partition]);
		}
	}
	free(world->kafka);
}

int topic_index(const struct kafka *kafka, const char *name)
{
	int at = 0;
	while (at < TOPICS && strcmp(kafka->topics[at].name, name) != 0)
		at++;
	assert_true(at < TOPICS);
	return at;
}

struct group *group_of(struct kafka *kafka, const char *name)
{
	size_t at = 0;
	while (at < kafka->group_count && strcmp(kafka->groups[at].name, name) != 0)
		at++;
	assert_true(at < GROUPS_MAX);
	if (at == kafka->group_count) {
		struct group *group = &kafka->groups[kafka->group_count++];
		snprintf(group->name, sizeof group->name, "%s", name);
		list_init(&group->members);
	}
	return &kafka->groups[at];
}

void kafka_set_up(struct world *world, bool up)
{
	world->kafka->is_down = !up;
	for (int i = 0; up && i < TOPICS; i++)
		kafka_wake_readers(world, world->kafka->topics[i].name);
}

bool kafka_is_up(const struct world *world)
{
	return !world->kafka->is_down;
}

/* `id!<token>` stands in the partition of `id`. */
static int32_t partition_of(const char *key)
{
	uint32_t hash = 2166136261u;
	for (; *key && *key != '!'; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619u;
	return (int32_t)((hash >> 8) % WORLD_PARTITIONS);
}

static void copy_headers(struct log_record *record, const struct kafka_message *message)
{
	record->headers = world_alloc(message->header_count * sizeof *record->headers);
	for (size_t i = 0; i < message->header_count; i++) {
		const struct kafka_header *from = &message->headers[i];
		if (!from->value)
			continue;
		struct log_header *to = &record->headers[record->header_count++];
		to->name = world_copy(from->name, strlen(from->name));
		to->value_len = strlen(from->value);
		to->value = world_copy(from->value, to->value_len);
	}
}

const struct log_record *kafka_append(struct world *world, const struct kafka_message *message, int sender)
{
	struct topic *topic = &world->kafka->topics[topic_index(world->kafka, message->topic)];
	int32_t partition = partition_of(message->key);
	struct log_record *record = world_alloc(sizeof *record);
	if (topic->count[partition] == topic->cap[partition]) {
		size_t cap = topic->cap[partition] = topic->cap[partition] ? topic->cap[partition] * 2 : 16;
		topic->records[partition] = realloc(topic->records[partition], cap * sizeof(struct log_record *));
		if (!topic->records[partition])
			abort();
	}
	*record = (struct log_record){.topic = topic->name,
	                              .partition = partition,
	                              .offset = (int64_t)topic->count[partition],
	                              .timestamp_ms = world_unix_ms(world),
	                              .key = world_copy(message->key, strlen(message->key)),
	                              .value = message->value ? world_copy(message->value, message->value_len) : NULL,
	                              .value_len = message->value_len,
	                              .sender = sender};
	copy_headers(record, message);
	topic->records[partition][topic->count[partition]++] = record;
	world_note(world, sender < 0 ? NULL : world->pods[sender], NOTE_APPENDED, topic->name, record->key,
	           record->offset);
	if (world->hooks.on_append)
		world->hooks.on_append(world->hooks.ctx, record);
	kafka_wake_readers(world, topic->name);
	return record;
}

const struct log_record *kafka_put(struct world *world, const char *topic, const char *key, const void *value,
                                   size_t value_len, const struct kafka_header *headers)
{
	struct kafka_message message = {
	        .topic = topic, .key = key, .value = value, .value_len = value_len, .headers = headers};
	while (headers && headers[message.header_count].name)
		message.header_count++;
	return kafka_append(world, &message, -1);
}

size_t kafka_partition_len(const struct world *world, const char *topic, int32_t partition)
{
	return world->kafka->topics[topic_index(world->kafka, topic)].count[partition];
}

const struct log_record *kafka_at(const struct world *world, const char *topic, int32_t partition, size_t offset)
{
	return world->kafka->topics[topic_index(world->kafka, topic)].records[partition][offset];
}

const struct log_record *kafka_of(const struct world *world, const char *topic, const char *id, int nth)
{
	const struct topic *in = &world->kafka->topics[topic_index(world->kafka, topic)];
	int32_t partition = partition_of(id);
	for (size_t at = 0; at < in->count[partition]; at++) {
		struct log_record *record = in->records[partition][at];
		if (strncmp(record->key, id, strlen(id)) == 0 && nth-- == 0)
			return record;
	}
	return NULL;
}

int kafka_count(const struct world *world, const char *topic, const char *id)
{
	int count = 0;
	while (kafka_of(world, topic, id, count))
		count++;
	return count;
}

const char *kafka_header_of(const struct log_record *record, const char *name)
{
	for (size_t i = 0; i < record->header_count; i++)
		if (strcmp(record->headers[i].name, name) == 0)
			return record->headers[i].value;
	return NULL;
}

int64_t *kafka_committed(struct world *world, const char *group, const char *topic, int32_t partition)
{
	return &group_of(world->kafka, group)->committed[topic_index(world->kafka, topic)][partition];
}

static const char *reader_of(const char *topic)
{
	enum operation operation = operation_by_topic(topic, strlen(topic));
	if (operation < OPERATION_COUNT)
		return kind_info(operation_info(operation)->kind)->vendor;
	return strcmp(topic, "results") == 0 ? "projector" : strcmp(topic, "dead") == 0 ? NULL : "delay";
}

bool kafka_all_done(struct world *world)
{
	for (int i = 0; i < TOPICS; i++) {
		const struct topic *topic = &world->kafka->topics[i];
		const char *group = reader_of(topic->name);
		for (int partition = 0; group && partition < WORLD_PARTITIONS; partition++)
			if (*kafka_committed(world, group, topic->name, partition) != (int64_t)topic->count[partition])
				return false;
	}
	return true;
}
