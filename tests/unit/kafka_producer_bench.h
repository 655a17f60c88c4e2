/* kafka_producer_bench: for the tests of kafka_producer: librdkafka's in-process cluster of one broker, a loop, and what
 * became of each message. */
#ifndef VERIFYD_TESTS_KAFKA_PRODUCER_BENCH_H
#define VERIFYD_TESTS_KAFKA_PRODUCER_BENCH_H

#include "common/adapters/kafka_producer_internal.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PARTITIONS = 4, API_PRODUCE = 0, API_INIT_PRODUCER_ID = 22 };

struct bench {
	rd_kafka_t *host; /* carries the cluster */
	rd_kafka_mock_cluster_t *cluster;
	struct config *config;
	struct kafka_client *client;
	uv_loop_t loop;
	struct kafka_producer *producer;
};

struct sent {
	struct kafka_delivery delivery; /* first */
	int calls;
	enum err_code result;
	int32_t partition;
	int64_t offset;
};

static inline void on_delivered(struct kafka_delivery *delivery, enum err_code result, int32_t partition, int64_t offset)
{
	struct sent *sent = (struct sent *)delivery;
	sent->calls++;
	sent->result = result;
	sent->partition = partition;
	sent->offset = offset;
}

static inline struct bench *bench_of(void **state)
{
	return *state;
}

static inline void open_producer(struct bench *bench, int timeout_ms, int max_queued)
{
	const struct kafka_producer_options options = {timeout_ms, max_queued};
	assert_int_equal(kafka_producer_new(bench->client, &options, &bench->loop, &bench->producer, NULL), ERR_OK);
}

static inline int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof *bench);
	char brokers[256];
	bench->host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), NULL, 0);
	bench->cluster = rd_kafka_mock_cluster_new(bench->host, 1);
	assert_int_equal(rd_kafka_mock_topic_create(bench->cluster, "t.work", PARTITIONS, 1),
	                 RD_KAFKA_RESP_ERR_NO_ERROR);
	(void)snprintf(brokers, sizeof brokers, "VERIFYD_KAFKA_BROKERS=%s",
	               rd_kafka_mock_cluster_bootstraps(bench->cluster));
	char *const environment[] = {brokers, "VERIFYD_REDIS_URL=redis://127.0.0.1:1", "VERIFYD_TOPIC_PREFIX=t.", NULL};
	assert_int_equal(config_load(CONFIG_CTL, environment, stderr, &bench->config), ERR_OK);
	assert_int_equal(kafka_client_new(bench->config, "test", &bench->client, NULL), ERR_OK);
	assert_int_equal(uv_loop_init(&bench->loop), 0);
	*state = bench;
	return 0;
}

static inline int tear_down(void **state)
{
	struct bench *bench = *state;
	kafka_producer_close(bench->producer, 2000);
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
	int left_open = uv_loop_close(&bench->loop);
	kafka_client_free(bench->client);
	config_free(bench->config);
	rd_kafka_mock_cluster_destroy(bench->cluster);
	rd_kafka_destroy(bench->host);
	free(bench);
	return left_open;
}

/* Runs the loop until what was sent is reported, at most 20 s. */
static inline void await(struct bench *bench, const struct sent *sent, int count)
{
	int64_t until = clock_mono_ms() + 20000;
	for (int i = 0; i < count;) {
		if (sent[i].calls > 0)
			i++;
		else if (clock_mono_ms() > until)
			fail_msg("delivery %d of %d was not reported", i, count);
		else
			(void)uv_run(&bench->loop, UV_RUN_ONCE);
	}
}

static inline enum err_code send_one(struct bench *bench, const char *key, struct sent *sent)
{
	const struct kafka_header headers[] = {{"verifyd-op", "score"}, {"left-out", NULL}};
	const struct kafka_message message = {.topic = "work",
	                                      .key = key,
	                                      .value = "{}",
	                                      .value_len = 2,
	                                      .headers = headers,
	                                      .header_count = 2,
	                                      .delivery = sent ? &sent->delivery : NULL};
	if (sent)
		sent->delivery.delivered = on_delivered;
	return kafka_producer_send(bench->producer, &message, NULL);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
