/* tally: chained hashing over a fixed array of entries; one that counts to nothing is free again. */
#include "ingress/tally.h"
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct tally_entry {
	struct tally_entry *next; /* in its bucket, or among the free ones */
	size_t count;
	size_t bucket;
	size_t len;
	char key[TALLY_KEY_BYTES];
};

struct tally {
	pthread_mutex_t lock;
	struct tally_entry **buckets;
	size_t mask;
	struct tally_entry *entries, *free;
	size_t unused; /* from this entry on none was used yet */
	size_t capacity;
};

enum err_code tally_new(size_t capacity, struct tally **ret_tally)
{
	size_t buckets = 16;
	while (buckets < capacity)
		buckets *= 2;
	struct tally *tally = calloc(1, sizeof *tally);
	if (!tally)
		return ERR_NO_MEMORY;
	pthread_mutex_init(&tally->lock, NULL);
	tally->buckets = calloc(buckets, sizeof *tally->buckets);
	tally->entries = calloc(capacity, sizeof *tally->entries);
	tally->mask = buckets - 1;
	tally->capacity = capacity;
	if (!tally->buckets || !tally->entries) {
		tally_free(tally);
		return ERR_NO_MEMORY;
	}
	*ret_tally = tally;
	return ERR_OK;
}

void tally_free(struct tally *tally)
{
	if (!tally)
		return;
	free(tally->entries);
	free(tally->buckets);
	pthread_mutex_destroy(&tally->lock);
	free(tally);
}

static size_t bucket_of(const struct tally *tally, const unsigned char *key, size_t len)
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a */
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ key[i]) * 1099511628211u;
	return (size_t)(hash ^ hash >> 32) & tally->mask;
}

static struct tally_entry *find(const struct tally *tally, size_t bucket, const void *key, size_t len)
{
	struct tally_entry *entry = tally->buckets[bucket];
	while (entry && (entry->len != len || memcmp(entry->key, key, len) != 0))
		entry = entry->next;
	return entry;
}

/* Returns: NULL when there is no room. */
static struct tally_entry *add(struct tally *tally, size_t bucket, const void *key, size_t len)
{
	struct tally_entry *entry = tally->free;
	if (entry)
		tally->free = entry->next;
	else if (tally->unused < tally->capacity)
		entry = &tally->entries[tally->unused++];
	else
		return NULL;
	*entry = (struct tally_entry){.next = tally->buckets[bucket], .bucket = bucket, .len = len};
	memcpy(entry->key, key, len);
	tally->buckets[bucket] = entry;
	return entry;
}

bool tally_take(struct tally *tally, const void *key, size_t len, size_t limit, struct tally_entry **ret_entry)
{
	if (len > TALLY_KEY_BYTES)
		len = TALLY_KEY_BYTES;
	size_t bucket = bucket_of(tally, key, len);
	pthread_mutex_lock(&tally->lock);
	struct tally_entry *entry = find(tally, bucket, key, len);
	bool taken = !entry || limit == 0 || entry->count < limit;
	if (taken && !entry)
		entry = add(tally, bucket, key, len);
	if (taken && entry)
		entry->count++;
	pthread_mutex_unlock(&tally->lock);
	if (taken)
		*ret_entry = entry;
	return taken;
}

void tally_give(struct tally *tally, struct tally_entry *entry)
{
	if (!entry)
		return;
	pthread_mutex_lock(&tally->lock);
	if (--entry->count == 0) {
		struct tally_entry **at = &tally->buckets[entry->bucket];
		while (*at != entry)
			at = &(*at)->next;
		*at = entry->next;
		entry->next = tally->free;
		tally->free = entry;
	}
	pthread_mutex_unlock(&tally->lock);
}
