/* console_document: the whole page of the console: its style and script (console/, compiled in) around what
 * console_view wrote, and the header that lets a browser run nothing else. */
#ifndef VERIFYD_CONSOLE_DOCUMENT_H
#define VERIFYD_CONSOLE_DOCUMENT_H

#include "common/base/buf.h"

enum { CONSOLE_CSP_BYTES = 512 };

/* The Content-Security-Policy of the page: the hashes of its style and its script, and nothing from elsewhere.
 * Returns: ERR_OK; ERR_CRYPTO. */
enum err_code console_document_csp(char ret_csp[CONSOLE_CSP_BYTES]) WARN_UNUSED;

/* Appends the document; main: <main>…</main>. A browser without a script opens it again every few seconds.
 * Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code console_document_write(const char *main, struct buf *out) WARN_UNUSED;

#endif
