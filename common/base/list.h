/* list: an intrusive ring with a head. A node stands in at most one list; the list owns nothing. */
#ifndef VERIFYD_LIST_H
#define VERIFYD_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev, *next; /* of a head: the last and the first; of a node: its neighbours */
};

/* The struct that `node` is the member `member` of. */
#define LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *head)
{
	head->prev = head->next = head;
}

static inline bool list_is_empty(const struct list *head)
{
	return head->next == head;
}

/* Puts node before `place`: before the head, that is last; before the first, that is first. */
static inline void list_insert(struct list *place, struct list *node)
{
	node->next = place;
	node->prev = place->prev;
	node->prev->next = node;
	place->prev = node;
}

static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
}

#endif
