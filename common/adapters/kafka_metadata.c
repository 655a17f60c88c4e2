/* kafka_metadata: one question to a broker, read through. */
#include "common/adapters/kafka_metadata.h"
#include <string.h>

static bool is_listed(const struct rd_kafka_metadata *metadata, const char *full)
{
	for (int i = 0; i < metadata->topic_cnt; i++)
		if (strcmp(metadata->topics[i].topic, full) == 0)
			return metadata->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
			       metadata->topics[i].partition_cnt > 0;
	return false;
}

enum err_code kafka_metadata_check(rd_kafka_t *rk, const struct kafka_client *client, const char *const *topics,
                                   size_t topic_count, int timeout_ms, struct err *err)
{
	const struct rd_kafka_metadata *metadata;
	char full[TOPIC_BYTES];
	rd_kafka_resp_err_t error = rd_kafka_metadata(rk, 1, NULL, &metadata, timeout_ms);
	if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
		return err_set(err, ERR_UNAVAILABLE, "no broker answered: %s", rd_kafka_err2name(error));
	enum err_code code = ERR_OK;
	for (size_t i = 0; code == ERR_OK && i < topic_count; i++)
		if (kafka_client_name(client, topics[i], full) != ERR_OK || !is_listed(metadata, full))
			code = err_set(err, ERR_UNAVAILABLE, "topic %s is missing", topics[i]);
	rd_kafka_metadata_destroy(metadata);
	return code;
}
