/* hkdf: the answers of RFC 5869, and of an HKDF written down from HMAC for what the RFC's cases without salt leave out.
 */
#include "ingress/hkdf.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { HASH_BYTES = 32 };

static void rfc_5869_case_3_is_answered(void **state)
{
	static const unsigned char expected[] = {
	        0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63, 0xc1, 0x8f, 0x71, 0x5f, 0x80, 0x2a, 0x06, 0x3c,
	        0x5a, 0x31, 0xb8, 0xa1, 0x1f, 0x5c, 0x5e, 0xe1, 0x87, 0x9e, 0xc3, 0x45, 0x4e, 0x5f,
	        0x3c, 0x73, 0x8d, 0x2d, 0x9d, 0x20, 0x13, 0x95, 0xfa, 0xa4, 0xb6, 0x1a, 0x96, 0xc8,
	};
	unsigned char secret[22], key[sizeof expected];
	(void)state;
	memset(secret, 0x0b, sizeof secret);
	assert_int_equal(hkdf_sha256(secret, sizeof secret, "", key, sizeof key), ERR_OK);
	assert_memory_equal(key, expected, sizeof expected);
}

/* RFC 5869 section 2: extract with a salt of zeros, then as many rounds of expand as the length takes. */
static void hkdf_by_hmac(const char *secret, const char *info, unsigned char *out, size_t len)
{
	static const unsigned char salt[HASH_BYTES];
	unsigned char prk[HASH_BYTES], round[HASH_BYTES], text[HASH_BYTES + 128];
	size_t info_len = strlen(info), before = 0;
	assert_non_null(
	        HMAC(EVP_sha256(), salt, sizeof salt, (const unsigned char *)secret, strlen(secret), prk, NULL));
	for (unsigned char number = 1; len > 0; number++) {
		memcpy(text, round, before);
		memcpy(text + before, info, info_len);
		text[before + info_len] = number;
		assert_non_null(HMAC(EVP_sha256(), prk, sizeof prk, text, before + info_len + 1, round, NULL));
		before = sizeof round;
		size_t take = len < sizeof round ? len : sizeof round;
		memcpy(out, round, take);
		out += take;
		len -= take;
	}
}

static void info_and_length_count_as_the_rfc_says(void **state)
{
	static const char *const infos[] = {"", "a", "verifyd start ticket 1", "verifyd return ticket 1"};
	static const size_t lengths[] = {1, 31, 32, 33, 64, 100};
	unsigned char expected[128], key[128];
	(void)state;
	for (size_t i = 0; i < sizeof infos / sizeof infos[0]; i++) {
		for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
			hkdf_by_hmac("a secret of the settings", infos[i], expected, lengths[l]);
			assert_int_equal(hkdf_sha256("a secret of the settings", 24, infos[i], key, lengths[l]),
			                 ERR_OK);
			assert_memory_equal(key, expected, lengths[l]);
		}
	}
}

static void more_than_the_rfc_allows_is_refused_and_nothing_written(void **state)
{
	static unsigned char key[HKDF_MAX_BYTES + 1];
	(void)state;
	memset(key, '?', sizeof key);
	assert_int_equal(hkdf_sha256("s", 1, "i", key, sizeof key), ERR_CRYPTO);
	for (size_t i = 0; i < sizeof key; i++)
		assert_int_equal(key[i], '?');
	assert_int_equal(hkdf_sha256("s", 1, "i", key, HKDF_MAX_BYTES), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(rfc_5869_case_3_is_answered),
	        cmocka_unit_test(info_and_length_count_as_the_rfc_says),
	        cmocka_unit_test(more_than_the_rfc_allows_is_refused_and_nothing_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
