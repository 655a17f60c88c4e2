/* instance_name: what was set, or what no other process has. */
#include "common/base/instance_name.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void a_name_that_was_set_is_kept(void **state)
{
	char name[INSTANCE_NAME_BYTES];
	(void)state;
	assert_int_equal(instance_name("pod-7", name), ERR_OK);
	assert_string_equal(name, "pod-7");
}

static void a_name_that_was_not_is_of_this_process_and_of_this_start(void **state)
{
	char first[INSTANCE_NAME_BYTES], second[INSTANCE_NAME_BYTES], pid[32];
	(void)state;
	assert_int_equal(instance_name(NULL, first), ERR_OK);
	assert_int_equal(instance_name(NULL, second), ERR_OK);
	assert_string_not_equal(first, second);
	snprintf(pid, sizeof pid, "-%d-", (int)getpid());
	assert_non_null(strstr(first, pid));
	assert_non_null(strstr(second, pid));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_name_that_was_set_is_kept),
	        cmocka_unit_test(a_name_that_was_not_is_of_this_process_and_of_this_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
