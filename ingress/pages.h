/* pages: the HTML that a person's browser is shown on the way to a vendor and back. One small document each, whole without a
 * script: nothing from elsewhere, readable by a screen reader, from 320 pixels on, light or dark as the browser likes it
 * (WCAG 2.2 AA). A page that waits has a small script, which asks /wait for news in place of opening the page again. Pure. */
#ifndef VERIFYD_PAGES_H
#define VERIFYD_PAGES_H

#include "common/base/html.h"
#include "ingress/language.h"
#include <stdbool.h>
#include <stdint.h>

enum page {
#define PAGE(symbol, mark, en, de) PAGE_##symbol,
#include "ingress/pages.def"
#undef PAGE
	PAGE_COUNT
};

enum page_text {
#define TEXT(symbol, en, de) TEXT_##symbol,
#include "ingress/page_texts.def"
#undef TEXT
	TEXT_COUNT
};

/* The picture beside a page's title: a clock, a tick, a cross, an i. */
enum page_mark { MARK_WAIT, MARK_GOOD, MARK_BAD, MARK_NOTE, MARK_COUNT };

struct page_words {
	const char *title, *text, *advice;
};
/* page below PAGE_COUNT, language below LANGUAGE_COUNT. */
const struct page_words *page_words(enum page page, enum language language);
const char *page_text(enum page_text text, enum language language);

/* What a page asks the browser to open when it opens itself again: its own address, with this query. */
#define PAGE_AGAIN_NAME  "w"
#define PAGE_AGAIN_VALUE "1"
/* What was shown last of the place in the queue: queue_words.h. */
#define PAGE_AHEAD_NAME   "n"
#define PAGE_MINUTES_NAME "t"
/* Of /wait: which page asks. */
#define PAGE_SHOWS_NAME    "shows"
#define PAGE_LANGUAGE_NAME "lang"

/* Headers of every page. The hashes are those of what is inside (Content Security Policy Level 3). */
#define PAGE_STYLE_HASH  "PErHZ7jVOZqyWam32l56m/WksKKjcsE/XBrNRbkBo/Y="
#define PAGE_SCRIPT_HASH "UQVvubpWujSMy+M65sWWog6n2Rr1H3MhDJHYObgxgnk="
#define PAGE_CSP_STYLE   "default-src 'none'; style-src 'sha256-" PAGE_STYLE_HASH "'; "
#define PAGE_CSP_CLOSED  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#define PAGE_CSP         PAGE_CSP_STYLE PAGE_CSP_CLOSED
#define PAGE_CSP_LIVE    PAGE_CSP_STYLE "script-src 'sha256-" PAGE_SCRIPT_HASH "'; connect-src 'self'; " PAGE_CSP_CLOSED

struct page_view {
	enum page page;
	enum language language;
	const char *application; /* what the app is called that the person comes from; NULL: not known */
	int refresh_s;           /* opens itself again after so many seconds; < 0: it does not */
	bool live;               /* in place of that, where a script runs, it asks /wait for news; only a page of page_by_name */
	const char *link;        /* where its link leads; NULL: no link */
	enum page_text link_text;
	const char *news;        /* how long it takes: a text in this language, or NULL or "" */
	/* of news: -1: nothing was shown */
	int64_t ahead, minutes;
};

/* Appends the document. Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code page_write(struct buf *out, const struct page_view *view) WARN_UNUSED;

/* The page that a script names in "shows", which waits for something; PAGE_COUNT: there is none. */
enum page page_by_name(const char *shows);

/* What stands inside, for the test of the hashes. */
const char *page_style(void);
const char *page_script(void);
/* <svg …></svg> of a mark. */
const char *page_mark_svg(enum page_mark mark);

#endif
