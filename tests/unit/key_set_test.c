/* key_set: which keys of a JWKS are of use. What they verify: access_token_test. */
#include "tests/unit/jws_fixture.h"
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Parses {"keys":[…]} of these keys. */
static enum err_code parse(const char *keys, struct key_set **ret_set)
{
	struct buf text;
	buf_init(&text, KEY_SET_MAX_BYTES);
	jws_must(buf_printf(&text, "{\"keys\":[%s]}", keys) == ERR_OK);
	enum err_code code = key_set_parse(text.data, text.len, ret_set, NULL);
	buf_fini(&text);
	return code;
}

/* Parses one key with further members; returns whether it is of use. */
static bool is_usable(EVP_PKEY *key, const char *more)
{
	struct buf text;
	struct key_set *set = NULL;
	buf_init(&text, 16 * 1024);
	jws_put_jwk(&text, key, "k", more);
	enum err_code code = parse(text.data, &set);
	assert_true(code == ERR_OK || code == ERR_INVALID);
	buf_fini(&text);
	key_set_free(set);
	return code == ERR_OK;
}

static void only_keys_for_signatures_of_the_two_algorithms_count(void **state)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048), *ec = EVP_EC_gen("P-256"), *weak = EVP_RSA_gen(1024);
	(void)state;
	assert_true(is_usable(rsa, ""));
	assert_true(is_usable(rsa, ",\"use\":\"sig\",\"alg\":\"RS256\",\"x5c\":[\"MII\"],\"issuer\":\"https://x\""));
	assert_false(is_usable(rsa, ",\"use\":\"enc\""));
	assert_false(is_usable(rsa, ",\"alg\":\"RS512\""));
	assert_false(is_usable(rsa, ",\"alg\":1"));
	assert_false(is_usable(rsa, ",\"use\":[]"));
	assert_false(is_usable(weak, ""));
	assert_true(is_usable(ec, ",\"use\":\"sig\""));
	assert_false(is_usable(ec, ",\"alg\":\"ES384\""));
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(weak);
}

static void what_is_no_key_is_passed_over_and_none_at_all_is_an_error(void **state)
{
	static const char *const useless[] = {
	        "",
	        "1",
	        "{}",
	        "{\"kid\":\"k\"}",
	        "{\"kid\":\"k\",\"kty\":\"oct\",\"k\":\"AAAA\"}",
	        "{\"kid\":\"k\",\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
	        "{\"kid\":\"k\",\"kty\":\"RSA\",\"n\":1,\"e\":\"AQAB\"}",
	        "{\"kid\":\"k\",\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}"};
	static const char *const texts[] = {"", "[]", "{}", "{\"keys\":{}}", "{\"keys\":1}", "<html>"};
	struct key_set *set = NULL;
	(void)state;
	for (size_t i = 0; i < sizeof useless / sizeof *useless; i++)
		assert_int_equal(parse(useless[i], &set), ERR_INVALID);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_int_equal(key_set_parse(texts[i], strlen(texts[i]), &set, NULL), ERR_INVALID);
	assert_null(set);
}

static void a_key_without_a_name_or_of_a_name_that_was_there_is_passed_over(void **state)
{
	EVP_PKEY *one = EVP_EC_gen("P-256"), *two = EVP_EC_gen("P-256");
	enum key_algorithm algorithm = KEY_RS256;
	struct key_set *set = NULL;
	struct buf text;
	(void)state;
	buf_init(&text, KEY_SET_MAX_BYTES);
	jws_put_jwk(&text, one, "", "");
	assert_int_equal(parse(text.data, &set), ERR_INVALID);
	buf_clear(&text);
	jws_put_jwk(&text, one, "k", "");
	jws_must(buf_append_str(&text, ",") == ERR_OK);
	jws_put_jwk(&text, two, "k", "");
	assert_int_equal(parse(text.data, &set), ERR_OK);
	assert_int_equal(key_set_count(set), 1);
	assert_true(key_algorithm_find("ES256", &algorithm));
	assert_true(key_set_has(set, "k", algorithm));
	assert_false(key_set_has(set, "k", KEY_RS256));
	assert_false(key_set_has(set, "", algorithm));
	key_set_free(set);
	buf_fini(&text);
	EVP_PKEY_free(one);
	EVP_PKEY_free(two);
}

static void a_set_is_bounded_and_lives_as_long_as_its_last_owner(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct key_set *set = NULL;
	struct buf text;
	char kid[16];
	(void)state;
	buf_init(&text, KEY_SET_MAX_BYTES);
	for (int i = 0; i < KEY_SET_MAX_KEYS + 5; i++) {
		(void)snprintf(kid, sizeof kid, "k%d", i);
		jws_must(i == 0 || buf_append_str(&text, ",") == ERR_OK);
		jws_put_jwk(&text, key, kid, "");
	}
	assert_int_equal(parse(text.data, &set), ERR_OK);
	assert_int_equal(key_set_count(set), KEY_SET_MAX_KEYS);
	struct key_set *other = key_set_share(set);
	key_set_free(set);
	assert_true(key_set_has(other, "k63", KEY_ES256));
	key_set_free(other);
	key_set_free(NULL);
	char *large = calloc(1, KEY_SET_MAX_BYTES + 1);
	assert_int_equal(key_set_parse(large, KEY_SET_MAX_BYTES + 1, &set, NULL), ERR_LIMIT);
	free(large);
	buf_fini(&text);
	EVP_PKEY_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(only_keys_for_signatures_of_the_two_algorithms_count),
	        cmocka_unit_test(what_is_no_key_is_passed_over_and_none_at_all_is_an_error),
	        cmocka_unit_test(a_key_without_a_name_or_of_a_name_that_was_there_is_passed_over),
	        cmocka_unit_test(a_set_is_bounded_and_lives_as_long_as_its_last_owner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
