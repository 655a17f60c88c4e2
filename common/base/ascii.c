/* ascii: looks at the sixteen bytes of a vector together. */
#include "common/base/ascii.h"
#include <stdint.h>
#include <string.h>

enum { VECTOR_BYTES = 16, DELETE = 0x7f };
typedef signed char vector __attribute__((vector_size(VECTOR_BYTES)));

/* Returns: not zero for each byte that is none of them; as signed, what is not ASCII is below 0. */
static inline vector others_of(const char *at)
{
	vector bytes;
	memcpy(&bytes, at, sizeof bytes);
	return (bytes < ' ') | (bytes == DELETE);
}

bool ascii_is_printable(const char *text, size_t len)
{
	uint64_t words[2];
	vector others = {0};
	size_t at = 0;
	for (; len - at >= VECTOR_BYTES; at += VECTOR_BYTES)
		others |= others_of(text + at);
	if (at < len) {
		char filled[VECTOR_BYTES];
		memset(filled, ' ', sizeof filled);
		memcpy(filled, text + at, len - at);
		others |= others_of(filled);
	}
	memcpy(words, &others, sizeof words);
	return (words[0] | words[1]) == 0;
}
