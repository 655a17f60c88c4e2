/* json_plain: tests the eight bytes of a word together. */
#include "common/base/json_plain.h"
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define EVERY_BYTE(byte) ((byte)*UINT64_C(0x0101010101010101))
enum { WORD_BYTES = sizeof(uint64_t) };

static bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* Returns: the word at `at` with bit 7 of its first byte that is not plain, none before it, anything behind it; 0 when
 * all are plain. In a difference, bit 7 of a byte tells that one there or below it is smaller than what was subtracted,
 * unless it was set before. */
static uint64_t marks(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	word = le64toh(word);
	uint64_t quote = word ^ EVERY_BYTE('"');
	uint64_t backslash = word ^ EVERY_BYTE('\\');
	uint64_t smaller = (word - EVERY_BYTE(0x20)) | (quote - EVERY_BYTE(1)) | (backslash - EVERY_BYTE(1));
	return (word | smaller) & EVERY_BYTE(0x80);
}

size_t json_plain_run(const char *text, size_t len)
{
	size_t at = 0;
	if (len < WORD_BYTES) {
		while (at < len && is_plain((unsigned char)text[at]))
			at++;
		return at;
	}
	const size_t last = len - WORD_BYTES; /* that word may begin in the one before it */
	uint64_t found = marks(text);
	while (!found && at < last) {
		at = at + WORD_BYTES < last ? at + WORD_BYTES : last;
		found = marks(text + at);
	}
	return found ? at + (size_t)__builtin_ctzll(found) / 8 : len;
}
