/* projector: it sets in Redis what Redis lacks, a second behind `results`, and commits only what Redis has; in virtual
 * time. */
#include "tests/unit/engine/bench.h"

static void open_projector(struct bench *bench)
{
	bench_open_empty(bench);
	bench->pod = pod_start(bench->world, &(struct pod_options){.max_in_flight = 1, .max_attempts = 1});
	world_run_for(bench->world, BENCH_JOIN_MS);
}

/* A state that somebody published. */
static const struct log_record *publish(struct bench *bench, enum state state, int64_t rev)
{
	struct verification published = {.kind = KIND_BIOCATCH_SCORE,
	                                 .state = state,
	                                 .rev = rev,
	                                 .caller = "caller",
	                                 .risk = state == STATE_COMPLETED ? RISK_LOW : RISK_NONE,
	                                 .score = state == STATE_COMPLETED ? (int)rev : SCORE_NONE};
	struct buf value;
	memcpy(published.id, bench->id, ID_BYTES);
	buf_init(&value, VERIFICATION_MAX_BYTES);
	assert_int_equal(verification_encode(&published, NULL, &value), ERR_OK);
	const struct log_record *record = kafka_put(bench->world, "results", bench->id, value.data, value.len, NULL);
	buf_fini(&value);
	return record;
}

static int64_t committed(struct bench *bench, const struct log_record *record)
{
	return *kafka_committed(bench->world, "projector", "results", record->partition);
}

static void what_redis_lacks_is_written_after_a_second_and_then_committed(void **state)
{
	struct bench bench;
	struct verification shown;
	(void)state;
	open_projector(&bench);
	const struct log_record *record = publish(&bench, STATE_COMPLETED, 2);
	world_run_for(bench.world, PROJECTOR_LAG_MS - 1);
	assert_false(redis_state(bench.world, bench.id, &shown, NULL));
	world_run_for(bench.world, 3000);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	assert_before(&bench, NOTE_PUT, "completed", NOTE_DONE, "results");
	assert_int_equal(committed(&bench, record), record->offset + 1);
	world_free(bench.world);
}

static void a_lower_state_does_not_replace_a_higher_one(void **state)
{
	struct bench bench;
	(void)state;
	open_projector(&bench);
	(void)publish(&bench, STATE_COMPLETED, 2);
	(void)publish(&bench, STATE_QUEUED, 9);
	(void)publish(&bench, STATE_COMPLETED, 4); /* a zombie's: the first one stands */
	world_run_for(bench.world, 3000);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	assert_int_equal(state_of(&bench).score, 2);
	world_free(bench.world);
}

static void while_redis_is_away_nothing_is_committed_and_nothing_is_lost(void **state)
{
	struct bench bench;
	(void)state;
	open_projector(&bench);
	redis_set_up(bench.world, false);
	const struct log_record *record = publish(&bench, STATE_COMPLETED, 2);
	world_run_for(bench.world, 20000);
	assert_int_equal(committed(&bench, record), record->offset);
	redis_set_up(bench.world, true);
	world_run_for(bench.world, 3000);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	assert_int_equal(committed(&bench, record), record->offset + 1);
	world_free(bench.world);
}

static void a_write_that_was_not_answered_is_made_again(void **state)
{
	struct bench bench;
	(void)state;
	open_projector(&bench);
	bench.lost_command = "put";
	const struct log_record *record = publish(&bench, STATE_COMPLETED, 2);
	world_run_for(bench.world, 5000);
	assert_int_equal(committed(&bench, record), record->offset);
	bench.lost_command = NULL;
	world_run_for(bench.world, 5000);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	assert_int_equal(committed(&bench, record), record->offset + 1);
	world_free(bench.world);
}

static void what_cannot_be_read_and_tombstones_are_passed_over(void **state)
{
	struct bench bench;
	(void)state;
	open_projector(&bench);
	(void)kafka_put(bench.world, "results", bench.id, "garbage", 7, NULL);
	(void)kafka_put(bench.world, "results", bench.id, NULL, 0, NULL);
	const struct log_record *record = publish(&bench, STATE_COMPLETED, 2);
	world_run_for(bench.world, 4000);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	assert_int_equal(committed(&bench, record), record->offset + 1);
	world_free(bench.world);
}

static void what_the_engine_wrote_itself_is_not_written_again(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_ask_score(&bench);
	world_run_for(bench.world, 4000);
	assert_int_equal(times(&bench, NOTE_PUT, "completed"), 1);
	assert_int_equal(times(&bench, NOTE_DONE, "results"), kafka_count(bench.world, "results", bench.id));
	world_free(bench.world);
}

static void what_waits_when_partitions_move_is_read_again(void **state)
{
	struct bench bench;
	(void)state;
	open_projector(&bench);
	const struct log_record *record = publish(&bench, STATE_COMPLETED, 2);
	world_run_for(bench.world, 300);
	kafka_rebalance(bench.world, "projector");
	world_run_for(bench.world, 4000);
	assert_int_equal(times(&bench, NOTE_DROPPED, "results"), 1);
	assert_int_equal(state_of(&bench).state, STATE_COMPLETED);
	assert_int_equal(committed(&bench, record), record->offset + 1);
	world_free(bench.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_redis_lacks_is_written_after_a_second_and_then_committed),
	        cmocka_unit_test(a_lower_state_does_not_replace_a_higher_one),
	        cmocka_unit_test(while_redis_is_away_nothing_is_committed_and_nothing_is_lost),
	        cmocka_unit_test(a_write_that_was_not_answered_is_made_again),
	        cmocka_unit_test(what_cannot_be_read_and_tombstones_are_passed_over),
	        cmocka_unit_test(what_the_engine_wrote_itself_is_not_written_again),
	        cmocka_unit_test(what_waits_when_partitions_move_is_read_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
