/* kafka_producer: idempotent, acks=all; a message counts only when its delivery report came back without error.
 *
 * Lives in one loop thread: send and every callback happen there. librdkafka's own threads wake the loop through a
 * non-blocking eventfd (a blocking one would hang librdkafka, #2932). */
#ifndef VERIFYD_KAFKA_PRODUCER_H
#define VERIFYD_KAFKA_PRODUCER_H

#include "common/adapters/kafka_client.h"
#include "common/base/list.h"
#include <uv.h>

struct kafka_producer;

struct kafka_producer_options {
	int message_timeout_ms;  /* after this a message that was not acked fails; 1000..300000 */
	int max_queued_messages; /* one more is refused with ERR_LIMIT */
};

/* Embed it in what is being sent; the producer keeps the pointer until it calls `delivered`, exactly once. */
struct kafka_delivery {
	/* result: ERR_OK (acked by all in-sync replicas; partition and offset are valid), else ERR_TIMEOUT, ERR_UNAVAILABLE or
	 * ERR_LIMIT (too large). After a failure the broker may still have the message (#librdkafka POSSIBLY_PERSISTED). */
	void (*delivered)(struct kafka_delivery *delivery, enum err_code result, int32_t partition, int64_t offset);
	/* the producer's own, between librdkafka's report and `delivered` */
	struct list node;
	enum err_code result;
	int32_t partition;
	int64_t offset;
};

struct kafka_header {
	const char *name;
	const char *value; /* NULL: the header is left out */
};

struct kafka_message {
	const char *topic; /* without prefix */
	const char *key;   /* '\0'-terminated */
	const void *value; /* copied */
	size_t value_len;
	const struct kafka_header *headers;
	size_t header_count;
	struct kafka_delivery *delivery; /* NULL: nobody wants to know */
};

/* Returns: ERR_OK and *ret_producer; ERR_INVALID; ERR_NO_MEMORY. Connecting goes on in the background.
 * A fatal error of librdkafka (idempotence broken) makes it build a new handle by itself; what was queued fails first. */
enum err_code kafka_producer_new(const struct kafka_client *client, const struct kafka_producer_options *options,
				 uv_loop_t *loop, struct kafka_producer **ret_producer, struct err *err) WARN_UNUSED;

/* Queues a message; it leaves with the end of the loop's turn, or, while earlier ones are not acked, when they are: 50 ms
 * later at most. Returns: ERR_OK (delivered will be called, never from inside this call); ERR_LIMIT (queue full);
 * ERR_INVALID; ERR_UNAVAILABLE. On failure delivered is not called. Blocks: no. */
enum err_code kafka_producer_send(struct kafka_producer *producer, const struct kafka_message *message,
				  struct err *err) WARN_UNUSED;

/* Fetches metadata of `topics`, so that the first send does not wait for it. Blocks: up to timeout_ms.
 * Returns: ERR_OK; ERR_UNAVAILABLE (no broker answered, or a topic is missing: err names it). */
enum err_code kafka_producer_warm(struct kafka_producer *producer, const char *const *topics, size_t topic_count,
				  int timeout_ms, struct err *err) WARN_UNUSED;

/* How many partitions the topic (without prefix) has, as heard with the last message to it; 0: not heard yet. */
int32_t kafka_producer_partitions(struct kafka_producer *producer, const char *topic);

bool kafka_producer_is_up(const struct kafka_producer *producer); /* the last thing heard of the brokers was not "all down" */
size_t kafka_producer_queued(const struct kafka_producer *producer);

/* Waits up to timeout_ms for what is queued, fails the rest, frees. The loop must run (uv_run) until its handles have
 * closed. Accepts NULL. Blocks: up to timeout_ms. */
void kafka_producer_close(struct kafka_producer *producer, int timeout_ms);

#endif
