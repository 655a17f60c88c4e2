/* pages: one frame around the texts of pages.def and page_texts.def. */
#include "ingress/pages.h"
#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* clang-format off */
#define EN(title, text, advice) {title, text, advice}
#define DE(title, text, advice) {title, text, advice}
static const struct {
	enum page_mark mark;
	struct page_words words[LANGUAGE_COUNT];
} pages[] = {
#define PAGE(symbol, mark, en, de) {MARK_##mark, {[LANGUAGE_EN] = en, [LANGUAGE_DE] = de}},
#include "ingress/pages.def"
#undef PAGE
};
#undef EN
#undef DE
/* clang-format on */

static const char *const texts[TEXT_COUNT][LANGUAGE_COUNT] = {
#define TEXT(symbol, en, de) {[LANGUAGE_EN] = en, [LANGUAGE_DE] = de},
#include "ingress/page_texts.def"
#undef TEXT
};

static const char *const mark_classes[MARK_COUNT] = {"wait", "good", "bad", "note"};

/* The pages that wait for something, by what the script calls them. */
static const struct {
	const char *name;
	enum page page;
} live[] = {{"waiting", PAGE_WAITING}, {"checking", PAGE_CHECKING}};

const struct page_words *page_words(enum page page, enum language language)
{
	assert(page < PAGE_COUNT && language < LANGUAGE_COUNT);
	return &pages[page].words[language];
}

const char *page_text(enum page_text text, enum language language)
{
	assert(text < TEXT_COUNT && language < LANGUAGE_COUNT);
	return texts[text][language];
}

enum page page_by_name(const char *shows)
{
	for (size_t i = 0; i < sizeof live / sizeof *live; i++)
		if (strcmp(live[i].name, shows) == 0)
			return live[i].page;
	return PAGE_COUNT;
}

/* What the script calls this page; NULL: it has none. */
static const char *shows_of(const struct page_view *view)
{
	for (size_t i = 0; view->live && view->refresh_s >= 0 && i < sizeof live / sizeof *live; i++)
		if (live[i].page == view->page)
			return live[i].name;
	return NULL;
}

/* Appends before, the escaped text, after. */
static enum err_code put(struct buf *out, const char *before, const char *text, const char *after)
{
	enum err_code code = buf_append_str(out, before);
	if (code == ERR_OK)
		code = html_escape(out, text);
	return code == ERR_OK ? buf_append_str(out, after) : code;
}

/* Where a script runs, that sees to it. */
static enum err_code put_refresh(struct buf *out, const struct page_view *view)
{
	enum err_code code = buf_printf(
	        out, "<noscript><meta http-equiv=\"refresh\" content=\"%d; url=?" PAGE_AGAIN_NAME "=" PAGE_AGAIN_VALUE,
	        view->refresh_s);
	if (code == ERR_OK && view->ahead >= 0)
		code = buf_printf(out, "&amp;" PAGE_AHEAD_NAME "=%" PRId64, view->ahead);
	if (code == ERR_OK && view->minutes >= 0)
		code = buf_printf(out, "&amp;" PAGE_MINUTES_NAME "=%" PRId64, view->minutes);
	return code == ERR_OK ? buf_append_str(out, "\"></noscript>\n") : code;
}

static enum err_code put_head(struct buf *out, const struct page_view *view)
{
	enum err_code code = buf_printf(out,
	                                "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
	                                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	                                "<meta name=\"robots\" content=\"noindex\">\n<style>%s</style>\n",
	                                language_tag(view->language), page_style());
	if (code == ERR_OK && view->refresh_s >= 0)
		code = put_refresh(out, view);
	if (code == ERR_OK)
		code = put(out, "<title>", page_words(view->page, view->language)->title, "");
	if (code == ERR_OK && view->application)
		code = put(out, " – ", view->application, "");
	return code == ERR_OK ? buf_append_str(out, "</title>\n</head>\n<body>\n") : code;
}

/* <main>, with what the script goes by. */
static enum err_code put_main(struct buf *out, const struct page_view *view)
{
	enum page_mark mark = pages[view->page].mark;
	const char *shows = shows_of(view);
	enum err_code code = ERR_OK;
	if (view->application)
		code = put(out, "<header><p>", view->application, "</p></header>\n");
	if (code == ERR_OK)
		code = buf_printf(out, "<main class=\"%s\"", mark_classes[mark]);
	if (code == ERR_OK && shows)
		code = buf_printf(out, " data-shows=\"%s\" data-n=\"%" PRId64 "\" data-t=\"%" PRId64 "\"", shows,
		                  view->ahead, view->minutes);
	else if (code == ERR_OK && view->refresh_s >= 0)
		code = buf_printf(out, " data-again=\"%d\"", view->refresh_s);
	return code == ERR_OK ? buf_printf(out, ">\n<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\">%s</svg>\n",
	                                   page_mark_svg(mark))
	                      : code;
}

static enum err_code put_links(struct buf *out, const struct page_view *view)
{
	enum err_code code = ERR_OK;
	if (view->refresh_s >= 0)
		code = put(out, "<p><a class=\"quiet\" href=\"?" PAGE_AGAIN_NAME "=" PAGE_AGAIN_VALUE "\">",
		           page_text(TEXT_LOOK_AGAIN, view->language), "</a></p>\n");
	if (code == ERR_OK && view->link) {
		code = put(out, "<p><a class=\"go\" href=\"", view->link, "\">");
		if (code == ERR_OK)
			code = put(out, "", page_text(view->link_text, view->language), "</a></p>\n");
	}
	return code;
}

enum err_code page_write(struct buf *out, const struct page_view *view)
{
	const struct page_words *words = page_words(view->page, view->language);
	bool live_page = shows_of(view) != NULL;
	enum err_code code = put_head(out, view);
	if (code == ERR_OK)
		code = put_main(out, view);
	if (code == ERR_OK)
		code = put(out, "<h1>", words->title, "</h1>\n");
	if (code == ERR_OK)
		code = put(out, "<p>", words->text, "</p>\n");
	if (code == ERR_OK && (live_page || view->news)) /* there from the beginning, so that changes are read out */
		code = put(out, "<p id=\"news\" role=\"status\">", view->news ? view->news : "", "</p>\n");
	if (code == ERR_OK)
		code = put(out, "<p class=\"advice\">", words->advice, "</p>\n");
	if (code == ERR_OK)
		code = put_links(out, view);
	if (code == ERR_OK)
		code = buf_append_str(out, "</main>\n");
	if (code == ERR_OK && view->refresh_s >= 0)
		code = buf_printf(out, "<script>%s</script>\n", page_script());
	return code == ERR_OK ? buf_append_str(out, "</body>\n</html>\n") : code;
}
