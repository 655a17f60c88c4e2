/* kafka_record: what the receiver of a record sees of librdkafka's message: kafka_consumer's own part of a record. */
#ifndef VERIFYD_KAFKA_RECORD_H
#define VERIFYD_KAFKA_RECORD_H

#include "common/adapters/kafka_consumer.h"

/* Begins what every struct kafka_record that is handed out stands in. */
struct kafka_record_base {
	struct kafka_record pub; /* first */
	rd_kafka_message_t *message;
};

/* Returns: one whose texts live as long as message, which it does not own. */
struct kafka_record_base kafka_record_of(const struct kafka_client *client, rd_kafka_message_t *message);

#endif
