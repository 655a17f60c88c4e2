/* tokens, forged ones: made with our own keys, and yet of another algorithm, another header or other claims. */
#include "ingress/tokens.h"
#include "tests/unit/token_fixture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/token_checks.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CLAIMS_BUT_TIMES                                                                                               \
	"\"iss\":\"" FIXTURE_ISSUER "\",\"aud\":\"" FIXTURE_AUDIENCE "\",\"ObjectId\":\"" FIXTURE_OBJECT               \
	"\",\"transactionReference\":\"" FIXTURE_REFERENCE "\""
#define TIMES  "\"iat\":1790000000,\"nbf\":1790000000,\"exp\":1790086400"
#define CLAIMS "{" CLAIMS_BUT_TIMES "," TIMES "}"

/* Encrypts an inner text with our key under a header. */
static void jwe_of(struct buf *out, const char *header, const char *encrypted_key, const void *inner, size_t len)
{
	unsigned char signing[FIXTURE_KEY_BYTES], encryption[FIXTURE_KEY_BYTES];
	fixture_keys(signing, encryption);
	buf_init(out, FIXTURE_TEXT_BYTES);
	fixture_jwe(out, header, encrypted_key, inner, len, encryption);
}

/* A token that is ours in all but what the case says: claims signed by our key, encrypted by our key. */
static enum err_code read_claims(const struct tokens *tokens, const char *header, const char *claims,
                                 const EVP_MD *algorithm, struct token_claims *ret)
{
	unsigned char signing[FIXTURE_KEY_BYTES], encryption[FIXTURE_KEY_BYTES];
	struct buf inner, token;
	fixture_keys(signing, encryption);
	buf_init(&inner, FIXTURE_TEXT_BYTES);
	fixture_jws(&inner, header, claims, strlen(claims), signing, sizeof signing, algorithm);
	jwe_of(&token, FIXTURE_JWE_HEADER, "", inner.data, inner.len);
	enum err_code code = read_at(tokens, &token, FIXTURE_NOW, ret);
	buf_fini(&inner);
	buf_fini(&token);
	return code;
}

static void only_our_two_algorithms_and_headers_are_taken(void **state)
{
	static const char *const jws[] = {
	        "{\"alg\":\"none\",\"typ\":\"JWT\"}",
	        "{\"alg\":\"HS512\",\"typ\":\"JWT\"}",
	        "{\"alg\":\"RS256\",\"typ\":\"JWT\"}",
	        "{\"alg\":\"hs256\",\"typ\":\"JWT\"}",
	        "{\"alg\":\"HS256\"}",
	        "{\"alg\":\"HS256\",\"typ\":\"JWE\"}",
	        "{\"alg\":[\"HS256\"],\"typ\":\"JWT\"}",
	        "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"crit\":[\"exp\"]}",
	        "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"jku\":\"https://evil.example/\"}",
	        "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}",
	        "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"b64\":false}",
	        "{\"alg\":\"HS256\",\"alg\":\"HS256\",\"typ\":\"JWT\"}",
	        "[]",
	        "HS256",
	        "",
	};
	static const char *const jwe[] = {
	        "{\"alg\":\"dir\",\"enc\":\"A128CBC-HS256\",\"cty\":\"JWT\"}",
	        "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"cty\":\"JWT\"}",
	        "{\"alg\":\"A256KW\",\"enc\":\"A256CBC-HS512\",\"cty\":\"JWT\"}",
	        "{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A256CBC-HS512\",\"cty\":\"JWT\",\"p2c\":99999999}",
	        "{\"alg\":\"dir\",\"enc\":\"A256CBC-HS512\",\"cty\":\"JWT\",\"zip\":\"DEF\"}",
	        "{\"alg\":\"dir\",\"enc\":\"A256CBC-HS512\",\"cty\":\"JWT\",\"crit\":[\"zip\"]}",
	        "{\"alg\":\"dir\",\"enc\":\"A256CBC-HS512\"}",
	        "{\"alg\":\"dir\",\"cty\":\"JWT\"}",
	        "{}",
	        "null",
	};
	struct tokens *tokens = fixture_good_tokens();
	unsigned char signing[FIXTURE_KEY_BYTES], encryption[FIXTURE_KEY_BYTES];
	struct token_claims got;
	struct buf inner, token;
	(void)state;
	assert_int_equal(read_claims(tokens, FIXTURE_JWS_HEADER, CLAIMS, EVP_sha256(), &got), ERR_OK);
	assert_int_equal(read_claims(tokens, FIXTURE_JWS_HEADER, CLAIMS, EVP_sha512(), &got), ERR_INVALID);
	assert_int_equal(read_claims(tokens, FIXTURE_JWS_HEADER, CLAIMS, NULL, &got), ERR_INVALID);
	for (size_t i = 0; i < COUNT(jws); i++)
		for (size_t mac = 0; mac < 3; mac++)
			assert_int_equal(read_claims(tokens, jws[i], CLAIMS,
			                             mac == 0   ? NULL
			                             : mac == 1 ? EVP_sha256()
			                                        : EVP_sha512(),
			                             &got),
			                 ERR_INVALID);
	fixture_keys(signing, encryption);
	buf_init(&inner, FIXTURE_TEXT_BYTES);
	fixture_jws(&inner, FIXTURE_JWS_HEADER, CLAIMS, strlen(CLAIMS), signing, sizeof signing, EVP_sha256());
	assert_refused(tokens, inner.data, inner.len); /* bare, without its cover */
	for (size_t i = 0; i < COUNT(jwe); i++) {
		jwe_of(&token, jwe[i], "", inner.data, inner.len);
		assert_refused(tokens, token.data, token.len);
		buf_fini(&token);
	}
	jwe_of(&token, FIXTURE_JWE_HEADER, "AAAA", inner.data, inner.len);
	assert_refused(tokens, token.data, token.len);
	buf_fini(&token);
	buf_fini(&inner);
	tokens_free(tokens);
}

static void what_is_inside_must_be_a_token(void **state)
{
	static const char *const inners[] = {"", ".", "..", "...", "a.b.c", "e30.e30.", "e30.e30.AAAA", CLAIMS, "\0\0"};
	struct tokens *tokens = fixture_good_tokens();
	struct buf token, nested;
	(void)state;
	for (size_t i = 0; i < COUNT(inners); i++) {
		jwe_of(&token, FIXTURE_JWE_HEADER, "", inners[i], strlen(inners[i]));
		assert_refused(tokens, token.data, token.len);
		buf_fini(&token);
	}
	make(tokens, FIXTURE_OBJECT, FIXTURE_REFERENCE, &token);
	jwe_of(&nested, FIXTURE_JWE_HEADER, "", token.data, token.len);
	assert_refused(tokens, nested.data, nested.len);
	buf_fini(&nested);
	buf_fini(&token);
	tokens_free(tokens);
}

static void an_oversized_token_is_refused_before_any_work(void **state)
{
	struct tokens *tokens = fixture_good_tokens();
	char *big = malloc(FIXTURE_TEXT_BYTES);
	struct buf token;
	(void)state;
	assert_non_null(big);
	memset(big, 'A', FIXTURE_TEXT_BYTES);
	assert_refused(tokens, big, FIXTURE_TEXT_BYTES);
	for (size_t i = TOKEN_MAX_BYTES / 8; i < FIXTURE_TEXT_BYTES; i += TOKEN_MAX_BYTES / 8)
		big[i] = '.';
	assert_refused(tokens, big, FIXTURE_TEXT_BYTES);
	assert_refused(tokens, big, TOKEN_MAX_BYTES);
	jwe_of(&token, FIXTURE_JWE_HEADER, "", big, TOKEN_MAX_BYTES);
	assert_refused(tokens, token.data, token.len);
	buf_fini(&token);
	free(big);
	tokens_free(tokens);
}

/* ---- claims ---- */

static void wrong_claims_are_refused_whoever_signed_them(void **state)
{
	static const char *const claims[] = {
	        "{}",
	        "[]",
	        "null",
	        "",
	        CLAIMS " x",
	        "{" CLAIMS_BUT_TIMES ",\"iat\":1790000000,\"nbf\":1790000000}",
	        "{" CLAIMS_BUT_TIMES ",\"iat\":1790000000,\"exp\":1790086400}",
	        "{" CLAIMS_BUT_TIMES ",\"nbf\":1790000000,\"exp\":1790086400}",
	        "{" CLAIMS_BUT_TIMES ",\"iat\":\"1790000000\",\"nbf\":1790000000,\"exp\":1790086400}",
	        "{" CLAIMS_BUT_TIMES ",\"iat\":1790000000,\"nbf\":1790000000.0,\"exp\":1790086400}",
	        "{" CLAIMS_BUT_TIMES ",\"iat\":1790000000,\"nbf\":1790000000,\"exp\":null}",
	        "{" CLAIMS_BUT_TIMES ",\"iat\":1790000000,\"nbf\":1790000000,\"exp\":-1}",
	        "{" CLAIMS_BUT_TIMES ",\"iat\":1790000000,\"nbf\":1790000000,\"exp\":9223372036854775807}",
	        "{" CLAIMS_BUT_TIMES ",\"iat\":1790000061,\"nbf\":1790000000,\"exp\":1790086400}",
	        "{" CLAIMS_BUT_TIMES ",\"iat\":1790000000,\"nbf\":1790000061,\"exp\":1790086400}",
	        "{" CLAIMS_BUT_TIMES "," TIMES ",\"exp\":1790086400}",
	        "{\"iss\":\"https://idv.contoso.example/"
	        "\",\"aud\":\"b2c\",\"ObjectId\":\"o\",\"transactionReference\":\"r\"," TIMES "}",
	        "{\"iss\":\"https://"
	        "idv.contoso.example\",\"aud\":\"B2C\",\"ObjectId\":\"o\",\"transactionReference\":\"r\"," TIMES "}",
	        "{\"iss\":\"https://"
	        "idv.contoso.example\",\"aud\":[\"b2c\"],\"ObjectId\":\"o\",\"transactionReference\":\"r\"," TIMES "}",
	        "{\"aud\":\"b2c\",\"ObjectId\":\"o\",\"transactionReference\":\"r\"," TIMES "}",
	        "{\"iss\":\"https://idv.contoso.example\",\"ObjectId\":\"o\",\"transactionReference\":\"r\"," TIMES "}",
	        "{\"iss\":\"https://idv.contoso.example\",\"aud\":\"b2c\",\"transactionReference\":\"r\"," TIMES "}",
	        "{\"iss\":\"https://idv.contoso.example\",\"aud\":\"b2c\",\"ObjectId\":\"o\"," TIMES "}",
	        "{\"iss\":\"https://"
	        "idv.contoso.example\",\"aud\":\"b2c\",\"ObjectId\":1,\"transactionReference\":\"r\"," TIMES "}",
	        "{\"iss\":\"https://idv.contoso.example\",\"aud\":\"b2c\",\"ObjectId\":\"o\",\"transactionReference\":"
	        "\"0123456789012345678901234567890123456789012345678901234567890123456789\"," TIMES "}",
	};
	struct tokens *tokens = fixture_good_tokens();
	struct token_claims got, before;
	(void)state;
	memset(&got, '?', sizeof got);
	before = got;
	for (size_t i = 0; i < COUNT(claims); i++)
		if (read_claims(tokens, FIXTURE_JWS_HEADER, claims[i], EVP_sha256(), &got) != ERR_INVALID)
			fail_msg("taken: %s", claims[i]);
	assert_memory_equal(&got, &before, sizeof got);
	assert_int_equal(read_claims(tokens, FIXTURE_JWS_HEADER,
	                             "{" CLAIMS_BUT_TIMES
	                             ",\"iat\":1790000060,\"nbf\":1790000060,\"exp\":1790086400,\"more\":1}",
	                             EVP_sha256(), &got),
	                 ERR_OK);
	tokens_free(tokens);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(only_our_two_algorithms_and_headers_are_taken),
	        cmocka_unit_test(what_is_inside_must_be_a_token),
	        cmocka_unit_test(an_oversized_token_is_refused_before_any_work),
	        cmocka_unit_test(wrong_claims_are_refused_whoever_signed_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
