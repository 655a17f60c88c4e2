/* job_trace: what a job tells of itself: spans (common/base/trace.h) where its trace is sampled, and a log line for what was
 * decided. Spans of a job: "process TOPIC" from its taking to its end, beside it "wait in TOPIC" since Kafka has the record;
 * below it each wait at the gate, each vendor call and each record that it sends. The trace's way on, to the vendor and into
 * records, is request.traceparent. */
#ifndef VERIFYD_JOB_TRACE_H
#define VERIFYD_JOB_TRACE_H

#include "common/base/decision_log.h"
#include "workers/job.h"

/* After job_read: goes on from the record's traceparent. A record without one, or a bad one, begins a trace; so does an
 * operator's replay, which links to the one that died. */
void job_trace_begin(struct job *job);
void job_trace_end(struct job *job); /* may be called again */

/* It waits for a permit; the next call's begin, or the job's end, ends that. */
void job_trace_wait(struct job *job);
/* Its call goes out: adds the traceparent to job->http. */
void job_trace_call(struct job *job);
/* The call has ended; before the request is wiped. reason REASON_NONE: nothing failed. */
void job_trace_answered(struct job *job, int status, enum reason reason);

/* A record of the job is about to be sent; sets request.traceparent for it. topic: constant. */
void job_trace_send(struct job *job, const char *topic);
void job_trace_acked(struct job *job, bool taken);

/* Logs a decision about the job, and keeps it for its span. */
void job_note(struct job *job, enum decision decision, enum reason reason);

/* The id of its trace; "" for none. For logs. */
const char *job_trace_id(const struct job *job, char out[TRACE_ID_BYTES]);

#endif
