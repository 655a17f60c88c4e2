/* ops_token: the one secret of the ops listener (VERIFYD_OPS_TOKEN), and whether a request carries it: as `Authorization:
 * Bearer TOKEN` (RFC 6750), for scrapers, or as the password of `Authorization: Basic` (RFC 7617) with any user name, so
 * that a browser asks its person for it. Only its digest is kept; the time of a comparison tells nothing. */
#ifndef VERIFYD_OPS_TOKEN_H
#define VERIFYD_OPS_TOKEN_H

#include "common/base/err.h"
#include <stdbool.h>

enum { OPS_TOKEN_MAX_BYTES = 1024 };

struct ops_token;

/* secret: at most OPS_TOKEN_MAX_BYTES. Returns: ERR_OK and *ret_token, ended by ops_token_free; ERR_NO_MEMORY; ERR_LIMIT;
 * ERR_CRYPTO. */
enum err_code ops_token_new(const char *secret, struct ops_token **ret_token) WARN_UNUSED;
void ops_token_free(struct ops_token *token); /* overwrites it; accepts NULL */

/* authorization: the header's value; NULL: it was not sent. Thread: any. */
bool ops_token_fits(const struct ops_token *token, const char *authorization);

#endif
