/* kafka_parts: the partitions of an assignment: why each is paused, how far it is done, and the records that came while
 * theirs had to wait. What is handed out, and when, is kafka_consumer's. Lives in one loop thread; nothing blocks. */
#ifndef VERIFYD_KAFKA_PARTS_H
#define VERIFYD_KAFKA_PARTS_H

#include "common/adapters/kafka_client.h"
#include "common/adapters/kafka_watermark.h"

enum { KAFKA_PARTS_MAX_LATE = 64 };

/* Why a partition is paused; it is resumed when no reason is left. */
enum { PAUSE_HOLD = 1, PAUSE_PRESSURE = 2, PAUSE_SPAN = 4, PAUSE_STOP = 8 };

struct kafka_part {
	char topic[TOPIC_BYTES]; /* with prefix */
	int32_t partition;
	unsigned paused; /* set of PAUSE_* */
	size_t late;     /* of its records in kafka_parts.late */
	struct kafka_watermark watermark;
	rd_kafka_topic_partition_list_t *store; /* this partition alone: what offsets_store takes */
};

struct kafka_late {
	struct kafka_part *part;
	rd_kafka_message_t *message;
};

struct kafka_parts { /* zeroed: no assignment */
	struct kafka_part *all;
	size_t count;
	struct kafka_late late[KAFKA_PARTS_MAX_LATE]; /* in the order in which they came */
	size_t late_count;
};

/* Fills an empty one. max_span: as for kafka_watermark_init.
 * Returns: ERR_OK, ended by kafka_parts_clear; ERR_NO_MEMORY. */
enum err_code kafka_parts_make(struct kafka_parts *parts, const rd_kafka_topic_partition_list_t *list,
                               size_t max_span) WARN_UNUSED;
void kafka_parts_clear(struct kafka_parts *parts); /* accepts an empty one, and leaves one */

/* topic: with prefix. Returns: NULL when the partition is not (or no longer) assigned. */
struct kafka_part *kafka_parts_find(struct kafka_parts *parts, const char *topic, int32_t partition);

/* Adds or takes away a reason for count parts from first on, and tells rk about those that change. */
void kafka_parts_pause(rd_kafka_t *rk, struct kafka_part *first, size_t count, unsigned reason, bool on);

/* Stores the offset from which a reader would go on; the next commit takes it along. Returns: librdkafka's error; none
 * for a partition that was taken away a moment ago, whose next owner reads on from the last commit. */
rd_kafka_resp_err_t kafka_parts_store(rd_kafka_t *rk, struct kafka_part *part, int64_t next);

/* Keeps a message for later, and owns it. Only while kafka_parts_has_room. */
bool kafka_parts_has_room(const struct kafka_parts *parts);
void kafka_parts_add_late(struct kafka_parts *parts, struct kafka_part *part, rd_kafka_message_t *message);
/* Takes the first message at or behind *index whose partition goes on, and moves *index there, where its successor now
 * is. Returns: false when there is none. */
bool kafka_parts_take_late(struct kafka_parts *parts, size_t *index, struct kafka_late *ret_late);
void kafka_parts_drop_late(struct kafka_parts *parts);

/* Returns: records between watermark and end of all partitions, as last heard. A partition of which nothing was done
 * yet in this assignment counts 0: its committed offset is not known here. */
int64_t kafka_parts_lag(rd_kafka_t *rk, const struct kafka_parts *parts);

#endif
