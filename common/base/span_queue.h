/* span_queue: spans that have ended and wait to be exported, oldest first, with a bound. One more than fits is dropped and
 * counted: what is told must never hold up what is done. No lock and no clock of its own: the owner's. */
#ifndef VERIFYD_SPAN_QUEUE_H
#define VERIFYD_SPAN_QUEUE_H

#include "common/base/err.h"
#include "common/base/trace.h"

struct span_queue;

/* capacity: spans; batch: as many are due at once; linger_ms: a smaller number is due when its oldest waits so long. */
enum err_code span_queue_new(size_t capacity, size_t batch, int64_t linger_ms,
			     struct span_queue **ret_queue) WARN_UNUSED;
void span_queue_free(struct span_queue *queue); /* accepts NULL */

/* Returns: false when it was dropped. */
bool span_queue_add(struct span_queue *queue, const struct span *span, int64_t now_ms);
size_t span_queue_count(const struct span_queue *queue);

/* How many are due, at most a batch; all: whatever there is. */
size_t span_queue_due(const struct span_queue *queue, int64_t now_ms, bool all);
/* When some become due: ms from now, 0: now; -1: there is none. */
int64_t span_queue_wait_ms(const struct span_queue *queue, int64_t now_ms);
/* Takes the `count` oldest out, into ret[0..count). */
void span_queue_take(struct span_queue *queue, size_t count, struct span *ret);

#endif
