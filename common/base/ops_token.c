/* ops_token: digests are compared, so that neither time nor memory tells the token. */
#include "common/base/ops_token.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DIGEST_BYTES = 32, USER_BYTES = 256, PLAIN_BYTES = USER_BYTES + OPS_TOKEN_MAX_BYTES };

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

/* base64 of user:password. */
static bool basic_fits(const struct ops_token *token, const char *text)
{
	unsigned char plain[PLAIN_BYTES];
	size_t len = strlen(text);
	if (len == 0 || len % 4 != 0 || len / 4 * 3 > sizeof plain)
		return false;
	int decoded = EVP_DecodeBlock(plain, (const unsigned char *)text, (int)len);
	if (decoded < 0)
		return false;
	size_t used = (size_t)decoded - (size_t)(text[len - 1] == '=') - (size_t)(text[len - 2] == '=');
	const unsigned char *colon = memchr(plain, ':', used);
	bool fits = colon && is_it(token, colon + 1, used - (size_t)(colon + 1 - plain));
	OPENSSL_cleanse(plain, sizeof plain);
	return fits;
}

bool ops_token_fits(const struct ops_token *token, const char *authorization)
{
	static const char bearer[] = "Bearer ", basic[] = "Basic ";
	if (!authorization)
		return false;
	if (strncasecmp(authorization, bearer, sizeof bearer - 1) == 0) {
		const char *text = authorization + sizeof bearer - 1;
		return is_it(token, text, strlen(text));
	}
	return strncasecmp(authorization, basic, sizeof basic - 1) == 0 &&
	       basic_fits(token, authorization + sizeof basic - 1);
}
