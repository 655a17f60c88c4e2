/* kafka_record: what the receiver of a record sees of librdkafka's message. Keeps nothing and frees nothing. */
#include "common/adapters/kafka_record.h"

struct kafka_record_base kafka_record_of(const struct kafka_client *client, rd_kafka_message_t *message)
{
	return (struct kafka_record_base){
	        .pub = {.topic = kafka_client_bare(client, rd_kafka_topic_name(message->rkt)),
	                .partition = message->partition,
	                .offset = message->offset,
	                .timestamp_ms = rd_kafka_message_timestamp(message, NULL),
	                .key = message->key,
	                .key_len = message->key_len,
	                .value = message->payload,
	                .value_len = message->len},
	        .message = message,
	};
}

static bool headers_of(const struct kafka_record *record, rd_kafka_headers_t **ret_headers)
{
	const struct kafka_record_base *base = (const struct kafka_record_base *)record;
	return rd_kafka_message_headers(base->message, ret_headers) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

const char *kafka_record_header(const struct kafka_record *record, const char *name, size_t *ret_len)
{
	rd_kafka_headers_t *headers;
	const void *value;
	size_t len;
	if (!headers_of(record, &headers) ||
	    rd_kafka_header_get_last(headers, name, &value, &len) != RD_KAFKA_RESP_ERR_NO_ERROR || !value)
		return NULL;
	*ret_len = len;
	return value;
}

bool kafka_record_header_at(const struct kafka_record *record, size_t index, const char **ret_name,
                            const char **ret_value, size_t *ret_len)
{
	rd_kafka_headers_t *headers;
	const char *name;
	const void *value;
	size_t len;
	if (!headers_of(record, &headers) ||
	    rd_kafka_header_get_all(headers, index, &name, &value, &len) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return false;
	*ret_name = name;
	*ret_value = value ? value : "";
	*ret_len = value ? len : 0;
	return true;
}
