/* http_url: takes origins apart by hand. */
#include "common/base/http_url.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

enum { PORT_PLAIN = 80 };

bool http_url_is_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f)
			return false;
	return true;
}

static bool ends_origin(char c)
{
	return c == '/' || c == '?' || c == '#';
}

bool http_url_has_origin(const char *text, size_t len, const char *origin, size_t origin_len)
{
	return len >= origin_len && memcmp(text, origin, origin_len) == 0 &&
	       (len == origin_len || ends_origin(text[origin_len]));
}

/* ":443" in [at, end). Returns: false when it is no port. */
static bool read_port(const char *at, const char *end, uint16_t *ret_port)
{
	unsigned long port = 0;

	if (*at != ':' || end - at < 2 || end - at > 6)
		return false;
	for (at++; at < end; at++) {
		if (*at < '0' || *at > '9')
			return false;
		port = port * 10 + (unsigned long)(*at - '0');
	}
	if (port == 0 || port > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

/* Labels without empty ones. The last one must not be a number, or it would be read as an IPv4 address in one of its
 * odd forms (127.1, 2130706433, 0x7f.1), by some and not by others. */
static bool is_name(const char *host)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
	const char *dot = strrchr(host, '.');
	const char *last = dot ? dot + 1 : host;
	const char *number = strncmp(last, "0x", 2) == 0 ? last + 2 : last;
	const char *digits = number == last ? "0123456789" : "0123456789abcdef";

	return host[0] != '.' && !strstr(host, "..") && host[strspn(host, allowed)] == '\0' &&
	       number[strspn(number, digits)] != '\0';
}

static bool read_host(const char *host, size_t len, bool bracketed, struct http_url *url)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (len == 0 || len >= sizeof(url->host))
		return false;
	for (size_t i = 0; i < len; i++)
		url->host[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] + ('a' - 'A') : host[i]);
	url->host[len] = '\0';
	url->named = false;
	if (bracketed) {
		url->loopback = strcmp(url->host, "::1") == 0;
		return inet_pton(AF_INET6, url->host, &v6) == 1;
	}
	if (inet_pton(AF_INET, url->host, &v4) == 1) {
		url->loopback = ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
		return true;
	}
	url->loopback = strcmp(url->host, "localhost") == 0; /* libcurl itself knows its addresses */
	url->named = !url->loopback;
	return is_name(url->host);
}

bool http_url_read(const char *text, size_t len, bool is_foreign, struct http_url *ret_url)
{
	struct http_url url = {.port = HTTP_PORT_TLS};
	size_t scheme = 8; /* "https://" */

	if (len > 7 && strncasecmp(text, "http://", 7) == 0) {
		url.plain = true;
		url.port = PORT_PLAIN;
		scheme = 7;
	} else if (len <= 8 || strncasecmp(text, "https://", 8) != 0) {
		return false;
	}
	if (!http_url_is_printable(text, len))
		return false;
	url.origin_len = scheme;
	while (url.origin_len < len && !ends_origin(text[url.origin_len]))
		url.origin_len++;
	const char *host = text + scheme, *end = text + url.origin_len;
	bool bracketed = *host == '[';
	host += bracketed;
	const char *host_end = memchr(host, bracketed ? ']' : ':', (size_t)(end - host));
	if (!host_end && bracketed)
		return false;
	if (!host_end)
		host_end = end;
	const char *rest = host_end + bracketed;
	if ((rest != end && !read_port(rest, end, &url.port)) ||
	    !read_host(host, (size_t)(host_end - host), bracketed, &url))
		return false;
	if (url.plain && (is_foreign || !url.loopback))
		return false;
	if (is_foreign && url.port != HTTP_PORT_TLS && url.port < HTTP_PORT_FOREIGN_MIN)
		return false;
	*ret_url = url;
	return true;
}
