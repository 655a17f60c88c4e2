/* delay: when a delayed record is forwarded, and what becomes of those that wait when partitions move or sends fail; in
 * virtual time. */
#include "tests/unit/engine/bench.h"

enum { TICK_MS = 100, SLACK_MS = TICK_MS + 10, LANE_MAX = 512 };

static const struct kafka_header to_scores[] = {
        {HEADER_TARGET, scores}, {HEADER_ATTEMPT, "2"}, {HEADER_OP, "score"}, {NULL, NULL}};

/* A pod without engines: nobody takes what is forwarded. */
static void open_delay(struct bench *bench)
{
	bench_open_empty(bench);
	bench->pod = pod_start(bench->world, &(struct pod_options){.max_in_flight = 1, .max_attempts = 1});
	world_run_for(bench->world, BENCH_JOIN_MS);
}

static void each_tier_forwards_when_its_wait_is_over_and_not_before(void **state)
{
	struct bench bench;
	(void)state;
	for (int tier = 0; tier < DELAY_TIER_COUNT; tier++) {
		open_delay(&bench);
		int64_t wait_ms = delay_tiers()[tier].wait_ms;
		(void)kafka_put(bench.world, delay_tiers()[tier].topic, bench.id, "value", 5, to_scores);
		world_run_for(bench.world, wait_ms - 1);
		assert_int_equal(kafka_count(bench.world, scores, bench.id), 0);
		world_run_for(bench.world, SLACK_MS);
		assert_int_equal(kafka_count(bench.world, scores, bench.id), 1);
		world_free(bench.world);
	}
}

static void a_copy_has_the_value_key_and_headers_but_no_target(void **state)
{
	struct bench bench;
	(void)state;
	open_delay(&bench);
	(void)kafka_put(bench.world, "delay.5s", bench.id, "value", 5, to_scores);
	world_run_for(bench.world, 6000);
	const struct log_record *copy = kafka_of(bench.world, scores, bench.id, 0);
	assert_non_null(copy);
	assert_string_equal(copy->value, "value");
	assert_string_equal(copy->key, bench.id);
	assert_string_equal(kafka_header_of(copy, HEADER_ATTEMPT), "2");
	assert_string_equal(kafka_header_of(copy, HEADER_OP), "score");
	assert_null(kafka_header_of(copy, HEADER_TARGET));
	world_free(bench.world);
}

static void a_record_is_done_when_its_copy_is_acked(void **state)
{
	struct bench bench;
	(void)state;
	open_delay(&bench);
	bench.plan_topic = scores;
	bench.sends[bench.send_count++] = (struct send_plan){.fails = true, .is_lost = true};
	(void)kafka_put(bench.world, "delay.5s", bench.id, "value", 5, to_scores);
	world_run_for(bench.world, 8000);
	assert_int_equal(times(&bench, NOTE_UNACKED, scores), 1);
	assert_before(&bench, NOTE_ACKED, scores, NOTE_DONE, "delay.5s");
	int64_t again_ms = when(&bench, NOTE_SENT, scores, 1) - when(&bench, NOTE_UNACKED, scores, 0);
	assert_true(again_ms >= 1000 && again_ms <= 1000 + SLACK_MS);
	world_free(bench.world);
}

static void a_record_without_a_known_target_is_a_dead_letter(void **state)
{
	static const struct kafka_header nowhere[] = {{HEADER_TARGET, "results"}, {NULL, NULL}};
	struct bench bench;
	(void)state;
	open_delay(&bench);
	const struct log_record *bad = kafka_put(bench.world, "delay.5s", bench.id, "value", 5, nowhere);
	world_run_for(bench.world, 8000);
	assert_int_equal(kafka_count(bench.world, "results", bench.id), 0);
	const struct log_record *dead = kafka_of(bench.world, "dead", bench.id, 0);
	assert_non_null(dead);
	assert_string_equal(kafka_header_of(dead, HEADER_CLASS), "poison");
	assert_int_equal(*kafka_committed(bench.world, "delay", "delay.5s", bad->partition), bad->offset + 1);
	world_free(bench.world);
}

/* What does not fit is held in Kafka, and follows in its order. */
static void a_full_lane_holds_its_partition_and_loses_nothing(void **state)
{
	enum { RECORDS = 3 * LANE_MAX };
	struct bench bench;
	(void)state;
	open_delay(&bench);
	for (int i = 0; i < RECORDS; i++)
		(void)kafka_put(bench.world, "delay.5s", bench.id, "value", 5, to_scores);
	world_run_for(bench.world, 4000);
	assert_int_equal(times(&bench, NOTE_TAKEN, "delay.5s"), LANE_MAX);
	world_run_for(bench.world, 4000);
	assert_int_equal(kafka_count(bench.world, scores, bench.id), RECORDS);
	assert_int_equal(times(&bench, NOTE_DONE, "delay.5s"), RECORDS);
	world_free(bench.world);
}

static void what_waits_when_partitions_move_is_read_again_and_forwarded_once(void **state)
{
	struct bench bench;
	(void)state;
	open_delay(&bench);
	(void)kafka_put(bench.world, "delay.5s", bench.id, "value", 5, to_scores);
	world_run_for(bench.world, 2000);
	(void)pod_start(bench.world, &(struct pod_options){.max_in_flight = 1, .max_attempts = 1});
	world_run_for(bench.world, 1000);
	assert_int_equal(times(&bench, NOTE_DROPPED, "delay.5s"), 1);
	world_run_for(bench.world, 5000);
	assert_int_equal(kafka_count(bench.world, scores, bench.id), 1);
	world_free(bench.world);
}

static void a_drain_leaves_what_waits_in_its_topic(void **state)
{
	struct bench bench;
	(void)state;
	open_delay(&bench);
	const struct log_record *waits = kafka_put(bench.world, "delay.30s", bench.id, "value", 5, to_scores);
	world_run_for(bench.world, 2000);
	pod_drain(bench.pod, 1000);
	world_run_for(bench.world, 2000);
	assert_true(bench.pod->is_gone);
	assert_int_equal(*kafka_committed(bench.world, "delay", "delay.30s", waits->partition), waits->offset);
	(void)pod_start(bench.world, &(struct pod_options){.max_in_flight = 1, .max_attempts = 1});
	world_run_for(bench.world, 30000);
	assert_int_equal(kafka_count(bench.world, scores, bench.id), 1);
	world_free(bench.world);
}

/* ---- records that go to no topic ---- */

static const struct kafka_header to_nobody[] = {{HEADER_TARGET, "by hand"}, {NULL, NULL}};

/* Takes what is to be taken as it is told to, and keeps the ends. */
static struct hand {
	enum delay_taken says;
	int offered, revoked;
	struct delay_end *end; /* of the last one that was taken; NULL: none is open */
} hand;

static enum delay_taken take(void *ctx, const struct kafka_record *record, struct delay_end *end)
{
	struct hand *taking = ctx;
	assert_int_equal(record->value_len, 5);
	assert_memory_equal(record->value, "value", 5);
	taking->offered++;
	if (taking->says == DELAY_TAKEN)
		taking->end = end;
	return taking->says;
}

static void revoked(void *ctx)
{
	struct hand *taking = ctx;
	taking->revoked++;
}

static const struct delay_taker taker = {"by hand", take, revoked, &hand};

static void end_it(bool is_done)
{
	struct delay_end *end = hand.end;
	hand.end = NULL;
	end->ended(end, is_done);
}

static void open_with_taker(struct bench *bench, enum delay_taken says)
{
	bench_open_empty(bench);
	hand = (struct hand){.says = says};
	bench->pod =
	        pod_start(bench->world, &(struct pod_options){.max_in_flight = 1, .max_attempts = 1, .taker = &taker});
	world_run_for(bench->world, BENCH_JOIN_MS);
}

static void what_is_taken_is_done_when_its_taker_says_so(void **state)
{
	struct bench bench;
	(void)state;
	open_with_taker(&bench, DELAY_TAKEN);
	const struct log_record *record = kafka_put(bench.world, "delay.5s", bench.id, "value", 5, to_nobody);
	world_run_for(bench.world, 4999);
	assert_int_equal(hand.offered, 0);
	world_run_for(bench.world, SLACK_MS);
	assert_int_equal(hand.offered, 1);
	assert_int_equal(delay_in_flight(bench.pod->delay), 1);
	world_run_for(bench.world, 20000);
	assert_int_equal(*kafka_committed(bench.world, "delay", "delay.5s", record->partition), record->offset);
	end_it(true);
	world_run_for(bench.world, 10000);
	assert_int_equal(hand.offered, 1);
	assert_int_equal(delay_in_flight(bench.pod->delay), 0);
	assert_int_equal(*kafka_committed(bench.world, "delay", "delay.5s", record->partition), record->offset + 1);
	world_free(bench.world);
}

static void what_its_taker_gives_back_is_offered_again_a_little_later(void **state)
{
	struct bench bench;
	(void)state;
	open_with_taker(&bench, DELAY_TAKEN);
	(void)kafka_put(bench.world, "delay.5s", bench.id, "value", 5, to_nobody);
	world_run_for(bench.world, 6000);
	end_it(false);
	world_run_for(bench.world, 900);
	assert_int_equal(hand.offered, 1);
	world_run_for(bench.world, 300);
	assert_int_equal(hand.offered, 2);
	end_it(true);
	world_free(bench.world);
}

static void what_cannot_be_taken_now_is_offered_until_it_can(void **state)
{
	struct bench bench;
	(void)state;
	open_with_taker(&bench, DELAY_LATER);
	(void)kafka_put(bench.world, "delay.5s", bench.id, "value", 5, to_nobody);
	world_run_for(bench.world, 6000);
	assert_true(hand.offered > 1);
	hand.says = DELAY_TAKEN;
	world_run_for(bench.world, SLACK_MS);
	assert_non_null(hand.end);
	end_it(true);
	world_free(bench.world);
}

static void what_its_taker_cannot_read_is_a_dead_letter(void **state)
{
	struct bench bench;
	(void)state;
	open_with_taker(&bench, DELAY_POISON);
	(void)kafka_put(bench.world, "delay.5s", bench.id, "value", 5, to_nobody);
	world_run_for(bench.world, 7000);
	assert_int_equal(hand.offered, 1);
	assert_int_equal(kafka_count(bench.world, "dead", bench.id), 1);
	world_free(bench.world);
}

static void the_taker_hears_when_partitions_move(void **state)
{
	struct bench bench;
	(void)state;
	open_with_taker(&bench, DELAY_TAKEN);
	(void)kafka_put(bench.world, "delay.5s", bench.id, "value", 5, to_nobody);
	world_run_for(bench.world, 6000);
	assert_int_equal(hand.revoked, 0);
	(void)pod_start(bench.world, &(struct pod_options){.max_in_flight = 1, .max_attempts = 1, .taker = &taker});
	world_run_for(bench.world, 1000);
	assert_int_equal(hand.revoked, 1);
	end_it(false);
	world_run_for(bench.world, 10000);
	assert_int_equal(hand.offered, 2); /* by whoever has the partition now */
	end_it(true);
	world_free(bench.world);
}

static void what_is_taken_while_partitions_move_is_offered_to_whoever_has_it_next(void **state)
{
	struct bench bench;
	(void)state;
	open_with_taker(&bench, DELAY_TAKEN);
	(void)kafka_put(bench.world, "delay.5s", bench.id, "value", 5, to_nobody);
	world_run_for(bench.world, 6000);
	struct delay_end *first = hand.end;
	pod_drain(bench.pod, 1000);
	world_run_for(bench.world, 500);
	first->ended(first, false); /* as at a drain: given up */
	world_run_for(bench.world, 3000);
	(void)pod_start(bench.world, &(struct pod_options){.max_in_flight = 1, .max_attempts = 1, .taker = &taker});
	world_run_for(bench.world, 12000);
	assert_int_equal(hand.offered, 2);
	end_it(true);
	world_free(bench.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_tier_forwards_when_its_wait_is_over_and_not_before),
	        cmocka_unit_test(a_copy_has_the_value_key_and_headers_but_no_target),
	        cmocka_unit_test(a_record_is_done_when_its_copy_is_acked),
	        cmocka_unit_test(a_record_without_a_known_target_is_a_dead_letter),
	        cmocka_unit_test(a_full_lane_holds_its_partition_and_loses_nothing),
	        cmocka_unit_test(what_waits_when_partitions_move_is_read_again_and_forwarded_once),
	        cmocka_unit_test(a_drain_leaves_what_waits_in_its_topic),
	        cmocka_unit_test(what_is_taken_is_done_when_its_taker_says_so),
	        cmocka_unit_test(what_its_taker_gives_back_is_offered_again_a_little_later),
	        cmocka_unit_test(what_cannot_be_taken_now_is_offered_until_it_can),
	        cmocka_unit_test(what_its_taker_cannot_read_is_a_dead_letter),
	        cmocka_unit_test(the_taker_hears_when_partitions_move),
	        cmocka_unit_test(what_is_taken_while_partitions_move_is_offered_to_whoever_has_it_next),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
