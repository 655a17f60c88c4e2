/* heap: an intrusive queue by key (a pairing heap): the smallest first, equal ones as they came. A node stands in at most
 * one heap; the heap owns nothing and allocates nothing. Adding is O(1), removing any node O(log n) amortised. */
#ifndef VERIFYD_HEAP_H
#define VERIFYD_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	struct heap_node *child;      /* the first of those that come later */
	struct heap_node *next, *prev; /* siblings; of a first child prev is its parent; of the first of all NULL */
	int64_t key;
	uint64_t number; /* counts those that were added */
};

struct heap { /* zeroed: empty */
	struct heap_node *first; /* NULL: empty */
	uint64_t added;
};

/* The struct that `node` is the member `member` of. */
#define HEAP_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* node: in no heap; what it holds does not matter. */
void heap_add(struct heap *heap, struct heap_node *node, int64_t key);
/* node: in this heap. */
void heap_remove(struct heap *heap, struct heap_node *node);

#endif
