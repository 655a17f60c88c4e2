/* engine_steps: a job's way, one function per step; each step ends the job or waits for exactly one event.
 *
 * lease and state -> vendor call -> answer or retry -> dead letter -> result -> offset -> Redis */
#include "common/base/clock.h"
#include "workers/engine_internal.h"
#include <string.h>

enum {
	LEASE_MARGIN_MS = 5000, /* the lease outlives the longest call by this */
	LEASE_POLL_MS = 500,    /* how often a lease that another one holds is asked for */
	WARN_INTERVAL_MS = 1000,
};

static void take_lease(struct job *job);
static void publish(struct job *job);

/* ---- dead letters and hops ---- */

static void send_dead_letter(struct job *job)
{
	bool poison = job->request.kind == KIND_COUNT;
	job_await_ack(job, job_send_dead_letter(job, NULL), poison ? job_finish : publish, send_dead_letter);
}

static void send_hop(struct job *job)
{
	job_await_ack(job, job_send_hop(job, NULL), job_finish, send_hop);
}

static void hop(struct job *job, int64_t wait_ms)
{
	job->hop_wait_ms = wait_ms;
	metric_add(job->engine->metric.hopped, 1);
	send_hop(job);
}

void job_refuse_poison(struct job *job, const struct err *err)
{
	job->reason = REASON_POISON;
	job->request.kind = KIND_COUNT;
	job->detail = err_text(err->code);
	metric_add(job->engine->metric.poison, 1);
	log_warn("poison_record", LOG_STR("topic", job->record->topic), LOG_INT("partition", job->record->partition),
	         LOG_INT("offset", job->record->offset), LOG_STR("why", err->msg));
	send_dead_letter(job);
}

/* ---- the result ---- */

static void on_settled(void *ctx, enum err_code code, bool written)
{
	struct job *job = ctx;
	(void)written;
	job->held = false;
	if (code == ERR_OK)
		projector_note_settled(job->engine->options.projector, job->acked_partition, job->acked_offset);
	job_end(job);
}

static void settle(struct job *job)
{
	const char *drop = job->effects & EFFECT_DROP_POINTER ? job->request.question : NULL;
	const char *token = job->leased ? job->token : NULL;
	struct buf value;
	job_record_done(job);
	buf_init(&value, VERIFICATION_MAX_BYTES);
	enum err_code code = verification_encode(&job->state, &value);
	job->held = true;
	if (code == ERR_OK)
		code = redis_store_put(job->ports->store, &job->state, value.data, value.len, job->engine->kind->op,
		                       token, drop, on_settled, job);
	buf_fini(&value);
	if (code == ERR_OK)
		return;
	job->held = false;
	job_end(job); /* Redis is away: the projector writes it when it is back */
}

static void publish(struct job *job)
{
	job_await_ack(job, job_send_result(job, NULL), settle, publish);
}

static void count_outcome(const struct engine *engine, enum event_type type)
{
	struct metric *const by_type[EVENT_COUNT] = {
	        [EVENT_SCORED] = engine->metric.completed,
	        [EVENT_NO_SCORE] = engine->metric.completed,
	        [EVENT_EXPIRED] = engine->metric.expired,
	        [EVENT_DIED] = engine->metric.dead,
	};
	if (by_type[type])
		metric_add(by_type[type], 1);
}

/* What the vendor said is paid for: should this worker die before the result is acked, the next one finds it. */
static void keep_answer(struct job *job)
{
	struct buf value;
	buf_init(&value, VERIFICATION_MAX_BYTES);
	if (job->leased && verification_encode(&job->state, &value) == ERR_OK)
		redis_store_keep_answer(job->ports->store, job->request.id, job->engine->kind->op, job->token,
		                        value.data, value.len);
	buf_fini(&value);
}

/* Moves the state and sets its effects going. */
static void apply(struct job *job, struct event event)
{
	event.at_ms = clock_unix_ms();
	event.attempts = job->request.attempts;
	event.replays = job->request.replays;
	event.taken_ms = job->taken_ms;
	event.asked_ms = job->asked_ms;
	event.answered_ms = job->answered_ms;
	if (!verification_step(&job->state, &event, &job->state, &job->effects)) {
		job_finish(job);
		return;
	}
	count_outcome(job->engine, event.type);
	if (event.answered_ms && event.type != EVENT_EXPIRED)
		keep_answer(job);
	if (job->effects & EFFECT_DEAD_LETTER)
		send_dead_letter(job);
	else
		publish(job);
}

/* ---- after a failed call ---- */

static void log_failure(struct job *job, enum retry_verdict verdict)
{
	static const char *const verdicts[] = {"again", "dead", "expired"};
	struct engine *engine = job->engine;
	int64_t dropped = 0;
	if (verdict == RETRY_AGAIN &&
	    !log_limit_pass(&engine->failure_limit, clock_mono_ms(), WARN_INTERVAL_MS, &dropped))
		return;
	log_warn("vendor_call_failed", LOG_STR("id", job->request.id), LOG_STR("vendor", engine->kind->vendor),
	         LOG_STR("op", engine->kind->op), LOG_STR("reason", reason_name(job->reason)),
	         LOG_STR("detail", job->detail), LOG_INT("attempts", job->request.attempts),
	         LOG_STR("next", verdicts[verdict]), LOG_INT("others_not_logged", dropped));
}

static void retry_or_end(struct job *job, enum failure failure, int64_t retry_after_ms)
{
	const struct retry_input input = {
	        .failure = failure,
	        .attempts = job->request.attempts,
	        .max_attempts = job->engine->options.max_attempts,
	        .retry_after_ms = retry_after_ms,
	        .now_ms = clock_unix_ms(),
	        .deadline_ms = job->request.deadline_ms,
	        .random_bits = jitter_bits(),
	};
	const struct retry_decision decision = retry_decide(&input);
	job->request.attempts = decision.attempts;
	job->reason = failure_reason(failure);
	if (!job->request.first_failure_ms)
		job->request.first_failure_ms = input.now_ms;
	log_failure(job, decision.verdict);
	if (decision.verdict == RETRY_DEAD) {
		apply(job, (struct event){.type = EVENT_DIED, .reason = job->reason});
	} else if (decision.verdict == RETRY_EXPIRED) {
		apply(job, (struct event){.type = EVENT_EXPIRED, .reason = REASON_EXPIRED});
	} else if (decision.wait_ms >= RETRY_IN_MEMORY_MS) {
		hop(job, decision.wait_ms);
	} else {
		metric_add(job->engine->metric.retried, 1);
		job_wait(job, decision.wait_ms, take_lease);
	}
}

/* ---- the vendor call ---- */

static void on_answer(void *ctx, const struct http_result *result)
{
	struct job *job = ctx;
	struct engine *engine = job->engine;
	struct vendor_answer answer = {.failed = true, .failure = result->failure};
	job->call = NULL;
	job->answered_ms = clock_unix_ms();
	job->detail = result->detail;
	metric_observe_us(engine->metric.latency, clock_mono_us() - job->started_us);
	if (result->ok) {
		job->detail = NULL;
		engine->options.vendor->read(engine->options.vendor_self, &job->request, &job->person,
		                             &result->response, &answer);
	}
	job_wipe_call(job);
	if (answer.failed)
		retry_or_end(job, answer.failure, answer.retry_after_ms);
	else
		apply(job, answer.event);
}

/* No call was made, and none can ever be made for this job. */
static void die_unsent(struct job *job, enum reason reason, enum err_code code)
{
	job->reason = reason;
	job->detail = err_text(code);
	job_wipe_call(job);
	log_failure(job, RETRY_DEAD);
	apply(job, (struct event){.type = EVENT_DIED, .reason = reason});
}

/* Opens the sealed part and builds the call. Returns: true; false after it decided the job's fate. */
static bool build_call(struct job *job)
{
	const struct engine_options *options = &job->engine->options;
	http_request_init(&job->http);
	job->built = true;
	enum err_code code = request_open(&job->request, job->ports->ring, &job->person, NULL);
	if (code != ERR_OK) {
		die_unsent(job, REASON_UNREADABLE_SEAL, code);
		return false;
	}
	code = options->vendor->build(options->vendor_self, &job->request, &job->person, &job->http, NULL);
	if (code != ERR_OK)
		die_unsent(job, REASON_REFUSED, code);
	return code == ERR_OK;
}

static void call_vendor(struct job *job)
{
	struct err err;
	if (!build_call(job))
		return;
	job->asked_ms = clock_unix_ms();
	job->started_us = clock_mono_us();
	if (http_curl_start(job->ports->http, &job->http, on_answer, job, &job->call, &err) != ERR_OK) {
		job->detail = err_text(err.code);
		job_wipe_call(job);
		retry_or_end(job, FAILURE_CONNECT, 0);
		return;
	}
	metric_add(job->engine->metric.bought, 1);
}

bool job_step_is_publish(void (*step)(struct job *job))
{
	return step == publish;
}

/* ---- lease and state ---- */

static bool deadline_passed(const struct request *request)
{
	return request->deadline_ms != 0 && clock_unix_ms() >= request->deadline_ms;
}

/* An operator's replay of a dead job starts it afresh; the same replay delivered twice does nothing. */
static bool revive(struct job *job)
{
	const struct event event = {.type = EVENT_REVIVED, .at_ms = clock_unix_ms(), .replays = job->request.replays};
	if (!verification_step(&job->state, &event, &job->state, &job->effects))
		return false;
	struct buf value;
	buf_init(&value, VERIFICATION_MAX_BYTES);
	enum err_code code = verification_encode(&job->state, &value);
	if (code == ERR_OK)
		code = redis_store_put(job->ports->store, &job->state, value.data, value.len, job->engine->kind->op,
		                       NULL, NULL, NULL, NULL);
	if (code != ERR_OK) /* only shown late: the state that counts is written when the job ends */
		log_debug("revival_not_shown", LOG_STR("id", job->request.id));
	buf_fini(&value);
	return true;
}

static void with_state(struct job *job)
{
	if (state_is_final(job->state.state) && !revive(job)) {
		metric_add(job->engine->metric.duplicate, 1);
		job_finish(job);
	} else if (deadline_passed(&job->request)) {
		apply(job, (struct event){.type = EVENT_EXPIRED, .reason = REASON_EXPIRED});
	} else {
		call_vendor(job);
	}
}

static void read_state(struct job *job, const char *value, size_t len)
{
	struct err err;
	verification_queued(&job->request, &job->state);
	if (value && verification_decode(value, len, &job->state, &err) != ERR_OK)
		log_error("state_unreadable", LOG_STR("id", job->request.id), LOG_STR("why", err.msg));
}

/* Another worker got the answer and died, or is about to write it: finish its work under its token, without a call. */
static void adopt_answer(struct job *job, const char *token)
{
	metric_add(job->engine->metric.adopted, 1);
	memcpy(job->token, token, TOKEN_BYTES);
	job->leased = true;
	job->reason = job->state.reason;
	job->request.attempts = job->state.attempts;
	job->effects = EFFECT_PUBLISH;
	if (job->state.state == STATE_DEAD)
		send_dead_letter(job);
	else
		publish(job);
}

static void on_lease(void *ctx, enum err_code code, enum lease lease, const char *token, const char *value, size_t len)
{
	struct job *job = ctx;
	job->held = false;
	if (job->abandoned) {
		job_end(job);
		return;
	}
	job->leased = code == ERR_OK && lease == LEASE_GRANTED;
	read_state(job, code == ERR_OK ? value : NULL, len);
	bool is_final = state_is_final(job->state.state);
	/* a kept death is older than this replay of it: to adopt it would swallow the replay, so that one waits */
	bool is_replay = job->state.state == STATE_DEAD && job->request.replays > job->state.replays;
	if (code != ERR_OK) { /* Redis is away: a score goes on, and may be bought twice */
		metric_add(job->engine->metric.without_lease, 1);
		with_state(job);
	} else if (lease == LEASE_ANSWERED && is_final && !is_replay) {
		adopt_answer(job, token);
	} else if (lease != LEASE_GRANTED && state_rank(job->state.state) == 0) {
		job_wait(job, LEASE_POLL_MS, take_lease); /* another worker is at it, or died and its lease runs out */
	} else {
		with_state(job);
	}
}

static void take_lease(struct job *job)
{
	struct engine *engine = job->engine;
	int64_t ttl_ms =
	        engine->options.vendor->timeout_ms(engine->options.vendor_self, engine->options.kind) + LEASE_MARGIN_MS;
	job->held = true; /* the store holds a pointer to the job until it answers */
	enum err_code code = redis_store_lease(job->ports->store, job->request.id, engine->kind->op, job->token, ttl_ms,
	                                       on_lease, job);
	if (code != ERR_OK)
		on_lease(job, ERR_UNAVAILABLE, LEASE_ANOTHERS, "", NULL, 0);
}

void job_begin(struct job *job)
{
	job->begun = true;
	int64_t now = clock_unix_ms();
	job->taken_ms = now;
	if (job->not_before_ms - now >= RETRY_IN_MEMORY_MS)
		hop(job, job->not_before_ms - now);
	else if (job->not_before_ms > now)
		job_wait(job, job->not_before_ms - now, take_lease);
	else
		take_lease(job);
}
