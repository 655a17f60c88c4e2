/* job_trace: spans under construction, in memory of their own that only sampled jobs have. */
#include "workers/job_trace.h"
#include "common/base/clock.h"
#include "workers/engine_internal.h"
#include "workers/http_trace.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job_trace {
	struct trace_context context; /* of the span of the whole job */
	char parent_id[SPAN_ID_BYTES];
	struct trace_context link;
	int64_t begin_us;
	int64_t gate_us; /* since when it waits for a permit; 0: it does not */
	struct trace_step call;
	struct trace_send send;
	const char *outcome;         /* NULL: none yet */
	char topic[SPAN_TEXT_BYTES]; /* of its record */
};

static void name_topic(const struct job *job, char out[SPAN_TEXT_BYTES])
{
	const char *prefix = job->ports->tracer->topic_prefix;
	(void)snprintf(out, SPAN_TEXT_BYTES, "%s%s", prefix ? prefix : "", job->record->topic);
}

static void describe_job(const struct job *job, struct span *span)
{
	span_text(span, "verifyd.verification.id", job->request.id);
	span_text(span, "verifyd.vendor", job->engine->kind->vendor);
	span_text(span, "verifyd.operation", job->engine->operation->name);
}

/* A span of the job's own, which begins and ends here. */
static void tell_part(const struct job *job, const char *name, int64_t begin_us)
{
	const struct job_trace *trace = job->trace;
	struct span span = {.kind = SPAN_INTERNAL, .begin_us = begin_us};
	if (!trace_follow(&trace->context, &span.context))
		return;
	memcpy(span.parent_id, trace->context.span_id, sizeof span.parent_id);
	(void)snprintf(span.name, sizeof span.name, "%s", name);
	describe_job(job, &span);
	tracer_tell(job->ports->tracer, &span);
}

/* ---- from its taking to its end ---- */

static void tell_queue(const struct job *job)
{
	const struct job_trace *trace = job->trace;
	const char *parent = trace->parent_id[0] ? trace->parent_id : trace->context.span_id;
	struct span span = {.kind = SPAN_INTERNAL, .end_us = trace->begin_us};
	int64_t since_ms = job->record->timestamp_ms;
	if (since_ms <= 0 || !trace_follow(&trace->context, &span.context))
		return;
	span.begin_us = since_ms * 1000 < span.end_us ? since_ms * 1000 : span.end_us;
	memcpy(span.parent_id, parent, sizeof span.parent_id);
	(void)snprintf(span.name, sizeof span.name, "wait in %s", trace->topic);
	describe_job(job, &span);
	tracer_tell(job->ports->tracer, &span);
}

void job_trace_begin(struct job *job)
{
	struct request *request = &job->request;
	const struct tracer *tracer = job->ports->tracer;
	struct job_trace trace = {.begin_us = 0};
	struct trace_context from = {.sampled = false};
	bool known = trace_read(request->traceparent, strlen(request->traceparent), &from);
	if (!known)
		request->traceparent[0] = '\0';
	if (!tracer)
		return;
	/* what a replay sends again has waited in no delay topic yet */
	bool is_replay = known && request->replays > 0 && job->not_before_ms == 0;
	if (known && !is_replay) {
		memcpy(trace.parent_id, from.span_id, sizeof trace.parent_id);
		(void)trace_follow(&from, &trace.context);
	} else {
		trace.link = from;
		(void)trace_begin(known && from.sampled ? TRACE_SHARE_ALL : tracer->share_ppm, &trace.context);
	}
	trace_write(&trace.context, request->traceparent);
	if (!trace.context.sampled)
		return;
	trace.begin_us = clock_unix_us();
	job->trace = malloc(sizeof *job->trace); /* without memory it is not told */
	if (!job->trace)
		return;
	*job->trace = trace;
	name_topic(job, job->trace->topic);
	tell_queue(job);
}

void job_trace_end(struct job *job)
{
	struct job_trace *trace = job->trace;
	if (!trace)
		return;
	job_trace_answered(job, 0, REASON_COUNT);
	if (trace->gate_us)
		tell_part(job, "wait for a permit", trace->gate_us);
	trace_send_end(&trace->send, job->ports->tracer, job->request.id, false);
	struct span span = {
	        .context = trace->context, .link = trace->link, .kind = SPAN_CONSUMER, .begin_us = trace->begin_us};
	memcpy(span.parent_id, trace->parent_id, sizeof span.parent_id);
	(void)snprintf(span.name, sizeof span.name, "process %s", trace->topic);
	span_text(&span, "messaging.system", "kafka");
	span_text(&span, "messaging.operation.name", "process");
	span_text(&span, "messaging.operation.type", "process");
	span_text(&span, "messaging.destination.name", trace->topic);
	describe_job(job, &span);
	span_text(&span, "verifyd.outcome", trace->outcome);
	span_number(&span, "verifyd.attempts", job->request.attempts);
	tracer_tell(job->ports->tracer, &span);
	free(trace);
	job->trace = NULL;
}

/* ---- the gate, the call ---- */

void job_trace_wait(struct job *job)
{
	if (job->trace && !job->trace->gate_us)
		job->trace->gate_us = clock_unix_us();
}

static void begin_call(struct job *job, char ret_traceparent[TRACE_PARENT_BYTES])
{
	struct job_trace *trace = job->trace;
	if (trace->gate_us)
		tell_part(job, "wait for a permit", trace->gate_us);
	trace->gate_us = 0;
	trace_step_begin(&trace->call, job->ports->tracer, &trace->context, ret_traceparent);
}

void job_trace_call(struct job *job)
{
	char traceparent[TRACE_PARENT_BYTES];
	memcpy(traceparent, job->request.traceparent, sizeof traceparent);
	if (job->trace)
		begin_call(job, traceparent);
	http_trace_carry(&job->http, traceparent, job->request.id);
}

void job_trace_answered(struct job *job, int status, enum reason reason)
{
	const struct engine *engine = job->engine;
	struct span span;
	char target[SPAN_NAME_BYTES];
	if (!job->trace || !trace_step_end(&job->trace->call, SPAN_CLIENT, reason != REASON_NONE, &span))
		return;
	(void)snprintf(target, sizeof target, "%s/%s", engine->kind->vendor, engine->operation->name);
	const struct http_trace call = {
	        .request = job->built ? &job->http : NULL,
	        .target = target,
	        .status = status,
	        .resends = job->request.attempts,
	        .error = reason < REASON_COUNT ? reason_name(reason) : "cancelled",
	};
	http_trace_describe(&call, &span);
	describe_job(job, &span);
	tracer_tell(job->ports->tracer, &span);
}

/* ---- records ---- */

void job_trace_send(struct job *job, const char *topic)
{
	if (job->trace)
		trace_send_begin(&job->trace->send, job->ports->tracer, &job->trace->context, topic,
		                 job->request.traceparent);
}

void job_trace_acked(struct job *job, bool taken)
{
	if (job->trace)
		trace_send_end(&job->trace->send, job->ports->tracer, job->request.id, taken);
}

/* ---- decisions ---- */

const char *job_trace_id(const struct job *job, char out[TRACE_ID_BYTES])
{
	struct trace_context context = {.sampled = false};
	const char *traceparent = job->request.traceparent;
	(void)trace_read(traceparent, strlen(traceparent), &context);
	memcpy(out, context.trace_id, TRACE_ID_BYTES);
	return out[0] ? out : NULL;
}

void job_note(struct job *job, enum decision decision, enum reason reason)
{
	struct log_field suppressed;
	char trace_id[TRACE_ID_BYTES];
	if (job->trace)
		job->trace->outcome = decision_name(decision);
	if (!decision_log_pass(job->ports->decisions, decision, clock_mono_ms(), &suppressed))
		return;
	const struct engine *engine = job->engine;
	bool waits = decision == DECISION_RETRIED || decision == DECISION_DELAYED;
	decision_log_write(decision, LOG_STR("id", job->request.id), LOG_STR("trace_id", job_trace_id(job, trace_id)),
	                   LOG_STR("vendor", engine->kind->vendor), LOG_STR("op", engine->operation->name),
	                   LOG_STR("state", job->has_state ? state_name(job->state.state) : NULL),
	                   LOG_STR("reason", reason != REASON_NONE ? reason_name(reason) : NULL),
	                   LOG_INT("attempts", job->request.attempts),
	                   waits ? LOG_INT("wait_ms", job->hop_wait_ms) : LOG_STR("wait_ms", NULL), suppressed);
}
