/* language: in which of our languages a person reads. Pure. */
#ifndef VERIFYD_LANGUAGE_H
#define VERIFYD_LANGUAGE_H

#include <stddef.h>

enum language {
	LANGUAGE_EN,
	LANGUAGE_DE,
	LANGUAGE_COUNT, /* none of ours */
};

#define LANGUAGE_DEFAULT LANGUAGE_EN

enum { LANGUAGE_HEADER_MAX_BYTES = 1024 }; /* what follows in an Accept-Language is not read */

/* As it stands in `lang` attributes; language must be below LANGUAGE_COUNT. */
const char *language_tag(enum language language);

/* The first of ours in a list of language tags with blanks or commas between them (BCP 47; OpenID Connect Core 3.1.2.1,
 * ui_locales; B2C's {Culture:RFC5646}). Only the primary subtag counts. NULL: none. Returns: LANGUAGE_COUNT when none is ours. */
enum language language_of_tags(const char *tags);

/* The one of ours that an Accept-Language header (RFC 9110 section 12.5.4) likes best; of equals the first. NULL, and what
 * cannot be read: none. `*` stands for LANGUAGE_DEFAULT. Returns: LANGUAGE_COUNT when none is ours. */
enum language language_of_accept(const char *header);

#endif
