/* redis_store: what workers say of themselves, against a real Redis. */
#include "tests/unit/redis_fixture.h"

struct heard {
	int done, workers;
	enum err_code code;
	char names[4][64], texts[4][64];
};

static void on_worker(void *ctx, const char *name, const char *status, size_t len)
{
	struct heard *heard = ctx;
	assert_int_equal(heard->done, 0);
	assert_in_range(heard->workers, 0, 3);
	snprintf(heard->names[heard->workers], sizeof heard->names[0], "%s", name);
	snprintf(heard->texts[heard->workers++], sizeof heard->texts[0], "%.*s", (int)len, status);
}

static void on_all(void *ctx, enum err_code code)
{
	struct heard *heard = ctx;
	heard->done++;
	heard->code = code;
}

static struct heard read_all(struct redis_bench *bench)
{
	struct heard heard = {.done = 0};
	assert_int_equal(redis_store_read_workers(bench->store, on_worker, on_all, &heard), ERR_OK);
	assert_int_equal(heard.done, 0);
	await_count(bench, &heard.done, 1);
	return heard;
}

static void a_fleet_without_workers_is_empty_and_no_failure(void **state)
{
	struct heard heard = read_all(bench_of(state));
	assert_int_equal(heard.code, ERR_OK);
	assert_int_equal(heard.workers, 0);
}

static void what_a_worker_says_last_is_read_until_it_is_removed(void **state)
{
	struct redis_bench *bench = bench_of(state);
	redis_store_put_worker(bench->store, "pod-1", "{\"old\"", 6);
	redis_store_put_worker(bench->store, "pod-1", "{\"new\":1}trailing", 9);
	struct heard heard = read_all(bench);
	assert_int_equal(heard.code, ERR_OK);
	assert_int_equal(heard.workers, 1);
	assert_string_equal(heard.names[0], "pod-1");
	assert_string_equal(heard.texts[0], "{\"new\":1}");
	assert_in_range(redis_do(bench, "PTTL verifyd:workers"), 1, 60000);
	redis_store_put_worker(bench->store, "pod-2", "x", 1);
	redis_store_remove_worker(bench->store, "pod-1");
	heard = read_all(bench);
	assert_int_equal(heard.workers, 1);
	assert_string_equal(heard.names[0], "pod-2");
}

static void ingresses_have_a_hash_of_their_own(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct heard heard = {.done = 0};
	redis_store_put_worker(bench->store, "pod-1", "w", 1);
	redis_store_put_ingress(bench->store, "pod-1", "i", 1);
	redis_store_put_ingress(bench->store, "pod-2", "j", 1);
	redis_store_remove_ingress(bench->store, "pod-2");
	assert_int_equal(redis_store_read_ingresses(bench->store, on_worker, on_all, &heard), ERR_OK);
	await_count(bench, &heard.done, 1);
	assert_int_equal(heard.workers, 1);
	assert_string_equal(heard.texts[0], "i");
	assert_in_range(redis_do(bench, "PTTL verifyd:ingresses"), 1, 60000);
	heard = read_all(bench);
	assert_int_equal(heard.workers, 1);
	assert_string_equal(heard.texts[0], "w");
}

static void a_name_that_no_worker_can_have_is_passed_over(void **state)
{
	struct redis_bench *bench = bench_of(state);
	char longest[300];
	memset(longest, 'n', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	redis_do(bench, "HSET verifyd:workers %s a", longest);
	redis_do(bench, "HSET verifyd:workers %b b", "no\0de", (size_t)5);
	redis_do(bench, "HSET verifyd:workers %b c", "", (size_t)0);
	redis_do(bench, "HSET verifyd:workers good d");
	struct heard heard = read_all(bench);
	assert_int_equal(heard.workers, 1);
	assert_string_equal(heard.texts[0], "d");
}

struct told {
	int calls;
	enum err_code code;
	int64_t ms;
};

static void on_time(void *ctx, enum err_code code, int64_t unix_ms)
{
	struct told *told = ctx;
	*told = (struct told){told->calls + 1, code, unix_ms};
}

static void the_time_is_rediss(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct told told = {.calls = 0};
	int64_t before_ms = clock_unix_ms();
	assert_int_equal(redis_store_read_time(bench->store, on_time, &told), ERR_OK);
	await_count(bench, &told.calls, 1);
	assert_int_equal(told.code, ERR_OK);
	assert_in_range(told.ms, before_ms - 1, clock_unix_ms() + 1); /* the same machine's */
}

static void a_key_of_another_type_is_said_to_be_unreadable(void **state)
{
	struct redis_bench *bench = bench_of(state);
	redis_do(bench, "SET verifyd:workers x");
	struct heard heard = read_all(bench);
	assert_int_equal(heard.code, ERR_UNAVAILABLE);
	assert_int_equal(heard.workers, 0);
}

static void without_redis_nothing_is_written_and_readers_hear_of_it(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct heard heard = {.done = 0};
	kill(bench->server, SIGSTOP);
	assert_int_equal(redis_store_read_workers(bench->store, on_worker, on_all, &heard), ERR_OK);
	redis_kill(bench);
	await_count(bench, &heard.done, 1);
	assert_int_equal(heard.code, ERR_UNAVAILABLE);
	await_up(bench, false);
	redis_store_put_worker(bench->store, "pod-1", "x", 1);
	redis_store_remove_worker(bench->store, "pod-1");
	assert_int_equal(redis_store_read_workers(bench->store, on_worker, on_all, &heard), ERR_UNAVAILABLE);
	assert_int_equal(heard.done, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_REDIS(a_fleet_without_workers_is_empty_and_no_failure),
	        WITH_REDIS(what_a_worker_says_last_is_read_until_it_is_removed),
	        WITH_REDIS(ingresses_have_a_hash_of_their_own),
	        WITH_REDIS(a_name_that_no_worker_can_have_is_passed_over),
	        WITH_REDIS(the_time_is_rediss),
	        WITH_REDIS(a_key_of_another_type_is_said_to_be_unreadable),
	        WITH_REDIS(without_redis_nothing_is_written_and_readers_hear_of_it),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
