/* job_table: one job per id is at work; the others of its id stand in line, in order, whoever leaves. */
#include "workers/job_table.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 12000 }; /* enough that many buckets hold several ids */

static int new_table(void **state)
{
	*state = calloc(1, sizeof(struct job_table));
	return *state ? 0 : -1;
}

static bool is_empty(const struct job_table *table)
{
	for (size_t i = 0; i < JOB_TABLE_BUCKETS; i++)
		if (table->bucket[i])
			return false;
	return true;
}

static int free_table(void **state)
{
	bool empty = is_empty(*state);
	free(*state);
	return empty ? 0 : -1;
}

static struct job *job_of(int id)
{
	struct job *job = calloc(1, sizeof *job);
	assert_non_null(job);
	(void)snprintf(job->request.id, sizeof job->request.id, "v%022d", id);
	return job;
}

static void jobs_of_one_id_stand_in_line_in_their_order(void **state)
{
	struct job *jobs[4];
	for (int i = 0; i < 4; i++) {
		jobs[i] = job_of(7);
		assert_int_equal(job_table_add(*state, jobs[i]), i == 0);
	}
	for (int i = 0; i < 4; i++) {
		assert_ptr_equal(job_table_remove(*state, jobs[i]), i < 3 ? jobs[i + 1] : NULL);
		free(jobs[i]);
	}
}

static void who_leaves_the_line_from_its_middle_or_end_starts_nobody(void **state)
{
	struct job *jobs[4];
	for (int i = 0; i < 4; i++)
		(void)job_table_add(*state, jobs[i] = job_of(7));
	assert_null(job_table_remove(*state, jobs[1]));
	assert_null(job_table_remove(*state, jobs[3]));
	assert_ptr_equal(job_table_remove(*state, jobs[0]), jobs[2]);
	assert_false(job_table_add(*state, jobs[1])); /* comes again: behind */
	assert_ptr_equal(job_table_remove(*state, jobs[2]), jobs[1]);
	assert_null(job_table_remove(*state, jobs[1]));
	assert_true(job_table_add(*state, jobs[3]));
	assert_null(job_table_remove(*state, jobs[3]));
	for (int i = 0; i < 4; i++)
		free(jobs[i]);
}

static void removing_what_is_not_in_is_harmless(void **state)
{
	struct job *in = job_of(7), *same_id = job_of(7), *stranger = job_of(8), *poison = calloc(1, sizeof *poison);
	assert_non_null(poison);
	assert_null(job_table_remove(*state, stranger));
	assert_true(job_table_add(*state, in));
	assert_null(job_table_remove(*state, same_id));
	assert_null(job_table_remove(*state, stranger));
	assert_null(
	        job_table_remove(*state, poison)); /* a record that could not be read has no id and was never added */
	assert_null(job_table_remove(*state, in));
	assert_null(job_table_remove(*state, in));
	free(in);
	free(same_id);
	free(stranger);
	free(poison);
}

static void jobs_that_share_a_bucket_do_not_disturb_each_other(void **state)
{
	struct job **jobs = calloc(MANY, sizeof *jobs);
	assert_non_null(jobs);
	for (int i = 0; i < MANY; i++) { /* every second id has a second job */
		jobs[i] = job_of(i % (2 * MANY / 3));
		assert_int_equal(job_table_add(*state, jobs[i]), i < 2 * MANY / 3);
	}
	for (int i = 0; i < MANY; i++) {
		bool has_second = i < MANY - 2 * MANY / 3;
		assert_ptr_equal(job_table_remove(*state, jobs[i]), has_second ? jobs[i + 2 * MANY / 3] : NULL);
	}
	for (int i = 0; i < MANY; i++)
		free(jobs[i]);
	free(jobs);
}

#define WITH_TABLE(test) cmocka_unit_test_setup_teardown(test, new_table, free_table)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_TABLE(jobs_of_one_id_stand_in_line_in_their_order),
	        WITH_TABLE(who_leaves_the_line_from_its_middle_or_end_starts_nobody),
	        WITH_TABLE(removing_what_is_not_in_is_harmless),
	        WITH_TABLE(jobs_that_share_a_bucket_do_not_disturb_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
