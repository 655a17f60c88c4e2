/* sim_query: application/x-www-form-urlencoded, one value at a time. Names must be written without escapes. */
#include "tests/sim/sim_query.h"
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static const char *find_value(const char *query, const char *name, size_t *ret_len)
{
	size_t name_len = strlen(name);
	for (const char *at = query; *at;) {
		size_t len = strcspn(at, "&");
		if (len > name_len && at[name_len] == '=' && memcmp(at, name, name_len) == 0) {
			*ret_len = len - name_len - 1;
			return at + name_len + 1;
		}
		at += len;
		at += *at == '&';
	}
	return NULL;
}

static int hex_digit(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* Decodes the character at text[*at]; *at moves behind it. Returns false for a broken escape or NUL. */
static bool decode(const char *text, size_t len, size_t *at, char *ret_c)
{
	char c = text[(*at)++];
	if (c == '%') {
		int high = *at < len ? hex_digit(text[*at]) : -1;
		int low = *at + 1 < len ? hex_digit(text[*at + 1]) : -1;
		if (high < 0 || low < 0 || high + low == 0)
			return false;
		*at += 2;
		c = (char)(high * 16 + low);
	} else if (c == '+') {
		c = ' ';
	}
	*ret_c = c;
	return true;
}

enum err_code sim_query_get(const char *query, const char *name, char *out, size_t cap)
{
	size_t len = 0, used = 0;
	enum err_code code = ERR_OK;
	*out = '\0';
	const char *value = find_value(query, name, &len);
	if (!value)
		return ERR_NOT_FOUND;
	for (size_t at = 0; at < len && code == ERR_OK;) {
		if (used + 1 >= cap)
			code = ERR_LIMIT;
		else if (!decode(value, len, &at, &out[used++]))
			code = ERR_INVALID;
	}
	out[code == ERR_OK ? used : 0] = '\0';
	return code;
}
