/* heap: the smallest first, whatever is added and removed in between. */
#include "common/base/heap.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ITEMS = 3000, KEYS = 40 };

struct item {
	struct heap_node node;
	int64_t key;
	int came;
	bool is_in;
};

static struct item *first_of(const struct heap *heap)
{
	return heap->first ? HEAP_ENTRY(heap->first, struct item, node) : NULL;
}

static void an_empty_heap_has_no_first_and_one_node_is_the_first(void **state)
{
	struct heap heap = {.first = NULL};
	struct item item = {.key = 7};
	(void)state;
	heap_add(&heap, &item.node, item.key);
	assert_ptr_equal(first_of(&heap), &item);
	heap_remove(&heap, &item.node);
	assert_null(first_of(&heap));
}

static void equal_keys_come_as_they_were_added_and_the_least_key_of_all_is_a_key(void **state)
{
	struct heap heap = {.first = NULL};
	struct item items[6] = {{.key = 5}, {.key = 5}, {.key = INT64_MAX}, {.key = 5}, {.key = INT64_MIN}, {.key = 4}};
	const int order[] = {4, 5, 0, 1, 3, 2};
	(void)state;
	for (int i = 0; i < 6; i++)
		heap_add(&heap, &items[i].node, items[i].key);
	for (int i = 0; i < 6; i++) {
		assert_ptr_equal(first_of(&heap), &items[order[i]]);
		heap_remove(&heap, &items[order[i]].node);
	}
	assert_null(heap.first);
}

/* The one that must come first, found the slow way. */
static struct item *least(struct item *items)
{
	struct item *found = NULL;
	for (int i = 0; i < ITEMS; i++)
		if (items[i].is_in && (!found || items[i].key < found->key ||
		                       (items[i].key == found->key && items[i].came < found->came)))
			found = &items[i];
	return found;
}

static void the_first_is_the_least_whatever_was_added_and_removed_before(void **state)
{
	static struct item items[ITEMS];
	struct heap heap = {.first = NULL};
	int came = 0;
	(void)state;
	srand(11);
	for (int turn = 0; turn < 4 * ITEMS; turn++) {
		struct item *item = turn % 3 == 2 && heap.first ? first_of(&heap) : &items[rand() % ITEMS];
		if (item->is_in) {
			heap_remove(&heap, &item->node);
			item->is_in = false;
		} else {
			item->key = rand() % KEYS;
			item->came = came++;
			item->is_in = true;
			heap_add(&heap, &item->node, item->key);
		}
		if (turn % 7 == 0)
			assert_ptr_equal(first_of(&heap), least(items));
	}
	for (struct item *item; (item = first_of(&heap));) {
		assert_ptr_equal(item, least(items));
		heap_remove(&heap, &item->node);
		item->is_in = false;
	}
	assert_null(least(items));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_empty_heap_has_no_first_and_one_node_is_the_first),
	        cmocka_unit_test(equal_keys_come_as_they_were_added_and_the_least_key_of_all_is_a_key),
	        cmocka_unit_test(the_first_is_the_least_whatever_was_added_and_removed_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
