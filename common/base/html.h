/* html: text that others wrote, as a part of a page. */
#ifndef VERIFYD_HTML_H
#define VERIFYD_HTML_H

#include "common/base/buf.h"

/* Appends text so that it can stand in HTML, also inside of an attribute in double quotes. Returns: ERR_OK; ERR_LIMIT;
 * ERR_NO_MEMORY. */
enum err_code html_escape(struct buf *out, const char *text) WARN_UNUSED;

#endif
