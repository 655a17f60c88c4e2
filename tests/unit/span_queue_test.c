/* Tests of common/base/span_queue: order, bound, and when spans are due, by a clock that the tests move. */
#include "common/base/span_queue.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { CAPACITY = 7, BATCH = 3, LINGER_MS = 100 };

static int set_up(void **state)
{
	return span_queue_new(CAPACITY, BATCH, LINGER_MS, (struct span_queue **)state) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	span_queue_free(*state);
	return 0;
}

static bool add(struct span_queue *queue, int64_t number, int64_t now_ms)
{
	const struct span span = {.begin_us = number};
	return span_queue_add(queue, &span, now_ms);
}

static void a_full_batch_is_due_at_once(void **state)
{
	struct span_queue *queue = *state;
	assert_int_equal(span_queue_wait_ms(queue, 0), -1);
	assert_true(add(queue, 1, 0) && add(queue, 2, 0));
	assert_int_equal(span_queue_due(queue, 0, false), 0);
	assert_true(add(queue, 3, 0) && add(queue, 4, 0));
	assert_int_equal(span_queue_wait_ms(queue, 0), 0);
	assert_int_equal(span_queue_due(queue, 0, false), BATCH);
}

static void a_few_are_due_when_the_oldest_has_waited(void **state)
{
	struct span_queue *queue = *state;
	assert_true(add(queue, 1, 1000) && add(queue, 2, 1090));
	assert_int_equal(span_queue_wait_ms(queue, 1000), LINGER_MS);
	assert_int_equal(span_queue_wait_ms(queue, 1099), 1);
	assert_int_equal(span_queue_due(queue, 1099, false), 0);
	assert_int_equal(span_queue_due(queue, 1100, false), 2);
	assert_int_equal(span_queue_wait_ms(queue, 5000), 0);
	assert_int_equal(span_queue_due(queue, 0, true), 2); /* at the end there is no waiting */
}

static void one_more_than_fits_is_dropped_and_the_others_keep_their_order(void **state)
{
	struct span_queue *queue = *state;
	struct span taken[CAPACITY];
	int64_t next_in = 0, next_out = 0;
	for (int round = 0; round < 20; round++) {
		while (add(queue, next_in, 0))
			next_in++;
		assert_int_equal(span_queue_count(queue), CAPACITY);
		assert_false(add(queue, -1, 0));
		size_t count = span_queue_due(queue, 0, true);
		assert_int_equal(count, BATCH);
		span_queue_take(queue, count, taken);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(taken[i].begin_us, next_out++);
		assert_int_equal(span_queue_count(queue), CAPACITY - BATCH);
	}
	span_queue_take(queue, CAPACITY - BATCH, taken);
	assert_int_equal(taken[CAPACITY - BATCH - 1].begin_us, next_in - 1);
	assert_int_equal(span_queue_due(queue, 1 << 30, true), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(a_full_batch_is_due_at_once, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(a_few_are_due_when_the_oldest_has_waited, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(one_more_than_fits_is_dropped_and_the_others_keep_their_order, set_up,
	                                        tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
