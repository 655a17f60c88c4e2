/* kafka_parts against librdkafka's in-process cluster: what it takes out of the partitions' own queues, and when. */
#include "common/adapters/kafka_parts.h"
#include "common/base/clock.h"
#include "kafka_cluster.h"
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TOPIC "t.parts"

enum { PARTITIONS = 2, RULES = 5, WAIT_MS = 20000, HOUR_MS = 3600000 };

/* All rules share the topic; each has partitions of its own and reads them from their beginning, without a group. */
static struct kafka_cluster kafka;

struct fixture {
	int32_t first; /* of its partitions */
	rd_kafka_t *rk;
	int fd; /* signalled by the partitions' queues and by nothing else */
	struct kafka_parts parts;
};

static void set_up(struct fixture *fixture)
{
	static int32_t used;
	assert_true(used < RULES * PARTITIONS);
	*fixture = (struct fixture){.first = used};
	used += PARTITIONS;
	fixture->rk = kafka_cluster_member(&kafka, "parts");
	assert_int_equal(kafka_wake_open(&fixture->fd, NULL), ERR_OK);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
	for (int32_t i = 0; i < PARTITIONS; i++)
		rd_kafka_topic_partition_list_add(list, TOPIC, fixture->first + i)->offset = 0;
	assert_int_equal(kafka_parts_make(&fixture->parts, list, 100), ERR_OK);
	assert_int_equal(kafka_parts_split(fixture->rk, &fixture->parts, fixture->fd), ERR_OK);
	assert_int_equal(rd_kafka_assign(fixture->rk, list), RD_KAFKA_RESP_ERR_NO_ERROR);
	rd_kafka_topic_partition_list_destroy(list);
}

static void tear_down(struct fixture *fixture)
{
	kafka_parts_clear(&fixture->parts);
	rd_kafka_destroy_flags(fixture->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	(void)close(fixture->fd);
}

/* partition: 0 or 1, as in parts->all. written_ms: unix ms. */
static void produce(const struct fixture *fixture, int32_t partition, int count, int64_t written_ms)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(rd_kafka_producev(kafka.host, RD_KAFKA_V_TOPIC(TOPIC),
		                                   RD_KAFKA_V_PARTITION(fixture->first + partition),
		                                   RD_KAFKA_V_VALUE("{}", 2), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		                                   RD_KAFKA_V_TIMESTAMP(written_ms), RD_KAFKA_V_END),
		                 RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(rd_kafka_flush(kafka.host, WAIT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* Looks until the partition's next record is seen. */
static void await_seen(struct kafka_parts *parts, const struct kafka_part *part)
{
	int64_t until = clock_mono_ms() + WAIT_MS;
	for (kafka_parts_look(parts); !part->next && clock_mono_ms() < until; kafka_parts_look(parts))
		(void)poll(NULL, 0, 5);
	assert_non_null(part->next);
}

/* Until librdkafka has fetched so many more. */
static void await_behind(const struct kafka_part *part, size_t count)
{
	int64_t until = clock_mono_ms() + WAIT_MS;
	while (rd_kafka_queue_length(part->queue) < count && clock_mono_ms() < until)
		(void)poll(NULL, 0, 5);
	assert_int_equal(rd_kafka_queue_length(part->queue), count);
}

static struct kafka_part *take(struct kafka_parts *parts)
{
	struct kafka_part *part = NULL;
	rd_kafka_message_t *message = kafka_parts_take(parts, &part);
	assert_non_null(message);
	rd_kafka_message_destroy(message);
	return part;
}

/* The queue that is empty again signals again, whichever of the partitions it is. */
static void each_record_that_comes_alone_wakes_the_reader(void **state)
{
	(void)state;
	struct fixture fixture;
	set_up(&fixture);
	for (int32_t i = 0; i < PARTITIONS; i++) { /* what else the beginning puts into a queue is gone then */
		produce(&fixture, i, 1, clock_unix_ms());
		await_seen(&fixture.parts, &fixture.parts.all[i]);
		assert_ptr_equal(take(&fixture.parts), &fixture.parts.all[i]);
	}
	kafka_wake_clear(fixture.fd);
	for (int i = 0; i < 2 * PARTITIONS; i++) {
		struct pollfd ready = {.fd = fixture.fd, .events = POLLIN};
		int32_t partition = i % PARTITIONS;
		assert_int_equal(poll(&ready, 1, 0), 0);
		produce(&fixture, partition, 1, clock_unix_ms());
		assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
		kafka_wake_clear(fixture.fd);
		await_seen(&fixture.parts, &fixture.parts.all[partition]);
		assert_ptr_equal(take(&fixture.parts), &fixture.parts.all[partition]);
	}
	tear_down(&fixture);
}

static void a_record_from_the_future_counts_as_one_of_the_present(void **state)
{
	(void)state;
	struct fixture fixture;
	set_up(&fixture);
	struct kafka_part *ahead = &fixture.parts.all[0], *behind = &fixture.parts.all[1];
	int64_t began_ms = clock_unix_ms();
	produce(&fixture, 0, 1, began_ms + HOUR_MS);
	produce(&fixture, 1, 1, began_ms - HOUR_MS);
	await_seen(&fixture.parts, ahead);
	await_seen(&fixture.parts, behind);
	assert_true(ahead->next_ms >= began_ms && ahead->next_ms <= clock_unix_ms());
	assert_true(behind->next_ms == began_ms - HOUR_MS);
	assert_ptr_equal(take(&fixture.parts), behind);
	assert_ptr_equal(take(&fixture.parts), ahead);
	tear_down(&fixture);
}

static void what_follows_a_record_that_is_taken_is_seen_at_once(void **state)
{
	(void)state;
	struct fixture fixture;
	set_up(&fixture);
	int64_t now_ms = clock_unix_ms();
	produce(&fixture, 0, 3, now_ms - 2000);
	produce(&fixture, 1, 1, now_ms - 1000);
	await_seen(&fixture.parts, &fixture.parts.all[0]);
	await_seen(&fixture.parts, &fixture.parts.all[1]);
	await_behind(&fixture.parts.all[0], 2);
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(take(&fixture.parts), &fixture.parts.all[0]);
	assert_ptr_equal(take(&fixture.parts), &fixture.parts.all[1]);
	tear_down(&fixture);
}

static void of_a_paused_partition_nothing_is_read(void **state)
{
	(void)state;
	struct fixture fixture;
	set_up(&fixture);
	struct kafka_part *part = &fixture.parts.all[0];
	produce(&fixture, 0, 2, clock_unix_ms());
	await_seen(&fixture.parts, part);
	await_behind(part, 1);
	part->paused = PAUSE_HOLD; /* librdkafka's own pause would hide the record, too */
	rd_kafka_message_destroy(part->next);
	part->next = NULL;
	kafka_parts_look(&fixture.parts);
	assert_null(part->next);
	assert_int_equal(rd_kafka_queue_length(part->queue), 1);
	part->paused = 0;
	kafka_parts_look(&fixture.parts);
	assert_ptr_equal(take(&fixture.parts), part);
	tear_down(&fixture);
}

static void what_nobody_took_is_not_kept_after_the_assignment(void **state)
{
	(void)state;
	struct fixture fixture;
	set_up(&fixture);
	produce(&fixture, 0, 5, clock_unix_ms());
	await_seen(&fixture.parts, &fixture.parts.all[0]);
	await_behind(&fixture.parts.all[0], 4);
	kafka_parts_join(&fixture.parts);
	assert_null(fixture.parts.all[0].next);
	assert_null(fixture.parts.all[0].queue);
	rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(fixture.rk, TOPIC, fixture.first);
	assert_non_null(queue);
	assert_int_equal(rd_kafka_queue_length(queue), 0);
	rd_kafka_queue_destroy(queue);
	tear_down(&fixture);
}

static int start_cluster(void **state)
{
	(void)state;
	kafka_cluster_start(&kafka);
	kafka_cluster_topic(&kafka, TOPIC, RULES * PARTITIONS);
	return 0;
}

static int stop_cluster(void **state)
{
	(void)state;
	kafka_cluster_stop(&kafka);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_record_that_comes_alone_wakes_the_reader),
	        cmocka_unit_test(a_record_from_the_future_counts_as_one_of_the_present),
	        cmocka_unit_test(what_follows_a_record_that_is_taken_is_seen_at_once),
	        cmocka_unit_test(of_a_paused_partition_nothing_is_read),
	        cmocka_unit_test(what_nobody_took_is_not_kept_after_the_assignment),
	};
	return cmocka_run_group_tests(tests, start_cluster, stop_cluster);
}
