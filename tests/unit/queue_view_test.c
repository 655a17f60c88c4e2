/* queue_view: a place in the queue and how long it takes, from what the workers say; and nothing from what they do not
 * say. */
#include "ingress/queue_view.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NOW = 100000 };
#define OP OPERATION_JUMIO_INITIATE

static struct queue_view *view;

static int begin(void **state)
{
	(void)state;
	view = calloc(1, sizeof *view);
	return view ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	free(view);
	return 0;
}

/* A worker of `count` partitions from `first` on, each done up to `next`. */
static struct worker_status worker(int32_t first, size_t count, int64_t next, int64_t lag)
{
	struct worker_status status = {.class_count = 1};
	struct worker_class *class = &status.classes[0];
	*class = (struct worker_class){.operation = OP,
	                               .lag = lag,
	                               .has_quota = true,
	                               .quota_limit = 5,
	                               .quota_period_ms = 5000,
	                               .partition_count = count};
	for (size_t i = 0; i < count; i++) {
		class->partitions[i].partition = first + (int32_t)i;
		class->partitions[i].next = next;
	}
	return status;
}

static void refresh(const struct worker_status *workers, size_t count, int64_t now_ms)
{
	queue_view_begin(view);
	for (size_t i = 0; i < count; i++)
		queue_view_add(view, &workers[i]);
	queue_view_end(view, now_ms);
}

static struct queue_place place_of(int32_t partition, int64_t offset)
{
	return queue_place_of(view, OP, partition, offset, NOW);
}

static void a_place_counts_all_partitions_of_all_workers(void **state)
{
	const struct worker_status workers[] = {worker(0, 2, 1000, 300), worker(2, 2, 1000, 300)};
	(void)state;
	refresh(workers, 2, NOW);
	struct queue_place place = place_of(3, 1050);
	assert_true(place.known && !place.stopped);
	assert_int_equal(place.ahead, 200);
	assert_in_range(place.wait_ms, 200000, 215000); /* one a second, and the guard time */
	assert_int_equal(place_of(0, 1000).ahead, 0);
	assert_int_equal(place_of(0, 1000).wait_ms, 0);
	assert_int_equal(place_of(0, 1500).ahead, 600); /* never more than there are */
	place = place_of(-1, 0);                        /* one that would come now */
	assert_int_equal(place.ahead, 600);
	assert_true(place.wait_ms >= 600000);
}

static void what_nobody_told_is_not_known(void **state)
{
	struct worker_status silent = worker(0, 0, 0, 50), far = worker(QUEUE_PARTITIONS - 1, 2, 10, 50);
	struct worker_status whole = worker(0, 2, 10, 50);
	(void)state;
	assert_false(place_of(0, 5).known); /* never refreshed */
	refresh(NULL, 0, NOW);
	assert_false(place_of(0, 5).known); /* no worker */
	refresh(&whole, 1, NOW - QUEUE_STALE_MS - 1);
	assert_false(place_of(0, 15).known); /* long ago */
	refresh(&whole, 1, NOW);
	assert_int_equal(place_of(5, 15).ahead, -1); /* a partition that nobody has */
	assert_int_equal(place_of(QUEUE_PARTITIONS, 15).ahead, -1);
	assert_int_equal(place_of(0, 9).ahead, -1); /* done: it waits for something else */
	assert_int_equal(place_of(0, 9).wait_ms, -1);
	assert_int_equal(queue_place_of(view, OPERATION_BIOCATCH_SCORE, -1, 0, NOW).known, false);
	refresh(&silent, 1, NOW);
	assert_int_equal(place_of(0, 15).ahead, -1);
	assert_int_equal(place_of(-1, 0).ahead, 50);
	refresh(&far, 1, NOW);
	assert_int_equal(place_of(QUEUE_PARTITIONS - 1, 15).ahead, -1);
}

static void a_refresh_that_does_not_end_changes_nothing(void **state)
{
	struct worker_status one = worker(0, 1, 10, 50);
	(void)state;
	refresh(&one, 1, NOW);
	queue_view_begin(view);
	assert_int_equal(place_of(0, 15).ahead, 5);
	queue_view_begin(view);
	queue_view_add(view, &one);
	queue_view_end(view, NOW);
	assert_int_equal(place_of(-1, 0).ahead, 50); /* and is not counted twice */
}

static void of_a_partition_that_changes_hands_the_later_word_counts(void **state)
{
	const struct worker_status workers[] = {worker(0, 1, 20, 50), worker(0, 1, 10, 50)};
	(void)state;
	refresh(workers, 2, NOW);
	assert_int_equal(place_of(0, 25).ahead, 5);
}

static void with_the_breaker_open_nobody_knows_how_long(void **state)
{
	struct worker_status workers[] = {worker(0, 1, 10, 5), worker(1, 1, 10, 5)};
	(void)state;
	workers[1].classes[0].breaker_open = true;
	refresh(workers, 2, NOW);
	struct queue_place place = place_of(0, 12);
	assert_true(place.known && place.stopped);
	assert_int_equal(place.ahead, 4);
	assert_int_equal(place.wait_ms, -1);
	assert_true(queue_wait_is_pointless(&place, INT64_MAX));
}

static void waiting_is_pointless_only_when_the_turn_certainly_comes_later(void **state)
{
	static const struct {
		struct queue_place place;
		bool pointless;
	} rows[] = {
	        {{.known = true, .ahead = 3, .wait_ms = 3001}, true},
	        {{.known = true, .ahead = 3, .wait_ms = 3000}, false},
	        {{.known = true, .ahead = 3, .wait_ms = -1}, false},
	        {{.known = false, .ahead = -1, .wait_ms = 9000}, false},
	        {{.known = false, .stopped = true}, false},
	        {{.known = true, .stopped = true, .ahead = -1, .wait_ms = -1}, true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(queue_wait_is_pointless(&rows[i].place, 3000), rows[i].pointless);
}

/* Seconds of a queue of 10,000 in one partition that `pace` a second are done of. */
static void run(int64_t pace, int seconds, bool quota)
{
	for (int s = 0; s <= seconds; s++) {
		struct worker_status one = worker(0, 1, s * pace, 10000);
		one.classes[0].has_quota = quota;
		refresh(&one, 1, NOW - (seconds - s) * 1000);
	}
}

static void without_a_quota_the_pace_is_what_was_seen(void **state)
{
	(void)state;
	run(20, 5, false);
	assert_int_equal(place_of(0, 20 * 5 + 400).wait_ms, -1); /* not for long enough */
	run(20, 60, false);
	assert_in_range(place_of(0, 20 * 60 + 400).wait_ms, 19000, 21000);
}

static void a_queue_that_moves_slower_than_its_quota_is_told_so(void **state)
{
	(void)state;
	struct worker_status fast = worker(0, 1, 0, 10000);
	for (int s = 0; s <= 30; s++) { /* half of the quota: 1 in 2 s */
		fast = worker(0, 1, s / 2, 10000);
		refresh(&fast, 1, NOW - (30 - s) * 1000);
	}
	assert_in_range(place_of(0, 15 + 50).wait_ms, 90000, 110000);
	for (int s = 0; s <= 40; s++) /* nothing moves: a twentieth of the quota */
		refresh(&fast, 1, NOW - (40 - s) * 1000);
	assert_in_range(place_of(0, 15 + 50).wait_ms, 900000, 50 * 21 * 1000 + 1000);
}

static void a_pace_is_forgotten_with_its_queue(void **state)
{
	struct worker_status idle = worker(0, 1, 5000, 0);
	(void)state;
	idle.classes[0].has_quota = false;
	run(20, 60, false);
	refresh(&idle, 1, NOW);
	assert_int_equal(place_of(0, 5100).wait_ms, -1);
	assert_int_equal(view->classes[OP].sample_count, 0);
}

/* One call hangs for a minute: its partition stands, and five requests a minute are answered at once beside it. */
static void a_call_that_hangs_is_no_queue(void **state)
{
	struct worker_status one = worker(0, 1, 5, 3);
	(void)state;
	for (int s = 0; s <= 60; s++) {
		one = worker(0, 2, 5, 3);
		one.classes[0].has_quota = false;
		one.classes[0].in_flight = 1;
		one.classes[0].max_in_flight = 666;
		one.classes[0].partitions[1].next = 5 + s / 12;
		refresh(&one, 1, NOW - (60 - s) * 1000);
	}
	struct queue_place place = place_of(-1, 0);
	assert_int_equal(place.wait_ms, -1);
	assert_false(queue_wait_is_pointless(&place, 8500));
	for (int s = 0; s <= 60; s++) { /* all are in use: the next one waits */
		one.classes[0].in_flight = 666;
		one.classes[0].partitions[1].next = 10 + s / 12;
		refresh(&one, 1, NOW - (60 - s) * 1000);
	}
	place = place_of(-1, 0);
	assert_true(queue_wait_is_pointless(&place, 8500));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_place_counts_all_partitions_of_all_workers),
	        TEST(what_nobody_told_is_not_known),
	        TEST(a_refresh_that_does_not_end_changes_nothing),
	        TEST(of_a_partition_that_changes_hands_the_later_word_counts),
	        TEST(with_the_breaker_open_nobody_knows_how_long),
	        TEST(waiting_is_pointless_only_when_the_turn_certainly_comes_later),
	        TEST(without_a_quota_the_pace_is_what_was_seen),
	        TEST(a_queue_that_moves_slower_than_its_quota_is_told_so),
	        TEST(a_pace_is_forgotten_with_its_queue),
	        TEST(a_call_that_hangs_is_no_queue),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
