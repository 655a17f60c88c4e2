/* engine: leases, kept answers, and what goes on while Redis is away or being filled; in virtual time. */
#include "tests/unit/engine/bench.h"

enum { LEASE_POLL_MS = 500, LEASE_MS = VENDOR_TIMEOUT_MS + 5000, HELD_MS = 4000, KEPT_SCORE = 777 };

static const char others[] = "00000000000000ff";

static void a_lease_of_another_is_asked_for_each_half_second_until_it_runs_out(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	redis_hold(bench.world, bench.id, others, HELD_MS, NULL, 0);
	int64_t until = bench.world->now_ms + HELD_MS;
	bench_ask_score(&bench);
	world_run_for(bench.world, 2 * HELD_MS);
	for (int i = 1; i < times(&bench, NOTE_LEASE, NULL); i++) {
		int64_t apart = when(&bench, NOTE_LEASE, NULL, i) - when(&bench, NOTE_LEASE, NULL, i - 1);
		assert_true(apart >= LEASE_POLL_MS && apart <= LEASE_POLL_MS + 10);
	}
	assert_int_equal(times(&bench, NOTE_LEASE, NULL), HELD_MS / LEASE_POLL_MS + 1);
	assert_true(when(&bench, NOTE_CALL, "score", 0) >= until);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 1);
	world_free(bench.world);
}

static void a_lease_whose_holder_was_killed_is_taken_over_when_it_runs_out(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_call(&bench, (struct call_plan){.end_ms = 1700});
	bench_ask_score(&bench);
	world_run_for(bench.world, 50);
	int64_t leased = when(&bench, NOTE_LEASE, NULL, 0);
	pod_kill(bench.pod);
	bench_pod(&bench, BENCH_MAX_IN_FLIGHT);
	world_run_for(bench.world, SESSION_TIMEOUT_MS + 2000);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 2);
	assert_true(when(&bench, NOTE_CALL, "score", 1) >= leased + LEASE_MS);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	world_free(bench.world);
}

static int completions(const struct bench *bench)
{
	int count = 0;
	for (int i = 0; i < kafka_count(bench->world, "results", bench->id); i++)
		count += strchr(kafka_of(bench->world, "results", bench->id, i)->key, '!') != NULL;
	return count;
}

static void who_slept_through_its_lease_drops_what_was_overtaken(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	struct pod *sleeper = bench.pod;
	bench_call(&bench, (struct call_plan){.end_ms = 1700});
	bench_ask_score(&bench);
	world_run_for(bench.world, 50);
	pod_freeze(sleeper, SESSION_TIMEOUT_MS + 2 * LEASE_MS);
	bench_pod(&bench, BENCH_MAX_IN_FLIGHT);
	world_run_for(bench.world, SESSION_TIMEOUT_MS + LEASE_MS + 1000);
	assert_int_equal(completions(&bench), 1); /* the other one's */
	world_run_for(bench.world, 3 * LEASE_MS);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 2);
	assert_int_equal(completions(&bench), 1);
	world_free(bench.world);
}

static void who_slept_before_it_heard_of_its_lease_does_not_buy_what_another_bought(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	struct pod *sleeper = bench.pod;
	bench.slow_command = "lease";
	bench_ask_score(&bench);
	world_run_for(bench.world, 50);
	assert_int_equal(times(&bench, NOTE_LEASE, NULL), 1);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 0);
	pod_freeze(sleeper, SESSION_TIMEOUT_MS + 2 * LEASE_MS);
	bench.slow_command = NULL;
	bench_pod(&bench, BENCH_MAX_IN_FLIGHT);
	world_run_for(bench.world, SESSION_TIMEOUT_MS + LEASE_MS + 1000);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 1); /* the other one's */
	world_run_for(bench.world, 3 * LEASE_MS);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 1);
	assert_int_equal(completions(&bench), 1);
	world_free(bench.world);
}

/* Another worker got an answer, and has not published it. */
static void hold_answer(struct bench *bench)
{
	struct buf value;
	struct verification kept = {.kind = KIND_BIOCATCH_SCORE,
	                            .state = STATE_COMPLETED,
	                            .rev = 2,
	                            .caller = "caller",
	                            .risk = RISK_LOW,
	                            .score = KEPT_SCORE};
	memcpy(kept.id, bench->id, ID_BYTES);
	buf_init(&value, VERIFICATION_MAX_BYTES);
	assert_int_equal(verification_encode(&kept, NULL, &value), ERR_OK);
	redis_hold(bench->world, bench->id, others, STORE_ANSWER_TTL_MS, value.data, value.len);
	buf_fini(&value);
}

static void an_answer_that_another_kept_is_published_under_its_token_and_not_bought(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	hold_answer(&bench);
	bench_ask_score(&bench);
	world_run_for(bench.world, 1000);
	assert_int_equal(times(&bench, NOTE_CALL, NULL), 0);
	assert_int_equal(state_of(&bench).score, KEPT_SCORE);
	assert_string_equal(strchr(kafka_of(bench.world, "results", bench.id, 0)->key, '!') + 1, others);
	assert_before(&bench, NOTE_ACKED, "results", NOTE_DONE, scores);
	world_free(bench.world);
}

/* Also when its finder had published a try of its own before: ended in between, it leaves the answer where it was. */
static void an_adopted_answer_is_not_shown_before_it_is_published(void **state)
{
	struct bench bench;
	struct verification shown;
	(void)state;
	bench_open(&bench);
	bench.plan_topic = "results";
	bench.sends[bench.send_count++] = (struct send_plan){.is_lost = false}; /* the try */
	bench.sends[bench.send_count++] = (struct send_plan){.is_lost = true, .fails = true, .tell_ms = 5000};
	bench_call(&bench, (struct call_plan){.end = CALL_STATUS, .status = 503});
	bench_ask_score(&bench);
	while (times(&bench, NOTE_ACKED, "results") == 0)
		world_step(bench.world);
	hold_answer(&bench);
	while (times(&bench, NOTE_SENT, "results") < 2)
		world_step(bench.world);
	pod_drain(bench.pod, 0);
	world_run_for(bench.world, 4000);
	assert_true(bench.pod->is_gone);
	assert_int_equal(times(&bench, NOTE_PUT, "completed"), 0);
	assert_false(redis_state(bench.world, bench.id, &shown, NULL) && shown.state == STATE_COMPLETED);
	bench_pod(&bench, BENCH_MAX_IN_FLIGHT);
	world_run_for(bench.world, 4000);
	assert_int_equal(state_of(&bench).score, KEPT_SCORE);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 1);
	world_free(bench.world);
}

/* Killed between the answer and the ack: what was bought is not bought again. */
static void an_answer_survives_its_buyer(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench.plan_topic = "results";
	bench.sends[bench.send_count++] = (struct send_plan){.is_lost = true, .fails = true, .tell_ms = 1000};
	bench_ask_score(&bench);
	world_run_for(bench.world, 300);
	assert_int_equal(times(&bench, NOTE_KEPT, NULL), 1);
	pod_kill(bench.pod);
	bench_pod(&bench, BENCH_MAX_IN_FLIGHT);
	world_run_for(bench.world, SESSION_TIMEOUT_MS + 1000);
	assert_int_equal(vendor_case_of(bench.world, bench.id)->scores, 1);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	world_free(bench.world);
}

/* Killed with the first ack of its result: Redis has had the answer for longer. */
static void nothing_is_published_before_redis_has_the_answer(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_ask_score(&bench);
	while (times(&bench, NOTE_SENT, "results") == 0)
		world_step(bench.world);
	assert_int_equal(times(&bench, NOTE_KEPT, NULL), 1);
	assert_before(&bench, NOTE_KEPT, NULL, NOTE_SENT, "results");
	world_run_for(bench.world, 1000);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	world_free(bench.world);
}

static void an_answer_that_redis_does_not_confirm_is_published_after_a_second(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench.lost_command = "keep";
	bench_ask_score(&bench);
	world_run_for(bench.world, 900);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 1);
	assert_int_equal(times(&bench, NOTE_SENT, "results"), 0);
	world_run_for(bench.world, 3000);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 1);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	world_free(bench.world);
}

/* Ended while Redis is asked to keep the answer: whoever comes next publishes it. */
static void a_drain_that_cannot_wait_leaves_a_kept_answer_to_the_next(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_ask_score(&bench);
	while (times(&bench, NOTE_ANSWERED, "score") == 0)
		world_step(bench.world);
	pod_drain(bench.pod, 0);
	world_run_for(bench.world, 4000);
	assert_true(bench.pod->is_gone);
	bench_pod(&bench, BENCH_MAX_IN_FLIGHT);
	world_run_for(bench.world, SESSION_TIMEOUT_MS + 1000);
	assert_int_equal(vendor_case_of(bench.world, bench.id)->scores, 1);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	world_free(bench.world);
}

static void open_before_redis(struct bench *bench)
{
	bench_open(bench);
	redis_set_up(bench->world, false);
	bench->pod->redis_was_up = false;
}

/* A worker that has begun before Redis answers it: what one before it has bought stands there only. */
static void who_begins_waits_for_redis_before_it_buys(void **state)
{
	struct bench bench;
	(void)state;
	open_before_redis(&bench);
	bench_ask_score(&bench);
	world_run_for(bench.world, 500);
	assert_int_equal(times(&bench, NOTE_TAKEN, NULL), 1);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 0);
	redis_set_up(bench.world, true);
	world_run_for(bench.world, 3000);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 1);
	assert_before(&bench, NOTE_LEASE, NULL, NOTE_CALL, "score");
	world_free(bench.world);
}

static void who_begins_waits_two_seconds_for_redis_and_no_longer(void **state)
{
	struct bench bench;
	(void)state;
	open_before_redis(&bench);
	bench_ask_score(&bench);
	world_run_for(bench.world, 1000);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 0);
	world_run_for(bench.world, STORE_COMING_MS);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 1);
	world_free(bench.world);
}

static void what_is_completed_already_is_done_without_a_call(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_ask_score(&bench);
	world_run_for(bench.world, 1000);
	bench_ask_score(&bench);
	world_run_for(bench.world, 1000);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 1);
	assert_int_equal(times(&bench, NOTE_DONE, scores), 2);
	assert_int_equal(kafka_count(bench.world, "results", bench.id), 1);
	world_free(bench.world);
}

/* ---- Redis away, hanging, or being filled ---- */

static void without_redis_a_score_goes_on_and_is_shown_when_redis_is_back(void **state)
{
	struct bench bench;
	struct verification shown;
	(void)state;
	bench_open(&bench);
	redis_set_up(bench.world, false);
	bench_ask_score(&bench);
	world_run_for(bench.world, 1000);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 1);
	assert_before(&bench, NOTE_ACKED, "results", NOTE_DONE, scores);
	assert_false(redis_state(bench.world, bench.id, &shown, NULL));
	redis_set_up(bench.world, true);
	world_run_for(bench.world, 3000);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	world_free(bench.world);
}

static void without_redis_an_initiate_waits(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	redis_set_up(bench.world, false);
	bench_ask_page(&bench);
	world_run_for(bench.world, 20000);
	assert_int_equal(times(&bench, NOTE_CALL, NULL), 0);
	assert_int_equal(times(&bench, NOTE_DONE, initiates), 0);
	redis_set_up(bench.world, true);
	world_run_for(bench.world, 20000);
	assert_int_equal(times(&bench, NOTE_CALL, "initiate"), 1);
	assert_int_equal(state_of(&bench).state, STATE_AWAITING_USER);
	world_free(bench.world);
}

static void an_initiate_waits_until_an_emptied_redis_is_whole_again_and_is_not_sent_twice(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_ask_page(&bench);
	world_run_for(bench.world, 1000);
	assert_int_equal(times(&bench, NOTE_ARRIVED, "initiate"), 1);
	redis_lose(bench.world);
	bench_ask_page(&bench);
	world_run_for(bench.world, 300);
	assert_false(redis_is_whole(bench.world));
	assert_int_equal(times(&bench, NOTE_LEASE, NULL), 2);
	assert_int_equal(bench.world->notes[world_find(bench.world, NOTE_LEASE, NULL, bench.id, 1)].number,
	                 LEASE_REBUILDING);
	world_run_for(bench.world, 10000);
	assert_true(redis_is_whole(bench.world));
	assert_int_equal(times(&bench, NOTE_ARRIVED, "initiate"), 1);
	assert_int_equal(times(&bench, NOTE_DONE, initiates), 2);
	world_free(bench.world);
}

static void a_redis_that_does_not_answer_holds_a_score_up_for_a_second_and_no_longer(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench.lost_command = "lease";
	bench_ask_score(&bench);
	world_run_for(bench.world, 900);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 0);
	world_run_for(bench.world, 300);
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 1);
	world_run_for(bench.world, 3000);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	world_free(bench.world);
}

static void a_person_has_one_unfinished_page_and_the_second_journey_is_superseded(void **state)
{
	struct bench bench;
	char second[ID_TEXT_BYTES];
	struct verification end;
	(void)state;
	bench_open(&bench);
	bench_ask_page(&bench);
	world_run_for(bench.world, 1000);
	world_id(2, second);
	world_ask(bench.world, KIND_JUMIO_IDENTITY, second, 1, 0); /* the same person */
	world_run_for(bench.world, 1000);
	assert_true(redis_state(bench.world, second, &end, NULL));
	assert_int_equal(end.state, STATE_DEAD);
	assert_int_equal(end.reason, REASON_SUPERSEDED);
	assert_int_equal(vendor_case_of(bench.world, second)->initiates, 0);
	world_free(bench.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_lease_of_another_is_asked_for_each_half_second_until_it_runs_out),
	        cmocka_unit_test(who_slept_through_its_lease_drops_what_was_overtaken),
	        cmocka_unit_test(who_slept_before_it_heard_of_its_lease_does_not_buy_what_another_bought),
	        cmocka_unit_test(a_lease_whose_holder_was_killed_is_taken_over_when_it_runs_out),
	        cmocka_unit_test(an_answer_that_another_kept_is_published_under_its_token_and_not_bought),
	        cmocka_unit_test(an_adopted_answer_is_not_shown_before_it_is_published),
	        cmocka_unit_test(an_answer_survives_its_buyer),
	        cmocka_unit_test(nothing_is_published_before_redis_has_the_answer),
	        cmocka_unit_test(an_answer_that_redis_does_not_confirm_is_published_after_a_second),
	        cmocka_unit_test(a_drain_that_cannot_wait_leaves_a_kept_answer_to_the_next),
	        cmocka_unit_test(who_begins_waits_for_redis_before_it_buys),
	        cmocka_unit_test(who_begins_waits_two_seconds_for_redis_and_no_longer),
	        cmocka_unit_test(what_is_completed_already_is_done_without_a_call),
	        cmocka_unit_test(without_redis_a_score_goes_on_and_is_shown_when_redis_is_back),
	        cmocka_unit_test(without_redis_an_initiate_waits),
	        cmocka_unit_test(an_initiate_waits_until_an_emptied_redis_is_whole_again_and_is_not_sent_twice),
	        cmocka_unit_test(a_redis_that_does_not_answer_holds_a_score_up_for_a_second_and_no_longer),
	        cmocka_unit_test(a_person_has_one_unfinished_page_and_the_second_journey_is_superseded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
