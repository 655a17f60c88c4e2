/* form: in place, for a decoded text is never longer. */
#include "ingress/form.h"
#include "common/base/percent.h"
#include <string.h>

/* Decodes text[0..len) where it stands and ends it with '\0'. Returns: false when a NUL is in it. */
static bool decode(char *text, size_t len)
{
	for (char *plus = text; (plus = memchr(plus, '+', len - (size_t)(plus - text)));)
		*plus = ' ';
	size_t decoded = percent_decode(text, len);
	text[decoded] = '\0';
	return strlen(text) == decoded;
}

bool form_each(char *text, size_t len, bool (*fn)(void *ctx, const char *name, const char *value), void *ctx)
{
	int members = 0;
	for (size_t at = 0; at < len;) {
		const char *ampersand = memchr(text + at, '&', len - at);
		size_t member_len = ampersand ? (size_t)(ampersand - (text + at)) : len - at;
		char *name = text + at, *equals = memchr(name, '=', member_len);
		size_t name_len = equals ? (size_t)(equals - name) : member_len;
		at += member_len + 1;
		if (member_len == 0)
			continue;
		if (++members > FORM_MAX_MEMBERS)
			return false;
		char *value = equals ? equals + 1 : name + member_len;
		bool whole = decode(value, member_len - name_len - (equals != NULL));
		whole = decode(name, name_len) && whole;
		if (whole && !fn(ctx, name, value))
			return false;
	}
	return true;
}
