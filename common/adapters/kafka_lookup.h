/* kafka_lookup: what topics the brokers have, and the short-lived handle that asks. Blocking. */
#ifndef VERIFYD_KAFKA_LOOKUP_H
#define VERIFYD_KAFKA_LOOKUP_H

#include "common/adapters/kafka_client.h"

typedef const struct rd_kafka_metadata kafka_lookup_t;
typedef const struct rd_kafka_metadata_topic kafka_lookup_topic_t;

/* A handle for one call: a producer to ask with, or a consumer that reads from the start, joins and commits nothing; group
 * (without prefix, NULL: none): a group whose commits can be asked for. Holds at most 16 MiB of what it has fetched.
 * Returns: ERR_OK and *ret_rk, ended by rd_kafka_destroy; ERR_INVALID; ERR_NO_MEMORY. */
enum err_code kafka_lookup_open(const struct kafka_client *client, rd_kafka_type_t type, const char *group,
                                rd_kafka_t **ret_rk, struct err *err) WARN_UNUSED;

/* Returns: ERR_OK and *ret_metadata, all topics, ended by rd_kafka_metadata_destroy; ERR_UNAVAILABLE. */
enum err_code kafka_lookup_fetch(rd_kafka_t *rk, int timeout_ms, kafka_lookup_t **ret_metadata,
                                 struct err *err) WARN_UNUSED;

/* full: with prefix. Returns: NULL when there is no such topic; lives as long as metadata. */
kafka_lookup_topic_t *kafka_lookup_find(kafka_lookup_t *metadata, const char *full);

/* How long an admin call is worth waiting for: it goes to the controller, and librdkafka waits for one that is not among the
 * brokers, as the dev broker's never is, until the time is up. Returns: timeout_ms, or 0. */
int kafka_lookup_patience_ms(rd_kafka_t *rk, kafka_lookup_t *metadata, int timeout_ms);

/* Waits for the one answer of an admin call. Returns: the event, ended by rd_kafka_event_destroy; NULL: none came. */
rd_kafka_event_t *kafka_lookup_await(rd_kafka_queue_t *queue, rd_kafka_event_type_t type, int timeout_ms);

/* Why an admin call brought nothing: its event's error; event NULL: nobody answered. */
const char *kafka_lookup_refusal(rd_kafka_event_t *event);

/* Returns: the topic's number of partitions, or -1 when it is not there or no broker answers within timeout_ms. */
int32_t kafka_partition_count(const struct kafka_client *client, const char *topic, int timeout_ms);

#endif
