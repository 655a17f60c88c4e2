/* fuzz_token: any text as a token. With '!' in front it is encrypted with our key first and so read as the inner token,
 * with '?' signed as well and so read as claims, with '#' it is a JWE's header over a good inner token, with '%' a
 * JWS's over good claims. Nothing passes but the one of the seeds, claims that are all there, and headers that say what
 * ours say. */
#include "common/base/json_in.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/token_fixture.h"

#define GOOD_CLAIMS                                                                                                    \
	"{\"iss\":\"" FIXTURE_ISSUER "\",\"aud\":\"" FIXTURE_AUDIENCE                                                  \
	"\",\"ObjectId\":\"o\",\"transactionReference\":\"r\",\"iat\":1790000000,\"nbf\":1790000000,"                  \
	"\"exp\":1790086400}"

enum { INNER_MAX_BYTES = 64 * 1024, HEADER_MAX_BYTES = 32 * 1024 };

static const char known[] =
        "eyJhbGciOiJkaXIiLCJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIn0..LOrh5gF05fqVP3_USw6jVw.3iyDG5w058xI"
        "XuVuzNOShGPemOpcWP-yZSLz7pd2-"
        "zbr3xIzlPeTzP5gp5E7BqapuKyKgDfkyPExpSO0EZTsq65HYhvnqpqFbaILw9PUrevzPTx3I3DC3Qp8jVqTMwBwI8U9D5_8c72C5"
        "0SJ6kyLamTS2iLPQman2s-UqdikHIlbRndW5txINoNDJY8NwmfudmH5p4gsv6MOX6h6niqq8SgFnyJbth5kOewo_6F7dwLj40l-"
        "ZyhVjSBumTAsuEQ1dycugAmjALeIkLZzpjcG25wKE8NZ5D3l_Db4mSI1-"
        "2DNROsjrPxJ5Lb8wUB_PRFCHMZFwdb05BMG1MMNrUXE3-KBJkjQhtixCXI6-"
        "0yI_e4nLt5QFWuBsOsj3UFDvMW0yHNn4iMmF8foEWhM7J-"
        "2kzlCmjvlTwoTGQe9iQghN1k9C15xRcMDYFCskxmETm933K6sihTojJRudacPyz8Vww.N-"
        "xlVpr7paUN4BMouYdzQe0OJs56kdJ9viie3x34tlI";

struct world {
	struct tokens *tokens;
	unsigned char signing[FIXTURE_KEY_BYTES], encryption[FIXTURE_KEY_BYTES];
};

static bool passes(const struct world *world, const char *text, size_t len)
{
	struct token_claims claims;
	memset(&claims, '?', sizeof claims);
	enum err_code code = token_read(world->tokens, text, len, FIXTURE_NOW, &claims);
	if (code == ERR_INVALID)
		return false;
	FUZZ_RULE(code == ERR_OK || code == ERR_TIMEOUT);
	FUZZ_RULE(memchr(claims.object_id, '\0', sizeof claims.object_id));
	FUZZ_RULE(memchr(claims.reference, '\0', sizeof claims.reference));
	FUZZ_RULE(claims.expires_s >= 0 && (code == ERR_OK) == (FIXTURE_NOW < claims.expires_s + TOKEN_LEEWAY_S));
	return true;
}

/* Puts a cover of ours, or with this header, around an inner text. */
static bool passes_inside(const struct world *world, const char *header, const void *inner, size_t len)
{
	struct buf token;
	buf_init(&token, FIXTURE_TEXT_BYTES);
	fixture_jwe(&token, header, "", inner, len, world->encryption);
	bool good = passes(world, token.data, token.len);
	buf_fini(&token);
	return good;
}

static bool passes_signed(const struct world *world, const char *jwe_header, const char *jws_header, const void *claims,
                          size_t len)
{
	struct buf inner;
	buf_init(&inner, FIXTURE_TEXT_BYTES);
	fixture_jws(&inner, jws_header, claims, len, world->signing, sizeof world->signing, EVP_sha256());
	bool good = passes_inside(world, jwe_header, inner.data, inner.len);
	buf_fini(&inner);
	return good;
}

/* Whether a header is one of `count` members, of which this one is. */
static bool header_says(const char *header, size_t count, const char *name, const char *value)
{
	struct json_in *json = NULL;
	FUZZ_RULE(json_in_parse(header, strlen(header), &json, NULL) == ERR_OK);
	const char *said = json_in_text(json_in_get(json, name));
	bool right = json_in_count(json) == count && said && strcmp(said, value) == 0;
	json_in_free(json);
	return right;
}

static void fuzz_header(const struct world *world, const char *data, size_t size, bool outer)
{
	char *header = fuzz_text(data, size < HEADER_MAX_BYTES ? size : HEADER_MAX_BYTES);
	const char *jwe = outer ? header : FIXTURE_JWE_HEADER, *jws = outer ? FIXTURE_JWS_HEADER : header;
	if (passes_signed(world, jwe, jws, GOOD_CLAIMS, sizeof GOOD_CLAIMS - 1))
		FUZZ_RULE(outer ? header_says(header, 3, "alg", "dir") && header_says(header, 3, "enc", "A256CBC-HS512")
		                : header_says(header, 2, "alg", "HS256") && header_says(header, 2, "typ", "JWT"));
	free(header);
}

static void fuzz_claims(const struct world *world, const char *data, size_t size)
{
	struct json_in *json = NULL;
	size_t len = size < HEADER_MAX_BYTES ? size : HEADER_MAX_BYTES;
	if (!passes_signed(world, FIXTURE_JWE_HEADER, FIXTURE_JWS_HEADER, data, len))
		return;
	FUZZ_RULE(json_in_parse(data, len, &json, NULL) == ERR_OK && json_in_count(json) >= 7);
	FUZZ_RULE(strcmp(json_in_text(json_in_get(json, "iss")), FIXTURE_ISSUER) == 0);
	json_in_free(json);
}

static void world_make(struct world *world)
{
	fixture_keys(world->signing, world->encryption);
	world->tokens = fixture_good_tokens();
	FUZZ_RULE(passes_signed(world, FIXTURE_JWE_HEADER, FIXTURE_JWS_HEADER, GOOD_CLAIMS, sizeof GOOD_CLAIMS - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world; /* for the life of the process */
	const char *text = (const char *)data;
	if (!world.tokens)
		world_make(&world);
	char mode = '\0';
	if (size > 0)
		mode = text[0];
	if (mode == '!') /* nobody signs by chance */
		FUZZ_RULE(!passes_inside(&world, FIXTURE_JWE_HEADER, text + 1,
		                         size - 1 < INNER_MAX_BYTES ? size - 1 : INNER_MAX_BYTES));
	else if (mode == '?')
		fuzz_claims(&world, text + 1, size - 1);
	else if (mode == '#' || mode == '%')
		fuzz_header(&world, text + 1, size - 1, mode == '#');
	else
		FUZZ_RULE(passes(&world, text, size) == (size == sizeof known - 1 && memcmp(text, known, size) == 0));
	return 0;
}
