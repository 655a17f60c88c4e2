/* bench: what the scenario tests of the engine share: a world with a pod in it, questions, and who came before whom. */
#ifndef VERIFYD_ENGINE_BENCH_H
#define VERIFYD_ENGINE_BENCH_H

#include "tests/unit/engine/world.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { BENCH_JOIN_MS = 200, BENCH_MAX_ATTEMPTS = 3, BENCH_MAX_IN_FLIGHT = 8, BENCH_PLANS = 16, BENCH_SLOW_MS = 100 };

__attribute__((unused)) static const char scores[] = "requests.biocatch.score", initiates[] = "requests.jumio.initiate",
                                          retrievals[] = "requests.jumio.retrieve";

/* A world whose vendor calls, sends and commands go as planned, in their order; without a plan all goes well. */
struct bench {
	struct world *world;
	struct pod *pod;
	char id[ID_TEXT_BYTES]; /* of question 1 */
	struct call_plan calls[BENCH_PLANS];
	int call_count, calls_made;
	const char *plan_topic; /* sends to it go as planned */
	struct send_plan sends[BENCH_PLANS];
	int send_count, sends_made;
	const char *lost_command; /* NULL: none. Commands of this name are never answered */
	const char *slow_command; /* NULL: none. The answer to these takes BENCH_SLOW_MS */
};

static inline void bench_plan_call(void *ctx, struct pod *pod, const char *op, const struct vendor_case *item,
                                   struct call_plan *plan)
{
	struct bench *bench = ctx;
	(void)pod, (void)op, (void)item;
	if (bench->calls_made < bench->call_count) {
		struct call_plan planned = bench->calls[bench->calls_made];
		planned.arrive_ms = planned.arrive_ms ? planned.arrive_ms : plan->arrive_ms;
		planned.end_ms = planned.end_ms ? planned.end_ms : plan->end_ms;
		*plan = planned;
	}
	bench->calls_made++;
}

static inline void bench_plan_send(void *ctx, struct pod *pod, const struct kafka_message *message,
                                   struct send_plan *plan)
{
	struct bench *bench = ctx;
	(void)pod;
	if (!bench->plan_topic || strcmp(message->topic, bench->plan_topic) != 0)
		return;
	if (bench->sends_made < bench->send_count) {
		struct send_plan planned = bench->sends[bench->sends_made];
		planned.append_ms = planned.append_ms ? planned.append_ms : plan->append_ms;
		planned.tell_ms = planned.tell_ms ? planned.tell_ms : plan->tell_ms;
		*plan = planned;
	}
	bench->sends_made++;
}

static inline void bench_plan_command(void *ctx, struct pod *pod, const char *what, const char *id,
                                      struct command_plan *plan)
{
	const struct bench *bench = ctx;
	(void)pod, (void)id;
	if (bench->lost_command && strcmp(bench->lost_command, what) == 0)
		plan->is_lost = plan->is_silent = true;
	if (bench->slow_command && strcmp(bench->slow_command, what) == 0)
		plan->answer_ms = plan->execute_ms + BENCH_SLOW_MS;
}

static inline struct pod *bench_pod(struct bench *bench, size_t max_in_flight)
{
	return pod_start(bench->world, &(struct pod_options){.scores = true,
	                                                     .initiates = true,
	                                                     .retrievals = true,
	                                                     .max_in_flight = max_in_flight,
	                                                     .max_attempts = BENCH_MAX_ATTEMPTS});
}

/* Without a pod: bench->pod is NULL until the test starts one. */
static inline void bench_open_empty(struct bench *bench)
{
	*bench = (struct bench){.world = world_new(1)};
	bench->world->hooks = (struct world_hooks){.ctx = bench,
	                                           .plan_call = bench_plan_call,
	                                           .plan_send = bench_plan_send,
	                                           .plan_command = bench_plan_command};
	world_id(1, bench->id);
}

static inline void bench_open(struct bench *bench)
{
	bench_open_empty(bench);
	bench->pod = bench_pod(bench, BENCH_MAX_IN_FLIGHT);
	world_run_for(bench->world, BENCH_JOIN_MS);
}

static inline void bench_ask_score(struct bench *bench)
{
	world_ask(bench->world, KIND_BIOCATCH_SCORE, bench->id, 1, 0);
}

static inline void bench_ask_page(struct bench *bench)
{
	world_ask(bench->world, KIND_JUMIO_IDENTITY, bench->id, 1, 0);
}

/* A call that ends so, 100 ms after it began. */
static inline void bench_call(struct bench *bench, struct call_plan plan)
{
	bench->calls[bench->call_count++] = plan;
}

static inline int64_t when(const struct bench *bench, enum note note, const char *topic, int nth)
{
	return world_when(bench->world, world_find(bench->world, note, topic, bench->id, nth));
}

static inline int times(const struct bench *bench, enum note note, const char *topic)
{
	return world_count(bench->world, note, topic, bench->id);
}

/* The first of the one happened before the first of the other. */
static inline void assert_before(const struct bench *bench, enum note one, const char *one_topic, enum note other,
                                 const char *other_topic)
{
	int first = world_find(bench->world, one, one_topic, bench->id, 0);
	int second = world_find(bench->world, other, other_topic, bench->id, 0);
	assert_true(first >= 0 && second >= 0);
	assert_true(first < second);
}

static inline struct verification state_of(const struct bench *bench)
{
	struct verification state;
	assert_true(redis_state(bench->world, bench->id, &state, NULL));
	return state;
}

/* The nth state of the id in `results`. */
static inline struct verification logged(const struct bench *bench, int nth)
{
	struct verification state;
	const struct log_record *record = kafka_of(bench->world, "results", bench->id, nth);
	assert_non_null(record);
	assert_int_equal(verification_decode(record->value, record->value_len, &state, NULL, NULL), ERR_OK);
	return state;
}

#endif
