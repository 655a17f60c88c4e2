/* json_in: reads JSON that strangers wrote. Depth and token count are checked by a scan before jansson builds a tree,
 * because jansson accepts 2,048 levels and spends ~80 MB on a 1 MiB body of `{}`. Duplicate keys and NUL are refused. */
#ifndef VERIFYD_JSON_IN_H
#define VERIFYD_JSON_IN_H

#include "common/base/err.h"
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_IN_MAX_DEPTH = 32, JSON_IN_MAX_TOKENS = 5000 };

/* Parses text[0..len) into a tree. Any top-level value is accepted; callers ask for the type they need.
 * Returns: ERR_OK and *ret_root, which the caller ends with json_decref; ERR_LIMIT (too deep, too many tokens);
 * ERR_INVALID (not JSON, a key twice, text after the value). err->msg names position and rule, never the content. */
enum err_code json_in_parse(const char *text, size_t len, json_t **ret_root, struct err *err) WARN_UNUSED;

/* Copies the string member `name` into out[0..cap), always ended by '\0'.
 * Returns: ERR_OK; ERR_NOT_FOUND (no such member; *out is ""); ERR_INVALID (not a string, or it holds a control
 * character); ERR_LIMIT (does not fit: cap - 1 bytes). */
enum err_code json_in_str(const json_t *object, const char *name, char *out, size_t cap, struct err *err) WARN_UNUSED;

/* Reads the integer member `name`. Returns: ERR_OK; ERR_NOT_FOUND; ERR_INVALID (not an integer); ERR_LIMIT (outside). */
enum err_code json_in_int(const json_t *object, const char *name, int64_t min, int64_t max, int64_t *ret_value,
			  struct err *err) WARN_UNUSED;

#endif
