/* hints: a hint that whoever reads the published documents can verify. Files of keys: hints_file_test.c. */
#include "tests/unit/hints_fixture.h"
#include <pthread.h>

enum { THREADS = 4, ROUNDS = 20 };

static void a_hint_says_who_and_for_how_long_and_nothing_more(void **state)
{
	struct hints *hints = pair_of(0);
	struct buf hint;
	(void)state;
	buf_init(&hint, HINT_MAX_BYTES);
	assert_int_equal(buf_append_str(&hint, "x="), ERR_OK);
	assert_int_equal(hint_make(hints, OBJECT, NOW, &hint), ERR_OK);
	assert_memory_equal(hint.data, "x=", 2);
	const char *first = strchr(hint.data, '.'), *second = strchr(first + 1, '.');
	assert_non_null(second);
	json_t *claims = part_json(first + 1, (size_t)(second - first - 1));
	json_t *expected =
	        json_pack("{s:s,s:s,s:I,s:I,s:I,s:s}", "iss", ISSUER, "aud", AUDIENCE, "iat", (json_int_t)NOW, "nbf",
	                  (json_int_t)(NOW - 60), "exp", (json_int_t)(NOW + 900), "ObjectId", OBJECT);
	assert_true(json_equal(claims, expected));
	json_decref(claims);
	json_decref(expected);
	buf_fini(&hint);
	assert_true(checks(hints, keys.rsa[0]));
	hints_free(hints);
	hints_free(NULL);
}

static void the_documents_are_those_that_b2c_reads(void **state)
{
	struct hints *hints = pair_of(0);
	json_t *discovery = json_loads(hints_discovery(hints), JSON_REJECT_DUPLICATES, NULL);
	json_t *expected = json_pack("{s:s,s:s,s:[s]}", "issuer", ISSUER, "jwks_uri", URL "/api/Oidc/.well-known/keys",
	                             "id_token_signing_alg_values_supported", "RS256");
	json_t *set = json_loads(hints_keys(hints), JSON_REJECT_DUPLICATES, NULL);
	json_t *jwk = json_array_get(json_object_get(set, "keys"), 0);
	(void)state;
	assert_true(json_equal(discovery, expected));
	assert_int_equal(json_array_size(json_object_get(set, "keys")), 1);
	assert_int_equal(json_object_size(jwk), 9);
	assert_string_equal(str(jwk, "use"), "sig");
	assert_string_equal(str(jwk, "kty"), "RSA");
	assert_string_equal(str(jwk, "alg"), "RS256");
	assert_string_equal(str(jwk, "e"), "AQAB");
	assert_int_equal(json_integer_value(json_object_get(jwk, "nbf")), FROM);
	X509 *certificate = certificate_of(jwk);
	assert_int_equal(X509_cmp(certificate, keys.certificate[0]), 0);
	assert_thumbprint(certificate, EVP_sha1(), str(jwk, "x5t"));
	assert_thumbprint(certificate, EVP_sha256(), str(jwk, "kid"));
	X509_free(certificate);
	json_decref(set);
	json_decref(discovery);
	json_decref(expected);
	hints_free(hints);
}

static void a_hint_that_does_not_fit_is_a_limit_and_appends_nothing(void **state)
{
	struct hints *hints = pair_of(0);
	char object[HINT_MAX_BYTES];
	struct buf hint;
	(void)state;
	memset(object, 'o', sizeof object - 1);
	object[sizeof object - 1] = '\0';
	buf_init(&hint, 100);
	assert_int_equal(hint_make(hints, OBJECT, NOW, &hint), ERR_LIMIT);
	buf_fini(&hint);
	buf_init(&hint, HINT_MAX_BYTES * 2);
	assert_int_equal(hint_make(hints, object, NOW, &hint), ERR_LIMIT);
	assert_int_equal(hint.len, 0);
	buf_fini(&hint);
	hints_free(hints);
}

/* ---- threads ---- */

static void *make_and_verify(void *arg)
{
	const struct hints *hints = arg;
	size_t failures = 0;
	for (int i = 0; i < ROUNDS; i++) {
		struct buf hint;
		buf_init(&hint, HINT_MAX_BYTES);
		failures += hint_make(hints, OBJECT, NOW + i, &hint) != ERR_OK || !verifies(keys.rsa[0], hint.data);
		buf_fini(&hint);
	}
	return failures ? arg : NULL;
}

static void threads_share_the_key(void **state)
{
	struct hints *hints = pair_of(0);
	pthread_t threads[THREADS];
	void *failed;
	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, make_and_verify, hints), 0);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	hints_free(hints);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_hint_says_who_and_for_how_long_and_nothing_more),
	        cmocka_unit_test(the_documents_are_those_that_b2c_reads),
	        cmocka_unit_test(a_hint_that_does_not_fit_is_a_limit_and_appends_nothing),
	        cmocka_unit_test(threads_share_the_key),
	};
	return cmocka_run_group_tests(tests, make_keys, end_keys);
}
