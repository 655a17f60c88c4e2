/* world_kafka: what the log, the groups and the producer share of the world's Kafka. */
#ifndef VERIFYD_ENGINE_WORLD_KAFKA_H
#define VERIFYD_ENGINE_WORLD_KAFKA_H

#include "tests/unit/engine/world.h"

enum { TOPICS = OPERATION_COUNT + DELAY_TIER_COUNT + 2, GROUPS_MAX = 8 };

struct topic {
	const char *name;
	struct log_record **records[WORLD_PARTITIONS];
	size_t count[WORLD_PARTITIONS], cap[WORLD_PARTITIONS];
};

struct group {
	char name[32];
	struct list members; /* of struct kafka_consumer */
	int64_t committed[TOPICS][WORLD_PARTITIONS];
	bool is_balancing;
};

struct kafka {
	struct topic topics[TOPICS];
	struct group groups[GROUPS_MAX];
	size_t group_count;
	struct list wire; /* messages on their way, also of pods that are gone */
	bool is_down;
};

int topic_index(const struct kafka *kafka, const char *name); /* fails the test when there is none */
void producer_shut(struct world *world);
void consumer_shut(struct world *world); /* members of pods that were killed and not yet missed */
struct group *group_of(struct kafka *kafka, const char *name);

#endif
