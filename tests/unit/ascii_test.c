/* Tests of common/base/ascii: every byte at every place of texts around the length of one and two vectors. */
#include "common/base/ascii.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LONGEST = 50 };

static void one_byte_that_is_not_printable_is_found_wherever_it_stands(void **state)
{
	(void)state;
	for (size_t len = 1; len <= LONGEST; len++) {
		char *text = malloc(len); /* just that long: a sanitizer sees a read beyond it */
		assert_non_null(text);
		memset(text, 'a', len);
		for (size_t at = 0; at < len; at++) {
			for (int byte = 0; byte < 256; byte++) {
				text[at] = (char)byte;
				assert_int_equal(ascii_is_printable(text, len), byte >= ' ' && byte <= '~');
			}
			text[at] = 'a';
		}
		free(text);
	}
}

static void what_stands_behind_the_text_changes_nothing(void **state)
{
	char text[LONGEST];
	(void)state;
	memset(text, '\n', sizeof text);
	for (size_t len = 1; len <= LONGEST; len++) {
		text[len - 1] = '~';
		assert_true(ascii_is_printable(text, len));
	}
}

static void no_text_is_printable(void **state)
{
	(void)state;
	assert_true(ascii_is_printable("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(one_byte_that_is_not_printable_is_found_wherever_it_stands),
	        cmocka_unit_test(what_stands_behind_the_text_changes_nothing),
	        cmocka_unit_test(no_text_is_printable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
