/* world_pod: a worker process: the real engines, delay and projector of chosen operations, and how it ends. Killed, it
 * is taken down by its own code behind glass: nothing of that reaches the world, and no memory is lost. */
#include "tests/unit/engine/world.h"
#include "tests/unit/engine/world_queue.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DRAIN_TICK_MS = 50, FLUSH_MS = 1000 };
enum { DRAIN_JOBS = 1, DRAIN_SENDS, DRAIN_REDIS, DRAIN_REST };

/* ---- start ---- */

static void start_engine(struct pod *pod, enum operation operation)
{
	struct err err;
	const struct engine_options options = {
	        .operation = operation,
	        .vendor = &world_vendor,
	        .vendor_self = pod->world,
	        .max_in_flight = pod->options.max_in_flight,
	        .max_attempts = pod->options.max_attempts,
	        .probe_ms = pod->options.probe_ms ? pod->options.probe_ms : WORLD_PROBE_MS,
	        .breaker_failures =
	                pod->options.breaker_failures ? pod->options.breaker_failures : WORLD_BREAKER_FAILURES,
	        .projector = pod->projector,
	};
	assert_int_equal(engine_new(&pod->ports, &options, &pod->engines[operation], &err), ERR_OK);
}

struct pod *pod_start(struct world *world, const struct pod_options *options)
{
	struct pod *pod = world_alloc(sizeof *pod);
	struct err err;
	assert_true(world->pod_count < WORLD_MAX_PODS);
	pod->world = world;
	pod->options = *options;
	pod->number = world->pod_count;
	world->pods[world->pod_count++] = pod;
	pod->redis_up = pod->redis_was_up = redis_answers(world);
	pod->started_ms = world->now_ms;
	pod->loop.data = pod;
	list_init(&pod->consumers);
	list_init(&pod->sends);
	list_init(&pod->commands);
	list_init(&pod->calls);
	pod->ports = (struct ports){.loop = &pod->loop,
	                            .producer = (struct kafka_producer *)(void *)pod,
	                            .store = (struct redis_store *)(void *)pod,
	                            .http = (struct http_curl *)(void *)pod,
	                            .ring = world->ring,
	                            .metrics = world->metrics,
	                            .tracer = options->tracer};
	assert_int_equal(projector_new(&pod->ports, NULL, &pod->projector, &err), ERR_OK);
	assert_int_equal(delay_new(&pod->ports, NULL, pod->options.taker, &pod->delay, &err), ERR_OK);
	if (options->scores)
		start_engine(pod, OPERATION_BIOCATCH_SCORE);
	if (options->initiates)
		start_engine(pod, OPERATION_JUMIO_INITIATE);
	if (options->retrievals)
		start_engine(pod, OPERATION_JUMIO_RETRIEVE);
	return pod;
}

/* ---- the end, in the order of worker.c ---- */

static size_t in_flight(const struct pod *pod)
{
	size_t sum = delay_in_flight(pod->delay) + projector_in_flight(pod->projector);
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		sum += pod->engines[i] ? engine_in_flight(pod->engines[i]) : 0;
	return sum;
}

static void stop_intake(struct pod *pod)
{
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		if (pod->engines[i])
			engine_stop(pod->engines[i]);
	delay_stop(pod->delay);
	projector_stop(pod->projector);
}

static void abandon(struct pod *pod)
{
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		if (pod->engines[i])
			engine_abandon(pod->engines[i]);
	delay_abandon(pod->delay);
}

static void free_parts(struct pod *pod)
{
	queue_bury(pod); /* the close callbacks, the projector's own end among them */
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		engine_free(pod->engines[i]);
	delay_free(pod->delay);
	assert_true(list_is_empty(&pod->consumers) && list_is_empty(&pod->sends));
	assert_true(list_is_empty(&pod->commands) && list_is_empty(&pod->calls));
	pod->is_gone = true;
}

void pod_bury(struct pod *pod)
{
	if (pod->drain < DRAIN_JOBS)
		stop_intake(pod);
	if (pod->drain < DRAIN_SENDS)
		abandon(pod);
	kafka_fail_sends(pod);
	redis_disconnect(pod);
	if (pod->drain < DRAIN_REST)
		projector_close(pod->projector);
	vendor_hang_up(pod);
	free_parts(pod);
}

void pod_kill(struct pod *pod)
{
	if (pod->is_gone || pod->is_crashing)
		return;
	world_note(pod->world, pod, NOTE_CRASHED, "killed", "", 0);
	pod->is_crashing = true;
	if (pod->world->running != pod)
		pod_bury(pod);
}

static void on_drain(void *ctx);

static void drain_next(struct pod *pod, int phase, int64_t wait_ms)
{
	pod->drain = phase;
	world_at(pod->world, wait_ms, pod, on_drain, pod);
}

static void on_drain(void *ctx)
{
	struct pod *pod = ctx;
	struct world *world = pod->world;
	bool is_late = world->now_ms >= pod->drain_until_ms;
	if (pod->drain == DRAIN_JOBS && in_flight(pod) > 0 && !is_late) {
		drain_next(pod, DRAIN_JOBS, DRAIN_TICK_MS);
	} else if (pod->drain == DRAIN_JOBS) {
		abandon(pod);
		pod->drain_until_ms = world->now_ms + FLUSH_MS;
		drain_next(pod, DRAIN_SENDS, 1);
	} else if (pod->drain == DRAIN_SENDS && kafka_sends(pod) > 0 && !is_late) {
		drain_next(pod, DRAIN_SENDS, 1);
	} else if (pod->drain == DRAIN_SENDS) {
		kafka_fail_sends(pod);
		drain_next(pod, DRAIN_REDIS, DRAIN_TICK_MS);
	} else if (pod->drain == DRAIN_REDIS) {
		redis_disconnect(pod);
		projector_close(pod->projector);
		vendor_hang_up(pod);
		drain_next(pod, DRAIN_REST, DRAIN_TICK_MS);
	} else {
		free_parts(pod);
	}
}

void pod_drain(struct pod *pod, int64_t for_ms)
{
	if (pod->is_gone || pod->drain)
		return;
	struct world *world = pod->world;
	struct pod *before = world->running;
	world->running = pod;
	pod->drain_until_ms = world->now_ms + for_ms;
	stop_intake(pod);
	world->running = before;
	drain_next(pod, DRAIN_JOBS, 0);
}

static void on_thaw(void *ctx)
{
	struct pod *pod = ctx;
	if (!pod->is_gone && pod->frozen_until_ms > pod->world->now_ms)
		kafka_expel(pod);
}

void pod_freeze(struct pod *pod, int64_t for_ms)
{
	struct world *world = pod->world;
	if (pod->is_gone || pod->frozen_until_ms > world->now_ms)
		return;
	pod->frozen_until_ms = world->now_ms + for_ms;
	if (for_ms > SESSION_TIMEOUT_MS)
		world_at(world, SESSION_TIMEOUT_MS, NULL, on_thaw, pod);
}

/* ---- requests ---- */

void world_id(int number, char out[ID_TEXT_BYTES])
{
	snprintf(out, ID_TEXT_BYTES, "v%04uAAAAAAAAAAAAAAAAAA", (unsigned)number % 10000u);
}

static void make_request(struct world *world, enum kind kind, const char *id, int person, struct request *ret)
{
	static const char *const subjects[] = {"somebody", "refused"};
	*ret = (struct request){.kind = kind, .created_ms = world_unix_ms(world), .caller = "caller"};
	memcpy(ret->id, id, ID_BYTES);
	snprintf(ret->question, sizeof ret->question, "q%03uAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	         (unsigned)person % 1000u);
	struct person fields = {.memory = NULL};
	fields.field[REQUEST_FIELD_SUBJECT] = subjects[person == WORLD_REFUSED_PERSON];
	assert_int_equal(request_seal(ret, world->ring, &fields, NULL), ERR_OK);
}

void world_ask(struct world *world, enum kind kind, const char *id, int person, int64_t deadline_ms)
{
	struct request request;
	struct buf value;
	char deadline[24];
	const struct operation_info *operation = operation_info(kind_first_operation(kind));
	make_request(world, kind, id, person, &request);
	buf_init(&value, REQUEST_MAX_BYTES);
	assert_int_equal(request_encode(&request, &value), ERR_OK);
	snprintf(deadline, sizeof deadline, "%lld", (long long)deadline_ms);
	const struct kafka_header headers[] = {{HEADER_SCHEMA, "1"},
	                                       {HEADER_OP, operation->name},
	                                       {HEADER_DEADLINE, deadline_ms ? deadline : NULL},
	                                       {NULL, NULL}};
	(void)kafka_put(world, operation->topic, id, value.data, value.len, headers);
	buf_fini(&value);
	request_fini(&request);
}

bool world_retrieve(struct world *world, const char *id, enum cause cause)
{
	struct verification state;
	struct verification_texts texts = {NULL, NULL};
	struct buf value;
	const struct operation_info *operation = operation_info(OPERATION_JUMIO_RETRIEVE);
	if (!redis_state(world, id, &state, &texts))
		return false;
	buf_init(&value, REQUEST_MAX_BYTES);
	bool is_good = texts.sealed && retrieval_encode(&state, &texts, &value) == ERR_OK;
	const struct kafka_header headers[] = {
	        {HEADER_SCHEMA, "1"}, {HEADER_OP, operation->name}, {HEADER_CAUSE, cause_name(cause)}, {NULL, NULL}};
	if (is_good)
		(void)kafka_put(world, operation->topic, id, value.data, value.len, headers);
	buf_fini(&value);
	verification_texts_fini(&texts);
	return is_good;
}

void world_replay(struct world *world, const struct log_record *dead)
{
	char replays[24];
	struct verification state;
	const char *before = kafka_header_of(dead, HEADER_REPLAYS), *topic = kafka_header_of(dead, HEADER_CLASS);
	int seen = redis_state(world, dead->key, &state, NULL) ? state.replays : 0, said = before ? atoi(before) : 0;
	snprintf(replays, sizeof replays, "%d", (said > seen ? said : seen) + 1);
	const char *cause = kafka_header_of(dead, HEADER_CAUSE);
	const struct kafka_header headers[] = {{HEADER_SCHEMA, "1"},
	                                       {HEADER_OP, kafka_header_of(dead, HEADER_OP)},
	                                       {HEADER_REPLAYS, replays},
	                                       {cause ? HEADER_CAUSE : HEADER_ATTEMPT, cause ? cause : "0"},
	                                       {NULL, NULL}};
	(void)kafka_put(world, topic, dead->key, dead->value, dead->value_len, headers);
}
