/* lost_rung: a ladder whose rung is gone goes on, and one whose rung is not gone is not doubled; the engine itself in a
 * world. */
#include "tests/unit/engine/bench.h"
#include "workers/lost_rung.h"

enum { DAY_MS = 24 * 3600 * 1000, LATER_MS = LOST_RUNG_AFTER_MS + 60000 };

/* A person has come back, and the ladder runs. */
static void begin_to_check(struct bench *bench)
{
	bench_open(bench);
	bench_ask_page(bench);
	world_run_for(bench->world, 1000);
	assert_true(world_retrieve(bench->world, bench->id, CAUSE_RETURNED));
	world_run_for(bench->world, 500);
	assert_int_equal(state_of(bench).state, STATE_CHECKING);
}

/* Somebody published that it is being checked, and the rung that should come does not exist. */
static void lose_the_rung(struct bench *bench)
{
	struct verification state;
	struct verification_texts texts;
	struct buf value;
	bench_open(bench);
	bench_ask_page(bench);
	world_run_for(bench->world, 1000);
	assert_true(redis_state(bench->world, bench->id, &state, &texts));
	state.state = STATE_CHECKING;
	state.rev++;
	state.poll = 3;
	state.checking_ms = state.updated_ms = world_unix_ms(bench->world);
	buf_init(&value, VERIFICATION_MAX_BYTES);
	assert_int_equal(verification_encode(&state, &texts, &value), ERR_OK);
	(void)kafka_put(bench->world, "results", bench->id, value.data, value.len, NULL);
	buf_fini(&value);
	verification_texts_fini(&texts);
}

static bool send_again(struct bench *bench, int64_t after_ms)
{
	struct restore item;
	int count = kafka_count(bench->world, "results", bench->id);
	const struct log_record *newest = kafka_of(bench->world, "results", bench->id, count - 1);
	assert_int_equal(restore_read(newest->value, newest->value_len, &item, NULL), ERR_OK);
	return lost_rung_send(bench->pod->ports.producer, &item, world_unix_ms(bench->world) + after_ms);
}

static void a_ladder_that_lost_its_rung_goes_on_to_the_verdict(void **state)
{
	struct bench bench;
	(void)state;
	lose_the_rung(&bench);
	struct vendor_case *seen = vendor_case_of(bench.world, bench.id);
	seen->reference[0].is_finished = seen->reference[0].is_approved = true;
	world_run_for(bench.world, 600000);
	assert_int_equal(state_of(&bench).state, STATE_CHECKING); /* for ever */
	assert_int_equal(times(&bench, NOTE_CALL, "retrieve"), 0);
	assert_true(send_again(&bench, LATER_MS));
	world_run_for(bench.world, 5000);
	assert_int_equal(state_of(&bench).verdict, VERDICT_VERIFIED);
	assert_true(times(&bench, NOTE_CALL, "retrieve") > 0);
	assert_false(send_again(&bench, LATER_MS)); /* it has ended */
	world_free(bench.world);
}

static void a_second_rung_of_one_number_is_of_no_use_and_the_ladder_does_not_multiply(void **state)
{
	struct bench bench, alone;
	(void)state;
	begin_to_check(&alone);
	world_run_for(alone.world, 60000);
	int rungs = kafka_count(alone.world, retrievals, alone.id), calls = times(&alone, NOTE_CALL, "retrieve");
	enum state end = state_of(&alone).state;
	world_free(alone.world);

	begin_to_check(&bench);
	for (int i = 0; i < 5; i++)
		assert_true(send_again(&bench, LATER_MS));
	world_run_for(bench.world, 60000);
	assert_int_equal(kafka_count(bench.world, retrievals, bench.id), rungs + 5);
	assert_in_range(times(&bench, NOTE_CALL, "retrieve"), calls, calls + 1); /* the first of them came early */
	assert_int_equal(state_of(&bench).state, end);
	world_free(bench.world);
}

static void a_state_that_was_touched_within_a_day_has_its_rung(void **state)
{
	struct bench bench;
	(void)state;
	begin_to_check(&bench);
	assert_false(send_again(&bench, 0));
	assert_false(send_again(&bench, DAY_MS));
	assert_int_equal(state_of(&bench).poll, 1);
	world_free(bench.world);
}

static void who_waits_for_a_person_or_has_no_ladder_gets_none(void **state)
{
	struct bench bench;
	(void)state;
	bench_open(&bench);
	bench_ask_page(&bench);
	world_run_for(bench.world, 1000);
	assert_int_equal(state_of(&bench).state, STATE_AWAITING_USER);
	assert_false(send_again(&bench, LATER_MS));
	world_free(bench.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_ladder_that_lost_its_rung_goes_on_to_the_verdict),
	        cmocka_unit_test(a_second_rung_of_one_number_is_of_no_use_and_the_ladder_does_not_multiply),
	        cmocka_unit_test(a_state_that_was_touched_within_a_day_has_its_rung),
	        cmocka_unit_test(who_waits_for_a_person_or_has_no_ladder_gets_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
