/* decimal: whole numbers that strangers wrote: digits only, no sign, no blank, no other base; and writing one, at a tenth
 * of what snprintf costs. */
#ifndef VERIFYD_DECIMAL_H
#define VERIFYD_DECIMAL_H

#include "common/base/err.h"
#include <stddef.h>
#include <stdint.h>

enum {
	DECIMAL_MAX_DIGITS = 18, /* cannot overflow an int64_t */
	DECIMAL_BYTES = 21,      /* any int64_t, with its '\0' */
};

/* Reads all of text[0..len). Returns: ERR_OK and *ret_number in 0..max; ERR_INVALID (empty, another character);
 * ERR_LIMIT (too many digits, above max). */
enum err_code decimal_parse(const char *text, size_t len, int64_t max, int64_t *ret_number) WARN_UNUSED;

/* Writes number and a '\0'. Returns: where the '\0' stands. */
char *decimal_write(int64_t number, char out[DECIMAL_BYTES]);

#endif
