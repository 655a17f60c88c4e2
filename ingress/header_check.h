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

/* Which strictness the library has to be told (MHD_OPTION_STRICT_FOR_CLIENT): before 1.0 it refuses little by it, and
 * writes its own refusals twice. */
int header_check_strictness(void);

/* The target of the request line, not yet decoded. Returns: NULL; or the rule that is broken (a constant text). */
const char *header_check_target(const char *target);

/* Of the request line, as libmicrohttpd hands it out: pointers into the memory that the request came into. */
struct request_line {
	const char *method, *version;
	const char *target, *target_end; /* where it stood when the line was read, and its '\0'; both NULL: not known */
};

/* Returns: NULL and *ret_body; or the rule that is broken (a constant text). */
const char *header_check(struct MHD_Connection *connection, const struct request_line *line,
                         struct body_announcement *ret_body);

#endif
