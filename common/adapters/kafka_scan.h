/* kafka_scan: reads a topic, for verifyctl and the rebuild of the cache. Blocking. */
#ifndef VERIFYD_KAFKA_SCAN_H
#define VERIFYD_KAFKA_SCAN_H

#include "common/adapters/kafka_client.h"
#include <stdatomic.h>

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
 * on_record returns false to stop early; so does *stop, from any thread (NULL: nobody stops it). Blocks: until all is read
 * and handed out, or for timeout_ms nothing came; some seconds after a stop. Returns: ERR_OK; ERR_NOT_FOUND (no such topic);
 * ERR_UNAVAILABLE; ERR_TIMEOUT. */
enum err_code kafka_scan(const struct kafka_client *client, const char *topic, int32_t partition, int timeout_ms,
                         bool (*on_record)(void *ctx, const struct kafka_scan_record *record), void *ctx,
                         const atomic_bool *stop, struct err *err) WARN_UNUSED;

/* Where reads of a topic ended, so that a later one goes on from there; and how far one is. Begins zeroed. */
enum { KAFKA_SCAN_PARTITIONS = 4096 };
struct kafka_scan_places {
	int32_t count; /* partitions of which next is known; the others are read from their start */
	int64_t next[KAFKA_SCAN_PARTITIONS];
	atomic_llong todo, done; /* offsets, added up over reads; any thread may look. Compacted ones count as done */
};

/* As kafka_scan, of all partitions from `places` on, which then says where it ended (when it returns ERR_OK and was not
 * stopped). */
enum err_code kafka_scan_on(const struct kafka_client *client, const char *topic, struct kafka_scan_places *places,
                            int timeout_ms, bool (*on_record)(void *ctx, const struct kafka_scan_record *record),
                            void *ctx, const atomic_bool *stop, struct err *err) WARN_UNUSED;

/* As kafka_scan, of all partitions, from where `group` (without prefix) stands: what its members have not done, or not
 * committed yet. A partition of which it has committed nothing is read from its start. */
enum err_code kafka_scan_undone(const struct kafka_client *client, const char *topic, const char *group, int timeout_ms,
                                bool (*on_record)(void *ctx, const struct kafka_scan_record *record), void *ctx,
                                struct err *err) WARN_UNUSED;

/* As kafka_scan, of all partitions, but only what came in since since_ms (unix ms), and of that at most `most` records: of
 * each partition the newest. *ret_count: how many came in since, read or not; its price is two questions to the brokers. */
enum err_code kafka_scan_recent(const struct kafka_client *client, const char *topic, int64_t since_ms, int64_t most,
                                int timeout_ms, bool (*on_record)(void *ctx, const struct kafka_scan_record *record),
                                void *ctx, int64_t *ret_count, struct err *err) WARN_UNUSED;

/* Copies a header's value into out, "" when it is absent or too long. Returns: whether it was there and fitted. */
bool kafka_scan_header(const struct kafka_scan_record *record, const char *name, char *out, size_t cap);

#endif
