/* utf8: one table of the byte ranges, one walk over it. */
#include "common/base/utf8.h"
#include <stdint.h>
#include <string.h>

/* The well-formed byte sequences of UTF-8 by their first byte (Unicode, table 3-7): overlong forms, surrogates and
 * what lies above U+10FFFF are shut out by the second byte's range. */
static const struct utf8_form {
	unsigned char first_min, first_max, second_min, second_max, len;
} utf8_forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

size_t utf8_step(const char *at, size_t left)
{
	const unsigned char *text = (const unsigned char *)at;
	if (left == 0 || text[0] < 0x80)
		return left > 0;
	for (size_t i = 0; i < sizeof(utf8_forms) / sizeof(utf8_forms[0]); i++) {
		const struct utf8_form *form = &utf8_forms[i];
		if (text[0] < form->first_min || text[0] > form->first_max)
			continue;
		if (left < form->len || text[1] < form->second_min || text[1] > form->second_max)
			return 0;
		for (size_t k = 2; k < form->len; k++) {
			if ((text[k] & 0xc0) != 0x80)
				return 0;
		}
		return form->len;
	}
	return 0;
}

/* Whether the next eight bytes are there and ASCII. */
static bool is_ascii_word(const char *text, size_t left)
{
	uint64_t word = UINT64_MAX;
	if (left >= sizeof(word))
		memcpy(&word, text, sizeof(word));
	return (word & UINT64_C(0x8080808080808080)) == 0;
}

bool utf8_is_valid(const char *text, size_t len)
{
	for (size_t i = 0, step; i < len; i += step) {
		step = is_ascii_word(text + i, len - i) ? sizeof(uint64_t) : utf8_step(text + i, len - i);
		if (step == 0)
			return false;
	}
	return true;
}
