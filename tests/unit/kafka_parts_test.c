/* kafka_parts: finding a partition, whose record is next, reasons for a pause, and what may be stored. Without a
 * broker. */
#include "common/adapters/kafka_parts.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SPAN = 8 };

struct fixture {
	rd_kafka_t *rk;
	struct kafka_parts parts; /* a 0, a 1, b 0 */
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
	kafka_parts_pause(fixture.rk, all, 3, PAUSE_STOP, true);
	kafka_parts_pause(fixture.rk, &all[1], 1, PAUSE_HOLD, true);
	kafka_parts_pause(fixture.rk, &all[1], 1, PAUSE_HOLD, true);
	assert_int_equal(all[1].paused, PAUSE_STOP | PAUSE_HOLD);
	kafka_parts_pause(fixture.rk, all, 3, PAUSE_STOP, false);
	assert_int_equal(all[0].paused, 0);
	assert_int_equal(all[1].paused, PAUSE_HOLD);
	assert_int_equal(all[2].paused, 0);
	kafka_parts_pause(fixture.rk, &all[1], 1, PAUSE_HOLD, false);
	assert_int_equal(all[1].paused, 0);
	kafka_parts_pause(fixture.rk, all, 2, PAUSE_SPAN | PAUSE_STOP, true);
	kafka_parts_pause(fixture.rk, all, 3, PAUSE_ANY, false);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(all[i].paused, 0);
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

static void of_what_nobody_has_told_the_lag_is_not_known(void **state)
{
	(void)state;
	struct fixture fixture;
	set_up(&fixture);
	assert_int_equal(kafka_part_next(&fixture.parts.all[0]), -1);
	assert_int_equal(kafka_parts_lag(fixture.rk, &fixture.parts), 0);
	fixture.parts.all[0].end = 7;
	assert_int_equal(kafka_parts_lag(fixture.rk, &fixture.parts), 0);
	tear_down(&fixture);
}

static void before_anything_is_done_the_lag_counts_from_what_was_committed(void **state)
{
	(void)state;
	struct fixture fixture;
	set_up(&fixture);
	struct kafka_part *part = &fixture.parts.all[1];
	part->committed = 3;
	part->end = 10;
	assert_int_equal(kafka_part_next(part), 3);
	assert_int_equal(kafka_parts_lag(fixture.rk, &fixture.parts), 7);
	fixture.parts.all[2].committed = 0;
	fixture.parts.all[2].end = 2;
	assert_int_equal(kafka_parts_lag(fixture.rk, &fixture.parts), 9);
	tear_down(&fixture);
}

static void what_is_done_since_counts_for_more_than_what_was_committed(void **state)
{
	(void)state;
	struct fixture fixture;
	set_up(&fixture);
	struct kafka_part *part = &fixture.parts.all[0];
	uint64_t ticket;
	int64_t next;
	part->committed = 3;
	part->end = 10;
	assert_int_equal(kafka_watermark_add(&part->watermark, 3, &ticket), ERR_OK);
	assert_true(kafka_watermark_done(&part->watermark, ticket, &next));
	assert_int_equal(kafka_part_next(part), 4);
	assert_int_equal(kafka_parts_lag(fixture.rk, &fixture.parts), 6);
	tear_down(&fixture);
}

/* A record that was seen and not yet taken: these never come to librdkafka. */
static rd_kafka_message_t waiting[3];

static void show(struct kafka_part *part, rd_kafka_message_t *message, int64_t written_ms)
{
	part->next = message;
	part->next_ms = written_ms;
}

static void expect_next(struct kafka_parts *parts, struct kafka_part *expected)
{
	struct kafka_part *part = NULL;
	rd_kafka_message_t *message = kafka_parts_take(parts, &part);
	assert_ptr_equal(part, expected);
	assert_ptr_equal(message, expected ? &waiting[expected - parts->all] : NULL);
}

static void the_oldest_of_what_waits_is_taken_first(void **state)
{
	(void)state;
	struct fixture fixture;
	set_up(&fixture);
	struct kafka_part *all = fixture.parts.all;
	expect_next(&fixture.parts, NULL);
	show(&all[0], &waiting[0], 30);
	show(&all[1], &waiting[1], 10);
	show(&all[2], &waiting[2], 20);
	expect_next(&fixture.parts, &all[1]);
	expect_next(&fixture.parts, &all[2]);
	expect_next(&fixture.parts, &all[0]);
	expect_next(&fixture.parts, NULL);
	tear_down(&fixture);
}

static void of_equally_old_ones_every_partition_has_its_turn(void **state)
{
	(void)state;
	struct fixture fixture;
	set_up(&fixture);
	struct kafka_part *all = fixture.parts.all;
	for (size_t i = 0; i < 3; i++)
		show(&all[i], &waiting[i], 10);
	expect_next(&fixture.parts, &all[1]); /* `last` was 0 */
	show(&all[1], &waiting[1], 10);
	expect_next(&fixture.parts, &all[2]);
	show(&all[2], &waiting[2], 10);
	expect_next(&fixture.parts, &all[0]);
	expect_next(&fixture.parts, &all[1]);
	expect_next(&fixture.parts, &all[2]);
	tear_down(&fixture);
}

static void what_was_seen_before_a_pause_waits_for_its_end(void **state)
{
	(void)state;
	struct fixture fixture;
	set_up(&fixture);
	struct kafka_part *all = fixture.parts.all;
	show(&all[0], &waiting[0], 10);
	show(&all[1], &waiting[1], 20);
	kafka_parts_pause(fixture.rk, &all[0], 1, PAUSE_HOLD, true);
	expect_next(&fixture.parts, &all[1]);
	expect_next(&fixture.parts, NULL);
	kafka_parts_pause(fixture.rk, &all[0], 1, PAUSE_HOLD, false);
	expect_next(&fixture.parts, &all[0]);
	tear_down(&fixture);
}

static void the_gap_is_that_of_the_partition_with_the_widest_one(void **state)
{
	(void)state;
	struct fixture fixture;
	uint64_t ticket;
	set_up(&fixture);
	assert_int_equal(kafka_parts_gap(&fixture.parts), 0);
	for (int64_t i = 0; i < 3; i++)
		assert_int_equal(kafka_watermark_add(&fixture.parts.all[1].watermark, i, &ticket), ERR_OK);
	assert_int_equal(kafka_watermark_add(&fixture.parts.all[2].watermark, 7, &ticket), ERR_OK);
	assert_int_equal(kafka_parts_gap(&fixture.parts), 3);
	tear_down(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_partition_is_found_by_topic_and_number),
	        cmocka_unit_test(the_oldest_of_what_waits_is_taken_first),
	        cmocka_unit_test(of_equally_old_ones_every_partition_has_its_turn),
	        cmocka_unit_test(what_was_seen_before_a_pause_waits_for_its_end),
	        cmocka_unit_test(the_gap_is_that_of_the_partition_with_the_widest_one),
	        cmocka_unit_test(a_partition_goes_on_when_its_last_reason_is_gone),
	        cmocka_unit_test(storing_for_a_partition_that_was_taken_away_is_no_error),
	        cmocka_unit_test(of_what_nobody_has_told_the_lag_is_not_known),
	        cmocka_unit_test(before_anything_is_done_the_lag_counts_from_what_was_committed),
	        cmocka_unit_test(what_is_done_since_counts_for_more_than_what_was_committed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
