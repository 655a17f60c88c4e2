/* form: reads application/x-www-form-urlencoded (WHATWG URL, section 5.1) that strangers wrote. */
#ifndef VERIFYD_FORM_H
#define VERIFYD_FORM_H

#include <stdbool.h>
#include <stddef.h>

enum { FORM_MAX_MEMBERS = 256 };

/* Decodes text[0..len) in place and calls fn for every member; name and value live for the call. text[len] must be '\0'. A member
 * with a NUL in it is left out; a '%' that begins no byte stays one. fn returns false to stop.
 * Returns: false when fn stopped it, or there are more than FORM_MAX_MEMBERS. */
bool form_each(char *text, size_t len, bool (*fn)(void *ctx, const char *name, const char *value), void *ctx);

#endif
