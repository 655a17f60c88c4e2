/* kafka_consumer: a group member that hands out records, takes their completion in any order, and commits only the
 * contiguous watermark of each partition: an offset is stored when it and everything before it is done. Of what its
 * partitions hold it hands out the oldest first, by the records' timestamps.
 *
 * Lives in one loop thread. Assignor `range` (eager): cooperative-sticky of librdkafka 2.0.2 has known faults. */
#ifndef VERIFYD_KAFKA_CONSUMER_H
#define VERIFYD_KAFKA_CONSUMER_H

#include "common/adapters/kafka_client.h"
#include <uv.h>

struct kafka_consumer;

/* A record, owned by whoever got it until kafka_record_done or kafka_record_drop. Pointers live as long. */
struct kafka_record {
	const char *topic; /* without prefix */
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms; /* unix ms, as the topic's timestamp type says */
	const char *key;      /* not '\0'-terminated; NULL when absent */
	size_t key_len;
	const char *value; /* not '\0'-terminated; NULL when absent */
	size_t value_len;
};

struct kafka_consumer_options {
	const char *group;         /* without prefix: "biocatch", "delay", "projector" */
	const char *const *topics; /* without prefix */
	size_t topic_count;
	size_t max_outstanding; /* records handed out and not yet done; at the limit intake stops, below 3/4 it goes on
	                         */
	size_t max_span; /* records of one partition between its watermark and its newest; at the limit that partition
	                    pauses */
	const char *instance_id; /* static membership (made unique per group by the module), or NULL */
	int revoke_wait_ms;      /* how long a rebalance waits for records that are out */
	int queued_kbytes;       /* bound of librdkafka's prefetch, of each partition; one fetch may exceed it */
	/* Called in the loop thread, for every record. The receiver may call done or drop from inside. */
	void (*on_record)(void *ctx, struct kafka_record *record);
	/* Partitions are about to be taken away; may be NULL. The receiver drops what merely waits (for its time, for a
	 * lease), now, so that the rebalance, and with it every other member, waits only for what is on its way. No record
	 * comes before on_assignment. Not called when there is no time to wait: then on_assignment comes at once. */
	void (*on_revoke)(void *ctx);
	/* Assignment changed (partitions revoked or assigned); may be NULL. After a revoke, done on an old record is
	 * harmless. */
	void (*on_assignment)(void *ctx, size_t partition_count);
	void *ctx;
};

/* Returns: ERR_OK and *ret_consumer; ERR_INVALID; ERR_NO_MEMORY. Joining goes on in the background. */
enum err_code kafka_consumer_new(const struct kafka_client *client, const struct kafka_consumer_options *options,
                                 uv_loop_t *loop, struct kafka_consumer **ret_consumer, struct err *err) WARN_UNUSED;

/* Returns: the header's value (not '\0'-terminated; lives as long as the record) and *ret_len; NULL when absent. */
const char *kafka_record_header(const struct kafka_record *record, const char *name, size_t *ret_len);
/* Iterates: returns false when index is past the last header. */
bool kafka_record_header_at(const struct kafka_record *record, size_t index, const char **ret_name,
                            const char **ret_value, size_t *ret_len);

/* The record's result is durable: it counts for the watermark. Frees it. Harmless after its partition was revoked. */
void kafka_record_done(struct kafka_record *record);
/* Gives the record up without result: the watermark stays before it. It comes again through on_record after a second or
 * two; when its partition is being taken away or the consumer was stopped, to whoever reads the partition next. The
 * pointer is no longer the caller's. */
void kafka_record_drop(struct kafka_record *record);

/* Holds one partition back (records already handed out stay out) and lets it go on. For records whose time has not
 * come. */
void kafka_consumer_hold(struct kafka_consumer *consumer, const char *topic, int32_t partition);
void kafka_consumer_unhold(struct kafka_consumer *consumer, const char *topic, int32_t partition);

/* Drain, step 1: hands out no more records; records that are out may still be done. The group is left when they are, at
 * the latest after revoke_wait_ms, so that somebody else reads on; what is done later is not counted and comes again
 * there. A static member stays, because it is expected back. */
void kafka_consumer_stop(struct kafka_consumer *consumer);
size_t kafka_consumer_outstanding(const struct kafka_consumer *consumer);
bool kafka_consumer_is_up(const struct kafka_consumer *consumer);
/* For good: librdkafka gave up (a second process with the same INSTANCE_ID fenced this one, out of memory). Only a new
 * process helps. */
bool kafka_consumer_has_failed(const struct kafka_consumer *consumer);
size_t kafka_consumer_partitions(const struct kafka_consumer *consumer); /* assigned now */
/* Records that are not done yet, of the assigned partitions, as last heard. Right from the first second on where
 * somebody tells it what the brokers say; else a partition counts from when its first record is done. */
int64_t kafka_consumer_lag(const struct kafka_consumer *consumer);
/* Records between the watermark and the newest that was handed out, done or not, of the partition where they are most:
 * what would come again if this process died now. */
size_t kafka_consumer_gap(const struct kafka_consumer *consumer);
/* What the brokers say of a partition (kafka_backlog): committed, and the end. Ignored when it is not assigned. */
void kafka_consumer_learn(struct kafka_consumer *consumer, const char *topic, int32_t partition, int64_t committed,
                          int64_t end);
struct kafka_position {
	int32_t partition;
	int64_t next; /* the first offset that is not done */
};
/* The assigned partitions whose position is known, at most cap of them. Returns: how many are known, also above cap. */
size_t kafka_consumer_positions(const struct kafka_consumer *consumer, struct kafka_position *out, size_t cap);

/* Drain, step 2: commits the watermarks, leaves the group, frees. Records still out must be dropped before. The loop
 * must run until its handles have closed. Accepts NULL. Blocks: up to some seconds (final commit). */
void kafka_consumer_close(struct kafka_consumer *consumer);

#endif
