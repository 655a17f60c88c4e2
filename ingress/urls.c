/* urls: pure text; nothing is looked up. */
#include "ingress/urls.h"
#include "common/base/percent.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { HOST_BYTES = 254, PORT_MAX = 65535 };

/* Schemes that run or show something instead of leading to an app. */
static const char *const no_app[] = {"javascript", "data", "vbscript", "file", "about", "blob", "http", "https"};

enum err_code url_with_parameter(struct buf *out, const char *url, const char *name, const char *value)
{
	size_t len = strcspn(url, "#");
	const char *query = memchr(url, '?', len);
	const char *between = !query ? "?" : query == url + len - 1 || url[len - 1] == '&' ? "" : "&";
	enum err_code code = buf_append(out, url, len);
	if (code == ERR_OK)
		code = buf_printf(out, "%s%s=", between, name);
	if (code == ERR_OK)
		code = percent_encode(out, value);
	return code == ERR_OK ? buf_append_str(out, url + len) : code;
}

/* ---- hosts ---- */

struct authority {
	bool https;
	char host[HOST_BYTES]; /* lower case; an IPv6 address with its brackets */
	long port;             /* -1: none */
	const char *rest;
};

/* Digits of a port, or nothing. Returns: false when it is something else. */
static bool read_port(const char *text, size_t len, long *ret_port)
{
	*ret_port = -1;
	if (len == 0)
		return true;
	if (*text++ != ':' || len < 2 || len > 6)
		return false;
	*ret_port = 0;
	for (size_t i = 0; i + 1 < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		*ret_port = *ret_port * 10 + (text[i] - '0');
	}
	return *ret_port <= PORT_MAX;
}

static bool read_host(const char *text, size_t len, char ret_host[HOST_BYTES])
{
	struct in6_addr v6;
	if (len == 0 || len >= HOST_BYTES)
		return false;
	for (size_t i = 0; i < len; i++)
		ret_host[i] = (char)tolower((unsigned char)text[i]);
	ret_host[len] = '\0';
	if (*ret_host != '[')
		return strspn(ret_host, "abcdefghijklmnopqrstuvwxyz0123456789-._") == len;
	ret_host[len - 1] = '\0';
	bool good = len > 2 && inet_pton(AF_INET6, ret_host + 1, &v6) == 1;
	ret_host[len - 1] = ']';
	return good;
}

static bool read_authority(const char *url, struct authority *ret)
{
	ret->https = strncasecmp(url, "https://", 8) == 0;
	if (!ret->https && strncasecmp(url, "http://", 7) != 0)
		return false;
	const char *at = url + (ret->https ? 8 : 7);
	size_t len = strcspn(at, "/?#\\");
	const char *bracket = *at == '[' ? memchr(at, ']', len) : NULL;
	const char *colon = memchr(bracket ? bracket : at, ':', len - (bracket ? (size_t)(bracket - at) : 0));
	size_t host_len = colon ? (size_t)(colon - at) : len;
	ret->rest = at + len;
	return read_host(at, host_len, ret->host) && read_port(at + host_len, len - host_len, &ret->port);
}

static bool is_loopback(const char *host)
{
	struct in_addr v4;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

bool url_is_loopback(const char *url)
{
	struct authority authority;
	return read_authority(url, &authority) && is_loopback(authority.host);
}

static bool leads_to_the_web(const char *url)
{
	struct authority authority;
	return read_authority(url, &authority) && (authority.https || is_loopback(authority.host)) &&
	       *authority.rest != '\\';
}

bool url_is_web(const char *url)
{
	for (const char *c = url; *c; c++)
		if (*c < 0x21 || *c > 0x7e)
			return false;
	return leads_to_the_web(url);
}

bool url_is_redirect(const char *url)
{
	size_t len = strcspn(url, ":");
	if (leads_to_the_web(url))
		return true;
	if (!isalpha((unsigned char)*url) || url[len] != ':' || !url[len + 1])
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)url[i]) && !strchr("+-.", url[i]))
			return false;
	for (size_t i = 0; i < sizeof no_app / sizeof *no_app; i++)
		if (strlen(no_app[i]) == len && strncasecmp(url, no_app[i], len) == 0)
			return false;
	return true;
}

enum err_code url_origin(const char *url, char ret_origin[URL_ORIGIN_BYTES], const char **ret_rest)
{
	struct authority authority;
	char port[8] = "", origin[URL_ORIGIN_BYTES + 16];
	if (!read_authority(url, &authority))
		return ERR_INVALID;
	if (authority.port >= 0 && authority.port != (authority.https ? 443 : 80))
		snprintf(port, sizeof port, ":%d", (int)authority.port & 0xffff);
	int len =
	        snprintf(origin, sizeof origin, "%s://%s%s", authority.https ? "https" : "http", authority.host, port);
	if (len < 0 || len >= URL_ORIGIN_BYTES)
		return ERR_LIMIT;
	memcpy(ret_origin, origin, (size_t)len + 1);
	if (ret_rest)
		*ret_rest = authority.rest;
	return ERR_OK;
}
