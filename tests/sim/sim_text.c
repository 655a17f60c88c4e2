/* sim_text: percent-encoding (RFC 3986) and HTML's escapes. */
#include "tests/sim/sim_text.h"
#include <stdbool.h>
#include <string.h>

enum err_code sim_text_percent(struct buf *out, const char *text)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	enum err_code code = ERR_OK;
	while (code == ERR_OK && *text) {
		size_t plain = strspn(text, unreserved);
		if (plain > 0)
			code = buf_append(out, text, plain);
		else
			code = buf_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
		text += plain > 0 ? plain : 1;
	}
	return code;
}

enum err_code sim_text_pair(struct buf *out, const char *name, const char *value)
{
	bool first = out->len == 0 || strchr("?&", out->data[out->len - 1]) != NULL;
	enum err_code code = buf_append_str(out, first ? "" : "&");
	if (code == ERR_OK)
		code = sim_text_percent(out, name);
	if (code == ERR_OK)
		code = buf_append_str(out, "=");
	return code == ERR_OK ? sim_text_percent(out, value) : code;
}

static const char *escape_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	default:
		return "&#39;";
	}
}

enum err_code sim_text_html(struct buf *out, const char *text)
{
	enum err_code code = ERR_OK;
	while (code == ERR_OK && *text) {
		size_t plain = strcspn(text, "&<>\"'");
		code = plain > 0 ? buf_append(out, text, plain) : buf_append_str(out, escape_of(*text));
		text += plain > 0 ? plain : 1;
	}
	return code;
}
