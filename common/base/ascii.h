/* ascii: tells at once what most texts of callers are, so that what is asked of the others byte by byte costs nothing. */
#ifndef VERIFYD_ASCII_H
#define VERIFYD_ASCII_H

#include <stdbool.h>
#include <stddef.h>

/* Whether text[0..len) is printable ASCII from its first byte to its last: ' ' to '~'. Pure. Thread: any. */
bool ascii_is_printable(const char *text, size_t len);

#endif
