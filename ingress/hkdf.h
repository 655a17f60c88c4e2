/* hkdf: keys derived from a secret by HKDF-SHA256 (RFC 5869), without salt: a secret of the settings is long and random, and one
 * secret serves several uses. `info` names the use; another info is another key. */
#ifndef VERIFYD_HKDF_H
#define VERIFYD_HKDF_H

#include "common/base/err.h"
#include <stddef.h>

enum { HKDF_MAX_BYTES = 255 * 32 }; /* RFC 5869 section 2.3 */

/* Fills ret_key[0..key_len), 1 to HKDF_MAX_BYTES bytes. Returns: ERR_OK; ERR_CRYPTO.   Thread: any. */
enum err_code hkdf_sha256(const void *secret, size_t len, const char *info, void *ret_key, size_t key_len) WARN_UNUSED;

#endif
