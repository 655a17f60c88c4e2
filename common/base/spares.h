/* spares: blocks of memory of one size that were used and are kept for the next. What lives from one answer of a server to
 * the next comes and goes by the hundred at once, more than malloc's own lists hold; beyond those it searches and joins.
 *
 * Under a sanitizer nothing is kept, so that it sees who uses a block after its end. Thread: one. */
#ifndef VERIFYD_SPARES_H
#define VERIFYD_SPARES_H

#include <stddef.h>

struct spare;

struct spares {
	struct spare *first;
	size_t block_bytes;
	size_t count, max;
};

/* Makes an empty one in place. block_bytes: a pointer's at least. max: how many are kept. */
void spares_init(struct spares *spares, size_t block_bytes, size_t max);

/* Frees what is kept; then it is empty. Accepts a zeroed one. */
void spares_fini(struct spares *spares);

/* Returns: a block with anything in it, ended by spares_give, or by free(); NULL: no memory. */
void *spares_take(struct spares *spares);

/* Takes a block back, or one of malloc's of that size. What stands in it stays there: secrets have to be wiped before. */
void spares_give(struct spares *spares, void *block);

#endif
