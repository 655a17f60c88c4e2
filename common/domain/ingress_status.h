/* ingress_status: what an ingress says of itself once a second, for operators: a JSON text beside its name in Redis
 * (redis_store: the fleet). Names and numbers; nothing about a person. Pure. */
#ifndef VERIFYD_INGRESS_STATUS_H
#define VERIFYD_INGRESS_STATUS_H

#include "common/base/buf.h"
#include "common/domain/worker_status.h"

enum { INGRESS_STATUS_MAX_BYTES = 2048 };

/* Totals count since its start. */
struct ingress_status {
	int64_t at_ms, started_ms; /* unix ms, by its clock */
	char version[WORKER_VERSION_BYTES];
	bool draining, kafka_up, redis_up;
	int64_t loop_lag_ms; /* the latest that its event loop was in the last second */
	int64_t held;        /* calls that wait for their answer */
	int64_t answered;    /* HTTP requests, of all routes */
	int64_t failed;      /* of these, with 5xx */
	int64_t accepted;    /* questions that became a record in Kafka */
	int64_t joined;      /* questions that were asked already */
	int64_t refused;     /* questions that could not be accepted */
	int64_t limited;     /* calls not held, or refused, because there were too many */
};

/* Appends the JSON. Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code ingress_status_encode(const struct ingress_status *status, struct buf *out) WARN_UNUSED;

/* Reads one that any version wrote: what is missing or out of range is 0. Returns: ERR_OK; ERR_INVALID (no JSON object, or
 * no at_ms); ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code ingress_status_decode(const char *text, size_t len, struct ingress_status *ret_status,
				    struct err *err) WARN_UNUSED;

/* Whether what it says holds at now_ms (unix ms): WORKER_FRESH_MS. A clock that is ahead counts as fresh. */
bool ingress_status_is_fresh(const struct ingress_status *status, int64_t now_ms);

#endif
