/* kafka_admin: blocking calls for verifyctl and for start-up checks: make and check topics, read a topic from its start. */
#ifndef VERIFYD_KAFKA_ADMIN_H
#define VERIFYD_KAFKA_ADMIN_H

#include "common/adapters/kafka_client.h"
#include <stdio.h>

struct kafka_admin_options {
	int partitions;          /* of topics that are made */
	int replication;         /* -1: the broker's default */
	int64_t result_retention_ms;
	int timeout_ms;
};

/* Makes what is missing of kafka_topics; a topic that is there is left as it is, also on a broker that knows no
 * CreateTopics (the dev broker). Writes one line per topic to report.
 * Returns: ERR_OK; ERR_UNAVAILABLE (broker away); ERR_CONFLICT (the broker refused one; the line says why). */
enum err_code kafka_admin_create(const struct kafka_client *client, const struct kafka_admin_options *options, FILE *report,
				 struct err *err) WARN_UNUSED;

/* Compares topics with what verifyd needs: there at all, policy, retention (results not shorter than dead and delayed
 * records), equal partition counts where it matters. One line per topic and per finding.
 * Returns: ERR_OK; ERR_CONFLICT (findings); ERR_UNAVAILABLE. */
enum err_code kafka_admin_check(const struct kafka_client *client, const struct kafka_admin_options *options, FILE *report,
				struct err *err) WARN_UNUSED;

struct kafka_scan_record {
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms;
	const char *key;
	size_t key_len;
	const char *value; /* NULL: a tombstone */
	size_t value_len;
	const rd_kafka_headers_t *headers; /* NULL when there are none */
};

/* Reads `topic` (without prefix) from its start to the end it has at the call, without a group. partition -1: all.
 * on_record returns false to stop early. Returns: ERR_OK; ERR_NOT_FOUND (no such topic); ERR_UNAVAILABLE; ERR_TIMEOUT. */
enum err_code kafka_scan(const struct kafka_client *client, const char *topic, int32_t partition, int timeout_ms,
			 bool (*on_record)(void *ctx, const struct kafka_scan_record *record), void *ctx,
			 struct err *err) WARN_UNUSED;

/* Returns: the topic's number of partitions, or -1 when it is not there or no broker answers within timeout_ms. */
int32_t kafka_partition_count(const struct kafka_client *client, const char *topic, int timeout_ms);

/* Copies a header's value into out, "" when it is absent or too long. Returns: whether it was there and fitted. */
bool kafka_scan_header(const struct kafka_scan_record *record, const char *name, char *out, size_t cap);

#endif
