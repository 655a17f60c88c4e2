/* jose_compact: what is a JWS or JWE in its compact form, to the dot, the byte and the bit. */
#include "ingress/jose_compact.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool splits(const char *text, size_t count)
{
	struct jose_part parts[JWE_PARTS], before[JWE_PARTS];
	memset(parts, '?', sizeof parts);
	memcpy(before, parts, sizeof before);
	bool good = jose_split(text, strlen(text), parts, count);
	if (!good)
		assert_memory_equal(parts, before, sizeof before);
	return good;
}

static void a_text_is_cut_into_as_many_parts_as_were_asked_for(void **state)
{
	static const char text[] = "e30.e30u.AQ"; /* what stands behind its length does not count */
	struct jose_part parts[JWS_PARTS];
	(void)state;
	assert_true(jose_split(text, 7, parts, JWS_PARTS) == false);
	assert_true(jose_split(text, sizeof text - 1, parts, JWS_PARTS));
	assert_ptr_equal(parts[JWS_HEADER].text, text);
	assert_int_equal(parts[JWS_HEADER].len, 3);
	assert_ptr_equal(parts[JWS_PAYLOAD].text, text + 4);
	assert_int_equal(parts[JWS_PAYLOAD].len, 4);
	assert_ptr_equal(parts[JWS_SIGNATURE].text, text + 9);
	assert_int_equal(parts[JWS_SIGNATURE].len, 2);
	assert_true(splits("e30.e30.AQ.e30.e30", JWE_PARTS));
}

static void another_number_of_parts_is_none(void **state)
{
	static const char *const texts[] = {"",
	                                    "e30",
	                                    "e30.",
	                                    ".",
	                                    "..",
	                                    "e30.e30",
	                                    "e30.e30.",
	                                    "e30.e30.e30.",
	                                    ".e30.e30.e30",
	                                    "e30.e30.e30.e30",
	                                    "...",
	                                    "....",
	                                    "e30.e30.e30.e30.e30.e30"};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_false(splits(texts[i], JWS_PARTS));
		assert_false(splits(texts[i], JWE_PARTS));
	}
	assert_false(splits("e30.e30.e30", JWE_PARTS));
	assert_false(splits("e30.e30.e30.e30.e30", JWS_PARTS));
}

static void the_only_part_that_may_be_empty_is_the_key_of_a_jwe(void **state)
{
	static const char *const texts[] = {".e30.e30.e30.e30", "e30.e30..e30.e30", "e30.e30.e30..e30",
	                                    "e30.e30.e30.e30.", ".e30.e30",         "e30..e30",
	                                    "e30.e30."};
	(void)state;
	assert_true(splits("e30..e30.e30.e30", JWE_PARTS));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_false(splits(texts[i], i < 4 ? JWE_PARTS : JWS_PARTS));
}

static void every_part_is_strict_base64url(void **state)
{
	static const char *const bad[] = {"e30=", "e3 0", "e30\n", "e+0", "e/0", "e", "e30aa", "e31", "AR", "\xc3\xa4"};
	char text[32];
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		for (int at = 0; at < JWS_PARTS; at++) {
			(void)snprintf(text, sizeof text, "%s.%s.%s", at == JWS_HEADER ? bad[i] : "e30",
			               at == JWS_PAYLOAD ? bad[i] : "e30", at == JWS_SIGNATURE ? bad[i] : "e30");
			assert_false(splits(text, JWS_PARTS));
		}
	struct jose_part parts[JWS_PARTS];
	assert_false(jose_split("e\0000.e30.e30", 11, parts, JWS_PARTS));
}

static void a_text_beyond_the_limit_is_refused_and_one_at_it_is_not(void **state)
{
	static char text[JOSE_COMPACT_MAX_BYTES + 2];
	(void)state;
	memset(text, 'A', JOSE_COMPACT_MAX_BYTES);
	text[4] = text[9] = '.'; /* 8182 characters are left for the last part: a whole number of bytes */
	assert_true(splits(text, JWS_PARTS));
	text[JOSE_COMPACT_MAX_BYTES] = 'A'; /* 8183: so are these */
	assert_false(splits(text, JWS_PARTS));
}

static void a_part_is_read_as_an_object_and_as_nothing_else(void **state)
{
	/* "x", [], null, nothing, {"a":1, {"a":1,"a":1} */
	static const char *const none[] = {"Ingi", "W10", "bnVsbA", "", "eyJhIjox", "eyJhIjoxLCJhIjoxfQ", "e30=", "e3"};
	const struct jose_part part = {"eyJhIjoxfQ.e30", 10};
	(void)state;
	struct json_in *object = jose_part_object(&part);
	assert_int_equal(json_in_count(object), 1);
	assert_non_null(json_in_get(object, "a"));
	json_in_free(object);
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_null(jose_part_object(&(struct jose_part){none[i], strlen(none[i])}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_text_is_cut_into_as_many_parts_as_were_asked_for),
	        cmocka_unit_test(another_number_of_parts_is_none),
	        cmocka_unit_test(the_only_part_that_may_be_empty_is_the_key_of_a_jwe),
	        cmocka_unit_test(every_part_is_strict_base64url),
	        cmocka_unit_test(a_text_beyond_the_limit_is_refused_and_one_at_it_is_not),
	        cmocka_unit_test(a_part_is_read_as_an_object_and_as_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
