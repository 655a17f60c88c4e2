/* state_machine_model: one question, its request log, two workers that follow engine_steps.c step by step, leases,
 * compare-and-set in the cache, and the results log. Every rule that must hold is checked where it could break. The
 * state machine, the order and the retry policy are the real ones. Belongs to state_machine_sim_test.c. */
#ifndef VERIFYD_STATE_MACHINE_MODEL_H
#define VERIFYD_STATE_MACHINE_MODEL_H

#include "common/domain/retry.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
	WORKERS = 2,
	MAX_RECORDS = 48,
	MAX_RESULTS = 96,
	LEASE_MS = 10000,
	LEASE_POLL_MS = 500,
	KEPT_MS = 600000,
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
	FAULT_DOWN = 256, /* no call succeeds */
};

/* A record of the request topic (a hop through a delay topic is a record that is not due yet). */
struct record {
	int attempts, replays;
	int64_t deadline_ms, not_before_ms, first_failure_ms;
	bool done;
	int delivery; /* counts up; a worker that holds an older one has lost its partition */
	int holder;   /* the worker that was given it, or -1 */
};

enum phase {
	PHASE_IDLE,
	PHASE_LEASE,
	PHASE_CALL,
	PHASE_SAVE,
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
	int64_t deadline_ms, first_failure_ms, retry_ms, hop_ms, wait_until_ms, answered_ms;
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
	int lapses; /* leases that ran out and were taken by another: what their holders had counted may be lost */
	bool kept;  /* the lease's holder got an answer and kept it beside the lease */
	struct verification kept_answer;
	/* results: the truth; projected up to where the projector has read */
	struct verification results[MAX_RESULTS];
	int result_count, projected;
	int dead_letters, calls, replays; /* replays: the highest that an operator asked for */
	int burned;                       /* failed calls that counted */
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
	check(sim, rank_is > 0 || is->rev > was->rev || (is->rev == was->rev && is->attempts > was->attempts),
	      "the revision in the cache fell, or stood still without a further try");
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

static void produce(struct sim *sim, struct record record)
{
	record.holder = -1;
	if (sim->record_count < MAX_RECORDS)
		sim->records[sim->record_count++] = record;
}

static void publish(struct sim *sim, const struct verification *state)
{
	if (sim->result_count == MAX_RESULTS)
		return;
	sim->results[sim->result_count++] = *state;
	trace(sim, "results", state);
}

/* ---- a worker, step by step ---- */

/* What the vendor said is kept beside the lease, for whoever takes over from a worker that dies before it is published.
 */
static void keep_answer(struct sim *sim, const struct worker *worker)
{
	if (!sim->cache_up || !worker->leased || sim->lease_token != worker->token || sim->kept)
		return;
	if (sim->now_ms >= sim->lease_until_ms)
		return;
	sim->kept = true;
	sim->kept_answer = worker->state;
	sim->lease_until_ms = sim->now_ms + KEPT_MS;
}

static void apply(struct sim *sim, struct worker *worker, struct event event)
{
	struct verification before = worker->state;
	event.at_ms = sim->now_ms;
	event.attempts = worker->attempts;
	event.replays = worker->replays;
	event.answered_ms = worker->answered_ms;
	if (!verification_step(&worker->state, &event, &worker->state, &worker->effects)) {
		check(sim, memcmp(&before, &worker->state, sizeof before) == 0, "a refused event changed the state");
		worker->phase = PHASE_DONE;
		return;
	}
	check(sim, worker->state.rev == before.rev + 1, "a step is not one revision");
	check(sim, before.state != STATE_COMPLETED, "a completed state was stepped on");
	worker->phase = worker->effects & EFFECT_DEAD_LETTER ? PHASE_DEAD_LETTER : PHASE_PUBLISH;
	if (event.answered_ms && event.type != EVENT_EXPIRED)
		keep_answer(sim, worker);
}

/* What was counted is kept before it is waited for the next try; one that hops takes it along. */
static bool is_worth_saving(const struct sim *sim, struct worker *worker, enum reason reason)
{
	const struct event event = {.type = EVENT_RETRIED,
	                            .at_ms = sim->now_ms,
	                            .reason = reason,
	                            .attempts = worker->attempts,
	                            .replays = worker->replays,
	                            .answered_ms = worker->answered_ms};
	return verification_step(&worker->state, &event, &worker->state, &worker->effects);
}

static void retry(struct sim *sim, struct worker *worker, const struct retry_decision *decision)
{
	worker->retry_ms = decision->wait_ms;
	worker->wait_until_ms = sim->now_ms + decision->wait_ms;
	if (decision->verdict == RETRY_DELAYED) {
		worker->hop_ms = decision->tier->wait_ms;
		worker->phase = PHASE_HOP;
	} else {
		worker->phase = is_worth_saving(sim, worker, decision->reason) ? PHASE_SAVE : PHASE_WAIT;
	}
}

static void failed(struct sim *sim, struct worker *worker, enum failure failure)
{
	const struct retry_input input = {.failure = failure,
	                                  .flow = FLOW_ASK,
	                                  .bytes_sent = true,
	                                  .first_failure_ms = worker->first_failure_ms,
	                                  .attempts = worker->attempts,
	                                  .max_attempts = MAX_ATTEMPTS,
	                                  .retry_after_ms = failure == FAILURE_THROTTLED ? roll(sim, 5000) : 0,
	                                  .now_ms = sim->now_ms,
	                                  .deadline_ms = worker->deadline_ms,
	                                  .random_bits = roll(sim, UINT32_MAX)};
	struct retry_decision decision = retry_decide(&input);
	check(sim, decision.attempts <= MAX_ATTEMPTS, "more attempts than allowed");
	sim->burned += decision.attempts > worker->attempts;
	worker->attempts = decision.attempts;
	if (!worker->first_failure_ms)
		worker->first_failure_ms = sim->now_ms;
	if (decision.verdict == RETRY_DEAD)
		apply(sim, worker, (struct event){.type = EVENT_DIED, .reason = decision.reason});
	else if (decision.verdict == RETRY_EXPIRED)
		apply(sim, worker, (struct event){.type = EVENT_EXPIRED, .reason = REASON_EXPIRED});
	else
		retry(sim, worker, &decision);
}

/* Every call's answer is its own, so that a changed answer shows. */
static void answer(struct sim *sim, struct worker *worker)
{
	sim->calls++;
	worker->answered_ms = sim->now_ms;
	if (fault(sim, FAULT_DOWN, 1))
		failed(sim, worker, FAILURE_SERVER_ERROR);
	else if (fault(sim, FAULT_VENDOR, 2))
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

/* Another worker got the answer and died, or is about to write it: its work is finished under its token. */
static void adopt_answer(struct sim *sim, struct worker *worker)
{
	worker->state = sim->kept_answer;
	worker->token = sim->lease_token;
	worker->leased = true;
	worker->attempts = worker->state.attempts;
	worker->effects = EFFECT_PUBLISH;
	worker->phase = worker->state.state == STATE_DEAD ? PHASE_DEAD_LETTER : PHASE_PUBLISH;
}

static void wait_for_lease(struct sim *sim, struct worker *worker)
{
	worker->phase = PHASE_WAIT;
	worker->wait_until_ms = sim->now_ms + LEASE_POLL_MS;
}

/* As the script of redis_store: our own token gets the lease again, and what was kept beside it is gone then. */
static bool grant_lease(struct sim *sim, struct worker *worker)
{
	bool lapsed = sim->lease_token != 0 && sim->now_ms >= sim->lease_until_ms;
	if (lapsed)
		sim->lease_token = 0;
	if (sim->lease_token != 0 && sim->lease_token != worker->token)
		return false;
	sim->lapses += lapsed;
	sim->kept = false;
	sim->lease_token = worker->token;
	sim->lease_until_ms = sim->now_ms + LEASE_MS;
	return true;
}

static void take_lease(struct sim *sim, struct worker *worker)
{
	sim->request.replays = worker->replays;
	verification_queued(&sim->request, &worker->state);
	worker->leased = false;
	if (!sim->cache_up) {
		with_state(sim, worker);
		return;
	}
	if (sim->cached)
		worker->state = sim->cache;
	sim->request.attempts = worker->attempts;
	worker->attempts = verification_attempts(&worker->state, &sim->request, FLOW_ASK);
	worker->leased = grant_lease(sim, worker);
	/* a kept death is older than a replay of it */
	bool is_replay = sim->kept_answer.state == STATE_DEAD && worker->replays > sim->kept_answer.replays;
	if (worker->leased)
		with_state(sim, worker);
	else if (sim->kept && !is_replay)
		adopt_answer(sim, worker);
	else if (sim->kept)
		wait_for_lease(sim, worker);
	else if (state_rank(worker->state.state) == 0)
		wait_for_lease(sim, worker);
	else
		with_state(sim, worker);
}

/* A lease with a kept answer beside it is given back only by who writes the state. */
static void release_lease(struct sim *sim, struct worker *worker, bool is_written)
{
	if (worker->leased && sim->cache_up && sim->lease_token == worker->token && (is_written || !sim->kept)) {
		sim->lease_token = 0;
		sim->kept = false;
	}
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
	release_lease(sim, worker, true);
	worker->phase = PHASE_IDLE;
}

/* As often as it takes: a tier holds it for as long as it does, and it is not due before its time. */
static void hop(struct sim *sim, struct worker *worker)
{
	int64_t wait_ms = worker->retry_ms > worker->hop_ms ? worker->retry_ms : worker->hop_ms;
	produce(sim, (struct record){.attempts = worker->attempts,
	                             .replays = worker->replays,
	                             .deadline_ms = worker->deadline_ms,
	                             .first_failure_ms = worker->first_failure_ms,
	                             .not_before_ms = sim->now_ms + wait_ms});
	worker->phase = PHASE_DONE;
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
	case PHASE_SAVE:
		if (sim->cache_up)
			cache_put(sim, &worker->state);
		publish(sim, &worker->state);
		worker->phase = PHASE_WAIT;
		break;
	case PHASE_WAIT:
		if (sim->now_ms >= worker->wait_until_ms)
			worker->phase = PHASE_LEASE;
		break;
	case PHASE_HOP:
		hop(sim, worker);
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
		release_lease(sim, worker, false);
		record_done(sim, worker);
		worker->phase = PHASE_IDLE;
		break;
	}
}

#endif
