/* hints: the id_token_hint with which /return sends a person back to B2C, and the documents by which B2C checks it: OpenID discovery
 * and the key set (RFC 7517). RS256 (RFC 7518), 15 minutes, claim ObjectId (contracts 4.2, 6). Any thread.
 *
 * VERIFYD_SIGNING_CERT_FILE is a PEM file or a PFX (PKCS #12) with one or, in PEM, more pairs of RSA key and certificate, in any
 * order; VERIFYD_SIGNING_CERT_PASSWORD opens a PFX or encrypted PEM keys. Further certificates (a chain) are passed over. The first
 * key signs, and its certificate must be valid at start; all are published, so that a next one can be announced before it signs and
 * a last one stays known while its hints live. kid = base64url(SHA-256 of the certificate). */
#ifndef VERIFYD_HINTS_H
#define VERIFYD_HINTS_H

#include "common/base/buf.h"
#include <stdint.h>

enum { HINT_LIFE_S = 15 * 60, HINT_MAX_BYTES = 4096, HINT_MAX_KEYS = 4, HINT_RSA_MIN_BITS = 2048, HINT_DOCUMENT_MAX_BYTES = 32 * 1024 };

struct hints;

struct hints_options {
	const char *file, *password; /* password NULL: none */
	const char *issuer, *audience;
	const char *public_url; /* jwks_uri is made of it; without a slash at its end */
};

/* Reads the file. Returns: ERR_OK, *ret_hints ended by hints_free; ERR_INVALID (err says what is wrong with the file, without its
 * content: no key, no certificate, they do not match, not RSA, too few bits, wrong password, certificate is over); ERR_IO; ERR_NO_MEMORY. */
enum err_code hints_new(const struct hints_options *options, int64_t now_s, struct hints **ret_hints, struct err *err) WARN_UNUSED;
void hints_free(struct hints *hints); /* accepts NULL */

/* Appends a fresh hint. Returns: ERR_OK; ERR_LIMIT; ERR_CRYPTO; ERR_NO_MEMORY. */
enum err_code hint_make(const struct hints *hints, const char *object_id, int64_t now_s, struct buf *out) WARN_UNUSED;

/* The two documents, JSON, made once. */
const char *hints_discovery(const struct hints *hints);
const char *hints_keys(const struct hints *hints);

/* When the certificate that signs is over, unix seconds. */
int64_t hints_until_s(const struct hints *hints);

#endif
