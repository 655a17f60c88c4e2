/* sim_text: writes text so that nothing in it can be taken for syntax: of a URL, of a form, of HTML. */
#ifndef SIM_TEXT_H
#define SIM_TEXT_H

#include "common/base/buf.h"

/* Percent-encodes all but RFC 3986's unreserved characters. Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY; on failure a
 * part may have been written (so in all of these). */
enum err_code sim_text_percent(struct buf *out, const char *text) WARN_UNUSED;

/* Appends name=value, both encoded, and an '&' before it unless out is empty or ends in '?' or '&'. */
enum err_code sim_text_pair(struct buf *out, const char *name, const char *value) WARN_UNUSED;

/* Escapes for element content and quoted attributes. */
enum err_code sim_text_html(struct buf *out, const char *text) WARN_UNUSED;

#endif
