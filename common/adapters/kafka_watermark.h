/* kafka_watermark: which records of one partition are out, and up to where all of them are done.
 *
 * Counts records, not offsets: compaction and control records leave gaps between them. Pure: no librdkafka, no clock. */
#ifndef VERIFYD_KAFKA_WATERMARK_H
#define VERIFYD_KAFKA_WATERMARK_H

#include "common/base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kafka_watermark_slot;

struct kafka_watermark {
	struct kafka_watermark_slot *slots; /* a ring; grows up to max_span */
	size_t cap;
	size_t max_span;
	uint64_t head; /* ticket of the oldest record that is not passed yet */
	uint64_t tail; /* ticket of the next record */
	int64_t newest; /* the highest offset handed out; -1: none */
	int64_t next;  /* where a reader would go on; -1: nothing passed yet */
};

/* Makes one in place; allocates nothing yet. max_span > 0 bounds how many records may be between watermark and newest. */
void kafka_watermark_init(struct kafka_watermark *watermark, size_t max_span);
void kafka_watermark_fini(struct kafka_watermark *watermark); /* accepts a zeroed one */

/* Notes that the record at offset is handed out.
 * Returns: ERR_OK and *ret_ticket, to be given to kafka_watermark_done; ERR_CONFLICT when this offset or a later one was
 * handed out before; ERR_LIMIT when max_span is reached; ERR_NO_MEMORY. */
enum err_code kafka_watermark_add(struct kafka_watermark *watermark, int64_t offset, uint64_t *ret_ticket) WARN_UNUSED;

/* Notes that a record is done, in any order; O(1) amortised. A record that is never done holds the watermark.
 * Returns: true when the watermark moved, with *ret_next = the offset to commit; false otherwise, also for a ticket that
 * is unknown or done already. */
bool kafka_watermark_done(struct kafka_watermark *watermark, uint64_t ticket, int64_t *ret_next);

/* Returns: records between the watermark and the newest, done or not. */
size_t kafka_watermark_span(const struct kafka_watermark *watermark);

#endif
