/* sim_query: one value of a raw query string, with exact, case-sensitive names. */
#ifndef SIM_QUERY_H
#define SIM_QUERY_H

#include "common/base/err.h"
#include <stddef.h>

/* Copies the decoded value of the first `name` into out[0..cap).
 * Returns: ERR_OK; ERR_NOT_FOUND; ERR_INVALID (a broken %-escape, or %00); ERR_LIMIT (cap). *out is "" on failure. */
enum err_code sim_query_get(const char *query, const char *name, char *out, size_t cap) WARN_UNUSED;

#endif
