/* kafka_lookup: a handle for one call, and what topics the brokers have. Asks for the full list, because asking for one
 * topic by name would make a broker with auto-creation create it. Changes nothing. */
#include "common/adapters/kafka_lookup.h"
#include "common/base/clock.h"
#include <string.h>

enum err_code kafka_lookup_open(const struct kafka_client *client, rd_kafka_type_t type, const char *group,
                                rd_kafka_t **ret_rk, struct err *err)
{
	rd_kafka_conf_t *conf;
	char name[TOPIC_BYTES];
	enum err_code code = kafka_client_conf(client, &conf, err);
	if (code != ERR_OK)
		return code;
	if (type == RD_KAFKA_CONSUMER) { /* a group's name is required even where nothing is joined or committed */
		code = kafka_client_name(client, group ? group : "scan", name);
		const char *const settings[][2] = {{"group.id", name},
		                                   {"enable.auto.commit", "false"},
		                                   {"enable.partition.eof", "true"},
		                                   {"queued.max.messages.kbytes", "16384"},
		                                   {"auto.offset.reset", "earliest"}};
		for (size_t i = 0; code == ERR_OK && i < sizeof settings / sizeof *settings; i++)
			code = kafka_client_set(conf, settings[i][0], settings[i][1], err);
	}
	if (code == ERR_OK)
		return kafka_client_open(type, conf, ret_rk, err);
	rd_kafka_conf_destroy(conf);
	return code;
}

enum err_code kafka_lookup_fetch(rd_kafka_t *rk, int timeout_ms, kafka_lookup_t **ret_metadata, struct err *err)
{
	rd_kafka_resp_err_t error = rd_kafka_metadata(rk, 1, NULL, ret_metadata, timeout_ms);
	if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
		return err_set(err, ERR_UNAVAILABLE, "no broker answered: %s", rd_kafka_err2name(error));
	return ERR_OK;
}

kafka_lookup_topic_t *kafka_lookup_find(kafka_lookup_t *metadata, const char *full)
{
	for (int i = 0; i < metadata->topic_cnt; i++)
		if (strcmp(metadata->topics[i].topic, full) == 0 && metadata->topics[i].partition_cnt > 0)
			return &metadata->topics[i];
	return NULL;
}

/* Without a controller just now one may come. */
int kafka_lookup_patience_ms(rd_kafka_t *rk, kafka_lookup_t *metadata, int timeout_ms)
{
	int32_t controller = rd_kafka_controllerid(rk, 0); /* what came with the metadata */
	for (int i = 0; i < metadata->broker_cnt; i++)
		if (metadata->brokers[i].id == controller)
			return timeout_ms;
	return controller < 0 ? timeout_ms : 0;
}

rd_kafka_event_t *kafka_lookup_await(rd_kafka_queue_t *queue, rd_kafka_event_type_t type, int timeout_ms)
{
	int64_t until = clock_mono_ms() + timeout_ms;
	for (int64_t now = clock_mono_ms(); now < until; now = clock_mono_ms()) {
		rd_kafka_event_t *event = rd_kafka_queue_poll(queue, (int)(until - now));
		if (event && rd_kafka_event_type(event) == type)
			return event;
		rd_kafka_event_destroy(event); /* accepts NULL */
	}
	return NULL;
}

const char *kafka_lookup_refusal(rd_kafka_event_t *event)
{
	return event ? rd_kafka_err2name(rd_kafka_event_error(event)) : "no controller answers";
}

int32_t kafka_partition_count(const struct kafka_client *client, const char *topic, int timeout_ms)
{
	rd_kafka_t *rk = NULL;
	kafka_lookup_t *metadata = NULL;
	char full[TOPIC_BYTES];
	int32_t count = -1;
	if (kafka_client_name(client, topic, full) != ERR_OK ||
	    kafka_lookup_open(client, RD_KAFKA_PRODUCER, NULL, &rk, NULL) != ERR_OK)
		return -1;
	if (kafka_lookup_fetch(rk, timeout_ms, &metadata, NULL) == ERR_OK) {
		kafka_lookup_topic_t *there = kafka_lookup_find(metadata, full);
		count = there ? there->partition_cnt : -1;
		rd_kafka_metadata_destroy(metadata);
	}
	rd_kafka_destroy(rk);
	return count;
}
