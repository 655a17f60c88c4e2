/* engine: how a worker ends and how partitions move: drains, revokes, late results, and everything outstanding at once;
 * in virtual time. */
#include "tests/unit/engine/bench.h"

enum { REVOKE_WAIT_MS = 3000, DRAIN_MS = 25000, JOBS = 12 };

static void ask_many(struct bench *bench)
{
	for (int i = 0; i < JOBS; i++) {
		char id[ID_TEXT_BYTES];
		world_id(i, id);
		world_ask(bench->world, i % 2 ? KIND_BIOCATCH_SCORE : KIND_JUMIO_IDENTITY, id, i, 0);
	}
}

/* Every question has ended, or its page is open, and nothing was bought twice. */
static void assert_all_went_well(const struct bench *bench)
{
	for (int i = 0; i < JOBS; i++) {
		char id[ID_TEXT_BYTES];
		struct verification state;
		world_id(i, id);
		assert_true(redis_state(bench->world, id, &state, NULL));
		assert_int_equal(state.state, i % 2 ? STATE_COMPLETED : STATE_AWAITING_USER);
		assert_int_equal(vendor_case_of(bench->world, id)->scores, i % 2);
		assert_int_equal(vendor_case_of(bench->world, id)->initiates, 1 - i % 2);
	}
}

static void a_drain_ends_what_is_under_way_commits_it_and_is_over_at_once(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_ask_score(&bench);
	world_run_for(bench.world, 50);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 1);
	pod_drain(bench.pod, DRAIN_MS);
	world_run_for(bench.world, 1000);
	assert_true(bench.pod->is_gone);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	const struct log_record *asked = kafka_of(bench.world, scores, bench.id, 0);
	assert_int_equal(*kafka_committed(bench.world, "biocatch", scores, asked->partition), asked->offset + 1);
	world_free(bench.world);
}

static void a_drain_hands_back_what_only_waits_and_another_pod_goes_on(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_call(&bench, (struct call_plan){.end = CALL_STATUS, .status = 503});
	bench_ask_score(&bench);
	while (times(&bench, NOTE_ACKED, "results") == 0) /* the try is saved, and waits for the next */
		world_step(bench.world);
	pod_drain(bench.pod, DRAIN_MS);
	assert_int_equal(times(&bench, NOTE_DROPPED, scores), 1);
	bench_pod(&bench, BENCH_MAX_IN_FLIGHT);
	world_run_for(bench.world, 3000);
	assert_true(bench.pod->is_gone);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 2);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	world_free(bench.world);
}

static void a_drain_takes_nothing_new(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	pod_drain(bench.pod, DRAIN_MS);
	bench_ask_score(&bench);
	world_run_for(bench.world, 2000);
	assert_int_equal(times(&bench, NOTE_TAKEN, scores), 0);
	world_free(bench.world);
}

static void a_result_that_was_decided_is_written_down_while_draining(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench.plan_topic = "results";
	bench.sends[bench.send_count++] = (struct send_plan){.fails = true, .is_lost = true};
	bench_ask_score(&bench);
	while (times(&bench, NOTE_SENT, "results") == 0)
		world_step(bench.world);
	pod_drain(bench.pod, DRAIN_MS);
	world_run_for(bench.world, 5000);
	assert_true(bench.pod->is_gone);
	assert_int_equal(times(&bench, NOTE_ACKED, "results"), 1);
	assert_int_equal(times(&bench, NOTE_DONE, scores), 1);
	world_free(bench.world);
}

/* ---- partitions move ---- */

static void a_revoke_waits_for_what_is_on_its_way(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_call(&bench, (struct call_plan){.end_ms = 1500});
	bench_ask_score(&bench);
	world_run_for(bench.world, 50);
	kafka_rebalance(bench.world, "biocatch");
	world_run_for(bench.world, 6000);
	assert_int_equal(times(&bench, NOTE_TAKEN, scores), 1);
	assert_int_equal(vendor_case_of(bench.world, bench.id)->scores, 1);
	world_free(bench.world);
}

/* The delivery takes longer than the revoke waits: the record comes again while its first job is still under way. */
static void a_late_result_of_a_revoked_partition_does_no_harm(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench.plan_topic = "results";
	bench.sends[bench.send_count++] =
	        (struct send_plan){.append_ms = 2 * REVOKE_WAIT_MS, .tell_ms = 2 * REVOKE_WAIT_MS + 1};
	bench_ask_score(&bench);
	world_run_for(bench.world, 300);
	kafka_rebalance(bench.world, "biocatch");
	world_run_for(bench.world, REVOKE_WAIT_MS + 1000);
	assert_int_equal(times(&bench, NOTE_TAKEN, scores), 2);
	assert_int_equal(times(&bench, NOTE_DONE, scores), 0);
	world_run_for(bench.world, 3 * REVOKE_WAIT_MS);
	const struct log_record *asked = kafka_of(bench.world, scores, bench.id, 0);
	assert_int_equal(times(&bench, NOTE_DONE, scores), 2);
	assert_int_equal(times(&bench, NOTE_STORED, scores), 1); /* only the one of the partition that it still has */
	assert_int_equal(*kafka_committed(bench.world, "biocatch", scores, asked->partition), asked->offset + 1);
	assert_int_equal(vendor_case_of(bench.world, bench.id)->scores, 1);
	world_free(bench.world);
}

static void who_joins_gets_a_share_and_nothing_is_done_twice(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	ask_many(&bench);
	world_run_for(bench.world, 60);
	bench_pod(&bench, BENCH_MAX_IN_FLIGHT);
	bench_pod(&bench, BENCH_MAX_IN_FLIGHT);
	world_run_for(bench.world, 15000);
	assert_all_went_well(&bench);
	world_free(bench.world);
}

static void who_was_stopped_for_longer_than_its_session_comes_back_and_disturbs_nobody(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_ask_score(&bench);
	world_run_for(bench.world, 110); /* it has the answer, and its result is on its way */
	assert_int_equal(times(&bench, NOTE_SENT, "results"), 1);
	bench_pod(&bench, BENCH_MAX_IN_FLIGHT);
	pod_freeze(bench.pod, SESSION_TIMEOUT_MS + 5000);
	world_run_for(bench.world, SESSION_TIMEOUT_MS + 10000);
	assert_int_equal(vendor_case_of(bench.world, bench.id)->scores, 1);
	assert_int_equal(state_of(&bench).score, logged(&bench, 0).score);
	assert_true(kafka_all_done(bench.world));
	world_free(bench.world);
}

/* ---- everything outstanding at once ---- */

/* At whatever moment a pod ends, by either way: its memory is whole, and another pod ends what it had begun. */
static void ended_at_any_moment_it_leaves_nothing_behind(void **state)
{
	(void)state;
	for (int64_t moment = 0; moment < 130; moment++) {
		struct bench bench;
		bench_open(&bench);
		ask_many(&bench);
		world_run_for(bench.world, moment);
		if (moment % 2)
			pod_kill(bench.pod);
		else
			pod_drain(bench.pod, 0);
		bench_pod(&bench, BENCH_MAX_IN_FLIGHT);
		world_run_for(bench.world, 30000);
		assert_true(bench.pod->is_gone);
		for (int i = 0; i < JOBS; i++) {
			char id[ID_TEXT_BYTES];
			struct verification end;
			world_id(i, id);
			assert_true(redis_state(bench.world, id, &end, NULL));
			assert_int_equal(end.state, i % 2 ? STATE_COMPLETED : STATE_AWAITING_USER);
			assert_true(vendor_case_of(bench.world, id)->sent <= SENDS_MAX);
		}
		world_free(bench.world);
	}
}

static void redis_and_kafka_may_be_away_when_it_ends(void **state)
{
	(void)state;
	for (int64_t moment = 1; moment < 130; moment += 3) {
		struct bench bench;
		bench_open(&bench);
		ask_many(&bench);
		world_run_for(bench.world, moment);
		redis_set_up(bench.world, false);
		kafka_set_up(bench.world, false);
		world_run_for(bench.world, moment % 7 * 10);
		pod_drain(bench.pod, moment % 2 ? 0 : 2000);
		world_run_for(bench.world, 5000);
		assert_true(bench.pod->is_gone);
		world_free(bench.world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_drain_ends_what_is_under_way_commits_it_and_is_over_at_once),
	        cmocka_unit_test(a_drain_hands_back_what_only_waits_and_another_pod_goes_on),
	        cmocka_unit_test(a_drain_takes_nothing_new),
	        cmocka_unit_test(a_result_that_was_decided_is_written_down_while_draining),
	        cmocka_unit_test(a_revoke_waits_for_what_is_on_its_way),
	        cmocka_unit_test(a_late_result_of_a_revoked_partition_does_no_harm),
	        cmocka_unit_test(who_joins_gets_a_share_and_nothing_is_done_twice),
	        cmocka_unit_test(who_was_stopped_for_longer_than_its_session_comes_back_and_disturbs_nobody),
	        cmocka_unit_test(ended_at_any_moment_it_leaves_nothing_behind),
	        cmocka_unit_test(redis_and_kafka_may_be_away_when_it_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
