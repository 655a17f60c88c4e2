/* tally: counts by key, with limits, also from several threads at once. */
#include "ingress/tally.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { KEYS = 1000 };

static struct tally *new_tally(size_t capacity)
{
	struct tally *tally = NULL;
	assert_int_equal(tally_new(capacity, &tally), ERR_OK);
	return tally;
}

static bool take(struct tally *tally, const char *key, size_t limit, struct tally_entry **ret_entry)
{
	return tally_take(tally, key, strlen(key), limit, ret_entry);
}

static void a_key_is_taken_up_to_its_limit_and_again_when_one_was_given_back(void **state)
{
	struct tally *tally = new_tally(8);
	struct tally_entry *one, *two, *three = NULL;
	(void)state;
	assert_true(take(tally, "a", 2, &one));
	assert_true(take(tally, "a", 2, &two));
	assert_false(take(tally, "a", 2, &three));
	assert_null(three); /* untouched */
	assert_true(take(tally, "b", 2, &three));
	tally_give(tally, one);
	assert_true(take(tally, "a", 2, &one));
	assert_false(take(tally, "a", 2, &three));
	tally_free(tally);
}

static void without_a_limit_any_number_is_taken(void **state)
{
	struct tally *tally = new_tally(1);
	struct tally_entry *entry = NULL;
	(void)state;
	for (int i = 0; i < KEYS; i++)
		assert_true(take(tally, "a", 0, &entry));
	assert_false(take(tally, "a", KEYS, &entry));
	for (int i = 0; i < KEYS; i++)
		tally_give(tally, entry);
	assert_true(take(tally, "b", 1, &entry)); /* the only entry is free again */
	assert_non_null(entry);
	tally_free(tally);
}

static void keys_of_one_bucket_are_told_apart(void **state)
{
	struct tally *tally = new_tally(KEYS);
	static struct tally_entry *entries[KEYS];
	struct tally_entry *more = NULL;
	char key[16];
	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < KEYS; i++) {
			(void)snprintf(key, sizeof key, "key-%d", i);
			assert_true(take(tally, key, 1, &entries[i]));
			assert_false(take(tally, key, 1, &more));
		}
		for (int i = KEYS - 1; i >= 0; i--)
			tally_give(tally, entries[(i * 7) % KEYS]);
	}
	tally_free(tally);
}

static void a_key_that_there_is_no_room_for_is_not_counted(void **state)
{
	struct tally *tally = new_tally(1);
	struct tally_entry *one, *two;
	(void)state;
	assert_true(take(tally, "a", 1, &one));
	assert_true(take(tally, "b", 1, &two));
	assert_null(two);
	assert_true(take(tally, "b", 1, &two));
	tally_give(tally, NULL);
	tally_free(tally);
}

static void a_long_key_counts_by_its_first_bytes(void **state)
{
	struct tally *tally = new_tally(4);
	struct tally_entry *entry;
	char key[TALLY_KEY_BYTES + 2];
	(void)state;
	memset(key, 'x', sizeof key);
	assert_true(tally_take(tally, key, TALLY_KEY_BYTES, 1, &entry));
	assert_false(tally_take(tally, key, sizeof key, 1, &entry));
	tally_free(tally);
}

static void *take_and_give(void *ctx)
{
	struct tally *tally = ctx;
	struct tally_entry *entry;
	for (int i = 0; i < 20000; i++)
		if (take(tally, i % 2 ? "odd" : "even", 3, &entry))
			tally_give(tally, entry);
	return NULL;
}

static void threads_leave_nothing_behind(void **state)
{
	struct tally *tally = new_tally(2);
	struct tally_entry *entry;
	pthread_t threads[4];
	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, tally), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_true(take(tally, "new", 1, &entry));
	assert_non_null(entry);
	assert_true(take(tally, "newer", 1, &entry));
	assert_non_null(entry);
	tally_free(tally);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_key_is_taken_up_to_its_limit_and_again_when_one_was_given_back),
	        cmocka_unit_test(without_a_limit_any_number_is_taken),
	        cmocka_unit_test(keys_of_one_bucket_are_told_apart),
	        cmocka_unit_test(a_key_that_there_is_no_room_for_is_not_counted),
	        cmocka_unit_test(a_long_key_counts_by_its_first_bytes),
	        cmocka_unit_test(threads_leave_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
