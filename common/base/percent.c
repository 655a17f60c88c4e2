/* percent: runs of plain characters are copied at once. */
#include "common/base/percent.h"
#include "common/base/hex.h"
#include <string.h>

enum err_code percent_encode(struct buf *out, const char *text)
{
	static const char unreserved[] = "-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char hex[] = "0123456789ABCDEF";
	size_t before = out->len;

	while (*text) {
		size_t plain = strspn(text, unreserved);
		unsigned char byte = (unsigned char)text[plain];
		char escape[3] = {'%', hex[byte >> 4], hex[byte & 15]};
		enum err_code code = buf_append(out, text, plain);
		if (code == ERR_OK && byte != '\0')
			code = buf_append(out, escape, sizeof(escape));
		if (code != ERR_OK) {
			if (out->len > before) {
				out->len = before;
				out->data[before] = '\0';
			}
			return code;
		}
		text += plain + (byte != '\0');
	}
	return ERR_OK;
}

size_t percent_decode(char *text, size_t len)
{
	size_t out = 0;
	for (size_t i = 0; i < len; i++) {
		int high = text[i] == '%' && len - i > 2 ? hex_digit(text[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
		text[out++] = low >= 0 ? (char)(high * 16 + low) : text[i];
		if (low >= 0)
			i += 2;
	}
	return out;
}
