/* engine_steps: a job's way, one function per step; each step ends the job or waits for exactly one event.
 *
 * lease and state (engine_lease.c) -> the flow's beginning -> vendor call -> answer or retry -> dead letter, ladder,
 * result -> offset -> Redis. What differs between operations is in engine_ask.c, engine_initiate.c and
 * engine_retrieve.c. */
#include "common/base/clock.h"
#include "common/base/crash_point.h"
#include "workers/engine_internal.h"
#include "workers/job_trace.h"
#include <string.h>

enum {
	WARN_INTERVAL_MS = 1000,
	NEWER_WAIT_MS = 30000,
};

/* ---- hops ---- */

static void hopped(struct job *job)
{
	CRASH_POINT(worker.hop_acked);
	job_finish(job);
}

static void send_hop(struct job *job)
{
	enum err_code sent = job_send_hop(job, NULL);
	CRASH_POINT(worker.hop_sent);
	job_await_ack(job, sent, hopped, send_hop);
}

static void hop(struct job *job, int64_t wait_ms)
{
	job->hop_wait_ms = wait_ms;
	job_note(job, DECISION_DELAYED, job->reason);
	send_hop(job);
}

static void wait_and_retry(struct job *job)
{
	if (retry_tier(job->hop_wait_ms, clock_unix_ms(), job->request.deadline_ms)) {
		metric_add(job->engine->metric.hopped, 1);
		hop(job, job->hop_wait_ms);
		return;
	}
	metric_add(job->engine->metric.retried, 1);
	job_note(job, DECISION_RETRIED, job->reason);
	job_wait(job, job->hop_wait_ms, job_take_lease);
}

static void saved(struct job *job)
{
	CRASH_POINT(worker.retry_saved);
	job_note_published(job);
	wait_and_retry(job);
}

/* What has moved so far must be known to who tries again, be it this worker or another. */
static void save_and_retry(struct job *job)
{
	job_show(job);
	job_await_ack(job, job_send_result(job, NULL), saved, save_and_retry);
}

void job_retry_later(struct job *job, int64_t wait_ms)
{
	job_leave_gate(job);
	job->hop_wait_ms = wait_ms;
	if (job->unsaved && job_encode(job) == ERR_OK)
		save_and_retry(job);
	else
		wait_and_retry(job);
}

static void send_aside(struct job *job)
{
	job_await_ack(job, job_send_aside(job, NULL), hopped, send_aside);
}

void job_set_aside(struct job *job)
{
	job->hop_wait_ms = NEWER_WAIT_MS;
	metric_add(job->engine->metric.hopped, 1);
	log_warn("newer_record", LOG_STR("topic", job->record->topic), LOG_INT("partition", job->record->partition),
	         LOG_INT("offset", job->record->offset));
	send_aside(job);
}

void job_refuse_poison(struct job *job, const struct err *err)
{
	job->reason = REASON_POISON;
	job->request.kind = KIND_COUNT;
	job->detail = err_text(err->code);
	metric_add(job->engine->metric.poison, 1);
	log_warn("poison_record", LOG_STR("topic", job->record->topic), LOG_INT("partition", job->record->partition),
	         LOG_INT("offset", job->record->offset), LOG_STR("why", err->msg));
	job->effects = EFFECT_DEAD_LETTER;
	job_do_effects(job);
}

/* ---- moving the state ---- */

/* Why a person was not verified is no log's business: only why nobody could say is. */
static void note_outcome(struct job *job, enum event_type type)
{
	const struct engine *engine = job->engine;
	const struct {
		struct metric *metric; /* NULL: not counted here */
		enum decision decision;
	} by_type[EVENT_COUNT] = {
	        [EVENT_SCORED] = {engine->metric.completed, DECISION_COMPLETED},
	        [EVENT_NO_SCORE] = {engine->metric.completed, DECISION_COMPLETED},
	        [EVENT_INITIATED] = {engine->metric.completed, DECISION_COMPLETED},
	        [EVENT_JUDGED] = {engine->metric.completed, DECISION_COMPLETED},
	        [EVENT_EXPIRED] = {engine->metric.expired, DECISION_EXPIRED},
	        [EVENT_DIED] = {engine->metric.dead, DECISION_DEAD},
	        [EVENT_PENDING] = {NULL, DECISION_PENDING},
	};
	if (by_type[type].metric)
		metric_add(by_type[type].metric, 1);
	if (by_type[type].metric || type == EVENT_PENDING)
		job_note(job, by_type[type].decision, type == EVENT_DIED ? job->reason : REASON_NONE);
}

bool job_deadline_passed(const struct job *job)
{
	return job->request.deadline_ms != 0 && clock_unix_ms() >= job->request.deadline_ms;
}

bool job_step(struct job *job, struct event event)
{
	event.at_ms = clock_unix_ms();
	event.attempts = job->request.attempts;
	event.replays = job->request.replays;
	event.taken_ms = job->taken_ms;
	event.asked_ms = job->asked_ms;
	event.answered_ms = job->answered_ms;
	if (!verification_step(&job->state, &event, &job->state, &job->effects))
		return false;
	job->unsaved = true;
	job->sent_effects = 0;
	return true;
}

bool job_can_step(const struct job *job, enum event_type type)
{
	struct verification state = job->state;
	unsigned effects;
	const struct event event = {.type = type,
	                            .at_ms = clock_unix_ms(),
	                            .attempts = job->request.attempts,
	                            .replays = job->request.replays};
	return verification_step(&state, &event, &state, &effects);
}

void job_apply(struct job *job, struct event event)
{
	if (!job_step(job, event)) {
		job_finish(job);
		return;
	}
	job->decided = true;
	note_outcome(job, event.type);
	if (job_encode(job) != ERR_OK) { /* out of memory: the record comes again */
		log_error("state_not_encoded", LOG_STR("id", job->request.id));
		job_hand_back(job);
		return;
	}
	bool is_answer = event.type == EVENT_SCORED || event.type == EVENT_NO_SCORE || event.type == EVENT_INITIATED ||
	                 event.type == EVENT_JUDGED || event.type == EVENT_DIED;
	if (job->answered_ms && is_answer)
		job_keep_answer(job);
	else
		job_confirm(job);
}

void job_no_use(struct job *job)
{
	metric_add(job->engine->metric.duplicate, 1);
	job_note(job, DECISION_NO_USE, REASON_NONE);
	job_finish(job);
}

/* ---- after a failed call ---- */

static void log_failure(struct job *job, enum retry_verdict verdict)
{
	static const char *const verdicts[RETRY_VERDICT_COUNT] = {"again", "again", "dead", "expired"};
	struct engine *engine = job->engine;
	int64_t dropped = 0;
	char trace_id[TRACE_ID_BYTES];
	bool again = verdict == RETRY_IN_MEMORY || verdict == RETRY_DELAYED;
	if (again && !log_limit_pass(&engine->failure_limit, clock_mono_ms(), WARN_INTERVAL_MS, &dropped))
		return;
	log_warn("vendor_call_failed", LOG_STR("id", job->request.id), LOG_STR("trace_id", job_trace_id(job, trace_id)),
	         LOG_STR("vendor", engine->kind->vendor), LOG_STR("op", engine->operation->name),
	         LOG_STR("reason", reason_name(job->reason)), LOG_STR("detail", job->detail),
	         LOG_INT("attempts", job->request.attempts), LOG_STR("next", verdicts[verdict]),
	         LOG_INT("others_not_logged", dropped));
}

static void retry_or_end(struct job *job, enum failure failure, int64_t retry_after_ms, bool bytes_sent)
{
	const struct flow *flow = job->engine->flow;
	const struct retry_input input = {
	        .failure = failure,
	        .flow = job->engine->operation->flow,
	        .bytes_sent = bytes_sent,
	        .sends = job->state.sends,
	        .attempts = job->request.attempts,
	        .max_attempts = job->engine->options.max_attempts,
	        .retry_after_ms = retry_after_ms,
	        .first_failure_ms = job->request.first_failure_ms,
	        .now_ms = clock_unix_ms(),
	        .deadline_ms = job->request.deadline_ms,
	        .random_bits = jitter_bits(),
	        .is_held = gate_is_open(job->engine->gate),
	};
	const struct retry_decision decision = retry_decide(&input);
	job->request.attempts = decision.attempts;
	job->reason = decision.reason;
	job->step = 0;
	if (!job->request.first_failure_ms)
		job->request.first_failure_ms = input.now_ms;
	log_failure(job, decision.verdict);
	if (flow->failed && flow->failed(job, failure, &decision))
		return;
	if (decision.verdict == RETRY_DEAD) {
		if (!flow->exhausted || !flow->exhausted(job, failure))
			job_apply(job, (struct event){.type = EVENT_DIED, .reason = job->reason});
	} else if (decision.verdict == RETRY_EXPIRED) {
		job_expire(job);
	} else {
		/* a hop counts the try in its record; one that waits here would be forgotten if this worker died */
		const struct event retried = {.type = EVENT_RETRIED, .reason = job->reason};
		bool counted = decision.verdict == RETRY_IN_MEMORY && !input.is_held && job_step(job, retried);
		job->unsaved = job->unsaved || counted;
		job_retry_later(job, decision.wait_ms);
	}
}

/* ---- the vendor call ---- */

static struct vendor_job describe(const struct job *job)
{
	return (struct vendor_job){
	        .operation = job->operation,
	        .request = &job->request,
	        .person = &job->person,
	        .state = &job->state,
	        .step = job->step,
	        .now_ms = clock_unix_ms(),
	};
}

static void on_answer(void *ctx, const struct http_result *result)
{
	struct job *job = ctx;
	struct engine *engine = job->engine;
	struct vendor_answer answer;
	vendor_answer_init(&answer);
	answer.failure = result->failure;
	job->call = NULL;
	job->answered_ms = clock_unix_ms();
	job->detail = result->detail;
	int64_t took_us = clock_mono_us() - job->started_us;
	metric_observe_us(engine->metric.latency, took_us);
	engine->took[worker_took_bucket(took_us)]++;
	metric_add(engine->metric.calls_open, -1);
	if (result->ok) {
		const struct vendor_job vendor_job = describe(job);
		job->detail = NULL;
		engine->options.vendor->read(engine->options.vendor_self, &vendor_job, &result->response, &answer);
	}
	CRASH_POINT(worker.answered);
	job_trace_answered(job, result->ok ? result->response.status : 0,
	                   answer.failed ? failure_reason(answer.failure) : REASON_NONE);
	job_wipe_call(job);
	engine_count_answer(engine, &answer);
	gate_note_end(engine->gate, &job->ticket, !answer.failed, answer.failure, answer.retry_after_ms);
	if (answer.failed) {
		retry_or_end(job, answer.failure, answer.retry_after_ms, result->ok || result->bytes_sent);
	} else if (answer.next_step > 0) {
		job->step = answer.next_step;
		job_call_vendor(job);
	} else {
		engine->flow->answered(job, &answer);
	}
	vendor_answer_fini(&answer);
}

void job_die(struct job *job, enum reason reason, const char *detail)
{
	job->reason = reason;
	job->detail = detail;
	job_wipe_call(job);
	log_failure(job, RETRY_DEAD);
	job_apply(job, (struct event){.type = EVENT_DIED, .reason = reason});
}

/* Opens the sealed part and builds the call. Returns: true; false after it decided the job's fate. */
static bool build_call(struct job *job)
{
	const struct engine_options *options = &job->engine->options;
	http_request_init(&job->http);
	job->built = true;
	enum err_code code = request_open(&job->request, job->ports->ring, &job->person, NULL);
	if (code != ERR_OK) {
		job_die(job, REASON_UNREADABLE_SEAL, err_text(code));
		return false;
	}
	const struct vendor_job vendor_job = describe(job);
	code = options->vendor->build(options->vendor_self, &vendor_job, &job->http, NULL);
	if (code != ERR_OK)
		job_die(job, REASON_REFUSED, err_text(code));
	return code == ERR_OK;
}

void job_call_vendor(struct job *job)
{
	struct err err;
	if (!build_call(job))
		return;
	if (!job_may_call(job)) {
		job_wipe_call(job);
		return;
	}
	job_trace_call(job);
	job->asked_ms = clock_unix_ms();
	job->started_us = clock_mono_us();
	if (http_curl_start(job->ports->http, &job->http, on_answer, job, &job->call, &err) != ERR_OK) {
		job->detail = err_text(err.code);
		job_trace_answered(job, 0, failure_reason(FAILURE_CONNECT));
		job_wipe_call(job);
		engine_count_failure(job->engine, FAILURE_CONNECT);
		gate_note_end(job->engine->gate, &job->ticket, false, FAILURE_CONNECT, 0);
		retry_or_end(job, FAILURE_CONNECT, 0, false);
		return;
	}
	CRASH_POINT(worker.called);
	metric_add(job->engine->metric.called, 1);
	metric_add(job->engine->metric.calls_open, 1);
}

/* A second completed result would say something else than the first one, and there is no hurry: nobody waits. So this
 * is only done by whoever sees all that is known. */
void job_expire(struct job *job)
{
	if (job->expiring || job->engine->flow->needs_cache) {
		job_apply(job, (struct event){.type = EVENT_EXPIRED, .reason = REASON_EXPIRED});
		return;
	}
	job->expiring = true;
	job_take_lease(job);
}

void job_begin(struct job *job)
{
	job->begun = true;
	int64_t now = clock_unix_ms(), left = job->not_before_ms - now;
	job->taken_ms = now;
	if (retry_tier(left, now, job->request.deadline_ms))
		hop(job, left);
	else if (left > 0)
		job_wait(job, left, job_take_lease);
	else
		job_take_lease(job);
}
