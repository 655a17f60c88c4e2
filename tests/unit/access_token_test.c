/* access_token: tokens as Azure AD and RFC 9068 make them are good; forged ones are not, in every way that is known. */
#include "ingress/access_token.h"
#include "tests/unit/jws_fixture.h"
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RS256  "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"rsa\"}"
#define ES256  "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"ec\"}"
#define ISSUED "\"iss\":\"" JWS_ISSUER "\",\"aud\":\"" JWS_AUDIENCE "\""
#define TIMES  "\"nbf\":1789999990,\"exp\":1790003600"
#define CLAIMS "{" ISSUED "," TIMES ",\"azp\":\"" JWS_CLIENT "\"}"

static struct issuer {
	EVP_PKEY *rsa, *ec, *other;
	struct key_set *keys;
	char public_pem[4096]; /* of rsa: what HS256 would be forged with */
} issuer;

static const struct access_rules rules = {JWS_ISSUER, "other," JWS_AUDIENCE};

static int make_issuer(void **state)
{
	struct buf text;
	(void)state;
	issuer.rsa = EVP_RSA_gen(2048);
	issuer.other = EVP_RSA_gen(2048);
	issuer.ec = EVP_EC_gen("P-256");
	buf_init(&text, KEY_SET_MAX_BYTES);
	jws_must(buf_append_str(&text, "{\"keys\":[") == ERR_OK);
	jws_put_jwk(&text, issuer.rsa, "rsa", ",\"use\":\"sig\",\"x5t\":\"x\"");
	jws_must(buf_append_str(&text, ",") == ERR_OK);
	jws_put_jwk(&text, issuer.ec, "ec", ",\"alg\":\"ES256\"");
	jws_must(buf_append_str(&text, "]}") == ERR_OK);
	jws_must(key_set_parse(text.data, text.len, &issuer.keys, NULL) == ERR_OK);
	jws_number(issuer.rsa, OSSL_PKEY_PARAM_RSA_N, 0, issuer.public_pem);
	buf_fini(&text);
	return 0;
}

static int end_issuer(void **state)
{
	(void)state;
	key_set_free(issuer.keys);
	EVP_PKEY_free(issuer.rsa);
	EVP_PKEY_free(issuer.ec);
	EVP_PKEY_free(issuer.other);
	return 0;
}

static enum access_verdict read_text(const char *text, const char **ret_client)
{
	static char client[ACCESS_CLIENT_BYTES];
	memset(client, '?', sizeof client);
	enum access_verdict verdict = access_token_read(&rules, issuer.keys, text, strlen(text), JWS_NOW, client);
	*ret_client = client;
	if (verdict != ACCESS_GOOD)
		assert_int_equal(client[0], '?');
	return verdict;
}

static enum access_verdict read_made(EVP_PKEY *key, const char *secret, const char *header, const char *claims)
{
	static char text[JWS_TEXT_BYTES];
	const char *client;
	jws_make(text, key, secret, header, claims);
	return read_text(text, &client);
}

#define assert_verdict(got, wanted) assert_string_equal(access_verdict_name(got), access_verdict_name(wanted))

static void a_token_says_which_program_asked_for_it(void **state)
{
	static const struct {
		const char *claims, *client;
	} rows[] = {
	        {CLAIMS, JWS_CLIENT},
	        {"{" ISSUED "," TIMES ",\"appid\":\"a\",\"client_id\":\"c\",\"sub\":\"s\"}", "a"},
	        {"{" ISSUED "," TIMES ",\"client_id\":\"c\",\"sub\":\"s\"}", "c"},
	        {"{" ISSUED "," TIMES ",\"sub\":\"s\"}", "s"},
	        {"{\"iss\":\"" JWS_ISSUER "\",\"aud\":[\"x\",\"" JWS_AUDIENCE "\"],\"exp\":1790000001,\"sub\":\"s\"}",
	         "s"},
	        {"{\"iss\":\"" JWS_ISSUER "\",\"aud\":\"other\",\"exp\":1790000001,\"sub\":\"s\"}", "s"},
	};
	static char text[JWS_TEXT_BYTES];
	const char *client;
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		jws_make(text, issuer.rsa, NULL, RS256, rows[i].claims);
		assert_verdict(read_text(text, &client), ACCESS_GOOD);
		assert_string_equal(client, rows[i].client);
		jws_make(text, issuer.ec, NULL, ES256, rows[i].claims);
		assert_verdict(read_text(text, &client), ACCESS_GOOD);
		assert_string_equal(client, rows[i].client);
	}
}

static void the_algorithm_is_not_the_senders_to_choose(void **state)
{
	static const char *const headers[] = {
	        "{\"alg\":\"none\",\"kid\":\"rsa\"}",  "{\"alg\":\"None\",\"kid\":\"rsa\"}",
	        "{\"alg\":\"HS256\",\"kid\":\"rsa\"}", "{\"alg\":\"PS256\",\"kid\":\"rsa\"}",
	        "{\"alg\":\"RS512\",\"kid\":\"rsa\"}", "{\"alg\":\"rs256\",\"kid\":\"rsa\"}",
	        "{\"alg\":\"\",\"kid\":\"rsa\"}",      "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"rsa\"}"};
	static char text[JWS_TEXT_BYTES];
	const char *client;
	(void)state;
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		assert_verdict(read_made(issuer.rsa, NULL, headers[i], CLAIMS), ACCESS_ALGORITHM);
		assert_verdict(read_made(NULL, issuer.public_pem, headers[i], CLAIMS), ACCESS_ALGORITHM);
	}
	jws_put_unsigned(text, headers[0], CLAIMS);
	assert_verdict(read_text(text, &client), ACCESS_MALFORMED);
	(void)snprintf(text + strlen(text), 2, ".");
	assert_verdict(read_text(text, &client), ACCESS_MALFORMED);
	/* the header's algorithm is right, the signature another one's */
	assert_verdict(read_made(NULL, issuer.public_pem, RS256, CLAIMS), ACCESS_SIGNATURE);
	assert_verdict(read_made(issuer.ec, NULL, "{\"alg\":\"RS256\",\"kid\":\"ec\"}", CLAIMS), ACCESS_UNKNOWN_KEY);
	assert_verdict(read_made(issuer.rsa, NULL, "{\"alg\":\"ES256\",\"kid\":\"rsa\"}", CLAIMS), ACCESS_UNKNOWN_KEY);
	assert_verdict(read_made(issuer.rsa, NULL, "{\"alg\":\"ES256\",\"kid\":\"ec\"}", CLAIMS), ACCESS_SIGNATURE);
}

static void keys_come_from_the_issuer_alone(void **state)
{
	struct buf header;
	(void)state;
	assert_verdict(read_made(issuer.other, NULL, RS256, CLAIMS), ACCESS_SIGNATURE);
	assert_verdict(read_made(issuer.rsa, NULL, "{\"alg\":\"RS256\",\"kid\":\"gone\"}", CLAIMS), ACCESS_UNKNOWN_KEY);
	assert_verdict(read_made(issuer.rsa, NULL, "{\"alg\":\"RS256\"}", CLAIMS), ACCESS_MALFORMED);
	assert_verdict(read_made(issuer.rsa, NULL, "{\"alg\":\"RS256\",\"kid\":7}", CLAIMS), ACCESS_MALFORMED);
	buf_init(&header, 8192);
	jws_must(buf_append_str(&header,
	                        "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"jku\":\"https://evil.example\",\"jwk\":") ==
	         ERR_OK);
	jws_put_jwk(&header, issuer.other, "rsa", "");
	jws_must(buf_append_str(&header, "}") == ERR_OK);
	assert_verdict(read_made(issuer.other, NULL, header.data, CLAIMS), ACCESS_SIGNATURE);
	assert_verdict(read_made(issuer.rsa, NULL, header.data, CLAIMS), ACCESS_GOOD);
	buf_fini(&header);
}

static void what_a_header_asks_for_beyond_that_is_refused(void **state)
{
	static const char *const headers[] = {"{\"alg\":\"RS256\",\"kid\":\"rsa\",\"crit\":[\"b64\"],\"b64\":false}",
	                                      "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"crit\":[]}",
	                                      "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"id_token+jwt\"}",
	                                      "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":1}",
	                                      "{\"alg\":\"RS256\",\"alg\":\"RS256\",\"kid\":\"rsa\"}",
	                                      "[\"RS256\"]",
	                                      "{}",
	                                      "x"};
	(void)state;
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
		assert_verdict(read_made(issuer.rsa, NULL, headers[i], CLAIMS), ACCESS_MALFORMED);
	assert_verdict(read_made(issuer.rsa, NULL, "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"application/AT+JWT\"}",
	                         CLAIMS),
	               ACCESS_GOOD);
}

static void issuer_audience_and_time_have_to_fit(void **state)
{
	static const struct {
		const char *claims;
		enum access_verdict verdict;
	} rows[] = {
	        {"{\"iss\":\"" JWS_ISSUER "/\",\"aud\":\"" JWS_AUDIENCE "\"," TIMES ",\"sub\":\"s\"}", ACCESS_ISSUER},
	        {"{\"iss\":[\"" JWS_ISSUER "\"],\"aud\":\"" JWS_AUDIENCE "\"," TIMES ",\"sub\":\"s\"}", ACCESS_ISSUER},
	        {"{\"aud\":\"" JWS_AUDIENCE "\"," TIMES ",\"sub\":\"s\"}", ACCESS_ISSUER},
	        {"{\"iss\":\"" JWS_ISSUER "\",\"aud\":\"" JWS_AUDIENCE "x\"," TIMES ",\"sub\":\"s\"}", ACCESS_AUDIENCE},
	        {"{\"iss\":\"" JWS_ISSUER "\",\"aud\":\"\"," TIMES ",\"sub\":\"s\"}", ACCESS_AUDIENCE},
	        {"{\"iss\":\"" JWS_ISSUER "\",\"aud\":\"other," JWS_AUDIENCE "\"," TIMES ",\"sub\":\"s\"}",
	         ACCESS_AUDIENCE},
	        {"{\"iss\":\"" JWS_ISSUER "\",\"aud\":[]," TIMES ",\"sub\":\"s\"}", ACCESS_AUDIENCE},
	        {"{\"iss\":\"" JWS_ISSUER "\",\"aud\":[[\"" JWS_AUDIENCE "\"],1]," TIMES ",\"sub\":\"s\"}",
	         ACCESS_AUDIENCE},
	        {"{\"iss\":\"" JWS_ISSUER "\"," TIMES ",\"sub\":\"s\"}", ACCESS_AUDIENCE},
	        {"{" ISSUED ",\"exp\":1789999941,\"sub\":\"s\"}", ACCESS_GOOD},
	        {"{" ISSUED ",\"exp\":1789999940,\"sub\":\"s\"}", ACCESS_EXPIRED},
	        {"{" ISSUED ",\"exp\":0,\"sub\":\"s\"}", ACCESS_EXPIRED},
	        {"{" ISSUED ",\"sub\":\"s\"}", ACCESS_MALFORMED},
	        {"{" ISSUED ",\"exp\":\"1790003600\",\"sub\":\"s\"}", ACCESS_MALFORMED},
	        {"{" ISSUED ",\"exp\":99999999999999999,\"sub\":\"s\"}", ACCESS_MALFORMED},
	        {"{" ISSUED ",\"exp\":1790003600,\"nbf\":1790000060,\"sub\":\"s\"}", ACCESS_GOOD},
	        {"{" ISSUED ",\"exp\":1790003600,\"nbf\":1790000061,\"sub\":\"s\"}", ACCESS_TOO_EARLY},
	        {"{" ISSUED ",\"exp\":1790003600,\"nbf\":\"now\",\"sub\":\"s\"}", ACCESS_MALFORMED},
	        {"{" ISSUED "," TIMES "}", ACCESS_CLIENT},
	        {"{" ISSUED "," TIMES ",\"azp\":\"\",\"sub\":\"s\"}", ACCESS_CLIENT},
	        {"{" ISSUED "," TIMES ",\"azp\":1,\"sub\":\"s\"}", ACCESS_CLIENT},
	        {"[]", ACCESS_MALFORMED},
	        {"nothing", ACCESS_MALFORMED},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_verdict(read_made(issuer.rsa, NULL, RS256, rows[i].claims), rows[i].verdict);
}

static void a_token_that_was_touched_or_is_no_jws_is_refused(void **state)
{
	static const char *const texts[] = {"",         ".",        "..",           "...",
	                                    "a.b",      "a.b.c",    "a.b.c.d.e",    "e30.e30.",
	                                    "e30..e30", ".e30.e30", "e30.e30.e30=", "e30.e30.e 0"};
	static char text[JWS_TEXT_BYTES], claims[JWS_TEXT_BYTES / 2];
	const char *client;
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_verdict(read_text(texts[i], &client), ACCESS_MALFORMED);
	jws_make(text, issuer.ec, NULL, ES256, CLAIMS);
	for (size_t i = 0; text[i]; i++) {
		char kept = text[i];
		text[i] = kept == 'A' ? 'B' : 'A';
		assert_true(read_text(text, &client) != ACCESS_GOOD);
		text[i] = kept;
	}
	assert_verdict(read_text(text, &client), ACCESS_GOOD);
	/* a signature cut short, or grown */
	text[strlen(text) - 4] = '\0';
	assert_true(read_text(text, &client) != ACCESS_GOOD);
	(void)snprintf(claims, sizeof claims, "{\"x\":\"%06000d\"}", 1);
	assert_verdict(read_made(issuer.rsa, NULL, RS256, claims), ACCESS_MALFORMED);
}

static void without_keys_everybody_is_told_to_come_again(void **state)
{
	static char text[JWS_TEXT_BYTES];
	char client[ACCESS_CLIENT_BYTES];
	(void)state;
	jws_make(text, issuer.rsa, NULL, RS256, CLAIMS);
	assert_verdict(access_token_read(&rules, NULL, text, strlen(text), JWS_NOW, client), ACCESS_NO_KEYS);
	assert_verdict(access_token_read(&rules, NULL, "rubbish", 7, JWS_NOW, client), ACCESS_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_token_says_which_program_asked_for_it),
	        cmocka_unit_test(the_algorithm_is_not_the_senders_to_choose),
	        cmocka_unit_test(keys_come_from_the_issuer_alone),
	        cmocka_unit_test(what_a_header_asks_for_beyond_that_is_refused),
	        cmocka_unit_test(issuer_audience_and_time_have_to_fit),
	        cmocka_unit_test(a_token_that_was_touched_or_is_no_jws_is_refused),
	        cmocka_unit_test(without_keys_everybody_is_told_to_come_again),
	};
	return cmocka_run_group_tests(tests, make_issuer, end_issuer);
}
