/* ports: what every part of a worker is given: the loop and the outside world. Owned by worker.c; outlives the parts.
 */
#ifndef VERIFYD_PORTS_H
#define VERIFYD_PORTS_H

#include "common/adapters/kafka_producer.h"
#include "common/adapters/redis_store.h"
#include "common/base/decision_log.h"
#include "common/base/metrics.h"
#include "common/base/seal.h"
#include "common/base/trace.h"
#include "workers/http_curl.h"

struct ports {
	uv_loop_t *loop;
	const struct config *config;
	const struct kafka_client *kafka;
	struct kafka_producer *producer;
	struct redis_store *store;
	struct http_curl *http;
	const struct seal_ring *ring;
	struct metrics *metrics;
	struct decision_log *decisions; /* NULL: nothing is logged of them */
	const struct tracer *tracer;    /* NULL: nothing is traced */
};

/* 32 bits from the system, for jitter only. */
uint32_t jitter_bits(void);

#endif
