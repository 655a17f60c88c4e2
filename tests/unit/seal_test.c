/* Sealing: what opens, what does not, known answers, rotation, and one ring used by many threads. */
#include "common/base/seal.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY_A    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" /* bytes 0 to 31 */
#define KEY_B    "//////////////////////////////////////////8=" /* 32 times 0xff */
#define KEY_ZERO "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define AAD      "vAAAAAAAAAAAAAAAAAAAAAA"

enum { TEXT_MAX = 32 * 1024, THREADS = 4, ROUNDS = 500, NONCE_DIGITS = 16 };

static struct seal_ring *ring_of(const char *spec)
{
	struct seal_ring *ring = NULL;

	assert_int_equal(seal_ring_new(spec, &ring, NULL), ERR_OK);
	return ring;
}

static enum err_code open_str(const struct seal_ring *ring, const char *aad, const char *sealed, struct buf *out)
{
	return seal_open(ring, aad, sealed, strlen(sealed), out, NULL);
}

static void what_was_sealed_opens_again_at_every_length(void **state)
{
	static const size_t lengths[] = {0, 1, 2, 3, 15, 16, 17, 1000, SEAL_MAX_PLAIN_BYTES};
	struct seal_ring *ring = ring_of("k1:" KEY_A);
	char *plain = malloc(SEAL_MAX_PLAIN_BYTES);
	struct buf sealed;
	struct buf opened;

	(void)state;
	assert_non_null(plain);
	for (size_t i = 0; i < SEAL_MAX_PLAIN_BYTES; i++)
		plain[i] = (char)(i * 31);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		buf_init(&sealed, TEXT_MAX);
		buf_init(&opened, TEXT_MAX);
		assert_int_equal(seal_text(ring, AAD, plain, lengths[i], &sealed, NULL), ERR_OK);
		assert_int_equal(seal_open(ring, AAD, sealed.data, sealed.len, &opened, NULL), ERR_OK);
		assert_int_equal(opened.len, lengths[i]);
		assert_memory_equal(opened.data, plain, lengths[i]);
		buf_fini(&sealed);
		buf_fini(&opened);
	}
	free(plain);
	seal_ring_free(ring);
}

static void known_answers_open(void **state)
{
	/* The first two: AES-256-GCM test cases 13 and 14 of the GCM specification. */
	static const struct {
		const char *spec;
		const char *aad;
		const char *sealed;
		const char *plain;
		size_t len;
	} cases[] = {
	        {"z:" KEY_ZERO, "", "z.AAAAAAAAAAAAAAAAUw-K-8dFNrmpY7TxxMtziw", "", 0},
	        {"z:" KEY_ZERO, "", "z.AAAAAAAAAAAAAAAAzqdAPU1ga24HTsXTuvOdGNDRyKeZmWvwJluYtdSKuRk",
	         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16},
	        {"k1:" KEY_A, "vABC", "k1.AAECAwQFBgcICQoLL2e6d6pVlsX18fSJNfZ47Bfbnkqt", "hello", 5},
	};
	struct buf opened;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seal_ring *ring = ring_of(cases[i].spec);

		buf_init(&opened, TEXT_MAX);
		assert_int_equal(open_str(ring, cases[i].aad, cases[i].sealed, &opened), ERR_OK);
		assert_int_equal(opened.len, cases[i].len);
		assert_memory_equal(opened.data, cases[i].plain, cases[i].len);
		buf_fini(&opened);
		seal_ring_free(ring);
	}
}

static void a_sealed_text_names_its_key_shows_nothing_and_differs_each_time(void **state)
{
	struct seal_ring *ring = ring_of("k1:" KEY_A);
	struct buf first;
	struct buf second;

	(void)state;
	buf_init(&first, TEXT_MAX);
	buf_init(&second, TEXT_MAX);
	assert_int_equal(buf_append_str(&first, "before "), ERR_OK);
	assert_int_equal(seal_text(ring, AAD, "person@example.org", 18, &first, NULL), ERR_OK);
	assert_int_equal(seal_text(ring, AAD, "person@example.org", 18, &second, NULL), ERR_OK);
	assert_true(strncmp(first.data, "before k1.", 10) == 0);
	assert_string_not_equal(first.data + 7, second.data);
	assert_null(strstr(first.data, "person"));
	assert_int_equal(strspn(second.data + 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
	                 second.len - 3);
	buf_fini(&first);
	buf_fini(&second);
	seal_ring_free(ring);
}

static int by_nonce(const void *a, const void *b)
{
	return memcmp(a, b, NONCE_DIGITS);
}

static void no_nonce_comes_twice(void **state)
{
	static char nonces[ROUNDS][NONCE_DIGITS];
	struct seal_ring *ring = ring_of("k1:" KEY_A);
	struct buf sealed;

	(void)state;
	buf_init(&sealed, TEXT_MAX);
	for (size_t i = 0; i < ROUNDS; i++) {
		buf_clear(&sealed);
		assert_int_equal(seal_text(ring, AAD, "abc", i % 4, &sealed, NULL), ERR_OK);
		memcpy(nonces[i], sealed.data + strlen("k1."), NONCE_DIGITS);
	}
	qsort(nonces, ROUNDS, NONCE_DIGITS, by_nonce);
	for (size_t i = 1; i < ROUNDS; i++)
		assert_memory_not_equal(nonces[i], nonces[i - 1], NONCE_DIGITS);
	buf_fini(&sealed);
	seal_ring_free(ring);
}

static void a_text_moved_to_another_id_does_not_open(void **state)
{
	struct seal_ring *ring = ring_of("k1:" KEY_A);
	struct buf sealed;
	struct buf opened;

	(void)state;
	buf_init(&sealed, TEXT_MAX);
	buf_init(&opened, TEXT_MAX);
	assert_int_equal(seal_text(ring, AAD, "abc", 3, &sealed, NULL), ERR_OK);
	assert_int_equal(open_str(ring, "vBAAAAAAAAAAAAAAAAAAAAA", sealed.data, &opened), ERR_CRYPTO);
	assert_int_equal(open_str(ring, "", sealed.data, &opened), ERR_CRYPTO);
	assert_int_equal(opened.len, 0);
	buf_fini(&sealed);
	buf_fini(&opened);
	seal_ring_free(ring);
}

static void a_change_of_any_character_is_noticed(void **state)
{
	struct seal_ring *ring = ring_of("k1:" KEY_A);
	struct buf sealed;
	struct buf opened;

	(void)state;
	buf_init(&sealed, TEXT_MAX);
	buf_init(&opened, TEXT_MAX);
	assert_int_equal(seal_text(ring, AAD, "abcd", 4, &sealed, NULL), ERR_OK);
	for (size_t i = 0; i < sealed.len; i++) {
		char was = sealed.data[i];

		sealed.data[i] = was == 'A' ? 'B' : 'A';
		assert_int_not_equal(open_str(ring, AAD, sealed.data, &opened), ERR_OK);
		sealed.data[i] = was;
		assert_int_not_equal(seal_open(ring, AAD, sealed.data, i, &opened, NULL), ERR_OK);
	}
	assert_int_equal(opened.len, 0);
	assert_int_equal(open_str(ring, AAD, sealed.data, &opened), ERR_OK);
	buf_fini(&sealed);
	buf_fini(&opened);
	seal_ring_free(ring);
}

static void what_has_not_the_shape_is_invalid(void **state)
{
	static const char *const texts[] = {
	        "",
	        ".",
	        "k1",
	        "k1.",
	        "k1.AAAA",
	        "K1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	        "abcdefghijklmnopq.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	        "k1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	        "k1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
	        "k1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+",
	        "k1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",
	};
	struct seal_ring *ring = ring_of("k1:" KEY_A);
	struct buf opened;

	(void)state;
	buf_init(&opened, TEXT_MAX);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(open_str(ring, AAD, texts[i], &opened), ERR_INVALID);
	assert_int_equal(open_str(ring, AAD, "k1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &opened), ERR_CRYPTO);
	buf_fini(&opened);
	seal_ring_free(ring);
}

static void the_first_key_seals_and_all_keys_open(void **state)
{
	struct seal_ring *old = ring_of("k1:" KEY_A);
	struct seal_ring *rotated = ring_of("k2:" KEY_B ",k1:" KEY_A);
	struct seal_ring *new = ring_of("k2:" KEY_B);
	struct buf by_old;
	struct buf by_rotated;
	struct buf opened;

	(void)state;
	buf_init(&by_old, TEXT_MAX);
	buf_init(&by_rotated, TEXT_MAX);
	buf_init(&opened, TEXT_MAX);
	assert_int_equal(seal_text(old, AAD, "1", 1, &by_old, NULL), ERR_OK);
	assert_int_equal(seal_text(rotated, AAD, "2", 1, &by_rotated, NULL), ERR_OK);
	assert_true(strncmp(by_rotated.data, "k2.", 3) == 0);
	assert_int_equal(open_str(rotated, AAD, by_old.data, &opened), ERR_OK);
	assert_int_equal(open_str(new, AAD, by_rotated.data, &opened), ERR_OK);
	assert_string_equal(opened.data, "12");
	assert_int_equal(open_str(new, AAD, by_old.data, &opened), ERR_NOT_FOUND);
	buf_fini(&by_old);
	buf_fini(&by_rotated);
	buf_fini(&opened);
	seal_ring_free(old);
	seal_ring_free(rotated);
	seal_ring_free(new);
}

static void limits_hold_and_a_failure_appends_nothing(void **state)
{
	static const char plain[SEAL_MAX_PLAIN_BYTES + 1];
	struct seal_ring *ring = ring_of("k1:" KEY_A);
	struct buf sealed;
	struct buf small;

	(void)state;
	buf_init(&sealed, TEXT_MAX);
	buf_init(&small, 10);
	assert_int_equal(seal_text(ring, AAD, plain, sizeof(plain), &sealed, NULL), ERR_LIMIT);
	assert_int_equal(seal_text(ring, AAD, plain, 1, &small, NULL), ERR_LIMIT);
	assert_int_equal(small.len, 0);
	assert_int_equal(seal_text(ring, AAD, plain, 11, &sealed, NULL), ERR_OK);
	assert_int_equal(open_str(ring, AAD, sealed.data, &small), ERR_LIMIT);
	assert_int_equal(small.len, 0);
	buf_fini(&sealed);
	buf_fini(&small);
	seal_ring_free(ring);
}

static void a_bad_key_list_is_refused_without_showing_a_key(void **state)
{
	static const char *const specs[] = {
	        "",
	        "k1",
	        "k1:",
	        KEY_A,
	        ":" KEY_A,
	        "K1:" KEY_A,
	        "abcdefghijklmnopq:" KEY_A,
	        "k1:" KEY_A "=",
	        "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh",
	        "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=",
	        "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH!8=",
	        "k1:" KEY_A ",",
	        "k1:" KEY_A ",k1:" KEY_B,
	        "k1:" KEY_A " ,k2:" KEY_B,
	        "a:" KEY_A ",b:" KEY_A ",c:" KEY_A ",d:" KEY_A ",e:" KEY_A ",f:" KEY_A ",g:" KEY_A ",h:" KEY_A
	        ",i:" KEY_A,
	};
	struct seal_ring *ring = NULL;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		err = (struct err){0};
		assert_int_equal(seal_ring_new(specs[i], &ring, &err), ERR_INVALID);
		assert_null(ring);
		assert_non_null(strstr(err.msg, "seal key"));
		assert_null(strstr(err.msg, "AAECAw"));
	}
}

static void either_base64_alphabet_makes_the_same_key(void **state)
{
	struct seal_ring *standard = ring_of("k1:" KEY_B);
	struct seal_ring *url = ring_of("k1:__________________________________________8");
	struct buf sealed;
	struct buf opened;

	(void)state;
	buf_init(&sealed, TEXT_MAX);
	buf_init(&opened, TEXT_MAX);
	assert_int_equal(seal_text(standard, AAD, "abc", 3, &sealed, NULL), ERR_OK);
	assert_int_equal(open_str(url, AAD, sealed.data, &opened), ERR_OK);
	buf_fini(&sealed);
	buf_fini(&opened);
	seal_ring_free(standard);
	seal_ring_free(url);
}

/* Asserting is not for other threads: each counts its own failures. */
struct worker {
	const struct seal_ring *ring;
	size_t failures;
};

static void *seal_and_open(void *arg)
{
	struct worker *worker = arg;
	struct buf sealed;
	struct buf opened;

	buf_init(&sealed, TEXT_MAX);
	buf_init(&opened, TEXT_MAX);
	for (int i = 0; i < ROUNDS; i++) {
		buf_clear(&sealed);
		buf_clear(&opened);
		if (seal_text(worker->ring, AAD, &i, sizeof(i), &sealed, NULL) != ERR_OK ||
		    seal_open(worker->ring, AAD, sealed.data, sealed.len, &opened, NULL) != ERR_OK ||
		    opened.len != sizeof(i) || memcmp(opened.data, &i, sizeof(i)) != 0)
			worker->failures++;
	}
	buf_fini(&sealed);
	buf_fini(&opened);
	return NULL;
}

static void threads_share_one_ring(void **state)
{
	struct seal_ring *ring = ring_of("k1:" KEY_A);
	struct worker workers[THREADS] = {0};
	pthread_t threads[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++) {
		workers[i].ring = ring;
		assert_int_equal(pthread_create(&threads[i], NULL, seal_and_open, &workers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(workers[i].failures, 0);
	}
	seal_ring_free(ring);
	seal_ring_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_was_sealed_opens_again_at_every_length),
	        cmocka_unit_test(known_answers_open),
	        cmocka_unit_test(a_sealed_text_names_its_key_shows_nothing_and_differs_each_time),
	        cmocka_unit_test(no_nonce_comes_twice),
	        cmocka_unit_test(a_text_moved_to_another_id_does_not_open),
	        cmocka_unit_test(a_change_of_any_character_is_noticed),
	        cmocka_unit_test(what_has_not_the_shape_is_invalid),
	        cmocka_unit_test(the_first_key_seals_and_all_keys_open),
	        cmocka_unit_test(limits_hold_and_a_failure_appends_nothing),
	        cmocka_unit_test(a_bad_key_list_is_refused_without_showing_a_key),
	        cmocka_unit_test(either_base64_alphabet_makes_the_same_key),
	        cmocka_unit_test(threads_share_one_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
