/* hints: the JWT by hand, for its three parts are fixed: a header made once, claims, an RSASSA-PKCS1-v1_5 signature by
 * OpenSSL. */
#include "ingress/hints.h"
#include "common/base/asn1_time.h"
#include "common/base/ids.h"
#include "common/base/json_out.h"
#include "ingress/hints_internal.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	SIGNATURE_MAX_BYTES = 1024, /* RSA of 8192 bits */
	NUMBER_MAX_BYTES = 1024,
	SHA1_BYTES = 20,
	SHA256_BYTES = 32,
	HEADER_MAX_BYTES = 256,
	CLAIMS_MAX_BYTES = HINT_MAX_BYTES / 2,
	CLOCK_LEEWAY_S = 60, /* nbf lies this far back: B2C's clock is not ours */
};

#define KEYS_PATH "/api/Oidc/.well-known/keys"

struct hints {
	struct hint_pairs pairs; /* the first one signs */
	char *issuer, *audience;
	struct buf header; /* base64url, with the dot behind it */
	struct buf discovery, keys;
	int64_t until_s; /* when the first one's certificate is over */
};

/* ---- documents ---- */

static bool digest_text(const X509 *certificate, const EVP_MD *algorithm, char *out)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (X509_digest(certificate, algorithm, digest, &len) != 1)
		return false;
	base64url_encode(digest, len, out);
	return true;
}

static enum err_code put_number(struct json_out *json, const char *name, const EVP_PKEY *key, const char *parameter)
{
	unsigned char bytes[NUMBER_MAX_BYTES];
	char text[BASE64URL_LEN(NUMBER_MAX_BYTES) + 1];
	BIGNUM *number = NULL;
	if (EVP_PKEY_get_bn_param(key, parameter, &number) != 1)
		return ERR_CRYPTO;
	int len = BN_num_bytes(number) <= NUMBER_MAX_BYTES ? BN_bn2bin(number, bytes) : -1;
	BN_free(number);
	if (len < 0)
		return ERR_LIMIT;
	base64url_encode(bytes, (size_t)len, text);
	json_out_str(json, name, text);
	return ERR_OK;
}

/* Base64 of the DER form, with padding (RFC 7517 section 4.7). */
static enum err_code put_certificate(struct json_out *json, X509 *certificate)
{
	unsigned char *der = NULL;
	int len = i2d_X509(certificate, &der);
	if (len <= 0)
		return ERR_CRYPTO;
	char *text = len <= HINT_DOCUMENT_MAX_BYTES ? malloc(((size_t)len + 2) / 3 * 4 + 1) : NULL;
	if (text) {
		(void)EVP_EncodeBlock((unsigned char *)text, der, len);
		json_out_array(json, "x5c");
		json_out_str(json, NULL, text);
		json_out_array_end(json);
	}
	free(text);
	OPENSSL_free(der);
	return text ? ERR_OK : ERR_NO_MEMORY;
}

/* The members that the sample's policies were written against, in its order (contracts 4.2). */
static enum err_code put_jwk(struct json_out *json, const struct hint_pair *pair)
{
	char kid[BASE64URL_LEN(SHA256_BYTES) + 1], x5t[BASE64URL_LEN(SHA1_BYTES) + 1];
	int64_t from_s = 0;
	if (!digest_text(pair->certificate, EVP_sha256(), kid) || !digest_text(pair->certificate, EVP_sha1(), x5t) ||
	    !asn1_time_read(X509_get0_notBefore(pair->certificate), &from_s))
		return ERR_CRYPTO;
	json_out_object(json, NULL);
	json_out_str(json, "kid", kid);
	json_out_int(json, "nbf", from_s);
	json_out_str(json, "use", "sig");
	json_out_str(json, "kty", "RSA");
	json_out_str(json, "alg", "RS256");
	enum err_code code = put_certificate(json, pair->certificate);
	json_out_str(json, "x5t", x5t);
	if (code == ERR_OK)
		code = put_number(json, "n", pair->key, OSSL_PKEY_PARAM_RSA_N);
	if (code == ERR_OK)
		code = put_number(json, "e", pair->key, OSSL_PKEY_PARAM_RSA_E);
	json_out_object_end(json);
	return code;
}

static enum err_code make_keys(struct hints *hints)
{
	struct json_out json;
	enum err_code code = ERR_OK;
	json_out_begin(&json, &hints->keys);
	json_out_object(&json, NULL);
	json_out_array(&json, "keys");
	for (size_t i = 0; i < hints->pairs.count && code == ERR_OK; i++)
		code = put_jwk(&json, &hints->pairs.list[i]);
	json_out_array_end(&json);
	json_out_object_end(&json);
	enum err_code written = json_out_end(&json);
	return code == ERR_OK ? written : code;
}

static enum err_code make_discovery(struct hints *hints, const char *public_url)
{
	struct buf uri;
	struct json_out json;
	buf_init(&uri, HINT_MAX_BYTES);
	enum err_code code = buf_printf(&uri, "%s" KEYS_PATH, public_url);
	json_out_begin(&json, &hints->discovery);
	json_out_object(&json, NULL);
	json_out_str(&json, "issuer", hints->issuer);
	json_out_str(&json, "jwks_uri", uri.data);
	json_out_array(&json, "id_token_signing_alg_values_supported");
	json_out_str(&json, NULL, "RS256");
	json_out_array_end(&json);
	json_out_object_end(&json);
	enum err_code written = json_out_end(&json);
	buf_fini(&uri);
	return code == ERR_OK ? written : code;
}

/* Appends base64url of what is in `in`. */
static enum err_code put_base64url(struct buf *out, const void *in, size_t len)
{
	char text[BASE64URL_LEN(CLAIMS_MAX_BYTES) + 1];
	if (len > CLAIMS_MAX_BYTES)
		return ERR_LIMIT;
	base64url_encode(in, len, text);
	return buf_append_str(out, text);
}

static enum err_code make_header(struct hints *hints)
{
	char kid[BASE64URL_LEN(SHA256_BYTES) + 1];
	struct buf text;
	struct json_out json;
	if (!digest_text(hints->pairs.list[0].certificate, EVP_sha256(), kid))
		return ERR_CRYPTO;
	buf_init(&text, HEADER_MAX_BYTES);
	json_out_begin(&json, &text);
	json_out_object(&json, NULL);
	json_out_str(&json, "alg", "RS256");
	json_out_str(&json, "kid", kid);
	json_out_str(&json, "typ", "JWT");
	json_out_object_end(&json);
	enum err_code code = json_out_end(&json);
	if (code == ERR_OK)
		code = put_base64url(&hints->header, text.data, text.len);
	if (code == ERR_OK)
		code = buf_append_str(&hints->header, ".");
	buf_fini(&text);
	return code;
}

/* ---- life ---- */

/* The pair that signs must be valid now; a next or last one need not be. */
static enum err_code check_dates(const X509 *certificate, int64_t now_s, int64_t *ret_until_s, struct err *err)
{
	int64_t from_s = 0, to_s = 0;
	if (!asn1_time_read(X509_get0_notBefore(certificate), &from_s) ||
	    !asn1_time_read(X509_get0_notAfter(certificate), &to_s))
		return err_set(err, ERR_INVALID, "the first certificate's dates cannot be read");
	if (now_s > to_s)
		return err_set(err, ERR_INVALID, "the first certificate is over");
	if (now_s < from_s - CLOCK_LEEWAY_S)
		return err_set(err, ERR_INVALID, "the first certificate is not valid yet");
	*ret_until_s = to_s;
	return ERR_OK;
}

static enum err_code make_documents(struct hints *hints, const struct hints_options *options, struct err *err)
{
	enum err_code code = ERR_OK;
	hints->issuer = strdup(options->issuer);
	hints->audience = strdup(options->audience);
	if (!hints->issuer || !hints->audience)
		code = ERR_NO_MEMORY;
	if (code == ERR_OK)
		code = make_header(hints);
	if (code == ERR_OK)
		code = make_discovery(hints, options->public_url);
	if (code == ERR_OK)
		code = make_keys(hints);
	if (code == ERR_OK)
		return ERR_OK;
	return err_set(err, code == ERR_NO_MEMORY ? code : ERR_INVALID, "the key set cannot be made of it: %s",
	               err_text(code));
}

enum err_code hints_new(const struct hints_options *options, int64_t now_s, struct hints **ret_hints, struct err *err)
{
	struct hints *hints = calloc(1, sizeof *hints);
	if (!hints)
		return err_set(err, ERR_NO_MEMORY, "hints");
	buf_init(&hints->header, (size_t)2 * HEADER_MAX_BYTES);
	buf_init(&hints->discovery, HINT_DOCUMENT_MAX_BYTES);
	buf_init(&hints->keys, HINT_DOCUMENT_MAX_BYTES);
	enum err_code code = hint_pairs_read(options->file, options->password, &hints->pairs, err);
	if (code == ERR_OK)
		code = check_dates(hints->pairs.list[0].certificate, now_s, &hints->until_s, err);
	if (code == ERR_OK)
		code = make_documents(hints, options, err);
	if (code != ERR_OK) {
		ERR_clear_error();
		hints_free(hints);
		return code;
	}
	*ret_hints = hints;
	return ERR_OK;
}

void hints_free(struct hints *hints)
{
	if (!hints)
		return;
	hint_pairs_fini(&hints->pairs);
	buf_fini(&hints->header);
	buf_fini(&hints->discovery);
	buf_fini(&hints->keys);
	free(hints->issuer);
	free(hints->audience);
	free(hints);
}

/* ---- making ---- */

static enum err_code put_claims(const struct hints *hints, const char *object_id, int64_t now_s, struct buf *out)
{
	struct json_out json;
	json_out_begin(&json, out);
	json_out_object(&json, NULL);
	json_out_str(&json, "iss", hints->issuer);
	json_out_str(&json, "aud", hints->audience);
	json_out_int(&json, "iat", now_s);
	json_out_int(&json, "nbf", now_s - CLOCK_LEEWAY_S);
	json_out_int(&json, "exp", now_s + HINT_LIFE_S);
	json_out_str(&json, "ObjectId", object_id);
	json_out_object_end(&json);
	return json_out_end(&json);
}

/* Appends the dot and the signature over what is in `out`. */
static enum err_code put_signature(const struct hints *hints, struct buf *out)
{
	unsigned char signature[SIGNATURE_MAX_BYTES];
	size_t len = sizeof signature;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool ok = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, hints->pairs.list[0].key) == 1 &&
	          EVP_DigestSign(context, signature, &len, (const unsigned char *)out->data, out->len) == 1;
	EVP_MD_CTX_free(context);
	if (!ok) {
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	enum err_code code = buf_append_str(out, ".");
	return code == ERR_OK ? put_base64url(out, signature, len) : code;
}

enum err_code hint_make(const struct hints *hints, const char *object_id, int64_t now_s, struct buf *out)
{
	struct buf claims, hint;
	buf_init(&claims, CLAIMS_MAX_BYTES);
	buf_init(&hint, HINT_MAX_BYTES);
	enum err_code code = put_claims(hints, object_id, now_s, &claims);
	if (code == ERR_OK)
		code = buf_append(&hint, hints->header.data, hints->header.len);
	if (code == ERR_OK)
		code = put_base64url(&hint, claims.data, claims.len);
	if (code == ERR_OK)
		code = put_signature(hints, &hint);
	if (code == ERR_OK)
		code = buf_append(out, hint.data, hint.len);
	buf_fini_secret(&claims);
	buf_fini_secret(&hint);
	return code;
}

const char *hints_discovery(const struct hints *hints)
{
	return hints->discovery.data;
}

const char *hints_keys(const struct hints *hints)
{
	return hints->keys.data;
}

int64_t hints_until_s(const struct hints *hints)
{
	return hints->until_s;
}
