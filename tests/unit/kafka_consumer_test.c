/* kafka_consumer against librdkafka's in-process cluster. A group's first member waits 3 s there for others, so all
 * members are started at once, each with a topic of its own; some rules go on where the one before ended. */
#include "common/adapters/kafka_consumer.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_SEEN = 4000, API_HEARTBEAT = 12 };

struct probe {
	const char *name; /* of the topic and of the group */
	int partitions;
	size_t max_outstanding, max_span;
	int revoke_wait_ms;
	bool done_at_once;
	struct kafka_consumer *consumer;
	rd_kafka_topic_t *rkt;              /* known from the start, or the first produce waits a second for it */
	struct kafka_record *out[MAX_SEEN]; /* NULL once it is done or dropped */
	size_t seen;
	size_t seen_of[2];      /* by partition */
	size_t partition_count; /* as on_assignment said last */
	int assignments;
};

enum { ORDER, FULL, HOLD, SPAN, WAIT, LATE, STOP, PROBES, SECOND_WAIT = PROBES, SECOND_LATE, ALL_PROBES };

static struct probe probes[ALL_PROBES] = {
        [ORDER] = {"order", 1, 100, 100, 1000, .done_at_once = false},
        [FULL] = {"full", 2, 8, 100, 1000, .done_at_once = false},
        [HOLD] = {"hold", 2, 100, 100, 1000, .done_at_once = true},
        [SPAN] = {"span", 2, 1000, 10, 1000, .done_at_once = false},
        [WAIT] = {"wait", 2, 100, 100, 20000, .done_at_once = false},
        [LATE] = {"late", 2, 100, 100, 300, .done_at_once = false},
        [STOP] = {"stop", 1, 100, 100, 1000, .done_at_once = true},
};

static struct bench {
	rd_kafka_t *host; /* carries the cluster and writes to it */
	rd_kafka_mock_cluster_t *cluster;
	struct config *config;
	struct kafka_client *client;
	uv_loop_t loop;
	uv_timer_t beat; /* so that a wait looks at its condition */
} bench;

static void on_record(void *ctx, struct kafka_record *record)
{
	struct probe *probe = ctx;
	assert_true(probe->seen < MAX_SEEN);
	assert_string_equal(record->topic, probe->name);
	probe->seen_of[record->partition]++;
	probe->out[probe->seen++] = probe->done_at_once ? NULL : record;
	if (probe->done_at_once)
		kafka_record_done(record);
}

static void on_assignment(void *ctx, size_t partition_count)
{
	struct probe *probe = ctx;
	probe->partition_count = partition_count;
	probe->assignments++;
}

static void start(struct probe *probe)
{
	const char *const topics[] = {probe->name};
	const struct kafka_consumer_options options = {.group = probe->name,
	                                               .topics = topics,
	                                               .topic_count = 1,
	                                               .max_outstanding = probe->max_outstanding,
	                                               .max_span = probe->max_span,
	                                               .revoke_wait_ms = probe->revoke_wait_ms,
	                                               .queued_kbytes = 1024,
	                                               .on_record = on_record,
	                                               .on_assignment = on_assignment,
	                                               .ctx = probe};
	assert_int_equal(kafka_consumer_new(bench.client, &options, &bench.loop, &probe->consumer, NULL), ERR_OK);
}

static void finish(struct probe *probe, size_t index, bool is_done)
{
	struct kafka_record *record = probe->out[index];
	assert_non_null(record);
	probe->out[index] = NULL;
	(is_done ? kafka_record_done : kafka_record_drop)(record);
}

static void finish_all(struct probe *probe, bool is_done)
{
	for (size_t i = 0; i < probe->seen; i++)
		if (probe->out[i])
			finish(probe, i, is_done);
}

static void end(struct probe *probe)
{
	finish_all(probe, false);
	kafka_consumer_close(probe->consumer);
	probe->consumer = NULL;
}

static void produce(const char *name, int partition, int count)
{
	char topic[64], key[16];
	(void)snprintf(topic, sizeof topic, "t.%s", name);
	for (int i = 0; i < count; i++) {
		(void)snprintf(key, sizeof key, "k%d", i);
		assert_int_equal(rd_kafka_producev(bench.host, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
		                                   RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE("{}", 2),
		                                   RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		                                   RD_KAFKA_V_HEADER("verifyd-op", "score", -1),
		                                   RD_KAFKA_V_HEADER("verifyd-attempt", "2", -1), RD_KAFKA_V_END),
		                 RD_KAFKA_RESP_ERR_NO_ERROR);
	}
	assert_int_equal(rd_kafka_flush(bench.host, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void on_beat(uv_timer_t *timer)
{
	(void)timer;
}

static void run_for(int ms)
{
	for (int64_t until = clock_mono_ms() + ms; clock_mono_ms() < until;)
		(void)uv_run(&bench.loop, UV_RUN_ONCE);
}

/* The stand-in needs up to a session's length for each round of a rebalance, and sometimes two rounds. */
#define AWAIT(condition)                                                                                               \
	do {                                                                                                           \
		int64_t until_ = clock_mono_ms() + 45000;                                                              \
		while (!(condition) && clock_mono_ms() < until_)                                                       \
			(void)uv_run(&bench.loop, UV_RUN_ONCE);                                                        \
		assert_true(condition);                                                                                \
	} while (0)

/* What the group would go on from; -1: nothing committed. */
static int64_t committed(const char *name, int partition)
{
	char brokers[256], full[64];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	(void)snprintf(full, sizeof full, "t.%s", name);
	(void)snprintf(brokers, sizeof brokers, "%s", rd_kafka_mock_cluster_bootstraps(bench.cluster));
	assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", brokers, NULL, 0), RD_KAFKA_CONF_OK);
	assert_int_equal(rd_kafka_conf_set(conf, "group.id", full, NULL, 0), RD_KAFKA_CONF_OK);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	(void)rd_kafka_topic_partition_list_add(list, full, partition);
	assert_int_equal(rd_kafka_committed(rk, list, 5000), RD_KAFKA_RESP_ERR_NO_ERROR);
	int64_t offset = list->elems[0].offset;
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(rk);
	return offset < 0 ? -1 : offset;
}

static int set_up(void **state)
{
	(void)state;
	char brokers[256], topic[64];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	assert_int_equal(rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", NULL, 0), RD_KAFKA_CONF_OK);
	bench.host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
	bench.cluster = rd_kafka_handle_mock_cluster(bench.host);
	(void)snprintf(brokers, sizeof brokers, "VERIFYD_KAFKA_BROKERS=%s",
	               rd_kafka_mock_cluster_bootstraps(bench.cluster));
	char *const environment[] = {brokers, "VERIFYD_REDIS_URL=redis://127.0.0.1:1", "VERIFYD_TOPIC_PREFIX=t.", NULL};
	assert_int_equal(config_load(CONFIG_CTL, environment, stderr, &bench.config), ERR_OK);
	assert_int_equal(kafka_client_new(bench.config, "test", &bench.client, NULL), ERR_OK);
	assert_int_equal(uv_loop_init(&bench.loop), 0);
	assert_int_equal(uv_timer_init(&bench.loop, &bench.beat), 0);
	assert_int_equal(uv_timer_start(&bench.beat, on_beat, 5, 5), 0);
	for (int i = 0; i < PROBES; i++) {
		(void)snprintf(topic, sizeof topic, "t.%s", probes[i].name);
		assert_int_equal(rd_kafka_mock_topic_create(bench.cluster, topic, probes[i].partitions, 1),
		                 RD_KAFKA_RESP_ERR_NO_ERROR);
		probes[i].rkt = rd_kafka_topic_new(bench.host, topic, NULL);
		assert_non_null(probes[i].rkt);
		start(&probes[i]);
	}
	for (int i = 0; i < PROBES; i++)
		AWAIT(probes[i].partition_count == (size_t)probes[i].partitions);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < ALL_PROBES; i++)
		if (probes[i].consumer)
			end(&probes[i]);
	uv_close((uv_handle_t *)&bench.beat, NULL);
	(void)uv_run(&bench.loop, UV_RUN_DEFAULT);
	int left_open = uv_loop_close(&bench.loop);
	for (int i = 0; i < PROBES; i++)
		rd_kafka_topic_destroy(probes[i].rkt);
	kafka_client_free(bench.client);
	config_free(bench.config);
	rd_kafka_destroy(bench.host);
	return left_open;
}

static void a_record_shows_key_value_and_headers(void **state)
{
	(void)state;
	struct probe *probe = &probes[ORDER];
	const char *name, *value;
	size_t len = 0;
	produce("order", 0, 5);
	AWAIT(probe->seen == 5);
	const struct kafka_record *record = probe->out[3];
	assert_int_equal(record->partition, 0);
	assert_int_equal(record->offset, 3);
	assert_true(record->timestamp_ms > 1600000000000);
	assert_memory_equal(record->key, "k3", record->key_len);
	assert_memory_equal(record->value, "{}", record->value_len);
	value = kafka_record_header(record, "verifyd-attempt", &len);
	assert_non_null(value);
	assert_int_equal(len, 1);
	assert_memory_equal(value, "2", 1);
	assert_null(kafka_record_header(record, "absent", &len));
	assert_true(kafka_record_header_at(record, 0, &name, &value, &len));
	assert_string_equal(name, "verifyd-op");
	assert_false(kafka_record_header_at(record, 2, &name, &value, &len));
}

/* Goes on with the five records of the rule before. */
static void only_what_is_done_without_a_hole_is_committed(void **state)
{
	(void)state;
	struct probe *probe = &probes[ORDER];
	finish(probe, 4, true);
	finish(probe, 1, true);
	run_for(1500);
	assert_int_equal(committed("order", 0), -1);
	finish(probe, 0, true);
	AWAIT(committed("order", 0) == 2);
	finish(probe, 2, false); /* given up: holds the watermark */
	finish(probe, 3, true);
	assert_int_equal(kafka_consumer_outstanding(probe->consumer), 0);
	assert_int_equal(kafka_consumer_lag(probe->consumer), 3);
	end(probe);
	assert_int_equal(committed("order", 0), 2);
}

static void intake_stops_at_the_limit_and_goes_on_without_loss_or_double(void **state)
{
	(void)state;
	struct probe *probe = &probes[FULL];
	static int times[2][300];
	produce("full", 0, 150);
	produce("full", 1, 150);
	AWAIT(probe->seen == 8);
	run_for(2200); /* long enough for the partitions to be paused */
	assert_int_equal(probe->seen, 8);
	finish(probe, 0, true);
	finish(probe, 1, true);
	run_for(200);
	assert_int_equal(probe->seen, 8); /* 6 of 8 is not below 3/4 */
	for (size_t i = 0; i < 300; i++) {
		AWAIT(probe->seen > i);
		assert_in_range(kafka_consumer_outstanding(probe->consumer), 0, 8);
		if (!probe->out[i])
			continue;
		times[probe->out[i]->partition][probe->out[i]->offset]++;
		finish(probe, i, true);
	}
	run_for(300);
	assert_int_equal(probe->seen, 300);
	int once = 0;
	for (int i = 0; i < 300; i++)
		once += times[i / 150][i % 150] == 1;
	assert_int_equal(once, 298); /* all but the two that were done before */
	AWAIT(committed("full", 0) == 150 && committed("full", 1) == 150);
}

static void a_held_partition_waits_and_the_other_goes_on(void **state)
{
	(void)state;
	struct probe *probe = &probes[HOLD];
	kafka_consumer_hold(probe->consumer, "hold", 0);
	kafka_consumer_hold(probe->consumer, "hold", 77); /* not ours: nothing happens */
	produce("hold", 0, 10);
	produce("hold", 1, 10);
	AWAIT(probe->seen == 10);
	run_for(300);
	assert_int_equal(probe->seen, 10);
	kafka_consumer_unhold(probe->consumer, "hold", 0);
	AWAIT(probe->seen == 20);
	AWAIT(committed("hold", 0) == 10 && committed("hold", 1) == 10);
}

static void one_stuck_record_stops_only_its_own_partition(void **state)
{
	(void)state;
	struct probe *probe = &probes[SPAN];
	produce("span", 0, 50);
	AWAIT(probe->seen == 10);
	produce("span", 1, 8);
	AWAIT(probe->seen == 18);
	for (size_t i = 1; i < 18; i++)
		finish(probe, i, true);
	run_for(300);
	assert_int_equal(probe->seen, 18);
	finish(probe, 0, true);
	for (size_t i = 18; i < 58; i++) {
		AWAIT(probe->seen > i);
		assert_int_equal(probe->out[i]->offset, i - 8);
		finish(probe, i, true);
	}
	AWAIT(committed("span", 0) == 50);
}

/* Starts a second member of the probe's group, which takes one of its two partitions. */
static struct probe *join(const struct probe *probe, int second_index)
{
	struct probe *second = &probes[second_index];
	*second = (struct probe){
	        .name = probe->name, .partitions = 1, .max_outstanding = 100, .max_span = 100, .done_at_once = true};
	start(second);
	return second;
}

/* The stand-in refuses commits while a group rebalances (Kafka takes them), so here the commit comes before. */
static void a_rebalance_waits_for_the_records_that_are_out(void **state)
{
	(void)state;
	struct probe *probe = &probes[WAIT];
	produce("wait", 0, 5);
	produce("wait", 1, 5);
	AWAIT(probe->seen == 10);
	for (size_t i = 1; i < 10; i++)
		finish(probe, i, true);
	int busy = probe->out[0]->partition, idle = 1 - busy;
	AWAIT(committed("wait", idle) == 5);
	int before = probe->assignments;
	struct probe *second = join(probe, SECOND_WAIT);
	run_for(2500); /* the revoke comes with the next heartbeat, within a second */
	assert_int_equal(probe->assignments, before);
	assert_int_equal(second->partition_count, 0);
	finish(probe, 0, true);
	AWAIT(probe->partition_count == 1 && second->partition_count == 1);
	produce("wait", idle, 1);
	AWAIT((finish_all(probe, true), committed("wait", idle) == 6 && committed("wait", busy) == 5));
	assert_int_equal(probe->seen_of[idle] + second->seen_of[idle],
	                 6); /* what was done before the rebalance came once */
	end(second);
}

static void a_rebalance_waits_no_longer_than_it_may_and_old_records_are_harmless(void **state)
{
	(void)state;
	struct probe *probe = &probes[LATE];
	produce("late", 0, 3);
	produce("late", 1, 3);
	AWAIT(probe->seen == 6);
	struct probe *second = join(probe, SECOND_LATE);
	AWAIT(probe->partition_count == 1 && second->partition_count == 1);
	AWAIT(probe->seen >= 9 && second->seen >= 3); /* nothing was committed, so all six come again */
	run_for(1000);
	size_t old = probe->seen - 3; /* the last three are the present assignment's */
	for (size_t i = 0; i < old; i++)
		finish(probe, i, true);
	run_for(1500);
	assert_int_equal(committed("late", probe->out[old]->partition), -1);
	assert_int_equal(kafka_consumer_outstanding(probe->consumer), 3);
	finish_all(probe, true);
	AWAIT(committed("late", 0) == 3 && committed("late", 1) == 3);
	end(second);
}

static void a_stopped_consumer_hands_out_nothing_more(void **state)
{
	(void)state;
	struct probe *probe = &probes[STOP];
	produce("stop", 0, 3);
	AWAIT(probe->seen == 3);
	kafka_consumer_stop(probe->consumer);
	produce("stop", 0, 3);
	run_for(500);
	assert_int_equal(probe->seen, 3);
	assert_true(kafka_consumer_is_up(probe->consumer));
	end(probe);
	assert_int_equal(committed("stop", 0), 3);
}

static void a_fenced_member_is_down_for_good(void **state)
{
	(void)state;
	struct probe *probe = &probes[HOLD];
	assert_true(kafka_consumer_is_up(probe->consumer));
	rd_kafka_resp_err_t fenced[50];
	for (size_t i = 0; i < sizeof fenced / sizeof *fenced; i++)
		fenced[i] = RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID; /* whoever else is still there gets some of them */
	rd_kafka_mock_push_request_errors_array(bench.cluster, API_HEARTBEAT, sizeof fenced / sizeof *fenced, fenced);
	AWAIT(!kafka_consumer_is_up(probe->consumer));
	produce("hold", 1, 1);
	run_for(1500);
	assert_false(kafka_consumer_is_up(probe->consumer));
	assert_int_equal(probe->seen, 20);
}

int main(void)
{
	log_init("kafka_consumer_test", LOG_ERROR);
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_record_shows_key_value_and_headers),
	        cmocka_unit_test(only_what_is_done_without_a_hole_is_committed),
	        cmocka_unit_test(intake_stops_at_the_limit_and_goes_on_without_loss_or_double),
	        cmocka_unit_test(a_held_partition_waits_and_the_other_goes_on),
	        cmocka_unit_test(one_stuck_record_stops_only_its_own_partition),
	        cmocka_unit_test(a_rebalance_waits_for_the_records_that_are_out),
	        cmocka_unit_test(a_rebalance_waits_no_longer_than_it_may_and_old_records_are_harmless),
	        cmocka_unit_test(a_stopped_consumer_hands_out_nothing_more),
	        cmocka_unit_test(a_fenced_member_is_down_for_good),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
