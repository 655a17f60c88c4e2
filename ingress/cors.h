/* cors: which pages of other origins may call us from a browser (WHATWG Fetch, section 3.2). Read-only after it was made. */
#ifndef VERIFYD_CORS_H
#define VERIFYD_CORS_H

#include "common/base/err.h"
#include <stdio.h>

enum { CORS_MAX_ORIGINS = 64 };

struct cors;

/* origins: VERIFYD_CORS_ORIGINS, "https://a.example, https://b.example"; NULL: the origin of page_url alone. Every mistake is one
 * line in complaints; a wildcard is one. Returns: ERR_OK, *ret_cors ended by cors_free; ERR_INVALID (*ret_mistakes counts); ERR_NO_MEMORY. */
enum err_code cors_new(const char *origins, const char *page_url, FILE *complaints, struct cors **ret_cors,
                       int *ret_mistakes) WARN_UNUSED;
void cors_free(struct cors *cors); /* accepts NULL */

/* origin: the request's Origin header, NULL when absent. Returns: the origin to allow, as the list spells it, or NULL. cors NULL: NULL. */
const char *cors_allowed(const struct cors *cors, const char *origin);

#endif
