/* kafka_admin: blocking calls for verifyctl and for start-up checks: make and check topics. */
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

#endif
