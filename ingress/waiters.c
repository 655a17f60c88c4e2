/* waiters: intrusive lists in two arrays. */
#include "ingress/waiters.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct waiters {
	struct ask *bucket[WAITERS_BUCKETS];
	struct ask *slot[WAITERS_SLOTS];
	int64_t at_slot; /* the slot number that is served next; slot numbers grow for ever */
	size_t count;
};

enum err_code waiters_new(int64_t now_ms, struct waiters **ret_waiters)
{
	struct waiters *waiters = calloc(1, sizeof *waiters);
	if (!waiters)
		return ERR_NO_MEMORY;
	waiters->at_slot = now_ms / WAITERS_SLOT_MS;
	*ret_waiters = waiters;
	return ERR_OK;
}

void waiters_free(struct waiters *waiters)
{
	assert(!waiters || waiters->count == 0);
	free(waiters);
}

static struct ask **bucket_of(struct waiters *waiters, const char *id)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	for (; *id; id++)
		hash = (hash ^ (unsigned char)*id) * 16777619u;
	return &waiters->bucket[hash & (WAITERS_BUCKETS - 1)];
}

/* Rounded up, so that nobody is sent away early. A time beyond the wheel comes round again until it is due. */
static struct ask **slot_of(struct waiters *waiters, int64_t until_ms)
{
	int64_t number = until_ms / WAITERS_SLOT_MS + 1;
	if (number < waiters->at_slot)
		number = waiters->at_slot;
	if (number >= waiters->at_slot + WAITERS_SLOTS)
		number = waiters->at_slot + WAITERS_SLOTS - 1;
	return &waiters->slot[number & (WAITERS_SLOTS - 1)];
}

static void put_in_slot(struct waiters *waiters, struct ask *ask)
{
	struct ask **at = slot_of(waiters, ask->wait_until_ms);
	ask->slot_next = *at;
	ask->slot_at = at;
	if (*at)
		(*at)->slot_at = &ask->slot_next;
	*at = ask;
}

static void take_from_slot(struct ask *ask)
{
	*ask->slot_at = ask->slot_next;
	if (ask->slot_next)
		ask->slot_next->slot_at = ask->slot_at;
}

void waiters_add(struct waiters *waiters, struct ask *ask, int64_t now_ms)
{
	assert(!ask->waiting);
	struct ask **at = bucket_of(waiters, ask->request.id);
	ask->id_next = *at;
	ask->id_at = at;
	if (*at)
		(*at)->id_at = &ask->id_next;
	*at = ask;
	put_in_slot(waiters, ask);
	ask->waiting = true;
	ask->waiting_since_ms = now_ms;
	waiters->count++;
}

void waiters_remove(struct waiters *waiters, struct ask *ask)
{
	if (!ask->waiting)
		return;
	*ask->id_at = ask->id_next;
	if (ask->id_next)
		ask->id_next->id_at = ask->id_at;
	take_from_slot(ask);
	ask->waiting = false;
	waiters->count--;
}

struct ask *waiters_take(struct waiters *waiters, const char *id, bool (*fits)(const void *ctx, struct ask *ask),
                         const void *ctx)
{
	struct ask *ask = *bucket_of(waiters, id);
	while (ask && (strcmp(ask->request.id, id) != 0 || !fits(ctx, ask)))
		ask = ask->id_next;
	if (ask)
		waiters_remove(waiters, ask);
	return ask;
}

struct ask *waiters_take_due(struct waiters *waiters, int64_t now_ms)
{
	int64_t last = now_ms / WAITERS_SLOT_MS;
	for (; waiters->at_slot <= last; waiters->at_slot++) {
		struct ask **head = &waiters->slot[waiters->at_slot & (WAITERS_SLOTS - 1)];
		for (struct ask *ask = *head, *next; ask; ask = next) {
			next = ask->slot_next;
			if (ask->wait_until_ms <= now_ms) {
				waiters_remove(waiters, ask);
				return ask;
			}
		}
		/* those left lie beyond the wheel: another round */
		struct ask *rest = *head;
		*head = NULL;
		while (rest) {
			struct ask *ask = rest;
			rest = ask->slot_next;
			waiters->at_slot++;
			put_in_slot(waiters, ask);
			waiters->at_slot--;
		}
	}
	return NULL;
}

struct ask *waiters_take_any(struct waiters *waiters)
{
	for (size_t i = 0; waiters->count > 0 && i < WAITERS_BUCKETS; i++) {
		struct ask *ask = waiters->bucket[i];
		if (ask) {
			waiters_remove(waiters, ask);
			return ask;
		}
	}
	return NULL;
}

size_t waiters_count(const struct waiters *waiters)
{
	return waiters->count;
}

void waiters_each(struct waiters *waiters, void (*fn)(void *ctx, struct ask *ask), void *ctx)
{
	size_t left = waiters->count;
	for (size_t i = 0; left > 0 && i < WAITERS_BUCKETS; i++)
		for (struct ask *ask = waiters->bucket[i]; ask; ask = ask->id_next, left--)
			fn(ctx, ask);
}
