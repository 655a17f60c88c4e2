/* etag: a tag changes with what is shown, and a list of tags is read as RFC 9110 writes it. */
#include "ingress/etag.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_tag_is_quoted_and_another_one_after_every_change(void **state)
{
	const struct verification states[] = {{.rev = 3, .attempts = 0, .updated_ms = 100},
	                                      {.rev = 4, .attempts = 0, .updated_ms = 100},
	                                      {.rev = 3, .attempts = 1, .updated_ms = 100},
	                                      {.rev = 3, .attempts = 0, .updated_ms = 101}};
	char tags[4][ETAG_BYTES];
	(void)state;
	for (int i = 0; i < 4; i++) {
		etag_of(&states[i], tags[i]);
		assert_true(tags[i][0] == '"' && tags[i][strlen(tags[i]) - 1] == '"');
		for (int j = 0; j < i; j++)
			assert_string_not_equal(tags[i], tags[j]);
	}
	const struct verification longest = {.rev = INT64_MIN, .attempts = INT32_MIN, .updated_ms = INT64_MIN};
	etag_of(&longest, tags[0]);
	assert_true(tags[0][strlen(tags[0]) - 1] == '"');
}

static void a_tag_is_found_in_a_list_by_weak_comparison(void **state)
{
	static const char *const lists[] = {
	        "\"a\"", "W/\"a\"",  "\"x\", \"a\"", "\"x\",W/\"a\"",       "\"x,y\" , \"a\"", " \"a\"",
	        "*",     ", ,\"a\"", "\"\",\"a\"",   "\"x\",\t\"a\",\"z\"", "\"a\" , broken",  " *"};
	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (!etag_is_listed(lists[i], "\"a\""))
			fail_msg("not found in %s", lists[i]);
}

static void what_is_not_a_list_names_nothing(void **state)
{
	static const char *const lists[] = {"",          "a",        "\"a",       "a\"",     "\"b\"",
	                                    "\"aa\"",    "w/\"a\"",  "**",        "x,\"a\"", "\"x\"\"a\"",
	                                    "\"x,\"a\"", "W/ \"a\"", "* , \"a\"", "W/"};
	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (etag_is_listed(lists[i], "\"a\""))
			fail_msg("found in %s", lists[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_tag_is_quoted_and_another_one_after_every_change),
	        cmocka_unit_test(a_tag_is_found_in_a_list_by_weak_comparison),
	        cmocka_unit_test(what_is_not_a_list_names_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
