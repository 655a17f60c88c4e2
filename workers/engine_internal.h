/* engine_internal: what engine.c (life, intake, waiting) and engine_steps.c (what happens to a job) share. */
#ifndef VERIFYD_ENGINE_INTERNAL_H
#define VERIFYD_ENGINE_INTERNAL_H

#include "common/base/log.h"
#include "workers/engine.h"
#include "workers/job_table.h"

struct engine {
	struct ports ports;
	struct engine_options options;
	const struct kind_info *kind;
	struct kafka_consumer *consumer;
	struct job_table table;
	struct list all; /* of struct job: all that exist */
	size_t jobs;
	bool stopping;
	struct log_limit failure_limit;
	struct {
		struct metric *in_flight, *taken, *bought, *completed, *expired, *dead, *poison, *duplicate, *adopted,
		        *retried, *hopped, *without_lease, *latency;
	} metric;
};

/* engine_steps.c */
void job_begin(struct job *job);                                /* the first of its id: go */
void job_refuse_poison(struct job *job, const struct err *err); /* to `dead`, as it is */
bool job_step_is_publish(void (*step)(struct job *job)); /* a result that is known is written even while draining */

/* engine.c */
void job_end(struct job *job);       /* everything about it is done; starts the next of its id */
void job_finish(struct job *job);    /* its record counts as done; then job_end */
void job_hand_back(struct job *job); /* gives the record back unfinished: it comes again here or elsewhere */
void job_record_done(struct job *job);
void job_wait(struct job *job, int64_t wait_ms, void (*then)(struct job *job));
/* After a send: waits for its ack, then calls `then`; when it was not sent or not acked, calls `again` a little later.
 */
void job_await_ack(struct job *job, enum err_code sent, void (*then)(struct job *job), void (*again)(struct job *job));

#endif
