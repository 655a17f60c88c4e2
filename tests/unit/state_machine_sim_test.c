/* The state machine under everything that Kafka, Redis and a dying worker may do to it, in seeds: the same seed is the
 * same story. Each seed has its own mix of misfortunes, because one that comes too often hides what another one breaks.
 * VERIFYD_SIM_SEED=N runs one seed and prints its steps; VERIFYD_SIM_SEEDS=N runs so many. */
#include "tests/unit/seeds.h"
#include "tests/unit/state_machine_model.h"

enum { SEEDS = 10000, MAX_FAULTY_STEPS = 150, HEALING_STEPS = 20000 };

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
		                          .deadline_ms = record->deadline_ms,
		                          .first_failure_ms = record->first_failure_ms};
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
	sim->replays = sim->cache.replays + 1;
	for (uint32_t copies = 1 + roll(sim, 2); copies > 0; copies--)
		produce(sim, (struct record){.replays = sim->cache.replays + 1, .deadline_ms = deadline});
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
		produce(sim, (struct record){.deadline_ms = sim->now_ms + DEADLINE_MS});
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
	check(sim, sim->cache.state != STATE_DEAD || sim->cache.replays >= sim->replays, "a replay was swallowed");
	/* while Redis knows all of one life, a worker that dies takes at most its last call's count along */
	check(sim, (sim->weather & (FAULT_CACHE | FAULT_REPLAY)) || sim->burned <= MAX_ATTEMPTS + sim->lapses,
	      "failed calls were forgotten");
	check(sim, completed || died || sim->cache.state == STATE_ERASED, "an end that no result tells of");
}

static void run(struct sim *sim, uint64_t seed, bool with_trace)
{
	memset(sim, 0, sizeof *sim);
	sim->random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	sim->now_ms = 1000000;
	sim->trace = with_trace;
	sim->weather = roll(sim, FAULT_ALL + 1);
	if (roll(sim, 8) == 0) /* what a plain crash costs shows only where nothing else goes wrong */
		sim->weather = FAULT_KILL | FAULT_DOWN;
	sim->cache_up = true;
	sim->request = (struct request){.id = "vAAAAAAAAAAAAAAAAAAAAAA",
	                                .kind = KIND_BIOCATCH_SCORE,
	                                .caller = "sim",
	                                .created_ms = sim->now_ms};
	produce(sim, (struct record){.deadline_ms = roll(sim, 3) ? sim->now_ms + DEADLINE_MS : 0});
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

static void whatever_happens_answers_stand_and_every_request_ends(void **state)
{
	static struct sim sim;
	const struct seeds seeds = seeds_asked_for(SEEDS);
	int ends[STATE_COUNT] = {0};
	(void)state;
	for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; seed++) {
		run(&sim, seed, seeds.count == 1);
		seeds_check(seed, sim.broken);
		ends[sim.cache.state]++;
	}
	if (seeds.count < SEEDS)
		return;
	/* the model must be hard enough to reach every end, or it proves nothing */
	assert_true(ends[STATE_COMPLETED] > 0 && ends[STATE_DEAD] > 0 && ends[STATE_ERASED] > 0);
}

static void any_walk_of_events_climbs_one_revision_a_step_and_never_leaves_completed(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct sim sim = {.random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15)};
		struct verification now = {.id = "vAAAAAAAAAAAAAAAAAAAAAA",
		                           .kind = seed % 2 ? KIND_JUMIO_IDENTITY : KIND_BIOCATCH_SCORE,
		                           .rev = 1,
		                           .score = SCORE_NONE};
		for (int i = 0; i < 40; i++) {
			const struct verification before = now;
			unsigned effects = 0;
			const struct event event = {.type = (enum event_type)roll(&sim, EVENT_COUNT),
			                            .at_ms = roll(&sim, 1000),
			                            .risk = RISK_HIGH,
			                            .score = (int)roll(&sim, SCORE_MAX + 1),
			                            .verdict = VERDICT_DENIED,
			                            .is_rung = roll(&sim, 2) != 0,
			                            .attempts = (int)roll(&sim, 9),
			                            .replays = (int)roll(&sim, 9)};
			bool moved = verification_step(&now, &event, &now, &effects);
			check(&sim, now.rev == before.rev + (moved && event.type != EVENT_RETRIED), "revision");
			check(&sim, !moved || event.type != EVENT_RETRIED || now.attempts > before.attempts,
			      "no further try");
			check(&sim, !moved || verification_compare(&now, &before) > 0, "a step is not a step up");
			check(&sim, !moved || effects != 0, "a step without an effect");
			check(&sim, now.replays >= before.replays, "replays fell");
			check(&sim, now.poll >= before.poll, "the number of a rung fell");
			check(&sim, now.sends >= 0 && now.sends <= SENDS_MAX, "more sends than allowed");
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
