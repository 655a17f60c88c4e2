/* percent: percent-encoding of a URL's parts (RFC 3986 section 2). */
#ifndef VERIFYD_PERCENT_H
#define VERIFYD_PERCENT_H

#include "common/base/buf.h"

/* Appends text with everything percent-encoded but unreserved characters (RFC 3986 section 2.3).
 * Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY. On failure nothing changed. */
enum err_code percent_encode(struct buf *out, const char *text) WARN_UNUSED;

/* Decodes text[0..len) where it stands; a '%' that begins no byte stays one. Returns: how many bytes are left; a NUL may be one. */
size_t percent_decode(char *text, size_t len);

#endif
