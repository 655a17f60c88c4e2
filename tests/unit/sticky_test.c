/* sticky: which ids a moment's records get. */
#include "common/adapters/kafka_client.h"
#include "ingress/sticky.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int32_t partition_of(const char *id, int32_t partitions)
{
	return kafka_partition(id, strlen(id), partitions);
}

static void new_id(char id[ID_BYTES])
{
	assert_int_equal(id_random(id), ERR_OK);
}

static void ids_of_one_moment_stand_in_the_partition_of_the_first(void **state)
{
	(void)state;
	for (int32_t partitions = 2; partitions <= 12; partitions++) {
		struct sticky sticky = {0, 0};
		char first[ID_BYTES], id[ID_BYTES];
		new_id(first);
		memcpy(id, first, ID_BYTES);
		sticky_fit(&sticky, partitions, 1000, id);
		assert_string_equal(id, first);
		for (int i = 0; i < 50; i++) {
			new_id(id);
			sticky_fit(&sticky, partitions, 1000 + i % STICKY_MS, id);
			assert_true(id_is_valid(id, strlen(id)));
			assert_int_equal(partition_of(id, partitions), partition_of(first, partitions));
		}
	}
}

static void what_is_random_in_an_id_stays_but_for_two_characters(void **state)
{
	struct sticky sticky = {0, 0};
	char before[ID_BYTES], id[ID_BYTES];
	(void)state;
	new_id(id);
	sticky_fit(&sticky, 16, 1, id);
	for (int i = 0; i < 200; i++) {
		int changed = 0;
		new_id(before);
		memcpy(id, before, ID_BYTES);
		sticky_fit(&sticky, 16, 1, id);
		for (int at = 0; at < ID_BYTES; at++)
			changed += id[at] != before[at];
		assert_in_range(changed, 0, 2);
	}
}

static void two_ids_that_differ_elsewhere_never_become_the_same(void **state)
{
	struct sticky sticky = {0, 0};
	char a[ID_BYTES], b[ID_BYTES];
	(void)state;
	new_id(a);
	sticky_fit(&sticky, 8, 1, a);
	for (int i = 0; i < 200; i++) {
		new_id(a);
		memcpy(b, a, ID_BYTES);
		b[10] = a[10] == 'x' ? 'y' : 'x';
		sticky_fit(&sticky, 8, 1, a);
		sticky_fit(&sticky, 8, 1, b);
		assert_string_not_equal(a, b);
	}
}

static void every_partition_has_its_moments(void **state)
{
	enum { PARTITIONS = 8, MOMENTS = 400 };
	struct sticky sticky = {0, 0};
	int seen[PARTITIONS] = {0};
	char id[ID_BYTES];
	(void)state;
	for (int64_t moment = 1; moment <= MOMENTS; moment++) {
		new_id(id);
		sticky_fit(&sticky, PARTITIONS, moment * STICKY_MS, id);
		seen[partition_of(id, PARTITIONS)]++;
	}
	for (int i = 0; i < PARTITIONS; i++)
		assert_in_range(seen[i], 1, MOMENTS / 2);
}

/* Or a crowd that does not end would stand in one partition. */
static void a_moment_ends_however_many_ids_come_in_it(void **state)
{
	enum { PARTITIONS = 4, MOMENTS = 200 };
	struct sticky sticky = {0, 0};
	int seen[PARTITIONS] = {0};
	char id[ID_BYTES];
	(void)state;
	for (int64_t now = 1; now <= MOMENTS * STICKY_MS; now++) {
		new_id(id);
		sticky_fit(&sticky, PARTITIONS, now, id);
		seen[partition_of(id, PARTITIONS)]++;
	}
	for (int i = 0; i < PARTITIONS; i++)
		assert_in_range(seen[i], 1, MOMENTS * STICKY_MS * 3 / 4);
}

static void a_topic_with_fewer_partitions_than_before_is_fitted_anew(void **state)
{
	enum { PARTITIONS = 3 };
	(void)state;
	for (int32_t before = PARTITIONS; before <= 7; before++) {
		struct sticky sticky = {.until_ms = 100, .partition = before};
		char first[ID_BYTES], id[ID_BYTES];
		new_id(first);
		memcpy(id, first, ID_BYTES);
		sticky_fit(&sticky, PARTITIONS, 50, id);
		assert_string_equal(id, first);
		assert_in_range(sticky.partition, 0, PARTITIONS - 1);
		assert_int_equal(partition_of(id, PARTITIONS), sticky.partition);
	}
}

static void nothing_is_done_while_the_partitions_are_not_known(void **state)
{
	(void)state;
	for (int32_t partitions = 0; partitions <= 1; partitions++) {
		struct sticky sticky = {0, 0};
		char before[ID_BYTES], id[ID_BYTES];
		new_id(before);
		memcpy(id, before, ID_BYTES);
		sticky_fit(&sticky, partitions, 5, id);
		sticky_fit(&sticky, partitions, 6, id);
		assert_string_equal(id, before);
	}
}

static void so_many_partitions_that_no_id_fits_are_given_up_on(void **state)
{
	struct sticky sticky = {.until_ms = 100, .partition = INT32_MAX - 1};
	char id[ID_BYTES], last[ID_BYTES];
	(void)state;
	new_id(id);
	memcpy(last, id, ID_BYTES);
	for (unsigned i = 0; i < STICKY_TRIES; i++)
		id_vary(last, i);
	sticky_fit(&sticky, INT32_MAX, 50, id);
	assert_string_equal(id, last);
	assert_true(id_is_valid(id, strlen(id)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(ids_of_one_moment_stand_in_the_partition_of_the_first),
	        cmocka_unit_test(what_is_random_in_an_id_stays_but_for_two_characters),
	        cmocka_unit_test(two_ids_that_differ_elsewhere_never_become_the_same),
	        cmocka_unit_test(every_partition_has_its_moments),
	        cmocka_unit_test(a_moment_ends_however_many_ids_come_in_it),
	        cmocka_unit_test(a_topic_with_fewer_partitions_than_before_is_fitted_anew),
	        cmocka_unit_test(nothing_is_done_while_the_partitions_are_not_known),
	        cmocka_unit_test(so_many_partitions_that_no_id_fits_are_given_up_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
