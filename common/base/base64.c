/* base64: group by group in the other alphabet, whose reader is strict. */
#include "common/base/base64.h"
#include "common/base/ids.h"
#include <openssl/crypto.h>
#include <string.h>

enum { GROUP_DIGITS = 4, PADDING_MAX = 2 };

/* Of what is no digit here, but one there: what is none in either. */
static char to_base64url(char digit)
{
	static const char from[] = "+/-_", to[] = "-_==";
	const char *at = memchr(from, digit, sizeof from - 1);
	if (at)
		return to[at - from];
	return digit;
}

enum err_code base64_decode(const char *text, size_t len, void *out, size_t cap, size_t *ret_len)
{
	unsigned char *bytes = out;
	char group[GROUP_DIGITS];
	size_t used = 0, padding = 0;
	enum err_code code = len % GROUP_DIGITS == 0 ? ERR_OK : ERR_INVALID;
	while (padding < PADDING_MAX && padding < len && text[len - 1 - padding] == '=')
		padding++;
	for (size_t at = 0; at < len && code == ERR_OK; at += GROUP_DIGITS) {
		size_t digits = at + GROUP_DIGITS < len ? GROUP_DIGITS : GROUP_DIGITS - padding, got = 0;
		for (size_t i = 0; i < digits; i++)
			group[i] = to_base64url(text[at + i]);
		code = base64url_decode(group, digits, bytes + used, cap - used, &got);
		used += got;
	}
	OPENSSL_cleanse(group, sizeof group);
	if (code == ERR_OK)
		*ret_len = used;
	return code;
}
