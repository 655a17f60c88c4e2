/* pages: the HTML that a person's browser is shown on the way to a vendor and back. One small document each: no script, nothing
 * from elsewhere, readable by a screen reader. */
#ifndef VERIFYD_PAGES_H
#define VERIFYD_PAGES_H

#include "common/base/buf.h"

enum page {
#define PAGE(symbol, title, text, advice) PAGE_##symbol,
#include "ingress/pages.def"
#undef PAGE
	PAGE_COUNT
};

struct page_info {
	const char *title, *text, *advice;
};
const struct page_info *page_info(enum page page); /* page must be below PAGE_COUNT */

/* What a page asks the browser to open when it opens itself again: its own address, with this query. */
#define PAGE_AGAIN_NAME "w"
#define PAGE_AGAIN_VALUE "1"

/* Headers of every page. The hash is that of the style inside (Content Security Policy Level 3). */
#define PAGE_CSP                                                                                                       \
	"default-src 'none'; style-src 'sha256-" PAGE_STYLE_HASH                                                       \
	"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#define PAGE_STYLE_HASH "hypCE4tLueq8Io/yJVU6kEXPjj12EDF5cHoCwAFjYF8="

struct page_view {
	enum page page;
	int refresh_s;         /* opens itself again after so many seconds; < 0: it does not */
	const char *link;      /* where "Continue" leads; NULL: no link */
};

/* Appends the document. Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code page_write(struct buf *out, const struct page_view *view) WARN_UNUSED;

/* Appends text so that it can stand in HTML, also inside of an attribute in double quotes. Returns: as page_write. */
enum err_code html_escape(struct buf *out, const char *text) WARN_UNUSED;

/* The style inside, for the test of its hash. */
const char *page_style(void);

#endif
