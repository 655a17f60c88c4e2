/* kafka_metadata: does the cluster have these topics? */
#ifndef VERIFYD_KAFKA_METADATA_H
#define VERIFYD_KAFKA_METADATA_H

#include "common/adapters/kafka_client.h"
#include <librdkafka/rdkafka.h>

/* topics: without prefix. Asks for the list of all topics: asking for one by name would make a broker with auto-creation
 * create it. Blocks: up to timeout_ms. Returns: ERR_OK; ERR_UNAVAILABLE (no broker answered, or one is missing: err names
 * it). */
enum err_code kafka_metadata_check(rd_kafka_t *rk, const struct kafka_client *client, const char *const *topics,
				   size_t topic_count, int timeout_ms, struct err *err) WARN_UNUSED;

#endif
