/* world_consumer: what a member's reading (world_consumer.c) and its group's rebalances (world_group.c) share. */
#ifndef VERIFYD_ENGINE_WORLD_CONSUMER_H
#define VERIFYD_ENGINE_WORLD_CONSUMER_H

#include "tests/unit/engine/world_kafka.h"

enum { TOPICS_MAX = 4 };

struct part {
	int topic;
	int32_t partition;
	int64_t position, stored; /* -1: nothing to commit */
	bool is_held;
	struct kafka_watermark watermark;
};

struct kafka_consumer {
	struct pod *pod;
	struct group *group;
	struct kafka_consumer_options options;
	int topics[TOPICS_MAX];
	struct part parts[TOPICS_MAX * WORLD_PARTITIONS];
	size_t part_count;
	uint64_t generation;
	size_t outstanding, current;
	bool is_full, is_stopped, is_revoking, is_closing, is_lost;
	bool is_ready;   /* has given everything up, and waits for its share */
	bool is_leaving; /* stopped, and no member any more */
	struct moment *pump, *commit, *revoke, *balance, *lost, *leave;
	struct list dropped; /* of struct record: come again */
	size_t dropped_count;
	struct list member, node;
};

struct record {
	struct kafka_record pub; /* first */
	const struct log_record *log;
	struct kafka_consumer *consumer;
	struct part *part;
	uint64_t generation, ticket;
	struct moment *again; /* dropped */
	struct list node;     /* in dropped */
};

/* world_consumer.c */
void consumer_wake(struct kafka_consumer *consumer);
void consumer_commit(struct kafka_consumer *consumer);
bool consumer_has_stopped(const struct kafka_consumer *consumer);
void consumer_free_dropped(struct kafka_consumer *consumer);

/* world_group.c */
void group_balance(struct world *world,
                   struct group *group); /* everybody gives up what he has; then it is shared out */
void group_finish_revoke(struct kafka_consumer *consumer);
void group_revoked_soon(struct kafka_consumer *consumer); /* nothing is out any more */
void group_forget_parts(struct kafka_consumer *consumer);
void group_quit(struct kafka_consumer *consumer);

#endif
