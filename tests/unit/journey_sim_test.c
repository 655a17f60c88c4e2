/* A journey under everything that Kafka, Redis, the vendor, the person and a dying worker may do to it, in seeds: the
 * same seed is the same story. Each seed has its own mix of misfortunes, because one that comes too often hides what
 * another one breaks. VERIFYD_SIM_SEED=N runs one seed and prints its steps; VERIFYD_SIM_SEEDS=N runs so many. */
#include "tests/unit/journey_worker.h"
#include "tests/unit/seeds.h"

enum { SEEDS = 30000, MAX_FAULTY_STEPS = 250, HEALING_STEPS = 60000, ROOM = 40 };

/* ---- the person and the vendor ---- */

static void produce_retrieval(struct sim *sim, enum cause cause)
{
	produce(sim, (struct record){.cause = cause, .carries = true, .state = sim->cache});
}

/* What the ingress sees is what Redis has. */
static void person(struct sim *sim)
{
	if (!sim->cache_up || !sim->cached || !sim->cache.reference[0])
		return;
	struct page *page = &sim->pages[page_of(&sim->cache)];
	bool waits = sim->cache.state == STATE_AWAITING_USER;
	if (waits && !page->finished && sim->now_ms < page->until_ms && roll(sim, 4) == 0) {
		page->finished = true;
		page->approved = roll(sim, 2) == 0;
	}
	if (page->finished && waits && roll(sim, 2))
		produce_retrieval(sim, CAUSE_RETURNED);
	if (page->finished && roll(sim, 4) == 0)
		produce_retrieval(sim, CAUSE_CALLBACK);
	if (fault(sim, FAULT_REPEAT, 3))
		produce_retrieval(sim, roll(sim, 2) ? CAUSE_RETURNED : CAUSE_CALLBACK);
}

/* A further journey of the same person, or the same one by a caller who asks again. */
static void ask_again(struct sim *sim)
{
	struct record record = {.initiate = true, .created_ms = sim->request.created_ms};
	if (roll(sim, 2))
		record.created_ms = sim->now_ms;
	if (!sim->adopted)
		produce(sim, record);
}

/* An operator replays what is dead, now and then twice with one stroke. */
static void replay(struct sim *sim)
{
	struct record record = sim->last_dead;
	if (!sim->cached || sim->cache.state != STATE_DEAD || sim->dead_letters == 0 ||
	    sim->cache.replays + 2 >= MAX_LIVES)
		return;
	record.replays = sim->cache.replays + 1;
	record.attempts = 0;
	record.first_failure_ms = 0;
	record.deadline_ms = 0;
	record.not_before_ms = 0;
	for (uint32_t copies = 1 + roll(sim, 2); copies > 0; copies--)
		produce(sim, record);
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
		                          .saved = {.kind = KIND_COUNT},
		                          .first_failure_ms = record->first_failure_ms};
	}
}

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

static void lose_cache(struct sim *sim)
{
	sim->cached = false;
	sim->whole = false;
	sim->kept = false;
	sim->lease_token = 0;
	sim->projected = 0;
	sim->lost_ms = sim->now_ms;
}

static void erase(struct sim *sim)
{
	const struct event event = {.type = EVENT_ERASED, .at_ms = sim->now_ms};
	struct verification erased;
	unsigned effects;
	if (!sim->cached || !sim->cache_up || !verification_step(&sim->cache, &event, &erased, &effects))
		return;
	publish(sim, &erased);
	(void)cache_put(sim, &erased);
}

static void project(struct sim *sim)
{
	if (!sim->cache_up)
		return;
	if (sim->projected < sim->result_count)
		(void)cache_put(sim, &sim->results[sim->projected++]);
	/* filled again, and nobody can be in the middle of an initiate whose lease was lost */
	sim->whole = sim->whole || (sim->projected == sim->result_count && sim->now_ms >= sim->lost_ms + LEASE_MS);
}

/* The projector is a little behind, never much: then Redis is not answered from before it has caught up. */
static void project_what_is_old(struct sim *sim)
{
	while (sim->cache_up && sim->whole && sim->projected < sim->result_count &&
	       sim->published_ms[sim->projected] + PROJECTOR_LAG_MS < sim->now_ms)
		project(sim);
}

static void misfortune(struct sim *sim)
{
	if (fault(sim, FAULT_KILL, 20))
		kill_worker(sim, (int)roll(sim, WORKERS));
	if (fault(sim, FAULT_REDELIVER, 20))
		redeliver(sim);
	if (fault(sim, FAULT_AWAY, 30))
		sim->cache_up = !sim->cache_up;
	if (fault(sim, FAULT_LOSS, 60))
		lose_cache(sim);
	if (fault(sim, FAULT_REPEAT, 30))
		ask_again(sim);
	if (fault(sim, FAULT_REPLAY, 6))
		replay(sim);
	if (fault(sim, FAULT_ERASE, 300))
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
	return sim->whole && sim->projected == sim->result_count;
}

/* When nobody has anything to do, time passes until somebody has. */
static void pass_time(struct sim *sim)
{
	int64_t next_ms = INT64_MAX;
	sim->now_ms += roll(sim, 400);
	for (int i = 0; i < WORKERS; i++)
		if (sim->workers[i].phase != PHASE_IDLE)
			return;
	for (int i = 0; i < sim->record_count; i++)
		if (!sim->records[i].done && sim->records[i].not_before_ms < next_ms)
			next_ms = sim->records[i].not_before_ms;
	if (next_ms != INT64_MAX && next_ms > sim->now_ms && roll(sim, 8) == 0)
		sim->now_ms = next_ms;
}

static void one_step(struct sim *sim)
{
	uint32_t what = roll(sim, 3 * WORKERS + 3);
	pass_time(sim);
	misfortune(sim);
	project_what_is_old(sim);
	if (what < WORKERS)
		deliver(sim, (int)what);
	else if (what < 3 * WORKERS)
		step_worker(sim, &sim->workers[what % WORKERS]);
	else if (what == 3 * WORKERS)
		project(sim);
	else if (!sim->healing && what == 3 * WORKERS + 1)
		person(sim);
}

/* ---- a whole story ---- */

static void check_verdict(struct sim *sim, const struct verification *end)
{
	const struct page *page = &sim->pages[page_of(end) < 0 ? 0 : page_of(end)];
	bool judged = page_of(end) >= 0;
	check(sim, end->verdict != VERDICT_NONE && end->risk == RISK_NONE, "a journey ended without a verdict");
	check(sim, end->verdict != VERDICT_VERIFIED || (judged && page->finished && page->approved),
	      "verified what the vendor did not approve");
	check(sim, end->verdict == VERDICT_VERIFIED || !judged || !page->finished || !page->approved,
	      "not verified what the vendor approved");
}

static void check_end(struct sim *sim)
{
	bool died = false;
	int64_t highest = 0;
	const struct verification *first = NULL;
	check(sim, at_rest(sim), "work was left although everything healed");
	check(sim, sim->cached && (state_is_final(sim->cache.state) || (leases_end(sim) && sim->dead_letters > 0)),
	      "an accepted journey has not ended, and nobody was told");
	for (int i = 0; i < sim->result_count; i++) {
		died |= sim->results[i].state == STATE_DEAD;
		highest = sim->results[i].poll > highest ? sim->results[i].poll : highest;
		if (!first && sim->results[i].state == STATE_COMPLETED)
			first = &sim->results[i];
		check(sim, verification_compare(&sim->results[i], &sim->cache) <= 0,
		      "the log knows a higher state than the cache");
	}
	check(sim, leases_end(sim) || sim->climbs <= highest + sim->mishaps,
	      "a rung was climbed twice and nothing had gone wrong");
	check(sim, highest <= (RUNGS + 2) * (1 + sim->dead_letters), "the ladder has more rungs than it has");
	check(sim, !died || sim->dead_letters > 0, "a dead state without a dead letter");
	check(sim, !first || state_rank(sim->cache.state) >= 1, "a verdict that was published is not shown");
	if (sim->cache.state == STATE_COMPLETED)
		check_verdict(sim, &sim->cache);
}

static void accept(struct sim *sim)
{
	sim->adopted = roll(sim, 8) == 0;
	sim->request = (struct request){.id = "vAAAAAAAAAAAAAAAAAAAAAA",
	                                .kind = KIND_JUMIO_IDENTITY,
	                                .caller = "sim",
	                                .question = "who",
	                                .created_ms = sim->now_ms};
	struct verification state;
	verification_queued(&sim->request, &state);
	if (sim->adopted) {
		sim->pages[0] =
		        (struct page){.until_ms = sim->now_ms + TOKEN_MS, .finished = roll(sim, 2), .approved = true};
		sim->page_count = 1;
		state.state = STATE_CHECKING;
		state.adopted = true;
		state.checking_ms = sim->now_ms;
		memcpy(state.reference, "r0", sizeof "r0");
		for (uint32_t asks = 1 + roll(sim, 3); asks > 0; asks--)
			produce(sim, (struct record){.cause = CAUSE_ADOPTED, .carries = true, .state = state});
	} else {
		produce(sim, (struct record){.initiate = true,
		                             .created_ms = sim->now_ms,
		                             .deadline_ms = roll(sim, 2) ? 0 : sim->now_ms + DEADLINE_MS});
	}
	if (roll(sim, 4)) /* else Redis did not take it */
		(void)cache_put(sim, &state);
}

/* Of the three that end a lease while its holder lives, a story has at most one: they do not come together. */
static uint32_t weather_of(uint32_t faults, uint32_t which)
{
	static const uint32_t lease_enders[] = {FAULT_AWAY, FAULT_LOSS, FAULT_STALL};
	return faults & (~(uint32_t)(FAULT_AWAY | FAULT_LOSS | FAULT_STALL) | lease_enders[which]);
}

static void run(struct sim *sim, uint64_t seed, bool with_trace)
{
	memset(sim, 0, sizeof *sim);
	sim->random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	sim->now_ms = 1000000;
	sim->trace = with_trace;
	uint32_t faults = roll(sim, FAULT_ALL + 1);
	sim->weather = weather_of(faults, roll(sim, 3));
	sim->cache_up = sim->whole = true;
	accept(sim);
	int faulty_steps = (int)roll(sim, MAX_FAULTY_STEPS);
	for (int i = 0; i < faulty_steps && !sim->broken && sim->record_count < MAX_RECORDS - ROOM; i++)
		one_step(sim);
	sim->healing = true;
	sim->cache_up = true;
	for (int i = 0; i < HEALING_STEPS && !sim->broken && !at_rest(sim); i++)
		one_step(sim);
	if (!sim->broken)
		check_end(sim);
}

/* ---- the tests ---- */

static void whatever_happens_verdicts_and_references_stand_and_every_journey_ends(void **state)
{
	static struct sim sim;
	const struct seeds seeds = seeds_asked_for(SEEDS);
	int ends[STATE_COUNT] = {0}, verdicts[VERDICT_COUNT] = {0};
	(void)state;
	for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; seed++) {
		run(&sim, seed, seeds.count == 1);
		seeds_check(seed, sim.broken);
		ends[sim.cache.state]++;
		verdicts[sim.cache.verdict]++;
	}
	if (seeds.count < SEEDS)
		return;
	/* the model must be hard enough to reach every end, or it proves nothing */
	assert_true(ends[STATE_COMPLETED] > 0 && ends[STATE_DEAD] > 0 && ends[STATE_ERASED] > 0);
	assert_true(verdicts[VERDICT_VERIFIED] > 0 && verdicts[VERDICT_DENIED] > 0);
	assert_true(verdicts[VERDICT_NO_DOCUMENT] > 0 && verdicts[VERDICT_EXPIRED] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(whatever_happens_verdicts_and_references_stand_and_every_journey_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
