/* kafka_probe: for kafka_consumer_test: librdkafka's in-process cluster, and consumers whose records the test keeps in
 * hand. A group's first member waits 3 s there for others, so all members are started at once, each with a topic of its
 * own. */
#ifndef VERIFYD_TESTS_KAFKA_PROBE_H
#define VERIFYD_TESTS_KAFKA_PROBE_H

#include "common/adapters/kafka_consumer.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "kafka_cluster.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_SEEN = 4000 };

enum { PROBE_FIRST = 4 };

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
	size_t first_seen_of[2]; /* those below offset PROBE_FIRST */
	size_t partition_count; /* as on_assignment said last */
	int assignments;
	int64_t waits_from; /* what a revoke finds out at or behind this offset is dropped; 0: the hook is not there */
	int revokes;
};

enum { ORDER, FULL, MERGE, HOLD, SPAN, WAIT, LATE, STOP, DEEP, PROBES, SECOND_WAIT = PROBES, SECOND_LATE, ALL_PROBES };

static struct probe probes[ALL_PROBES] = {
        [ORDER] = {"order", 1, 100, 100, 1000, .done_at_once = false},
        [FULL] = {"full", 2, 8, 100, 1000, .done_at_once = false},
        [MERGE] = {"merge", 2, 8, 1000, 1000, .done_at_once = false},
        [HOLD] = {"hold", 2, 100, 100, 1000, .done_at_once = true},
        [SPAN] = {"span", 2, 1000, 10, 1000, .done_at_once = false},
        [WAIT] = {"wait", 2, 100, 100, 20000, .waits_from = 4},
        [LATE] = {"late", 2, 100, 100, 300, .done_at_once = false},
        [DEEP] = {"deep", 1, 100, 100, 1000, .done_at_once = true},
        [STOP] = {"stop", 1, 100, 100, 1000, .done_at_once = true},
};

static struct bench {
	struct kafka_cluster kafka;
	uv_loop_t loop;
	uv_timer_t beat; /* so that a wait looks at its condition */
} bench;

static void on_record(void *ctx, struct kafka_record *record)
{
	struct probe *probe = ctx;
	assert_true(probe->seen < MAX_SEEN);
	assert_string_equal(record->topic, probe->name);
	probe->seen_of[record->partition]++;
	probe->first_seen_of[record->partition] += record->offset < PROBE_FIRST;
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

static void on_revoke(void *ctx)
{
	struct probe *probe = ctx;
	probe->revokes++;
	for (size_t i = 0; i < probe->seen; i++) {
		if (!probe->out[i] || probe->out[i]->offset < probe->waits_from)
			continue;
		kafka_record_drop(probe->out[i]);
		probe->out[i] = NULL;
	}
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
	                                               .on_revoke = probe->waits_from ? on_revoke : NULL,
	                                               .on_assignment = on_assignment,
	                                               .ctx = probe};
	assert_int_equal(kafka_consumer_new(bench.kafka.client, &options, &bench.loop, &probe->consumer, NULL), ERR_OK);
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

/* first_ms: when the first was written, unix ms, each following one step_ms later; 0: now. */
static void produce_at(const char *name, int partition, int count, int64_t first_ms, int64_t step_ms)
{
	char topic[64], key[16];
	(void)snprintf(topic, sizeof topic, "t.%s", name);
	for (int i = 0; i < count; i++) {
		(void)snprintf(key, sizeof key, "k%d", i);
		assert_int_equal(rd_kafka_producev(bench.kafka.host, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
		                                   RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE("{}", 2),
		                                   RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		                                   RD_KAFKA_V_TIMESTAMP(first_ms + i * step_ms),
		                                   RD_KAFKA_V_HEADER("verifyd-op", "score", -1),
		                                   RD_KAFKA_V_HEADER("verifyd-attempt", "2", -1), RD_KAFKA_V_END),
		                 RD_KAFKA_RESP_ERR_NO_ERROR);
	}
	assert_int_equal(rd_kafka_flush(bench.kafka.host, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void produce(const char *name, int partition, int count)
{
	produce_at(name, partition, count, 0, 0);
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
	char full[64];
	(void)snprintf(full, sizeof full, "t.%s", name);
	rd_kafka_t *rk = kafka_cluster_member(&bench.kafka, full);
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
	char topic[64];
	kafka_cluster_start(&bench.kafka);
	assert_int_equal(uv_loop_init(&bench.loop), 0);
	assert_int_equal(uv_timer_init(&bench.loop, &bench.beat), 0);
	assert_int_equal(uv_timer_start(&bench.beat, on_beat, 5, 5), 0);
	for (int i = 0; i < PROBES; i++) {
		(void)snprintf(topic, sizeof topic, "t.%s", probes[i].name);
		kafka_cluster_topic(&bench.kafka, topic, probes[i].partitions);
		probes[i].rkt = rd_kafka_topic_new(bench.kafka.host, topic, NULL);
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
	kafka_cluster_stop(&bench.kafka);
	return left_open;
}

#endif
