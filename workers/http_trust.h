/* http_trust: the certificates of authorities that vendors' and the proxy's certificates are checked against, read once.
 *
 * libcurl would read them again for each connection, on the loop: 140 certificates, tens of milliseconds. */
#ifndef VERIFYD_HTTP_TRUST_H
#define VERIFYD_HTTP_TRUST_H

#include "common/base/err.h"
#include <curl/curl.h>
#include <stdbool.h>

struct http_trust;

/* ca_file: a PEM file, which is then trusted alone; NULL: the system's certificates, where libcurl was built to look for
 * them. Blocks: reads files. Returns: ERR_OK and *ret_trust, ended by http_trust_free; ERR_INVALID (no certificate in the
 * file; err says so); ERR_NO_MEMORY. */
enum err_code http_trust_new(const char *ca_file, struct http_trust **ret_trust, struct err *err) WARN_UNUSED;
void http_trust_free(struct http_trust *trust); /* connections may still use it; accepts NULL */

/* Sets it on an easy handle, also for a proxy that speaks TLS. Returns: false: libcurl was built without OpenSSL, or has
 * no memory. */
bool http_trust_set(const struct http_trust *trust, CURL *easy) WARN_UNUSED;

#endif
