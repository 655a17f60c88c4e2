/* engine_internal: what the parts of the engine share: engine.c (life, intake, waiting), engine_steps.c and the flows (what
 * happens to a job), engine_figures.c. */
#ifndef VERIFYD_ENGINE_INTERNAL_H
#define VERIFYD_ENGINE_INTERNAL_H

#include "common/base/log.h"
#include "workers/engine.h"
#include "workers/job_table.h"

/* What a vendor call was good for: the report of costs. */
enum bought {
	BOUGHT_FAILED,  /* no usable answer */
	BOUGHT_MORE,    /* a further call is needed to know */
	BOUGHT_PENDING, /* not decided yet */
	BOUGHT_REFUSED, /* the vendor will not, or knows nothing of it */
	BOUGHT_PAGE,    /* a page for the person */
	BOUGHT_RISK,    /* a score: one of enum risk */
	BOUGHT_VERDICT = BOUGHT_RISK + RISK_COUNT,
	BOUGHT_COUNT = BOUGHT_VERDICT + VERDICT_COUNT,
};

struct engine {
	struct ports ports;
	struct engine_options options;
	const struct kind_info *kind;
	const struct operation_info *operation;
	const struct flow *flow;
	const char *lease; /* name of the lease: the kind's first operation */
	struct kafka_consumer *consumer;
	struct gate *gate;
	struct job_table table;
	struct list all; /* of struct job: all that exist */
	size_t jobs;
	bool joined;
	bool leaving; /* stopping, or its partitions are being taken away: what merely waits is handed back */
	bool stopping;
	struct log_limit failure_limit;
	int64_t took[WORKER_TOOK_BUCKETS]; /* as worker_status.h */
	struct {
		struct metric *in_flight, *taken, *called, *calls_open, *completed, *expired, *dead, *poison, *duplicate,
		        *adopted, *retried, *hopped, *without_lease, *latency, *orphaned, *unknown, *stale, *lag, *gap, *drain;
		struct metric *failure[FAILURE_COUNT], *bought[BOUGHT_COUNT];
	} metric;
};

/* What an operation's flow does at the points where flows differ. */
struct flow {
	bool needs_cache; /* waits while Redis is away or being filled again; else goes on without it */
	bool opens;       /* an operation that a question begins with: a request without a state is a new one */
	enum state keeps; /* the state that its kept answer has when it is worth finishing, besides dead */
	/* Whether begin would call the vendor: then it is begun with a permit. Changes nothing. */
	bool (*calls)(const struct job *job);
	void (*begin)(struct job *job); /* lease and state are there */
	void (*answered)(struct job *job, struct vendor_answer *answer); /* the vendor said what happened */
	/* A call failed. Before the retry policy; may decide the job's fate itself: returns true when it did. May be NULL. */
	bool (*failed)(struct job *job, enum failure failure, const struct retry_decision *decision);
	/* The retry policy has no further try. May be NULL: it dies. Returns true when it decided otherwise. */
	bool (*exhausted)(struct job *job, enum failure failure);
};
extern const struct flow flow_ask, flow_initiate, flow_retrieve;

/* engine_figures.c */
void engine_make_metrics(struct engine *engine);
/* A call has ended with this answer. */
void engine_count_answer(struct engine *engine, const struct vendor_answer *answer);
void engine_count_failure(struct engine *engine, enum failure failure); /* a call that was not even sent */

/* engine_steps.c */
void job_begin(struct job *job);                                /* the first of its id: go */
void job_refuse_poison(struct job *job, const struct err *err); /* to `dead`, as it is */
void job_set_aside(struct job *job); /* a record that only a newer version can read: it comes again, until one is there */
void job_call_vendor(struct job *job); /* builds the call of job->step and sends it */
/* Moves the state and sets its effects going; when the event has no place the job is finished. */
void job_apply(struct job *job, struct event event);
/* Moves the state and nothing else. Returns: false when the event has no place. */
bool job_step(struct job *job, struct event event) WARN_UNUSED;
bool job_can_step(const struct job *job, enum event_type type); /* whether the event has a place; changes nothing */
/* Lets the lease be taken again after wait_ms, here or, when that is long, by way of a delay topic. What has moved is saved before. */
void job_retry_later(struct job *job, int64_t wait_ms);
void job_die(struct job *job, enum reason reason, const char *detail); /* no call was made, and none can be made */
bool job_deadline_passed(const struct job *job);
void job_expire(struct job *job); /* its deadline has passed, or will before it can be tried again */
void job_no_use(struct job *job); /* finishes a record that is done already, or stale */

/* engine_lease.c */
void job_take_lease(struct job *job);        /* then the state is read, and the flow begins */
void job_forget_kept(struct job *job);       /* accepts that there is none */
/* Does the effects of a step; where the lease's time is over, only after a look at what stands. */
void job_confirm(struct job *job);
int64_t job_lease_ms(const struct job *job); /* how long a lease lasts: longer than any call */
bool job_lease_is_fresh(const struct job *job); /* a call may still be begun under it */

/* engine_gate.c */
/* Lease and state are there: begins the flow, when it calls with a permit; without one it waits for it, and comes back. */
void job_pass_gate(struct job *job);
/* Just before the call. Returns: true; false: its permit has become too old, or it never had one (an operation's second
 * call): then it waits before all others, keeping its lease, and job_call_vendor is called again. */
bool job_may_call(struct job *job) WARN_UNUSED;
void job_leave_gate(struct job *job); /* neither waits nor needs its permit any more */
/* It waits within its flow, and cannot go on (its partition goes, or the breaker has opened): takes back what it must. */
void job_stop_waiting(struct job *job);
void job_on_told(struct gate_ticket *ticket, enum gate_word word);

/* engine_result.c */
void job_do_effects(struct job *job); /* of the last step; then the job's record is done */
/* Beside the lease, until the result is durable; then job_confirm. It waits for Redis to have it: whoever comes after a
 * crash knows by that, and by nothing else, what was paid for. */
void job_keep_answer(struct job *job);
void job_show(struct job *job);        /* job->value to Redis, keeping the lease; best effort */
/* `results` has job->value: from now on who gets the lease after this job must find it in Redis. */
void job_note_published(struct job *job);
/* Counts and logs a reference that was won, when another one stands. */
void job_note_orphan(struct job *job, const char *reference, const struct verification *stands);

/* engine.c */
void job_end(struct job *job);       /* everything about it is done; starts the next of its id */
void job_finish(struct job *job);    /* its record counts as done; then job_end */
void job_release_lease(struct job *job);
void job_hand_back(struct job *job); /* gives the record back unfinished: it comes again here or elsewhere */
void job_record_done(struct job *job);
void job_wait(struct job *job, int64_t wait_ms, void (*then)(struct job *job));
/* After a send: waits for its ack, then calls `then`; when it was not sent or not acked, calls `again` a little later.
 */
void job_await_ack(struct job *job, enum err_code sent, void (*then)(struct job *job), void (*again)(struct job *job));

#endif
