/* jose_compact: the compact serialization of JWS (RFC 7515 section 7.1) and JWE (RFC 7516 section 7.1), read: parts of base64url
 * with dots between. Pure. Any thread. Nothing of a part is left on the stack: a token's inner one was plain text. */
#ifndef VERIFYD_JOSE_COMPACT_H
#define VERIFYD_JOSE_COMPACT_H

#include "common/base/json_in.h"
#include <stdbool.h>
#include <stddef.h>

enum { JOSE_COMPACT_MAX_BYTES = 8 * 1024 };

enum { JWS_HEADER, JWS_PAYLOAD, JWS_SIGNATURE, JWS_PARTS };
enum { JWE_HEADER, JWE_KEY, JWE_IV, JWE_CIPHERTEXT, JWE_TAG, JWE_PARTS };

/* In the text that was cut. */
struct jose_part {
	const char *text; /* base64url */
	size_t len;
};

/* Cuts text, at most JOSE_COMPACT_MAX_BYTES, at its dots. Returns: whether it is exactly `count` (JWS_PARTS or JWE_PARTS) parts of strict
 * base64url, none empty but a JWE's key: that is empty where both sides have the key (RFC 7518 section 4.5), and for the caller to
 * look at. */
bool jose_split(const char *text, size_t len, struct jose_part *ret_parts, size_t count);

/* Reads a part as a JSON object. Returns: it, ended by json_in_free; NULL. */
struct json_in *jose_part_object(const struct jose_part *part);

#endif
