/* worker_status: what one worker writes another program reads, also when it is of another version, or no status. */
#include "common/domain/worker_status.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const int64_t now_ms = 1790000000000;

static struct worker_class a_class(enum operation operation)
{
	return (struct worker_class){.operation = operation,
	                             .in_flight = 7,
	                             .max_in_flight = 666,
	                             .waiting = {1, 2, 3, 4},
	                             .lag = 12,
	                             .has_quota = true,
	                             .quota_limit = 75,
	                             .quota_period_ms = 5000,
	                             .quota_used = 70,
	                             .breaker_open = true,
	                             .taken = 100,
	                             .calls = 90,
	                             .completed = 80,
	                             .retried = 10,
	                             .dead = 1,
	                             .took = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13},
	                             .partition_count = 2,
	                             .partitions = {{3, 44}, {11, 0}}};
}

static struct worker_status a_status(void)
{
	struct worker_status status = {
	        .at_ms = now_ms, .started_ms = now_ms - 60000, .version = "1.2", .draining = true};
	status.loop_lag_ms = 3;
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		status.classes[status.class_count++] = a_class((enum operation)i);
	return status;
}

static enum err_code decode(const char *text, struct worker_status *ret_status)
{
	return worker_status_decode(text, strlen(text), ret_status, NULL);
}

static void assert_same_class(const struct worker_class *a, const struct worker_class *b)
{
	assert_int_equal(a->in_flight, b->in_flight);
	assert_int_equal(a->max_in_flight, b->max_in_flight);
	assert_memory_equal(a->waiting, b->waiting, sizeof a->waiting);
	assert_int_equal(a->lag, b->lag);
	assert_int_equal(a->has_quota, b->has_quota);
	assert_int_equal(a->quota_limit, b->quota_limit);
	assert_int_equal(a->quota_period_ms, b->quota_period_ms);
	assert_int_equal(a->quota_used, b->quota_used);
	assert_int_equal(a->breaker_open, b->breaker_open);
	assert_int_equal(a->taken, b->taken);
	assert_int_equal(a->calls, b->calls);
	assert_int_equal(a->completed, b->completed);
	assert_int_equal(a->retried, b->retried);
	assert_int_equal(a->dead, b->dead);
	assert_memory_equal(a->took, b->took, sizeof a->took);
	assert_int_equal(a->partition_count, b->partition_count);
	for (size_t i = 0; i < a->partition_count; i++) {
		assert_int_equal(a->partitions[i].partition, b->partitions[i].partition);
		assert_int_equal(a->partitions[i].next, b->partitions[i].next);
	}
}

static void a_call_counts_in_the_first_bucket_that_is_not_shorter(void **state)
{
	static const struct {
		int64_t us;
		size_t bucket;
	} rows[] = {{-1, 0},     {0, 0},         {5000, 0},      {5001, 1},      {100000, 4},
	            {100001, 5}, {25000000, 11}, {25000001, 12}, {INT64_MAX, 12}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(worker_took_bucket(rows[i].us), rows[i].bucket);
	for (size_t i = 1; i < WORKER_TOOK_BUCKETS; i++)
		assert_true(worker_took_ms(i) > worker_took_ms(i - 1));
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	struct worker_status written = a_status(), status;
	struct buf text;
	buf_init(&text, WORKER_STATUS_MAX_BYTES);
	assert_int_equal(worker_status_encode(&written, &text), ERR_OK);
	assert_int_equal(decode(text.data, &status), ERR_OK);
	assert_int_equal(status.at_ms, now_ms);
	assert_int_equal(status.started_ms, now_ms - 60000);
	assert_string_equal(status.version, "1.2");
	assert_true(status.draining);
	assert_int_equal(status.loop_lag_ms, 3);
	assert_int_equal(status.class_count, OPERATION_COUNT);
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		assert_same_class(worker_status_class(&status, (enum operation)i), &written.classes[i]);
	buf_fini(&text);
}

static void a_class_without_quota_says_null(void **state)
{
	(void)state;
	struct worker_status written = a_status(), status;
	struct buf text;
	buf_init(&text, WORKER_STATUS_MAX_BYTES);
	written.class_count = 1;
	written.classes[0].has_quota = false;
	assert_int_equal(worker_status_encode(&written, &text), ERR_OK);
	assert_non_null(strstr(text.data, "\"quota\":null"));
	assert_int_equal(decode(text.data, &status), ERR_OK);
	assert_false(status.classes[0].has_quota);
	assert_int_equal(status.class_count, 1);
	assert_null(worker_status_class(&status, written.classes[0].operation == 0 ? 1 : 0));
	buf_fini(&text);
}

static void the_largest_status_is_below_its_limit(void **state)
{
	(void)state;
	struct worker_status written = a_status(), status;
	struct buf text;
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		written.classes[i].partition_count = WORKER_STATUS_PARTITIONS;
		for (int at = 0; at < WORKER_STATUS_PARTITIONS; at++) {
			written.classes[i].partitions[at].partition = 100000 + at;
			written.classes[i].partitions[at].next = INT64_MAX;
		}
	}
	buf_init(&text, WORKER_STATUS_MAX_BYTES);
	assert_int_equal(worker_status_encode(&written, &text), ERR_OK);
	assert_int_equal(decode(text.data, &status), ERR_OK);
	assert_int_equal(status.classes[0].partition_count, WORKER_STATUS_PARTITIONS);
	buf_fini(&text);
}

static void where_room_is_short_no_partition_is_told_but_all_else_is(void **state)
{
	(void)state;
	struct worker_status written = a_status(), status;
	struct buf text;
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		written.classes[i].partition_count = WORKER_STATUS_PARTITIONS;
	buf_init(&text, 400 * (OPERATION_COUNT + 1));
	assert_int_equal(worker_status_encode(&written, &text), ERR_OK);
	assert_int_equal(decode(text.data, &status), ERR_OK);
	assert_int_equal(status.classes[0].partition_count, 0);
	assert_int_equal(status.classes[0].lag, 12);
	buf_fini(&text);
	buf_init(&text, 50);
	assert_int_equal(worker_status_encode(&written, &text), ERR_LIMIT);
	assert_int_equal(text.len, 0);
	buf_fini(&text);
}

static void what_another_version_says_is_read_as_far_as_it_is_understood(void **state)
{
	(void)state;
	struct worker_status status;
	assert_int_equal(
	        decode("{\"at_ms\":5,\"new\":{\"x\":[1]},\"version\":7,\"classes\":[{\"vendor\":\"jumio\",\"op\":"
	               "\"dance\"},"
	               "{\"vendor\":\"biocatch\",\"op\":\"initiate\"},3,{\"op\":\"score\"},"
	               "{\"vendor\":\"biocatch\",\"op\":\"score\",\"lag\":-4,\"taken\":\"x\",\"calls\":1e3,\"dead\":2,"
	               "\"waiting\":[1,\"y\"],\"quota\":{\"limit\":0,\"period_ms\":5},\"breaker\":\"half\","
	               "\"watermarks\":{\"0\":9,\"-1\":3,\"x\":4,\"2\":-1,\"99999999999999999999\":1,\"+3\":1,\"\":2}},"
	               "{\"vendor\":\"biocatch\",\"op\":\"score\",\"dead\":9}]}",
	               &status),
	        ERR_OK);
	assert_string_equal(status.version, "");
	assert_int_equal(status.class_count, 1);
	const struct worker_class *class = worker_status_class(&status, OPERATION_BIOCATCH_SCORE);
	assert_non_null(class);
	assert_int_equal(class->lag, 0);
	assert_int_equal(class->taken, 0);
	assert_int_equal(class->calls, 0);
	assert_int_equal(class->dead, 2);
	assert_int_equal(class->waiting[0], 1);
	assert_int_equal(class->waiting[1], 0);
	assert_false(class->has_quota);
	assert_false(class->breaker_open);
	assert_int_equal(class->partition_count, 1);
	assert_int_equal(class->partitions[0].next, 9);
}

static void what_is_no_status_is_refused_and_leaves_the_caller_what_it_had(void **state)
{
	(void)state;
	static const char *const garbage[] = {"",
	                                      "{",
	                                      "[]",
	                                      "7",
	                                      "null",
	                                      "{}",
	                                      "\"x\"",
	                                      "{\"at_ms\"",
	                                      "{\"at_ms\":0,\"classes\":[]}",
	                                      "{\"at_ms\":\"1\"}"};
	static char huge[WORKER_STATUS_MAX_BYTES + 2];
	struct worker_status status = {.at_ms = 42};
	for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++)
		assert_int_not_equal(decode(garbage[i], &status), ERR_OK);
	memset(huge, ' ', sizeof huge - 1);
	assert_int_equal(decode(huge, &status), ERR_LIMIT);
	assert_int_equal(status.at_ms, 42);
}

static void a_status_is_fresh_for_five_seconds(void **state)
{
	(void)state;
	struct worker_status status = a_status();
	assert_true(worker_status_is_fresh(&status, now_ms));
	assert_true(worker_status_is_fresh(&status, now_ms + 5000));
	assert_false(worker_status_is_fresh(&status, now_ms + 5001));
	assert_true(worker_status_is_fresh(&status, now_ms - 3000)); /* its clock is ahead */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_call_counts_in_the_first_bucket_that_is_not_shorter),
	        cmocka_unit_test(what_is_written_is_read),
	        cmocka_unit_test(a_class_without_quota_says_null),
	        cmocka_unit_test(the_largest_status_is_below_its_limit),
	        cmocka_unit_test(where_room_is_short_no_partition_is_told_but_all_else_is),
	        cmocka_unit_test(what_another_version_says_is_read_as_far_as_it_is_understood),
	        cmocka_unit_test(what_is_no_status_is_refused_and_leaves_the_caller_what_it_had),
	        cmocka_unit_test(a_status_is_fresh_for_five_seconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
