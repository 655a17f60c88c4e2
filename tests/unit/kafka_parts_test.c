/* kafka_parts: finding a partition, reasons for a pause, and the order of records that had to wait. Without a broker,
 * so the messages are only addresses, and dropping them is left to kafka_consumer_test. */
#include "common/adapters/kafka_parts.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SPAN = 8 };

struct fixture {
	rd_kafka_t *rk;
	struct kafka_parts parts;                          /* a 0, a 1, b 0 */
	rd_kafka_message_t messages[KAFKA_PARTS_MAX_LATE]; /* never looked into */
};

static void set_up(struct fixture *fixture)
{
	*fixture = (struct fixture){0};
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(3);
	(void)rd_kafka_topic_partition_list_add(list, "a", 0);
	(void)rd_kafka_topic_partition_list_add(list, "a", 1);
	(void)rd_kafka_topic_partition_list_add(list, "b", 0);
	assert_int_equal(kafka_parts_make(&fixture->parts, list, SPAN), ERR_OK);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	assert_int_equal(rd_kafka_conf_set(conf, "group.id", "g", NULL, 0), RD_KAFKA_CONF_OK);
	assert_int_equal(rd_kafka_conf_set(conf, "enable.auto.offset.store", "false", NULL, 0), RD_KAFKA_CONF_OK);
	assert_int_equal(rd_kafka_conf_set(conf, "enable.auto.commit", "false", NULL, 0), RD_KAFKA_CONF_OK);
	fixture->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
	assert_non_null(fixture->rk);
}

static void tear_down(struct fixture *fixture)
{
	kafka_parts_clear(&fixture->parts);
	assert_int_equal(fixture->parts.count, 0);
	assert_null(fixture->parts.all);
	rd_kafka_destroy_flags(fixture->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

static void add_late(struct fixture *fixture, size_t part, size_t message)
{
	kafka_parts_add_late(&fixture->parts, &fixture->parts.all[part], &fixture->messages[message]);
}

/* Takes the next one and checks that it is this message. */
static void take(struct fixture *fixture, size_t *index, size_t message)
{
	struct kafka_late late;
	assert_true(kafka_parts_take_late(&fixture->parts, index, &late));
	assert_ptr_equal(late.message, &fixture->messages[message]);
}

static void a_partition_is_found_by_topic_and_number(void **state)
{
	(void)state;
	struct fixture fixture;
	set_up(&fixture);
	struct kafka_parts *parts = &fixture.parts;
	assert_ptr_equal(kafka_parts_find(parts, "a", 0), &parts->all[0]);
	assert_ptr_equal(kafka_parts_find(parts, "a", 1), &parts->all[1]);
	assert_ptr_equal(kafka_parts_find(parts, "b", 0), &parts->all[2]);
	assert_null(kafka_parts_find(parts, "b", 1));
	assert_null(kafka_parts_find(parts, "c", 0));
	tear_down(&fixture);
	assert_null(kafka_parts_find(parts, "a", 0));
}

static void a_partition_goes_on_when_its_last_reason_is_gone(void **state)
{
	(void)state;
	struct fixture fixture;
	set_up(&fixture);
	struct kafka_part *all = fixture.parts.all;
	kafka_parts_pause(fixture.rk, all, 3, PAUSE_PRESSURE, true);
	kafka_parts_pause(fixture.rk, &all[1], 1, PAUSE_HOLD, true);
	kafka_parts_pause(fixture.rk, &all[1], 1, PAUSE_HOLD, true);
	assert_int_equal(all[1].paused, PAUSE_PRESSURE | PAUSE_HOLD);
	kafka_parts_pause(fixture.rk, all, 3, PAUSE_PRESSURE, false);
	assert_int_equal(all[0].paused, 0);
	assert_int_equal(all[1].paused, PAUSE_HOLD);
	assert_int_equal(all[2].paused, 0);
	kafka_parts_pause(fixture.rk, &all[1], 1, PAUSE_HOLD, false);
	assert_int_equal(all[1].paused, 0);
	tear_down(&fixture);
}

static void late_records_come_in_their_order_and_paused_partitions_are_passed_over(void **state)
{
	(void)state;
	struct fixture fixture;
	struct kafka_late late;
	size_t index = 0;
	set_up(&fixture);
	struct kafka_part *all = fixture.parts.all;
	for (size_t i = 0; i < 6; i++) /* of partitions 0 1 2 0 1 2 */
		add_late(&fixture, i % 3, i);
	kafka_parts_pause(fixture.rk, &all[1], 1, PAUSE_SPAN, true);
	take(&fixture, &index, 0);
	take(&fixture, &index, 2);
	take(&fixture, &index, 3);
	take(&fixture, &index, 5);
	assert_false(kafka_parts_take_late(&fixture.parts, &index, &late));
	assert_int_equal(all[0].late, 0);
	assert_int_equal(all[1].late, 2);
	kafka_parts_pause(fixture.rk, &all[1], 1, PAUSE_SPAN, false);
	assert_false(kafka_parts_take_late(&fixture.parts, &index, &late)); /* those are before index */
	index = 0;
	take(&fixture, &index, 1);
	take(&fixture, &index, 4);
	assert_int_equal(all[1].late, 0);
	assert_int_equal(fixture.parts.late_count, 0);
	tear_down(&fixture);
}

static void room_for_late_records_ends_at_the_limit_and_comes_back(void **state)
{
	(void)state;
	struct fixture fixture;
	size_t index = 0;
	set_up(&fixture);
	for (size_t i = 0; i < KAFKA_PARTS_MAX_LATE; i++) {
		assert_true(kafka_parts_has_room(&fixture.parts));
		add_late(&fixture, 0, i);
	}
	assert_false(kafka_parts_has_room(&fixture.parts));
	take(&fixture, &index, 0);
	assert_true(kafka_parts_has_room(&fixture.parts));
	for (size_t i = 1; i < KAFKA_PARTS_MAX_LATE; i++)
		take(&fixture, &index, i);
	tear_down(&fixture);
}

static void storing_for_a_partition_that_was_taken_away_is_no_error(void **state)
{
	(void)state;
	struct fixture fixture;
	set_up(&fixture);
	struct kafka_part *part = &fixture.parts.all[0];
	assert_int_equal(rd_kafka_assign(fixture.rk, part->store), RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(kafka_parts_store(fixture.rk, part, 7), RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(rd_kafka_assign(fixture.rk, NULL), RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(rd_kafka_offsets_store(fixture.rk, part->store), RD_KAFKA_RESP_ERR__STATE);
	assert_int_equal(kafka_parts_store(fixture.rk, part, 8), RD_KAFKA_RESP_ERR_NO_ERROR);
	part = &fixture.parts.all[2]; /* librdkafka never heard of it, which is an error of ours */
	assert_int_equal(kafka_parts_store(fixture.rk, part, 9), RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION);
	tear_down(&fixture);
}

static void nothing_done_counts_as_no_lag(void **state)
{
	(void)state;
	struct fixture fixture;
	set_up(&fixture);
	assert_int_equal(kafka_parts_lag(fixture.rk, &fixture.parts), 0);
	tear_down(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_partition_is_found_by_topic_and_number),
	        cmocka_unit_test(a_partition_goes_on_when_its_last_reason_is_gone),
	        cmocka_unit_test(late_records_come_in_their_order_and_paused_partitions_are_passed_over),
	        cmocka_unit_test(room_for_late_records_ends_at_the_limit_and_comes_back),
	        cmocka_unit_test(storing_for_a_partition_that_was_taken_away_is_no_error),
	        cmocka_unit_test(nothing_done_counts_as_no_lag),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
