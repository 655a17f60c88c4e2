/* access_token: tokens that an authorization server gave to a program (OAuth 2.0 client credentials), as JWS: RFC 9068 and what Azure
 * AD makes of it, versions 1.0 and 2.0. Checked as RFC 8725 asks: the algorithms are ours to choose, keys come from the key set alone, and issuer,
 * audience and time have to fit. Pure: no clock, no socket. Any thread. */
#ifndef VERIFYD_ACCESS_TOKEN_H
#define VERIFYD_ACCESS_TOKEN_H

#include "ingress/key_set.h"
#include <stdint.h>

enum { ACCESS_CLIENT_BYTES = 129, ACCESS_LEEWAY_S = 60 };

enum access_verdict {
#define ACCESS(symbol, name) ACCESS_##symbol,
#include "ingress/access_verdicts.def"
#undef ACCESS
	ACCESS_VERDICT_COUNT
};

const char *access_verdict_name(enum access_verdict verdict);

struct access_rules {
	const char *issuer;    /* iss, byte for byte */
	const char *audiences; /* aud: one of these, commas between */
};

/* text: at most JOSE_COMPACT_MAX_BYTES. keys NULL: there are none yet, and every token of the right shape is ACCESS_NO_KEYS. ACCESS_GOOD: *ret_client says who asked for the token: the first of the
 * claims azp, appid, client_id, sub that is there. */
enum access_verdict access_token_read(const struct access_rules *rules, const struct key_set *keys, const char *text,
                                      size_t len, int64_t now_s, char ret_client[ACCESS_CLIENT_BYTES]);

#endif
