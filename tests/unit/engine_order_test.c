/* engine: what is durable before what, one job per id, how many are in hand, and what becomes of what cannot be read;
 * in virtual time. */
#include "tests/unit/engine/bench.h"

static void a_result_is_acked_before_its_offset_is_done_and_redis_comes_last(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_ask_score(&bench);
	world_run_for(bench.world, 1000);
	assert_before(&bench, NOTE_LEASE, NULL, NOTE_CALL, "score");
	assert_before(&bench, NOTE_ANSWERED, "score", NOTE_SENT, "results");
	assert_before(&bench, NOTE_ACKED, "results", NOTE_DONE, scores);
	assert_before(&bench, NOTE_STORED, scores, NOTE_PUT, "completed");
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	assert_int_equal(vendor_case_of(bench.world, bench.id)->scores, 1);
	world_free(bench.world);
}

static void an_answer_is_kept_beside_the_lease_before_its_result_is_acked(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_ask_score(&bench);
	world_run_for(bench.world, 1000);
	assert_before(&bench, NOTE_KEPT, NULL, NOTE_ACKED, "results");
	world_free(bench.world);
}

static void a_dead_letter_is_acked_before_the_result_that_says_dead(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_call(&bench, (struct call_plan){.end = CALL_STATUS, .status = 400});
	bench_ask_score(&bench);
	world_run_for(bench.world, 1000);
	assert_before(&bench, NOTE_ACKED, "dead", NOTE_SENT, "results");
	assert_before(&bench, NOTE_ACKED, "results", NOTE_DONE, scores);
	assert_int_equal(state_of(&bench).state, STATE_DEAD);
	assert_string_equal(kafka_header_of(kafka_of(bench.world, "dead", bench.id, 0), HEADER_ERROR), "refused");
	world_free(bench.world);
}

/* The count of the send first, then the call; the watchdog first, then the page that counts on it. */
static void an_initiate_is_counted_before_it_is_sent_and_watched_before_it_is_shown(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_ask_page(&bench);
	world_run_for(bench.world, 1000);
	assert_before(&bench, NOTE_ACKED, "results", NOTE_CALL, "initiate");
	assert_before(&bench, NOTE_ANSWERED, "initiate", NOTE_SENT, "delay.30s");
	int watched = world_find(bench.world, NOTE_ACKED, "delay.30s", bench.id, 0);
	int shown = world_find(bench.world, NOTE_SENT, "results", bench.id, 1);
	assert_true(watched >= 0 && shown > watched);
	assert_int_equal(logged(&bench, 0).sends, 1);
	assert_int_equal(logged(&bench, 1).state, STATE_AWAITING_USER);
	world_free(bench.world);
}

static void a_rung_of_the_ladder_is_acked_before_the_state_that_counts_on_it(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_ask_page(&bench);
	world_run_for(bench.world, 1000);
	assert_true(world_retrieve(bench.world, bench.id, CAUSE_RETURNED));
	world_run_for(bench.world, 500);
	int rung = world_find(bench.world, NOTE_ACKED, retrievals, bench.id, 0);
	int shown = world_find(bench.world, NOTE_SENT, "results", bench.id, 2);
	assert_true(rung >= 0 && shown > rung);
	assert_int_equal(logged(&bench, 2).state, STATE_CHECKING);
	assert_int_equal(logged(&bench, 2).poll, 1);
	world_free(bench.world);
}

/* ---- deliveries ---- */

static void a_result_that_was_not_acked_is_sent_again_after_a_second_and_the_offset_waits(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench.plan_topic = "results";
	bench.sends[bench.send_count++] = (struct send_plan){.fails = true, .is_lost = true};
	bench.sends[bench.send_count++] = (struct send_plan){.refused = ERR_LIMIT};
	bench_ask_score(&bench);
	world_run_for(bench.world, 5000);
	assert_int_equal(times(&bench, NOTE_UNACKED, "results"), 1);
	assert_int_equal(when(&bench, NOTE_SENT, "results", 1) - when(&bench, NOTE_UNACKED, "results", 0), 2000);
	assert_int_equal(bench.sends_made, 3);
	assert_before(&bench, NOTE_ACKED, "results", NOTE_DONE, scores);
	assert_int_equal(vendor_case_of(bench.world, bench.id)->scores, 1);
	world_free(bench.world);
}

static void a_result_that_arrived_although_its_delivery_failed_is_the_same_result(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench.plan_topic = "results";
	bench.sends[bench.send_count++] = (struct send_plan){.fails = true};
	bench_ask_score(&bench);
	world_run_for(bench.world, 5000);
	const struct log_record *first = kafka_of(bench.world, "results", bench.id, 0),
	                        *second = kafka_of(bench.world, "results", bench.id, 1);
	assert_int_equal(kafka_count(bench.world, "results", bench.id), 2);
	assert_string_equal(first->key, second->key);
	assert_string_equal(first->value, second->value);
	world_free(bench.world);
}

/* ---- one per id, so many at once ---- */

static void the_second_job_of_an_id_begins_when_the_first_has_ended(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_call(&bench, (struct call_plan){.end_ms = 1500});
	bench_ask_score(&bench);
	bench_ask_score(&bench);
	world_run_for(bench.world, 3000);
	assert_int_equal(times(&bench, NOTE_TAKEN, scores), 2);
	assert_int_equal(times(&bench, NOTE_LEASE, NULL), 2);
	assert_true(when(&bench, NOTE_LEASE, NULL, 1) >= when(&bench, NOTE_DONE, scores, 0));
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 1);
	assert_int_equal(times(&bench, NOTE_DONE, scores), 2);
	world_free(bench.world);
}

static void no_more_are_in_hand_than_allowed_and_all_get_their_turn(void **state)
{
	enum { JOBS = 40, AT_ONCE = 5 };
	struct bench bench;
	size_t most = 0;
	(void)state;
	bench_open_empty(&bench);
	struct pod *pod = bench_pod(&bench, AT_ONCE);
	world_run_for(bench.world, BENCH_JOIN_MS);
	for (int i = 0; i < JOBS; i++) {
		char id[ID_TEXT_BYTES];
		world_id(i, id);
		world_ask(bench.world, KIND_BIOCATCH_SCORE, id, 1, 0);
	}
	for (int i = 0; i < 3000; i++) {
		world_run_for(bench.world, 1);
		size_t now = kafka_out(pod, OPERATION_BIOCATCH_SCORE);
		most = now > most ? now : most;
	}
	assert_int_equal(most, AT_ONCE);
	assert_int_equal(world_count(bench.world, NOTE_PUT, "completed", NULL), JOBS);
	world_free(bench.world);
}

/* A call that takes long holds the watermark, and nothing else. */
static void the_watermark_waits_for_the_slowest_while_others_end(void **state)
{
	enum { JOBS = 30 };
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_call(&bench, (struct call_plan){.end_ms = 1900});
	bench_ask_score(&bench);
	world_run_for(bench.world, 10);
	const struct log_record *slow = kafka_of(bench.world, scores, bench.id, 0);
	for (int i = 2; i < JOBS; i++) {
		char id[ID_TEXT_BYTES];
		world_id(i, id);
		world_ask(bench.world, KIND_BIOCATCH_SCORE, id, 1, 0);
	}
	world_run_for(bench.world, 1500);
	assert_int_equal(world_count(bench.world, NOTE_DONE, scores, NULL), JOBS - 2);
	int64_t *committed = kafka_committed(bench.world, "biocatch", scores, slow->partition);
	assert_int_equal(*committed, 0);
	world_run_for(bench.world, 3000);
	assert_int_equal(*committed, (int64_t)kafka_partition_len(bench.world, scores, slow->partition));
	world_free(bench.world);
}

/* ---- what cannot be read or sent ---- */

static void a_record_that_cannot_be_read_goes_to_dead_as_it_is_and_the_partition_goes_on(void **state)
{
	static const char poison[] = "{\"id\":\"no such thing\"";
	struct bench bench;
	(void)state;
	bench_open(&bench);
	const struct log_record *put = kafka_put(bench.world, scores, "poison", poison, strlen(poison), NULL);
	bench_ask_score(&bench);
	world_run_for(bench.world, 1500);
	const struct log_record *dead = kafka_of(bench.world, "dead", "poison", 0);
	assert_non_null(dead);
	assert_string_equal(dead->value, poison);
	assert_string_equal(kafka_header_of(dead, HEADER_CLASS), "poison");
	assert_int_equal(*kafka_committed(bench.world, "biocatch", scores, put->partition),
	                 (int64_t)kafka_partition_len(bench.world, scores, put->partition));
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	world_free(bench.world);
}

static void a_record_of_another_kind_is_poison(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_ask_page(&bench);
	const struct log_record *page = kafka_of(bench.world, initiates, bench.id, 0);
	(void)kafka_put(bench.world, scores, bench.id, page->value, page->value_len, NULL);
	world_run_for(bench.world, 1000);
	assert_int_equal(kafka_count(bench.world, "dead", bench.id), 1);
	assert_string_equal(kafka_header_of(kafka_of(bench.world, "dead", bench.id, 0), HEADER_CLASS), "poison");
	assert_int_equal(times(&bench, NOTE_CALL, "score"), 0);
	world_free(bench.world);
}

static void a_seal_that_does_not_open_dies_without_a_call(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	struct request request = {.kind = KIND_BIOCATCH_SCORE, .caller = "caller", .sealed = (char *)"k9.AAAA"};
	struct buf value;
	memcpy(request.id, bench.id, ID_BYTES);
	request.sealed_len = strlen(request.sealed);
	buf_init(&value, REQUEST_MAX_BYTES);
	assert_int_equal(request_encode(&request, &value), ERR_OK);
	(void)kafka_put(bench.world, scores, bench.id, value.data, value.len, NULL);
	buf_fini(&value);
	world_run_for(bench.world, 1000);
	assert_int_equal(state_of(&bench).state, STATE_DEAD);
	assert_int_equal(state_of(&bench).reason, REASON_UNREADABLE_SEAL);
	assert_int_equal(times(&bench, NOTE_CALL, NULL), 0);
	world_free(bench.world);
}

static void a_job_that_the_vendor_cannot_build_dies_without_a_call(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	world_ask(bench.world, KIND_BIOCATCH_SCORE, bench.id, WORLD_REFUSED_PERSON, 0);
	world_run_for(bench.world, 1000);
	assert_int_equal(state_of(&bench).reason, REASON_REFUSED);
	assert_int_equal(times(&bench, NOTE_CALL, NULL), 0);
	assert_int_equal(kafka_count(bench.world, "dead", bench.id), 1);
	world_free(bench.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_result_is_acked_before_its_offset_is_done_and_redis_comes_last),
	        cmocka_unit_test(an_answer_is_kept_beside_the_lease_before_its_result_is_acked),
	        cmocka_unit_test(a_dead_letter_is_acked_before_the_result_that_says_dead),
	        cmocka_unit_test(an_initiate_is_counted_before_it_is_sent_and_watched_before_it_is_shown),
	        cmocka_unit_test(a_rung_of_the_ladder_is_acked_before_the_state_that_counts_on_it),
	        cmocka_unit_test(a_result_that_was_not_acked_is_sent_again_after_a_second_and_the_offset_waits),
	        cmocka_unit_test(a_result_that_arrived_although_its_delivery_failed_is_the_same_result),
	        cmocka_unit_test(the_second_job_of_an_id_begins_when_the_first_has_ended),
	        cmocka_unit_test(no_more_are_in_hand_than_allowed_and_all_get_their_turn),
	        cmocka_unit_test(the_watermark_waits_for_the_slowest_while_others_end),
	        cmocka_unit_test(a_record_that_cannot_be_read_goes_to_dead_as_it_is_and_the_partition_goes_on),
	        cmocka_unit_test(a_record_of_another_kind_is_poison),
	        cmocka_unit_test(a_seal_that_does_not_open_dies_without_a_call),
	        cmocka_unit_test(a_job_that_the_vendor_cannot_build_dies_without_a_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
