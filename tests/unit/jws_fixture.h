/* jws_fixture: an issuer of access tokens in a test: keys, their JWKS, and tokens of any header and claims. What fails ends the program. */
#ifndef VERIFYD_JWS_FIXTURE_H
#define VERIFYD_JWS_FIXTURE_H

#include "common/base/buf.h"
#include "common/base/ids.h"
#include "ingress/key_set.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JWS_ISSUER   "https://login.contoso.example/tenant/v2.0"
#define JWS_AUDIENCE "api://verifyd"
#define JWS_CLIENT   "11111111-2222-4333-8444-555555555555"

enum { JWS_NOW = 1790000000, JWS_TEXT_BYTES = 16 * 1024, JWS_COORDINATE = 32 };

static inline void jws_must(bool holds)
{
	if (!holds)
		abort();
}

static inline void jws_number(EVP_PKEY *key, const char *name, int pad, char out[2048])
{
	BIGNUM *number = NULL;
	unsigned char bytes[1024];
	jws_must(EVP_PKEY_get_bn_param(key, name, &number) == 1);
	int len = pad ? BN_bn2binpad(number, bytes, pad) : BN_bn2bin(number, bytes);
	jws_must(len > 0);
	base64url_encode(bytes, (size_t)len, out);
	BN_free(number);
}

/* Appends the key as a JWK; more: further members, each with a comma in front. */
static inline void jws_put_jwk(struct buf *out, EVP_PKEY *key, const char *kid, const char *more)
{
	char first[2048], second[2048];
	bool rsa = EVP_PKEY_is_a(key, "RSA") == 1;
	jws_number(key, rsa ? OSSL_PKEY_PARAM_RSA_N : OSSL_PKEY_PARAM_EC_PUB_X, rsa ? 0 : JWS_COORDINATE, first);
	jws_number(key, rsa ? OSSL_PKEY_PARAM_RSA_E : OSSL_PKEY_PARAM_EC_PUB_Y, rsa ? 0 : JWS_COORDINATE, second);
	jws_must(buf_printf(out, "{\"kid\":\"%s\",\"kty\":\"%s\",%s\"%s\":\"%s\",\"%s\":\"%s\"%s}", kid, rsa ? "RSA" : "EC",
	                    rsa ? "" : "\"crv\":\"P-256\",", rsa ? "n" : "x", first, rsa ? "e" : "y", second,
	                    more) == ERR_OK);
}

static inline size_t jws_es256(EVP_MD_CTX *ctx, const void *text, size_t len, unsigned char *out)
{
	unsigned char der[256];
	const unsigned char *at = der;
	size_t der_len = sizeof der;
	jws_must(EVP_DigestSign(ctx, der, &der_len, text, len) == 1);
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
	jws_must(pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, JWS_COORDINATE) > 0 &&
	         BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + JWS_COORDINATE, JWS_COORDINATE) > 0);
	ECDSA_SIG_free(pair);
	return 2 * (size_t)JWS_COORDINATE;
}

/* The signature of a key, or with secret (then key is not used) an HMAC-SHA256. */
static inline size_t jws_sign(EVP_PKEY *key, const char *secret, const char *text, unsigned char out[1024])
{
	unsigned hmac_len = 0;
	size_t len = 1024;
	if (secret) {
		jws_must(HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)text, strlen(text), out,
		              &hmac_len) != NULL);
		return hmac_len;
	}
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	jws_must(ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1);
	if (EVP_PKEY_is_a(key, "EC") == 1)
		len = jws_es256(ctx, text, strlen(text), out);
	else
		jws_must(EVP_DigestSign(ctx, out, &len, (const unsigned char *)text, strlen(text)) == 1);
	EVP_MD_CTX_free(ctx);
	return len;
}

/* Writes header and claims, base64url with a dot between. */
static inline void jws_put_unsigned(char out[JWS_TEXT_BYTES], const char *header, const char *claims)
{
	jws_must(BASE64URL_LEN(strlen(header)) + BASE64URL_LEN(strlen(claims)) + 2 < JWS_TEXT_BYTES);
	base64url_encode(header, strlen(header), out);
	size_t len = strlen(out);
	out[len] = '.';
	base64url_encode(claims, strlen(claims), out + len + 1);
}

static inline void jws_make(char out[JWS_TEXT_BYTES], EVP_PKEY *key, const char *secret, const char *header,
                            const char *claims)
{
	unsigned char signature[1024];
	jws_put_unsigned(out, header, claims);
	size_t signed_len = jws_sign(key, secret, out, signature), len = strlen(out);
	jws_must(len + BASE64URL_LEN(signed_len) + 2 < JWS_TEXT_BYTES);
	out[len] = '.';
	base64url_encode(signature, signed_len, out + len + 1);
}

#endif
