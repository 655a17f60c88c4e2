/* Random bytes: never the same ones twice: not in one thread, not in two, not in a parent and its child. */
#include "common/base/random.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PIECE_BYTES = 12, PIECES = 2000, THREADS = 4, ALL = PIECES * THREADS, CHILD_PIECES = 8 };

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, PIECE_BYTES);
}

static size_t repetitions(unsigned char (*pieces)[PIECE_BYTES], size_t count)
{
	size_t found = 0;

	qsort(pieces, count, PIECE_BYTES, by_bytes);
	for (size_t i = 1; i < count; i++)
		found += memcmp(pieces[i], pieces[i - 1], PIECE_BYTES) == 0;
	return found;
}

static void a_piece_has_the_length_that_was_asked_for(void **state)
{
	unsigned char piece[RANDOM_MAX_BYTES + 1];
	unsigned char seen[RANDOM_MAX_BYTES + 1];

	(void)state;
	for (size_t len = 0; len <= RANDOM_MAX_BYTES; len++) {
		memset(seen, 0, sizeof seen);
		for (int turn = 0; turn < 64; turn++) { /* 2^-512 that a byte is always 0 */
			memset(piece, 0, sizeof piece);
			assert_true(random_bytes(piece, len));
			for (size_t i = 0; i < sizeof piece; i++)
				seen[i] |= piece[i];
		}
		for (size_t i = 0; i < sizeof piece; i++)
			assert_int_equal(seen[i] != 0, i < len);
	}
}

static void more_than_a_piece_is_refused_and_nothing_written(void **state)
{
	unsigned char bytes[RANDOM_MAX_BYTES + 1];
	unsigned char untouched[sizeof bytes];

	(void)state;
	memset(bytes, 7, sizeof bytes);
	memset(untouched, 7, sizeof untouched);
	assert_false(random_bytes(bytes, sizeof bytes));
	assert_memory_equal(bytes, untouched, sizeof bytes);
}

static void *fill(void *arg)
{
	unsigned char(*pieces)[PIECE_BYTES] = arg;

	for (size_t i = 0; i < PIECES; i++)
		if (!random_bytes(pieces[i], PIECE_BYTES))
			return arg;
	return NULL;
}

static void no_piece_comes_twice_in_any_thread(void **state)
{
	static unsigned char pieces[ALL][PIECE_BYTES];
	pthread_t threads[THREADS];
	void *failed = NULL;

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, fill, pieces[i * PIECES]), 0);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(repetitions(pieces, ALL), 0);
}

/* Pieces of a child process, which begins in the middle of its parent's portion. */
static void draw_in_a_child(unsigned char (*pieces)[PIECE_BYTES])
{
	const ssize_t size = (ssize_t)CHILD_PIECES * PIECE_BYTES;
	int ends[2];
	int status = 1;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		bool drawn = true;

		for (size_t i = 0; i < CHILD_PIECES; i++)
			drawn = drawn && random_bytes(pieces[i], PIECE_BYTES);
		_exit(drawn && write(ends[1], pieces, (size_t)size) == size ? 0 : 1);
	}
	assert_int_equal(read(ends[0], pieces, (size_t)size), size);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void a_child_does_not_draw_what_its_parent_or_another_child_draws(void **state)
{
	unsigned char pieces[3 * CHILD_PIECES + 1][PIECE_BYTES];

	(void)state;
	assert_true(random_bytes(pieces[0], PIECE_BYTES)); /* there is a portion */
	draw_in_a_child(pieces + 1);
	draw_in_a_child(pieces + 1 + CHILD_PIECES);
	for (size_t i = 1 + 2 * CHILD_PIECES; i < sizeof pieces / sizeof pieces[0]; i++)
		assert_true(random_bytes(pieces[i], PIECE_BYTES));
	assert_int_equal(repetitions(pieces, sizeof pieces / sizeof pieces[0]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_piece_has_the_length_that_was_asked_for),
	        cmocka_unit_test(more_than_a_piece_is_refused_and_nothing_written),
	        cmocka_unit_test(no_piece_comes_twice_in_any_thread),
	        cmocka_unit_test(a_child_does_not_draw_what_its_parent_or_another_child_draws),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
