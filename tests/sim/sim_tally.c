/* sim_tally: open addressing with linear probing, at most half full. Keys are never removed one by one. */
#include "tests/sim/sim_tally.h"
#include "tests/sim/sim_record.h"
#include <stdlib.h>

enum { FIRST_SIZE = 1024 };

uint64_t sim_tally_hash(uint64_t seed, const char *text)
{
	uint64_t hash = seed;
	const unsigned char *at = (const unsigned char *)text;
	do { /* FNV-1a over the text with its '\0', so that ("ab","c") and ("a","bc") differ */
		hash = (hash ^ *at) * 1099511628211ULL;
	} while (*at++ != '\0');
	hash ^= hash >> 33; /* spreads the last bytes over the low bits, which choose the slot */
	hash *= 0xff51afd7ed558ccdULL;
	hash ^= hash >> 33;
	return hash ? hash : 1;
}

static struct sim_tally_slot *slot_of(struct sim_tally_slot *slots, size_t size, uint64_t hash)
{
	size_t i = (size_t)hash & (size - 1);
	while (slots[i].hash != 0 && slots[i].hash != hash)
		i = (i + 1) & (size - 1);
	return &slots[i];
}

static enum err_code grow(struct sim_tally *tally)
{
	size_t size = tally->size ? tally->size * 2 : FIRST_SIZE;
	struct sim_tally_slot *slots = calloc(size, sizeof(*slots));
	if (!slots)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < tally->size; i++) {
		if (tally->slots[i].hash != 0)
			*slot_of(slots, size, tally->slots[i].hash) = tally->slots[i];
	}
	free(tally->slots);
	tally->slots = slots;
	tally->size = size;
	return ERR_OK;
}

enum err_code sim_tally_add(struct sim_tally *tally, uint64_t hash, int64_t *ret_seen)
{
	if (tally->used * 2 >= tally->size) {
		enum err_code code = grow(tally);
		if (code != ERR_OK)
			return code;
	}
	struct sim_tally_slot *slot = slot_of(tally->slots, tally->size, hash);
	if (slot->hash == 0) {
		if (tally->used == SIM_TALLY_MAX)
			return ERR_LIMIT;
		slot->hash = hash;
		tally->used++;
	}
	*ret_seen = ++slot->seen;
	return ERR_OK;
}

void sim_tally_fini(struct sim_tally *tally)
{
	free(tally->slots);
	*tally = (struct sim_tally){0};
}
