/* redis_store: many states in one step, against a real Redis: each by the same compare-and-set as one alone. */
#include "tests/unit/redis_fixture.h"

static const char *const ids[] = {"v0000000000000000000001", "v0000000000000000000002", "v0000000000000000000003"};

struct one {
	struct verification state;
	struct buf text;
};

static struct one one_of(const char *id, enum state state, int64_t rev, int attempts)
{
	struct one one = {.state = {.kind = KIND_JUMIO_IDENTITY,
	                            .state = state,
	                            .rev = rev,
	                            .attempts = attempts,
	                            .score = SCORE_NONE,
	                            .created_ms = 1000}};
	snprintf(one.state.id, sizeof one.state.id, "%s", id);
	strcpy(one.state.caller, "b2c");
	strcpy(one.state.question, "person");
	strcpy(one.state.reference, "A-1");
	buf_init(&one.text, VERIFICATION_MAX_BYTES);
	assert_int_equal(verification_encode(&one.state, NULL, &one.text), ERR_OK);
	return one;
}

/* Returns: how many were written. */
static int fill(struct redis_bench *bench, struct one *ones, size_t count, bool names)
{
	struct store_fill fills[STORE_FILL_MAX];
	struct said said = {.calls = 0};
	for (size_t i = 0; i < count; i++)
		fills[i] = (struct store_fill){&ones[i].state, ones[i].text.data, ones[i].text.len, names, names};
	assert_int_equal(redis_store_fill(bench->store, fills, count, true, on_filled, &said), ERR_OK);
	assert_int_equal(said.calls, 0);
	await_count(bench, &said.calls, 1);
	assert_int_equal(said.code, ERR_OK);
	for (size_t i = 0; i < count; i++)
		buf_fini(&ones[i].text);
	return said.what;
}

static struct verification there(struct redis_bench *bench, const char *id)
{
	char text[VALUE_BYTES];
	struct verification state;
	redis_text(bench, text, "GET verifyd:v:{%s}", id);
	assert_int_equal(verification_decode(text, strlen(text), &state, NULL, NULL), ERR_OK);
	return state;
}

static void each_is_written_only_over_a_lower_one_and_they_are_counted(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct one first[] = {one_of(ids[0], STATE_CHECKING, 5, 1), one_of(ids[1], STATE_COMPLETED, 5, 0)};
	assert_int_equal(fill(bench, first, 2, false), 2);
	struct one again[] = {one_of(ids[0], STATE_CHECKING, 5, 1), one_of(ids[1], STATE_CHECKING, 9, 0),
	                      one_of(ids[2], STATE_QUEUED, 1, 0)};
	assert_int_equal(fill(bench, again, 3, false), 1);
	struct one higher[] = {one_of(ids[0], STATE_CHECKING, 5, 2), one_of(ids[1], STATE_COMPLETED, 9, 0),
	                       one_of(ids[2], STATE_DEAD, 2, 0)};
	assert_int_equal(fill(bench, higher, 3, false), 2);
	assert_int_equal(there(bench, ids[0]).attempts, 2);
	assert_int_equal(there(bench, ids[1]).rev, 5); /* of two completed ones the first stands */
	assert_int_equal(there(bench, ids[2]).state, STATE_DEAD);
	assert_in_range(redis_do(bench, "PTTL verifyd:v:{%s}", ids[1]), RETENTION_MS - 60000, RETENTION_MS);
	assert_in_range(redis_do(bench, "PTTL verifyd:v:{%s}", ids[0]), STORE_QUEUED_TTL_MS - 60000,
	                STORE_QUEUED_TTL_MS);
	assert_int_equal(redis_do(bench, "EXISTS verifyd:s:person verifyd:ref:jumio:a-1"), 0);
}

static void states_of_one_id_are_taken_in_their_order(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct one both[] = {one_of(ids[0], STATE_COMPLETED, 5, 0), one_of(ids[0], STATE_COMPLETED, 7, 0)};
	assert_int_equal(fill(bench, both, 2, false), 1);
	assert_int_equal(there(bench, ids[0]).rev, 5);
}

static void a_person_and_a_reference_lead_to_it_where_that_is_wanted(void **state)
{
	struct redis_bench *bench = bench_of(state);
	char text[VALUE_BYTES];
	redis_do(bench, "HSET verifyd:s:person %s 77", ids[1]);
	struct one ones[] = {one_of(ids[0], STATE_CHECKING, 5, 0), one_of(ids[1], STATE_CHECKING, 5, 0)};
	assert_int_equal(fill(bench, ones, 2, true), 2);
	redis_text(bench, text, "HGET verifyd:s:person %s", ids[0]);
	assert_string_equal(text, "1000");
	redis_text(bench, text, "HGET verifyd:s:person %s", ids[1]);
	assert_string_equal(text, "77"); /* the time that is there stays */
	redis_text(bench, text, "GET verifyd:ref:jumio:a-1");
	assert_string_equal(text, ids[1]);
	assert_true(redis_do(bench, "PTTL verifyd:s:person") > 0 && redis_do(bench, "PTTL verifyd:ref:jumio:a-1") > 0);
}

static void as_many_as_stated_fit_and_no_more(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct one many[STORE_FILL_MAX];
	struct store_fill none[STORE_FILL_MAX + 1] = {{.value = NULL}};
	for (int i = 0; i < STORE_FILL_MAX; i++) {
		char id[ID_BYTES];
		snprintf(id, sizeof id, "v%022d", 100 + i);
		many[i] = one_of(id, STATE_COMPLETED, 3, 0);
	}
	assert_int_equal(fill(bench, many, STORE_FILL_MAX, true), STORE_FILL_MAX);
	assert_int_equal(redis_do(bench, "EXISTS verifyd:v:{v0000000000000000000163}"), 1);
	assert_int_equal(redis_store_fill(bench->store, none, STORE_FILL_MAX + 1, false, on_filled, NULL), ERR_LIMIT);
	assert_int_equal(redis_store_fill(bench->store, none, 0, false, on_filled, NULL), ERR_LIMIT);
}

static void without_redis_it_says_so(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct said said = {.calls = 0, .store = bench->store};
	struct one one = one_of(ids[0], STATE_CHECKING, 5, 0);
	const struct store_fill fill = {&one.state, one.text.data, one.text.len, true, true};
	kill(bench->server, SIGSTOP);
	assert_int_equal(redis_store_fill(bench->store, &fill, 1, true, on_filled, &said), ERR_OK);
	redis_kill(bench);
	await_count(bench, &said.calls, 1);
	assert_true(said.code == ERR_UNAVAILABLE && said.what == 0 && !said.was_up);
	await_up(bench, false);
	assert_int_equal(redis_store_fill(bench->store, &fill, 1, true, on_filled, &said), ERR_UNAVAILABLE);
	assert_int_equal(said.calls, 1);
	buf_fini(&one.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_REDIS(each_is_written_only_over_a_lower_one_and_they_are_counted),
	        WITH_REDIS(states_of_one_id_are_taken_in_their_order),
	        WITH_REDIS(a_person_and_a_reference_lead_to_it_where_that_is_wanted),
	        WITH_REDIS(as_many_as_stated_fit_and_no_more),
	        WITH_REDIS(without_redis_it_says_so),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
