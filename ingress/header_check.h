/* header_check: what libmicrohttpd 0.9.75 lets pass and RFC 9112 does not: the ways in which two HTTP parsers can be
 * made to disagree about where a request ends (request smuggling). */
#ifndef VERIFYD_HEADER_CHECK_H
#define VERIFYD_HEADER_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct MHD_Connection;

/* What the headers say of the body. */
struct body_announcement {
	bool chunked;
	bool has_length;
	uint64_t length;
};

/* Returns: NULL; or the rule that is broken (a constant text). */
const char *header_check(struct MHD_Connection *connection, const char *version, struct body_announcement *ret_body);

#endif
