/* retry: each class of failure, the count of attempts, what the vendor asked for, the deadline, and the delay tiers. */
#include "common/domain/retry.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { NOW = 1000000, MAX_ATTEMPTS = 5 };
_Static_assert(FAILURE_COUNT == 10, "write down below what is expected of the new failure");

/* burns: -1 dead at once, 0 keeps its attempts, 1 counts. first_ms: the longest first wait; cap_ms: the longest ever.
 */
static const struct {
	enum reason reason;
	int burns;
	int64_t first_ms, cap_ms;
} expected[FAILURE_COUNT] = {
        [FAILURE_TIMEOUT] = {REASON_TIMEOUT, 1, 500, 30000},
        [FAILURE_CONNECT] = {REASON_CONNECT, 1, 500, 30000},
        [FAILURE_RESET] = {REASON_RESET, 1, 250, 30000},
        [FAILURE_TLS] = {REASON_TLS, 0, 5000, 60000},
        [FAILURE_SERVER_ERROR] = {REASON_SERVER_ERROR, 1, 500, 30000},
        [FAILURE_THROTTLED] = {REASON_THROTTLED, 0, 1000, 60000},
        [FAILURE_CREDENTIALS] = {REASON_CREDENTIALS, 0, 5000, 60000},
        [FAILURE_GARBAGE] = {REASON_GARBAGE, 1, 500, 30000},
        [FAILURE_TOO_LARGE] = {REASON_TOO_LARGE, 1, 500, 30000},
        [FAILURE_REFUSED] = {REASON_REFUSED, -1, 0, 0},
};

static struct retry_input input_of(enum failure failure)
{
	return (struct retry_input){
	        .failure = failure, .max_attempts = MAX_ATTEMPTS, .now_ms = NOW, .random_bits = UINT32_MAX};
}

static void every_failure_has_the_reason_burn_and_wait_of_the_table(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FAILURE_COUNT; i++) {
		struct retry_input input = input_of((enum failure)i);
		struct retry_decision decision = retry_decide(&input);
		assert_int_equal(failure_reason((enum failure)i), expected[i].reason);
		assert_int_equal(decision.verdict, expected[i].burns < 0 ? RETRY_DEAD : RETRY_AGAIN);
		assert_int_equal(decision.attempts, expected[i].burns != 0 ? 1 : 0);
		if (decision.verdict == RETRY_AGAIN)
			assert_int_equal(decision.wait_ms, expected[i].first_ms);
	}
}

/* Only what provably never reached the vendor, or was turned away, may be sent again as if it had not been sent. */
static void only_a_call_that_was_turned_away_or_never_arrived_has_surely_done_nothing(void **state)
{
	static const bool surely_nothing[FAILURE_COUNT] = {
	        [FAILURE_CONNECT] = true,     [FAILURE_TLS] = true,     [FAILURE_THROTTLED] = true,
	        [FAILURE_CREDENTIALS] = true, [FAILURE_REFUSED] = true,
	};
	(void)state;
	for (unsigned i = 0; i < FAILURE_COUNT; i++)
		assert_int_equal(failure_may_have_acted((enum failure)i), !surely_nothing[i]);
}

static void the_wait_is_jittered_from_nothing_to_a_ceiling_that_doubles_up_to_its_cap(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FAILURE_COUNT; i++) {
		int64_t ceiling = expected[i].first_ms;
		if (expected[i].burns < 0)
			continue;
		for (int attempts = 0; attempts < 40; attempts++) {
			struct retry_input input = input_of((enum failure)i);
			input.attempts = attempts;
			input.max_attempts = 100;
			assert_int_equal(retry_decide(&input).wait_ms, ceiling);
			input.random_bits = 0;
			assert_int_equal(retry_decide(&input).wait_ms, 0);
			input.random_bits = UINT32_C(1) << 31;
			assert_in_range(retry_decide(&input).wait_ms, ceiling / 2 - 1, ceiling / 2 + 1);
			ceiling = ceiling * 2 < expected[i].cap_ms ? ceiling * 2 : expected[i].cap_ms;
		}
	}
}

static void a_job_dies_with_its_last_attempt_and_not_before(void **state)
{
	(void)state;
	for (int attempts = 0; attempts < MAX_ATTEMPTS; attempts++) {
		struct retry_input input = input_of(FAILURE_SERVER_ERROR);
		input.attempts = attempts;
		struct retry_decision decision = retry_decide(&input);
		assert_int_equal(decision.attempts, attempts + 1);
		assert_int_equal(decision.verdict, attempts + 1 == MAX_ATTEMPTS ? RETRY_DEAD : RETRY_AGAIN);
	}
	struct retry_input input = input_of(FAILURE_SERVER_ERROR);
	input.attempts = INT_MAX; /* a header may say so */
	assert_int_equal(retry_decide(&input).attempts, INT_MAX);
	assert_int_equal(retry_decide(&input).verdict, RETRY_DEAD);
}

static void what_is_not_the_jobs_fault_never_kills_it(void **state)
{
	static const enum failure waits[] = {FAILURE_TLS, FAILURE_THROTTLED, FAILURE_CREDENTIALS};
	(void)state;
	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
		struct retry_input input = input_of(waits[i]);
		for (int round = 0; round < 1000; round++) {
			struct retry_decision decision = retry_decide(&input);
			assert_int_equal(decision.verdict, RETRY_AGAIN);
			input.attempts = decision.attempts;
		}
		assert_int_equal(input.attempts, 0);
	}
}

static void what_the_vendor_asked_for_is_waited_within_an_hour(void **state)
{
	static const struct {
		int64_t asked, want;
	} rows[] = {
	        {0, 1000},          {1, 1000},          {999, 1000},          {1001, 1001}, {60000, 60000},
	        {3600000, 3600000}, {3600001, 3600000}, {INT64_MAX, 3600000}, {-5, 1000},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct retry_input input = input_of(FAILURE_THROTTLED);
		input.retry_after_ms = rows[i].asked;
		assert_int_equal(retry_decide(&input).wait_ms, rows[i].want);
	}
	struct retry_input input = input_of(FAILURE_SERVER_ERROR); /* a 503 may say so too */
	input.retry_after_ms = 7000;
	assert_int_equal(retry_decide(&input).wait_ms, 7000);
}

static void a_call_that_would_come_at_or_after_the_deadline_is_not_made(void **state)
{
	struct retry_input input = input_of(FAILURE_THROTTLED);
	(void)state;
	input.retry_after_ms = 5000;
	input.deadline_ms = NOW + 5001;
	assert_int_equal(retry_decide(&input).verdict, RETRY_AGAIN);
	input.deadline_ms = NOW + 5000;
	assert_int_equal(retry_decide(&input).verdict, RETRY_EXPIRED);
	input.deadline_ms = NOW - 1;
	assert_int_equal(retry_decide(&input).verdict, RETRY_EXPIRED);
	input.deadline_ms = 0; /* none */
	assert_int_equal(retry_decide(&input).verdict, RETRY_AGAIN);
	input = input_of(FAILURE_REFUSED); /* a person must see it, deadline or not */
	input.deadline_ms = NOW - 1;
	assert_int_equal(retry_decide(&input).verdict, RETRY_DEAD);
}

static void tiers_grow_and_none_waits_longer_than_asked_but_the_shortest(void **state)
{
	static const struct {
		int64_t wait;
		const char *topic;
	} rows[] = {
	        {-1, "delay.5s"},       {0, "delay.5s"},        {4999, "delay.5s"},      {5000, "delay.5s"},
	        {29999, "delay.5s"},    {30000, "delay.30s"},   {119999, "delay.30s"},   {120000, "delay.120s"},
	        {599999, "delay.120s"}, {600000, "delay.600s"}, {3600000, "delay.600s"}, {INT64_MAX, "delay.600s"},
	};
	const struct delay_tier *tiers = delay_tiers();
	(void)state;
	for (int i = 1; i < DELAY_TIER_COUNT; i++)
		assert_true(tiers[i].wait_ms > tiers[i - 1].wait_ms);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(delay_tier_for(rows[i].wait)->topic, rows[i].topic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_failure_has_the_reason_burn_and_wait_of_the_table),
	        cmocka_unit_test(only_a_call_that_was_turned_away_or_never_arrived_has_surely_done_nothing),
	        cmocka_unit_test(the_wait_is_jittered_from_nothing_to_a_ceiling_that_doubles_up_to_its_cap),
	        cmocka_unit_test(a_job_dies_with_its_last_attempt_and_not_before),
	        cmocka_unit_test(what_is_not_the_jobs_fault_never_kills_it),
	        cmocka_unit_test(what_the_vendor_asked_for_is_waited_within_an_hour),
	        cmocka_unit_test(a_call_that_would_come_at_or_after_the_deadline_is_not_made),
	        cmocka_unit_test(tiers_grow_and_none_waits_longer_than_asked_but_the_shortest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
