/* job: reading a record, and building hops, dead letters and results. */
#include "workers/job.h"
#include "common/base/clock.h"
#include "common/base/decimal.h"
#include "workers/headers.h"
#include "workers/job_trace.h"
#include <stdio.h>
#include <string.h>

enum { KEY_BYTES = ID_BYTES + TOKEN_BYTES + 1 };

static void add_if(struct headers *headers, const char *name, int64_t value)
{
	if (value)
		headers_number(headers, name, value);
}

/* What a request carries wherever it goes. */
static void add_common(struct headers *headers, enum operation operation, const struct request *request)
{
	headers_number(headers, HEADER_SCHEMA, REQUEST_SCHEMA);
	headers_text(headers, HEADER_OP, operation < OPERATION_COUNT ? operation_info(operation)->name : NULL);
	add_if(headers, HEADER_DEADLINE, request->deadline_ms);
	headers_text(headers, HEADER_TRACEPARENT, request->traceparent);
	headers_text(headers, HEADER_CAUSE, cause_name(request->cause));
	add_if(headers, HEADER_POLL, request->poll);
}

static enum err_code read_not_before(struct job *job)
{
	size_t len;
	const char *value = kafka_record_header(job->record, HEADER_NOT_BEFORE, &len);
	return value ? decimal_parse(value, len, INT64_MAX, &job->not_before_ms) : ERR_OK;
}

enum err_code job_read(struct job *job, struct err *err)
{
	struct kafka_record *record = job->record;
	if (headers_are_newer(record))
		return err_set(err, ERR_NEWER, "its schema is newer than this version");
	enum err_code code = request_decode(record->value, record->value_len, &job->request, err);
	if (code != ERR_OK) {
		job->request.kind = KIND_COUNT;
		job->operation = OPERATION_COUNT;
		return code;
	}
	const char *name, *value;
	size_t len;
	for (size_t i = 0; code == ERR_OK && kafka_record_header_at(record, i, &name, &value, &len); i++)
		code = request_set_header(&job->request, name, value, len, err);
	if (code == ERR_OK && read_not_before(job) != ERR_OK)
		code = err_set(err, ERR_INVALID, "header %s: not a number", HEADER_NOT_BEFORE);
	return code;
}

void job_wipe_call(struct job *job)
{
	if (!job->built)
		return;
	job->built = false;
	person_fini(&job->person);
	http_request_fini(&job->http);
}

static enum err_code send_request(struct job *job, const char *topic, const char *key, const struct headers *headers,
                                  struct err *err)
{
	const struct kafka_message message = {
	        .topic = topic,
	        .key = key,
	        .value = job->record->value,
	        .value_len = job->record->value_len,
	        .headers = headers->list,
	        .header_count = headers->count,
	        .delivery = &job->delivery,
	};
	return kafka_producer_send(job->ports->producer, &message, err);
}

enum err_code job_send_hop(struct job *job, struct err *err)
{
	const struct request *request = &job->request;
	const char *topic = delay_tier_for(job->hop_wait_ms)->topic;
	struct headers headers = {.count = 0};
	job_trace_send(job, topic);
	add_common(&headers, job->operation, request);
	headers_number(&headers, HEADER_ATTEMPT, request->attempts);
	add_if(&headers, HEADER_REPLAYS, request->replays);
	add_if(&headers, HEADER_FIRST_FAILURE, request->first_failure_ms);
	headers_number(&headers, HEADER_NOT_BEFORE, clock_unix_ms() + job->hop_wait_ms);
	headers_text(&headers, HEADER_TARGET, operation_info(job->operation)->topic);
	return send_request(job, topic, request->id, &headers, err);
}

/* A poison record keeps its key where it has a usable one, so that it can be found. */
static const char *dead_letter_key(const struct job *job, char out[KEY_BYTES])
{
	if (job->request.id[0])
		return job->request.id;
	size_t len = job->record->key_len < KEY_BYTES - 1 ? job->record->key_len : KEY_BYTES - 1;
	if (job->record->key)
		memcpy(out, job->record->key, len);
	out[job->record->key ? len : 0] = '\0';
	return out;
}

enum err_code job_send_aside(struct job *job, struct err *err)
{
	static const char *const own[] = {HEADER_NOT_BEFORE, HEADER_TARGET, NULL};
	const char *topic = delay_tier_for(job->hop_wait_ms)->topic;
	struct copied_headers copied;
	char key[KEY_BYTES];
	headers_copy(job->record, own, &copied);
	headers_number(&copied.headers, HEADER_NOT_BEFORE, clock_unix_ms() + job->hop_wait_ms);
	headers_text(&copied.headers, HEADER_TARGET, operation_info(job->operation)->topic);
	return send_request(job, topic, dead_letter_key(job, key), &copied.headers, err);
}

enum err_code job_send_dead_letter(struct job *job, struct err *err)
{
	char key[KEY_BYTES];
	struct headers headers = {.count = 0};
	bool poison = job->request.kind == KIND_COUNT;
	const struct failure_note note = {
	        .class = poison ? "poison" : operation_info(job->operation)->topic,
	        .reason = job->reason,
	        .message = job->detail,
	        .attempts = job->request.attempts,
	        .replays = job->request.replays,
	        .first_ms = job->request.first_failure_ms,
	};
	job_trace_send(job, "dead");
	add_common(&headers, job->operation, &job->request);
	headers_failure(&headers, &note);
	return send_request(job, "dead", dead_letter_key(job, key), &headers, err);
}

enum err_code job_encode(struct job *job)
{
	buf_clear(&job->value);
	return verification_encode(&job->state, &job->texts, &job->value);
}

enum err_code job_send_result(struct job *job, struct err *err)
{
	char key[KEY_BYTES];
	/* A completed result has a key of its own, so that compaction cannot bury the first one under a zombie's. */
	bool completed = job->state.state == STATE_COMPLETED;
	snprintf(key, sizeof key, "%s%s%s", job->request.id, completed ? "!" : "", completed ? job->token : "");
	struct headers headers = {.count = 0};
	job_trace_send(job, "results");
	headers_number(&headers, HEADER_SCHEMA, VERIFICATION_SCHEMA);
	headers_text(&headers, HEADER_TRACEPARENT, job->request.traceparent);
	const struct kafka_message message = {
	        .topic = "results",
	        .key = key,
	        .value = job->value.data,
	        .value_len = job->value.len,
	        .headers = headers.list,
	        .header_count = headers.count,
	        .delivery = &job->delivery,
	};
	return kafka_producer_send(job->ports->producer, &message, err);
}

/* A shorter wait is spent in the memory of who takes it. */
static const char *retrieval_topic(const struct verification *state, int64_t wait_ms)
{
	return wait_ms >= RETRY_IN_MEMORY_MS ? delay_tier_for(wait_ms)->topic
	                                     : operation_info(kind_operation(state->kind, FLOW_RETRIEVE))->topic;
}

enum err_code retrieval_send(struct kafka_producer *producer, const struct retrieval *retrieval, struct err *err)
{
	const struct verification *state = retrieval->state;
	const struct operation_info *retrieve = operation_info(kind_operation(state->kind, FLOW_RETRIEVE));
	bool delayed = retrieval->wait_ms >= RETRY_IN_MEMORY_MS;
	struct headers headers = {.count = 0};
	struct buf value;
	headers_number(&headers, HEADER_SCHEMA, REQUEST_SCHEMA);
	headers_text(&headers, HEADER_OP, retrieve->name);
	headers_text(&headers, HEADER_TRACEPARENT, retrieval->traceparent);
	headers_text(&headers, HEADER_CAUSE, cause_name(retrieval->cause));
	if (retrieval->cause == CAUSE_POLL)
		headers_number(&headers, HEADER_POLL, state->poll);
	headers_number(&headers, HEADER_ATTEMPT, 0);
	headers_number(&headers, HEADER_NOT_BEFORE, clock_unix_ms() + retrieval->wait_ms);
	headers_text(&headers, HEADER_TARGET, delayed ? retrieve->topic : NULL);
	buf_init(&value, REQUEST_MAX_BYTES);
	enum err_code code = retrieval_encode(state, retrieval->texts, &value);
	const struct kafka_message message = {
	        .topic = retrieval_topic(state, retrieval->wait_ms),
	        .key = state->id,
	        .value = value.data,
	        .value_len = value.len,
	        .headers = headers.list,
	        .header_count = headers.count,
	        .delivery = retrieval->delivery,
	};
	if (code == ERR_OK)
		code = kafka_producer_send(producer, &message, err);
	buf_fini(&value);
	return code;
}

enum err_code job_send_retrieval(struct job *job, enum cause cause, int64_t wait_ms, struct err *err)
{
	job_trace_send(job, retrieval_topic(&job->state, wait_ms));
	const struct retrieval retrieval = {
	        .state = &job->state,
	        .texts = &job->texts,
	        .traceparent = job->request.traceparent,
	        .cause = cause,
	        .wait_ms = wait_ms,
	        .delivery = &job->delivery,
	};
	return retrieval_send(job->ports->producer, &retrieval, err);
}

enum err_code job_send_notice(struct job *job, struct err *err)
{
	const struct request *request = &job->request;
	const char *sealed = job->texts.sealed ? job->texts.sealed : request->sealed;
	struct headers headers = {.count = 0};
	struct buf value;
	job_trace_send(job, delay_tiers()[0].topic);
	headers_number(&headers, HEADER_SCHEMA, REQUEST_SCHEMA);
	headers_text(&headers, HEADER_OP, WEBHOOK_TARGET);
	headers_text(&headers, HEADER_TRACEPARENT, request->traceparent);
	headers_number(&headers, HEADER_ATTEMPT, 0);
	headers_number(&headers, HEADER_NOT_BEFORE, clock_unix_ms());
	headers_text(&headers, HEADER_TARGET, WEBHOOK_TARGET);
	buf_init(&value, REQUEST_MAX_BYTES);
	enum err_code code = notice_encode(&job->state, request->question, sealed, &value);
	const struct kafka_message message = {
	        .topic = delay_tiers()[0].topic,
	        .key = request->id,
	        .value = value.data,
	        .value_len = value.len,
	        .headers = headers.list,
	        .header_count = headers.count,
	        .delivery = &job->delivery,
	};
	if (code == ERR_OK)
		code = kafka_producer_send(job->ports->producer, &message, err);
	buf_fini(&value);
	return code;
}
