/* utf8: tells well-formed UTF-8 (Unicode, table 3-7) from other bytes. */
#ifndef VERIFYD_UTF8_H
#define VERIFYD_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Returns: the length (1..4) of the well-formed character at text[0..left), 0 when there is none. */
size_t utf8_step(const char *text, size_t left);

bool utf8_is_valid(const char *text, size_t len);

#endif
