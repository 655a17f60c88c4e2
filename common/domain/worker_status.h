/* worker_status: what a worker says of itself once a second, for operators and for the waiting page: a JSON text beside
 * its name in Redis (redis_store: the fleet). Names classes, numbers and partitions; nothing about a person. Pure. */
#ifndef VERIFYD_WORKER_STATUS_H
#define VERIFYD_WORKER_STATUS_H

#include "common/base/buf.h"
#include "common/domain/kind.h"

enum {
	WORKER_STATUS_MAX_BYTES = 16 * 1024,
	WORKER_STATUS_PARTITIONS = 64, /* with more than that a class tells none */
	WORKER_STATUS_PRIORITIES = 4,  /* 0 a person waits in a browser, 1 other retrievals, 2 the rest, 3 replays */
	WORKER_VERSION_BYTES = 32,
	WORKER_NAME_BYTES = 192,   /* with its '\0'; as INSTANCE_NAME_BYTES */
	WORKER_FRESH_MS = 5000,    /* older than that it is ignored: the worker hangs, is cut off or gone */
	WORKER_FORGET_MS = 60000,  /* older than that readers remove it */
	WORKER_TOOK_BUCKETS = 13,
};

/* One (vendor, operation) of a worker. Totals count since its start. */
struct worker_class {
	enum operation operation;
	int64_t in_flight, max_in_flight;          /* jobs in hand; `waiting` are among them */
	int64_t waiting[WORKER_STATUS_PRIORITIES]; /* jobs that wait for the quota or the breaker, by priority */
	int64_t lag;                               /* requests in Kafka that are not done yet, of its partitions */
	bool has_quota;
	int64_t quota_limit, quota_period_ms, quota_used; /* of the whole fleet; used: in the last period */
	bool breaker_open;
	int64_t taken, calls, completed, retried, dead;
	int64_t took[WORKER_TOOK_BUCKETS]; /* vendor calls that ended, by how long they took: worker_took_ms */
	size_t partition_count; /* of those that are told */
	struct {
		int32_t partition; /* 0 or more */
		int64_t next; /* the first offset that is not done yet */
	} partitions[WORKER_STATUS_PARTITIONS];
};

struct worker_status {
	int64_t at_ms, started_ms; /* unix ms, by the worker's clock */
	char version[WORKER_VERSION_BYTES];
	bool draining;
	int64_t loop_lag_ms; /* the latest that its event loop was in the last second */
	size_t class_count;
	struct worker_class classes[OPERATION_COUNT];
};

/* Appends the JSON. Where it would pass out's limit or WORKER_STATUS_MAX_BYTES, no class tells its partitions.
 * Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code worker_status_encode(const struct worker_status *status, struct buf *out) WARN_UNUSED;

/* Reads one that any version wrote: what is missing or out of range is 0, classes and members that this version does not
 * know are left out. Returns: ERR_OK; ERR_INVALID (no JSON object, or no at_ms); ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code worker_status_decode(const char *text, size_t len, struct worker_status *ret_status,
				   struct err *err) WARN_UNUSED;

/* Whether what it says holds at now_ms (unix ms). A clock that is ahead counts as fresh. */
bool worker_status_is_fresh(const struct worker_status *status, int64_t now_ms);

/* The longest that a call of this bucket took; the last bucket holds all that took longer: INT64_MAX. */
int64_t worker_took_ms(size_t bucket);
/* Returns: the bucket of a call that took so long. */
size_t worker_took_bucket(int64_t us);

/* Returns: the class of that operation; NULL when the worker does not serve it. */
const struct worker_class *worker_status_class(const struct worker_status *status, enum operation operation);

#endif
