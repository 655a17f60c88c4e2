/* Tests of common/base/json_plain: every byte at every place of texts around the length of one and two vectors. */
#include "common/base/json_plain.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LONGEST = 42 };

/* RFC 8259 section 7, as it says it. */
static bool stands_for_itself(int byte)
{
	return byte >= 0x20 && byte <= 0x7f && byte != '"' && byte != '\\';
}

/* A block of just that many bytes: a sanitizer sees a read beyond them. */
static char *text_of(size_t len, char fill)
{
	char *text = malloc(len > 0 ? len : 1);
	assert_non_null(text);
	memset(text, fill, len);
	return text;
}

static void a_run_ends_at_the_first_byte_that_is_not_plain(void **state)
{
	(void)state;
	for (size_t len = 1; len <= LONGEST; len++) {
		char *text = text_of(len, 'a');
		for (size_t at = 0; at < len; at++) {
			for (int byte = 0; byte < 256; byte++) {
				text[at] = (char)byte;
				assert_int_equal(json_plain_run(text, len), stands_for_itself(byte) ? len : at);
			}
			text[at] = 'a';
		}
		free(text);
	}
}

static void what_stands_behind_that_byte_changes_nothing(void **state)
{
	static const char special[] = {'\0', '\x1f', '"', '\\', '\x80', '\xff'};
	(void)state;
	for (size_t i = 0; i < sizeof(special); i++) {
		for (size_t at = 0; at < LONGEST; at++) {
			char *text = text_of(LONGEST, special[i]);
			memset(text, i % 2 ? '\x7f' : ' ', at);
			assert_int_equal(json_plain_run(text, LONGEST), at);
			free(text);
		}
	}
}

static void an_empty_text_has_no_run(void **state)
{
	(void)state;
	assert_int_equal(json_plain_run("", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_run_ends_at_the_first_byte_that_is_not_plain),
	        cmocka_unit_test(what_stands_behind_that_byte_changes_nothing),
	        cmocka_unit_test(an_empty_text_has_no_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
