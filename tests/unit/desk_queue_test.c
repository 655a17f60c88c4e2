/* desk: who would wait in vain is answered at once, who waits for its turn hears where it stands; and workers that have
 * been silent for long are forgotten. */
#include "tests/unit/desk_fixture.h"

static const char one[] = "v000000000000000000000A", two[] = "v000000000000000000000B";

enum { REFRESHED_MS = 1300, LONG_MS = 60000 }; /* of a call that may be held for LONG_MS nobody waits to the end */

/* A worker says that so many initiates and scores wait, at a quota of one a second, and of partition 0 that it is done
 * up to `next`. */
static void workers_say(struct desk_bench *bench, const char *name, int64_t at_ms, int lag, int64_t next,
                        const char *breaker)
{
	static const char form[] =
	        "{\"at_ms\":%lld,\"classes\":[{\"vendor\":\"jumio\",\"op\":\"initiate\",\"lag\":%d,\"quota\":{"
	        "\"limit\":5,"
	        "\"period_ms\":5000,\"used\":0},\"breaker\":\"%s\",\"watermarks\":{%s}},{\"vendor\":"
	        "\"biocatch\","
	        "\"op\":\"score\",\"lag\":%d,\"quota\":{\"limit\":5,\"period_ms\":5000},\"watermarks\":{}}]}";
	char text[1024], position[64];
	(void)snprintf(position, sizeof position, "\"0\":%lld", (long long)next);
	(void)snprintf(text, sizeof text, form, (long long)at_ms, lag, breaker, next < 0 ? "" : position, lag);
	redis_do(bench->redis, "HSET verifyd:workers %s %s", name, text);
	usleep(REFRESHED_MS * 1000);
}

/* Until the desk has heard that so many are before this one. */
static void await_ahead(struct desk_bench *bench, const char *id, int64_t ahead)
{
	int64_t until = clock_mono_ms() + AWAIT_MS, told = -1;
	while (told != ahead) {
		struct call *look = call_new(ASK_READ, id);
		look->ask.wants_place = true;
		assert_true(clock_mono_ms() < until);
		expect_now(bench, look, OUTCOME_STATE);
		told = look->ask.place.known ? look->ask.place.ahead : -1;
		call_free(look);
		usleep(10000);
	}
}

static struct call *score(const char *id)
{
	struct call *call = call_new(ASK_NEW, id);
	call->ask.request.kind = KIND_BIOCATCH_SCORE;
	return call;
}

static void a_queue_longer_than_the_budget_is_not_waited_for(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = call_new(ASK_JOURNEY, one), *buys = score(two);
	workers_say(bench, "w", clock_unix_ms() + 60000, 100, -1, "closed");
	submit(bench, call, WAIT_LEFT_QUEUED, LONG_MS);
	submit(bench, buys, WAIT_FINAL, LONG_MS);
	assert_true(comes_back(call, AWAIT_MS) && comes_back(buys, AWAIT_MS));
	expect(call, OUTCOME_STATE);
	expect(buys, OUTCOME_STATE);
	assert_int_equal(call->ask.state.state, STATE_QUEUED);
	assert_int_equal(produced(bench, initiates), 1); /* accepted all the same */
	assert_int_equal(produced(bench, scores), 1);
	call_free(call);
	call_free(buys);
}

static void a_queue_that_fits_into_the_budget_is_waited_for(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = call_new(ASK_JOURNEY, one), *buys = score(two);
	workers_say(bench, "w", clock_unix_ms() + 60000, 2, 0, "closed");
	submit(bench, call, WAIT_LEFT_QUEUED, WAIT_MS);
	submit(bench, buys, WAIT_FINAL, WAIT_MS);
	assert_false(comes_back(call, 700));
	assert_false(comes_back(buys, 1));
	expect(call, OUTCOME_STATE);
	expect(buys, OUTCOME_STATE);
	call_free(call);
	call_free(buys);
}

static void a_call_that_is_held_is_answered_when_its_queue_proves_too_long(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = call_new(ASK_JOURNEY, one);
	submit(bench, call, WAIT_LEFT_QUEUED, LONG_MS);
	assert_false(comes_back(call, 300)); /* nobody said anything yet */
	workers_say(bench, "w", clock_unix_ms() + 60000, 100, -1, "closed");
	assert_true(comes_back(call, AWAIT_MS));
	expect(call, OUTCOME_STATE);
	call_free(call);
}

static void with_the_breaker_open_nobody_is_held(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = call_new(ASK_JOURNEY, one);
	workers_say(bench, "w", clock_unix_ms() + 60000, 0, 0, "open");
	submit(bench, call, WAIT_LEFT_QUEUED, LONG_MS);
	assert_true(comes_back(call, AWAIT_MS));
	expect(call, OUTCOME_STATE);
	assert_int_equal(produced(bench, initiates), 1);
	call_free(call);
}

static void whoever_waits_hears_where_its_own_request_stands(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *begins = call_new(ASK_JOURNEY, one), *far = call_new(ASK_READ, one),
	            *near = call_new(ASK_READ, one);
	int64_t offset = records(bench, initiates); /* of the record that comes now */
	submit(bench, begins, WAIT_LEFT_QUEUED, 0);
	expect(begins, OUTCOME_STATE);
	char noted[VALUE_BYTES], expected[64];
	redis_text(bench->redis, noted, "GET verifyd:place:{%s}", one);
	(void)snprintf(expected, sizeof expected, "0:%lld", (long long)offset);
	assert_string_equal(noted, expected);
	redis_do(bench->redis, "SET verifyd:place:{%s} 0:1000", one);
	far->ask.wants_place = near->ask.wants_place = true;
	workers_say(bench, "w", clock_unix_ms() + 60000, 100, 1000 - 40, "closed");
	submit(bench, far, WAIT_LEFT_QUEUED, 30000);
	assert_true(comes_back(far, AWAIT_MS)); /* its turn comes in 40 s */
	assert_true(far->ask.place.known);
	assert_int_equal(far->ask.place.ahead, 40);
	assert_in_range(far->ask.place.wait_ms, 40000, 43000);
	workers_say(bench, "w", clock_unix_ms() + 60000, 100, 1000 - 1, "closed");
	await_ahead(bench, one, 1);
	submit(bench, near, WAIT_LEFT_QUEUED, WAIT_MS);
	assert_false(comes_back(near, 700)); /* in a second: it is held */
	struct verification awaiting = journey(one, STATE_AWAITING_USER);
	store(bench, &awaiting, true);
	expect(near, OUTCOME_STATE);
	assert_int_equal(near->ask.state.state, STATE_AWAITING_USER);
	assert_false(near->ask.place.known);
	call_free(begins);
	call_free(far);
	call_free(near);
}

static void of_a_request_whose_place_nobody_noted_nothing_is_said(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = call_new(ASK_READ, one);
	struct verification known = journey(one, STATE_QUEUED);
	store(bench, &known, false);
	workers_say(bench, "w", clock_unix_ms() + 60000, 100, 0, "closed");
	call->ask.wants_place = true;
	submit(bench, call, WAIT_LEFT_QUEUED, 600);
	assert_false(comes_back(call, 300));
	expect(call, OUTCOME_STATE);
	assert_false(call->ask.place.known);
	call_free(call);
}

static void silent_and_unreadable_workers_say_nothing_and_the_long_silent_are_forgotten(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = call_new(ASK_JOURNEY, one);
	redis_do(bench->redis, "HSET verifyd:workers bad {");
	workers_say(bench, "silent", clock_unix_ms() - 6000, 100, 0, "closed");
	workers_say(bench, "gone", clock_unix_ms() - 61000, 100, 0, "closed");
	int64_t until = clock_mono_ms() + AWAIT_MS;
	while (redis_do(bench->redis, "HEXISTS verifyd:workers gone") && clock_mono_ms() < until)
		usleep(10000);
	assert_int_equal(redis_do(bench->redis, "HEXISTS verifyd:workers gone"), 0);
	assert_int_equal(redis_do(bench->redis, "HEXISTS verifyd:workers silent"), 1);
	submit(bench, call, WAIT_LEFT_QUEUED, 600);
	assert_false(comes_back(call, 300));
	expect(call, OUTCOME_STATE);
	call_free(call);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_DESK(a_queue_longer_than_the_budget_is_not_waited_for),
	        WITH_DESK(a_queue_that_fits_into_the_budget_is_waited_for),
	        WITH_DESK(a_call_that_is_held_is_answered_when_its_queue_proves_too_long),
	        WITH_DESK(with_the_breaker_open_nobody_is_held),
	        WITH_DESK(whoever_waits_hears_where_its_own_request_stands),
	        WITH_DESK(of_a_request_whose_place_nobody_noted_nothing_is_said),
	        WITH_DESK(silent_and_unreadable_workers_say_nothing_and_the_long_silent_are_forgotten),
	};
	return cmocka_run_group_tests(tests, start_all, stop_all);
}
