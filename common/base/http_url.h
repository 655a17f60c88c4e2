/* http_url: which URLs are called at all, and where they lead. Pure. Stricter than RFC 3986: what two programs could read
 * in two ways is refused, so that what was checked is what libcurl calls. */
#ifndef VERIFYD_HTTP_URL_H
#define VERIFYD_HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HTTP_NAME_BYTES = 254,                    /* a host's name or address as text, with its '\0' (RFC 1035) */
	HTTP_ORIGIN_BYTES = HTTP_NAME_BYTES + 16, /* "https://", a name, brackets, ":65535" */
	HTTP_PORT_TLS = 443,
	HTTP_PORT_FOREIGN_MIN = 1024,
};

struct http_url {
	bool plain;              /* http; then loopback is true */
	bool loopback;           /* by its text: 127.…, [::1], localhost */
	bool named;              /* a name that somebody has to look up */
	uint16_t port;           /* the scheme's where none is given */
	size_t origin_len;       /* of "scheme://host[:port]" */
	char host[HTTP_NAME_BYTES]; /* lower case, without brackets */
};

/* Reads an absolute URL, of which `len` bytes are looked at. Allowed: https, and http to loopback; printable ASCII; no
 * user information; a host of letters, digits, '-', '_' and '.', an IPv4 address in full, or [IPv6]. is_foreign (it came
 * from outside, not from the settings): https only, to port 443 or one above 1023, where no system services listen.
 * Returns: false when refused; *ret_url is then untouched. */
bool http_url_read(const char *text, size_t len, bool is_foreign, struct http_url *ret_url);

/* Whether the URL begins with this origin, and the origin ends there. */
bool http_url_has_origin(const char *text, size_t len, const char *origin, size_t origin_len);

/* Every byte is printable ASCII and no blank. */
bool http_url_is_printable(const char *text, size_t len);

#endif
