/* json_plain: what most of a JSON string is made of, looked over sixteen bytes at a time. */
#ifndef VERIFYD_JSON_PLAIN_H
#define VERIFYD_JSON_PLAIN_H

#include <stddef.h>

/* Returns: how many bytes from text[0] on, of text[0..len), stand for themselves in a string of JSON and need no check
 * (RFC 8259 section 7): ASCII without control characters, '"' and '\\'. */
size_t json_plain_run(const char *text, size_t len);

#endif
