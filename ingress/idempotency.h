/* idempotency: the Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header-07): the same key with the same body
 * is the same question, however often it comes. Neither is stored: only their HMACs are, each with the caller's name in
 * it. */
#ifndef VERIFYD_IDEMPOTENCY_H
#define VERIFYD_IDEMPOTENCY_H

#include "ingress/ask.h"

enum { IDEMPOTENCY_KEY_MAX = 255, IDEMPOTENCY_KEY_BYTES = IDEMPOTENCY_KEY_MAX + 1 };

/* Reads the header's value: a quoted string (RFC 9651), or the same without the quotation marks as many callers send it;
 * 1 to IDEMPOTENCY_KEY_MAX visible characters. Returns: NULL; or the rule that it breaks (a constant text). */
const char *idempotency_read(const char *value, char ret_key[IDEMPOTENCY_KEY_BYTES]);

/* Notes key and body in an ask that is complete but for them. A score's id becomes one of caller, key and body: the same
 * without Redis, so that a second try finds what the first one bought whatever was forgotten meanwhile.
 * Returns: ERR_OK; ERR_CRYPTO. */
enum err_code idempotency_to_ask(const struct id_key *id_key, const char *key, const char *body, size_t body_len,
                                 struct ask *ask) WARN_UNUSED;

#endif
