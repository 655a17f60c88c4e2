/* fleet: which breakers are open, as often as it may look; against a real Redis. */
#include "ingress/fleet.h"
#include "tests/unit/redis_fixture.h"

/* Turns until what is known is what is expected. */
static bool comes_to(struct redis_bench *bench, struct fleet *fleet, bool open)
{
	for (int64_t until = clock_mono_ms() + AWAIT_MS; clock_mono_ms() < until; usleep(1000)) {
		fleet_turn(fleet, clock_mono_ms());
		(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
		if (fleet_is_open(fleet, OPERATION_JUMIO_RETRIEVE) == open)
			return true;
	}
	return false;
}

static void close_store(struct redis_bench *bench)
{
	redis_store_close(bench->store);
	bench->store = NULL;
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
}

static void what_is_open_is_known_and_nothing_else_is(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct fleet *fleet;
	assert_int_equal(fleet_new(bench->store, &fleet), ERR_OK);
	redis_do(bench, "HSET verifyd:breaker:jumio retrieve %s", "open 1 2 reset");
	redis_do(bench, "HSET verifyd:breaker:biocatch retrieve %s", "open 1 2 reset");
	assert_true(comes_to(bench, fleet, true));
	assert_false(fleet_is_open(fleet, OPERATION_JUMIO_INITIATE));
	assert_false(fleet_is_open(fleet, OPERATION_BIOCATCH_SCORE));
	redis_do(bench, "HDEL verifyd:breaker:jumio retrieve");
	assert_true(comes_to(bench, fleet, false));
	close_store(bench);
	fleet_free(fleet);
}

static void with_redis_away_nothing_is_said_to_be_open(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct fleet *fleet;
	assert_int_equal(fleet_new(bench->store, &fleet), ERR_OK);
	redis_do(bench, "HSET verifyd:breaker:jumio retrieve %s", "open 1 2 reset");
	assert_true(comes_to(bench, fleet, true));
	redis_kill(bench);
	assert_true(comes_to(bench, fleet, false));
	close_store(bench);
	fleet_free(fleet);
}

static void one_question_a_second_goes_on(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct fleet *fleet;
	assert_int_equal(fleet_new(bench->store, &fleet), ERR_OK);
	assert_true(fleet_may_try(fleet, OPERATION_BIOCATCH_SCORE, 5000));
	assert_false(fleet_may_try(fleet, OPERATION_BIOCATCH_SCORE, 5000 + FLEET_TRY_MS - 1));
	assert_true(fleet_may_try(fleet, OPERATION_JUMIO_INITIATE, 5001));
	assert_true(fleet_may_try(fleet, OPERATION_BIOCATCH_SCORE, 5000 + FLEET_TRY_MS));
	close_store(bench);
	fleet_free(fleet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_REDIS(what_is_open_is_known_and_nothing_else_is),
	        WITH_REDIS(with_redis_away_nothing_is_said_to_be_open),
	        WITH_REDIS(one_question_a_second_goes_on),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
