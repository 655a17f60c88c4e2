/* heap: who comes later hangs below who comes earlier, in a list of siblings; the shape is mended when one is removed.
 */
#include "common/base/heap.h"

static bool is_earlier(const struct heap_node *one, const struct heap_node *other)
{
	return one->key != other->key ? one->key < other->key : one->number < other->number;
}

/* Both stand alone, or are NULL. Returns: the earlier one, with the other below it. */
static struct heap_node *meld(struct heap_node *one, struct heap_node *other)
{
	if (!one || !other)
		return one ? one : other;
	struct heap_node *top = is_earlier(one, other) ? one : other, *below = top == one ? other : one;
	below->prev = top;
	below->next = top->child;
	if (below->next)
		below->next->prev = below;
	top->child = below;
	return top;
}

static struct heap_node *take_first(struct heap_node **siblings)
{
	struct heap_node *node = *siblings;
	if (node) {
		*siblings = node->next;
		node->next = node->prev = NULL;
	}
	return node;
}

/* In pairs from the left, then the pairs from the right: that is what keeps it flat. */
static struct heap_node *meld_all(struct heap_node *siblings)
{
	struct heap_node *pairs = NULL, *top = NULL, *node;
	while ((node = take_first(&siblings))) {
		node = meld(node, take_first(&siblings));
		node->next = pairs;
		pairs = node;
	}
	while ((node = take_first(&pairs)))
		top = meld(top, node);
	return top;
}

void heap_add(struct heap *heap, struct heap_node *node, int64_t key)
{
	*node = (struct heap_node){.key = key, .number = heap->added++};
	heap->first = meld(heap->first, node);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
	struct heap_node *below = meld_all(node->child);
	if (node == heap->first) {
		heap->first = below;
		return;
	}
	if (node->prev->child == node)
		node->prev->child = node->next;
	else
		node->prev->next = node->next;
	if (node->next)
		node->next->prev = node->prev;
	heap->first = meld(heap->first, below);
}
