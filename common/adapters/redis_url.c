/* redis_url: parsing only; no connection is made here. */
#include "common/adapters/redis_url.h"
#include "common/base/decimal.h"
#include "common/base/hex.h"
#include <stdlib.h>
#include <string.h>

static bool percent_decode(const char *text, size_t len, char *out, size_t cap)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		int value = (unsigned char)text[i];
		if (text[i] == '%') {
			int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
			if (low < 0)
				return false;
			value = high * 16 + low;
			i += 2;
		}
		if (value == 0 || n + 1 >= cap)
			return false;
		out[n++] = (char)value;
	}
	out[n] = '\0';
	return true;
}

static bool number_in(const char *text, size_t len, int max, int *ret_number)
{
	int64_t number;
	if (decimal_parse(text, len, max, &number) != ERR_OK)
		return false;
	*ret_number = (int)number;
	return true;
}

static bool parse_userinfo(const char *text, size_t len, struct redis_url *url)
{
	const char *colon = memchr(text, ':', len);
	if (!colon)
		return false;
	size_t user_len = (size_t)(colon - text);
	return percent_decode(text, user_len, url->user, sizeof url->user) &&
	       percent_decode(colon + 1, len - user_len - 1, url->password, sizeof url->password);
}

static bool parse_host(const char *text, size_t len, struct redis_url *url)
{
	const char *host = text, *host_end, *rest;
	if (len > 0 && *text == '[') {
		host = text + 1;
		host_end = memchr(text, ']', len);
		if (!host_end)
			return false;
		rest = host_end + 1;
	} else {
		host_end = memchr(text, ':', len);
		rest = host_end = host_end ? host_end : text + len;
	}
	size_t host_len = (size_t)(host_end - host);
	if (host_len == 0 || host_len >= sizeof url->host)
		return false;
	memcpy(url->host, host, host_len);
	size_t rest_len = len - (size_t)(rest - text);
	if (rest_len == 0)
		return true;
	return *rest == ':' && number_in(rest + 1, rest_len - 1, 65535, &url->port) && url->port > 0;
}

enum err_code redis_url_parse(const char *text, struct redis_url *ret_url, struct err *err)
{
	static const char scheme[] = "redis://", tls_scheme[] = "rediss://";
	if (strncmp(text, tls_scheme, sizeof tls_scheme - 1) == 0)
		return err_set(err, ERR_INVALID, "rediss:// (TLS) is not supported by this build; use a TLS sidecar");
	if (strncmp(text, scheme, sizeof scheme - 1) != 0)
		return err_set(err, ERR_INVALID, "must be redis://[user:password@]host:port[/db]");
	struct redis_url url = {.port = 6379};
	const char *at = text + sizeof scheme - 1;
	size_t authority = strcspn(at, "/?#");
	const char *path = at + authority;
	const char *userinfo_end = memrchr(at, '@', authority);
	bool good = true;
	if (userinfo_end) {
		size_t len = (size_t)(userinfo_end - at);
		good = parse_userinfo(at, len, &url);
		at += len + 1;
		authority -= len + 1;
	}
	good = good && parse_host(at, authority, &url);
	if (good && *path == '/' && path[1])
		good = number_in(path + 1, strlen(path + 1), 9999, &url.db);
	else if (good && *path && *path != '/')
		good = false;
	if (good)
		*ret_url = url;
	redis_url_fini(&url);
	return good ? ERR_OK : err_set(err, ERR_INVALID, "must be redis://[user:password@]host:port[/db]");
}

void redis_url_fini(struct redis_url *url)
{
	explicit_bzero(url->password, sizeof url->password);
}
