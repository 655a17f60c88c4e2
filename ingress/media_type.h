/* media_type: what a body is said to be (RFC 9110, section 8.3.1). Pure. */
#ifndef VERIFYD_MEDIA_TYPE_H
#define VERIFYD_MEDIA_TYPE_H

#include <stdbool.h>

/* Whether a Content-Type header (NULL: absent) names media_type ("application/json"), in any case and with any parameters. */
bool media_type_is(const char *content_type, const char *media_type);

#endif
