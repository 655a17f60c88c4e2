/* webhook_message: what a caller is told of the end of its verification, and by which key it knows that it is us: Standard
 * Webhooks 1.0, symmetric signatures (v1). Pure. Nothing of a person is in it. */
#ifndef VERIFYD_WEBHOOK_MESSAGE_H
#define VERIFYD_WEBHOOK_MESSAGE_H

#include "common/domain/verification.h"
#include "workers/vendors/vendor.h"

enum { WEBHOOK_KEYS_MAX = 256, WEBHOOK_KEYS_OF_CALLER_MAX = 4, WEBHOOK_KEY_MIN_BYTES = 24, WEBHOOK_KEY_MAX_BYTES = 64 };

struct webhook_keys;

/* text: VERIFYD_WEBHOOK_KEY. Returns: ERR_OK and *ret_keys, ended by webhook_keys_free; ERR_INVALID (err says which rule, and
 * the entry's number, never a key); ERR_NO_MEMORY. */
enum err_code webhook_keys_new(const char *text, struct webhook_keys **ret_keys, struct err *err) WARN_UNUSED;
void webhook_keys_free(struct webhook_keys *keys); /* overwrites; accepts NULL */

/* Completes a request of http_request_init: method, URL, headers, body. webhook-id is the same for the same id and rev, however
 * often it is sent. keys: NULL for none. Returns: ERR_OK; ERR_NOT_FOUND (no key for state->caller); ERR_INVALID, ERR_LIMIT (the
 * URL cannot be sent); ERR_CRYPTO; ERR_NO_MEMORY. */
enum err_code webhook_message_build(const struct webhook_keys *keys, const struct verification *state, const char *url,
				    int64_t now_ms, struct http_request *http) WARN_UNUSED;

#endif
