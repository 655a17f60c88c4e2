/* ops_token: digests are compared, so that neither time nor memory tells the token. */
#include "common/base/ops_token.h"
#include "common/base/authorization.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { DIGEST_BYTES = 32 };

_Static_assert(BASIC_MAX_BYTES - OPS_TOKEN_MAX_BYTES > 0, "a user's name fits in, too");

struct ops_token {
	unsigned char digest[DIGEST_BYTES];
};

static bool digest(const void *text, size_t len, unsigned char out[DIGEST_BYTES])
{
	return EVP_Digest(text, len, out, NULL, EVP_sha256(), NULL) == 1;
}

enum err_code ops_token_new(const char *secret, struct ops_token **ret_token)
{
	size_t len = strlen(secret);
	if (len > OPS_TOKEN_MAX_BYTES)
		return ERR_LIMIT;
	struct ops_token *token = malloc(sizeof *token);
	if (!token)
		return ERR_NO_MEMORY;
	if (!digest(secret, len, token->digest)) {
		free(token);
		return ERR_CRYPTO;
	}
	*ret_token = token;
	return ERR_OK;
}

void ops_token_free(struct ops_token *token)
{
	if (token)
		OPENSSL_cleanse(token, sizeof *token);
	free(token);
}

static bool is_it(const struct ops_token *token, const void *text, size_t len)
{
	unsigned char sent[DIGEST_BYTES];
	return digest(text, len, sent) && CRYPTO_memcmp(sent, token->digest, DIGEST_BYTES) == 0;
}

static bool basic_fits(const struct ops_token *token, const char *base64)
{
	struct basic basic;
	bool fits = authorization_basic(base64, &basic) &&
	            is_it(token, basic.pair + basic.password, basic.len - basic.password);
	OPENSSL_cleanse(&basic, sizeof basic);
	return fits;
}

bool ops_token_fits(const struct ops_token *token, const char *authorization)
{
	const char *bearer = authorization ? authorization_of(authorization, "Bearer") : NULL;
	const char *basic = authorization ? authorization_of(authorization, "Basic") : NULL;
	return bearer ? is_it(token, bearer, strlen(bearer)) : basic && basic_fits(token, basic);
}
