/* sim_tally: counts how often each of millions of keys was seen, in a growing table of 64-bit hashes.
 * Two keys with one hash count as one: with a million keys that is a chance of 1 in 30 million. */
#ifndef SIM_TALLY_H
#define SIM_TALLY_H

#include "common/base/err.h"
#include <stddef.h>
#include <stdint.h>

struct sim_tally_slot {
	uint64_t hash; /* 0: empty */
	int64_t seen;
};

/* All zero is an empty tally. Thread: the owner's lock. */
struct sim_tally {
	struct sim_tally_slot *slots;
	size_t size; /* a power of two, or 0 */
	size_t used;
};

#define SIM_TALLY_SEED 14695981039346656037ULL
/* Hashes text and its end onto seed; chain calls for a key of several parts. Never 0. */
uint64_t sim_tally_hash(uint64_t seed, const char *text);

/* Returns: ERR_OK and in *ret_seen how often this hash was added, with this time; ERR_LIMIT (SIM_TALLY_MAX keys);
 * ERR_NO_MEMORY. */
enum err_code sim_tally_add(struct sim_tally *tally, uint64_t hash, int64_t *ret_seen) WARN_UNUSED;

void sim_tally_fini(struct sim_tally *tally); /* empty again, and usable */

#endif
