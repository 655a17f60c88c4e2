/* tokens: what a token carries and proves, that it is what the RFCs say, and that a changed one is none. Forged ones:
 * tokens_forged_test.c. */
#include "ingress/tokens.h"
#include "tests/unit/token_fixture.h"
#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/token_checks.h"

#define SIGNING_2    "signing-secret-two-9876543210-9876543210-9876543210-9876543210-zz"
#define ENCRYPTION_2 "encryption-secret-two-9876543210-9876543210-9876543210-987654321"
#define DIGITS       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))

enum { THREADS = 4, ROUNDS = 100, LINE_BYTES = 1024 };

/* ---- the fixture itself ---- */

static void the_fixture_gives_the_answers_of_the_rfcs(void **state)
{
	/* RFC 7515 appendix A.1 */
	static const char key_text[] =
	        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
	static const char header[] = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}";
	static const char payload[] =
	        "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
	/* RFC 7518 appendix B.3 */
	static const char secret_text[] = "A cipher system must not be required to be secret, and it must be able to "
	                                  "fall into the hands of the enemy without inconvenience";
	static const char aad[] = "The second principle of Auguste Kerckhoffs";
	static const unsigned char iv[] = {0x1a, 0xf3, 0x8c, 0x2d, 0xc2, 0xb9, 0x6f, 0xfd,
	                                   0xd8, 0x66, 0x94, 0x09, 0x23, 0x41, 0xbc, 0x04};
	static const unsigned char expected[] = {0x4d, 0xd3, 0xb4, 0xc0, 0x88, 0xa7, 0xf4, 0x5c, 0x21, 0x68, 0x39,
	                                         0x64, 0x5b, 0x20, 0x12, 0xbf, 0x2e, 0x62, 0x69, 0xa8, 0xc5, 0x6a,
	                                         0x81, 0x6d, 0xbc, 0x1b, 0x26, 0x77, 0x61, 0x95, 0x5b, 0xc5};
	unsigned char key[64], ciphertext[160], tag[FIXTURE_TAG_BYTES];
	size_t key_len = 0;
	struct buf out;
	(void)state;
	assert_int_equal(base64url_decode(key_text, strlen(key_text), key, sizeof key, &key_len), ERR_OK);
	buf_init(&out, FIXTURE_TEXT_BYTES);
	fixture_jws(&out, header, payload, strlen(payload), key, key_len, EVP_sha256());
	assert_string_equal(strrchr(out.data, '.'), ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
	buf_fini(&out);
	for (unsigned char i = 0; i < 64; i++)
		key[i] = i;
	int len = fixture_aes(true, key + 32, iv, secret_text, strlen(secret_text), ciphertext);
	assert_int_equal(len, 144);
	assert_int_equal(ciphertext[0], 0x4a);
	fixture_tag(key, aad, strlen(aad), iv, ciphertext, (size_t)len, tag);
	assert_memory_equal(tag, expected, sizeof expected);
}

/* ---- good tokens ---- */

static void what_was_made_reads_back_and_may_be_read_again(void **state)
{
	static const char *const people[] = {FIXTURE_OBJECT, "", "\"quotes\\ and / slashes\"", "Zoë Ångström 測試",
	                                     "x"};
	struct tokens *tokens = fixture_good_tokens();
	struct buf token, again;
	(void)state;
	for (size_t i = 0; i < COUNT(people); i++) {
		struct token_claims got;
		make(tokens, people[i], FIXTURE_REFERENCE, &token);
		make(tokens, people[i], FIXTURE_REFERENCE, &again);
		assert_string_not_equal(token.data, again.data);
		for (int round = 0; round < 2; round++) {
			assert_int_equal(read_at(tokens, &token, FIXTURE_NOW, &got), ERR_OK);
			assert_string_equal(got.object_id, people[i]);
			assert_string_equal(got.reference, FIXTURE_REFERENCE);
			assert_int_equal(got.expires_s, FIXTURE_NOW + TOKEN_LIFE_S);
		}
		buf_fini(&token);
		buf_fini(&again);
	}
	tokens_free(tokens);
	tokens_free(NULL);
}

static void the_longest_claims_fit(void **state)
{
	char object[TOKEN_OBJECT_ID_BYTES], reference[TOKEN_REFERENCE_BYTES], issuer[257];
	struct token_claims got;
	struct buf token;
	(void)state;
	memset(object, '"', sizeof object - 1); /* two characters each in JSON */
	memset(reference, 'r', sizeof reference - 1);
	memset(issuer, '\\', sizeof issuer - 1);
	object[sizeof object - 1] = reference[sizeof reference - 1] = issuer[sizeof issuer - 1] = '\0';
	struct tokens *tokens = fixture_tokens(FIXTURE_SIGNING, FIXTURE_ENCRYPTION, issuer, issuer);
	make(tokens, object, reference, &token);
	assert_int_equal(read_at(tokens, &token, FIXTURE_NOW, &got), ERR_OK);
	assert_string_equal(got.object_id, object);
	assert_string_equal(got.reference, reference);
	buf_fini(&token);
	tokens_free(tokens);
}

static void no_room_is_a_limit_and_appends_nothing(void **state)
{
	struct tokens *tokens = fixture_good_tokens();
	struct token_claims claims = {FIXTURE_OBJECT, FIXTURE_REFERENCE, FIXTURE_NOW};
	struct buf out;
	(void)state;
	buf_init(&out, 100);
	assert_int_equal(buf_append_str(&out, "before"), ERR_OK);
	assert_int_equal(token_make(tokens, &claims, FIXTURE_NOW, &out), ERR_LIMIT);
	assert_string_equal(out.data, "before");
	buf_fini(&out);
	tokens_free(tokens);
}

static size_t decode(const char *text, size_t len, unsigned char *out)
{
	size_t got = 0;
	assert_int_equal(base64url_decode(text, len, out, TOKEN_MAX_BYTES, &got), ERR_OK);
	return got;
}

static const char claims_made[] = "{\"iss\":\"" FIXTURE_ISSUER "\",\"aud\":\"" FIXTURE_AUDIENCE
                                  "\",\"ObjectId\":\"" FIXTURE_OBJECT "\",\"transactionReference\":\"" FIXTURE_REFERENCE
                                  "\",\"iat\":1790000000,\"nbf\":1790000000,\"exp\":1790086400}";

/* Opened with OpenSSL alone, part by part. */
static void a_token_is_the_jws_in_a_jwe_that_the_rfcs_describe(void **state)
{
	struct tokens *tokens = fixture_good_tokens();
	unsigned char signing[FIXTURE_KEY_BYTES], encryption[FIXTURE_KEY_BYTES], iv[TOKEN_MAX_BYTES],
	        tag[TOKEN_MAX_BYTES];
	unsigned char ciphertext[TOKEN_MAX_BYTES], expected[FIXTURE_TAG_BYTES];
	char inner[TOKEN_MAX_BYTES], header[TOKEN_MAX_BYTES], claims[TOKEN_MAX_BYTES], *part[5], *rest;
	struct buf token, again;
	(void)state;
	fixture_keys(signing, encryption);
	make(tokens, FIXTURE_OBJECT, FIXTURE_REFERENCE, &token);
	rest = token.data;
	for (size_t i = 0; i < 5; i++)
		part[i] = strsep(&rest, ".");
	assert_null(rest);
	assert_string_equal(part[1], "");
	assert_int_equal(decode(part[2], strlen(part[2]), iv), FIXTURE_IV_BYTES);
	assert_int_equal(decode(part[4], strlen(part[4]), tag), FIXTURE_TAG_BYTES);
	size_t len = decode(part[3], strlen(part[3]), ciphertext);
	fixture_tag(encryption, part[0], strlen(part[0]), iv, ciphertext, len, expected);
	assert_memory_equal(tag, expected, sizeof expected);
	int inner_len = fixture_aes(false, encryption + 32, iv, ciphertext, len, (unsigned char *)inner);
	assert_true(inner_len > 0);
	inner[inner_len] = '\0';
	header[decode(part[0], strlen(part[0]), (unsigned char *)header)] = '\0';
	assert_string_equal(header, "{\"alg\":\"dir\",\"cty\":\"JWT\",\"enc\":\"A256CBC-HS512\"}");

	char *dot = strchr(inner, '.'), *last = strrchr(inner, '.');
	assert_true(dot && last > dot);
	header[decode(inner, (size_t)(dot - inner), (unsigned char *)header)] = '\0';
	assert_string_equal(header, FIXTURE_JWS_HEADER);
	claims[decode(dot + 1, (size_t)(last - dot - 1), (unsigned char *)claims)] = '\0';
	buf_init(&again, TOKEN_MAX_BYTES);
	fixture_jws(&again, header, claims, strlen(claims), signing, sizeof signing, EVP_sha256());
	assert_string_equal(inner, again.data);
	json_t *json = json_loads(claims, 0, NULL), *wanted = json_loads(claims_made, 0, NULL);
	assert_true(json_equal(json, wanted));
	json_decref(json);
	json_decref(wanted);
	buf_fini(&again);
	buf_fini(&token);
	tokens_free(tokens);
}

/* ---- keys ---- */

static void a_token_of_other_keys_is_not_ours(void **state)
{
	struct tokens *tokens = fixture_good_tokens(), *others[3];
	struct buf token;
	(void)state;
	others[0] = fixture_tokens(SIGNING_2, FIXTURE_ENCRYPTION, FIXTURE_ISSUER, FIXTURE_AUDIENCE);
	others[1] = fixture_tokens(FIXTURE_SIGNING, ENCRYPTION_2, FIXTURE_ISSUER, FIXTURE_AUDIENCE);
	others[2] = fixture_tokens(FIXTURE_ENCRYPTION, FIXTURE_SIGNING, FIXTURE_ISSUER, FIXTURE_AUDIENCE);
	for (size_t i = 0; i < COUNT(others); i++) {
		make(others[i], FIXTURE_OBJECT, FIXTURE_REFERENCE, &token);
		assert_refused(tokens, token.data, token.len);
		buf_fini(&token);
		tokens_free(others[i]);
	}
	tokens_free(tokens);
}

static void after_a_rotation_the_last_keys_still_open_and_the_new_ones_make(void **state)
{
	struct tokens *before = fixture_good_tokens(),
	              *after = fixture_tokens(SIGNING_2, ENCRYPTION_2, FIXTURE_ISSUER, FIXTURE_AUDIENCE);
	struct tokens *between = fixture_tokens(SIGNING_2 "," FIXTURE_SIGNING, ENCRYPTION_2 "," FIXTURE_ENCRYPTION,
	                                        FIXTURE_ISSUER, FIXTURE_AUDIENCE);
	struct token_claims got;
	struct buf token;
	(void)state;
	make(before, FIXTURE_OBJECT, FIXTURE_REFERENCE, &token);
	assert_int_equal(read_at(between, &token, FIXTURE_NOW, &got), ERR_OK);
	assert_string_equal(got.object_id, FIXTURE_OBJECT);
	assert_refused(after, token.data, token.len);
	buf_fini(&token);
	make(between, FIXTURE_OBJECT, FIXTURE_REFERENCE, &token);
	assert_int_equal(read_at(after, &token, FIXTURE_NOW, &got), ERR_OK);
	assert_refused(before, token.data, token.len);
	buf_fini(&token);
	tokens_free(before);
	tokens_free(between);
	tokens_free(after);
}

static void bad_keys_are_refused_without_showing_them(void **state)
{
	static const struct {
		const char *signing, *encryption, *told;
	} cases[] = {
	        {"short-secret", FIXTURE_ENCRYPTION, "SIGNING_KEY: a key is shorter"},
	        {FIXTURE_SIGNING, "short-secret", "ENCRYPTION_KEY: a key is shorter"},
	        {"", FIXTURE_ENCRYPTION, "SIGNING_KEY: a key is shorter"},
	        {FIXTURE_SIGNING ",", FIXTURE_ENCRYPTION, "SIGNING_KEY: a key is shorter"},
	        {"," FIXTURE_SIGNING, FIXTURE_ENCRYPTION, "SIGNING_KEY: a key is shorter"},
	        {FIXTURE_SIGNING "," SIGNING_2 "," ENCRYPTION_2, FIXTURE_ENCRYPTION, "SIGNING_KEY: more than two"},
	        {FIXTURE_SIGNING, FIXTURE_SIGNING, "ENCRYPTION_KEY: the same"},
	        {SIGNING_2 "," FIXTURE_SIGNING, ENCRYPTION_2 "," FIXTURE_SIGNING, "ENCRYPTION_KEY: the same"},
	        {SIGNING_2 "," FIXTURE_SIGNING, SIGNING_2, "ENCRYPTION_KEY: the same"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct tokens_options options = {cases[i].signing, cases[i].encryption, FIXTURE_ISSUER,
		                                       FIXTURE_AUDIENCE};
		struct tokens *tokens = NULL;
		char told[LINE_BYTES] = "";
		FILE *out = fmemopen(told, sizeof told - 1, "w");
		assert_non_null(out);
		assert_int_equal(tokens_new(&options, out, &tokens), ERR_INVALID);
		assert_int_equal(fclose(out), 0);
		assert_null(tokens);
		assert_non_null(strstr(told, cases[i].told));
		assert_ptr_equal(strchr(told, '\n'), told + strlen(told) - 1);
		assert_null(strstr(told, "secret"));
	}
}

/* ---- changed and foreign texts ---- */

static void a_change_of_any_character_is_noticed(void **state)
{
	struct tokens *tokens = fixture_good_tokens();
	struct buf token;
	(void)state;
	make(tokens, FIXTURE_OBJECT, FIXTURE_REFERENCE, &token);
	for (size_t i = 0; i < token.len; i++) {
		char kept = token.data[i];
		const char *at = strchr(DIGITS, kept);
		/* the lowest bit of a digit, which at a part's end must be zero anyway; the highest; and what is no
		 * digit */
		char others[] = {'.', '=', '\0', ' ', '\x80', 'A', '_'};
		if (at) {
			others[5] = DIGITS[(size_t)(at - DIGITS) ^ 1];
			others[6] = DIGITS[(size_t)(at - DIGITS) ^ 32];
		}
		for (size_t other = 0; other < sizeof others; other++) {
			token.data[i] = others[other];
			if (others[other] != kept)
				assert_refused(tokens, token.data, token.len);
		}
		token.data[i] = kept;
	}
	buf_fini(&token);
	tokens_free(tokens);
}

static void a_cut_or_lengthened_token_is_refused(void **state)
{
	struct tokens *tokens = fixture_good_tokens();
	struct buf token;
	(void)state;
	make(tokens, FIXTURE_OBJECT, FIXTURE_REFERENCE, &token);
	for (size_t len = 0; len < token.len; len++)
		assert_refused(tokens, token.data, len);
	for (const char *tail = "A.= \n"; *tail; tail++) {
		size_t len = token.len;
		assert_int_equal(buf_append(&token, tail, 1), ERR_OK);
		assert_refused(tokens, token.data, token.len);
		token.len = len;
	}
	assert_refused(tokens, token.data, token.len + 1); /* with its '\0' */
	buf_fini(&token);
	tokens_free(tokens);
}

static void a_token_of_another_issuer_or_audience_is_refused(void **state)
{
	struct tokens *tokens = fixture_good_tokens(), *others[2];
	struct buf token;
	(void)state;
	others[0] = fixture_tokens(FIXTURE_SIGNING, FIXTURE_ENCRYPTION, FIXTURE_ISSUER ".", FIXTURE_AUDIENCE);
	others[1] = fixture_tokens(FIXTURE_SIGNING, FIXTURE_ENCRYPTION, FIXTURE_ISSUER, FIXTURE_AUDIENCE "2");
	for (size_t i = 0; i < COUNT(others); i++) {
		make(others[i], FIXTURE_OBJECT, FIXTURE_REFERENCE, &token);
		assert_refused(tokens, token.data, token.len);
		buf_fini(&token);
		tokens_free(others[i]);
	}
	tokens_free(tokens);
}

static void a_token_lives_from_its_making_to_its_end_with_a_minute_on_either_side(void **state)
{
	static const struct {
		int64_t at_s;
		enum err_code code;
	} cases[] = {
	        {FIXTURE_NOW - TOKEN_LEEWAY_S - 1, ERR_INVALID},
	        {FIXTURE_NOW - TOKEN_LEEWAY_S, ERR_OK},
	        {FIXTURE_NOW + TOKEN_LIFE_S, ERR_OK},
	        {FIXTURE_NOW + TOKEN_LIFE_S + TOKEN_LEEWAY_S - 1, ERR_OK},
	        {FIXTURE_NOW + TOKEN_LIFE_S + TOKEN_LEEWAY_S, ERR_TIMEOUT},
	        {FIXTURE_NOW + 100 * TOKEN_LIFE_S, ERR_TIMEOUT},
	};
	struct tokens *tokens = fixture_good_tokens();
	struct buf token;
	(void)state;
	make(tokens, FIXTURE_OBJECT, FIXTURE_REFERENCE, &token);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct token_claims got = {0};
		assert_int_equal(read_at(tokens, &token, cases[i].at_s, &got), cases[i].code);
		assert_string_equal(got.object_id, cases[i].code == ERR_INVALID ? "" : FIXTURE_OBJECT);
		assert_string_equal(got.reference, cases[i].code == ERR_INVALID ? "" : FIXTURE_REFERENCE);
	}
	buf_fini(&token);
	tokens_free(tokens);
}

/* ---- threads ---- */

struct worker {
	const struct tokens *tokens;
	int number, failures;
};

static void *make_and_read(void *arg)
{
	struct worker *worker = arg;
	struct token_claims claims = {.expires_s = FIXTURE_NOW + 1}, got;
	struct buf token;
	for (int i = 0; i < ROUNDS; i++) {
		(void)snprintf(claims.object_id, sizeof claims.object_id, "%d-%d", worker->number, i);
		buf_init(&token, TOKEN_MAX_BYTES);
		if (token_make(worker->tokens, &claims, FIXTURE_NOW, &token) != ERR_OK ||
		    token_read(worker->tokens, token.data, token.len, FIXTURE_NOW, &got) != ERR_OK ||
		    strcmp(got.object_id, claims.object_id) != 0 ||
		    token_read(worker->tokens, token.data, token.len - 4, FIXTURE_NOW, &got) != ERR_INVALID)
			worker->failures++;
		buf_fini(&token);
	}
	return NULL;
}

static void threads_share_the_keys(void **state)
{
	struct tokens *tokens = fixture_tokens(SIGNING_2 "," FIXTURE_SIGNING, ENCRYPTION_2 "," FIXTURE_ENCRYPTION,
	                                       FIXTURE_ISSUER, FIXTURE_AUDIENCE);
	struct worker workers[THREADS] = {0};
	pthread_t threads[THREADS];
	(void)state;
	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){tokens, i, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, make_and_read, &workers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(workers[i].failures, 0);
	}
	tokens_free(tokens);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_fixture_gives_the_answers_of_the_rfcs),
	        cmocka_unit_test(what_was_made_reads_back_and_may_be_read_again),
	        cmocka_unit_test(the_longest_claims_fit),
	        cmocka_unit_test(no_room_is_a_limit_and_appends_nothing),
	        cmocka_unit_test(a_token_is_the_jws_in_a_jwe_that_the_rfcs_describe),
	        cmocka_unit_test(a_token_of_other_keys_is_not_ours),
	        cmocka_unit_test(after_a_rotation_the_last_keys_still_open_and_the_new_ones_make),
	        cmocka_unit_test(bad_keys_are_refused_without_showing_them),
	        cmocka_unit_test(a_change_of_any_character_is_noticed),
	        cmocka_unit_test(a_cut_or_lengthened_token_is_refused),
	        cmocka_unit_test(a_token_of_another_issuer_or_audience_is_refused),
	        cmocka_unit_test(a_token_lives_from_its_making_to_its_end_with_a_minute_on_either_side),
	        cmocka_unit_test(threads_share_the_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
