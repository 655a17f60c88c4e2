/* kafka_producer_internal: what kafka_producer.c (life, deliveries) and kafka_producer_send.c (a message's way into
 * librdkafka) share. */
#ifndef VERIFYD_KAFKA_PRODUCER_INTERNAL_H
#define VERIFYD_KAFKA_PRODUCER_INTERNAL_H

#include "common/adapters/kafka_producer.h"
#include <stdatomic.h>

enum { PRODUCER_TOPICS = 64 };
enum { PRODUCER_CROWD = 8 }; /* so many handed over at once are a crowd */

struct topic {
	char name[TOPIC_BYTES]; /* without prefix */
	rd_kafka_topic_t *rkt;
	atomic_int partitions; /* as librdkafka last said, in whichever of its threads; 0: not yet */
};

struct handle {
	struct kafka_owner owner; /* first: librdkafka's opaque */
	struct kafka_producer *producer;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	int fd; /* written by librdkafka's threads when its queue is no longer empty */
	uv_poll_t poll;
	uv_work_t work;
	struct topic topics[PRODUCER_TOPICS];
	size_t topic_count;
	size_t unreported; /* librdkafka has them and has not said what became of them */
	bool is_retired;
	bool is_ending;
	struct list reported; /* of struct kafka_delivery: it is known what became of them, their senders are still to be told */
	struct handle *next;  /* in producer->handles */
};

struct kafka_producer {
	const struct kafka_client *client;
	uv_loop_t *loop;
	struct kafka_producer_options options;
	struct handle *current; /* NULL between a fatal error and the new handle */
	struct handle *handles; /* current and retired */
	uv_timer_t rebuild;
	int build_wait_ms; /* before the next build, when this one fails as well */
	uint64_t build_at_ms;
	struct { /* kafka_producer_send.c: what is not librdkafka's yet; all of it for the current handle */
		struct list messages; /* of struct held, oldest first */
		uv_prepare_t turn;    /* started while there are some */
		uv_timer_t timer;
		uint64_t handed_ms; /* the loop's time when some were last handed over, and how many */
		size_t handed;
	} held;
	int own_handles; /* of libuv, that are not closed yet */
	size_t queued;   /* held, with librdkafka, or reported and not told */
	struct kafka_link link;
	bool is_closing;
};

/* kafka_producer.c */
void producer_rebuild_soon(struct handle *handle); /* after a fatal error */
enum err_code producer_code_of(rd_kafka_resp_err_t error);
/* Something that librdkafka does not have any more, or never had; its sender is told when the handle is woken. delivery
 * NULL: nobody wants to know. */
void producer_report(struct handle *handle, struct kafka_delivery *delivery, enum err_code result);

/* kafka_producer_send.c */
enum err_code producer_topic(struct handle *handle, const char *name, struct topic **ret_topic, struct err *err);
void producer_held_init(struct kafka_producer *producer);
void producer_hand_over(struct kafka_producer *producer); /* all that is held, now */
void producer_drop_held(struct handle *handle);           /* reports it as failed */

#endif
