/* redis_store: states, questions and leases, against a real Redis: Lua runs nowhere else. */
#include "common/adapters/redis_wake.h"
#include "tests/unit/redis_fixture.h"

static const char id[] = "v0000000000000000000001", other_id[] = "v0000000000000000000002";
static const char op[] = "initiate", token[] = "0123456789abcdef", other_token[] = "fedcba9876543210";

/* ---- the store's calls, one after the other ---- */

static struct said get(struct redis_bench *bench, const char *which)
{
	struct said said = {.store = bench->store};
	assert_int_equal(redis_store_get(bench->store, which, on_value, &said), ERR_OK);
	assert_int_equal(said.calls, 0);
	await_count(bench, &said.calls, 1);
	return said;
}

static void on_holder(void *ctx, enum err_code code, const char *holder)
{
	note(ctx, code, holder, holder ? strlen(holder) : 0);
}

static struct said claim(struct redis_bench *bench, const char *which)
{
	struct said said = {.calls = 0};
	assert_int_equal(redis_store_claim(bench->store, "question", which, 30, on_holder, &said), ERR_OK);
	await_count(bench, &said.calls, 1);
	return said;
}

static void on_lease(void *ctx, enum err_code code, enum lease lease, const char *holder, const char *value, size_t len)
{
	struct said *said = ctx;
	note(said, code, value, len);
	said->what = (int)lease;
	snprintf(said->token, sizeof said->token, "%s", holder);
}

static struct said lease(struct redis_bench *bench, const char *whose, bool whole)
{
	struct said said = {.calls = 0};
	assert_int_equal(redis_store_lease(bench->store, id, op, whose, 5000, whole, on_lease, &said), ERR_OK);
	await_count(bench, &said.calls, 1);
	assert_int_equal(said.code, ERR_OK);
	return said;
}

static void on_done(void *ctx, enum err_code code)
{
	note(ctx, code, NULL, 0);
}

static void keep(struct redis_bench *bench, const char *whose)
{
	struct said said = {.calls = 0};
	assert_int_equal(redis_store_keep_answer(bench->store, id, op, whose, "answer", 6, on_done, &said), ERR_OK);
	await_count(bench, &said.calls, 1);
	assert_int_equal(said.code, ERR_OK);
}

static struct verification state_of(enum state state, int64_t rev)
{
	struct verification verification = {
	        .kind = KIND_JUMIO_IDENTITY, .state = state, .rev = rev, .score = SCORE_NONE};
	memcpy(verification.id, id, sizeof id);
	strcpy(verification.caller, "b2c");
	return verification;
}

static bool put_tried(struct redis_bench *bench, enum state state, int64_t rev, int attempts, const char *whose,
                      const char *drop)
{
	struct said said = {.calls = 0};
	struct verification verification = state_of(state, rev);
	struct buf value;
	verification.attempts = attempts;
	buf_init(&value, VERIFICATION_MAX_BYTES);
	assert_int_equal(verification_encode(&verification, NULL, &value), ERR_OK);
	assert_int_equal(
	        redis_store_put(bench->store, &verification, value.data, value.len, op, whose, drop, on_bool, &said),
	        ERR_OK);
	buf_fini(&value);
	await_count(bench, &said.calls, 1);
	assert_int_equal(said.code, ERR_OK);
	return said.what;
}

static bool put(struct redis_bench *bench, enum state state, int64_t rev, const char *whose, const char *drop)
{
	return put_tried(bench, state, rev, 0, whose, drop);
}

static int64_t rev_there(struct redis_bench *bench)
{
	struct verification verification;
	struct said said = get(bench, id);
	assert_int_equal(verification_decode(said.text, strlen(said.text), &verification, NULL, NULL), ERR_OK);
	return verification.rev;
}

/* ---- reading ---- */

static void a_state_that_is_not_there_is_unknown_only_while_the_cache_is_whole(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct said whole = get(bench, id);
	assert_true(whole.code == ERR_OK && !whole.there);
	redis_do(bench, "DEL verifyd:epoch");
	struct said rebuilding = get(bench, id);
	assert_int_equal(rebuilding.code, ERR_UNAVAILABLE);
	assert_true(rebuilding.was_up);
	redis_do(bench, "SET verifyd:v:{%s} text", id);
	struct said there = get(bench, id);
	assert_true(there.code == ERR_OK && there.there);
	assert_string_equal(there.text, "text");
}

static void a_redis_that_hangs_is_given_up_after_its_time_and_is_not_up_to_whoever_hears_of_it(void **state)
{
	struct redis_bench *bench = bench_of(state);
	kill(bench->server, SIGSTOP);
	int64_t began = clock_mono_ms();
	struct said said = get(bench, id);
	int64_t took = clock_mono_ms() - began;
	kill(bench->server, SIGCONT);
	assert_int_equal(said.code, ERR_UNAVAILABLE);
	assert_false(said.was_up);
	assert_in_range(took, 900, AWAIT_MS / 2);
	await_up(bench, true);
	assert_int_equal(get(bench, id).code, ERR_OK);
}

static void a_redis_that_dies_is_not_up_to_whoever_hears_of_it(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct said said = {.store = bench->store};
	kill(bench->server, SIGSTOP);
	assert_int_equal(redis_store_get(bench->store, id, on_value, &said), ERR_OK);
	redis_kill(bench);
	await_count(bench, &said.calls, 1);
	assert_int_equal(said.code, ERR_UNAVAILABLE);
	assert_false(said.was_up);
	await_up(bench, false);
	assert_int_equal(redis_store_get(bench->store, id, on_value, &said), ERR_UNAVAILABLE);
	assert_int_equal(said.calls, 1);
}

struct each {
	int calls, there;
};

static void on_each(void *ctx, const char *which, const char *value, size_t len)
{
	struct each *each = ctx;
	assert_string_equal(which, each->calls == 0 ? id : other_id);
	each->calls++;
	each->there += value && len == 4;
}

static void many_states_are_read_in_order(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct each each = {0};
	const char *ids[] = {id, other_id};
	redis_do(bench, "SET verifyd:v:{%s} text", other_id);
	assert_int_equal(redis_store_get_many(bench->store, ids, 2, on_each, &each), ERR_OK);
	await_count(bench, &each.calls, 2);
	assert_int_equal(each.there, 1);
	assert_int_equal(redis_store_get_many(bench->store, ids, 0, on_each, &each), ERR_LIMIT);
	assert_int_equal(redis_store_get_many(bench->store, ids, STORE_MGET_MAX + 1, on_each, &each), ERR_LIMIT);
}

/* ---- questions ---- */

static void a_question_belongs_to_who_claimed_it_first_until_a_result_drops_it(void **state)
{
	struct redis_bench *bench = bench_of(state);
	assert_string_equal(claim(bench, id).text, id);
	assert_string_equal(claim(bench, other_id).text, id);
	assert_in_range(redis_do(bench, "PTTL verifyd:q:question"), 1, 30000);
	assert_true(put(bench, STATE_COMPLETED, 2, NULL, "question"));
	assert_string_equal(claim(bench, other_id).text, other_id);
	assert_true(put(bench, STATE_ERASED, 3, NULL, "question")); /* another id's pointer now: it stays */
	assert_string_equal(claim(bench, id).text, other_id);
}

static long long gets_so_far(struct redis_bench *bench)
{
	char stats[VALUE_BYTES];
	redis_text(bench, stats, "INFO commandstats");
	const char *line = strstr(stats, "cmdstat_get:calls=");
	return line ? strtoll(line + strlen("cmdstat_get:calls="), NULL, 10) : 0;
}

static void a_new_question_costs_one_command(void **state)
{
	struct redis_bench *bench = bench_of(state);
	redis_do(bench, "CONFIG RESETSTAT");
	assert_string_equal(claim(bench, id).text, id);
	assert_int_equal(gets_so_far(bench), 0);
	assert_in_range(redis_do(bench, "TTL verifyd:q:question"), 20, 30);
	assert_string_equal(claim(bench, other_id).text, id);
	assert_int_equal(gets_so_far(bench), 1);
}

/* Given up at every step of a claim: before it is seen, between its two turns, after them. */
static void a_question_that_is_given_up_meanwhile_is_somebodys_all_the_same(void **state)
{
	struct redis_bench *bench = bench_of(state);
	int taken_late = 0;
	for (int i = 0; i < 12; i++) {
		struct said said = {.calls = 0};
		redis_do(bench, "SET verifyd:q:question %s", other_id);
		redis_do(bench, "CONFIG RESETSTAT");
		assert_int_equal(redis_store_claim(bench->store, "question", id, 30, on_holder, &said), ERR_OK);
		for (int turn = 0; turn < i % 4; turn++)
			(void)uv_run(&bench->loop, UV_RUN_ONCE);
		redis_do(bench, "DEL verifyd:q:question");
		await_count(bench, &said.calls, 1);
		assert_int_equal(said.code, ERR_OK);
		bool ours = strcmp(said.text, id) == 0;
		assert_true(ours || strcmp(said.text, other_id) == 0);
		taken_late += ours && gets_so_far(bench) > 0;
	}
	assert_true(taken_late > 0);
}

/* ---- writing ---- */

static void the_first_state_is_written_only_where_there_is_none(void **state)
{
	struct redis_bench *bench = bench_of(state);
	for (int i = 0; i < 2; i++) {
		struct said said = {.calls = 0};
		const char *value = i ? "second" : "first";
		assert_int_equal(redis_store_put_first(bench->store, id, value, strlen(value), on_done, &said), ERR_OK);
		await_count(bench, &said.calls, 1);
		assert_int_equal(said.code, ERR_OK);
	}
	assert_string_equal(get(bench, id).text, "first");
	assert_in_range(redis_do(bench, "PTTL verifyd:v:{%s}", id), STORE_QUEUED_TTL_MS - 60000, STORE_QUEUED_TTL_MS);
}

static void a_state_is_written_only_over_a_lower_one(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static const struct {
		enum state there;
		int64_t there_rev;
		enum state next;
		int64_t next_rev;
		bool written;
	} rows[] = {
	        {STATE_QUEUED, 1, STATE_AWAITING_USER, 2, true}, {STATE_AWAITING_USER, 2, STATE_QUEUED, 1, false},
	        {STATE_CHECKING, 3, STATE_CHECKING, 3, false},   {STATE_CHECKING, 9, STATE_CHECKING, 10, true},
	        {STATE_DEAD, 5, STATE_CHECKING, 6, true},        {STATE_CHECKING, 6, STATE_DEAD, 5, false},
	        {STATE_CHECKING, 90, STATE_COMPLETED, 7, true},  {STATE_COMPLETED, 7, STATE_CHECKING, 90, false},
	        {STATE_COMPLETED, 7, STATE_COMPLETED, 8, false}, {STATE_COMPLETED, 70, STATE_ERASED, 8, true},
	        {STATE_ERASED, 8, STATE_COMPLETED, 90, false},   {STATE_ERASED, 8, STATE_ERASED, 9, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		redis_do(bench, "DEL verifyd:v:{%s}", id);
		assert_true(put(bench, rows[i].there, rows[i].there_rev, NULL, NULL));
		assert_int_equal(put(bench, rows[i].next, rows[i].next_rev, NULL, NULL), rows[i].written);
		assert_int_equal(rev_there(bench), rows[i].written ? rows[i].next_rev : rows[i].there_rev);
	}
	redis_do(bench, "SET verifyd:v:{%s} {broken", id);
	assert_true(put(bench, STATE_QUEUED, 1, NULL, NULL));
}

static void of_two_states_of_one_revision_the_one_with_more_tries_stands(void **state)
{
	struct redis_bench *bench = bench_of(state);
	assert_true(put_tried(bench, STATE_CHECKING, 3, 1, NULL, NULL));
	assert_true(put_tried(bench, STATE_CHECKING, 3, 10, NULL, NULL));
	assert_false(put_tried(bench, STATE_CHECKING, 3, 10, NULL, NULL));
	assert_false(put_tried(bench, STATE_CHECKING, 3, 9, NULL, NULL));
	assert_true(put_tried(bench, STATE_CHECKING, 4, 0, NULL, NULL));
}

/* Older and newer versions share one Redis while they are mixed. */
static void a_state_with_its_members_in_another_order_is_compared_all_the_same(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static const struct {
		const char *there;
		int64_t rev;
		bool written;
	} rows[] = {
	        {"{\"rev\":5,\"state\":\"checking\",\"attempts\":0}", 5, false},
	        {"{\"rev\":5,\"state\":\"checking\",\"attempts\":0}", 6, true},
	        {"{\"state\":\"completed\",\"more\":[1],\"rev\":2}", 9, false},
	        {"{\"state\": \"checking\", \"rev\": 5}", 5, false},
	        {"{\"state\":\"of_another_age\",\"rev\":5}", 6, true},
	        {"[]", 1, true},
	        {"7", 1, true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		redis_do(bench, "SET verifyd:v:{%s} %s", id, rows[i].there);
		assert_int_equal(put(bench, STATE_CHECKING, rows[i].rev, NULL, NULL), rows[i].written);
	}
}

static void a_state_stays_as_long_as_its_kind_of_state_may_take(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static const enum state states[] = {STATE_QUEUED, STATE_AWAITING_USER, STATE_CHECKING,
	                                    STATE_DEAD,   STATE_COMPLETED,     STATE_ERASED};
	for (int i = 0; i < 6; i++) {
		assert_true(put(bench, states[i], 1 + i, NULL, NULL));
		int64_t ttl = state_is_final(states[i]) ? RETENTION_MS : STORE_QUEUED_TTL_MS;
		assert_in_range(redis_do(bench, "PTTL verifyd:v:{%s}", id), ttl - 60000, ttl);
	}
}

struct heard {
	int subscribed, states;
	char last[VALUE_BYTES];
};

static void on_heard(void *ctx, const char *value, size_t len)
{
	struct heard *heard = ctx;
	heard->states++;
	snprintf(heard->last, sizeof heard->last, "%.*s", (int)len, value);
}

static void on_subscribed(void *ctx)
{
	((struct heard *)ctx)->subscribed++;
}

static void what_is_written_is_told_to_who_listens_and_what_is_not_is_not(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct heard heard = {0};
	struct redis_wake *wake = NULL;
	struct redis_url url = {.host = "127.0.0.1", .port = atoi(bench->port)};
	const struct redis_wake_options options = {on_heard, on_subscribed, &heard};
	assert_int_equal(redis_wake_new(&bench->loop, &url, &options, &wake, NULL), ERR_OK);
	await_count(bench, &heard.subscribed, 1);
	assert_true(put(bench, STATE_CHECKING, 3, NULL, NULL));
	assert_false(put(bench, STATE_CHECKING, 2, NULL, NULL));
	assert_true(put(bench, STATE_CHECKING, 4, NULL, NULL));
	await_count(bench, &heard.states, 2);
	assert_int_equal(heard.states, 2);
	assert_string_equal(heard.last, get(bench, id).text);
	redis_wake_close(wake);
}

/* ---- leases ---- */

static void a_lease_is_one_tokens_until_it_gives_it_back_with_the_state_or_without(void **state)
{
	struct redis_bench *bench = bench_of(state);
	assert_int_equal(lease(bench, token, false).what, LEASE_GRANTED);
	assert_in_range(redis_do(bench, "PTTL verifyd:lease:{%s}:%s", id, op), 1, 5000);
	assert_int_equal(lease(bench, token, true).what, LEASE_GRANTED);
	assert_int_equal(lease(bench, other_token, false).what, LEASE_ANOTHERS);
	assert_true(put(bench, STATE_QUEUED, 1, other_token, NULL)); /* not that one's to give back */
	struct said anothers = lease(bench, other_token, true);
	assert_int_equal(anothers.what, LEASE_ANOTHERS);
	assert_non_null(strstr(anothers.text, "queued")); /* the state comes with it */
	assert_true(put(bench, STATE_QUEUED, 2, token, NULL));
	assert_int_equal(lease(bench, other_token, true).what, LEASE_GRANTED);
	redis_store_release(bench->store, id, op, token);
	assert_int_equal(lease(bench, token, false).what, LEASE_ANOTHERS);
	redis_store_release(bench->store, id, op, other_token);
	assert_int_equal(lease(bench, token, false).what, LEASE_GRANTED);
}

static void a_state_that_says_nothing_but_accepted_comes_only_with_a_lease_on_the_whole_cache(void **state)
{
	struct redis_bench *bench = bench_of(state);
	assert_true(put(bench, STATE_QUEUED, 1, NULL, NULL));
	assert_false(lease(bench, token, false).there);
	assert_true(lease(bench, token, true).there);
	assert_true(put_tried(bench, STATE_QUEUED, 1, 2, NULL, NULL));
	assert_true(lease(bench, token, false).there);
	assert_true(put(bench, STATE_QUEUED, 2, NULL, NULL));
	assert_true(lease(bench, token, false).there);
}

static void what_needs_the_whole_cache_takes_nothing_while_it_is_filled(void **state)
{
	struct redis_bench *bench = bench_of(state);
	assert_true(put(bench, STATE_QUEUED, 1, NULL, NULL));
	redis_do(bench, "DEL verifyd:epoch");
	struct said said = lease(bench, token, true);
	assert_int_equal(said.what, LEASE_REBUILDING);
	assert_true(said.there);
	assert_int_equal(redis_do(bench, "EXISTS verifyd:lease:{%s}:%s", id, op), 0);
	assert_int_equal(lease(bench, token, false).what, LEASE_GRANTED);
	assert_int_equal(lease(bench, token, true).what, LEASE_REBUILDING);
	assert_int_equal(lease(bench, other_token, true).what, LEASE_ANOTHERS);
}

static void an_answer_is_kept_beside_its_own_lease_only_and_found_by_who_comes_next(void **state)
{
	struct redis_bench *bench = bench_of(state);
	keep(bench, token);
	assert_int_equal(lease(bench, other_token, false).what,
	                 LEASE_GRANTED); /* there was nothing to keep it beside */
	keep(bench, token);
	assert_int_equal(lease(bench, token, false).what, LEASE_ANOTHERS);
	keep(bench, other_token);
	redis_do(bench, "DEL verifyd:epoch"); /* nothing is bought by taking over what was paid for */
	struct said said = lease(bench, token, true);
	assert_int_equal(said.what, LEASE_ANSWERED);
	assert_string_equal(said.token, other_token);
	assert_string_equal(said.text, "answer");
	assert_true(put(bench, STATE_COMPLETED, 2, other_token, NULL));
	assert_int_equal(redis_do(bench, "EXISTS verifyd:lease:{%s}:%s", id, op), 0);
}

/* ---- connections ---- */

static void lost_scripts_are_loaded_again(void **state)
{
	struct redis_bench *bench = bench_of(state);
	redis_do(bench, "SCRIPT FLUSH");
	assert_int_equal(get(bench, id).code, ERR_UNAVAILABLE);
	await_up(bench, true);
	assert_int_equal(get(bench, id).code, ERR_OK);
}

static void a_redis_that_may_forget_pointers_is_not_used(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct said said = {.calls = 0};
	redis_do(bench, "CONFIG SET maxmemory-policy allkeys-lru");
	redis_do(bench, "CLIENT KILL TYPE normal SKIPME yes");
	await_up(bench, false);
	int64_t until = clock_mono_ms() + 700;
	while (clock_mono_ms() < until) {
		(void)uv_run(&bench->loop, UV_RUN_ONCE);
		assert_false(redis_store_is_up(bench->store));
	}
	assert_int_equal(redis_store_get(bench->store, id, on_value, &said), ERR_UNAVAILABLE);
}

/* By zlib's crc32(). */
static void a_shard_is_the_names_crc_32(void **state)
{
	(void)state;
	assert_int_equal(wake_shard(""), 0);
	assert_int_equal(wake_shard("123456789"), 38);
	assert_int_equal(wake_shard(id), 20);
	assert_int_equal(wake_shard(other_id), 46);
	assert_int_equal(wake_shard("\xff\x80\x61"), 58);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_REDIS(a_state_that_is_not_there_is_unknown_only_while_the_cache_is_whole),
	        WITH_REDIS(a_redis_that_hangs_is_given_up_after_its_time_and_is_not_up_to_whoever_hears_of_it),
	        WITH_REDIS(a_redis_that_dies_is_not_up_to_whoever_hears_of_it),
	        WITH_REDIS(many_states_are_read_in_order),
	        WITH_REDIS(a_question_belongs_to_who_claimed_it_first_until_a_result_drops_it),
	        WITH_REDIS(a_new_question_costs_one_command),
	        WITH_REDIS(a_question_that_is_given_up_meanwhile_is_somebodys_all_the_same),
	        WITH_REDIS(the_first_state_is_written_only_where_there_is_none),
	        WITH_REDIS(a_state_is_written_only_over_a_lower_one),
	        WITH_REDIS(of_two_states_of_one_revision_the_one_with_more_tries_stands),
	        WITH_REDIS(a_state_with_its_members_in_another_order_is_compared_all_the_same),
	        WITH_REDIS(a_state_stays_as_long_as_its_kind_of_state_may_take),
	        WITH_REDIS(what_is_written_is_told_to_who_listens_and_what_is_not_is_not),
	        WITH_REDIS(a_lease_is_one_tokens_until_it_gives_it_back_with_the_state_or_without),
	        WITH_REDIS(a_state_that_says_nothing_but_accepted_comes_only_with_a_lease_on_the_whole_cache),
	        WITH_REDIS(what_needs_the_whole_cache_takes_nothing_while_it_is_filled),
	        WITH_REDIS(an_answer_is_kept_beside_its_own_lease_only_and_found_by_who_comes_next),
	        WITH_REDIS(lost_scripts_are_loaded_again),
	        WITH_REDIS(a_redis_that_may_forget_pointers_is_not_used),
	        cmocka_unit_test(a_shard_is_the_names_crc_32),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
