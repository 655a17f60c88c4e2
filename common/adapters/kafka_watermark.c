/* kafka_watermark: a ring of handed-out offsets, indexed by ticket; `done` marks a slot and the head moves over all
 * that are marked. Does not know what a record is, and never commits anything itself. */
#include "common/adapters/kafka_watermark.h"
#include <assert.h>
#include <stdlib.h>

enum { FIRST_CAP = 64 };

struct kafka_watermark_slot {
	int64_t offset;
	bool done;
};

void kafka_watermark_init(struct kafka_watermark *watermark, size_t max_span)
{
	assert(max_span > 0);
	*watermark = (struct kafka_watermark){.max_span = max_span, .newest = -1, .next = -1};
}

void kafka_watermark_fini(struct kafka_watermark *watermark)
{
	free(watermark->slots);
	watermark->slots = NULL;
	watermark->cap = 0;
	watermark->head = watermark->tail = 0;
}

size_t kafka_watermark_span(const struct kafka_watermark *watermark)
{
	return (size_t)(watermark->tail - watermark->head);
}

static struct kafka_watermark_slot *slot_of(const struct kafka_watermark *watermark, uint64_t ticket)
{
	return &watermark->slots[ticket % watermark->cap];
}

/* Places change with the capacity, so every slot in use is moved. */
static enum err_code grow(struct kafka_watermark *watermark)
{
	size_t cap = watermark->cap ? watermark->cap * 2 : FIRST_CAP;
	if (cap > watermark->max_span)
		cap = watermark->max_span;
	struct kafka_watermark_slot *slots = calloc(cap, sizeof *slots);
	if (!slots)
		return ERR_NO_MEMORY;
	for (uint64_t ticket = watermark->head; ticket != watermark->tail; ticket++)
		slots[ticket % cap] = *slot_of(watermark, ticket);
	free(watermark->slots);
	watermark->slots = slots;
	watermark->cap = cap;
	return ERR_OK;
}

enum err_code kafka_watermark_add(struct kafka_watermark *watermark, int64_t offset, uint64_t *ret_ticket)
{
	if (offset <= watermark->newest)
		return ERR_CONFLICT;
	if (kafka_watermark_span(watermark) == watermark->max_span)
		return ERR_LIMIT;
	if (kafka_watermark_span(watermark) == watermark->cap && grow(watermark) != ERR_OK)
		return ERR_NO_MEMORY;
	*slot_of(watermark, watermark->tail) = (struct kafka_watermark_slot){.offset = offset};
	watermark->newest = offset;
	*ret_ticket = watermark->tail++;
	return ERR_OK;
}

bool kafka_watermark_done(struct kafka_watermark *watermark, uint64_t ticket, int64_t *ret_next)
{
	if (ticket < watermark->head || ticket >= watermark->tail)
		return false;
	slot_of(watermark, ticket)->done = true;
	if (ticket != watermark->head)
		return false;
	while (watermark->head != watermark->tail && slot_of(watermark, watermark->head)->done)
		watermark->next = slot_of(watermark, watermark->head++)->offset + 1;
	*ret_next = watermark->next;
	return true;
}
