/* Tests of common/base/utf8; which sequences are well-formed, json_out_test and json_in_test ask in full. */
#include "common/base/utf8.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LONGEST = 20 };

/* A block of just that many bytes: a sanitizer sees a read beyond them. */
static char *ascii_of(size_t len)
{
	char *text = malloc(len > 0 ? len : 1);
	assert_non_null(text);
	memset(text, '\x7f', len);
	return text;
}

static void one_byte_that_is_no_character_spoils_a_text_wherever_it_stands(void **state)
{
	(void)state;
	for (size_t len = 1; len <= LONGEST; len++) {
		char *text = ascii_of(len);
		for (size_t at = 0; at < len; at++) {
			for (int byte = 0; byte < 256; byte++) {
				text[at] = (char)byte;
				assert_int_equal(utf8_is_valid(text, len), byte < 0x80);
			}
			text[at] = '\x7f';
		}
		free(text);
	}
}

static void a_character_is_good_wherever_it_stands_whole(void **state)
{
	static const char euro[] = "\xe2\x82\xac";
	(void)state;
	for (size_t at = 0; at < LONGEST; at++) {
		for (size_t bytes = 1; bytes <= 3 && at + bytes <= LONGEST; bytes++) {
			char *text = ascii_of(LONGEST);
			memcpy(text + at, euro, bytes);
			assert_int_equal(utf8_is_valid(text, LONGEST), bytes == 3);
			assert_int_equal(utf8_is_valid(text, at + bytes), bytes == 3);
			assert_int_equal(utf8_step(text + at, LONGEST - at), bytes == 3 ? 3 : 0);
			free(text);
		}
	}
}

static void an_empty_text_is_valid_and_holds_no_character(void **state)
{
	(void)state;
	assert_true(utf8_is_valid("", 0));
	assert_int_equal(utf8_step("a", 0), 0);
	assert_int_equal(utf8_step("a", 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(one_byte_that_is_no_character_spoils_a_text_wherever_it_stands),
	        cmocka_unit_test(a_character_is_good_wherever_it_stands_whole),
	        cmocka_unit_test(an_empty_text_is_valid_and_holds_no_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
