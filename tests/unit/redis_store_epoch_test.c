/* redis_store: which Redis was filled, and who may fill it, against a real Redis that forgets, restarts and comes back
 * with an old copy. */
#include "tests/unit/redis_fixture.h"

enum { RIGHT_MS = 15000 };

static const char token[] = "0123456789abcdef", other_token[] = "fedcba9876543210";

static bool is_whole(struct redis_bench *bench)
{
	struct said said = {.calls = 0};
	assert_int_equal(redis_store_check_epoch(bench->store, on_bool, &said), ERR_OK);
	assert_int_equal(said.calls, 0);
	await_count(bench, &said.calls, 1);
	assert_int_equal(said.code, ERR_OK);
	return said.what;
}

static bool claim(struct redis_bench *bench, const char *whose)
{
	struct said said = {.calls = 0};
	assert_int_equal(redis_store_claim_rebuild(bench->store, whose, RIGHT_MS, on_bool, &said), ERR_OK);
	await_count(bench, &said.calls, 1);
	assert_int_equal(said.code, ERR_OK);
	return said.what;
}

static void on_epoch(void *ctx, enum err_code code, enum epoch_set set)
{
	struct said *said = ctx;
	note(said, code, NULL, 0);
	said->what = (int)set;
}

static enum epoch_set try_epoch(struct redis_bench *bench, const char *whose)
{
	struct said said = {.calls = 0};
	assert_int_equal(redis_store_set_epoch(bench->store, whose, on_epoch, &said), ERR_OK);
	await_count(bench, &said.calls, 1);
	assert_int_equal(said.code, ERR_OK);
	return (enum epoch_set)said.what;
}

static bool set_epoch(struct redis_bench *bench, const char *whose)
{
	return try_epoch(bench, whose) == EPOCH_SET;
}

static bool there_is(struct redis_bench *bench, const char *key)
{
	return redis_do(bench, "EXISTS %s", key) == 1;
}

static void restart(struct redis_bench *bench)
{
	redis_kill(bench);
	await_up(bench, false);
	redis_start(bench);
	await_up(bench, true);
}

static void a_cache_is_whole_while_the_epoch_names_this_redis(void **state)
{
	struct redis_bench *bench = bench_of(state);
	assert_true(is_whole(bench));
	redis_do(bench, "SET verifyd:epoch another");
	assert_false(is_whole(bench));
	(void)is_whole(bench); /* a further answer: the removal was sent before it */
	assert_false(there_is(bench, "verifyd:epoch"));
	assert_false(is_whole(bench));
}

static void an_emptied_redis_is_whole_again_when_who_has_the_right_says_so(void **state)
{
	struct redis_bench *bench = bench_of(state);
	char epoch[VALUE_BYTES], identity[41];
	redis_do(bench, "FLUSHALL");
	assert_false(is_whole(bench));
	assert_false(set_epoch(bench, token));
	assert_true(claim(bench, token));
	assert_false(set_epoch(bench, other_token));
	assert_false(is_whole(bench));
	assert_true(set_epoch(bench, token));
	assert_true(is_whole(bench));
	assert_false(there_is(bench, "verifyd:rebuild"));
	redis_text(bench, epoch, "GET verifyd:epoch");
	redis_identity(bench, identity);
	assert_string_equal(epoch, identity);
}

static void one_fills_it_at_a_time_and_goes_on_as_long_as_it_prolongs(void **state)
{
	struct redis_bench *bench = bench_of(state);
	assert_true(claim(bench, token));
	assert_false(claim(bench, other_token));
	redis_do(bench, "PEXPIRE verifyd:rebuild 500");
	assert_true(claim(bench, token));
	assert_in_range(redis_do(bench, "PTTL verifyd:rebuild"), 501, RIGHT_MS);
	redis_do(bench, "DEL verifyd:rebuild"); /* its time has run out */
	assert_true(claim(bench, other_token));
	assert_false(set_epoch(bench, token));
	assert_true(set_epoch(bench, other_token));
}

static void a_redis_that_is_emptied_while_it_is_filled_has_to_be_filled_from_the_start(void **state)
{
	struct redis_bench *bench = bench_of(state);
	redis_do(bench, "FLUSHALL");
	assert_true(claim(bench, token));
	redis_do(bench, "FLUSHALL");
	assert_false(claim(bench, token)); /* not taken anew in silence */
	assert_false(there_is(bench, "verifyd:rebuild"));
	assert_true(claim(bench, token)); /* the filling begins again */
	redis_do(bench, "FLUSHALL");
	assert_false(set_epoch(bench, token));
	assert_false(is_whole(bench));
}

static void a_restarted_redis_is_another_one_before_anybody_may_use_it(void **state)
{
	struct redis_bench *bench = bench_of(state);
	char before[41], after[41];
	redis_identity(bench, before);
	redis_do(bench, "SET verifyd:v:{v0000000000000000000001} old");
	redis_do(bench, "SAVE"); /* the old copy holds the epoch, too */
	restart(bench);
	redis_identity(bench, after);
	assert_string_not_equal(before, after);
	struct said said = {.calls = 0};
	assert_int_equal(redis_store_get(bench->store, "v0000000000000000000002", on_value, &said), ERR_OK);
	await_count(bench, &said.calls, 1);
	assert_int_equal(said.code, ERR_UNAVAILABLE); /* nobody had asked for the epoch */
	assert_true(there_is(bench, "verifyd:v:{v0000000000000000000001}"));
	assert_false(is_whole(bench));
}

static void a_right_that_came_back_with_an_old_copy_is_no_right(void **state)
{
	struct redis_bench *bench = bench_of(state);
	redis_do(bench, "DEL verifyd:epoch");
	assert_true(claim(bench, token));
	redis_do(bench, "SAVE");
	restart(bench);
	assert_true(there_is(bench, "verifyd:rebuild"));
	assert_false(set_epoch(bench, token));
	assert_false(is_whole(bench));
	assert_true(claim(bench, token)); /* taken anew: set_epoch had ended the other attempt */
	redis_do(bench, "SAVE");
	restart(bench);
	assert_false(claim(bench, token)); /* and this one is told */
	assert_true(claim(bench, token));
	assert_true(set_epoch(bench, token));
	assert_true(is_whole(bench));
}

static void a_redis_that_hides_who_it_is_still_is_seen_to_be_empty(void **state)
{
	struct redis_bench *bench = bench_of(state);
	char epoch[VALUE_BYTES];
	redis_do(bench, "ACL SETUSER default -info");
	redis_do(bench, "CLIENT KILL TYPE normal SKIPME yes");
	await_up(bench, false);
	await_up(bench, true);
	assert_false(is_whole(bench)); /* what the epoch named is not what it calls itself now */
	assert_true(claim(bench, token));
	assert_true(set_epoch(bench, token));
	assert_true(is_whole(bench));
	redis_text(bench, epoch, "GET verifyd:epoch");
	assert_string_equal(epoch, "unknown");
	redis_do(bench, "FLUSHALL");
	assert_false(is_whole(bench));
	redis_do(bench, "ACL SETUSER default +info");
}

static void without_redis_nothing_is_said_of_it(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct said checked = {.calls = 0, .store = bench->store}, claimed = {.calls = 0}, set = {.calls = 0};
	kill(bench->server, SIGSTOP);
	assert_int_equal(redis_store_check_epoch(bench->store, on_bool, &checked), ERR_OK);
	assert_int_equal(redis_store_claim_rebuild(bench->store, token, RIGHT_MS, on_bool, &claimed), ERR_OK);
	assert_int_equal(redis_store_set_epoch(bench->store, token, on_epoch, &set), ERR_OK);
	redis_kill(bench);
	await_count(bench, &set.calls, 1);
	assert_true(set.code == ERR_UNAVAILABLE && set.what == EPOCH_NOT_OURS);
	assert_true(checked.code == ERR_UNAVAILABLE && !checked.what && !checked.was_up);
	assert_true(claimed.code == ERR_UNAVAILABLE && !claimed.what);
	await_up(bench, false);
	assert_int_equal(redis_store_check_epoch(bench->store, on_bool, &checked), ERR_UNAVAILABLE);
	assert_int_equal(redis_store_claim_rebuild(bench->store, token, RIGHT_MS, on_bool, &claimed), ERR_UNAVAILABLE);
	assert_int_equal(redis_store_set_epoch(bench->store, token, on_epoch, &set), ERR_UNAVAILABLE);
	assert_int_equal(checked.calls + claimed.calls, 2);
}

/* The link is gone for longer than a moment; the server goes on. */
static void lose_touch(struct redis_bench *bench)
{
	struct said said = {.calls = 0};
	kill(bench->server, SIGSTOP);
	assert_int_equal(redis_store_check_epoch(bench->store, on_bool, &said), ERR_OK);
	await_up(bench, false);
	int64_t away = clock_mono_ms();
	while (clock_mono_ms() - away < 800)
		uv_run(&bench->loop, UV_RUN_ONCE);
	kill(bench->server, SIGCONT);
	await_up(bench, true);
}

/* What could not be written meanwhile may be missing, and who knows of it may die. A blip is caught up by its own
 * process. */
static void a_redis_that_was_away_for_long_is_no_longer_whole_and_after_a_blip_it_is(void **state)
{
	struct redis_bench *bench = bench_of(state);
	assert_true(is_whole(bench));
	redis_do(bench, "CLIENT KILL TYPE normal SKIPME yes");
	await_up(bench, false);
	await_up(bench, true);
	assert_true(is_whole(bench));
	lose_touch(bench);
	assert_false(is_whole(bench));
}

/* However many come back: who fills it does so once, and reads on for what they may have missed. */
static void who_fills_it_reads_on_when_others_come_back_and_does_not_begin_anew(void **state)
{
	struct redis_bench *bench = bench_of(state);
	redis_do(bench, "DEL verifyd:epoch");
	redis_do(bench, "SET verifyd:rebuild:missed 7");
	assert_true(claim(bench, token));
	redis_do(bench, "INCR verifyd:rebuild:missed");
	redis_do(bench, "INCR verifyd:rebuild:missed");
	assert_true(claim(bench, token)); /* prolonging does not hide it */
	assert_int_equal(try_epoch(bench, token), EPOCH_MISSED);
	assert_false(is_whole(bench));
	assert_true(claim(bench, token));
	redis_do(bench, "INCR verifyd:rebuild:missed");
	assert_int_equal(try_epoch(bench, token), EPOCH_MISSED);
	assert_int_equal(try_epoch(bench, token), EPOCH_SET);
	assert_true(is_whole(bench));
	assert_false(there_is(bench, "verifyd:rebuild"));
}

static void who_comes_back_while_it_is_filled_is_counted(void **state)
{
	struct redis_bench *bench = bench_of(state);
	redis_do(bench, "DEL verifyd:epoch");
	assert_true(claim(bench, other_token));
	lose_touch(bench);
	(void)is_whole(bench);
	assert_int_equal(redis_do(bench, "INCRBY verifyd:rebuild:missed 0"), 1);
	assert_true(redis_do(bench, "PTTL verifyd:rebuild:missed") > 0);
	assert_true(there_is(bench, "verifyd:rebuild")); /* nobody's right is taken away */
}

/* PSYNC2: a replica has its primary's replication id until it is promoted, and then the old one only as its second. */
static void a_promoted_replica_is_another_redis_and_a_replica_is_none(void **state)
{
	struct redis_bench *bench = bench_of(state);
	char before[41], as_replica[41], after[41];
	redis_identity(bench, before);
	redis_do(bench, "REPLICAOF 127.0.0.1 1"); /* nobody is there: it keeps what it has */
	redis_identity(bench, as_replica);
	struct said said = {.calls = 0};
	assert_int_equal(redis_store_check_epoch(bench->store, on_bool, &said), ERR_OK);
	await_up(bench, false);
	assert_int_equal(said.code, ERR_UNAVAILABLE);
	int64_t began = clock_mono_ms();
	while (clock_mono_ms() - began < 700) {
		uv_run(&bench->loop, UV_RUN_ONCE);
		assert_false(redis_store_is_up(bench->store));
	}
	assert_true(there_is(bench, "verifyd:epoch"));
	redis_do(bench, "REPLICAOF NO ONE");
	redis_identity(bench, after);
	assert_string_not_equal(as_replica, after);
	await_up(bench, true);
	assert_false(is_whole(bench));
	assert_false(there_is(bench, "verifyd:epoch"));
}

static void on_look(void *ctx, enum err_code code, bool is_held, const char *progress)
{
	struct said *said = ctx;
	note(said, code, progress, strlen(progress));
	said->what = is_held;
}

static struct said look(struct redis_bench *bench)
{
	struct said said = {.calls = 0};
	assert_int_equal(redis_store_look_rebuild(bench->store, on_look, &said), ERR_OK);
	await_count(bench, &said.calls, 1);
	assert_int_equal(said.code, ERR_OK);
	return said;
}

static void a_rebuild_is_begun_on_purpose_and_can_be_watched(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct said dropped = {.calls = 0}, looked = look(bench);
	assert_true(!looked.what && looked.text[0] == '\0');
	assert_int_equal(redis_store_drop_epoch(bench->store, on_bool, &dropped), ERR_OK);
	await_count(bench, &dropped.calls, 1);
	assert_true(dropped.code == ERR_OK && dropped.what);
	assert_false(is_whole(bench));
	assert_true(claim(bench, token));
	redis_store_tell_rebuild(bench->store, "how far");
	looked = look(bench);
	assert_true(looked.what);
	assert_string_equal(looked.text, "how far");
	assert_true(redis_do(bench, "PTTL verifyd:rebuild:progress") > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_REDIS(a_cache_is_whole_while_the_epoch_names_this_redis),
	        WITH_REDIS(an_emptied_redis_is_whole_again_when_who_has_the_right_says_so),
	        WITH_REDIS(one_fills_it_at_a_time_and_goes_on_as_long_as_it_prolongs),
	        WITH_REDIS(a_redis_that_is_emptied_while_it_is_filled_has_to_be_filled_from_the_start),
	        WITH_REDIS(a_restarted_redis_is_another_one_before_anybody_may_use_it),
	        WITH_REDIS(a_right_that_came_back_with_an_old_copy_is_no_right),
	        WITH_REDIS(a_redis_that_hides_who_it_is_still_is_seen_to_be_empty),
	        WITH_REDIS(without_redis_nothing_is_said_of_it),
	        WITH_REDIS(a_redis_that_was_away_for_long_is_no_longer_whole_and_after_a_blip_it_is),
	        WITH_REDIS(who_fills_it_reads_on_when_others_come_back_and_does_not_begin_anew),
	        WITH_REDIS(who_comes_back_while_it_is_filled_is_counted),
	        WITH_REDIS(a_promoted_replica_is_another_redis_and_a_replica_is_none),
	        WITH_REDIS(a_rebuild_is_begun_on_purpose_and_can_be_watched),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
