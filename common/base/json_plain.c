/* json_plain: looks at the sixteen bytes of a vector together. Every processor that this is built for has them, and the
 * compiler knows how. */
#include "common/base/json_plain.h"
#include <endian.h>
#include <stdint.h>
#include <string.h>

enum { VECTOR_BYTES = 16, WORD_BITS = 64 };
typedef signed char vector __attribute__((vector_size(VECTOR_BYTES)));

/* Returns: how many of the sixteen bytes from `at` on are plain, before the first that is not. */
static inline size_t plain_of_vector(const char *at)
{
	uint64_t marks[2];
	vector bytes;
	memcpy(&bytes, at, sizeof bytes);
	vector special =
	        (bytes < 0x20) | (bytes == '"') | (bytes == '\\'); /* as signed, what is not ASCII is below 0 */
	memcpy(marks, &special, sizeof marks);
	if (!(marks[0] | marks[1]))
		return VECTOR_BYTES;
	size_t bit = marks[0] ? (size_t)__builtin_ctzll(le64toh(marks[0]))
	                      : WORD_BITS + (size_t)__builtin_ctzll(le64toh(marks[1]));
	return bit / 8;
}

size_t json_plain_run(const char *text, size_t len)
{
	if (len < VECTOR_BYTES) {
		char filled[VECTOR_BYTES];
		memset(filled, '"', sizeof filled); /* the run ends behind the text */
		if (len > 0)
			memcpy(filled, text, len);
		return plain_of_vector(filled);
	}
	const size_t last = len - VECTOR_BYTES; /* that vector may begin in the one before it */
	size_t at = 0, plain = plain_of_vector(text);
	while (plain == VECTOR_BYTES && at < last) {
		at = at + VECTOR_BYTES < last ? at + VECTOR_BYTES : last;
		plain = plain_of_vector(text + at);
	}
	return at + plain;
}
