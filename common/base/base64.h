/* base64: with padding (RFC 4648 section 4), read strictly. Its other alphabet is in common/base/ids.h. Pure. Any thread. */
#ifndef VERIFYD_BASE64_H
#define VERIFYD_BASE64_H

#include "common/base/err.h"
#include <stddef.h>

/* Whole groups of four, padded exactly, without white space and stray bits: no two texts are the same bytes. Returns: ERR_OK and
 * *ret_len, 0 for no text; ERR_INVALID; ERR_LIMIT (cap). On failure something may stand in out. */
enum err_code base64_decode(const char *text, size_t len, void *out, size_t cap, size_t *ret_len) WARN_UNUSED;

#endif
