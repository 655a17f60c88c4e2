/* seal: AES-256-GCM (NIST SP 800-38D) for what identifies a person, with a ring of keys for rotation.
 *
 * A sealed text is "<key id>.<base64url(nonce 12 | ciphertext | tag 16)>". The additional data binds it to one
 * verification: a sealed text moved to another id does not open. */
#ifndef VERIFYD_SEAL_H
#define VERIFYD_SEAL_H

#include "common/base/buf.h"
#include <stddef.h>

enum { SEAL_MAX_KEYS = 8, SEAL_KEY_BYTES = 32, SEAL_MAX_PLAIN_BYTES = 16 * 1024 };

struct seal_ring;

/* spec: "k2:<base64 of 32 bytes>,k1:<…>" — the first key seals, all of them open. Key ids: 1–16 of [a-z0-9], each
 * once. Base64 in either alphabet, with or without '='.
 * Returns: ERR_OK and *ret_ring, ended by seal_ring_free; ERR_INVALID with a msg that holds no key material; ERR_CRYPTO
 * (no AES-256-GCM here); ERR_NO_MEMORY. */
enum err_code seal_ring_new(const char *spec, struct seal_ring **ret_ring, struct err *err) WARN_UNUSED;
void seal_ring_free(struct seal_ring *ring); /* overwrites the keys; accepts NULL */

/* Seals plain[0..len) and appends the text to *out. The nonce is random: rotate a key before 2^32 seals (SP 800-38D 8.3).
 * Returns: ERR_OK; ERR_LIMIT; ERR_CRYPTO; ERR_NO_MEMORY.   Thread: any, also of one ring.   Blocks: no. */
enum err_code seal_text(const struct seal_ring *ring, const char *aad, const void *plain, size_t len, struct buf *out,
			struct err *err) WARN_UNUSED;

/* Opens a sealed text and appends the plain bytes to *out.
 * Returns: ERR_OK; ERR_NOT_FOUND (key id not in the ring); ERR_CRYPTO (forged, moved or damaged); ERR_INVALID (shape);
 * ERR_LIMIT and ERR_NO_MEMORY from *out. On failure nothing is appended.   Thread: any.   Blocks: no. */
enum err_code seal_open(const struct seal_ring *ring, const char *aad, const char *sealed, size_t len, struct buf *out,
			struct err *err) WARN_UNUSED;

#endif
