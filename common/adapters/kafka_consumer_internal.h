/* kafka_consumer_internal: what kafka_consumer.c (life, intake, completion) and kafka_consumer_rebalance.c (the
 * assignment comes and goes) share. */
#ifndef VERIFYD_KAFKA_CONSUMER_INTERNAL_H
#define VERIFYD_KAFKA_CONSUMER_INTERNAL_H

#include "common/adapters/kafka_consumer.h"
#include "common/adapters/kafka_parts.h"
#include "common/adapters/kafka_record.h"
#include "common/base/list.h"
#include "common/base/log.h"

struct record {
	struct kafka_record_base base; /* first: what the receiver holds */
	struct kafka_consumer *consumer;
	struct kafka_part *part; /* only while generation is the consumer's */
	uint64_t generation;     /* of the assignment it came from */
	uint64_t ticket;         /* in the part's watermark */
	uint64_t again_ms;       /* dropped: loop time from which it comes again */
	struct list node;        /* dropped: in kafka_consumer.dropped */
};

struct kafka_consumer {
	struct kafka_owner owner;              /* first: librdkafka's opaque */
	struct kafka_consumer_options options; /* topics and instance_id are not read after the start */
	char group[TOPIC_BYTES];
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	int fd; /* written by librdkafka's threads when its queue is no longer empty */
	uv_poll_t poll;
	uv_timer_t tick, revoke;
	int open_handles;
	struct kafka_parts parts; /* the assignment */
	uint64_t generation;      /* counts assignments */
	size_t outstanding;       /* records out, of every generation, and dropped ones */
	size_t current;           /* records out, of this generation */
	struct list dropped;      /* of struct record, of this generation: to be handed out again */
	size_t dropped_count;
	struct log_limit error_limit;
	bool is_full;         /* intake stopped at max_outstanding */
	bool is_revoking;     /* librdkafka waits for our rd_kafka_assign(NULL) */
	bool is_static;       /* has an instance_id */
	bool is_leaving;      /* stopped, and told librdkafka to leave the group */
	uint64_t leave_at_ms; /* loop time; stopped */
	bool is_stopped, is_closing, is_fatal;
	struct kafka_link link;
};

/* kafka_consumer.c */
void consumer_fail(struct kafka_consumer *consumer, const char *what);           /* for good; said once */
void consumer_pause(struct kafka_consumer *consumer, unsigned reasons, bool on); /* all partitions */
void consumer_free_dropped(struct kafka_consumer *consumer);

/* kafka_consumer_rebalance.c */
void consumer_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *list,
                           void *opaque);
/* Answers a revoke: what is stored is committed, and the partitions are given back. */
void consumer_finish_revoke(struct kafka_consumer *consumer);
/* Ends the assignment on our side: records of it that are still out only free themselves from now on. */
void consumer_forget_parts(struct kafka_consumer *consumer);
/* A stopped consumer leaves its group as soon as nothing is on its way, and after revoke_wait_ms at the latest, so that
 * its partitions do not wait for the end of a long drain. A static member stays: it is expected back. */
void consumer_leave_when_stopped(struct kafka_consumer *consumer);

#endif
