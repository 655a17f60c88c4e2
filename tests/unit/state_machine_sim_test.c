/* The state machine under everything that Kafka, Redis and a dying worker may do to it: a seeded model of one question,
 * its request log, two workers that follow engine_steps.c, leases, compare-and-set and the results log. The state
 * machine, the order and the retry policy are the real ones. Each seed has its own mix of misfortunes, because one that
 * comes too often hides what another one breaks. VERIFYD_SIM_SEED=N runs one seed and prints its steps;
 * VERIFYD_SIM_SEEDS=N runs so many. */
#include "common/domain/retry.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	SEEDS = 10000,
	WORKERS = 2,
	MAX_RECORDS = 48,
	MAX_RESULTS = 96,
	MAX_FAULTY_STEPS = 150,
	HEALING_STEPS = 3000,
	LEASE_MS = 10000,
	LEASE_POLL_MS = 500,
	MAX_ATTEMPTS = 3,
	DEADLINE_MS = 20000,
};

/* What may go wrong; a seed's weather is a set of these. */
enum fault {
	FAULT_KILL = 1,      /* a worker dies between two steps */
	FAULT_REDELIVER = 2, /* a rebalance, or a commit that was lost */
	FAULT_CACHE = 4,     /* Redis comes and goes */
	FAULT_ASK_AGAIN = 8,
	FAULT_REPLAY = 16,
	FAULT_ERASE = 32,
	FAULT_STALL = 64, /* everybody stands still while leases run out */
	FAULT_VENDOR = 128,
	FAULT_ALL = 255,
};

/* A record of the request topic (a hop through a delay topic is a record that is not due yet). */
struct record {
	int attempts, replays;
	int64_t deadline_ms, not_before_ms;
	bool done;
	int delivery; /* counts up; a worker that holds an older one has lost its partition */
	int holder;   /* the worker that was given it, or -1 */
};

enum phase {
	PHASE_IDLE,
	PHASE_LEASE,
	PHASE_CALL,
	PHASE_WAIT,
	PHASE_HOP,
	PHASE_DEAD_LETTER,
	PHASE_PUBLISH,
	PHASE_SETTLE,
	PHASE_DONE
};

struct worker {
	enum phase phase;
	int record, delivery, token; /* token: names this try at the lease */
	int attempts, replays;
	int64_t deadline_ms, wait_until_ms, hop_ms;
	bool leased;
	struct verification state;
	unsigned effects;
};

struct sim {
	uint64_t random;
	int64_t now_ms;
	bool healing, trace;
	uint32_t weather;
	struct request request;
	struct record records[MAX_RECORDS];
	int record_count;
	struct worker workers[WORKERS];
	int next_token;
	/* Redis */
	bool cache_up, cached;
	struct verification cache;
	int lease_token; /* 0: free */
	int64_t lease_until_ms;
	/* results: the truth; projected up to where the projector has read */
	struct verification results[MAX_RESULTS];
	int result_count, projected;
	int dead_letters, calls;
	const char *broken;
};

static uint32_t roll(struct sim *sim, uint32_t below)
{
	sim->random ^= sim->random << 13;
	sim->random ^= sim->random >> 7;
	sim->random ^= sim->random << 17;
	return (uint32_t)(sim->random >> 32) % below;
}

static bool fault(struct sim *sim, enum fault fault, uint32_t one_in)
{
	return !sim->healing && (sim->weather & fault) && roll(sim, one_in) == 0;
}

static void check(struct sim *sim, bool holds, const char *rule)
{
	if (!holds && !sim->broken)
		sim->broken = rule;
}

static void trace(const struct sim *sim, const char *who, const struct verification *state)
{
	if (sim->trace)
		print_message("%8lld %-22s %-9s rev %lld attempts %d replays %d score %d\n", (long long)sim->now_ms,
		              who, state_name(state->state), (long long)state->rev, state->attempts, state->replays,
		              state->score);
}

/* ---- the cache: compare-and-set as the script of redis_store does it ---- */

static void check_succession(struct sim *sim, const struct verification *was, const struct verification *is)
{
	int rank_was = state_rank(was->state), rank_is = state_rank(is->state);
	check(sim, rank_is >= rank_was, "the rank in the cache fell");
	check(sim, rank_is > 0 || is->rev > was->rev, "the revision in the cache fell or stood still");
	check(sim, was->state != STATE_COMPLETED || is->state == STATE_ERASED, "a completed state changed");
	check(sim, was->state != STATE_ERASED, "an erased state changed");
}

static void cache_put(struct sim *sim, const struct verification *state)
{
	if (sim->cached && verification_compare(state, &sim->cache) <= 0)
		return;
	if (sim->cached)
		check_succession(sim, &sim->cache, state);
	sim->cache = *state;
	sim->cached = true;
	trace(sim, "cache", state);
}

/* ---- the logs ---- */

static void produce(struct sim *sim, int attempts, int replays, int64_t deadline_ms, int64_t not_before_ms)
{
	if (sim->record_count == MAX_RECORDS)
		return;
	sim->records[sim->record_count++] = (struct record){.attempts = attempts,
	                                                    .replays = replays,
	                                                    .deadline_ms = deadline_ms,
	                                                    .not_before_ms = not_before_ms,
	                                                    .holder = -1};
}

static void publish(struct sim *sim, const struct verification *state)
{
	if (sim->result_count == MAX_RESULTS)
		return;
	sim->results[sim->result_count++] = *state;
	trace(sim, "results", state);
}

/* ---- a worker, step by step ---- */

static void apply(struct sim *sim, struct worker *worker, struct event event)
{
	struct verification before = worker->state;
	event.at_ms = sim->now_ms;
	event.attempts = worker->attempts;
	event.replays = worker->replays;
	if (!verification_step(&worker->state, &event, &worker->state, &worker->effects)) {
		check(sim, memcmp(&before, &worker->state, sizeof before) == 0, "a refused event changed the state");
		worker->phase = PHASE_DONE;
		return;
	}
	check(sim, worker->state.rev == before.rev + 1, "a step is not one revision");
	check(sim, before.state != STATE_COMPLETED, "a completed state was stepped on");
	worker->phase = worker->effects & EFFECT_DEAD_LETTER ? PHASE_DEAD_LETTER : PHASE_PUBLISH;
}

static void failed(struct sim *sim, struct worker *worker, enum failure failure)
{
	const struct retry_input input = {.failure = failure,
	                                  .attempts = worker->attempts,
	                                  .max_attempts = MAX_ATTEMPTS,
	                                  .retry_after_ms = failure == FAILURE_THROTTLED ? roll(sim, 5000) : 0,
	                                  .now_ms = sim->now_ms,
	                                  .deadline_ms = worker->deadline_ms,
	                                  .random_bits = roll(sim, UINT32_MAX)};
	struct retry_decision decision = retry_decide(&input);
	check(sim, decision.attempts <= MAX_ATTEMPTS, "more attempts than allowed");
	worker->attempts = decision.attempts;
	worker->hop_ms = decision.wait_ms;
	if (decision.verdict == RETRY_DEAD) {
		apply(sim, worker, (struct event){.type = EVENT_DIED, .reason = failure_reason(failure)});
	} else if (decision.verdict == RETRY_EXPIRED) {
		apply(sim, worker, (struct event){.type = EVENT_EXPIRED, .reason = REASON_EXPIRED});
	} else {
		worker->phase = decision.wait_ms >= RETRY_IN_MEMORY_MS ? PHASE_HOP : PHASE_WAIT;
		worker->wait_until_ms = sim->now_ms + decision.wait_ms;
	}
}

/* Every call's answer is its own, so that a changed answer shows. */
static void answer(struct sim *sim, struct worker *worker)
{
	sim->calls++;
	if (fault(sim, FAULT_VENDOR, 2))
		failed(sim, worker, (enum failure)roll(sim, FAILURE_COUNT));
	else if (fault(sim, FAULT_VENDOR, 5))
		apply(sim, worker, (struct event){.type = EVENT_NO_SCORE, .reason = REASON_NOT_COLLECTED});
	else
		apply(sim, worker, (struct event){.type = EVENT_SCORED, .risk = RISK_LOW, .score = sim->calls});
}

static bool revive(struct sim *sim, struct worker *worker)
{
	const struct event event = {.type = EVENT_REVIVED, .at_ms = sim->now_ms, .replays = worker->replays};
	if (!verification_step(&worker->state, &event, &worker->state, &worker->effects))
		return false;
	if (sim->cache_up)
		cache_put(sim, &worker->state);
	return true;
}

static void with_state(struct sim *sim, struct worker *worker)
{
	if (state_is_final(worker->state.state) && !revive(sim, worker))
		worker->phase = PHASE_DONE;
	else if (worker->deadline_ms && sim->now_ms >= worker->deadline_ms)
		apply(sim, worker, (struct event){.type = EVENT_EXPIRED, .reason = REASON_EXPIRED});
	else
		worker->phase = PHASE_CALL;
}

static void take_lease(struct sim *sim, struct worker *worker)
{
	bool free = sim->lease_token == 0 || sim->lease_token == worker->token || sim->now_ms >= sim->lease_until_ms;
	verification_queued(&sim->request, &worker->state);
	worker->leased = false;
	if (sim->cache_up) {
		if (sim->cached)
			worker->state = sim->cache;
		if (!free && state_rank(worker->state.state) == 0) {
			worker->phase = PHASE_WAIT;
			worker->wait_until_ms = sim->now_ms + LEASE_POLL_MS;
			return;
		}
		worker->leased = free;
		if (free) {
			sim->lease_token = worker->token;
			sim->lease_until_ms = sim->now_ms + LEASE_MS;
		}
	}
	with_state(sim, worker);
}

static void release_lease(struct sim *sim, struct worker *worker)
{
	if (worker->leased && sim->cache_up && sim->lease_token == worker->token)
		sim->lease_token = 0;
	worker->leased = false;
}

/* Counts for the watermark only while the partition is still ours. */
static void record_done(struct sim *sim, const struct worker *worker)
{
	struct record *record = &sim->records[worker->record];
	if (record->delivery != worker->delivery)
		return;
	record->done = true;
	record->holder = -1;
}

static void settle(struct sim *sim, struct worker *worker)
{
	record_done(sim, worker);
	if (sim->cache_up)
		cache_put(sim, &worker->state);
	release_lease(sim, worker);
	worker->phase = PHASE_IDLE;
}

static void step_worker(struct sim *sim, struct worker *worker)
{
	switch (worker->phase) {
	case PHASE_IDLE:
		break;
	case PHASE_LEASE:
		take_lease(sim, worker);
		break;
	case PHASE_CALL:
		answer(sim, worker);
		break;
	case PHASE_WAIT:
		if (sim->now_ms >= worker->wait_until_ms)
			worker->phase = PHASE_LEASE;
		break;
	case PHASE_HOP:
		produce(sim, worker->attempts, worker->replays, worker->deadline_ms, sim->now_ms + worker->hop_ms);
		worker->phase = PHASE_DONE;
		break;
	case PHASE_DEAD_LETTER:
		sim->dead_letters++;
		worker->phase = PHASE_PUBLISH;
		break;
	case PHASE_PUBLISH:
		publish(sim, &worker->state);
		worker->phase = PHASE_SETTLE;
		break;
	case PHASE_SETTLE:
		settle(sim, worker);
		break;
	case PHASE_DONE:
		release_lease(sim, worker);
		record_done(sim, worker);
		worker->phase = PHASE_IDLE;
		break;
	}
}

/* ---- what happens around the workers ---- */

/* Gives an idle worker any record that nobody holds and that is due: the order of the log is not kept. */
static void deliver(struct sim *sim, int number)
{
	struct worker *worker = &sim->workers[number];
	int start = (int)roll(sim, (uint32_t)sim->record_count);
	for (int i = 0; worker->phase == PHASE_IDLE && i < sim->record_count; i++) {
		int index = (start + i) % sim->record_count;
		struct record *record = &sim->records[index];
		if (record->done || record->holder >= 0 || record->not_before_ms > sim->now_ms)
			continue;
		record->holder = number;
		*worker = (struct worker){.phase = PHASE_LEASE,
		                          .record = index,
		                          .delivery = ++record->delivery,
		                          .token = ++sim->next_token,
		                          .attempts = record->attempts,
		                          .replays = record->replays,
		                          .deadline_ms = record->deadline_ms};
	}
}

/* The worker that holds the record goes on with it, unknowing. */
static void redeliver(struct sim *sim)
{
	struct record *record = &sim->records[roll(sim, (uint32_t)sim->record_count)];
	record->done = false;
	record->holder = -1;
	record->delivery++;
}

static void kill_worker(struct sim *sim, int number)
{
	for (int i = 0; i < sim->record_count; i++)
		if (sim->records[i].holder == number)
			sim->records[i].holder = -1;
	sim->workers[number].phase = PHASE_IDLE; /* its lease stays until it runs out */
}

static void project(struct sim *sim)
{
	if (sim->cache_up && sim->projected < sim->result_count)
		cache_put(sim, &sim->results[sim->projected++]);
}

/* An operator replays what is dead, now and then twice with one stroke. */
static void replay(struct sim *sim)
{
	if (!sim->cached || sim->cache.state != STATE_DEAD)
		return;
	int64_t deadline = roll(sim, 2) ? 0 : sim->now_ms + DEADLINE_MS;
	for (uint32_t copies = 1 + roll(sim, 2); copies > 0; copies--)
		produce(sim, 0, sim->cache.replays + 1, deadline, 0);
}

static void erase(struct sim *sim)
{
	const struct event event = {.type = EVENT_ERASED, .at_ms = sim->now_ms};
	struct verification erased;
	unsigned effects;
	if (!sim->cached || !sim->cache_up || !verification_step(&sim->cache, &event, &erased, &effects))
		return;
	publish(sim, &erased);
	cache_put(sim, &erased);
}

static void misfortune(struct sim *sim)
{
	if (fault(sim, FAULT_KILL, 25))
		kill_worker(sim, (int)roll(sim, WORKERS));
	if (fault(sim, FAULT_REDELIVER, 20))
		redeliver(sim);
	if (fault(sim, FAULT_CACHE, 30))
		sim->cache_up = !sim->cache_up;
	if (fault(sim, FAULT_ASK_AGAIN, 40)) /* the ingress finds the claim and no state, and produces the same id */
		produce(sim, 0, 0, sim->now_ms + DEADLINE_MS, 0);
	if (fault(sim, FAULT_REPLAY, 6))
		replay(sim);
	if (fault(sim, FAULT_ERASE, 200))
		erase(sim);
	if (fault(sim, FAULT_STALL, 50))
		sim->now_ms += roll(sim, 2 * LEASE_MS);
}

static bool at_rest(const struct sim *sim)
{
	for (int i = 0; i < WORKERS; i++)
		if (sim->workers[i].phase != PHASE_IDLE)
			return false;
	for (int i = 0; i < sim->record_count; i++)
		if (!sim->records[i].done)
			return false;
	return sim->projected == sim->result_count;
}

static void one_step(struct sim *sim)
{
	uint32_t what = roll(sim, 2 * WORKERS + 2);
	sim->now_ms += roll(sim, 400);
	misfortune(sim);
	if (what < WORKERS)
		deliver(sim, (int)what);
	else if (what < 2 * WORKERS)
		step_worker(sim, &sim->workers[what - WORKERS]);
	else
		project(sim);
}

static void check_end(struct sim *sim)
{
	bool completed = false, died = false;
	check(sim, at_rest(sim), "work was left although everything healed");
	check(sim, sim->cached && state_is_final(sim->cache.state), "an accepted request has not ended");
	for (int i = 0; i < sim->result_count; i++) {
		completed |= sim->results[i].state == STATE_COMPLETED;
		died |= sim->results[i].state == STATE_DEAD;
		check(sim, !sim->cached || verification_compare(&sim->results[i], &sim->cache) <= 0,
		      "the log knows a higher state than the cache");
	}
	check(sim, !completed || state_rank(sim->cache.state) >= 1, "an answer that was published is not shown");
	check(sim, !died || sim->dead_letters > 0, "a dead state without a dead letter");
	check(sim, completed || died || sim->cache.state == STATE_ERASED, "an end that no result tells of");
}

static void run(struct sim *sim, uint64_t seed, bool with_trace)
{
	memset(sim, 0, sizeof *sim);
	sim->random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	sim->now_ms = 1000000;
	sim->trace = with_trace;
	sim->weather = roll(sim, FAULT_ALL + 1);
	sim->cache_up = true;
	sim->request = (struct request){.id = "vAAAAAAAAAAAAAAAAAAAAAA",
	                                .kind = KIND_BIOCATCH_SCORE,
	                                .caller = "sim",
	                                .created_ms = sim->now_ms};
	produce(sim, 0, 0, roll(sim, 3) ? sim->now_ms + DEADLINE_MS : 0, 0);
	if (roll(sim, 4)) { /* else Redis did not take the queued state */
		struct verification queued;
		verification_queued(&sim->request, &queued);
		cache_put(sim, &queued);
	}
	int faulty_steps = (int)roll(sim, MAX_FAULTY_STEPS);
	for (int i = 0; i < faulty_steps && !sim->broken && sim->record_count < MAX_RECORDS - 4; i++)
		one_step(sim);
	sim->healing = true;
	sim->cache_up = true;
	for (int i = 0; i < HEALING_STEPS && !sim->broken && !at_rest(sim); i++)
		one_step(sim);
	check_end(sim);
}

/* ---- the tests ---- */

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void whatever_happens_answers_stand_and_every_request_ends(void **state)
{
	static struct sim sim;
	uint64_t first = number_from("VERIFYD_SIM_SEED", 0);
	uint64_t seeds = number_from("VERIFYD_SIM_SEEDS", getenv("VERIFYD_SIM_SEED") ? 1 : SEEDS);
	int ends[STATE_COUNT] = {0};
	(void)state;
	for (uint64_t seed = first; seed < first + seeds; seed++) {
		run(&sim, seed, seeds == 1);
		if (sim.broken)
			fail_msg("seed %llu: %s (again with VERIFYD_SIM_SEED=%llu)", (unsigned long long)seed,
			         sim.broken, (unsigned long long)seed);
		ends[sim.cache.state]++;
	}
	if (seeds < SEEDS)
		return;
	/* the model must be hard enough to reach every end, or it proves nothing */
	assert_true(ends[STATE_COMPLETED] > 0 && ends[STATE_DEAD] > 0 && ends[STATE_ERASED] > 0);
}

static void any_walk_of_events_climbs_one_revision_a_step_and_never_leaves_completed(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct sim sim = {.random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15)};
		struct verification now = {.id = "vAAAAAAAAAAAAAAAAAAAAAA", .rev = 1, .score = SCORE_NONE};
		for (int i = 0; i < 40; i++) {
			const struct verification before = now;
			unsigned effects = 0;
			const struct event event = {.type = (enum event_type)roll(&sim, EVENT_COUNT),
			                            .at_ms = roll(&sim, 1000),
			                            .risk = RISK_HIGH,
			                            .score = (int)roll(&sim, SCORE_MAX + 1),
			                            .attempts = (int)roll(&sim, 9),
			                            .replays = (int)roll(&sim, 9)};
			bool moved = verification_step(&now, &event, &now, &effects);
			check(&sim, now.rev == before.rev + moved, "revision");
			check(&sim, !moved || verification_compare(&now, &before) > 0, "a step is not a step up");
			check(&sim, !moved || effects != 0, "a step without an effect");
			check(&sim, now.replays >= before.replays, "replays fell");
			check(&sim, before.state != STATE_COMPLETED || !moved || now.state == STATE_ERASED,
			      "completed changed");
		}
		if (sim.broken)
			fail_msg("walk %llu: %s", (unsigned long long)seed, sim.broken);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(any_walk_of_events_climbs_one_revision_a_step_and_never_leaves_completed),
	        cmocka_unit_test(whatever_happens_answers_stand_and_every_request_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
