/* gate: whose turn it is, what becomes of a permit that is not used, and what holds without Redis: the gate alone, in
 * virtual time. With its engine: engine_gate_test.c. */
#include "tests/unit/engine/bench.h"
#include "tests/unit/engine/world_redis.h"
#include "workers/gate.h"

enum {
	PERIOD_MS = 1000,
	FRESH_MS = 1000 /* by then a new window allows something */,
	PEOPLE = 4,
	SIDES = 2,
	TRIP_MS = 10 /* to Redis and back */
};

struct waiter {
	struct gate_ticket ticket; /* first: found by it */
	enum gate_word word;       /* the last one that was told */
	int tellings;
	int64_t told_ms;
};

/* Each side is a worker: a pod without engines, and a gate. */
static struct bench bench;
static struct gate *gates[SIDES];
static struct waiter people[PEOPLE];

static void told(struct gate_ticket *ticket, enum gate_word word)
{
	struct waiter *waiter = (struct waiter *)ticket;
	waiter->word = word;
	waiter->tellings++;
	waiter->told_ms = bench.world->now_ms;
}

/* count 0: no quota. */
static void open_gates(int sides, int64_t count, bool needs_fleet)
{
	const struct gate_options options = {.vendor = "vendor",
	                                     .op = "score",
	                                     .rate = {count, count ? PERIOD_MS : 0},
	                                     .probe_ms = WORLD_PROBE_MS,
	                                     .breaker_failures = WORLD_BREAKER_FAILURES,
	                                     .needs_fleet = needs_fleet};
	bench_open_empty(&bench);
	for (int i = 0; i < SIDES; i++)
		gates[i] = NULL;
	for (int i = 0; i < PEOPLE; i++)
		people[i] = (struct waiter){.ticket.told = told, .word = GATE_UNTOLD};
	for (int i = 0; i < sides; i++) {
		struct pod *pod = pod_start(bench.world, &(struct pod_options){.max_in_flight = 1, .max_attempts = 1});
		world_run_for(bench.world, BENCH_JOIN_MS);
		assert_int_equal(gate_new(&pod->ports, &options, &gates[i], NULL), ERR_OK);
	}
	world_run_for(bench.world, FRESH_MS);
}

static void shut_gates(void)
{
	for (int i = 0; i < SIDES && gates[i]; i++) {
		for (int j = 0; j < PEOPLE; j++)
			gate_leave(gates[i], &people[j].ticket);
		gate_close(gates[i]);
	}
	world_run_for(bench.world, 1000);
	for (int i = 0; i < SIDES && gates[i]; i++)
		gate_free(gates[i]);
	world_free(bench.world);
}

static void wait_at(struct gate *gate, int person, int64_t since_ms)
{
	people[person].word = GATE_UNTOLD;
	(void)gate_wait(gate, &people[person].ticket, GATE_REST, since_ms);
}

static void wait_until_told(int person, enum gate_word word)
{
	for (int i = 0; i < 10 * PERIOD_MS && people[person].word != word; i++)
		world_run_for(bench.world, 1);
	assert_int_equal(people[person].word, word);
}

/* A call that was made with a permit has ended so. */
static void fail_as(struct gate *gate, enum failure failure, int64_t retry_after_ms)
{
	struct gate_ticket ticket = {.told = told};
	gate_note_end(gate, &ticket, false, failure, retry_after_ms);
}

static const struct store_gate_ask *asked(void)
{
	return &bench.world->redis->gates[0].asked;
}

/* ---- whose turn it is ---- */

static void who_came_first_goes_first_in_whatever_order_they_come_to_the_gate(void **state)
{
	(void)state;
	open_gates(1, 1, false);
	wait_at(gates[0], 0, 3000);
	wait_at(gates[0], 1, 1000);
	wait_at(gates[0], 2, 2000);
	wait_at(gates[0], 3, GATE_FIRST);
	wait_until_told(0, GATE_GO);
	assert_true(people[3].told_ms < people[1].told_ms && people[1].told_ms < people[2].told_ms &&
	            people[2].told_ms < people[0].told_ms);
	shut_gates();
}

static void the_fleet_is_told_since_when_the_first_of_each_priority_waits(void **state)
{
	(void)state;
	open_gates(1, 1, false);
	wait_at(gates[0], 1, 3000);
	wait_at(gates[0], 2, 2000);
	(void)gate_wait(gates[0], &people[3].ticket, GATE_LOOK, GATE_FIRST);
	wait_until_told(3, GATE_GO);
	assert_int_equal(asked()->wants[GATE_PERSON], 0);
	assert_int_equal(asked()->since_ms[GATE_PERSON], 0);
	assert_int_equal(asked()->wants[GATE_LOOK], 1);
	assert_int_equal(asked()->since_ms[GATE_LOOK], 1); /* 0 would be: not known */
	assert_int_equal(asked()->wants[GATE_REST], 2);
	assert_int_equal(asked()->since_ms[GATE_REST], 2000);
	shut_gates();
}

static void who_waits_is_told_once_that_it_is_not_its_turn(void **state)
{
	(void)state;
	open_gates(1, 1, false);
	wait_at(gates[0], 0, 1000);
	wait_at(gates[0], 1, 2000);
	wait_until_told(1, GATE_LATER);
	world_run_for(bench.world, PERIOD_MS / 2);
	assert_int_equal(people[0].word, GATE_GO);
	assert_int_equal(people[1].tellings, 1);
	shut_gates();
}

static void who_waits_for_a_full_window_asks_when_there_can_be_something(void **state)
{
	enum { AGAIN_MS = 50 /* the world's Redis says so */ };
	(void)state;
	open_gates(1, 1, false);
	wait_at(gates[0], 0, 1000);
	wait_at(gates[0], 1, 2000);
	wait_until_told(0, GATE_GO);
	int before = bench.world->redis->gates[0].questions;
	world_run_for(bench.world, PERIOD_MS / 2);
	assert_in_range(bench.world->redis->gates[0].questions - before, 1, PERIOD_MS / 2 / AGAIN_MS + 1);
	shut_gates();
}

static void what_was_seen_is_told_once(void **state)
{
	int64_t failed = 0;
	(void)state;
	open_gates(1, 0, false);
	fail_as(gates[0], FAILURE_RESET, 0);
	fail_as(gates[0], FAILURE_RESET, 0);
	for (int i = 0, questions = 0; i < 3 * PERIOD_MS; i++) {
		world_run_for(bench.world, 1);
		if (bench.world->redis->gates[0].questions != questions)
			failed += asked()->failed;
		questions = bench.world->redis->gates[0].questions;
	}
	assert_int_equal(failed, 2);
	shut_gates();
}

/* ---- permits ---- */

static void a_permit_that_is_given_back_goes_to_who_waits_and_not_to_who_comes(void **state)
{
	(void)state;
	open_gates(1, 1, false);
	wait_at(gates[0], 0, 1000);
	wait_at(gates[0], 1, 2000);
	wait_until_told(0, GATE_GO);
	int64_t now = bench.world->now_ms;
	gate_leave(gates[0], &people[0].ticket);
	assert_false(gate_take(gates[0], &people[2].ticket));
	wait_until_told(1, GATE_GO);
	assert_true(bench.world->now_ms - now < PERIOD_MS / 2); /* the same one: the next comes with the next period */
	assert_true(gate_use(gates[0], &people[1].ticket));
	shut_gates();
}

static void what_is_not_used_soon_is_gone(void **state)
{
	(void)state;
	open_gates(1, 1, false);
	wait_at(gates[0], 0, 1000);
	wait_until_told(0, GATE_GO);
	world_run_for(bench.world, quota_guard_ms(PERIOD_MS));
	assert_false(gate_use(gates[0], &people[0].ticket));
	wait_at(gates[0], 0, 1000);
	wait_until_told(0, GATE_GO);
	gate_leave(gates[0], &people[0].ticket);
	world_run_for(bench.world, quota_guard_ms(PERIOD_MS));
	assert_false(gate_take(gates[0], &people[1].ticket)); /* neither is what was given back */
	shut_gates();
}

static void what_was_given_back_is_gone_when_the_vendor_asks_for_time(void **state)
{
	(void)state;
	open_gates(1, 2, false);
	wait_at(gates[0], 0, 1000);
	wait_at(gates[0], 1, 2000);
	wait_until_told(1, GATE_GO);
	gate_leave(gates[0], &people[0].ticket);
	gate_leave(gates[0], &people[1].ticket);
	assert_true(gate_take(gates[0], &people[2].ticket));
	fail_as(gates[0], FAILURE_THROTTLED, 1500);
	assert_false(gate_take(gates[0], &people[3].ticket));
	shut_gates();
}

static void a_probe_that_is_given_back_is_the_next_ones(void **state)
{
	(void)state;
	open_gates(1, 0, false);
	fail_as(gates[0], FAILURE_CREDENTIALS, 0);
	wait_at(gates[0], 0, 1000);
	wait_until_told(0, GATE_GO);
	int64_t now = bench.world->now_ms;
	gate_leave(gates[0], &people[0].ticket);
	wait_at(gates[0], 1, 1000);
	wait_until_told(1, GATE_GO);
	assert_true(bench.world->now_ms - now < WORLD_PROBE_MS / 2);
	assert_true(gate_use(gates[0], &people[1].ticket));
	assert_true(people[1].ticket.is_probe);
	shut_gates();
}

static void who_needed_no_permit_gives_none_back(void **state)
{
	(void)state;
	open_gates(1, 0, false);
	assert_true(gate_take(gates[0], &people[0].ticket));
	fail_as(gates[0], FAILURE_THROTTLED, 1500);
	gate_leave(gates[0], &people[0].ticket);
	assert_false(gate_take(gates[0], &people[1].ticket));
	world_run_for(bench.world, 1499);
	assert_false(gate_take(gates[0], &people[1].ticket));
	world_run_for(bench.world, TRIP_MS);
	assert_true(gate_take(gates[0], &people[1].ticket));
	shut_gates();
}

static void a_permit_ends_when_the_breaker_opens(void **state)
{
	(void)state;
	open_gates(1, 0, false);
	assert_true(gate_take(gates[0], &people[0].ticket));
	fail_as(gates[0], FAILURE_CREDENTIALS, 0);
	assert_true(gate_is_open(gates[0]));
	assert_false(gate_use(gates[0], &people[0].ticket));
	shut_gates();
}

static void a_probe_that_worked_closes_it_once(void **state)
{
	(void)state;
	open_gates(1, 0, false);
	fail_as(gates[0], FAILURE_CREDENTIALS, 0);
	wait_at(gates[0], 0, 1000);
	wait_until_told(0, GATE_GO);
	assert_true(gate_use(gates[0], &people[0].ticket));
	gate_note_end(gates[0], &people[0].ticket, true, FAILURE_RESET, 0);
	world_run_for(bench.world, PERIOD_MS);
	assert_false(gate_is_open(gates[0]));
	fail_as(gates[0], FAILURE_CREDENTIALS, 0);
	world_run_for(bench.world, 3 * WORLD_PROBE_MS);
	assert_true(gate_is_open(gates[0]));
	shut_gates();
}

/* The question that is on its way knows nothing of it, so neither does its answer. */
static void an_older_answer_does_not_close_what_was_opened_here(void **state)
{
	(void)state;
	open_gates(1, 0, false);
	fail_as(gates[0], FAILURE_RESET, 0);
	for (int before = bench.world->redis->gates[0].questions; bench.world->redis->gates[0].questions == before;)
		world_run_for(bench.world, 1);
	fail_as(gates[0], FAILURE_CREDENTIALS, 0);
	for (int i = 0; i < TRIP_MS; i++) {
		assert_true(gate_is_open(gates[0]));
		world_run_for(bench.world, 1);
	}
	shut_gates();
}

static void a_vendor_that_throttles_and_names_no_time_is_left_alone_for_a_second(void **state)
{
	(void)state;
	open_gates(1, 0, false);
	fail_as(gates[0], FAILURE_THROTTLED, 0);
	world_run_for(bench.world, 999);
	assert_false(gate_take(gates[0], &people[0].ticket));
	world_run_for(bench.world, TRIP_MS);
	assert_true(gate_take(gates[0], &people[0].ticket));
	shut_gates();
}

static void what_one_worker_is_asked_to_wait_all_wait_once_the_question_came_through(void **state)
{
	(void)state;
	open_gates(2, 0, false);
	bench.lost_command = "gate"; /* the first one is lost */
	fail_as(gates[0], FAILURE_THROTTLED, 9000);
	world_run_for(bench.world, 10);
	bench.lost_command = NULL;
	world_run_for(bench.world, 6000);
	assert_false(gate_take(gates[1], &people[0].ticket));
	world_run_for(bench.world, 4000);
	assert_true(gate_take(gates[1], &people[0].ticket));
	shut_gates();
}

/* ---- without Redis ---- */

static void a_class_that_needs_the_fleet_waits_for_it(void **state)
{
	(void)state;
	open_gates(1, 1, true);
	redis_set_up(bench.world, false);
	world_run_for(bench.world, 3 * PERIOD_MS);
	wait_at(gates[0], 0, 1000);
	world_run_for(bench.world, 3 * PERIOD_MS);
	assert_int_equal(people[0].word, GATE_LATER);
	redis_set_up(bench.world, true);
	wait_until_told(0, GATE_GO);
	shut_gates();
}

static void a_breaker_that_was_open_stays_open_and_is_probed_as_before(void **state)
{
	(void)state;
	open_gates(1, 0, false);
	fail_as(gates[0], FAILURE_CREDENTIALS, 0);
	world_run_for(bench.world, 100);
	redis_set_up(bench.world, false);
	int64_t away_ms = bench.world->now_ms;
	world_run_for(bench.world, WORLD_PROBE_MS / 2);
	assert_true(gate_is_open(gates[0]));
	wait_at(gates[0], 0, 1000);
	wait_until_told(0, GATE_GO);
	assert_true(people[0].ticket.is_probe);
	assert_true(people[0].told_ms - away_ms >= WORLD_PROBE_MS);
	assert_true(gate_use(gates[0], &people[0].ticket));
	gate_note_end(gates[0], &people[0].ticket, true, FAILURE_RESET, 0);
	world_run_for(bench.world, 1000);
	assert_false(gate_is_open(gates[0]));
	shut_gates();
}

static void what_was_given_alone_is_told_to_the_fleet_once(void **state)
{
	int64_t untold = 0;
	(void)state;
	open_gates(1, 4, false);
	redis_set_up(bench.world, false);
	world_run_for(bench.world, 3 * PERIOD_MS);
	for (int i = 0; i < 2; i++) {
		wait_at(gates[0], i, 1000);
		wait_until_told(i, GATE_GO);
	}
	redis_set_up(bench.world, true);
	int before = bench.world->redis->gates[0].questions;
	for (int i = 0, questions = before; i < 3 * PERIOD_MS; i++) {
		world_run_for(bench.world, 1);
		if (bench.world->redis->gates[0].questions == questions)
			continue;
		questions = bench.world->redis->gates[0].questions;
		untold += asked()->untold;
	}
	assert_true(bench.world->redis->gates[0].questions > before + 1);
	assert_int_equal(untold, 2);
	shut_gates();
}

static void who_is_alone_leaves_a_vendor_alone_that_asks_for_time(void **state)
{
	(void)state;
	open_gates(1, 4, false);
	redis_set_up(bench.world, false);
	world_run_for(bench.world, 3 * PERIOD_MS);
	fail_as(gates[0], FAILURE_THROTTLED, 3000);
	int64_t now = bench.world->now_ms;
	wait_at(gates[0], 0, 1000);
	wait_until_told(0, GATE_GO);
	assert_true(people[0].told_ms - now >= 3000);
	shut_gates();
}

static void what_was_used_is_shown_for_a_period(void **state)
{
	struct gate_figures figures;
	(void)state;
	open_gates(1, 1, false);
	wait_at(gates[0], 0, 1000);
	wait_until_told(0, GATE_GO);
	gate_figures(gates[0], &figures);
	assert_int_equal(figures.used, 1);
	wait_at(gates[0], 1, 1000);
	gate_figures(gates[0], &figures);
	assert_int_equal(figures.waiting[GATE_REST], 1);
	world_run_for(bench.world, PERIOD_MS / 4);
	assert_int_equal(asked()->used, 1); /* counts where the window is lost */
	redis_set_up(bench.world, false);   /* nobody tells it any more */
	world_run_for(bench.world, 3 * PERIOD_MS);
	gate_figures(gates[0], &figures);
	assert_int_equal(figures.used, 0);
	shut_gates();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(who_came_first_goes_first_in_whatever_order_they_come_to_the_gate),
	        cmocka_unit_test(the_fleet_is_told_since_when_the_first_of_each_priority_waits),
	        cmocka_unit_test(who_waits_is_told_once_that_it_is_not_its_turn),
	        cmocka_unit_test(who_waits_for_a_full_window_asks_when_there_can_be_something),
	        cmocka_unit_test(what_was_seen_is_told_once),
	        cmocka_unit_test(a_permit_that_is_given_back_goes_to_who_waits_and_not_to_who_comes),
	        cmocka_unit_test(what_is_not_used_soon_is_gone),
	        cmocka_unit_test(what_was_given_back_is_gone_when_the_vendor_asks_for_time),
	        cmocka_unit_test(a_probe_that_is_given_back_is_the_next_ones),
	        cmocka_unit_test(who_needed_no_permit_gives_none_back),
	        cmocka_unit_test(a_permit_ends_when_the_breaker_opens),
	        cmocka_unit_test(a_probe_that_worked_closes_it_once),
	        cmocka_unit_test(an_older_answer_does_not_close_what_was_opened_here),
	        cmocka_unit_test(a_vendor_that_throttles_and_names_no_time_is_left_alone_for_a_second),
	        cmocka_unit_test(what_one_worker_is_asked_to_wait_all_wait_once_the_question_came_through),
	        cmocka_unit_test(a_class_that_needs_the_fleet_waits_for_it),
	        cmocka_unit_test(a_breaker_that_was_open_stays_open_and_is_probed_as_before),
	        cmocka_unit_test(what_was_given_alone_is_told_to_the_fleet_once),
	        cmocka_unit_test(who_is_alone_leaves_a_vendor_alone_that_asks_for_time),
	        cmocka_unit_test(what_was_used_is_shown_for_a_period),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
