/* token_fixture: JOSE compact forms written down from RFC 7515 to 7518 over OpenSSL alone, so that tests can make tokens that no
 * library would make, and see that ours are what the RFCs say. */
#ifndef VERIFYD_TOKEN_FIXTURE_H
#define VERIFYD_TOKEN_FIXTURE_H

#include "common/base/buf.h"
#include "common/base/ids.h"
#include "ingress/hkdf.h"
#include "ingress/tokens.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURE_SIGNING    "signing-secret-0123456789-0123456789-0123456789-0123456789-abcdef"
#define FIXTURE_ENCRYPTION "encryption-secret-0123456789-0123456789-0123456789-0123456789-ab"
#define FIXTURE_ISSUER     "https://idv.contoso.example"
#define FIXTURE_AUDIENCE   "b2c"
#define FIXTURE_OBJECT     "6c9d0a52-0000-4000-8000-000000000001"
#define FIXTURE_REFERENCE  "vAAECAwQFBgcICQoLDA0ODw"
#define FIXTURE_NOW        INT64_C(1790000000)
#define FIXTURE_JWS_HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define FIXTURE_JWE_HEADER "{\"alg\":\"dir\",\"enc\":\"A256CBC-HS512\",\"cty\":\"JWT\"}"

enum { FIXTURE_KEY_BYTES = 64, FIXTURE_IV_BYTES = 16, FIXTURE_TAG_BYTES = 32, FIXTURE_TEXT_BYTES = 128 * 1024 };

static inline void fixture_must(bool holds)
{
	if (!holds)
		abort();
}

static inline void fixture_put(struct buf *out, const void *data, size_t len)
{
	char *text = malloc(BASE64URL_LEN(len) + 1);
	fixture_must(text != NULL);
	base64url_encode(data, len, text);
	fixture_must(buf_append_str(out, text) == ERR_OK);
	free(text);
}

static inline void fixture_dot(struct buf *out)
{
	fixture_must(buf_append_str(out, ".") == ERR_OK);
}

/* Appends header.payload.MAC (RFC 7515 section 3.1). algorithm NULL: an empty signature. */
static inline void fixture_jws(struct buf *out, const char *header, const void *payload, size_t len,
                               const unsigned char *key, size_t key_len, const EVP_MD *algorithm)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_len = 0;
	size_t from = out->len;
	fixture_put(out, header, strlen(header));
	fixture_dot(out);
	fixture_put(out, payload, len);
	if (algorithm)
		fixture_must(HMAC(algorithm, key, (int)key_len, (const unsigned char *)out->data + from, out->len - from,
		                  mac, &mac_len) != NULL);
	fixture_dot(out);
	fixture_put(out, mac, mac_len);
}

/* AES_256_CBC_HMAC_SHA_512's tag (RFC 7518 section 5.2.2.1): HMAC over aad | iv | ciphertext | length of aad in bits, cut in half. */
static inline void fixture_tag(const unsigned char *mac_key, const void *aad, size_t aad_len,
                               const unsigned char iv[FIXTURE_IV_BYTES], const unsigned char *ciphertext, size_t len,
                               unsigned char tag[FIXTURE_TAG_BYTES])
{
	size_t total = aad_len + FIXTURE_IV_BYTES + len + 8;
	uint64_t bits = (uint64_t)aad_len * 8;
	unsigned char whole[64], *text = malloc(total);
	fixture_must(text != NULL);
	memcpy(text, aad, aad_len);
	memcpy(text + aad_len, iv, FIXTURE_IV_BYTES);
	memcpy(text + aad_len + FIXTURE_IV_BYTES, ciphertext, len);
	for (size_t i = 0; i < 8; i++)
		text[total - 1 - i] = (unsigned char)(bits >> (8 * i) & 0xff);
	fixture_must(HMAC(EVP_sha512(), mac_key, 32, text, total, whole, NULL) != NULL);
	memcpy(tag, whole, FIXTURE_TAG_BYTES);
	free(text);
}

/* AES-256-CBC with PKCS #7 padding. Returns: how many bytes came out; -1: the padding was wrong. */
static inline int fixture_aes(bool encrypt, const unsigned char *key, const unsigned char *iv, const void *in, size_t len,
                              unsigned char *out)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int first = 0, last = 0;
	fixture_must(context && EVP_CipherInit_ex2(context, EVP_aes_256_cbc(), key, iv, encrypt, NULL) == 1);
	fixture_must(EVP_CipherUpdate(context, out, &first, in, (int)len) == 1);
	bool good = EVP_CipherFinal_ex(context, out + first, &last) == 1;
	EVP_CIPHER_CTX_free(context);
	return good ? first + last : -1;
}

/* Appends header.encrypted_key.iv.ciphertext.tag (RFC 7516 section 3.1), encrypted by A256CBC-HS512 whatever the header says. */
static inline void fixture_jwe(struct buf *out, const char *header, const char *encrypted_key, const void *plain, size_t len,
                               const unsigned char key[FIXTURE_KEY_BYTES])
{
	static const unsigned char iv[FIXTURE_IV_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8};
	unsigned char tag[FIXTURE_TAG_BYTES], *ciphertext = malloc(len + 16);
	fixture_must(ciphertext != NULL);
	size_t from = out->len;
	fixture_put(out, header, strlen(header));
	int cipher_len = fixture_aes(true, key + 32, iv, plain, len, ciphertext);
	fixture_must(cipher_len > 0);
	fixture_tag(key, out->data + from, out->len - from, iv, ciphertext, (size_t)cipher_len, tag);
	fixture_must(buf_printf(out, ".%s.", encrypted_key) == ERR_OK);
	fixture_put(out, iv, sizeof iv);
	fixture_dot(out);
	fixture_put(out, ciphertext, (size_t)cipher_len);
	fixture_dot(out);
	fixture_put(out, tag, sizeof tag);
	free(ciphertext);
}

static inline struct tokens *fixture_tokens(const char *signing, const char *encryption, const char *issuer,
                                            const char *audience)
{
	const struct tokens_options options = {signing, encryption, issuer, audience};
	struct tokens *tokens = NULL;
	fixture_must(tokens_new(&options, NULL, &tokens) == ERR_OK);
	return tokens;
}

static inline struct tokens *fixture_good_tokens(void)
{
	return fixture_tokens(FIXTURE_SIGNING, FIXTURE_ENCRYPTION, FIXTURE_ISSUER, FIXTURE_AUDIENCE);
}

/* The keys that fixture_good_tokens works with. */
static inline void fixture_keys(unsigned char signing[FIXTURE_KEY_BYTES], unsigned char encryption[FIXTURE_KEY_BYTES])
{
	fixture_must(hkdf_sha256(FIXTURE_SIGNING, sizeof FIXTURE_SIGNING - 1, TOKEN_SIGNING_INFO, signing,
	                         FIXTURE_KEY_BYTES) == ERR_OK);
	fixture_must(hkdf_sha256(FIXTURE_ENCRYPTION, sizeof FIXTURE_ENCRYPTION - 1, TOKEN_ENCRYPTION_INFO, encryption,
	                         FIXTURE_KEY_BYTES) == ERR_OK);
}

#endif
