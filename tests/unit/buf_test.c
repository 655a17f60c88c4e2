/* Tests of common/base/buf. */
#include "common/base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_new_buffer_is_an_empty_string_without_memory(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, 10);
	assert_string_equal(buf.data, "");
	assert_int_equal(buf.cap, 0);
	buf_clear(&buf);
	buf_fini(&buf);
	buf_fini(NULL);
	buf_fini_secret(NULL);
}

static void what_is_appended_is_there_and_ended_by_zero(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, 1000);
	assert_int_equal(buf_append(&buf, "a\0b", 3), ERR_OK);
	assert_int_equal(buf_append_str(&buf, "-text-"), ERR_OK);
	assert_int_equal(buf_printf(&buf, "%d", 42), ERR_OK);
	assert_int_equal(buf.len, 11);
	assert_memory_equal(buf.data, "a\0b-text-42", 12);
	buf_fini(&buf);
}

static void it_grows_to_its_maximum_and_not_a_byte_further(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(buf_append(&buf, "x", 1), ERR_OK);
	assert_int_equal(buf_append(&buf, "y", 1), ERR_LIMIT);
	assert_int_equal(buf_printf(&buf, "y"), ERR_LIMIT);
	assert_int_equal(buf.len, 1000);
	assert_int_equal(strlen(buf.data), 1000);
	assert_true(buf.cap <= 1001);
	buf_fini(&buf);
}

static void a_refused_append_changes_nothing(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, 5);
	assert_int_equal(buf_append_str(&buf, "abc"), ERR_OK);
	assert_int_equal(buf_append_str(&buf, "defghi"), ERR_LIMIT);
	assert_int_equal(buf_append(&buf, "", SIZE_MAX), ERR_LIMIT);
	assert_string_equal(buf.data, "abc");
	assert_int_equal(buf_append_str(&buf, "de"), ERR_OK);
	assert_string_equal(buf.data, "abcde");
	buf_fini(&buf);
}

static void nothing_can_be_appended_without_memory(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, 0);
	assert_int_equal(buf_append(&buf, NULL, 0), ERR_OK);
	assert_int_equal(buf_append_str(&buf, ""), ERR_OK);
	assert_int_equal(buf_printf(&buf, "%s", ""), ERR_OK);
	assert_string_equal(buf.data, "");
	buf_fini(&buf);
}

static void clear_keeps_the_memory(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, 100);
	assert_int_equal(buf_append_str(&buf, "abc"), ERR_OK);
	const char *data = buf.data;
	buf_clear(&buf);
	assert_int_equal(buf.len, 0);
	assert_string_equal(buf.data, "");
	assert_int_equal(buf_append_str(&buf, "d"), ERR_OK);
	assert_ptr_equal(buf.data, data);
	buf_fini(&buf);
}

static void a_buffer_can_be_used_again_after_its_end(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, 3);
	assert_int_equal(buf_append_str(&buf, "abc"), ERR_OK);
	buf_fini_secret(&buf);
	assert_int_equal(buf.len, 0);
	assert_int_equal(buf_append_str(&buf, "def"), ERR_OK);
	assert_int_equal(buf_append_str(&buf, "g"), ERR_LIMIT);
	buf_fini(&buf);
}

static void take_hands_over_the_bytes(void **state)
{
	struct buf buf;
	char *data = NULL;
	size_t len = 99;
	(void)state;
	buf_init(&buf, 10);
	assert_int_equal(buf_append_str(&buf, "mine"), ERR_OK);
	assert_int_equal(buf_take(&buf, &data, &len), ERR_OK);
	assert_string_equal(data, "mine");
	assert_int_equal(len, 4);
	assert_int_equal(buf.cap, 0);
	free(data);

	assert_int_equal(buf_take(&buf, &data, &len), ERR_OK);
	assert_string_equal(data, "");
	assert_int_equal(len, 0);
	free(data);
}

static void what_is_expected_is_there_without_growing_again(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, 1000);
	assert_int_equal(buf_append_str(&buf, "before"), ERR_OK);
	buf_expect(&buf, 500);
	const char *data = buf.data;
	assert_string_equal(data, "before");
	for (int i = 0; i < 500; i++)
		assert_int_equal(buf_append(&buf, "x", 1), ERR_OK);
	assert_ptr_equal(buf.data, data);
	buf_expect(&buf, 1000); /* beyond its maximum: nothing happens, and appending says so */
	assert_ptr_equal(buf.data, data);
	assert_int_equal(buf.len, 506);
	buf_fini(&buf);
}

static void what_is_put_together_in_place_counts_once_it_is_said_to_be_there(void **state)
{
	struct buf buf;
	char *at;
	(void)state;
	buf_init(&buf, 100);
	assert_int_equal(buf_append_str(&buf, "ab"), ERR_OK);
	assert_int_equal(buf_room(&buf, 98, &at), ERR_OK);
	assert_ptr_equal(at, buf.data + 2);
	memset(at, 'x', 98);
	assert_int_equal(buf.len, 2);
	buf_wrote(&buf, at + 1); /* less than there was room for */
	assert_string_equal(buf.data, "abx");
	assert_int_equal(buf_room(&buf, 97, &at), ERR_OK);
	memset(at, 'y', 97);
	buf_wrote(&buf, at + 97);
	assert_int_equal(buf.len, 100);
	assert_int_equal(strlen(buf.data), 100);
	buf_fini(&buf);
}

static void room_beyond_the_maximum_is_refused_and_nothing_changed(void **state)
{
	struct buf buf;
	char *at;
	(void)state;
	buf_init(&buf, 10);
	assert_int_equal(buf_append_str(&buf, "abc"), ERR_OK);
	assert_int_equal(buf_room(&buf, 8, &at), ERR_LIMIT);
	assert_int_equal(buf_make_room(&buf, 8), ERR_LIMIT);
	assert_string_equal(buf.data, "abc");
	assert_int_equal(buf_make_room(&buf, 7), ERR_OK);
	assert_int_equal(buf.cap, 11);
	buf_fini(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_new_buffer_is_an_empty_string_without_memory),
	        cmocka_unit_test(what_is_appended_is_there_and_ended_by_zero),
	        cmocka_unit_test(it_grows_to_its_maximum_and_not_a_byte_further),
	        cmocka_unit_test(a_refused_append_changes_nothing),
	        cmocka_unit_test(nothing_can_be_appended_without_memory),
	        cmocka_unit_test(clear_keeps_the_memory),
	        cmocka_unit_test(a_buffer_can_be_used_again_after_its_end),
	        cmocka_unit_test(take_hands_over_the_bytes),
	        cmocka_unit_test(what_is_expected_is_there_without_growing_again),
	        cmocka_unit_test(what_is_put_together_in_place_counts_once_it_is_said_to_be_there),
	        cmocka_unit_test(room_beyond_the_maximum_is_refused_and_nothing_changed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
