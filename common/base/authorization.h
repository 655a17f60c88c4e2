/* authorization: what an Authorization header brings along (RFC 9110 section 11.6.2). What it is worth is for the caller to
 * say. Pure. Any thread. */
#ifndef VERIFYD_AUTHORIZATION_H
#define VERIFYD_AUTHORIZATION_H

#include <stdbool.h>
#include <stddef.h>

/* What follows "<scheme> ", the scheme in any case; NULL: it is of another scheme. */
const char *authorization_of(const char *header, const char *scheme);

/* Basic (RFC 7617): "user:password"; the user's name has no colon. To be wiped by whoever reads it. */
enum { BASIC_MAX_BYTES = 1280 };
struct basic {
	char pair[BASIC_MAX_BYTES];
	size_t len;
	size_t password; /* where it begins */
};

/* base64: what authorization_of "Basic" gave. Returns: false when it is not the strict base64 of such a pair, or of a longer one;
 * *ret_basic is then wiped. */
bool authorization_basic(const char *base64, struct basic *ret_basic);

#endif
