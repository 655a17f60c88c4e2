/* kafka_backlog: how far consumer groups are behind: what they have committed, and where their topics begin and end, as
 * the brokers say. Joins no group and changes nothing.
 *
 * Asking blocks, so it belongs in a thread of its own; a handle is used by one thread at a time. */
#ifndef VERIFYD_KAFKA_BACKLOG_H
#define VERIFYD_KAFKA_BACKLOG_H

#include "common/adapters/kafka_consumer.h"

struct kafka_backlogs;

/* Whose progress in what; names without the prefix. */
struct kafka_backlog_of {
	const char *group, *topic;
	const struct kafka_consumer *member; /* of the group, whose connections are used; it must not be closed before
						kafka_backlogs_free. NULL: connections of its own */
};

struct kafka_backlog_part {
	int64_t next; /* the first offset that is not committed as done; the oldest one where nothing is committed */
	int64_t end;  /* behind the newest; next <= end */
};

struct kafka_backlog {
	size_t count; /* partitions, which are parts[0..count); 0: the topic is not there */
	const struct kafka_backlog_part *parts;
	int64_t lag; /* of all of them: sum of end - next */
	bool has_committed; /* the group has done something of it, in the last days */
};

enum { KAFKA_BACKLOG_MAX = 16, KAFKA_BACKLOG_PARTITIONS_MAX = 1024 };

/* count <= KAFKA_BACKLOG_MAX. Returns: ERR_OK and *ret_backlogs, ended by kafka_backlogs_free;
 * ERR_INVALID; ERR_NO_MEMORY; ERR_LIMIT. */
enum err_code kafka_backlogs_new(const struct kafka_client *client, const struct kafka_backlog_of *of, size_t count,
				 struct kafka_backlogs **ret_backlogs, struct err *err) WARN_UNUSED;
void kafka_backlogs_free(struct kafka_backlogs *backlogs); /* accepts NULL */

/* Asks for all of them. Blocks: up to timeout_ms, which also bounds what is waited for a broker that is away, or for a leader
 * that is being chosen. How many partitions there are is asked again every 30 s only.
 * Returns: ERR_OK; ERR_UNAVAILABLE (then what was read last stands); ERR_LIMIT (a topic of more than
 * KAFKA_BACKLOG_PARTITIONS_MAX); ERR_NO_MEMORY. */
enum err_code kafka_backlogs_read(struct kafka_backlogs *backlogs, int timeout_ms, struct err *err) WARN_UNUSED;

/* What was read last of of[index]; lives until the next read. */
struct kafka_backlog kafka_backlogs_get(const struct kafka_backlogs *backlogs, size_t index);

#endif
