/* tokens: JOSE by libjose, and in front of it the checks that it leaves to its caller: five parts, strict base64url,
 * headers that say exactly what ours say. A token of another kind never reaches a cipher.
 *
 * libjose prints its errors to stderr unless it is given a function; and jose_jwe_dec adds to the length it is given.
 */
#include "ingress/tokens.h"
#include "common/base/ids.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "ingress/hkdf.h"
#include "ingress/jose_compact.h"
#include <jose/cfg.h>
#include <jose/jwe.h>
#include <jose/jws.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEYS_MAX = 2,
	KEY_BYTES = 64, /* what A256CBC-HS512 takes (RFC 7518 section 5.2.5); HS256 takes 32 or more */
	CLAIMS_MAX_BYTES = TOKEN_MAX_BYTES / 2,
};

#define SECONDS_MAX (INT64_C(1) << 40) /* far enough, and no sum of two overflows */

struct keys {
	size_t count;
	json_t *jwks[KEYS_MAX]; /* the first one makes; read-only, so threads share them */
};

struct tokens {
	jose_cfg_t *cfg;
	struct keys signing, encryption;
	char *issuer, *audience;
};

/* All that a protected header may hold, and must. */
struct header_member {
	const char *name, *value;
};
static const struct header_member jws_header[] = {{"alg", "HS256"}, {"typ", "JWT"}};
static const struct header_member jwe_header[] = {{"alg", "dir"}, {"enc", "A256CBC-HS512"}, {"cty", "JWT"}};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const jws_parts[JWS_PARTS] = {
        [JWS_HEADER] = "protected", [JWS_PAYLOAD] = "payload", [JWS_SIGNATURE] = "signature"};
static const char *const jwe_parts[JWE_PARTS] = {[JWE_HEADER] = "protected",
                                                 [JWE_KEY] = "encrypted_key",
                                                 [JWE_IV] = "iv",
                                                 [JWE_CIPHERTEXT] = "ciphertext",
                                                 [JWE_TAG] = "tag"};

static void hush(void *misc, const char *file, int line, uint64_t error, const char *fmt, va_list arguments)
{
	(void)misc, (void)file, (void)line, (void)error, (void)fmt, (void)arguments;
}

/* ---- keys ---- */

static void jwk_free(json_t *jwk)
{
	const char *k = json_string_value(json_object_get(jwk, "k"));
	if (k)
		OPENSSL_cleanse((void *)(uintptr_t)k, strlen(k));
	json_decref(jwk);
}

/* The algorithm stands in the key too: libjose then refuses every other one by itself. */
static enum err_code jwk_new(const char *secret, size_t len, const char *info, const char *algorithm, json_t **ret_jwk)
{
	unsigned char key[KEY_BYTES];
	char text[BASE64URL_LEN(KEY_BYTES) + 1];
	if (hkdf_sha256(secret, len, info, key, sizeof key) != ERR_OK)
		return ERR_CRYPTO;
	base64url_encode(key, sizeof key, text);
	json_t *jwk = json_pack("{s:s,s:s,s:s}", "kty", "oct", "alg", algorithm, "k", text);
	OPENSSL_cleanse(key, sizeof key);
	OPENSSL_cleanse(text, sizeof text);
	if (!jwk)
		return ERR_NO_MEMORY;
	*ret_jwk = jwk;
	return ERR_OK;
}

static void complain(FILE *complaints, const char *setting, const char *what)
{
	if (complaints)
		(void)fprintf(complaints, "%s: %s\n", setting, what);
}

/* One secret, or two separated by a comma. */
static enum err_code keys_new(const char *setting, const char *text, const char *info, const char *algorithm,
                              FILE *complaints, struct keys *keys)
{
	enum err_code code = ERR_OK;
	for (bool more = true; more && code == ERR_OK;) {
		size_t len = strcspn(text, ",");
		if (keys->count == KEYS_MAX) {
			complain(complaints, setting, "more than two keys");
			return ERR_INVALID;
		}
		if (len < TOKEN_SECRET_MIN_BYTES) {
			complain(complaints, setting, "a key is shorter than 64 characters");
			return ERR_INVALID;
		}
		code = jwk_new(text, len, info, algorithm, &keys->jwks[keys->count]);
		keys->count += code == ERR_OK;
		more = text[len] == ',';
		text += len + more;
	}
	if (code != ERR_OK)
		complain(complaints, setting, err_text(code));
	return code;
}

/* Whether a secret of one list stands in the other. */
static bool share_secret(const char *one, const char *other)
{
	for (bool more = true; more;) {
		size_t len = strcspn(one, ",");
		for (const char *at = other; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
			if (strcspn(at, ",") == len && CRYPTO_memcmp(at, one, len) == 0)
				return true;
		more = one[len] == ',';
		one += len + more;
	}
	return false;
}

static void keys_fini(struct keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		jwk_free(keys->jwks[i]);
}

enum err_code tokens_new(const struct tokens_options *options, FILE *complaints, struct tokens **ret_tokens)
{
	struct tokens *tokens = calloc(1, sizeof *tokens);
	if (!tokens)
		return ERR_NO_MEMORY;
	enum err_code code = keys_new("VERIFYD_TOKEN_SIGNING_KEY", options->signing_keys, TOKEN_SIGNING_INFO, "HS256",
	                              complaints, &tokens->signing);
	enum err_code other = keys_new("VERIFYD_TOKEN_ENCRYPTION_KEY", options->encryption_keys, TOKEN_ENCRYPTION_INFO,
	                               "A256CBC-HS512", complaints, &tokens->encryption);
	if (code == ERR_OK)
		code = other;
	if (code == ERR_OK && share_secret(options->signing_keys, options->encryption_keys)) {
		complain(complaints, "VERIFYD_TOKEN_ENCRYPTION_KEY", "the same as VERIFYD_TOKEN_SIGNING_KEY");
		code = ERR_INVALID;
	}
	tokens->cfg = jose_cfg();
	tokens->issuer = strdup(options->issuer);
	tokens->audience = strdup(options->audience);
	if (code == ERR_OK && (!tokens->cfg || !tokens->issuer || !tokens->audience))
		code = ERR_NO_MEMORY;
	if (code != ERR_OK) {
		tokens_free(tokens);
		return code;
	}
	jose_cfg_set_err_func(tokens->cfg, hush, NULL);
	*ret_tokens = tokens;
	return ERR_OK;
}

void tokens_free(struct tokens *tokens)
{
	if (!tokens)
		return;
	keys_fini(&tokens->signing);
	keys_fini(&tokens->encryption);
	if (tokens->cfg)
		jose_cfg_decref(tokens->cfg);
	free(tokens->issuer);
	free(tokens->audience);
	free(tokens);
}

/* ---- making ---- */

static enum err_code put_claims(const struct tokens *tokens, const struct token_claims *claims, int64_t now_s,
                                struct buf *out)
{
	struct json_out json;
	json_out_begin(&json, out);
	json_out_object(&json, NULL);
	json_out_str(&json, "iss", tokens->issuer);
	json_out_str(&json, "aud", tokens->audience);
	json_out_int(&json, "iat", now_s);
	json_out_int(&json, "nbf", now_s);
	json_out_int(&json, "exp", claims->expires_s);
	json_out_str(&json, "ObjectId", claims->object_id);
	json_out_str(&json, "transactionReference", claims->reference);
	json_out_object_end(&json);
	return json_out_end(&json);
}

static json_t *header_new(const struct header_member *members, size_t count)
{
	json_t *header = json_object();
	for (size_t i = 0; i < count && header; i++) {
		if (json_object_set_new(header, members[i].name, json_string(members[i].value)) == 0)
			continue;
		json_decref(header);
		header = NULL;
	}
	return header;
}

/* The members of a flattened object, in order, dots between: the compact form. */
static enum err_code put_compact(const json_t *object, const char *const *parts, size_t count, struct buf *out)
{
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < count && code == ERR_OK; i++) {
		const char *text = json_string_value(json_object_get(object, parts[i]));
		if (!text)
			return ERR_CRYPTO;
		code = i ? buf_append_str(out, ".") : ERR_OK;
		if (code == ERR_OK)
			code = buf_append_str(out, text);
	}
	return code;
}

/* Signs payload; appends the compact JWS. */
static enum err_code put_jws(const struct tokens *tokens, const struct buf *payload, struct buf *out)
{
	char text[BASE64URL_LEN(CLAIMS_MAX_BYTES) + 1];
	base64url_encode(payload->data, payload->len, text);
	json_t *jws = json_pack("{s:s}", "payload", text);
	json_t *template = json_pack("{s:o?}", "protected", header_new(jws_header, COUNT_OF(jws_header)));
	enum err_code code = jws && template ? ERR_OK : ERR_NO_MEMORY;
	if (code == ERR_OK && !jose_jws_sig(tokens->cfg, jws, template, tokens->signing.jwks[0]))
		code = ERR_CRYPTO;
	if (code == ERR_OK)
		code = put_compact(jws, jws_parts, JWS_PARTS, out);
	json_decref(template);
	json_decref(jws);
	OPENSSL_cleanse(text, sizeof text);
	return code;
}

/* Encrypts plain; appends the compact JWE. */
static enum err_code put_jwe(const struct tokens *tokens, const struct buf *plain, struct buf *out)
{
	json_t *jwe = json_pack("{s:o?}", "protected", header_new(jwe_header, COUNT_OF(jwe_header)));
	enum err_code code = jwe ? ERR_OK : ERR_NO_MEMORY;
	if (code == ERR_OK &&
	    !jose_jwe_enc(tokens->cfg, jwe, NULL, tokens->encryption.jwks[0], plain->data, plain->len))
		code = ERR_CRYPTO;
	if (code == ERR_OK)
		code = put_compact(jwe, jwe_parts, JWE_PARTS, out);
	json_decref(jwe);
	return code;
}

enum err_code token_make(const struct tokens *tokens, const struct token_claims *claims, int64_t now_s, struct buf *out)
{
	struct buf payload, jws, jwe;
	buf_init(&payload, CLAIMS_MAX_BYTES);
	buf_init(&jws, TOKEN_MAX_BYTES);
	buf_init(&jwe, TOKEN_MAX_BYTES);
	enum err_code code = put_claims(tokens, claims, now_s, &payload);
	if (code == ERR_OK)
		code = put_jws(tokens, &payload, &jws);
	if (code == ERR_OK)
		code = put_jwe(tokens, &jws, &jwe);
	if (code == ERR_OK)
		code = buf_append(out, jwe.data, jwe.len);
	if (code == ERR_CRYPTO)
		ERR_clear_error();
	buf_fini_secret(&payload);
	buf_fini_secret(&jws);
	buf_fini_secret(&jwe);
	return code;
}

/* ---- reading ---- */

/* RFC 8725 section 3.1: the algorithms are ours to choose, not the sender's. Nothing besides: no zip, no crit, no keys.
 */
static bool header_is(const struct jose_part *part, const struct header_member *members, size_t count)
{
	struct json_in *header = jose_part_object(part);
	bool same = header && json_in_count(header) == count;
	for (size_t i = 0; i < count && same; i++) {
		const char *value = json_in_text(json_in_get(header, members[i].name));
		same = value && strcmp(value, members[i].value) == 0;
	}
	json_in_free(header);
	return same;
}

/* The flattened object that libjose reads. */
static json_t *object_of(const struct jose_part *parts, const char *const *names, size_t count)
{
	json_t *object = json_object();
	for (size_t i = 0; i < count && object; i++) {
		json_t *text = json_stringn(parts[i].text, parts[i].len);
		if (text && json_object_set_new(object, names[i], text) == 0)
			continue;
		json_decref(object);
		object = NULL;
	}
	return object;
}

/* Returns: the inner token, ended by plain_free; NULL when it is not ours. */
static char *decrypt(const struct tokens *tokens, const char *text, size_t len, size_t *ret_len)
{
	struct jose_part parts[JWE_PARTS];
	char *plain = NULL;
	if (!jose_split(text, len, parts, JWE_PARTS) || parts[JWE_KEY].len != 0 ||
	    !header_is(&parts[JWE_HEADER], jwe_header, COUNT_OF(jwe_header)))
		return NULL;
	json_t *jwe = object_of(parts, jwe_parts, JWE_PARTS);
	for (size_t i = 0; i < tokens->encryption.count && jwe && !plain; i++) {
		*ret_len = 0;
		plain = jose_jwe_dec(tokens->cfg, jwe, NULL, tokens->encryption.jwks[i], ret_len);
	}
	json_decref(jwe);
	return plain;
}

static void plain_free(char *plain, size_t len)
{
	if (plain)
		OPENSSL_cleanse(plain, len);
	free(plain);
}

/* Returns: the claims of a token that we signed, ended by json_in_free; NULL. */
static struct json_in *verify(const struct tokens *tokens, const char *text, size_t len)
{
	struct jose_part parts[JWS_PARTS];
	bool signed_by_us = false;
	if (!jose_split(text, len, parts, JWS_PARTS) ||
	    !header_is(&parts[JWS_HEADER], jws_header, COUNT_OF(jws_header)))
		return NULL;
	json_t *jws = object_of(parts, jws_parts, JWS_PARTS);
	for (size_t i = 0; i < tokens->signing.count && jws && !signed_by_us; i++)
		signed_by_us = jose_jws_ver(tokens->cfg, jws, NULL, tokens->signing.jwks[i], false);
	json_decref(jws);
	return signed_by_us ? jose_part_object(&parts[JWS_PAYLOAD]) : NULL;
}

static bool claim_is(const struct json_in *claims, const char *name, const char *value)
{
	const struct json_in *claim = json_in_get(claims, name);
	return json_in_type(claim) == JSON_IN_STRING && json_in_text_len(claim) == strlen(value) &&
	       memcmp(json_in_text(claim), value, strlen(value)) == 0;
}

static enum err_code take_claims(const struct tokens *tokens, const struct json_in *json, int64_t now_s,
                                 struct token_claims *ret_claims)
{
	struct token_claims claims;
	int64_t made_s = 0, from_s = 0;
	if (!claim_is(json, "iss", tokens->issuer) || !claim_is(json, "aud", tokens->audience) ||
	    json_in_str(json, "ObjectId", claims.object_id, sizeof claims.object_id, NULL) != ERR_OK ||
	    json_in_str(json, "transactionReference", claims.reference, sizeof claims.reference, NULL) != ERR_OK ||
	    json_in_int(json, "iat", 0, SECONDS_MAX, &made_s, NULL) != ERR_OK ||
	    json_in_int(json, "nbf", 0, SECONDS_MAX, &from_s, NULL) != ERR_OK ||
	    json_in_int(json, "exp", 0, SECONDS_MAX, &claims.expires_s, NULL) != ERR_OK)
		return ERR_INVALID;
	if (made_s > now_s + TOKEN_LEEWAY_S || from_s > now_s + TOKEN_LEEWAY_S)
		return ERR_INVALID;
	*ret_claims = claims;
	return now_s < claims.expires_s + TOKEN_LEEWAY_S ? ERR_OK : ERR_TIMEOUT;
}

enum err_code token_read(const struct tokens *tokens, const char *text, size_t len, int64_t now_s,
                         struct token_claims *ret_claims)
{
	size_t plain_len = 0;
	char *plain = decrypt(tokens, text, len, &plain_len);
	struct json_in *claims = plain ? verify(tokens, plain, plain_len) : NULL;
	enum err_code code = claims ? take_claims(tokens, claims, now_s, ret_claims) : ERR_INVALID;
	if (!claims)
		ERR_clear_error();
	json_in_free(claims);
	plain_free(plain, plain_len);
	return code;
}
