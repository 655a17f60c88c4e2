/* http_way: how every call but the vendors' goes out by libcurl (those: workers/http_exchange.c): https, and http as far as the URL's own
 * check lets it; TLS 1.2 at least; no proxy but the one that is named, whatever the environment says; whom to trust. */
#ifndef VERIFYD_HTTP_WAY_H
#define VERIFYD_HTTP_WAY_H

#include <stdbool.h>

struct http_way {
	const char *url;     /* http or https: with another scheme the call fails */
	const char *proxy;   /* NULL: none; a loopback url is reached without it */
	const char *ca_file; /* PEM, trusted alone, for an https proxy as well; NULL: the system's authorities */
};

/* curl: a CURL handle, which is a void to whoever does not know libcurl. Sets the URL and the way to it; libcurl copies the texts.
 * Returns: false when libcurl refuses an option. */
bool http_way_set(void *curl, const struct http_way *way);

#endif
