/* urls: the little of RFC 3986 that sending a browser somewhere needs: parameters, origins, and which
 * addresses callers may name. */
#ifndef VERIFYD_URLS_H
#define VERIFYD_URLS_H

#include "common/base/buf.h"
#include <stdbool.h>

enum { URL_ORIGIN_BYTES = 264 };

/* Appends url with `name=value` added to its query, before its fragment. name needs no encoding. 
 * Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY. On failure a part may have been appended. */
enum err_code url_with_parameter(struct buf *out, const char *url, const char *name, const char *value) WARN_UNUSED;

/* https:// to a host, or http:// to a loopback one; no user, visible ASCII only: it can stand in a header. */
bool url_is_web(const char *url);

/* https:// or http:// to this machine: localhost, [::1], an address of 127.0.0.0/8. */
bool url_is_loopback(const char *url);

/* A redirect URI of an app: as url_is_web, in any characters, or with a scheme of the app's own (RFC 8252 section 7.1). */
bool url_is_redirect(const char *url);

/* The origin of a URL with https:// or http:// (RFC 6454 section 6.2): scheme and host in lower case, without the scheme's own
 * port. *ret_rest (may be NULL) points to what follows. Returns: ERR_OK; ERR_INVALID; ERR_LIMIT. */
enum err_code url_origin(const char *url, char ret_origin[URL_ORIGIN_BYTES], const char **ret_rest) WARN_UNUSED;

#endif
