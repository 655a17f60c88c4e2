/* engine: life, intake and waiting. What happens to a job, step by step, is in engine_steps.c. */
#include "common/base/clock.h"
#include "common/base/crash_point.h"
#include "workers/engine_internal.h"
#include "workers/job_trace.h"
#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	RESEND_MS = 1000, /* before a record that was not acked is sent again */
	REVOKE_WAIT_MS = 3000,
	SPAN_PER_PARTITION = 16384, /* between watermark and newest; what is out keeps its fetch in memory */
	PREFETCH_KBYTES = 512,
	INSTANCE_BYTES = 192,
};

/* ---- a job's end ---- */

static void free_job(struct job *job)
{
	struct engine *engine = job->engine;
	job_wipe_call(job);
	job_forget_kept(job);
	request_fini(&job->request);
	verification_texts_fini(&job->texts);
	buf_fini(&job->value);
	list_remove(&job->node);
	engine->jobs--;
	metric_set(engine->metric.in_flight, (int64_t)engine->jobs);
	free(job);
}

static void on_timer_closed(uv_handle_t *handle)
{
	free_job(handle->data);
}

void job_end(struct job *job)
{
	assert(!job->record && !job->call && !job->held);
	struct engine *engine = job->engine;
	struct job *next = job_table_remove(&engine->table, job);
	job_trace_end(job);
	job->abandoned = true; /* until its timer has closed */
	if (job->timer_open)
		uv_close((uv_handle_t *)&job->timer, on_timer_closed);
	else
		free_job(job);
	if (next && !engine->leaving)
		job_begin(next);
}

void job_record_done(struct job *job)
{
	if (job->record)
		kafka_record_done(job->record);
	job->record = NULL;
}

/* Who gets the lease next must find what this job has published. What it published before its last step cannot be put
 * together any more: then the lease runs out, and until then the projector has written it. */
void job_release_lease(struct job *job)
{
	struct redis_store *store = job->ports->store;
	if (job->leased && !job->published)
		redis_store_release(store, job->request.id, job->engine->lease, job->token);
	else if (job->leased && !job->unsaved &&
	         redis_store_put(store, &job->state, job->value.data, job->value.len, job->engine->lease, job->token,
	                         NULL, NULL, NULL) != ERR_OK)
		log_debug("lease_not_released", LOG_STR("id", job->request.id));
	job->leased = false;
}

void job_finish(struct job *job)
{
	job_leave_gate(job);
	job_release_lease(job);
	job_record_done(job);
	job_end(job);
}

void job_hand_back(struct job *job)
{
	job_note(job, DECISION_HANDED_BACK, REASON_NONE);
	job_leave_gate(job);
	if (job->call) {
		http_curl_cancel(job->ports->http, job->call);
		metric_add(job->engine->metric.calls_open, -1);
	}
	job->call = NULL;
	bool on_its_way = job->held && job->decided; /* a result may yet arrive: nobody may buy another one meanwhile */
	if (!on_its_way)
		job_release_lease(job);
	if (job->record)
		kafka_record_drop(job->record);
	job->record = NULL;
	job->abandoned = true;
	if (!job->held)
		job_end(job);
}

/* ---- waiting ---- */

static void on_timer(uv_timer_t *timer)
{
	struct job *job = timer->data;
	job->timer_runs = false;
	job->then(job);
}

void job_wait(struct job *job, int64_t wait_ms, void (*then)(struct job *job))
{
	job_leave_gate(job);
	if (job->engine->leaving && !job->decided) {
		job_hand_back(job);
		return;
	}
	if (!job->timer_open) {
		(void)uv_timer_init(job->ports->loop, &job->timer); /* cannot fail: libuv returns 0 always */
		job->timer.data = job;
		job->timer_open = true;
	}
	job->then = then;
	job->timer_runs = true;
	uv_timer_start(&job->timer, on_timer, (uint64_t)(wait_ms > 0 ? wait_ms : 0), 0);
}

static void on_delivered(struct kafka_delivery *delivery, enum err_code result, int32_t partition, int64_t offset)
{
	struct job *job = (struct job *)(void *)((char *)delivery - offsetof(struct job, delivery));
	job->held = false;
	job->acked_partition = partition;
	job->acked_offset = offset;
	job_trace_acked(job, result == ERR_OK);
	if (job->abandoned)
		job_end(job);
	else if (result == ERR_OK)
		job->then(job);
	else
		job_wait(job, RESEND_MS, job->again);
}

void job_await_ack(struct job *job, enum err_code sent, void (*then)(struct job *job), void (*again)(struct job *job))
{
	job->again = again;
	if (sent != ERR_OK) {
		job_trace_acked(job, false);
		job_wait(job, RESEND_MS, again);
		return;
	}
	job->then = then;
	job->held = true;
}

/* ---- intake ---- */

static struct job *new_job(struct engine *engine, struct kafka_record *record)
{
	struct job *job = calloc(1, sizeof *job);
	if (!job || id_token(job->token) != ERR_OK) {
		free(job);
		return NULL;
	}
	job->engine = engine;
	job->ports = &engine->ports;
	job->operation = engine->options.operation;
	job->record = record;
	job->delivery.delivered = on_delivered;
	job->ticket.told = job_on_told;
	buf_init(&job->value, VERIFICATION_MAX_BYTES);
	list_insert(&engine->all, &job->node);
	engine->jobs++;
	metric_add(engine->metric.taken, 1);
	metric_set(engine->metric.in_flight, (int64_t)engine->jobs);
	return job;
}

static void on_record(void *ctx, struct kafka_record *record)
{
	struct engine *engine = ctx;
	struct err err = {ERR_OK, ""};
	struct job *job = new_job(engine, record);
	CRASH_POINT(worker.taken);
	if (!job) {
		log_error("job_not_started", LOG_STR("why", "out of memory or randomness"));
		kafka_record_drop(record); /* comes again */
		return;
	}
	enum err_code code = job_read(job, &err);
	if (code == ERR_OK && job->request.kind != engine->operation->kind)
		code = err_set(&err, ERR_CONFLICT, "its kind does not belong to this topic");
	job_trace_begin(job);
	if (code == ERR_NEWER)
		job_set_aside(job);
	else if (code != ERR_OK)
		job_refuse_poison(job, &err);
	else if (job_table_add(&engine->table, job))
		job_begin(job);
}

/* ---- leaving ---- */

/* fn ends at most the job it is called for. */
static void for_each_job(struct engine *engine, void (*fn)(struct job *job))
{
	for (struct list *node = engine->all.next, *next; node != &engine->all; node = next) {
		next = node->next;
		fn(LIST_ENTRY(node, struct job, node));
	}
}

static void hand_back_if_waiting(struct job *job)
{
	bool waits = !job->begun || job->ticket.waits || (job->timer_runs && !job->decided);
	if (job->continues)
		job_stop_waiting(job);
	else if (!job->abandoned && waits)
		job_hand_back(job);
}

/* Every member waits for this one: what merely waits must not hold them up. */
static void on_revoke(void *ctx)
{
	struct engine *engine = ctx;
	engine->leaving = true;
	for_each_job(engine, hand_back_if_waiting);
}

static void on_assignment(void *ctx, size_t partitions)
{
	struct engine *engine = ctx;
	(void)partitions;
	engine->joined = true;
	engine->leaving = engine->stopping;
}

/* ---- life ---- */

static const struct flow *flow_of(enum flow_kind kind)
{
	static const struct flow *const flows[] = {
	        [FLOW_ASK] = &flow_ask, [FLOW_INITIATE] = &flow_initiate, [FLOW_RETRIEVE] = &flow_retrieve};
	return flows[kind];
}

/* A kind's operations are members of one group, and a static member's name is its own. */
static void name_member(const struct engine *engine, char out[INSTANCE_BYTES])
{
	const char *instance = engine->options.instance_id;
	snprintf(out, INSTANCE_BYTES, "%s.%s", instance ? instance : "", engine->operation->name);
}

static enum err_code open_gate(struct engine *engine, struct err *err)
{
	const struct engine_options *options = &engine->options;
	struct gate_options gate = {
	        .vendor = engine->kind->vendor,
	        .op = engine->operation->name,
	        .probe_ms = options->probe_ms,
	        .breaker_failures = options->breaker_failures,
	        .needs_fleet = engine->flow->needs_cache,
	};
	if (options->vendor->rate)
		gate.rate = options->vendor->rate(options->vendor_self, options->operation);
	return gate_new(&engine->ports, &gate, &engine->gate, err);
}

enum err_code engine_new(const struct ports *ports, const struct engine_options *options, struct engine **ret_engine,
                         struct err *err)
{
	struct engine *engine = calloc(1, sizeof *engine);
	if (!engine)
		return err_set(err, ERR_NO_MEMORY, "engine");
	engine->ports = *ports;
	engine->options = *options;
	engine->operation = operation_info(options->operation);
	engine->kind = kind_info(engine->operation->kind);
	engine->flow = flow_of(engine->operation->flow);
	engine->lease = operation_info(kind_first_operation(engine->operation->kind))->name;
	list_init(&engine->all);
	engine_make_metrics(engine);
	char member[INSTANCE_BYTES];
	name_member(engine, member);
	const struct kafka_consumer_options consumer = {
	        .group = engine->kind->vendor,
	        .topics = &engine->operation->topic,
	        .topic_count = 1,
	        .max_outstanding = options->max_in_flight,
	        .max_span = SPAN_PER_PARTITION,
	        .instance_id = options->instance_id,
	        .revoke_wait_ms = REVOKE_WAIT_MS,
	        .queued_kbytes = PREFETCH_KBYTES,
	        .on_record = on_record,
	        .on_revoke = on_revoke,
	        .on_assignment = on_assignment,
	        .ctx = engine,
	};
	enum err_code code = kafka_consumer_new(ports->kafka, &consumer, ports->loop, &engine->consumer, err);
	if (code == ERR_OK && (code = open_gate(engine, err)) != ERR_OK)
		kafka_consumer_close(engine->consumer);
	if (code != ERR_OK)
		free(engine);
	else
		*ret_engine = engine;
	return code;
}

void engine_stop(struct engine *engine)
{
	engine->stopping = engine->leaving = true;
	kafka_consumer_stop(engine->consumer);
	for_each_job(engine, hand_back_if_waiting);
}

size_t engine_in_flight(const struct engine *engine)
{
	return engine->jobs;
}

const struct gate *engine_gate(const struct engine *engine)
{
	return engine->gate;
}

int64_t engine_lag(const struct engine *engine)
{
	return kafka_consumer_lag(engine->consumer);
}

const char *engine_vendor(const struct engine *engine)
{
	return engine->kind->vendor;
}

struct kafka_backlog_of engine_backlog_of(const struct engine *engine)
{
	return (struct kafka_backlog_of){engine->kind->vendor, engine->operation->topic, engine->consumer};
}

void engine_learn_backlog(struct engine *engine, const struct kafka_backlog *backlog)
{
	if (!engine->consumer)
		return; /* has left */
	for (size_t i = 0; i < backlog->count; i++)
		kafka_consumer_learn(engine->consumer, engine->operation->topic, (int32_t)i, backlog->parts[i].next,
		                     backlog->parts[i].end);
}

bool engine_has_failed(const struct engine *engine)
{
	return kafka_consumer_has_failed(engine->consumer);
}

bool engine_is_up(const struct engine *engine)
{
	return kafka_consumer_is_up(engine->consumer);
}

bool engine_has_joined(const struct engine *engine)
{
	return engine->joined;
}

static void hand_back_if_left(struct job *job)
{
	if (!job->abandoned)
		job_hand_back(job);
}

void engine_abandon(struct engine *engine)
{
	engine->stopping = engine->leaving = true;
	for_each_job(engine, hand_back_if_left);
	gate_close(engine->gate);
	kafka_consumer_close(engine->consumer);
	engine->consumer = NULL;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	assert(engine->jobs == 0 && !engine->consumer);
	gate_free(engine->gate);
	free(engine);
}
