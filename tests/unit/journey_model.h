/* journey_model: one person's journey: its records of both request topics, workers that follow engine_initiate.c and
 * engine_retrieve.c effect by effect, the vendor's transactions, leases and states in Redis, and the results log. Every
 * rule that must hold is checked where it could break. State machine, order and retry policy are the real ones. Belongs
 * to journey_sim_test.c. */
#ifndef VERIFYD_JOURNEY_MODEL_H
#define VERIFYD_JOURNEY_MODEL_H

#include "common/domain/retry.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
	WORKERS = 3,
	MAX_RECORDS = 160,
	MAX_RESULTS = 400,
	MAX_PAGES = 24,
	MAX_LIVES = 24,
	LEASE_MS = 10000,
	FRESH_MS = 2500, /* so long after it was taken a lease is surely still ours when the call begins */
	LEASE_POLL_MS = 500,
	KEPT_MS = 600000,
	PROJECTOR_LAG_MS = 3000,
	MAX_ATTEMPTS = 3,
	DEADLINE_MS = 60000,
	TOKEN_MS = 1800000,
	WATCHDOG_MS = TOKEN_MS + 1200000,
	RUNGS = 8,
};

/* What may go wrong; a seed's weather is a set of these. */
enum fault {
	FAULT_KILL = 1,      /* a worker dies between two effects */
	FAULT_REDELIVER = 2, /* a rebalance, or a commit that was lost: the old holder goes on, unknowing */
	FAULT_AWAY = 4,      /* Redis comes and goes */
	FAULT_LOSS = 8,      /* Redis forgets everything */
	FAULT_VENDOR = 16,
	FAULT_STALL = 32, /* everybody stands still while leases run out */
	FAULT_REPLAY = 64,
	FAULT_ERASE = 128,
	FAULT_REPEAT = 256, /* returns, callbacks and journeys come more than once, and late */
	FAULT_ALL = 511,
};

struct record {
	bool initiate, carries; /* carries: the state came along */
	enum cause cause;
	int64_t poll, created_ms, not_before_ms, deadline_ms, first_failure_ms;
	int attempts, replays;
	struct verification state;
	bool done;
	int delivery; /* counts up; a worker that holds an older one has lost its partition */
	int holder;   /* the worker that was given it, or -1 */
};

enum phase {
	PHASE_IDLE,
	PHASE_LEASE,
	PHASE_WAIT,
	PHASE_COUNT,
	PHASE_CALL,
	PHASE_SAVE,
	PHASE_HOP,
	PHASE_EFFECTS,
	PHASE_SETTLE,
	PHASE_DONE
};

struct worker {
	enum phase phase;
	int record, delivery, token;
	int attempts;
	int64_t leased_ms, wait_until_ms, retry_ms, first_failure_ms, answered_ms;
	bool leased, unsaved, climbs;
	bool counted;                     /* a call that has not begun: `saved` counts it */
	struct verification state, saved; /* saved: the last that it published of this record, or kind KIND_COUNT */
	unsigned effects;
};

/* A transaction at the vendor. */
struct page {
	int64_t until_ms;
	bool finished, approved;
	int pending; /* so many looks before it is decided */
};

struct sim {
	uint64_t random;
	int64_t now_ms;
	bool healing, trace, adopted;
	uint32_t weather;
	struct request request;
	struct record records[MAX_RECORDS];
	int record_count;
	struct worker workers[WORKERS];
	int next_token;
	/* Redis */
	bool cache_up, whole, cached;
	struct verification cache;
	int lease_token; /* 0: free */
	int64_t lease_until_ms, lost_ms;
	bool kept;
	struct verification kept_answer;
	/* results: the truth; projected up to where the projector has read */
	struct verification results[MAX_RESULTS];
	int64_t published_ms[MAX_RESULTS];
	int result_count, projected;
	/* the vendor */
	struct page pages[MAX_PAGES];
	int page_count, initiates[MAX_LIVES], counted[MAX_LIVES]; /* by number of replays */
	int dead_letters, looks, climbs, mishaps; /* mishaps: after which a record may be worked on twice */
	struct record last_dead;                  /* what an operator would replay */
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
	bool happens = !sim->healing && (sim->weather & fault) && roll(sim, one_in) == 0;
	sim->mishaps += happens && fault != FAULT_VENDOR && fault != FAULT_REPEAT;
	return happens;
}

static void check(struct sim *sim, bool holds, const char *rule)
{
	if (!holds && !sim->broken)
		sim->broken = rule;
}

static void trace(const struct sim *sim, const char *who, const struct verification *state)
{
	if (sim->trace)
		print_message("%9lld %-18s %-13s rev %lld sends %d ref %-3s poll %lld replays %d %s%s\n",
		              (long long)sim->now_ms, who, state_name(state->state), (long long)state->rev,
		              state->sends, state->reference, (long long)state->poll, state->replays,
		              verdict_name(state->verdict), reason_name(state->reason));
}

/* Retrievals go on without a lease, and so does who stood still for longer than his: then the log may fork, and of two
 * states of one revision the first stands. */
static bool leases_end(const struct sim *sim)
{
	return sim->weather & (FAULT_AWAY | FAULT_LOSS | FAULT_STALL);
}

/* ---- Redis ---- */

static void check_succession(struct sim *sim, const struct verification *was, const struct verification *is)
{
	int rank_was = state_rank(was->state), rank_is = state_rank(is->state);
	check(sim, rank_is >= rank_was, "the rank in the cache fell");
	check(sim, rank_is > 0 || is->rev > was->rev || (is->rev == was->rev && is->attempts > was->attempts),
	      "the revision in the cache fell, or stood still without a further try");
	check(sim, was->state != STATE_COMPLETED || is->state == STATE_ERASED, "a completed state changed");
	check(sim, was->state != STATE_ERASED, "an erased state changed");
	check(sim, rank_is > 0 || leases_end(sim) || is->poll >= was->poll, "the number of a rung fell");
	check(sim, rank_is == 2 || !was->reference[0] || strcmp(was->reference, is->reference) == 0,
	      "a reference was replaced");
}

static bool cache_put(struct sim *sim, const struct verification *state)
{
	if (!sim->cache_up || (sim->cached && verification_compare(state, &sim->cache) <= 0))
		return false;
	if (sim->cached)
		check_succession(sim, &sim->cache, state);
	sim->cache = *state;
	sim->cached = true;
	trace(sim, "cache", state);
	return true;
}

/* Who lives and does not stand still is done within his lease. */
static bool holder_is_at_it(const struct sim *sim)
{
	for (int i = 0; !(sim->weather & FAULT_STALL) && i < WORKERS; i++)
		if (sim->workers[i].leased && sim->workers[i].phase != PHASE_IDLE &&
		    sim->workers[i].token == sim->lease_token)
			return true;
	return false;
}

static bool lease_is_anothers(const struct sim *sim, const struct worker *worker)
{
	bool runs = sim->now_ms < sim->lease_until_ms || holder_is_at_it(sim);
	return runs && sim->lease_token != 0 && sim->lease_token != worker->token;
}

/* As the script: our own token gets the lease again, and what was kept beside it is gone then. */
static bool grant_lease(struct sim *sim, struct worker *worker)
{
	if (lease_is_anothers(sim, worker))
		return false;
	sim->kept = false;
	sim->lease_token = worker->token;
	sim->lease_until_ms = sim->now_ms + LEASE_MS;
	return true;
}

static void release_lease(struct sim *sim, struct worker *worker, bool is_written)
{
	if (worker->leased && sim->cache_up && sim->lease_token == worker->token && (is_written || !sim->kept)) {
		sim->lease_token = 0;
		sim->kept = false;
	}
	worker->leased = false;
}

static void keep_answer(struct sim *sim, const struct worker *worker)
{
	if (!sim->cache_up || !worker->leased || sim->lease_token != worker->token || sim->kept ||
	    sim->now_ms >= sim->lease_until_ms)
		return;
	sim->kept = true;
	sim->kept_answer = worker->state;
	sim->lease_until_ms = sim->now_ms + KEPT_MS;
}

/* ---- the logs ---- */

static void produce(struct sim *sim, struct record record)
{
	record.done = false;
	record.delivery = 0;
	record.holder = -1;
	check(sim, sim->record_count < MAX_RECORDS, "the model is too small: records");
	if (sim->record_count < MAX_RECORDS)
		sim->records[sim->record_count++] = record;
}

static void publish(struct sim *sim, const struct verification *state)
{
	check(sim, sim->result_count < MAX_RESULTS, "the model is too small: results");
	if (sim->result_count == MAX_RESULTS)
		return;
	sim->published_ms[sim->result_count] = sim->now_ms;
	sim->results[sim->result_count++] = *state;
	if (state->sends > sim->counted[state->replays])
		sim->counted[state->replays] = state->sends;
	trace(sim, "results", state);
}

/* ---- the vendor ---- */

static int page_of(const struct verification *state)
{
	int number = -1;
	return sscanf(state->reference, "r%d", &number) == 1 ? number : -1;
}

static int open_page(struct sim *sim, int life)
{
	sim->initiates[life]++;
	check(sim, sim->initiates[life] <= sim->counted[life], "an initiate was sent that was not counted");
	check(sim, sim->initiates[life] <= SENDS_MAX, "more initiates than allowed");
	check(sim, sim->page_count < MAX_PAGES, "the model is too small: pages");
	if (sim->page_count == MAX_PAGES)
		return 0;
	sim->pages[sim->page_count] = (struct page){.until_ms = sim->now_ms + TOKEN_MS, .pending = (int)roll(sim, 4)};
	return sim->page_count++;
}

static struct event look(struct sim *sim, const struct verification *state)
{
	struct page *page = &sim->pages[page_of(state)];
	sim->looks++;
	if (page->finished && page->pending-- <= 0)
		return (struct event){.type = EVENT_JUDGED,
		                      .verdict = page->approved ? VERDICT_VERIFIED : VERDICT_DENIED,
		                      .reason = page->approved ? REASON_NONE : REASON_FRAUD};
	if (!page->finished && sim->now_ms >= page->until_ms)
		return (struct event){
		        .type = EVENT_JUDGED, .verdict = VERDICT_NO_DOCUMENT, .reason = REASON_NOT_UPLOADED};
	return (struct event){.type = EVENT_PENDING};
}

/* The ladder's offsets double. Returns: ms since the beginning, or -1 when it has ended. */
static int64_t next_poll_ms(int64_t elapsed)
{
	int64_t at = 5000;
	for (int rung = 0; rung < RUNGS; rung++, at *= 2)
		if (at > elapsed)
			return at;
	return -1;
}

#endif
