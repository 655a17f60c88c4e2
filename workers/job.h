/* job: one record on its way through the engine, and the records that come out of it. No flow here: see engine.c. */
#ifndef VERIFYD_JOB_H
#define VERIFYD_JOB_H

#include "common/adapters/kafka_consumer.h"
#include "common/base/list.h"
#include "common/base/trace_send.h"
#include "workers/gate.h"
#include "workers/ports.h"

struct engine;
struct job_trace;

/* An answer that whoever bought it left beside the lease. */
struct kept_answer {
	struct verification state;
	struct verification_texts texts;
	char token[TOKEN_BYTES];
};

struct job {
	struct engine *engine;
	const struct ports *ports;
	struct kafka_record *record; /* NULL once it was done or dropped */
	struct request request;
	enum operation operation; /* OPERATION_COUNT for poison */
	struct verification state; /* what is known; after a step: what is to be published */
	struct verification_texts texts; /* of the state */
	struct buf value;          /* the state encoded, once per step */
	unsigned effects;          /* of the last step */
	unsigned sent_effects;     /* those of them that are under way or done */
	bool decided; /* there is an outcome to write down, also while draining */
	bool has_state; /* the state was read once */
	bool unsaved;   /* the state has moved since it was last published */
	bool published; /* value is in `results`, and maybe not in Redis */
	bool expiring; /* nobody waits any more: to be completed so, once it is certain that it is not completed already */
	bool called;  /* a call of this job has ended: what it counted is known */
	bool count_hidden; /* an initiate: its send is counted in `results`, not yet in Redis */
	int64_t counted_rev, counted_ms; /* an initiate: revision and time of the state that counts its send; 0: none */
	char brought[REFERENCE_BYTES]; /* a retrieval: the vendor's reference that its record names */
	bool climbs;  /* a retrieval: what it finds pending takes the ladder's next rung */
	bool orphans; /* a reference was won: should the state not stand, it is orphaned */
	char over[ID_BYTES]; /* the person's last journey, known to have ended; "" */
	struct kept_answer *kept; /* while what stands is asked for; NULL otherwise */
	char token[TOKEN_BYTES]; /* names this try at the lease, and the key of a completed result */
	bool leased;
	int64_t leased_ms; /* monotonic: when the lease was asked for */

	struct job_trace *trace; /* owned; NULL: not traced */

	struct gate_ticket ticket;
	bool continues; /* it waits at the gate within its flow, with its lease */

	int step; /* of the vendor: an operation may take several calls */
	/* the call: only between build and read */
	struct person person;
	struct http_request http;
	struct http_call *call;
	bool built;

	/* unix ms */
	int64_t not_before_ms, taken_ms, asked_ms, answered_ms;
	int64_t started_us;  /* monotonic: the call's latency */
	enum reason reason;  /* of the last failure */
	const char *detail;  /* constant text about it */
	int64_t hop_wait_ms; /* how long the next hop is to take */

	/* waiting for a timer or an ack, then `then` is called */
	uv_timer_t timer;
	bool begun, timer_open, timer_runs, abandoned;
	bool held; /* an ack or an answer of Redis is on its way: the job must stay */
	void (*then)(struct job *job);
	void (*again)(struct job *job); /* after a failed delivery */
	struct kafka_delivery delivery;
	int32_t acked_partition;
	int64_t acked_offset;

	struct job *bucket_next; /* job_table: other ids of the same bucket */
	struct job *same_next;   /* job_table: the same id, waits until this one has ended */
	struct list node;        /* all jobs of the engine */
};

/* Reads the record into job->request. Returns: ERR_OK; ERR_INVALID or ERR_LIMIT (poison: err says why); ERR_NO_MEMORY.
 */
enum err_code job_read(struct job *job, struct err *err) WARN_UNUSED;

/* Wipes what the call needed: the person's fields and the request that was built of them. */
void job_wipe_call(struct job *job);

/* Sends the record as it is, a newer version's headers and all, through the delay topic for hop_wait_ms back to its own topic. What
 * kafka_producer_send returns. */
enum err_code job_send_aside(struct job *job, struct err *err) WARN_UNUSED;

/* Sends the job's request to the delay topic for `wait_ms`; it comes back to its own topic. What kafka_producer_send
 * returns. */
enum err_code job_send_hop(struct job *job, struct err *err) WARN_UNUSED;

/* Sends the request (or, for poison, the record's bytes as they are) to `dead`. */
enum err_code job_send_dead_letter(struct job *job, struct err *err) WARN_UNUSED;

/* Encodes job->state into job->value: after every step, before anything of it is sent. Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code job_encode(struct job *job) WARN_UNUSED;

/* Sends job->value to `results`. */
enum err_code job_send_result(struct job *job, struct err *err) WARN_UNUSED;

/* A retrieval of a verification, due `wait_ms` from now: the ladder's rung number state->poll, or the watchdog. */
struct retrieval {
	const struct verification *state;
	const struct verification_texts *texts;
	const char *traceparent; /* NULL: none */
	enum cause cause;
	int64_t wait_ms;
	struct kafka_delivery *delivery; /* NULL: nobody wants to know */
};
/* Returns: as retrieval_encode and kafka_producer_send. */
enum err_code retrieval_send(struct kafka_producer *producer, const struct retrieval *retrieval,
                             struct err *err) WARN_UNUSED;
/* That of a job's verification, told to job->delivery. */
enum err_code job_send_retrieval(struct job *job, enum cause cause, int64_t wait_ms, struct err *err) WARN_UNUSED;

/* Sends what its caller is to be told of the end, by way of the shortest delay, in which the state becomes known. */
enum err_code job_send_notice(struct job *job, struct err *err) WARN_UNUSED;

#endif
