/* kafka_cluster: librdkafka's in-process cluster of one broker, and a client of it whose topics begin with "t.". */
#ifndef VERIFYD_TESTS_KAFKA_CLUSTER_H
#define VERIFYD_TESTS_KAFKA_CLUSTER_H

#include "common/adapters/kafka_client.h"
#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct kafka_cluster {
	rd_kafka_t *host; /* carries the cluster and writes to it */
	rd_kafka_mock_cluster_t *mock;
	struct config *config;
	struct kafka_client *client;
};

/* topic: its whole name. */
static inline void kafka_cluster_topic(struct kafka_cluster *cluster, const char *topic, int partitions)
{
	assert_int_equal(rd_kafka_mock_topic_create(cluster->mock, topic, partitions, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* Ended by kafka_cluster_stop. */
static inline void kafka_cluster_start(struct kafka_cluster *cluster)
{
	char brokers[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	assert_int_equal(rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", NULL, 0), RD_KAFKA_CONF_OK);
	assert_int_equal(rd_kafka_conf_set(conf, "log_level", "0", NULL, 0), RD_KAFKA_CONF_OK); /* brokers that a test stops */
	cluster->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
	assert_non_null(cluster->host);
	cluster->mock = rd_kafka_handle_mock_cluster(cluster->host);
	(void)snprintf(brokers, sizeof brokers, "VERIFYD_KAFKA_BROKERS=%s", rd_kafka_mock_cluster_bootstraps(cluster->mock));
	char *const environment[] = {brokers, "VERIFYD_REDIS_URL=redis://127.0.0.1:1", "VERIFYD_TOPIC_PREFIX=t.", NULL};
	assert_int_equal(config_load(CONFIG_CTL, environment, stderr, &cluster->config), ERR_OK);
	assert_int_equal(kafka_client_new(cluster->config, "test", &cluster->client, NULL), ERR_OK);
}

static inline void kafka_cluster_stop(struct kafka_cluster *cluster)
{
	kafka_client_free(cluster->client);
	config_free(cluster->config);
	rd_kafka_destroy(cluster->host);
}

/* A handle beside the client's, as whoever is in the group has it; ended by rd_kafka_destroy. */
static inline rd_kafka_t *kafka_cluster_member(struct kafka_cluster *cluster, const char *group)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster->mock), NULL, 0),
	                 RD_KAFKA_CONF_OK);
	assert_int_equal(rd_kafka_conf_set(conf, "group.id", group, NULL, 0), RD_KAFKA_CONF_OK);
	rd_kafka_t *member = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
	assert_non_null(member);
	return member;
}

#endif
