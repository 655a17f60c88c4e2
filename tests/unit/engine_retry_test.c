/* engine: what becomes of calls that fail: in memory, by a delay topic, counted or not, dead or too late; in virtual
 * time. How long which failure waits is the table's: retry_test. */
#include "tests/unit/engine/bench.h"

enum { DEADLINE_MS = 3000, RETRY_AFTER_MS = 6000 };

static const struct call_plan server_error = {.end = CALL_STATUS, .status = 503},
                              throttled = {.end = CALL_STATUS, .status = 429, .retry_after_ms = RETRY_AFTER_MS},
                              reset = {.end = CALL_RESET}, unreachable = {.end = CALL_REFUSED};

static void a_short_wait_is_spent_in_memory_under_the_same_record(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_call(&bench, server_error);
	bench_ask_score(&bench);
	world_run_for(bench.world, 5000);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 2);
	assert_int_equal(times(&bench, NOTE_TAKEN, scores), 1);
	assert_int_equal(kafka_count(bench.world, "delay.5s", bench.id), 0);
	assert_true(when(&bench, NOTE_CALL, "score", 1) - when(&bench, NOTE_ANSWERED, "score", 0) <= 500 + 20);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	world_free(bench.world);
}

static void after_the_last_attempt_it_dies_with_the_reason_and_the_count(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	for (int i = 0; i < BENCH_MAX_ATTEMPTS; i++)
		bench_call(&bench, server_error);
	bench_ask_score(&bench);
	world_run_for(bench.world, 20000);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), BENCH_MAX_ATTEMPTS);
	assert_int_equal(state_of(&bench).state, STATE_DEAD);
	assert_int_equal(state_of(&bench).reason, REASON_SERVER_ERROR);
	assert_int_equal(state_of(&bench).attempts, BENCH_MAX_ATTEMPTS);
	assert_string_equal(kafka_header_of(kafka_of(bench.world, "dead", bench.id, 0), HEADER_ATTEMPTS), "3");
	world_free(bench.world);
}

/* A try that waits in memory is known to whoever takes over. */
static void attempts_survive_the_worker(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	for (int i = 0; i < 2 * BENCH_MAX_ATTEMPTS; i++)
		bench_call(&bench, server_error);
	bench_ask_score(&bench);
	while (times(&bench, NOTE_CALL, "score") < 2)
		world_step(bench.world);
	pod_kill(bench.pod);
	bench_pod(&bench, BENCH_MAX_IN_FLIGHT);
	world_run_for(bench.world, 40000);
	assert_int_equal(state_of(&bench).state, STATE_DEAD);
	assert_true(times(&bench, NOTE_CALL, "score") <= BENCH_MAX_ATTEMPTS + 1); /* one was cut off in mid-call */
	world_free(bench.world);
}

static void retry_after_is_kept_by_way_of_a_delay_topic_and_burns_no_attempt(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	for (int i = 0; i < BENCH_MAX_ATTEMPTS + 1; i++)
		bench_call(&bench, throttled);
	bench_ask_score(&bench);
	world_run_for(bench.world, 60000);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), BENCH_MAX_ATTEMPTS + 2);
	for (int i = 0; i < BENCH_MAX_ATTEMPTS; i++)
		assert_true(when(&bench, NOTE_CALL, "score", i + 1) - when(&bench, NOTE_ANSWERED, "score", i) >=
		            RETRY_AFTER_MS);
	assert_true(kafka_count(bench.world, "delay.5s", bench.id) >= BENCH_MAX_ATTEMPTS);
	assert_string_equal(kafka_header_of(kafka_of(bench.world, "delay.5s", bench.id, 0), HEADER_ATTEMPT), "0");
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	assert_before(&bench, NOTE_ACKED, "delay.5s", NOTE_DONE, scores);
	world_free(bench.world);
}

static void a_hop_that_was_not_acked_is_sent_again_and_the_offset_waits(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_call(&bench, throttled);
	bench.plan_topic = "delay.5s";
	bench.sends[bench.send_count++] = (struct send_plan){.fails = true, .is_lost = true};
	bench_ask_score(&bench);
	world_run_for(bench.world, 20000);
	assert_int_equal(when(&bench, NOTE_SENT, "delay.5s", 1) - when(&bench, NOTE_UNACKED, "delay.5s", 0), 1000);
	assert_before(&bench, NOTE_ACKED, "delay.5s", NOTE_DONE, scores);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	world_free(bench.world);
}

static void a_score_whose_deadline_has_passed_is_not_bought(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	world_ask(bench.world, KIND_BIOCATCH_SCORE, bench.id, 1, world_unix_ms(bench.world));
	world_run_for(bench.world, 1000);
	assert_int_equal(times(&bench, NOTE_CALL, NULL), 0);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	assert_int_equal(state_of(&bench).risk, RISK_UNKNOWN);
	assert_int_equal(state_of(&bench).reason, REASON_EXPIRED);
	world_free(bench.world);
}

static void a_retry_that_would_come_after_the_deadline_is_not_waited_for(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_call(&bench, throttled);
	world_ask(bench.world, KIND_BIOCATCH_SCORE, bench.id, 1, world_unix_ms(bench.world) + DEADLINE_MS);
	world_run_for(bench.world, 1000);
	assert_int_equal(state_of(&bench).reason, REASON_EXPIRED);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 1);
	world_free(bench.world);
}

static void a_vendor_that_says_nothing_is_given_up_after_its_time(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_call(&bench, (struct call_plan){.end = CALL_SILENT});
	bench_ask_score(&bench);
	world_run_for(bench.world, 10000);
	assert_int_equal(when(&bench, NOTE_ANSWERED, "score", 0) - when(&bench, NOTE_CALL, "score", 0),
	                 VENDOR_TIMEOUT_MS);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	world_free(bench.world);
}

static void an_answer_that_is_not_understood_is_never_a_success(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	for (int i = 0; i < BENCH_MAX_ATTEMPTS; i++)
		bench_call(&bench, (struct call_plan){.body = "<html>all is well"});
	bench_ask_score(&bench);
	world_run_for(bench.world, 20000);
	assert_int_equal(state_of(&bench).state, STATE_DEAD);
	assert_int_equal(state_of(&bench).reason, REASON_GARBAGE);
	world_free(bench.world);
}

/* ---- initiates ---- */

static void an_initiate_whose_answer_was_lost_is_sent_once_more_and_then_a_person_decides(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	for (int i = 0; i < BENCH_PLANS; i++)
		bench_call(&bench, reset);
	bench_ask_page(&bench);
	world_run_for(bench.world, 60000);
	assert_int_equal(times(&bench, NOTE_ARRIVED, "initiate"), SENDS_MAX);
	assert_int_equal(state_of(&bench).state, STATE_DEAD);
	assert_int_equal(state_of(&bench).reason, REASON_SENT);
	assert_int_equal(kafka_count(bench.world, "dead", bench.id), 1);
	world_free(bench.world);
}

static void a_send_that_never_arrived_is_taken_back(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_call(&bench, unreachable);
	bench_call(&bench, throttled);
	bench_ask_page(&bench);
	world_run_for(bench.world, 30000);
	assert_int_equal(times(&bench, NOTE_CALL, "initiate"), 3);
	assert_int_equal(state_of(&bench).state, STATE_AWAITING_USER);
	assert_int_equal(state_of(&bench).sends, 1);
	world_free(bench.world);
}

/* Twice killed in mid-call: each send was counted before its first byte. */
static void an_initiate_is_sent_twice_at_most_whoever_dies(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_ask_page(&bench);
	for (int life = 0; life < 4; life++) {
		int before = times(&bench, NOTE_ARRIVED, "initiate");
		int64_t until = bench.world->now_ms + 4 * SESSION_TIMEOUT_MS;
		while (times(&bench, NOTE_ARRIVED, "initiate") == before && bench.world->now_ms < until)
			world_step(bench.world);
		pod_kill(bench.pod);
		bench.pod = bench_pod(&bench, BENCH_MAX_IN_FLIGHT);
	}
	world_run_for(bench.world, 2 * SESSION_TIMEOUT_MS);
	assert_int_equal(times(&bench, NOTE_ARRIVED, "initiate"), SENDS_MAX);
	assert_int_equal(state_of(&bench).state, STATE_DEAD);
	assert_int_equal(state_of(&bench).reason, REASON_SENT);
	world_free(bench.world);
}

/* ---- retrievals and replays ---- */

static void a_vendor_that_is_away_for_longer_than_the_tries_does_not_end_the_ladder(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_ask_page(&bench);
	world_run_for(bench.world, 1000);
	struct vendor_case *seen = vendor_case_of(bench.world, bench.id);
	bench.call_count = 1;
	for (int i = 0; i < BENCH_MAX_ATTEMPTS; i++)
		bench_call(&bench, server_error);
	seen->reference[0].is_finished = seen->reference[0].is_approved = true;
	assert_true(world_retrieve(bench.world, bench.id, CAUSE_RETURNED));
	world_run_for(bench.world, 20000);
	assert_true(times(&bench, NOTE_CALL, "retrieve") > BENCH_MAX_ATTEMPTS);
	assert_int_equal(state_of(&bench).verdict, VERDICT_VERIFIED);
	assert_int_equal(kafka_count(bench.world, "dead", bench.id), 0);
	world_free(bench.world);
}

static void a_person_who_never_comes_back_is_looked_after_by_the_watchdog(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_ask_page(&bench);
	world_run_for(bench.world, VENDOR_WATCHDOG_MS - 1000);
	assert_int_equal(state_of(&bench).state, STATE_AWAITING_USER);
	world_run_for(bench.world, 10000);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	assert_int_equal(state_of(&bench).verdict, VERDICT_NO_DOCUMENT);
	world_free(bench.world);
}

static void a_replay_buys_once_more_and_the_same_replay_delivered_twice_buys_nothing(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	for (int i = 0; i < BENCH_MAX_ATTEMPTS; i++)
		bench_call(&bench, server_error);
	bench_ask_score(&bench);
	world_run_for(bench.world, 20000);
	const struct log_record *dead = kafka_of(bench.world, "dead", bench.id, 0);
	assert_non_null(dead);
	world_replay(bench.world, dead);
	world_replay(bench.world, dead);
	world_run_for(bench.world, 5000);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), BENCH_MAX_ATTEMPTS + 1);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	assert_int_equal(state_of(&bench).replays, 1);
	world_free(bench.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_short_wait_is_spent_in_memory_under_the_same_record),
	        cmocka_unit_test(after_the_last_attempt_it_dies_with_the_reason_and_the_count),
	        cmocka_unit_test(attempts_survive_the_worker),
	        cmocka_unit_test(retry_after_is_kept_by_way_of_a_delay_topic_and_burns_no_attempt),
	        cmocka_unit_test(a_hop_that_was_not_acked_is_sent_again_and_the_offset_waits),
	        cmocka_unit_test(a_score_whose_deadline_has_passed_is_not_bought),
	        cmocka_unit_test(a_retry_that_would_come_after_the_deadline_is_not_waited_for),
	        cmocka_unit_test(a_vendor_that_says_nothing_is_given_up_after_its_time),
	        cmocka_unit_test(an_answer_that_is_not_understood_is_never_a_success),
	        cmocka_unit_test(an_initiate_whose_answer_was_lost_is_sent_once_more_and_then_a_person_decides),
	        cmocka_unit_test(a_send_that_never_arrived_is_taken_back),
	        cmocka_unit_test(an_initiate_is_sent_twice_at_most_whoever_dies),
	        cmocka_unit_test(a_vendor_that_is_away_for_longer_than_the_tries_does_not_end_the_ladder),
	        cmocka_unit_test(a_person_who_never_comes_back_is_looked_after_by_the_watchdog),
	        cmocka_unit_test(a_replay_buys_once_more_and_the_same_replay_delivered_twice_buys_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
