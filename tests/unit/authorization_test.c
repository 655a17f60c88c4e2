/* authorization: which scheme a header is of, and what a pair of user and password is. */
#include "common/base/authorization.h"
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_BYTES = 4 * (BASIC_MAX_BYTES + 3) / 3 + 8 };

static void a_scheme_is_a_word_in_any_case_and_one_blank(void **state)
{
	static const char *const others[] = {"",         "Basic",       "Basic\tAbCd", "Basics AbCd",
	                                     "Bas AbCd", " Basic AbCd", "Bearer AbCd", "Basic=AbCd"};
	(void)state;
	assert_string_equal(authorization_of("Basic AbCd", "Basic"), "AbCd");
	assert_string_equal(authorization_of("bASIC AbCd", "Basic"), "AbCd");
	assert_string_equal(authorization_of("Basic  AbCd ", "Basic"), " AbCd ");
	assert_string_equal(authorization_of("Basic ", "Basic"), "");
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_null(authorization_of(others[i], "Basic"));
}

static bool reads(const char *pair, size_t len, struct basic *ret_basic)
{
	char text[TEXT_BYTES];
	(void)EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)pair, (int)len);
	return authorization_basic(text, ret_basic);
}

static void a_pair_is_cut_at_its_first_colon(void **state)
{
	static const struct {
		const char *pair, *password;
	} rows[] = {{"user:password", "password"},
	            {"user:pass:word", "pass:word"},
	            {":password", "password"},
	            {"user:", ""},
	            {":", ""},
	            {"\xc3\xa4:\xc3\xb6", "\xc3\xb6"}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct basic basic;
		assert_true(reads(rows[i].pair, strlen(rows[i].pair), &basic));
		assert_int_equal(basic.len, strlen(rows[i].pair));
		assert_memory_equal(basic.pair, rows[i].pair, basic.len);
		assert_int_equal(basic.len - basic.password, strlen(rows[i].password));
		assert_memory_equal(basic.pair + basic.password, rows[i].password, basic.len - basic.password);
	}
}

static void what_is_no_pair_leaves_nothing_behind(void **state)
{
	/* nothing; without a colon; "a:b" with a blank, without a digit, with a stray bit, with what is not base64 */
	static const char *const bad[] = {"", "YWI=", "YTpi ", " YTpi", "YTp", "YTp=", "YTo", "YTpi====", "YTp!"};
	static const struct basic nothing;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct basic basic;
		memset(&basic, '?', sizeof basic);
		assert_false(authorization_basic(bad[i], &basic));
		assert_memory_equal(&basic, &nothing, sizeof basic);
	}
}

static void a_pair_beyond_the_limit_is_none_and_one_at_it_is(void **state)
{
	char pair[BASIC_MAX_BYTES + 1];
	struct basic basic;
	(void)state;
	memset(pair, ':', sizeof pair);
	assert_true(reads(pair, BASIC_MAX_BYTES, &basic));
	assert_int_equal(basic.len, BASIC_MAX_BYTES);
	assert_false(reads(pair, BASIC_MAX_BYTES + 1, &basic));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_scheme_is_a_word_in_any_case_and_one_blank),
	        cmocka_unit_test(a_pair_is_cut_at_its_first_colon),
	        cmocka_unit_test(what_is_no_pair_leaves_nothing_behind),
	        cmocka_unit_test(a_pair_beyond_the_limit_is_none_and_one_at_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
