/* engine: jobs at the gate: the quota, whose turn it is, the breaker, and what becomes of who waits; in virtual time.
 */
#include "tests/unit/engine/bench.h"

enum { PERIOD_MS = 1000, CROWD = 30 };

static const struct call_plan server_error = {.end = CALL_STATUS, .status = 503},
                              barred = {.end = CALL_STATUS, .status = 401},
                              throttled = {.end = CALL_STATUS, .status = 429, .retry_after_ms = 1500};

static void open_limited(struct bench *bench, enum operation operation, int64_t count)
{
	bench_open_empty(bench);
	bench->world->rate[operation] = (struct config_rate){count, PERIOD_MS};
	bench->pod = bench_pod(bench, CROWD);
	world_run_for(bench->world, 1000); /* a new window allows nothing for half a second */
}

static void ask_score(struct bench *bench, int number, int64_t deadline_ms)
{
	char id[ID_TEXT_BYTES];
	world_id(number, id);
	world_ask(bench->world, KIND_BIOCATCH_SCORE, id, number,
	          deadline_ms ? world_unix_ms(bench->world) + deadline_ms : 0);
}

static int64_t called_ms(const struct bench *bench, int number)
{
	char id[ID_TEXT_BYTES];
	world_id(number, id);
	return world_when(bench->world, world_find(bench->world, NOTE_CALL, "score", id, 0));
}

static struct verification state_of_number(const struct bench *bench, int number)
{
	struct verification state;
	char id[ID_TEXT_BYTES];
	world_id(number, id);
	assert_true(redis_state(bench->world, id, &state, NULL));
	return state;
}

/* The most calls that arrived within any period. */
static int most_arrived(const struct bench *bench, const char *op)
{
	int most = 0, last;
	for (int i = 0; (last = world_find(bench->world, NOTE_ARRIVED, op, NULL, i)) >= 0; i++) {
		int count = 0;
		for (int j = i; j >= 0; j--) {
			int at = world_find(bench->world, NOTE_ARRIVED, op, NULL, j);
			count += world_when(bench->world, at) > world_when(bench->world, last) - PERIOD_MS;
		}
		most = count > most ? count : most;
	}
	return most;
}

/* ---- the quota ---- */

static void two_workers_keep_to_one_quota_and_use_it(void **state)
{
	struct bench bench;
	(void)state;
	open_limited(&bench, OPERATION_BIOCATCH_SCORE, 3);
	bench_pod(&bench, CROWD);
	world_run_for(bench.world, 8000);
	for (int i = 1; i <= 20; i++)
		ask_score(&bench, i, 0);
	world_run_for(bench.world, 9000);
	assert_int_equal(world_count(bench.world, NOTE_ARRIVED, "score", NULL), 20);
	assert_int_equal(most_arrived(&bench, "score"), 3);
	world_free(bench.world);
}

static void who_waits_holds_no_lease(void **state)
{
	struct bench bench;
	(void)state;
	open_limited(&bench, OPERATION_BIOCATCH_SCORE, 1);
	for (int i = 1; i <= 3; i++)
		ask_score(&bench, i, 0);
	world_run_for(bench.world, 500);
	assert_int_equal(world_count(bench.world, NOTE_CALL, NULL, NULL), 1);
	assert_true(world_count(bench.world, NOTE_RELEASED, NULL, NULL) >= 2);
	assert_int_equal(engine_in_flight(bench.pod->engines[OPERATION_BIOCATCH_SCORE]), 2);
	world_free(bench.world);
}

static void who_is_waited_for_goes_before_the_rest_and_replays_come_last(void **state)
{
	struct bench bench;
	(void)state;
	open_limited(&bench, OPERATION_BIOCATCH_SCORE, 1);
	for (int i = 0; i < BENCH_MAX_ATTEMPTS; i++)
		bench_call(&bench, server_error);
	ask_score(&bench, 1, 0);
	world_run_for(bench.world, 20000);
	assert_int_equal(state_of(&bench).state, STATE_DEAD);
	world_replay(bench.world, kafka_of(bench.world, "dead", bench.id, 0));
	int before = times(&bench, NOTE_CALL, "score");
	ask_score(&bench, 9, 0); /* takes what there is, so that the others meet at the gate */
	world_run_for(bench.world, 20);
	ask_score(&bench, 2, 0);
	ask_score(&bench, 3, 30000);
	world_run_for(bench.world, 9000);
	int64_t replayed = when(&bench, NOTE_CALL, "score", before);
	assert_true(called_ms(&bench, 3) < called_ms(&bench, 2));
	assert_true(called_ms(&bench, 2) < replayed || called_ms(&bench, 9) > replayed);
	world_free(bench.world);
}

/* Few fit into the worker at a time; the rest waits in two partitions. */
static void who_came_first_is_called_first_whatever_partition_it_is_in(void **state)
{
	enum { PEOPLE = 24, AT_ONCE = 4 };
	struct bench bench;
	(void)state;
	bench_open_empty(&bench);
	bench.world->rate[OPERATION_BIOCATCH_SCORE] = (struct config_rate){1, 300};
	bench_pod(&bench, AT_ONCE);
	world_run_for(bench.world, 1000);
	for (int i = 1; i <= PEOPLE; i++) {
		ask_score(&bench, i, 0);
		world_run_for(bench.world, 5);
	}
	world_run_for(bench.world, 12000);
	for (int i = 2; i <= PEOPLE; i++)
		assert_true(called_ms(&bench, i) > called_ms(&bench, i - 1));
	world_free(bench.world);
}

static void who_comes_back_from_a_retry_keeps_its_place_in_the_queue(void **state)
{
	enum { PEOPLE = 20 };
	struct bench bench;
	(void)state;
	open_limited(&bench, OPERATION_BIOCATCH_SCORE, 1);
	bench_call(&bench, server_error);
	for (int i = 1; i <= PEOPLE; i++) {
		ask_score(&bench, i, 0);
		world_run_for(bench.world, 5);
	}
	world_run_for(bench.world, 10000);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 2);
	int64_t second_ms = when(&bench, NOTE_CALL, "score", 1);
	int before = 0;
	for (int i = 0, at; (at = world_find(bench.world, NOTE_CALL, "score", NULL, i)) >= 0; i++)
		before += world_when(bench.world, at) < second_ms;
	assert_in_range(before, 1, PEOPLE / 2); /* its own first call, and those of the time that it stood back */
	world_free(bench.world);
}

static void who_waits_past_its_deadline_is_not_bought(void **state)
{
	struct bench bench;
	(void)state;
	open_limited(&bench, OPERATION_BIOCATCH_SCORE, 1);
	for (int i = 1; i <= 5; i++)
		ask_score(&bench, i, 1500);
	world_run_for(bench.world, 2500);
	assert_int_equal(world_count(bench.world, NOTE_CALL, NULL, NULL), 2);
	int expired = 0;
	for (int i = 1; i <= 5; i++)
		expired += state_of_number(&bench, i).reason == REASON_EXPIRED;
	assert_int_equal(expired, 3);
	assert_int_equal(engine_in_flight(bench.pod->engines[OPERATION_BIOCATCH_SCORE]), 0);
	world_free(bench.world);
}

static void the_second_call_of_a_look_takes_a_second_permit(void **state)
{
	struct bench bench;
	(void)state;
	open_limited(&bench, OPERATION_JUMIO_RETRIEVE, 1);
	bench_ask_page(&bench);
	world_run_for(bench.world, 1000);
	struct vendor_case *seen = vendor_case_of(bench.world, bench.id);
	seen->reference[0].is_finished = seen->reference[0].is_approved = true;
	assert_true(world_retrieve(bench.world, bench.id, CAUSE_CALLBACK));
	world_run_for(bench.world, 5000);
	assert_int_equal(state_of(&bench).verdict, VERDICT_VERIFIED);
	assert_int_equal(times(&bench, NOTE_CALL, "retrieve"), 2);
	assert_true(when(&bench, NOTE_CALL, "retrieve", 1) - when(&bench, NOTE_CALL, "retrieve", 0) >= PERIOD_MS);
	world_free(bench.world);
}

/* The ack of its count takes longer than a permit may be kept: with it, it would arrive beside the next one. */
static void an_initiate_whose_permit_grew_old_waits_for_another_one_and_is_sent_once(void **state)
{
	struct bench bench;
	char other[ID_TEXT_BYTES];
	(void)state;
	open_limited(&bench, OPERATION_JUMIO_INITIATE, 1);
	bench.plan_topic = "results";
	bench.sends[bench.send_count++] = (struct send_plan){.append_ms = 100, .tell_ms = 900};
	world_id(2, other);
	bench_ask_page(&bench);
	world_run_for(bench.world, 50);
	world_ask(bench.world, KIND_JUMIO_IDENTITY, other, 2, 0);
	world_run_for(bench.world, 8000);
	assert_int_equal(times(&bench, NOTE_ARRIVED, "initiate"), 1);
	assert_int_equal(world_count(bench.world, NOTE_ARRIVED, "initiate", other), 1);
	assert_int_equal(most_arrived(&bench, "initiate"), 1);
	assert_int_equal(state_of(&bench).state, STATE_AWAITING_USER);
	assert_int_equal(state_of(&bench).sends, 1);
	world_free(bench.world);
}

static void a_drain_hands_back_who_waits(void **state)
{
	struct bench bench;
	(void)state;
	open_limited(&bench, OPERATION_BIOCATCH_SCORE, 1);
	for (int i = 1; i <= 4; i++)
		ask_score(&bench, i, 0);
	world_run_for(bench.world, 50);
	pod_drain(bench.pod, 5000);
	world_run_for(bench.world, 1000);
	assert_true(bench.pod->is_gone);
	bench_pod(&bench, CROWD);
	world_run_for(bench.world, 15000);
	for (int i = 1; i <= 4; i++)
		assert_int_equal(state_of_number(&bench, i).state, STATE_COMPLETED);
	assert_int_equal(world_count(bench.world, NOTE_CALL, NULL, NULL), 4);
	world_free(bench.world);
}

static void without_redis_half_of_the_part_goes_on_once_the_last_window_is_over(void **state)
{
	struct bench bench;
	(void)state;
	open_limited(&bench, OPERATION_BIOCATCH_SCORE, 4);
	redis_set_up(bench.world, false);
	for (int i = 1; i <= 6; i++)
		ask_score(&bench, i, 0);
	int64_t away_ms = bench.world->now_ms;
	world_run_for(bench.world, 5000);
	assert_int_equal(world_count(bench.world, NOTE_ARRIVED, "score", NULL), 6);
	assert_int_equal(most_arrived(&bench, "score"), 2);
	assert_true(world_when(bench.world, world_find(bench.world, NOTE_CALL, "score", NULL, 0)) - away_ms >=
	            PERIOD_MS);
	world_free(bench.world);
}

static void retry_after_holds_up_everybody(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_call(&bench, throttled);
	ask_score(&bench, 1, 0);
	world_run_for(bench.world, 150);
	ask_score(&bench, 2, 0);
	world_run_for(bench.world, 5000);
	assert_true(called_ms(&bench, 2) - when(&bench, NOTE_ANSWERED, "score", 0) >= throttled.retry_after_ms);
	assert_int_equal(state_of_number(&bench, 2).attempts, 0);
	assert_int_equal(state_of_number(&bench, 1).state, STATE_COMPLETED);
	world_free(bench.world);
}

/* ---- the breaker ---- */

static void plan_outage(void *ctx, struct pod *pod, const char *op, const struct vendor_case *item,
                        struct call_plan *plan)
{
	const int64_t *until_ms = ctx;
	(void)op, (void)item;
	if (pod->world->now_ms < *until_ms) {
		plan->end = CALL_STATUS;
		plan->status = 503;
	}
}

static void a_vendor_that_is_down_is_left_alone_but_for_a_probe_and_nobody_dies_of_it(void **state)
{
	struct bench bench;
	(void)state;
	bench_open_empty(&bench);
	int64_t until_ms = 20000, opened_ms = 5000;
	bench.world->hooks = (struct world_hooks){.ctx = &until_ms, .plan_call = plan_outage};
	for (int i = 0; i < 2; i++)
		bench_pod(&bench, CROWD);
	world_run_for(bench.world, 1000);
	for (int i = 1; i <= CROWD; i++)
		ask_score(&bench, i, 0);
	world_run_for(bench.world, opened_ms - bench.world->now_ms);
	int before = world_count(bench.world, NOTE_CALL, "score", NULL);
	world_run_for(bench.world, until_ms - opened_ms);
	int probes = world_count(bench.world, NOTE_CALL, "score", NULL) - before;
	assert_in_range(probes, (until_ms - opened_ms) / WORLD_PROBE_MS - 2,
	                (until_ms - opened_ms) / WORLD_PROBE_MS + 1);
	world_run_for(bench.world, 10000);
	for (int i = 1; i <= CROWD; i++) {
		assert_int_equal(state_of_number(&bench, i).state, STATE_COMPLETED);
		assert_true(state_of_number(&bench, i).attempts < BENCH_MAX_ATTEMPTS);
	}
	assert_int_equal(kafka_count(bench.world, "dead", "v"), 0);
	world_free(bench.world);
}

static void a_credential_that_is_refused_opens_it_at_once_and_the_job_waits_here(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_call(&bench, barred);
	ask_score(&bench, 1, 0);
	world_run_for(bench.world, 300);
	ask_score(&bench, 2, 0);
	world_run_for(bench.world, 1000);
	assert_int_equal(world_count(bench.world, NOTE_CALL, "score", NULL), 1);
	assert_true(gate_is_open(engine_gate(bench.pod->engines[OPERATION_BIOCATCH_SCORE])));
	world_run_for(bench.world, 3000);
	assert_false(gate_is_open(engine_gate(bench.pod->engines[OPERATION_BIOCATCH_SCORE])));
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(state_of_number(&bench, i).state, STATE_COMPLETED);
		assert_int_equal(state_of_number(&bench, i).attempts, 0);
	}
	assert_int_equal(kafka_count(bench.world, "delay.5s", bench.id), 0);
	world_free(bench.world);
}

static void an_initiate_that_was_not_sent_is_not_counted_while_it_waits(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_call(&bench, barred);
	bench_ask_page(&bench);
	world_run_for(bench.world, 1500);
	assert_int_equal(state_of(&bench).state, STATE_QUEUED);
	assert_int_equal(state_of(&bench).sends, 0);
	world_run_for(bench.world, 10000);
	assert_int_equal(state_of(&bench).state, STATE_AWAITING_USER);
	assert_int_equal(state_of(&bench).sends, 1);
	world_free(bench.world);
}

/* A worker alone keeps the same rules. */
static void without_redis_the_breaker_goes_on_here(void **state)
{
	struct bench bench;
	(void)state;
	bench_open_empty(&bench);
	int64_t until_ms = 12000;
	bench.world->hooks = (struct world_hooks){.ctx = &until_ms, .plan_call = plan_outage};
	bench_pod(&bench, CROWD);
	world_run_for(bench.world, 1000);
	redis_set_up(bench.world, false);
	for (int i = 1; i <= CROWD; i++)
		ask_score(&bench, i, 0);
	world_run_for(bench.world, 2000);
	int before = world_count(bench.world, NOTE_CALL, "score", NULL);
	world_run_for(bench.world, 8000);
	assert_in_range(world_count(bench.world, NOTE_CALL, "score", NULL) - before, 3, 5);
	redis_set_up(bench.world, true);
	world_run_for(bench.world, 20000);
	assert_int_equal(kafka_count(bench.world, "dead", "v"), 0);
	assert_true(world_count(bench.world, NOTE_CALL, "score", NULL) >= before + CROWD);
	world_free(bench.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(two_workers_keep_to_one_quota_and_use_it),
	        cmocka_unit_test(who_waits_holds_no_lease),
	        cmocka_unit_test(who_is_waited_for_goes_before_the_rest_and_replays_come_last),
	        cmocka_unit_test(who_came_first_is_called_first_whatever_partition_it_is_in),
	        cmocka_unit_test(who_comes_back_from_a_retry_keeps_its_place_in_the_queue),
	        cmocka_unit_test(who_waits_past_its_deadline_is_not_bought),
	        cmocka_unit_test(the_second_call_of_a_look_takes_a_second_permit),
	        cmocka_unit_test(an_initiate_whose_permit_grew_old_waits_for_another_one_and_is_sent_once),
	        cmocka_unit_test(a_drain_hands_back_who_waits),
	        cmocka_unit_test(without_redis_half_of_the_part_goes_on_once_the_last_window_is_over),
	        cmocka_unit_test(retry_after_holds_up_everybody),
	        cmocka_unit_test(a_vendor_that_is_down_is_left_alone_but_for_a_probe_and_nobody_dies_of_it),
	        cmocka_unit_test(a_credential_that_is_refused_opens_it_at_once_and_the_job_waits_here),
	        cmocka_unit_test(an_initiate_that_was_not_sent_is_not_counted_while_it_waits),
	        cmocka_unit_test(without_redis_the_breaker_goes_on_here),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
