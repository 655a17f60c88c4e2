/* desk: a question with an Idempotency-Key, and who waits for news or for a cache that is away. On real Redis and a
 * mock cluster. */
#include "tests/unit/desk_fixture.h"

static const char one[] = "v000000000000000000000A", two[] = "v000000000000000000000Q";
#define KEY        "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define BODY       "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OTHER_BODY "ccccccccccccccccccccccccccccccccccccccccccc"

static struct call *keyed(enum ask_type type, const char *id, const char *body)
{
	struct call *call = call_new(type, id);
	if (type == ASK_NEW)
		call->ask.request.kind = KIND_BIOCATCH_SCORE;
	strcpy(call->ask.key, KEY);
	strcpy(call->ask.key_body, body);
	return call;
}

static void a_key_that_is_new_is_kept_for_a_day_and_its_question_is_asked(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = keyed(ASK_NEW, one, BODY);
	char kept[VALUE_BYTES];
	expect_now(bench, call, OUTCOME_STATE);
	assert_int_equal(produced(bench, scores), 1);
	redis_text(bench->redis, kept, "GET verifyd:key:" KEY);
	assert_string_equal(kept, BODY " v000000000000000000000A");
	assert_in_range(redis_do(bench->redis, "PTTL verifyd:key:" KEY), 24 * 3600000 - 60000, 24 * 3600000);
	call_free(call);
}

static void a_key_with_another_body_is_refused_and_nothing_is_asked(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *first = keyed(ASK_NEW, one, BODY), *other = keyed(ASK_NEW, two, OTHER_BODY),
	            *journey = keyed(ASK_JOURNEY, two, OTHER_BODY);
	expect_now(bench, first, OUTCOME_STATE);
	expect_now(bench, other, OUTCOME_KEY_REUSED);
	expect_now(bench, journey, OUTCOME_KEY_REUSED);
	assert_int_equal(produced(bench, scores), 1);
	assert_int_equal(produced(bench, initiates), 0);
	call_free(first);
	call_free(other);
	call_free(journey);
}

static void a_key_again_gets_its_verification_though_the_questions_window_is_over(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *first = keyed(ASK_NEW, one, BODY), *again = keyed(ASK_NEW, one, BODY);
	expect_now(bench, first, OUTCOME_STATE);
	struct verification score = score_of(one);
	store(bench, &score, true);
	redis_do(bench->redis, "DEL verifyd:q:person");
	expect_now(bench, again, OUTCOME_STATE);
	assert_string_equal(again->ask.request.id, one);
	assert_int_equal(again->ask.state.score, 7);
	assert_int_equal(produced(bench, scores), 1);
	call_free(first);
	call_free(again);
}

static void a_key_whose_first_try_was_lost_is_asked_under_the_same_id(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *again = keyed(ASK_NEW, one, BODY);
	redis_do(bench->redis, "SET verifyd:key:" KEY " %s", BODY " v000000000000000000000A");
	expect_now(bench, again, OUTCOME_STATE);
	assert_string_equal(again->ask.request.id, one);
	assert_int_equal(produced(bench, scores), 1);
	call_free(again);
}

static void a_key_whose_question_joined_another_leads_to_that_one_from_then_on(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct verification known = journey(two, STATE_AWAITING_USER);
	struct call *joins = keyed(ASK_JOURNEY, one, BODY), *again = keyed(ASK_JOURNEY, one, BODY);
	char kept[VALUE_BYTES];
	store(bench, &known, false);
	redis_do(bench->redis, "HSET verifyd:s:person %s 5", two);
	expect_now(bench, joins, OUTCOME_STATE);
	assert_string_equal(joins->ask.request.id, two);
	for (int i = 0; i < 500; i++) { /* nobody waits for it to be noted */
		redis_text(bench->redis, kept, "GET verifyd:key:" KEY);
		if (strcmp(kept, BODY " v000000000000000000000Q") == 0)
			break;
		usleep(10000);
	}
	assert_string_equal(kept, BODY " v000000000000000000000Q");
	assert_in_range(redis_do(bench->redis, "PTTL verifyd:key:" KEY), 24 * 3600000 - 60000, 24 * 3600000);
	known.state = STATE_COMPLETED; /* without the key the person would begin anew now */
	known.verdict = VERDICT_VERIFIED;
	known.rev = 5;
	store(bench, &known, false);
	expect_now(bench, again, OUTCOME_STATE);
	assert_string_equal(again->ask.request.id, two);
	assert_int_equal(again->ask.state.state, STATE_COMPLETED);
	assert_int_equal(produced(bench, initiates), 1); /* the joining */
	call_free(joins);
	call_free(again);
}

static void a_key_is_refused_while_nobody_can_know_it(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	redis_do(bench->redis, "DEL verifyd:epoch");
	for (int i = 0; i < 4; i++) {
		struct call *call = keyed(i % 2 ? ASK_JOURNEY : ASK_NEW, one, BODY);
		expect_now(bench, call, OUTCOME_KEY_AWAY);
		call_free(call);
		if (i == 1) {
			redis_kill(bench->redis);
			await_desk(bench, false);
		}
	}
	assert_int_equal(produced(bench, scores), 0);
	assert_int_equal(produced(bench, initiates), 0);
}

/* ---- waiting for news ---- */

static void who_has_seen_a_state_waits_for_the_next_one(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = call_new(ASK_READ, one), *behind = call_new(ASK_READ, one),
	            *patient = call_new(ASK_READ, one);
	struct verification known = journey(one, STATE_QUEUED);
	known.updated_ms = 77;
	store(bench, &known, false);
	call->ask.known = patient->ask.known = "W/\"2.0.77\"";
	behind->ask.known = "\"1.0.5\"";
	submit(bench, behind, WAIT_CHANGED, WAIT_MS);
	expect(behind, OUTCOME_STATE); /* at once */
	submit(bench, patient, WAIT_CHANGED, 300);
	expect(patient, OUTCOME_STATE); /* when its time is up */
	submit(bench, call, WAIT_CHANGED, WAIT_MS);
	assert_false(comes_back(call, 300));
	known.attempts = 1; /* not even another revision */
	store(bench, &known, true);
	expect(call, OUTCOME_STATE);
	assert_int_equal(call->ask.state.attempts, 1);
	call_free(call);
	call_free(behind);
	call_free(patient);
}

static void who_reads_and_waits_outlasts_a_cache_that_is_away(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *waits = call_new(ASK_READ, one), *stranger = call_new(ASK_READ, one),
	            *hasty = call_new(ASK_READ, one);
	strcpy(stranger->ask.request.caller, "app");
	redis_do(bench->redis, "DEL verifyd:epoch");
	submit(bench, waits, WAIT_FINAL, WAIT_MS);
	submit(bench, stranger, WAIT_FINAL, 1200);
	expect_now(bench, hasty, OUTCOME_CACHE_AWAY);
	assert_false(comes_back(waits, 300));
	struct verification score = score_of(one);
	strcpy(score.caller, "b2c");
	store(bench, &score, false); /* nobody is told: it is read again */
	expect(waits, OUTCOME_STATE);
	assert_int_equal(waits->ask.state.score, 7);
	expect(stranger, OUTCOME_CACHE_AWAY);
	assert_string_equal(stranger->ask.state.id, "");
	call_free(waits);
	call_free(stranger);
	call_free(hasty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_DESK(a_key_that_is_new_is_kept_for_a_day_and_its_question_is_asked),
	        WITH_DESK(a_key_with_another_body_is_refused_and_nothing_is_asked),
	        WITH_DESK(a_key_again_gets_its_verification_though_the_questions_window_is_over),
	        WITH_DESK(a_key_whose_first_try_was_lost_is_asked_under_the_same_id),
	        WITH_DESK(a_key_whose_question_joined_another_leads_to_that_one_from_then_on),
	        WITH_DESK(a_key_is_refused_while_nobody_can_know_it),
	        WITH_DESK(who_has_seen_a_state_waits_for_the_next_one),
	        WITH_DESK(who_reads_and_waits_outlasts_a_cache_that_is_away),
	};
	return cmocka_run_group_tests(tests, start_all, stop_all);
}
