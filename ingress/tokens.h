/* tokens: the verification token that B2C and its page carry between our four /api/Jumio calls. An HS256 JWS (RFC 7515) inside a
 * dir/A256CBC-HS512 JWE (RFC 7516), as the sample's, but with keys of 64 bytes derived by HKDF-SHA256 from the two settings.
 * Only verifyd reads it. It may be used again as long as it lives: retries must work. Any thread.
 *
 * A setting holds one secret, or two separated by a comma: the first makes tokens, both are accepted (rotation). */
#ifndef VERIFYD_TOKENS_H
#define VERIFYD_TOKENS_H

#include "common/base/buf.h"
#include "ingress/jose_compact.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
	TOKEN_SECRET_MIN_BYTES = 64,
	TOKEN_MAX_BYTES = JOSE_COMPACT_MAX_BYTES,
	TOKEN_LIFE_S = 24 * 3600,
	TOKEN_LEEWAY_S = 60,
	TOKEN_OBJECT_ID_BYTES = 257,
	TOKEN_REFERENCE_BYTES = 65,
};

/* HKDF's info for the two keys: part of the tokens' format. Another text makes every token in use invalid. */
#define TOKEN_SIGNING_INFO    "verifyd verification token signing 1"
#define TOKEN_ENCRYPTION_INFO "verifyd verification token encryption 1"

struct tokens;

struct tokens_options {
	const char *signing_keys, *encryption_keys; /* TOKEN_SIGNING_KEY, TOKEN_ENCRYPTION_KEY */
	const char *issuer, *audience;
};

/* Every mistake is one line in complaints (NULL: nowhere), without the secret: a short key, more than two, the same text as signing and
 * encryption key. Returns: ERR_OK, *ret_tokens ended by tokens_free; ERR_INVALID; ERR_CRYPTO; ERR_NO_MEMORY. */
enum err_code tokens_new(const struct tokens_options *options, FILE *complaints, struct tokens **ret_tokens) WARN_UNUSED;
void tokens_free(struct tokens *tokens); /* overwrites; accepts NULL */

struct token_claims {
	char object_id[TOKEN_OBJECT_ID_BYTES];
	char reference[TOKEN_REFERENCE_BYTES]; /* transactionReference */
	int64_t expires_s;                     /* unix s */
};

/* Appends the token. Returns: ERR_OK; ERR_LIMIT; ERR_CRYPTO; ERR_NO_MEMORY. */
enum err_code token_make(const struct tokens *tokens, const struct token_claims *claims, int64_t now_s,
			 struct buf *out) WARN_UNUSED;

/* Returns: ERR_OK; ERR_TIMEOUT (ours, and over: *ret_claims is filled); ERR_INVALID (anything else: not ours, another algorithm, other claims). */
enum err_code token_read(const struct tokens *tokens, const char *text, size_t len, int64_t now_s,
			 struct token_claims *ret_claims) WARN_UNUSED;

#endif
