/* desk: the loop thread of the ingress: claims questions in Redis, produces requests to Kafka, keeps who waits, and
 * hands every ask back once. The only part of the ingress that talks to Kafka and Redis. */
#ifndef VERIFYD_DESK_H
#define VERIFYD_DESK_H

#include "common/base/config.h"
#include "common/base/decision_log.h"
#include "common/base/metrics.h"
#include "common/base/seal.h"
#include "common/base/trace.h"
#include "ingress/ask.h"
#include <uv.h>

struct desk;

struct desk_options {
	const struct config *config;
	const struct seal_ring *ring;
	struct metrics *metrics;
	struct decision_log *decisions; /* NULL: nothing is logged of them */
	const struct tracer *tracer;    /* NULL: nothing is traced */
	bool in_loop; /* who submits is in the loop's thread, and calls desk_serve afterwards */
};

/* Connects in the background. Returns: ERR_OK; ERR_INVALID (a setting); ERR_NO_MEMORY; ERR_IO. */
enum err_code desk_new(const struct desk_options *options, struct desk **ret_desk, struct err *err) WARN_UNUSED;

/* Runs the loop in this thread until desk_drained. Blocks: until then. on_signal (SIGTERM, SIGINT) comes in this
 * thread. */
void desk_run(struct desk *desk, void (*on_signal)(void *ctx), void *ctx);

/* Returns: the loop, for handles of the caller's, which are closed before desk_close. Thread: the loop's, or before it runs. */
uv_loop_t *desk_loop(struct desk *desk);

/* Hands an ask over. Thread: any but the loop's; with in_loop the loop's only. Blocks: for a lock that is held for a
 * pointer's exchange. */
void desk_submit(struct desk *desk, struct ask *ask);

/* With in_loop: begins with what was submitted. Thread: the loop's. */
void desk_serve(struct desk *desk);

/* From on_signal: waiting asks get what is known now, new ones are refused (OUTCOME_QUEUE_AWAY); desk_run returns when
 * none is left or drain_ms have passed. */
void desk_drain(struct desk *desk, int64_t drain_ms);

/* For health: any thread. started: Kafka and Redis were both seen once. */
struct desk_status {
	bool started, kafka_up, redis_up;
	long long asks; /* in hand */
};
void desk_status(struct desk *desk, struct desk_status *ret_status);

/* After desk_run: hands back every ask that is left and lets go of Kafka and Redis. An ask that is submitted from now
 * on comes back at once with OUTCOME_QUEUE_AWAY. Accepts NULL. Blocks: for the last deliveries. */
void desk_close(struct desk *desk);

/* After desk_close, and after every thread that could submit has ended. Accepts NULL. */
void desk_free(struct desk *desk);

#endif
