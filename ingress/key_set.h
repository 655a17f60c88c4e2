/* key_set: the public keys of an issuer of access tokens, read from its JWKS (RFC 7517), and signatures checked by them. Read-only once
 * made and shared by count, so that threads keep theirs while a newer set takes its place.
 *
 * A key is RSA of 2048 to 8192 bits for RS256, or EC P-256 for ES256 (RFC 7518), is for signatures, and has a kid; all others
 * are passed over. What else a key says (x5u, key_ops, …) is not followed. */
#ifndef VERIFYD_KEY_SET_H
#define VERIFYD_KEY_SET_H

#include "common/base/err.h"
#include "ingress/jose_compact.h"
#include <stdbool.h>
#include <stddef.h>

enum { KEY_SET_MAX_KEYS = 64, KEY_SET_MAX_BYTES = 256 * 1024, KEY_ID_BYTES = 257 };

enum key_algorithm { KEY_RS256, KEY_ES256, KEY_ALGORITHM_COUNT };

struct key_set;

/* Finds an algorithm by its name in a JOSE header. Returns: false for any other one, "none" and HS256 among them. */
bool key_algorithm_find(const char *name, enum key_algorithm *ret_algorithm);

/* Returns: ERR_OK, *ret_set ended by key_set_free; ERR_INVALID (no JWKS, or no usable key in it); ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code key_set_parse(const char *text, size_t len, struct key_set **ret_set, struct err *err) WARN_UNUSED;

struct key_set *key_set_share(struct key_set *set); /* one more owner. Thread: any */
void key_set_free(struct key_set *set);             /* one less; accepts NULL. Thread: any */

size_t key_set_count(const struct key_set *set);
bool key_set_has(const struct key_set *set, const char *kid, enum key_algorithm algorithm);

/* Whether the key of this kid and algorithm made the signature of a JWS in its parts. Thread: any. */
bool key_set_verify(const struct key_set *set, const char *kid, enum key_algorithm algorithm,
                    const struct jose_part parts[JWS_PARTS]);

#endif
