/* Tests of common/base/spares: blocks are whole, nobody's twice, and not too many are kept. */
#include "common/base/spares.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BLOCK_BYTES = 100, MAX = 8, BLOCKS = 3 * MAX };

static void a_block_is_nobody_elses_until_it_is_given_back(void **state)
{
	struct spares spares;
	unsigned char *blocks[BLOCKS];
	(void)state;
	spares_init(&spares, BLOCK_BYTES, MAX);
	for (int turn = 0; turn < 4; turn++) {
		for (int i = 0; i < BLOCKS; i++) {
			blocks[i] = spares_take(&spares);
			assert_non_null(blocks[i]);
			memset(blocks[i], i, BLOCK_BYTES);
		}
		for (int i = 0; i < BLOCKS; i++) {
			for (int at = 0; at < BLOCK_BYTES; at++)
				assert_int_equal(blocks[i][at], i);
			spares_give(&spares, blocks[i]);
			assert_in_range(spares.count, 0, MAX);
		}
	}
	spares_fini(&spares);
	assert_int_equal(spares.count, 0);
}

static void one_that_was_ended_is_empty_and_goes_on(void **state)
{
	struct spares spares;
	(void)state;
	spares_init(&spares, BLOCK_BYTES, MAX);
	for (int turn = 0; turn < 3; turn++) {
		spares_give(&spares, spares_take(&spares));
		spares_fini(&spares);
		assert_null(spares.first);
	}
}

static void a_zeroed_one_can_be_ended(void **state)
{
	struct spares spares = {0};
	(void)state;
	spares_fini(&spares);
	assert_null(spares.first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_block_is_nobody_elses_until_it_is_given_back),
	        cmocka_unit_test(one_that_was_ended_is_empty_and_goes_on),
	        cmocka_unit_test(a_zeroed_one_can_be_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
