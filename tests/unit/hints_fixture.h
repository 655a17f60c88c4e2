/* hints_fixture: the keys and certificates that the tests of hints share, files of them, and what B2C does with a hint. */
#ifndef VERIFYD_HINTS_FIXTURE_H
#define VERIFYD_HINTS_FIXTURE_H

#include "common/base/ids.h"
#include "ingress/hints.h"
#include "tests/unit/cert_fixture.h"
#include <jansson.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ISSUER   "https://idv.contoso.example"
#define AUDIENCE "b2c"
#define URL      "https://idv.contoso.example/base"
#define PASSWORD "pässword of a file"
#define OBJECT   "6c9d0a52-0000-4000-8000-000000000001"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW      INT64_C(1790000000)
#define FROM     (NOW - CERT_DAY_S)
#define TO       (NOW + CERT_DAY_S)

enum { PART_BYTES = 4096 };

/* Made once: generating takes long. */
static struct keys {
	EVP_PKEY *rsa[2], *small, *elliptic, *pss;
	X509 *certificate[2], *elliptic_certificate, *small_certificate, *pss_certificate;
} keys;

static inline int make_keys(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		cert_must((keys.rsa[i] = EVP_RSA_gen(i == 0 ? 2048 : 3072)) != NULL);
		keys.certificate[i] = cert_new(keys.rsa[i], i == 0 ? "one" : "two", FROM, TO);
	}
	cert_must((keys.small = EVP_RSA_gen(1024)) != NULL && (keys.elliptic = EVP_EC_gen("P-256")) != NULL);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA_PSS, NULL);
	cert_must(context && EVP_PKEY_keygen_init(context) == 1 && EVP_PKEY_generate(context, &keys.pss) == 1);
	EVP_PKEY_CTX_free(context);
	keys.small_certificate = cert_new(keys.small, "small", FROM, TO);
	keys.elliptic_certificate = cert_new(keys.elliptic, "elliptic", FROM, TO);
	keys.pss_certificate = cert_new(keys.pss, "pss", FROM, TO);
	return 0;
}

static inline int end_keys(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		EVP_PKEY_free(keys.rsa[i]);
		X509_free(keys.certificate[i]);
	}
	EVP_PKEY_free(keys.small);
	EVP_PKEY_free(keys.elliptic);
	EVP_PKEY_free(keys.pss);
	X509_free(keys.small_certificate);
	X509_free(keys.elliptic_certificate);
	X509_free(keys.pss_certificate);
	return 0;
}

/* Makes hints of a file with this content. */
static inline enum err_code hints_of(struct buf *content, const char *password, struct hints **ret, struct err *err)
{
	char path[CERT_PATH_BYTES];
	cert_file(content, path);
	const struct hints_options options = {path, password, ISSUER, AUDIENCE, URL};
	enum err_code code = hints_new(&options, NOW, ret, err);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ERR_peek_error(), 0); /* nothing stays in OpenSSL's queue */
	buf_fini(content);
	return code;
}

static inline struct hints *good_hints(struct buf *content, const char *password)
{
	struct hints *hints = NULL;
	struct err err = {ERR_OK, ""};
	if (hints_of(content, password, &hints, &err) != ERR_OK)
		fail_msg("%s", err.msg);
	return hints;
}

static inline void assert_refused(struct buf *content, const char *password, const char *told)
{
	struct hints *hints = NULL;
	struct err err = {ERR_OK, ""};
	assert_int_equal(hints_of(content, password, &hints, &err), ERR_INVALID);
	assert_null(hints);
	if (!strstr(err.msg, told))
		fail_msg("\"%s\" is not in \"%s\"", told, err.msg);
	assert_true(!password || !strstr(err.msg, password));
}

static inline struct hints *pair_of(int number)
{
	struct buf content;
	buf_init(&content, CERT_FILE_MAX_BYTES);
	cert_put_key(&content, keys.rsa[number], NULL, false);
	cert_put_pem(&content, keys.certificate[number]);
	return good_hints(&content, NULL);
}

/* ---- what B2C does with a hint ---- */

static inline json_t *part_json(const char *text, size_t len)
{
	char plain[PART_BYTES];
	size_t plain_len = 0;
	assert_int_equal(base64url_decode(text, len, plain, sizeof plain, &plain_len), ERR_OK);
	json_t *json = json_loadb(plain, plain_len, JSON_REJECT_DUPLICATES, NULL);
	assert_true(json_is_object(json));
	return json;
}

static inline const char *str(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));
	assert_non_null(value);
	return value;
}

/* The JWK of this kid. */
static inline json_t *jwk_of(const json_t *set, const char *kid)
{
	size_t index;
	json_t *jwk;
	json_array_foreach(json_object_get(set, "keys"), index, jwk) if (strcmp(str(jwk, "kid"), kid) == 0) return jwk;
	fail_msg("no key %s", kid);
	return NULL;
}

/* The public key as n and e tell it. */
static inline EVP_PKEY *key_of_numbers(const json_t *jwk)
{
	unsigned char n[1024], e[16];
	size_t n_len = 0, e_len = 0;
	assert_int_equal(base64url_decode(str(jwk, "n"), strlen(str(jwk, "n")), n, sizeof n, &n_len), ERR_OK);
	assert_int_equal(base64url_decode(str(jwk, "e"), strlen(str(jwk, "e")), e, sizeof e, &e_len), ERR_OK);
	assert_int_not_equal(n[0], 0); /* RFC 7518 section 6.3.1.1: no zero octet in front */
	EVP_PKEY *key = NULL;
	BIGNUM *modulus = BN_bin2bn(n, (int)n_len, NULL), *exponent = BN_bin2bn(e, (int)e_len, NULL);
	unsigned char native_n[1024], native_e[16];
	assert_true(BN_bn2nativepad(modulus, native_n, (int)n_len) > 0);
	assert_true(BN_bn2nativepad(exponent, native_e, (int)e_len) > 0);
	OSSL_PARAM params[] = {
	        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, native_n, n_len),
	        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, native_e, e_len),
	        OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
	assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	EVP_PKEY_CTX_free(context);
	BN_free(modulus);
	BN_free(exponent);
	return key;
}

static inline X509 *certificate_of(const json_t *jwk)
{
	const char *text = json_string_value(json_array_get(json_object_get(jwk, "x5c"), 0));
	assert_non_null(text);
	assert_int_equal(json_array_size(json_object_get(jwk, "x5c")), 1);
	assert_int_equal(strlen(text) % 4, 0);
	unsigned char der[PART_BYTES];
	const unsigned char *at = der;
	int len = EVP_DecodeBlock(der, (const unsigned char *)text, (int)strlen(text));
	assert_true(len > 0);
	X509 *certificate = d2i_X509(NULL, &at, len);
	assert_non_null(certificate);
	return certificate;
}

static inline void assert_thumbprint(X509 *certificate, const EVP_MD *algorithm, const char *text)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char expected[BASE64URL_LEN(EVP_MAX_MD_SIZE) + 1];
	unsigned len = 0;
	assert_int_equal(X509_digest(certificate, algorithm, digest, &len), 1);
	base64url_encode(digest, len, expected);
	assert_string_equal(text, expected);
}

static inline bool verifies(EVP_PKEY *key, const char *hint)
{
	const char *dot = strrchr(hint, '.');
	unsigned char signature[1024];
	size_t len = 0;
	assert_non_null(dot);
	assert_int_equal(base64url_decode(dot + 1, strlen(dot + 1), signature, sizeof signature, &len), ERR_OK);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key), 1);
	int same = EVP_DigestVerify(context, signature, len, (const unsigned char *)hint, (size_t)(dot - hint));
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return same == 1;
}

/* Checks a fresh hint against the documents alone. Returns: whether it is signed with this key. */
static inline bool checks(const struct hints *hints, EVP_PKEY *signer)
{
	struct buf hint;
	buf_init(&hint, HINT_MAX_BYTES);
	assert_int_equal(hint_make(hints, OBJECT, NOW, &hint), ERR_OK);
	const char *dot = strchr(hint.data, '.');
	assert_non_null(dot);
	json_t *header = part_json(hint.data, (size_t)(dot - hint.data));
	json_t *set = json_loads(hints_keys(hints), JSON_REJECT_DUPLICATES, NULL);
	json_t *jwk = jwk_of(set, str(header, "kid"));
	EVP_PKEY *by_numbers = key_of_numbers(jwk);
	X509 *certificate = certificate_of(jwk);
	assert_string_equal(str(header, "alg"), "RS256");
	assert_true(verifies(by_numbers, hint.data));
	assert_true(verifies(X509_get0_pubkey(certificate), hint.data));
	bool its = EVP_PKEY_eq(signer, by_numbers) == 1;
	hint.data[dot + 5 - hint.data] ^= 1;
	assert_false(verifies(by_numbers, hint.data));
	EVP_PKEY_free(by_numbers);
	X509_free(certificate);
	json_decref(set);
	json_decref(header);
	buf_fini(&hint);
	return its;
}

#endif
