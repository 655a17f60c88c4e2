/* browser_cookie: the cookie of a journey on its way in (Cookie) and out (Set-Cookie), RFC 6265. What its value means is
 * tickets.h's. */
#ifndef VERIFYD_BROWSER_COOKIE_H
#define VERIFYD_BROWSER_COOKIE_H

#include "ingress/tickets.h"

enum { SET_COOKIE_BYTES = 256 };

/* Finds this journey's cookie in a Cookie header (NULL: absent). Returns: true when it is there and of ours. */
bool browser_cookie_read(const struct tickets *tickets, const char *id, const char *header,
                         char ret_value[COOKIE_VALUE_BYTES]);

/* Writes Set-Cookie's value: for this host only, hidden from scripts, not sent along by other sites but when a person follows a link
 * or a redirect here. */
void browser_cookie_write(const char *id, const char *value, int64_t life_ms, char ret_header[SET_COOKIE_BYTES]);

#endif
