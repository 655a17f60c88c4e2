/* redis_store_gate: the fleet's quota and breaker, against a real Redis: Lua runs nowhere else. */
#include "common/adapters/redis_store_gate.h"
#include "tests/unit/redis_fixture.h"

enum { SPAN_MS = 400, LIMIT = 20, PROBE_MS = 300, FAILURES = 10, MEMBERS = 6, CLOCKS_MS = 10 /* ours and Redis's */ };

struct member {
	char name[8];
	int64_t used_ms[8192]; /* of its permits, monotonic */
	int used;
	struct store_gate_ask ask;
	struct store_gate_reply reply;
};

struct answer {
	int calls;
	enum err_code code;
	struct store_gate_reply reply;
};

static void on_reply(void *ctx, enum err_code code, const struct store_gate_reply *reply)
{
	struct answer *answer = ctx;
	answer->calls++;
	answer->code = code;
	answer->reply = *reply;
}

static void make(struct member *member, int number)
{
	memset(member, 0, sizeof *member);
	snprintf(member->name, sizeof member->name, "m%d", number);
	member->ask = (struct store_gate_ask){.vendor = "jumio",
	                                      .op = "retrieve",
	                                      .member = member->name,
	                                      .limit = LIMIT,
	                                      .span_ms = SPAN_MS,
	                                      .reason = "timeout",
	                                      .probe_ms = PROBE_MS,
	                                      .breaker_failures = FAILURES};
}

static int64_t sum(const int64_t grants[STORE_GATE_PRIORITIES])
{
	return grants[0] + grants[1] + grants[2] + grants[3];
}

/* Asks as a worker does: with what it remembers. What it saw and wanted is for this once. */
static const struct store_gate_reply *ask(struct redis_bench *bench, struct member *member)
{
	struct answer answer = {.calls = 0};
	int64_t now = clock_mono_ms();
	member->ask.used = 0;
	for (int i = 0; i < member->used; i++)
		member->ask.used += member->used_ms[i] + SPAN_MS > now;
	assert_int_equal(redis_store_gate(bench->store, &member->ask, on_reply, &answer), ERR_OK);
	await_count(bench, &answer.calls, 1);
	assert_int_equal(answer.code, ERR_OK);
	member->reply = answer.reply;
	for (int64_t i = sum(answer.reply.grants); i > 0; i--)
		member->used_ms[member->used++] = clock_mono_ms();
	member->ask.born_ms = answer.reply.born_ms;
	member->ask.given = answer.reply.given;
	member->ask.ok = member->ask.failed = member->ask.close_ms = member->ask.untold = 0;
	member->ask.barred = false;
	member->ask.probe = PROBE_NONE;
	memset(member->ask.wants, 0, sizeof member->ask.wants);
	return &member->reply;
}

static int64_t want(struct redis_bench *bench, struct member *member, int priority, int64_t count)
{
	member->ask.wants[priority] = count;
	return ask(bench, member)->grants[priority];
}

static void nap(int64_t ms)
{
	usleep((useconds_t)ms * 1000);
}

/* A window that is not new any more. */
static void open_window(struct redis_bench *bench, struct member *member)
{
	(void)ask(bench, member);
	nap(STORE_GATE_NEW_MS + 5);
}

/* ---- the quota ---- */

static void no_window_ever_holds_more_than_the_limit_and_nearly_all_of_it_is_used(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static struct member members[MEMBERS];
	static struct {
		int64_t before_ms, after_ms, n;
	} log[8192];
	enum { MOMENT_MS = 5, OFTEN = 85, SELDOM = 40 };
	int count = 0, asked = 0;
	int64_t total = 0;
	srand(7);
	for (int i = 0; i < MEMBERS; i++)
		make(&members[i], i);
	open_window(bench, &members[0]);
	int64_t began = clock_mono_ms(), until = began + 4000;
	for (; clock_mono_ms() < until; asked++) {
		struct member *member = &members[rand() % MEMBERS];
		int64_t before_ms = clock_mono_ms();
		for (int i = 0; i < STORE_GATE_PRIORITIES; i++)
			member->ask.wants[i] = rand() % 5;
		int64_t n = sum(ask(bench, member)->grants);
		if (n > 0) {
			log[count].before_ms = before_ms;
			log[count].after_ms = clock_mono_ms();
			log[count++].n = n;
			total += n;
		}
		nap(rand() % 3);
	}
	for (int last = 0, first = 0; last < count; last++) {
		int64_t held = 0;
		while (log[last].after_ms - log[first].before_ms >= SPAN_MS)
			first++;
		for (int i = first; i <= last; i++)
			held += log[i].n;
		assert_in_range(held, 1, LIMIT);
	}
	/* A part is kept for whoever wanted it: a machine that lets nobody ask for long leaves more of it unused. */
	int64_t took_ms = clock_mono_ms() - began;
	assert_true(total >= took_ms * LIMIT / SPAN_MS * (took_ms < (int64_t)asked * MOMENT_MS ? OFTEN : SELDOM) / 100);
}

struct wish {
	struct member *member;
	int priority;
	int64_t count, since_ms;
};

static int64_t utter(struct redis_bench *bench, const struct wish *wish, int number)
{
	make(wish->member, number);
	wish->member->ask.since_ms[wish->priority] = wish->since_ms;
	return want(bench, wish->member, wish->priority, wish->count);
}

/* A window that is full, and what two workers want when it is nearly over: they get nothing yet, and the next one has
 * begun when it returns. */
static void want_of_the_next_window(struct redis_bench *bench, const struct wish *one, const struct wish *other)
{
	static struct member full;
	int64_t began_ms, given;
	do { /* again where the machine was elsewhere, and the window is over */
		redis_do(bench, "DEL verifyd:quota:jumio:retrieve verifyd:gate:jumio:retrieve");
		make(&full, 0);
		open_window(bench, &full);
		began_ms = clock_mono_ms();
		assert_int_equal(want(bench, &full, 0, LIMIT), LIMIT);
		nap(SPAN_MS - 100);
		given = utter(bench, one, 1) + utter(bench, other, 2);
	} while (clock_mono_ms() - began_ms >= SPAN_MS - 10);
	assert_int_equal(given, 0);
	nap(130);
}

static void a_lower_priority_gets_nothing_that_a_higher_one_of_any_worker_wants(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static struct member high, low;
	want_of_the_next_window(bench, &(struct wish){&high, 1, 15, 0}, &(struct wish){&low, 3, LIMIT, 0});
	assert_int_equal(want(bench, &low, 3, LIMIT), LIMIT - 15);
	assert_int_equal(want(bench, &high, 1, 15), 15);
	nap(SPAN_MS + 10);
	low.ask.wants[0] = 1; /* its own, too: what is left of the higher one's is the lower one's */
	low.ask.wants[3] = 100;
	(void)ask(bench, &low);
	assert_int_equal(low.reply.grants[0], 1);
	assert_int_equal(low.reply.grants[3], LIMIT - 1);
}

static void equal_priorities_share_in_proportion_to_what_they_want(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static struct member many, few;
	want_of_the_next_window(bench, &(struct wish){&many, 2, 60, 0}, &(struct wish){&few, 2, 20, 0});
	assert_in_range(want(bench, &many, 2, 60), 14, 16);
	assert_in_range(want(bench, &few, 2, 20), 4, 6);
	assert_int_equal(ask(bench, &many)->members, 3);
}

/* The first of each came at 1 s, and so much later. */
static void want_of_a_full_window(struct redis_bench *bench, struct member *first, int64_t wants, struct member *second,
                                  int64_t later_ms)
{
	want_of_the_next_window(bench, &(struct wish){first, 1, wants, 1000},
	                        &(struct wish){second, 1, LIMIT, 1000 + later_ms});
}

static void the_worker_that_has_who_came_first_goes_first_and_the_other_gets_the_rest(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static struct member first, second;
	want_of_a_full_window(bench, &first, 15, &second, STORE_GATE_TURN_MS + 1);
	assert_int_equal(want(bench, &second, 1, LIMIT), LIMIT - 15);
	assert_int_equal(want(bench, &first, 1, 15), 15);
}

static void who_came_later_takes_nothing_from_who_came_first(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static struct member first, second;
	want_of_a_full_window(bench, &first, LIMIT, &second, 100000);
	assert_int_equal(want(bench, &first, 1, LIMIT), LIMIT);
	assert_int_equal(want(bench, &second, 1, LIMIT), 0);
}

static void who_came_nearly_at_once_share_in_proportion(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static struct member first, second;
	want_of_a_full_window(bench, &first, 3 * LIMIT, &second, STORE_GATE_TURN_MS);
	assert_in_range(want(bench, &first, 1, 3 * LIMIT), 14, 16);
	assert_in_range(want(bench, &second, 1, LIMIT), 4, 6);
}

static void who_came_first_and_asks_no_more_holds_nobody_up(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static struct member first, second;
	want_of_a_full_window(bench, &first, LIMIT, &second, 100000);
	assert_int_equal(want(bench, &second, 1, LIMIT), 0);
	nap(STORE_GATE_WANT_MS);
	assert_int_equal(want(bench, &second, 1, LIMIT), LIMIT);
}

static void it_says_when_to_ask_again(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static struct member member;
	make(&member, 0);
	open_window(bench, &member);
	assert_int_equal(want(bench, &member, 0, LIMIT), LIMIT);
	assert_int_equal(want(bench, &member, 0, 3), 0);
	assert_in_range(member.reply.again_ms, SPAN_MS - 100, SPAN_MS + 5);
	assert_int_equal(member.reply.used, LIMIT);
	nap(member.reply.again_ms + 2);
	assert_int_equal(want(bench, &member, 0, 3), 3);
}

static void retry_after_closes_the_window_for_everybody_and_the_later_one_counts(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static struct member told, other;
	make(&told, 0);
	make(&other, 1);
	open_window(bench, &told);
	told.ask.close_ms = 400;
	(void)ask(bench, &told);
	told.ask.close_ms = 10;
	(void)ask(bench, &told);
	assert_int_equal(want(bench, &other, 0, 5), 0);
	assert_in_range(other.reply.closed_ms, 300, 400);
	nap(other.reply.closed_ms + 2);
	assert_int_equal(want(bench, &other, 0, 5), 5);
}

static void what_was_given_without_redis_counts_too(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static struct member member;
	make(&member, 0);
	open_window(bench, &member);
	(void)ask(bench, &member);
	member.ask.untold = 15;
	assert_int_equal(want(bench, &member, 0, LIMIT), 5);
}

static void a_window_that_was_lost_gives_nothing_until_everybody_has_said_what_was_used(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static struct member busy, idle;
	make(&busy, 0);
	make(&idle, 1);
	open_window(bench, &busy);
	assert_int_equal(want(bench, &busy, 0, 16), 16);
	(void)ask(bench, &idle);
	redis_do(bench, "DEL verifyd:quota:jumio:retrieve verifyd:gate:jumio:retrieve");
	assert_int_equal(want(bench, &idle, 0, 10), 0);
	assert_in_range(idle.reply.again_ms, 1, STORE_GATE_NEW_MS);
	assert_int_equal(ask(bench, &busy)->used, 16);
	nap(STORE_GATE_NEW_MS + 5);
	assert_true(want(bench, &idle, 0, LIMIT) > 0);
	/* a replica that had not heard of the last permits */
	nap(SPAN_MS + 20);
	assert_int_equal(want(bench, &busy, 0, 7), 7);
	redis_do(bench, "HSET verifyd:gate:jumio:retrieve given 1");
	redis_do(bench, "DEL verifyd:quota:jumio:retrieve");
	assert_int_equal(want(bench, &busy, 0, 10), 0);
	assert_int_equal(busy.reply.used, 7);
}

static void a_clock_that_went_back_makes_the_window_count_from_now(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static struct member member;
	make(&member, 0);
	open_window(bench, &member);
	assert_int_equal(want(bench, &member, 0, 12), 12);
	redis_do(bench, "DEL verifyd:quota:jumio:retrieve");
	redis_do(bench, "RPUSH verifyd:quota:jumio:retrieve %s", "99999999999999 12 12");
	assert_int_equal(want(bench, &member, 0, LIMIT), LIMIT - 12);
	nap(SPAN_MS + 5);
	assert_int_equal(want(bench, &member, 0, LIMIT), LIMIT);
}

/* ---- the breaker ---- */

static void report(struct redis_bench *bench, struct member *member, int64_t failed)
{
	member->ask.failed = failed;
	(void)ask(bench, member);
}

static void failures_of_the_whole_fleet_open_it_and_one_worker_at_a_time_may_probe(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static struct member members[MEMBERS];
	char text[VALUE_BYTES];
	for (int i = 0; i < MEMBERS; i++)
		make(&members[i], i);
	open_window(bench, &members[0]);
	report(bench, &members[0], 5);
	report(bench, &members[1], 4);
	assert_false(members[1].reply.is_open);
	int64_t opened_ms = clock_mono_ms();
	report(bench, &members[2], 1);
	assert_true(members[2].reply.is_open);
	assert_string_equal(members[2].reply.reason, "timeout");
	redis_text(bench, text, "HGET verifyd:breaker:jumio retrieve");
	assert_int_equal(strncmp(text, "open ", 5), 0);
	assert_in_range(redis_do(bench, "PTTL verifyd:breaker:jumio"), 1, 600000);
	int64_t last_ms = clock_mono_ms();
	for (int i = 0, probes = 0; probes < 4; i++) {
		struct member *member = &members[i % MEMBERS];
		int64_t asked_ms = clock_mono_ms();
		member->ask.wants[2] = 9;
		(void)ask(bench, member);
		assert_int_equal(sum(member->reply.grants), member->reply.probe);
		if (!member->reply.probe) {
			assert_true(asked_ms - last_ms < PROBE_MS + CLOCKS_MS); /* whoever asks then probes */
			nap(2);
			continue;
		}
		last_ms = clock_mono_ms();
		assert_true(last_ms - opened_ms >= ++probes * PROBE_MS - CLOCKS_MS);
	}
}

static void only_a_probe_that_worked_closes_it_and_the_field_goes(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static struct member member;
	make(&member, 0);
	open_window(bench, &member);
	report(bench, &member, FAILURES);
	member.ask.ok = 1000;
	assert_true(ask(bench, &member)->is_open);
	member.ask.probe = PROBE_FAILED;
	assert_true(ask(bench, &member)->is_open);
	member.ask.probe = PROBE_WORKED;
	assert_false(ask(bench, &member)->is_open);
	assert_int_equal(redis_do(bench, "HEXISTS verifyd:breaker:jumio retrieve"), 0);
	report(bench, &member, FAILURES - 1);
	assert_false(member.reply.is_open);
}

static void half_of_the_calls_must_fail_unless_it_is_barred(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static struct member member;
	make(&member, 0);
	member.ask.limit = 0; /* a class without a quota */
	member.ask.ok = 100;
	(void)ask(bench, &member);
	report(bench, &member, FAILURES - 1);
	member.ask.ok = 1;
	report(bench, &member, 50);
	assert_false(member.reply.is_open);
	member.ask.barred = true;
	report(bench, &member, 1);
	assert_true(member.reply.is_open);
	assert_int_equal(want(bench, &member, 0, 5), 0);
	nap(PROBE_MS);
	assert_int_equal(want(bench, &member, 0, 5), 1);
	assert_true(member.reply.probe);
}

struct open {
	int calls, done;
	enum err_code code;
	char ops[64], states[64];
};

static void on_breaker(void *ctx, const char *op, const char *state)
{
	struct open *open = ctx;
	open->calls++;
	snprintf(open->ops, sizeof open->ops, "%s", op);
	snprintf(open->states, sizeof open->states, "%s", state);
}

static void on_read(void *ctx, enum err_code code)
{
	struct open *open = ctx;
	open->done++;
	open->code = code;
}

static void who_looks_is_told_which_are_open(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static struct member member;
	struct open none = {.calls = 0}, one = {.calls = 0};
	assert_int_equal(redis_store_read_breakers(bench->store, "jumio", on_breaker, on_read, &none), ERR_OK);
	await_count(bench, &none.done, 1);
	assert_true(none.calls == 0 && none.code == ERR_OK);
	make(&member, 0);
	member.ask.barred = true;
	report(bench, &member, 1);
	redis_do(bench, "HSET verifyd:breaker:jumio initiate nonsense");
	assert_int_equal(redis_store_read_breakers(bench->store, "jumio", on_breaker, on_read, &one), ERR_OK);
	await_count(bench, &one.done, 1);
	assert_int_equal(one.calls, 1);
	assert_string_equal(one.ops, "retrieve");
	assert_memory_equal(one.states, "open ", 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_REDIS(no_window_ever_holds_more_than_the_limit_and_nearly_all_of_it_is_used),
	        WITH_REDIS(a_lower_priority_gets_nothing_that_a_higher_one_of_any_worker_wants),
	        WITH_REDIS(equal_priorities_share_in_proportion_to_what_they_want),
	        WITH_REDIS(the_worker_that_has_who_came_first_goes_first_and_the_other_gets_the_rest),
	        WITH_REDIS(who_came_later_takes_nothing_from_who_came_first),
	        WITH_REDIS(who_came_nearly_at_once_share_in_proportion),
	        WITH_REDIS(who_came_first_and_asks_no_more_holds_nobody_up),
	        WITH_REDIS(it_says_when_to_ask_again),
	        WITH_REDIS(retry_after_closes_the_window_for_everybody_and_the_later_one_counts),
	        WITH_REDIS(what_was_given_without_redis_counts_too),
	        WITH_REDIS(a_window_that_was_lost_gives_nothing_until_everybody_has_said_what_was_used),
	        WITH_REDIS(a_clock_that_went_back_makes_the_window_count_from_now),
	        WITH_REDIS(failures_of_the_whole_fleet_open_it_and_one_worker_at_a_time_may_probe),
	        WITH_REDIS(only_a_probe_that_worked_closes_it_and_the_field_goes),
	        WITH_REDIS(half_of_the_calls_must_fail_unless_it_is_barred),
	        WITH_REDIS(who_looks_is_told_which_are_open),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
