/* Ids and questions: shape, known answers, what makes two questions equal, base64url to the letter. */
#include "common/base/ids.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define FIELD(text)                                                                                                    \
	{                                                                                                              \
		(text), sizeof(text) - 1                                                                               \
	}

enum { MANY = 2000, THREADS = 4 };

static struct id_key *key_of(const char *secret)
{
	struct id_key *key = NULL;

	assert_int_equal(id_key_new(secret, &key, NULL), ERR_OK);
	return key;
}

static void a_question_is_the_hmac_of_its_length_prefixed_fields(void **state)
{
	/* Computed with another implementation: HMAC-SHA256 over len (8 bytes, big-endian) and bytes of each field. */
	const struct id_field fields[] = {FIELD("biocatch.score"), FIELD("demo"), {NULL, 0}, FIELD("u-1")};
	struct id_key *key = key_of(SECRET);
	char question[QUESTION_BYTES];
	char id[ID_BYTES];

	(void)state;
	assert_int_equal(id_question(key, fields, 4, question), ERR_OK);
	assert_string_equal(question, "-_n_6AmQH2DcVvr57c4tAneuTEZAXXgIL0lqWKid5zg");
	assert_int_equal(id_of_question(key, fields, 4, id), ERR_OK);
	assert_string_equal(id, "v-_n_6AmQH2DcVvr57c4tAg");
	id_key_free(key);
}

/* Three fields of that many bytes, by OpenSSL in one go. */
static void check_long_question(const struct id_key *key, size_t len)
{
	enum { FIELDS = 3 };
	char *text = malloc(len + 1);
	unsigned char *whole = malloc(FIELDS * (8 + len));
	unsigned char mac[32];
	char question[QUESTION_BYTES], expected[QUESTION_BYTES];
	size_t used = 0;

	assert_non_null(text);
	assert_non_null(whole);
	memset(text, 'x', len);
	for (int i = 0; i < FIELDS; i++) {
		for (int shift = 56; shift >= 0; shift -= 8)
			whole[used++] = (unsigned char)(len >> shift);
		memcpy(whole + used, text, len);
		used += len;
	}
	const struct id_field fields[FIELDS] = {{text, len}, {text, len}, {text, len}};
	assert_int_equal(id_question(key, fields, FIELDS, question), ERR_OK);
	assert_non_null(HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET), whole, used, mac, NULL));
	base64url_encode(mac, sizeof mac, expected);
	assert_string_equal(question, expected);
	free(whole);
	free(text);
}

static void fields_may_be_of_any_length(void **state)
{
	struct id_key *key = key_of(SECRET);

	(void)state;
	for (size_t len = 0; len <= 1100; len++)
		check_long_question(key, len);
	check_long_question(key, 100000);
	id_key_free(key);
}

static void equal_questions_meet_and_different_ones_do_not(void **state)
{
	static const struct id_field asked[][2] = {
	        {FIELD("ab"), FIELD("c")}, {FIELD("a"), FIELD("bc")}, {FIELD("abc"), FIELD("")},
	        {FIELD(""), FIELD("abc")}, {FIELD("AB"), FIELD("c")},
	};
	enum { ASKED = sizeof(asked) / sizeof(asked[0]) };
	struct id_key *key = key_of(SECRET);
	struct id_key *other = key_of(SECRET "x");
	char questions[ASKED + 2][QUESTION_BYTES];
	char again[QUESTION_BYTES];

	(void)state;
	for (size_t i = 0; i < ASKED; i++) {
		assert_int_equal(id_question(key, asked[i], 2, questions[i]), ERR_OK);
		assert_int_equal(id_question(key, asked[i], 2, again), ERR_OK);
		assert_string_equal(questions[i], again);
	}
	assert_int_equal(id_question(key, asked[2], 1, questions[ASKED]), ERR_OK);
	assert_int_equal(id_question(other, asked[0], 2, questions[ASKED + 1]), ERR_OK);
	for (size_t i = 0; i < ASKED + 2; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(questions[i], questions[j]);
	id_key_free(key);
	id_key_free(other);
}

static void a_null_text_counts_as_an_empty_one(void **state)
{
	const struct id_field null_text = {NULL, 5};
	const struct id_field empty = FIELD("");
	struct id_key *key = key_of(SECRET);
	char first[QUESTION_BYTES];
	char second[QUESTION_BYTES];

	(void)state;
	assert_int_equal(id_question(key, &null_text, 1, first), ERR_OK);
	assert_int_equal(id_question(key, &empty, 1, second), ERR_OK);
	assert_string_equal(first, second);
	id_key_free(key);
}

static void a_short_secret_is_refused_without_showing_it(void **state)
{
	struct id_key *key = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(id_key_new("0123456789abcdef0123456789abcde", &key, &err), ERR_INVALID);
	assert_null(key);
	assert_null(strstr(err.msg, "0123"));
	id_key_free(NULL);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void random_ids_have_the_shape_and_do_not_repeat(void **state)
{
	char(*ids)[ID_BYTES] = calloc(MANY, ID_BYTES);

	(void)state;
	assert_non_null(ids);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(id_random(ids[i]), ERR_OK);
		assert_true(id_is_valid(ids[i], strlen(ids[i])));
	}
	qsort(ids, MANY, ID_BYTES, by_text);
	for (size_t i = 1; i < MANY; i++)
		assert_string_not_equal(ids[i - 1], ids[i]);
	free(ids);
}

static void lease_tokens_are_16_hex_digits_and_do_not_repeat(void **state)
{
	char(*tokens)[TOKEN_BYTES] = calloc(MANY, TOKEN_BYTES);

	(void)state;
	assert_non_null(tokens);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(id_token(tokens[i]), ERR_OK);
		assert_int_equal(strlen(tokens[i]), 16);
		assert_int_equal(strspn(tokens[i], "0123456789abcdef"), 16);
	}
	qsort(tokens, MANY, TOKEN_BYTES, by_text);
	for (size_t i = 1; i < MANY; i++)
		assert_string_not_equal(tokens[i - 1], tokens[i]);
	free(tokens);
}

static void only_the_shape_of_an_id_is_valid(void **state)
{
	static const char *const bad[] = {
	        "",
	        "v",
	        "V0123456789abcdefghijkl",
	        "v0123456789abcdefghijk",
	        "v0123456789abcdefghijklm",
	        "v0123456789abcdefghij=l",
	        "v0123456789abcdefghij+l",
	        "v0123456789abcdefghij\nl",
	        "v0123456789abcdefghi\xc3\xa4l",
	        "v0123456789abc}efghijkl",
	};

	(void)state;
	assert_true(id_is_valid("v0123456789ABCxyz-_ijkl", 23));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(id_is_valid(bad[i], strlen(bad[i])));
	assert_false(id_is_valid("v0123456789abc\0efghijkl", 23));
}

static void base64url_has_the_answers_of_rfc_4648(void **state)
{
	static const struct {
		const char *plain;
		const char *text;
	} cases[] = {
	        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
	        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"},
	};
	char text[16];
	char plain[16];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		base64url_encode(cases[i].plain, strlen(cases[i].plain), text);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(strlen(text), BASE64URL_LEN(strlen(cases[i].plain)));
		assert_int_equal(base64url_decode(text, strlen(text), plain, strlen(cases[i].plain), &len), ERR_OK);
		assert_int_equal(len, strlen(cases[i].plain));
		assert_memory_equal(plain, cases[i].plain, len);
	}
}

static void every_byte_value_survives_base64url(void **state)
{
	unsigned char bytes[256];
	unsigned char back[256];
	char text[BASE64URL_LEN(256) + 1];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	for (size_t skip = 0; skip < sizeof(bytes); skip++) {
		base64url_encode(bytes + skip, sizeof(bytes) - skip, text);
		assert_int_equal(base64url_decode(text, strlen(text), back, sizeof(bytes) - skip, &len), ERR_OK);
		assert_int_equal(len, sizeof(bytes) - skip);
		assert_memory_equal(back, bytes + skip, len);
	}
}

static void base64url_is_strict(void **state)
{
	static const char *const bad[] = {"Z",    "Zg==", "Zg=",   "Zm9vZ",  "Zh",       "Zm9",
	                                  "Zm+v", "Zm/v", "Zm 9v", "Zm9v\n", "Z\xc3\xa4"};
	char out[16];
	size_t len = 99;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(base64url_decode(bad[i], strlen(bad[i]), out, sizeof(out), &len), ERR_INVALID);
	assert_int_equal(base64url_decode("Zm9v", 4, out, 2, &len), ERR_LIMIT);
	assert_int_equal(base64url_decode("Zm8", 3, out, 1, &len), ERR_LIMIT);
	assert_int_equal(base64url_decode("Zg", 2, out, 0, &len), ERR_LIMIT);
	assert_int_equal(len, 99);
}

struct worker {
	const struct id_key *key;
	size_t failures;
};

static void *ask(void *arg)
{
	static const struct id_field fields[] = {FIELD("biocatch.score"), FIELD("demo"), {NULL, 0}, FIELD("u-1")};
	struct worker *worker = arg;
	char id[ID_BYTES];

	for (int i = 0; i < MANY; i++)
		if (id_of_question(worker->key, fields, 4, id) != ERR_OK || strcmp(id, "v-_n_6AmQH2DcVvr57c4tAg") != 0)
			worker->failures++;
	return NULL;
}

static void threads_share_one_key(void **state)
{
	struct id_key *key = key_of(SECRET);
	struct worker workers[THREADS] = {0};
	pthread_t threads[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++) {
		workers[i].key = key;
		assert_int_equal(pthread_create(&threads[i], NULL, ask, &workers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(workers[i].failures, 0);
	}
	id_key_free(key);
}

static void an_ids_variants_are_ids_and_all_different(void **state)
{
	enum { VARIANTS = 4096 };
	static char seen[VARIANTS][ID_BYTES];
	char id[ID_BYTES], first[ID_BYTES];
	(void)state;
	assert_int_equal(id_random(id), ERR_OK);
	memcpy(first, id, ID_BYTES);
	for (unsigned i = 0; i < VARIANTS; i++) {
		id_vary(id, i);
		assert_true(id_is_valid(id, strlen(id)));
		assert_memory_equal(id, first, ID_VARIES_AT);
		assert_int_equal(id[ID_BYTES - 2], first[ID_BYTES - 2]);
		memcpy(seen[i], id, ID_BYTES);
	}
	qsort(seen, VARIANTS, ID_BYTES, by_text);
	for (unsigned i = 1; i < VARIANTS; i++)
		assert_string_not_equal(seen[i], seen[i - 1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_question_is_the_hmac_of_its_length_prefixed_fields),
	        cmocka_unit_test(fields_may_be_of_any_length),
	        cmocka_unit_test(equal_questions_meet_and_different_ones_do_not),
	        cmocka_unit_test(a_null_text_counts_as_an_empty_one),
	        cmocka_unit_test(a_short_secret_is_refused_without_showing_it),
	        cmocka_unit_test(random_ids_have_the_shape_and_do_not_repeat),
	        cmocka_unit_test(lease_tokens_are_16_hex_digits_and_do_not_repeat),
	        cmocka_unit_test(only_the_shape_of_an_id_is_valid),
	        cmocka_unit_test(base64url_has_the_answers_of_rfc_4648),
	        cmocka_unit_test(every_byte_value_survives_base64url),
	        cmocka_unit_test(base64url_is_strict),
	        cmocka_unit_test(threads_share_one_key),
	        cmocka_unit_test(an_ids_variants_are_ids_and_all_different),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
