/* kafka_backlog against librdkafka's in-process cluster. */
#include "common/adapters/kafka_backlog.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "kafka_cluster.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 20000, LIST_OFFSETS = 2 /* Kafka's number of that request */ };

static struct kafka_cluster cluster;

static void produce(const char *topic, int partition, int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(rd_kafka_producev(cluster.host, RD_KAFKA_V_TOPIC(topic),
		                                   RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_VALUE("{}", 2),
		                                   RD_KAFKA_V_END),
		                 RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(rd_kafka_flush(cluster.host, TIMEOUT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* As a member of the group does that has done everything below `offset`. */
static void commit(const char *group, const char *topic, int partition, int64_t offset)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_t *rk = kafka_cluster_member(&cluster, group);
	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
	assert_int_equal(rd_kafka_commit(rk, list, 0), RD_KAFKA_RESP_ERR_NO_ERROR);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(rk);
}

static struct kafka_backlogs *open_backlogs(const struct kafka_backlog_of *of, size_t count)
{
	struct kafka_backlogs *backlogs;
	struct err err = {ERR_OK, ""};
	assert_int_equal(kafka_backlogs_new(cluster.client, of, count, &backlogs, &err), ERR_OK);
	if (kafka_backlogs_read(backlogs, TIMEOUT_MS, &err) != ERR_OK)
		fail_msg("%s", err.msg);
	return backlogs;
}

static void what_is_not_committed_yet_is_the_lag(void **state)
{
	(void)state;
	static const struct kafka_backlog_of of[] = {
	        {"one", "work", NULL}, {"two", "work", NULL}, {"two", "more", NULL}};
	produce("t.work", 0, 7);
	produce("t.work", 2, 5);
	commit("t.one", "t.work", 0, 3);
	commit("t.one", "t.work", 2, 5);
	struct kafka_backlogs *backlogs = open_backlogs(of + 0, 1);
	struct kafka_backlog backlog = kafka_backlogs_get(backlogs, 0);
	assert_int_equal(backlog.count, 3);
	assert_int_equal(backlog.lag, 4);
	assert_true(backlog.has_committed);
	assert_int_equal(backlog.parts[0].next, 3);
	assert_int_equal(backlog.parts[0].end, 7);
	assert_int_equal(backlog.parts[1].next, 0);
	assert_int_equal(backlog.parts[1].end, 0);
	assert_int_equal(backlog.parts[2].next, 5);
	commit("t.one", "t.work", 0, 7); /* and what changes is seen by the next look */
	produce("t.work", 1, 2);
	assert_int_equal(kafka_backlogs_read(backlogs, TIMEOUT_MS, NULL), ERR_OK);
	assert_int_equal(kafka_backlogs_get(backlogs, 0).lag, 2);
	kafka_backlogs_free(backlogs);
}

static void a_group_that_has_never_been_has_everything_before_it(void **state)
{
	(void)state;
	static const struct kafka_backlog_of of[] = {
	        {"nobody", "fresh", NULL}, {"nobody", "empty", NULL}, {"nobody", "absent", NULL}};
	produce("t.fresh", 0, 4);
	produce("t.fresh", 1, 1);
	struct kafka_backlogs *backlogs = open_backlogs(of, 3);
	assert_int_equal(kafka_backlogs_get(backlogs, 0).lag, 5);
	assert_false(kafka_backlogs_get(backlogs, 0).has_committed);
	assert_int_equal(kafka_backlogs_get(backlogs, 0).parts[0].next, 0);
	assert_int_equal(kafka_backlogs_get(backlogs, 1).lag, 0);
	assert_int_equal(kafka_backlogs_get(backlogs, 1).count, 3);
	assert_int_equal(kafka_backlogs_get(backlogs, 2).count, 0);
	assert_int_equal(kafka_backlogs_get(backlogs, 2).lag, 0);
	kafka_backlogs_free(backlogs);
}

/* As when a topic has just been made, or a broker has gone. */
static void a_partition_without_a_leader_is_asked_about_again(void **state)
{
	(void)state;
	static const struct kafka_backlog_of of[] = {{"one", "led", NULL}};
	struct err err = {ERR_OK, ""};
	produce("t.led", 0, 3);
	struct kafka_backlogs *backlogs = open_backlogs(of, 1);
	produce("t.led", 0, 1);
	rd_kafka_mock_push_request_errors(cluster.mock, LIST_OFFSETS, 2, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
	                                  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
	assert_int_equal(kafka_backlogs_read(backlogs, TIMEOUT_MS, &err), ERR_OK);
	assert_int_equal(kafka_backlogs_get(backlogs, 0).lag, 4);
	kafka_backlogs_free(backlogs);
}

static void a_broker_that_is_away_costs_no_more_than_the_time_limit(void **state)
{
	(void)state;
	static const struct kafka_backlog_of of[] = {{"one", "away", NULL}};
	produce("t.away", 0, 3);
	struct kafka_backlogs *backlogs = open_backlogs(of, 1);
	struct err err = {ERR_OK, ""};
	assert_int_equal(rd_kafka_mock_broker_set_down(cluster.mock, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
	int64_t began_ms = clock_mono_ms();
	assert_int_equal(kafka_backlogs_read(backlogs, 500, &err), ERR_UNAVAILABLE);
	assert_in_range(clock_mono_ms() - began_ms, 0, 10000);
	assert_true(err.msg[0]);
	assert_int_equal(kafka_backlogs_get(backlogs, 0).lag, 3); /* as it was read last */
	assert_int_equal(rd_kafka_mock_broker_set_up(cluster.mock, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
	while (kafka_backlogs_read(backlogs, TIMEOUT_MS, &err) != ERR_OK)
		assert_in_range(clock_mono_ms() - began_ms, 0, 60000);
	kafka_backlogs_free(backlogs);
}

static void nothing_and_too_much_are_refused(void **state)
{
	(void)state;
	static const struct kafka_backlog_of of[KAFKA_BACKLOG_MAX + 1];
	struct kafka_backlogs *backlogs = NULL;
	assert_int_equal(kafka_backlogs_new(cluster.client, of, 0, &backlogs, NULL), ERR_LIMIT);
	assert_int_equal(kafka_backlogs_new(cluster.client, of, KAFKA_BACKLOG_MAX + 1, &backlogs, NULL), ERR_LIMIT);
	assert_null(backlogs);
	kafka_backlogs_free(NULL);
}

static int set_up(void **state)
{
	(void)state;
	static const char *const topics[] = {"t.work", "t.more", "t.fresh", "t.empty", "t.led", "t.away"};
	kafka_cluster_start(&cluster);
	for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
		kafka_cluster_topic(&cluster, topics[i], 3);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kafka_cluster_stop(&cluster);
	return 0;
}

int main(void)
{
	log_init("kafka_backlog_test", LOG_LEVEL_COUNT);
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_not_committed_yet_is_the_lag),
	        cmocka_unit_test(a_group_that_has_never_been_has_everything_before_it),
	        cmocka_unit_test(a_partition_without_a_leader_is_asked_about_again),
	        cmocka_unit_test(a_broker_that_is_away_costs_no_more_than_the_time_limit),
	        cmocka_unit_test(nothing_and_too_much_are_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
