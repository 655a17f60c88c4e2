/* span_queue: a ring of slots. */
#include "common/base/span_queue.h"
#include <assert.h>
#include <stdlib.h>

struct slot {
	struct span span;
	int64_t since_ms;
};

struct span_queue {
	size_t capacity, batch;
	int64_t linger_ms;
	size_t first, count;
	struct slot slots[];
};

enum err_code span_queue_new(size_t capacity, size_t batch, int64_t linger_ms, struct span_queue **ret_queue)
{
	assert(batch > 0 && batch <= capacity);
	struct span_queue *queue = calloc(1, sizeof *queue + capacity * sizeof queue->slots[0]);
	if (!queue)
		return ERR_NO_MEMORY;
	queue->capacity = capacity;
	queue->batch = batch;
	queue->linger_ms = linger_ms;
	*ret_queue = queue;
	return ERR_OK;
}

void span_queue_free(struct span_queue *queue)
{
	free(queue);
}

bool span_queue_add(struct span_queue *queue, const struct span *span, int64_t now_ms)
{
	if (queue->count == queue->capacity)
		return false;
	struct slot *slot = &queue->slots[(queue->first + queue->count++) % queue->capacity];
	slot->span = *span;
	slot->since_ms = now_ms;
	return true;
}

size_t span_queue_count(const struct span_queue *queue)
{
	return queue->count;
}

int64_t span_queue_wait_ms(const struct span_queue *queue, int64_t now_ms)
{
	if (queue->count == 0)
		return -1;
	int64_t left = queue->slots[queue->first].since_ms + queue->linger_ms - now_ms;
	return queue->count >= queue->batch || left < 0 ? 0 : left;
}

size_t span_queue_due(const struct span_queue *queue, int64_t now_ms, bool all)
{
	if (!all && span_queue_wait_ms(queue, now_ms) != 0)
		return 0;
	return queue->count < queue->batch ? queue->count : queue->batch;
}

void span_queue_take(struct span_queue *queue, size_t count, struct span *ret)
{
	assert(count <= queue->count);
	for (size_t i = 0; i < count; i++)
		ret[i] = queue->slots[(queue->first + i) % queue->capacity].span;
	queue->first = (queue->first + count) % queue->capacity;
	queue->count -= count;
}
