/* Tests of crash_point: children die where they are told to, and nowhere else. Without crash points there is nothing to
 * test. */
#include "common/base/crash_point.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef VERIFYD_CRASH_POINTS
/* A child passes taken, leased, taken. Returns: how it ended, as waitpid tells. */
static int child(const char *at)
{
	int status = 0;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(STDERR_FILENO);
		if (setenv("VERIFYD_CRASH_AT", at, 1) != 0)
			_exit(1);
		crash_points_prepare();
		CRASH_POINT(worker.taken);
		CRASH_POINT(worker.leased);
		CRASH_POINT(worker.taken);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool was_killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void dies_at_the_nth_passing_of_the_name(void **state)
{
	(void)state;
	assert_true(was_killed(child("worker.leased:1")));
	assert_true(was_killed(child("worker.taken:2")));
	assert_true(was_killed(child("worker.settled:1,worker.taken:1")));
}

static void star_counts_all_names(void **state)
{
	(void)state;
	assert_true(was_killed(child("*:3")));
	assert_int_equal(child("*:4"), 0);
}

static void lives_where_the_point_is_not_passed_so_often(void **state)
{
	(void)state;
	assert_int_equal(child(""), 0);
	assert_int_equal(child("worker.taken:3"), 0);
	assert_int_equal(child("worker.settled:1"), 0);
}

static void what_is_not_understood_ends_the_program(void **state)
{
	static const char *const wrong[] = {
	        "worker.unknown:1", "worker.taken", "worker.taken:", "worker.taken:0", "worker.taken:x", ":1"};
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		int status = child(wrong[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 2);
	}
}
#else
static void a_program_without_crash_points_passes_them(void **state)
{
	(void)state;
	assert_int_equal(setenv("VERIFYD_CRASH_AT", "worker.taken:1", 1), 0);
	crash_points_prepare();
	CRASH_POINT(worker.taken);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef VERIFYD_CRASH_POINTS
	        cmocka_unit_test(dies_at_the_nth_passing_of_the_name),
	        cmocka_unit_test(star_counts_all_names),
	        cmocka_unit_test(lives_where_the_point_is_not_passed_so_often),
	        cmocka_unit_test(what_is_not_understood_ends_the_program),
#else
	        cmocka_unit_test(a_program_without_crash_points_passes_them),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
