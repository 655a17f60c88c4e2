/* kafka_parts: the partitions of an assignment: why each is paused, how far it is done, and which has the oldest record.
 * When one is handed out is kafka_consumer's. Lives in one loop thread; blocks for no longer than librdkafka's own thread takes to hear of it. */
#ifndef VERIFYD_KAFKA_PARTS_H
#define VERIFYD_KAFKA_PARTS_H

#include "common/adapters/kafka_client.h"
#include "common/adapters/kafka_watermark.h"

/* Why a partition is paused; it is resumed when no reason is left. */
enum { PAUSE_HOLD = 1, PAUSE_SPAN = 2, PAUSE_STOP = 4, PAUSE_ANY = 7 };

struct kafka_part {
	char topic[TOPIC_BYTES]; /* with prefix */
	int32_t partition;
	unsigned paused; /* set of PAUSE_* */
	struct kafka_watermark watermark;
	rd_kafka_topic_partition_list_t *store; /* this partition alone: what offsets_store takes */
	int64_t committed, end; /* as the brokers said last (kafka_consumer_learn); -1: nothing heard yet */
	rd_kafka_queue_t *queue;  /* what was fetched of this partition alone; NULL: not split off */
	rd_kafka_message_t *next; /* taken out of it, not handed out yet; NULL: none */
	int64_t next_ms;          /* when that was written, as its writer says, but not after it was taken out */
};

struct kafka_parts { /* zeroed: no assignment */
	struct kafka_part *all;
	size_t count;
	size_t last; /* which one was taken from last */
};

/* Fills an empty one. max_span: as for kafka_watermark_init.
 * Returns: ERR_OK, ended by kafka_parts_clear; ERR_NO_MEMORY. */
enum err_code kafka_parts_make(struct kafka_parts *parts, const rd_kafka_topic_partition_list_t *list,
                               size_t max_span) WARN_UNUSED;
void kafka_parts_clear(struct kafka_parts *parts); /* accepts an empty one, and leaves one */

/* Before the partitions are assigned to rk: each gets a queue of its own, which no longer flows into rk's common one,
 * and which writes to the eventfd fd when it stops being empty. queued.max.messages.kbytes counts for each of them then.
 * Returns: ERR_OK, ended by kafka_parts_join; ERR_NO_MEMORY, what was done is undone by the same. */
enum err_code kafka_parts_split(rd_kafka_t *rk, struct kafka_parts *parts, int fd) WARN_UNUSED;
/* Frees what is left in them. Nobody reads them after that. Before rk is destroyed. Accepts what was not split. */
void kafka_parts_join(struct kafka_parts *parts);

/* Takes a record out of each queue that is not paused and of which none is at hand. */
void kafka_parts_look(struct kafka_parts *parts);
/* Returns: the oldest record at hand of those that are not paused, by the time at which it was written, or an error
 * (message->err) before all; the caller's. Equal ones take turns. NULL: nothing is at hand.
 * *ret_part: whose it is. Looks again where it took. */
rd_kafka_message_t *kafka_parts_take(struct kafka_parts *parts, struct kafka_part **ret_part);

/* topic: with prefix. Returns: NULL when the partition is not (or no longer) assigned. */
struct kafka_part *kafka_parts_find(struct kafka_parts *parts, const char *topic, int32_t partition);

/* Adds or takes away reasons for count parts from first on, and tells rk about those that change, once: librdkafka reads
 * from an old position when it is told to resume what is not paused. A paused partition hands nothing out, not even what
 * was fetched before; what is fetched already is thrown away, but for the record at hand. librdkafka remembers a pause beyond the assignment: whoever gives a partition back resumes it
 * before, or nobody reads it when it comes again. */
void kafka_parts_pause(rd_kafka_t *rk, struct kafka_part *first, size_t count, unsigned reasons, bool on);

/* Stores the offset from which a reader would go on; the next commit takes it along. Returns: librdkafka's error; none
 * for a partition that was taken away a moment ago, whose next owner reads on from the last commit. */
rd_kafka_resp_err_t kafka_parts_store(rd_kafka_t *rk, struct kafka_part *part, int64_t next);

/* Returns: the first offset that is not done: the watermark, or, while nothing was done in this assignment, what was
 * committed before; -1: not known yet. */
int64_t kafka_part_next(const struct kafka_part *part);

/* Returns: records between that offset and the end, of all partitions whose offset is known. The end is what the fetches
 * or the brokers said last, whichever is later: a partition that is paused is not fetched. */
int64_t kafka_parts_lag(rd_kafka_t *rk, const struct kafka_parts *parts);

/* Returns: the largest span of watermarks (kafka_watermark_span). */
size_t kafka_parts_gap(const struct kafka_parts *parts);

#endif
