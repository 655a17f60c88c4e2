/* rate: so many at once, refilled evenly, each credential for itself. */
#include "ingress/rate.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SLOTS = 3, BEGIN_US = 5000000 };

static struct rate *rate_of(int64_t count, int64_t period_ms)
{
	struct rate *rate = NULL;
	assert_int_equal(rate_new((struct config_rate){count, period_ms}, SLOTS, &rate), ERR_OK);
	return rate;
}

static struct rate_take take(struct rate *rate, size_t slot, int64_t after_us)
{
	struct rate_take taken;
	rate_take(rate, slot, BEGIN_US + after_us, &taken);
	return taken;
}

static void as_many_as_allowed_are_taken_at_once_and_no_more(void **state)
{
	struct rate *rate = rate_of(4, 1000);
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct rate_take taken = take(rate, 0, 0);
		assert_true(taken.taken);
		assert_int_equal(taken.left, 3 - i);
		assert_int_equal(taken.full_ms, 250 * (i + 1));
		assert_int_equal(taken.retry_ms, 0);
	}
	struct rate_take refused = take(rate, 0, 0);
	assert_false(refused.taken);
	assert_int_equal(refused.left, 0);
	assert_int_equal(refused.full_ms, 1000);
	assert_int_equal(refused.retry_ms, 250);
	rate_free(rate);
}

static void who_is_refused_finds_one_after_the_time_that_was_told(void **state)
{
	struct rate *rate = rate_of(4, 1000);
	(void)state;
	for (int i = 0; i < 4; i++)
		(void)take(rate, 0, 0);
	assert_int_equal(take(rate, 0, 100000).retry_ms, 150);
	assert_false(take(rate, 0, 249000).taken);
	assert_true(take(rate, 0, 250000).taken);
	assert_false(take(rate, 0, 250000).taken);        /* one, not all */
	assert_int_equal(take(rate, 0, 5000000).left, 3); /* rested: full again, and no fuller */
	rate_free(rate);
}

static void a_refusal_costs_nothing(void **state)
{
	struct rate *rate = rate_of(1, 1000);
	(void)state;
	assert_true(take(rate, 0, 0).taken);
	for (int i = 0; i < 1000; i++)
		assert_false(take(rate, 0, 500000).taken);
	assert_true(take(rate, 0, 1000000).taken);
	rate_free(rate);
}

static void credentials_do_not_share(void **state)
{
	struct rate *rate = rate_of(1, 1000);
	(void)state;
	for (size_t slot = 0; slot < SLOTS; slot++)
		assert_true(take(rate, slot, 0).taken);
	for (size_t slot = 0; slot < SLOTS; slot++)
		assert_false(take(rate, slot, 0).taken);
	rate_free(rate);
	rate_free(NULL);
}

static void over_a_long_time_just_the_rate_is_taken_whatever_its_numbers(void **state)
{
	static const struct config_rate limits[] = {
	        {7, 100}, {1000000, 100}, {3, 1000}, {1, 3600000}, {1000000, 3600000}};
	(void)state;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		struct rate *rate = rate_of(limits[i].count, limits[i].period_ms);
		const int64_t step_us = limits[i].period_ms * 1000 / limits[i].count / 2 + 1, tries = 20000;
		int64_t taken = 0;
		for (int64_t n = 0; n < tries; n++)
			taken += take(rate, 0, n * step_us).taken;
		int64_t most = limits[i].count + (tries * step_us * limits[i].count) / (limits[i].period_ms * 1000) + 1;
		int64_t fewest = (most - limits[i].count) / 2;
		if (taken > most || taken < (fewest < tries ? fewest : tries))
			fail_msg("%lld of at most %lld at %lld in %lld ms", (long long)taken, (long long)most,
			         (long long)limits[i].count, (long long)limits[i].period_ms);
		assert_int_equal(rate_limit(rate).count, limits[i].count);
		rate_free(rate);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(as_many_as_allowed_are_taken_at_once_and_no_more),
	        cmocka_unit_test(who_is_refused_finds_one_after_the_time_that_was_told),
	        cmocka_unit_test(a_refusal_costs_nothing),
	        cmocka_unit_test(credentials_do_not_share),
	        cmocka_unit_test(over_a_long_time_just_the_rate_is_taken_whatever_its_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
