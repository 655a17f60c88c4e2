/* kafka_client: what every Kafka handle of the tree has in common: brokers, pass-through settings, names, partitioning.
 *
 * Settings that carry a guarantee (idempotence, manual offset store, …) are ours and cannot be overridden by
 * VERIFYD_KAFKA_CONFIG_FILE: a file that tries is refused by name. */
#ifndef VERIFYD_KAFKA_CLIENT_H
#define VERIFYD_KAFKA_CLIENT_H

#include "common/base/config.h"
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

enum { TOPIC_BYTES = 250 }; /* Kafka allows 249 characters */

struct kafka_client; /* read-only after it was made; shared by producer, consumers and admin; must outlive them */

/* Reads KAFKA_BROKERS, KAFKA_CONFIG_FILE, TOPIC_PREFIX. program becomes client.id.
 * Returns: ERR_OK and *ret_client, ended by kafka_client_free; ERR_INVALID (a line of the file, named by number and key). */
enum err_code kafka_client_new(const struct config *config, const char *program, struct kafka_client **ret_client,
			       struct err *err) WARN_UNUSED;
void kafka_client_free(struct kafka_client *client);

/* Prefix + name, for topics and groups. Returns: ERR_OK; ERR_LIMIT. */
enum err_code kafka_client_name(const struct kafka_client *client, const char *name, char out[TOPIC_BYTES]) WARN_UNUSED;
/* The name without the prefix; the whole name when it does not start with it. */
const char *kafka_client_bare(const struct kafka_client *client, const char *topic);

/* A configuration with brokers, client.id, the file's lines, and quiet, rate-limited logging through common/base/log.
 * The caller adds its own settings with kafka_client_set and passes it to kafka_client_open, or destroys it.
 * Returns: ERR_OK; ERR_INVALID; ERR_NO_MEMORY. */
enum err_code kafka_client_conf(const struct kafka_client *client, rd_kafka_conf_t **ret_conf, struct err *err) WARN_UNUSED;
enum err_code kafka_client_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err) WARN_UNUSED;
/* As kafka_client_set, unless the file has a line of that name: for what is tuning, not a guarantee. A setting that this
 * librdkafka does not know is left out. */
enum err_code kafka_client_default(const struct kafka_client *client, rd_kafka_conf_t *conf, const char *name,
				   const char *value, struct err *err) WARN_UNUSED;

/* A handle of this configuration, which is its own or destroyed afterwards; the message names the setting that is refused,
 * where librdkafka tells it.
 * Returns: ERR_OK; ERR_INVALID (also: a certificate or key that the file names cannot be read). */
enum err_code kafka_client_open(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **ret_rk, struct err *err) WARN_UNUSED;

/* What is given to rd_kafka_conf_set_opaque begins with this: the log callback, which runs in librdkafka's threads, finds
 * the client by it. kafka_client_conf sets the client itself. */
struct kafka_owner {
	const struct kafka_client *client;
};

/* Whether brokers answer, as far as a handle hears of it. Each change is logged once. */
struct kafka_link {
	const char *client; /* "producer", "consumer": for the log */
	bool is_up;         /* starts true: the last thing heard was not "all down" */
};
void kafka_link_set(struct kafka_link *link, bool is_up);
/* Reads one of librdkafka's statistics texts (every handle asks for one a second) when the link is down. */
void kafka_link_stats(struct kafka_link *link, const char *json, size_t json_len);

/* The eventfd through which librdkafka's threads wake a loop. Non-blocking: a blocking one hangs librdkafka. */
enum err_code kafka_wake_open(int *ret_fd, struct err *err) WARN_UNUSED;
void kafka_wake_set(int fd);
void kafka_wake_clear(int fd);

/* What makes a handle a member of a group. */
struct kafka_membership {
	const char *group;         /* without prefix */
	const char *const *topics; /* without prefix */
	size_t topic_count;
	const char *instance_id; /* static membership, or NULL */
	int queued_kbytes;
	void *opaque; /* begins with a struct kafka_owner */
	void (*on_rebalance)(rd_kafka_t *rk, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *list, void *opaque);
	void (*on_error)(rd_kafka_t *rk, int error, const char *reason, void *opaque);
	int (*on_stats)(rd_kafka_t *rk, char *json, size_t json_len, void *opaque);
};
/* Makes the consumer's handle and subscribes it; joining goes on in the background.
 * Returns: ERR_OK and *ret_rk, ended by kafka_client_leave; ERR_INVALID; ERR_NO_MEMORY. */
enum err_code kafka_client_join(const struct kafka_client *client, const struct kafka_membership *membership,
				rd_kafka_t **ret_rk, struct err *err) WARN_UNUSED;
/* Commits what is stored, leaves (a static member stays listed), destroys. Blocks: up to about 5 s. */
void kafka_client_leave(rd_kafka_t *rk);

/* The partition of a key: murmur2 as Java's default partitioner, over the key up to a '!', so that `id!<lease token>`
 * stands in the partition of `id`. partition_count > 0. */
int32_t kafka_partition(const char *key, size_t key_len, int32_t partition_count);

/* The same in two steps, for keys of one length that share their beginning: it is hashed once. key[0..shared): without a
 * '!', a multiple of four bytes; rest: what follows. */
uint32_t kafka_partition_begin(const char *key, size_t shared, size_t key_len);
int32_t kafka_partition_end(uint32_t begun, const char *rest, size_t rest_len, int32_t partition_count);

/* The topics that exist, from the kind table, the delay tiers and results/dead; with what each needs of the broker. */
struct kafka_topic {
	const char *name;   /* without prefix */
	bool compact;       /* compact,delete with RESULT_RETENTION; else delete, 7 days */
	bool append_time;   /* message.timestamp.type=LogAppendTime: the wait of a delay topic counts from the broker's clock */
};
/* Returns: how many; *ret_topics points at a constant table. */
size_t kafka_topics(const struct kafka_topic **ret_topics);

#endif
