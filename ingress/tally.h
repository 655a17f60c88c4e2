/* tally: how many there are of each key at this moment, with a limit for each: connections of an address, calls held for
 * a credential, calls about one verification. Any thread; a lock is held for a hash look-up. */
#ifndef VERIFYD_TALLY_H
#define VERIFYD_TALLY_H

#include "common/base/err.h"
#include <stdbool.h>
#include <stddef.h>

enum { TALLY_KEY_BYTES = 64 }; /* a longer key counts by its first bytes */

struct tally;
struct tally_entry;

/* capacity: keys at once; with more, a further key is taken without being counted (its entry is NULL). */
enum err_code tally_new(size_t capacity, struct tally **ret_tally) WARN_UNUSED;
void tally_free(struct tally *tally); /* accepts NULL */

/* Counts one more of this key. limit 0: none. Returns: true and *ret_entry, for tally_give; false when there are `limit`
 * already. */
bool tally_take(struct tally *tally, const void *key, size_t len, size_t limit, struct tally_entry **ret_entry);
void tally_give(struct tally *tally, struct tally_entry *entry); /* accepts a NULL entry */

#endif
