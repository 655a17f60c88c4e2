/* Tests of common/base/backoff. */
#include "common/base/backoff.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void all_bits_set_gives_the_ceiling_which_doubles(void **state)
{
	(void)state;
	assert_int_equal(backoff_ms(100, 5000, 0, UINT32_MAX), 100);
	assert_int_equal(backoff_ms(100, 5000, 1, UINT32_MAX), 200);
	assert_int_equal(backoff_ms(100, 5000, 5, UINT32_MAX), 3200);
	assert_int_equal(backoff_ms(100, 5000, 6, UINT32_MAX), 5000);
}

static void no_bit_set_gives_no_wait(void **state)
{
	(void)state;
	assert_int_equal(backoff_ms(100, 5000, 3, 0), 0);
}

static void the_wait_is_uniform_from_zero_to_the_ceiling(void **state)
{
	int seen[4] = {0};
	(void)state;
	for (uint32_t i = 0; i < 4000; i++)
		seen[backoff_ms(3, 1000, 0, i * (UINT32_MAX / 4000))]++;
	for (int i = 0; i < 4; i++)
		assert_in_range(seen[i], 990, 1010);
}

static void the_wait_never_passes_the_cap(void **state)
{
	(void)state;
	for (int attempt = 0; attempt < 200; attempt++)
		assert_in_range(backoff_ms(7, 1000, attempt, UINT32_MAX), 7, 1000);
	assert_int_equal(backoff_ms(5000, 300, 0, UINT32_MAX), 300);
}

static void a_ceiling_that_is_given_is_jittered_whole(void **state)
{
	(void)state;
	assert_int_equal(backoff_jitter_ms(7000, UINT32_MAX), 7000);
	assert_int_equal(backoff_jitter_ms(7000, UINT32_C(1) << 31), 3500);
	assert_int_equal(backoff_jitter_ms(7000, 0), 0);
	assert_int_equal(backoff_jitter_ms(1, UINT32_MAX), 1);
	assert_int_equal(backoff_jitter_ms(0, UINT32_MAX), 0);
	assert_int_equal(backoff_jitter_ms(-1, UINT32_MAX), 0);
	assert_int_equal(backoff_jitter_ms(INT64_MIN, UINT32_MAX), 0);
	assert_true(backoff_jitter_ms(INT64_MAX, UINT32_MAX) > INT64_MAX - (INT64_C(1) << 32));
}

static void any_value_is_safe(void **state)
{
	(void)state;
	assert_int_equal(backoff_ms(100, 5000, INT_MAX, UINT32_MAX), 5000);
	assert_int_equal(backoff_ms(100, 5000, INT_MIN, UINT32_MAX), 100);
	assert_int_equal(backoff_ms(0, 5000, 5, UINT32_MAX), 0);
	assert_int_equal(backoff_ms(-1, 5000, 5, UINT32_MAX), 0);
	assert_int_equal(backoff_ms(100, -5, 5, UINT32_MAX), 0);
	assert_true(backoff_ms(INT64_MAX, INT64_MAX, 3, UINT32_MAX) > INT64_MAX - (INT64_C(1) << 32));
	assert_true(backoff_ms(1, INT64_MAX, 500, UINT32_MAX) > INT64_MAX - (INT64_C(1) << 32));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(all_bits_set_gives_the_ceiling_which_doubles),
	        cmocka_unit_test(no_bit_set_gives_no_wait),
	        cmocka_unit_test(the_wait_is_uniform_from_zero_to_the_ceiling),
	        cmocka_unit_test(the_wait_never_passes_the_cap),
	        cmocka_unit_test(a_ceiling_that_is_given_is_jittered_whole),
	        cmocka_unit_test(any_value_is_safe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
