/* base64: RFC 4648's own examples, and that one text alone stands for any bytes. */
#include "common/base/base64.h"
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { BYTES = 256, TEXT_BYTES = 4 * (BYTES + 2) / 3 + 1 };

static void it_has_the_answers_of_rfc_4648(void **state)
{
	static const struct {
		const char *text, *plain;
	} cases[] = {{"", ""},
	             {"Zg==", "f"},
	             {"Zm8=", "fo"},
	             {"Zm9v", "foo"},
	             {"Zm9vYg==", "foob"},
	             {"Zm9vYmE=", "fooba"},
	             {"Zm9vYmFy", "foobar"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char plain[8] = "";
		size_t len = 99, wanted = strlen(cases[i].plain);
		assert_int_equal(base64_decode(cases[i].text, strlen(cases[i].text), plain, wanted, &len), ERR_OK);
		assert_int_equal(len, wanted);
		assert_string_equal(plain, cases[i].plain);
	}
}

static void what_openssl_encodes_is_read_back(void **state)
{
	unsigned char bytes[BYTES], back[BYTES];
	char text[TEXT_BYTES];
	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(255 - i);
	for (size_t skip = 0; skip < sizeof bytes; skip++) {
		size_t len = sizeof bytes - skip, got = 0;
		int chars = EVP_EncodeBlock((unsigned char *)text, bytes + skip, (int)len);
		assert_int_equal(base64_decode(text, (size_t)chars, back, len, &got), ERR_OK);
		assert_int_equal(got, len);
		assert_memory_equal(back, bytes + skip, len);
	}
}

static void whatever_is_not_exact_is_refused(void **state)
{
	static const char *const bad[] = {
	        "Z",        "Zg",        "Zm8",      "Zm9vY",
	        "Zm9vYg",   "Zm9vYg=", /* no whole group */
	        "=",        "==",        "===",      "====",
	        "Z===",     "Zm9v====",  "Zg======", /* too much padding */
	        "Zg==Zg==", "Zm8=Zm9v",  "Z=8v",     "=m9v",
	        "Zm=v", /* not at the end */
	        "Zh==",     "Zi==",      "Zo==",     "Zm9=",
	        "Zm+=", /* stray bits */
	        " Zm9v",    "Zm9v ",     "Zm9v\n",   "Zm 9v",
	        " Zg=",     "Zm9v   \n", "   \n", /* white space */
	        "Zm9-",     "Zm9_",      "Z-==",     "____",
	        "----", /* base64url */
	        "Zm9!",     "Zm9.",      "Zm9\x80",  "\xff\xff\xff\xff",
	};
	char out[16];
	size_t len = 99;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (base64_decode(bad[i], strlen(bad[i]), out, sizeof out, &len) != ERR_INVALID)
			fail_msg("taken: '%s'", bad[i]);
	assert_int_equal(base64_decode("Zm\0v", 4, out, sizeof out, &len), ERR_INVALID);
	assert_int_equal(len, 99);
}

static void it_takes_as_many_bytes_as_there_are_and_no_more(void **state)
{
	char out[] = "......";
	size_t len = 99;
	(void)state;
	assert_int_equal(base64_decode("Zm9vYmE=", 8, out, 4, &len), ERR_LIMIT);
	assert_int_equal(len, 99);
	assert_string_equal(out + 4, "..");
	assert_int_equal(base64_decode("Zm9vYmE=", 8, out, 5, &len), ERR_OK);
	assert_int_equal(len, 5);
	assert_string_equal(out, "fooba.");
	assert_int_equal(base64_decode("Zg==", 4, out, 0, &len), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(it_has_the_answers_of_rfc_4648),
	        cmocka_unit_test(what_openssl_encodes_is_read_back),
	        cmocka_unit_test(whatever_is_not_exact_is_refused),
	        cmocka_unit_test(it_takes_as_many_bytes_as_there_are_and_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
