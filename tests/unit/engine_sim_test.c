/* The real engine, delay and projector of three pods under everything that Kafka, Redis, the vendor, the clock and a
 * dying process may do to them, in seeds: the same seed is the same story. Each seed has its own mix of misfortunes,
 * because one that comes too often hides what another one breaks. VERIFYD_SIM_SEED=N runs one seed and prints its
 * story; VERIFYD_SIM_SEEDS=N runs so many. */
#include "tests/unit/engine/sim.h"
#include "tests/unit/seeds.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Every crash maps and unmaps the parts of a worker, which sanitizers make slow. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SEEDS = 600 };
#else
enum { SEEDS = 3000 };
#endif
enum {
	PERSONS = 2,
	TURN_MS = 120,
	LONG_TIMEOUT_MS = 6000,
	MOST_SKEW_MS = 10000,
	HEALING_MS = 20 * 60 * 1000,
	REST_LOOK_MS = 500
};

/* ---- pods ---- */

static void start_pod(struct sim *sim, int slot)
{
	/* One pod serves everything, the others what the seed gives them: classes have groups in common. */
	uint32_t what = slot == 0 ? 7 : world_roll(sim->world, 7) + 1;
	const struct pod_options options = {.scores = what & 1,
	                                    .initiates = what & 2,
	                                    .retrievals = what & 4,
	                                    .max_in_flight = 1 + world_roll(sim->world, 6),
	                                    .max_attempts = 3};
	sim->pods[slot] = pod_start(sim->world, &options);
}

static void start_missing(struct sim *sim)
{
	for (int slot = 0; slot < SIM_PODS; slot++)
		if ((!sim->pods[slot] || sim->pods[slot]->is_gone) && sim->world->pod_count < WORLD_MAX_PODS - SIM_PODS)
			start_pod(sim, slot);
}

static void thaw(struct pod *pod)
{
	if (!pod->is_gone && pod->frozen_until_ms > pod->world->now_ms)
		pod->frozen_until_ms = pod->world->now_ms;
}

static void hurt_pods(struct sim *sim)
{
	struct world *world = sim->world;
	struct pod *pod = sim->pods[world_roll(world, SIM_PODS)];
	if (pod->is_gone)
		return;
	if (sim_fault(sim, FAULT_KILL, 12))
		pod_kill(pod);
	else if (sim_fault(sim, FAULT_DRAIN, 15))
		pod_drain(pod, world_roll(world, 4000));
	else if (sim_fault(sim, FAULT_FREEZE, 20))
		pod_freeze(pod, world_roll(world, world_roll(world, 3) ? 2000 : 16000));
	else if (sim_fault(sim, FAULT_CLOCK, 15))
		pod->skew_ms = (int64_t)world_roll(world, 2 * MOST_SKEW_MS) - MOST_SKEW_MS;
}

/* ---- what the callers, the people and the operator do ---- */

static void ask(struct sim *sim, const struct item *item)
{
	int64_t deadline = kind_is_journey(item->kind) || world_roll(sim->world, 3) == 0
	                           ? 0
	                           : world_unix_ms(sim->world) + 3000 + world_roll(sim->world, 9000);
	world_ask(sim->world, item->kind, item->id, item->person, deadline);
}

static void ask_anew(struct sim *sim)
{
	struct item *item = &sim->items[sim->item_count];
	*item = (struct item){.kind = world_roll(sim->world, 2) ? KIND_BIOCATCH_SCORE : KIND_JUMIO_IDENTITY,
	                      .person = (int)world_roll(sim->world, PERSONS),
	                      .lives = 1,
	                      .calling = -1};
	world_id(sim->item_count++, item->id);
	ask(sim, item);
}

static void act_as_person(struct sim *sim, const struct item *item)
{
	struct world *world = sim->world;
	struct verification state;
	struct vendor_case *seen = vendor_case_of(world, item->id);
	if (!redis_answers(world) || !redis_state(world, item->id, &state, NULL) || !state.reference[0])
		return;
	for (int i = 0; i < seen->initiates; i++)
		if (strcmp(seen->reference[i].name, state.reference) == 0 && !seen->reference[i].is_finished &&
		    seen->reference[i].until_ms > world->now_ms && world_roll(world, 3) == 0) {
			seen->reference[i].is_finished = true;
			seen->reference[i].is_approved = world_roll(world, 2);
		}
	if (state.state == STATE_AWAITING_USER || sim_fault(sim, FAULT_REPEAT, 3))
		(void)world_retrieve(world, item->id, world_roll(world, 3) ? CAUSE_RETURNED : CAUSE_CALLBACK);
}

static void replay(struct sim *sim, struct item *item)
{
	struct verification state;
	int letters = kafka_count(sim->world, "dead", item->id);
	if (letters == 0 || item->lives > 3 || !redis_state(sim->world, item->id, &state, NULL) ||
	    state.state != STATE_DEAD)
		return;
	item->lives++;
	for (uint32_t copies = 1 + world_roll(sim->world, 2); copies > 0; copies--)
		world_replay(sim->world, kafka_of(sim->world, "dead", item->id, letters - 1));
}

static void send_poison(struct sim *sim)
{
	char key[SIM_KEY_BYTES];
	sim_poison_key(sim->poisons++, key);
	(void)kafka_put(sim->world, operation_info((enum operation)world_roll(sim->world, OPERATION_COUNT))->topic, key,
	                "{\"not\":", 7, NULL);
}

static void act_from_outside(struct sim *sim)
{
	struct world *world = sim->world;
	if (sim->item_count < SIM_ITEMS && world_roll(world, 6) == 0)
		ask_anew(sim);
	if (sim->item_count == 0)
		return;
	struct item *item = &sim->items[world_roll(world, (uint32_t)sim->item_count)];
	if (kind_is_journey(item->kind) && world_roll(world, 8) == 0)
		act_as_person(sim, item);
	if (sim_fault(sim, FAULT_REPEAT, 20))
		ask(sim, item);
	if (sim_fault(sim, FAULT_REPLAY, 4))
		replay(sim, item);
	if (sim_fault(sim, FAULT_POISON, 25))
		send_poison(sim);
}

static void hurt_rest(struct sim *sim)
{
	static const char *const groups[] = {"biocatch", "jumio", "delay", "projector"};
	struct world *world = sim->world;
	if (sim_fault(sim, FAULT_BALANCE, 25))
		kafka_rebalance(world, groups[world_roll(world, 4)]);
	if (sim_fault(sim, FAULT_AWAY, 25))
		redis_set_up(world, !redis_answers(world));
	if (sim_fault(sim, FAULT_LOSS, 40)) {
		redis_lose(world);
		sim->has_flushed = true;
	}
	if (sim_fault(sim, FAULT_KAFKA, 60))
		kafka_set_up(world, !kafka_is_up(world));
}

static void on_turn(void *ctx)
{
	struct sim *sim = ctx;
	if (sim->is_healing)
		return;
	act_from_outside(sim);
	hurt_pods(sim);
	hurt_rest(sim);
	if (world_roll(sim->world, 8) == 0)
		start_missing(sim);
	world_at(sim->world, world_roll(sim->world, 2 * TURN_MS), NULL, on_turn, sim);
}

/* ---- a whole story ---- */

static void heal(struct sim *sim)
{
	sim->is_healing = true;
	kafka_set_up(sim->world, true);
	redis_set_up(sim->world, true);
	for (int slot = 0; slot < SIM_PODS; slot++) {
		thaw(sim->pods[slot]);
		sim->pods[slot]->skew_ms = 0;
	}
	if (sim->item_count == 0)
		ask_anew(sim);
}

static void run(struct sim *sim, uint64_t seed, bool prints)
{
	*sim = (struct sim){.world = world_new((seed + 1) * UINT64_C(0x2545f4914f6cdd1d))};
	struct world *world = sim->world;
	world->prints = prints;
	world->commit_every_ms = 200 + world_roll(world, 5000);
	for (int i = 0; i < OPERATION_COUNT && world_roll(world, 3) == 0; i++)
		world->rate[i] = (struct config_rate){2 + world_roll(world, 4), 2000};
	if (world_roll(world, 2))
		world->vendor_timeout_ms = LONG_TIMEOUT_MS;
	sim->weather = world_roll(world, FAULT_ALL + 1) & world_roll(world, FAULT_ALL + 1);
	if (prints)
		printf("seed %llu, weather %#x\n", (unsigned long long)seed, sim->weather);
	sim_hook(sim);
	for (int slot = 0; slot < SIM_PODS; slot++)
		start_pod(sim, slot);
	world_at(world, 500, NULL, on_turn, sim);
	world_run_for(world, 5000 + world_roll(world, 40000));
	heal(sim);
	int64_t until = world->now_ms + HEALING_MS;
	while (world->now_ms < until && !sim->broken && !(sim_is_at_rest(sim))) {
		start_missing(sim);
		world_run_for(world, REST_LOOK_MS);
	}
	if (!sim->broken)
		sim_check_end(sim);
}

/* What the seeds together must have met, or they prove nothing. */
struct met {
	int ends[STATE_COUNT], verdicts[VERDICT_COUNT], crashes, kept, met_quota, second_scores, second_initiates,
	        changed;
};

static void count(struct sim *sim, struct met *met)
{
	struct verification state;
	for (int i = 0; i < sim->item_count; i++)
		if (redis_state(sim->world, sim->items[i].id, &state, NULL)) {
			met->ends[state.state]++;
			met->verdicts[state.verdict]++;
		}
	met->crashes += world_count(sim->world, NOTE_CRASHED, NULL, NULL);
	for (size_t i = 0; i < sim->world->note_count; i++)
		met->kept += sim->world->notes[i].note == NOTE_LEASE && sim->world->notes[i].number == LEASE_ANSWERED;
	met->met_quota += sim->met_quota;
	met->second_scores += sim->second_scores;
	met->second_initiates += sim->second_initiates;
	met->changed += sim->changed_answers;
}

static void whatever_happens_nothing_is_lost_and_nothing_is_done_twice_but_in_the_admitted_windows(void **state)
{
	const struct seeds seeds = seeds_asked_for(SEEDS);
	struct met met = {.crashes = 0};
	(void)state;
	for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; seed++) {
		struct sim sim;
		run(&sim, seed, seeds.count == 1);
		const char *broken = sim.broken;
		count(&sim, &met);
		world_free(sim.world);
		seeds_check(seed, broken);
	}
	if (seeds.count < SEEDS)
		return;
	printf("%d completed, %d dead, %d crashes, %d kept answers met; bought twice: %d scores, %d pages; changed "
	       "after a "
	       "loss: %d\n",
	       met.ends[STATE_COMPLETED], met.ends[STATE_DEAD], met.crashes, met.kept, met.second_scores,
	       met.second_initiates, met.changed);
	assert_true(met.ends[STATE_COMPLETED] > 0 && met.ends[STATE_DEAD] > 0 && met.crashes > 0 && met.kept > 0);
	assert_true(met.met_quota > 0);
	assert_true(met.verdicts[VERDICT_VERIFIED] > 0 && met.verdicts[VERDICT_DENIED] > 0);
	assert_true(met.verdicts[VERDICT_NO_DOCUMENT] > 0 && met.second_scores > 0 && met.second_initiates > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(
	                whatever_happens_nothing_is_lost_and_nothing_is_done_twice_but_in_the_admitted_windows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
