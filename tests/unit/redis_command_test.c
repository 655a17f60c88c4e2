/* redis_command: the protocol's own bytes, whatever stands in an argument. */
#include "common/adapters/redis_command.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_command_is_an_array_of_bulk_strings(void **state)
{
	(void)state;
	struct buf out;
	buf_init(&out, 1000);
	assert_int_equal(redis_command_write(&out, 3, (const char *[]){"SET", "key", "hello world"}, NULL), ERR_OK);
	assert_string_equal(out.data, "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$11\r\nhello world\r\n");
	buf_clear(&out);
	assert_int_equal(redis_command_write(&out, 1, (const char *[]){"PING"}, NULL), ERR_OK);
	assert_string_equal(out.data, "*1\r\n$4\r\nPING\r\n");
	buf_fini(&out);
}

static void lengths_decide_where_an_argument_ends_not_what_stands_in_it(void **state)
{
	(void)state;
	static const char wanted[] = "*4\r\n$3\r\nSET\r\n$0\r\n\r\n$7\r\na\0\r\n$1\xff\r\n$2\r\nNX\r\n";
	const char *argv[] = {"SET", "", "a\0\r\n$1\xff", "NXandmore"};
	const size_t argv_len[] = {3, 0, 7, 2};
	struct buf out;
	buf_init(&out, 1000);
	assert_int_equal(redis_command_write(&out, 4, argv, argv_len), ERR_OK);
	assert_int_equal(out.len, sizeof wanted - 1);
	assert_memory_equal(out.data, wanted, sizeof wanted);
	buf_fini(&out);
}

static void commands_follow_each_other_in_one_buffer(void **state)
{
	(void)state;
	struct buf out;
	buf_init(&out, 1000);
	for (int i = 0; i < 2; i++)
		assert_int_equal(redis_command_write(&out, 2, (const char *[]){"GET", "k"}, NULL), ERR_OK);
	assert_string_equal(out.data, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
	buf_fini(&out);
}

static void a_command_longer_than_the_buffer_may_grow_is_refused(void **state)
{
	(void)state;
	const char *argv[] = {"GET", "0123456789"};
	const size_t fits = strlen("*2\r\n$3\r\nGET\r\n$10\r\n0123456789\r\n");
	for (size_t max = 0; max <= fits; max++) {
		struct buf out;
		buf_init(&out, max);
		assert_int_equal(redis_command_write(&out, 2, argv, NULL), max == fits ? ERR_OK : ERR_LIMIT);
		buf_fini(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_command_is_an_array_of_bulk_strings),
	        cmocka_unit_test(lengths_decide_where_an_argument_ends_not_what_stands_in_it),
	        cmocka_unit_test(commands_follow_each_other_in_one_buffer),
	        cmocka_unit_test(a_command_longer_than_the_buffer_may_grow_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
