/* ctl_dead_index: an array of entries, a hash table of their numbers, and a table of texts, of which there are few. */
#include "ctl/ctl_dead_index.h"
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 1024, TEXT_SLOTS = 4 * DEAD_TEXTS_MAX };

struct dead_index {
	struct dead_entry *all;
	size_t count, cap, max;
	uint32_t *slots; /* 1 + the number of an entry; 0: free. At least twice as many as entries */
	size_t slot_count;
	char *texts[DEAD_TEXTS_MAX]; /* texts[0] is for those that came too late */
	size_t text_count;
	uint16_t text_slots[TEXT_SLOTS]; /* the number of a text; 0: free */
};

/* FNV-1a: keys that come from outside are ids, whose bytes are those of a MAC, or words of ours. */
static size_t hash(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	return (size_t)(hash ^ hash >> 32);
}

enum err_code dead_index_new(size_t max, struct dead_index **ret_index)
{
	struct dead_index *index = calloc(1, sizeof *index);
	if (!index)
		return ERR_NO_MEMORY;
	index->max = max;
	index->text_count = 1;
	*ret_index = index;
	return ERR_OK;
}

void dead_index_free(struct dead_index *index)
{
	if (!index)
		return;
	for (size_t i = 1; i < index->text_count; i++)
		free(index->texts[i]);
	free(index->all);
	free(index->slots);
	free(index);
}

/* ---- texts ---- */

static enum err_code text_number(struct dead_index *index, const char *text, uint16_t *ret_number)
{
	size_t slot = hash(text) % TEXT_SLOTS;
	for (; index->text_slots[slot]; slot = (slot + 1) % TEXT_SLOTS) {
		if (strcmp(index->texts[index->text_slots[slot]], text) == 0) {
			*ret_number = index->text_slots[slot];
			return ERR_OK;
		}
	}
	*ret_number = 0;
	if (index->text_count == DEAD_TEXTS_MAX)
		return ERR_OK;
	char *copy = strdup(text);
	if (!copy)
		return ERR_NO_MEMORY;
	index->texts[index->text_count] = copy;
	index->text_slots[slot] = *ret_number = (uint16_t)index->text_count++;
	return ERR_OK;
}

const char *dead_index_text(const struct dead_index *index, uint16_t text)
{
	return text ? index->texts[text] : "(one of more different texts than are kept)";
}

/* ---- entries ---- */

/* The slot of an id, or the free one where it belongs. */
static size_t find_slot(const struct dead_index *index, const char *id)
{
	size_t slot = hash(id) & (index->slot_count - 1);
	while (index->slots[slot] && strcmp(index->all[index->slots[slot] - 1].id, id) != 0)
		slot = (slot + 1) & (index->slot_count - 1);
	return slot;
}

static void fill_slots(struct dead_index *index)
{
	memset(index->slots, 0, index->slot_count * sizeof *index->slots);
	for (size_t i = 0; i < index->count; i++)
		if (*index->all[i].id)
			index->slots[find_slot(index, index->all[i].id)] = (uint32_t)(i + 1);
}

static enum err_code make_room(struct dead_index *index)
{
	if (index->count >= index->max)
		return ERR_LIMIT;
	if (index->count < index->cap)
		return ERR_OK;
	size_t cap = index->cap ? 2 * index->cap : FIRST_CAP;
	struct dead_entry *all = realloc(index->all, cap * sizeof *all);
	if (!all)
		return ERR_NO_MEMORY;
	index->all = all;
	uint32_t *slots = calloc(2 * cap, sizeof *slots);
	if (!slots)
		return ERR_NO_MEMORY;
	free(index->slots);
	index->slots = slots;
	index->slot_count = 2 * cap;
	index->cap = cap;
	fill_slots(index);
	return ERR_OK;
}

static enum err_code set_entry(struct dead_index *index, struct dead_entry *entry, const struct dead_letter *letter,
                               bool fits)
{
	struct dead_entry set = {
	        .offset = letter->offset,
	        .timestamp_ms = letter->timestamp_ms,
	        .first_failure_ms = letter->first_failure_ms,
	        .last_failure_ms = letter->last_failure_ms,
	        .deadline_ms = letter->deadline_ms,
	        .state = STATE_COUNT,
	        .kind = (uint8_t)letter->kind,
	        .operation = (uint8_t)letter->operation,
	        .partition = letter->partition,
	        .attempts = letter->attempts,
	        .replays = letter->replays,
	        .fits = fits,
	};
	memcpy(set.id, letter->id, sizeof set.id);
	enum err_code code = text_number(index, letter->class, &set.class);
	if (code == ERR_OK)
		code = text_number(index, letter->error, &set.error);
	if (code == ERR_OK)
		code = text_number(index, letter->message, &set.message);
	if (code == ERR_OK)
		*entry = set;
	return code;
}

static bool is_newer(const struct dead_letter *letter, const struct dead_entry *entry)
{
	if (letter->partition == entry->partition)
		return letter->offset > entry->offset;
	return letter->timestamp_ms > entry->timestamp_ms;
}

enum err_code dead_index_add(struct dead_index *index, const struct dead_letter *letter, bool fits)
{
	struct dead_entry *known = dead_index_find(index, letter->id);
	if (known)
		return is_newer(letter, known) ? set_entry(index, known, letter, fits) : ERR_OK;
	if (!fits)
		return ERR_OK;
	enum err_code code = make_room(index);
	if (code == ERR_OK)
		code = set_entry(index, &index->all[index->count], letter, fits);
	if (code != ERR_OK)
		return code;
	index->count++;
	if (*letter->id)
		index->slots[find_slot(index, letter->id)] = (uint32_t)index->count;
	return ERR_OK;
}

void dead_index_settle(struct dead_index *index)
{
	size_t kept = 0;
	for (size_t i = 0; i < index->count; i++)
		if (index->all[i].fits)
			index->all[kept++] = index->all[i];
	index->count = kept;
	if (index->slots)
		fill_slots(index);
}

size_t dead_index_count(const struct dead_index *index)
{
	return index->count;
}

struct dead_entry *dead_index_at(struct dead_index *index, size_t i)
{
	return &index->all[i];
}

struct dead_entry *dead_index_find(struct dead_index *index, const char *id)
{
	if (!*id || !index->slots)
		return NULL;
	uint32_t number = index->slots[find_slot(index, id)];
	return number ? &index->all[number - 1] : NULL;
}

static int64_t time_of(const struct dead_entry *entry)
{
	return entry->last_failure_ms ? entry->last_failure_ms : entry->timestamp_ms;
}

static int by_time(const void *a, const void *b)
{
	const struct dead_entry *x = *(struct dead_entry *const *)a, *y = *(struct dead_entry *const *)b;
	if (time_of(x) != time_of(y))
		return time_of(x) < time_of(y) ? -1 : 1;
	return strcmp(x->id, y->id);
}

struct dead_entry **dead_index_by_time(struct dead_index *index)
{
	struct dead_entry **sorted = calloc(index->count + 1, sizeof *sorted);
	for (size_t i = 0; sorted && i < index->count; i++)
		sorted[i] = &index->all[i];
	if (sorted && index->count > 1)
		qsort(sorted, index->count, sizeof *sorted, by_time);
	return sorted;
}
