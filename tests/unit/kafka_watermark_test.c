/* kafka_watermark: rules of what may be committed. */
#include "common/adapters/kafka_watermark.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t add(struct kafka_watermark *watermark, int64_t offset)
{
	uint64_t ticket = UINT64_MAX;
	assert_int_equal(kafka_watermark_add(watermark, offset, &ticket), ERR_OK);
	return ticket;
}

static void only_the_contiguous_part_is_passed(void **state)
{
	(void)state;
	struct kafka_watermark watermark;
	int64_t next = -7;
	kafka_watermark_init(&watermark, 8);
	uint64_t first = add(&watermark, 10), second = add(&watermark, 11), third = add(&watermark, 12);
	assert_false(kafka_watermark_done(&watermark, third, &next));
	assert_false(kafka_watermark_done(&watermark, second, &next));
	assert_int_equal(next, -7);
	assert_true(kafka_watermark_done(&watermark, first, &next));
	assert_int_equal(next, 13);
	assert_int_equal(kafka_watermark_span(&watermark), 0);
	kafka_watermark_fini(&watermark);
}

static void gaps_between_offsets_do_not_hold_the_watermark(void **state)
{
	(void)state;
	struct kafka_watermark watermark;
	int64_t next = -1;
	kafka_watermark_init(&watermark, 8);
	uint64_t first = add(&watermark, 5), second = add(&watermark, 900), third = add(&watermark, 1000000000000);
	assert_true(kafka_watermark_done(&watermark, first, &next));
	assert_int_equal(next, 6);
	assert_false(kafka_watermark_done(&watermark, third, &next));
	assert_true(kafka_watermark_done(&watermark, second, &next));
	assert_int_equal(next, 1000000000001);
	kafka_watermark_fini(&watermark);
}

static void a_record_counts_once_and_unknown_tickets_do_nothing(void **state)
{
	(void)state;
	struct kafka_watermark watermark;
	int64_t next = -7;
	kafka_watermark_init(&watermark, 8);
	assert_false(kafka_watermark_done(&watermark, 0, &next));
	uint64_t first = add(&watermark, 1), second = add(&watermark, 2);
	assert_false(kafka_watermark_done(&watermark, second + 1, &next));
	assert_true(kafka_watermark_done(&watermark, first, &next));
	assert_int_equal(next, 2);
	next = -7;
	assert_false(kafka_watermark_done(&watermark, first, &next));
	assert_int_equal(next, -7);
	assert_true(kafka_watermark_done(&watermark, second, &next));
	kafka_watermark_fini(&watermark);
}

static void an_offset_handed_out_before_is_refused(void **state)
{
	(void)state;
	struct kafka_watermark watermark;
	uint64_t ticket = 99;
	kafka_watermark_init(&watermark, 8);
	(void)add(&watermark, 7);
	assert_int_equal(kafka_watermark_add(&watermark, 7, &ticket), ERR_CONFLICT);
	assert_int_equal(kafka_watermark_add(&watermark, 3, &ticket), ERR_CONFLICT);
	assert_int_equal(ticket, 99);
	assert_int_equal(kafka_watermark_span(&watermark), 1);
	kafka_watermark_fini(&watermark);
}

static void the_span_is_bounded_and_frees_up_from_the_front_only(void **state)
{
	(void)state;
	struct kafka_watermark watermark;
	uint64_t tickets[100], ticket = 0;
	int64_t next;
	kafka_watermark_init(&watermark, 100);
	for (int i = 0; i < 100; i++)
		tickets[i] = add(&watermark, i);
	assert_int_equal(kafka_watermark_add(&watermark, 100, &ticket), ERR_LIMIT);
	for (int i = 1; i < 100; i++)
		assert_false(kafka_watermark_done(&watermark, tickets[i], &next));
	assert_int_equal(kafka_watermark_add(&watermark, 100, &ticket), ERR_LIMIT);
	assert_true(kafka_watermark_done(&watermark, tickets[0], &next));
	assert_int_equal(next, 100);
	(void)add(&watermark, 100);
	kafka_watermark_fini(&watermark);
}

/* Against a slow model: any order, any gaps, across growth and wrap of the ring. */
static void random_orders_agree_with_a_plain_model(void **state)
{
	(void)state;
	enum { RECORDS = 4000, SPAN = 300 };
	static int64_t offset[RECORDS];
	static uint64_t ticket[RECORDS];
	static bool done[RECORDS];
	struct kafka_watermark watermark;
	size_t out = 0, low = 0;
	int64_t next = -1, at = 0;
	unsigned seed = 20261121;
	kafka_watermark_init(&watermark, SPAN);
	while (low < RECORDS) {
		if (out < RECORDS && out - low < SPAN && rand_r(&seed) % 2 == 0) {
			at += 1 + rand_r(&seed) % 5;
			offset[out] = at;
			ticket[out] = add(&watermark, at);
			out++;
		} else if (out > low) {
			size_t pick = low + (size_t)rand_r(&seed) % (out - low);
			size_t before = low;
			bool was_done = done[pick];
			done[pick] = true;
			while (low < out && done[low])
				low++;
			assert_int_equal(kafka_watermark_done(&watermark, ticket[pick], &next),
			                 !was_done && low > before);
			if (low > 0)
				assert_int_equal(next, offset[low - 1] + 1);
			assert_int_equal(kafka_watermark_span(&watermark), out - low);
		}
	}
	kafka_watermark_fini(&watermark);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(only_the_contiguous_part_is_passed),
	        cmocka_unit_test(gaps_between_offsets_do_not_hold_the_watermark),
	        cmocka_unit_test(a_record_counts_once_and_unknown_tickets_do_nothing),
	        cmocka_unit_test(an_offset_handed_out_before_is_refused),
	        cmocka_unit_test(the_span_is_bounded_and_frees_up_from_the_front_only),
	        cmocka_unit_test(random_orders_agree_with_a_plain_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
