/* engine: takes the requests of one operation through lease, vendor call, state and commit, thousands at a time, one at a
 * time per id. Every wait is an event of the loop; nothing blocks.
 *
 * The order that makes a crash at any point harmless: dead letter acked, result acked, offset done, then Redis. */
#ifndef VERIFYD_ENGINE_H
#define VERIFYD_ENGINE_H

#include "common/adapters/kafka_backlog.h"
#include "common/domain/worker_status.h"
#include "workers/gate.h"
#include "workers/ports.h"
#include "workers/projector.h"

struct engine;

struct engine_options {
	enum operation operation;
	const struct vendor *vendor;
	void *vendor_self; /* the vendor's; must outlive the engine */
	size_t max_in_flight;
	int max_attempts;
	int64_t probe_ms, breaker_failures; /* struct gate_options */
	const char *instance_id;     /* NULL: dynamic membership */
	struct projector *projector; /* told what already stands in Redis */
};

/* Starts consuming. Returns: ERR_OK; what kafka_consumer_new returns; ERR_NO_MEMORY. ports must outlive the engine. */
enum err_code engine_new(const struct ports *ports, const struct engine_options *options, struct engine **ret_engine,
                         struct err *err) WARN_UNUSED;

/* Drain 1: no more records; jobs that only wait for a timer are handed back; calls in flight may end. */
void engine_stop(struct engine *engine);
size_t engine_in_flight(const struct engine *engine);
const struct gate *engine_gate(const struct engine *engine);
int64_t engine_lag(const struct engine *engine);
bool engine_has_failed(const struct engine *engine); /* kafka_consumer_has_failed */
bool engine_is_up(const struct engine *engine);
/* Its figures now: what a worker says of one of its classes. */
void engine_status(const struct engine *engine, struct worker_class *ret_class);
/* Sets the metrics of what moves by itself: lag, drain time, quota. Call several times a second. */
void engine_show(struct engine *engine);
const char *engine_vendor(const struct engine *engine); /* constant */
/* Whose progress to ask the brokers for, over the engine's connections (until engine_abandon); and what they said. */
struct kafka_backlog_of engine_backlog_of(const struct engine *engine);
void engine_learn_backlog(struct engine *engine, const struct kafka_backlog *backlog);
bool engine_has_joined(const struct engine *engine); /* its group has given it partitions, or none, at least once */

/* Drain 2: hands back what is left (its records come again elsewhere) and leaves the group. Deliveries on their way are
 * reported by kafka_producer_close, which must come between this and engine_free. */
void engine_abandon(struct engine *engine);

/* Accepts NULL. The loop must have run until the jobs' handles have closed. */
void engine_free(struct engine *engine);

#endif
