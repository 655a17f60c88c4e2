/* pages: one frame around the texts of pages.def. */
#include "ingress/pages.h"
#include <assert.h>
#include <string.h>

static const struct page_info pages[] = {
#define PAGE(symbol, title, text, advice) {title, text, advice},
#include "ingress/pages.def"
#undef PAGE
};

static const char style[] = ":root{color-scheme:light dark}"
                            "body{margin:0;font:1.125rem/1.5 system-ui,sans-serif}"
                            "main{max-width:34rem;margin:12vh auto;padding:0 1.5rem}"
                            "h1{font-size:1.6rem;line-height:1.25}"
                            "a{display:inline-block;padding:.6rem 1.4rem;border:2px solid;border-radius:.5rem}";

const struct page_info *page_info(enum page page)
{
	assert(page < PAGE_COUNT);
	return &pages[page];
}

const char *page_style(void)
{
	return style;
}

enum err_code html_escape(struct buf *out, const char *text)
{
	static const struct {
		char c;
		const char *entity;
	} entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
	enum err_code code = ERR_OK;
	while (*text && code == ERR_OK) {
		size_t len = strcspn(text, "&<>\"'");
		code = buf_append(out, text, len);
		text += len;
		for (size_t i = 0; *text && i < sizeof entities / sizeof *entities; i++)
			if (*text == entities[i].c && code == ERR_OK)
				code = buf_append_str(out, entities[i].entity);
		text += *text != '\0';
	}
	return code;
}

/* Appends before, the escaped text, after. */
static enum err_code put(struct buf *out, const char *before, const char *text, const char *after)
{
	enum err_code code = buf_append_str(out, before);
	if (code == ERR_OK)
		code = html_escape(out, text);
	return code == ERR_OK ? buf_append_str(out, after) : code;
}

static enum err_code put_head(struct buf *out, const struct page_view *view)
{
	enum err_code code = buf_printf(out,
	                                "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	                                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	                                "<meta name=\"robots\" content=\"noindex\">\n<style>%s</style>\n",
	                                style);
	if (code == ERR_OK && view->refresh_s >= 0)
		code = buf_printf(out,
		                  "<meta http-equiv=\"refresh\" content=\"%d; url=?" PAGE_AGAIN_NAME
		                  "=" PAGE_AGAIN_VALUE "\">\n",
		                  view->refresh_s);
	return code == ERR_OK ? put(out, "<title>", page_info(view->page)->title, "</title>\n</head>\n") : code;
}

enum err_code page_write(struct buf *out, const struct page_view *view)
{
	const struct page_info *info = page_info(view->page);
	enum err_code code = put_head(out, view);
	if (code == ERR_OK)
		code = put(out, "<body>\n<main>\n<h1>", info->title, "</h1>\n");
	if (code == ERR_OK)
		code = put(out, "<p>", info->text, "</p>\n");
	if (code == ERR_OK)
		code = put(out, "<p>", info->advice, "</p>\n");
	if (code == ERR_OK && view->link)
		code = put(out, "<p><a href=\"", view->link, "\">Continue</a></p>\n");
	return code == ERR_OK ? buf_append_str(out, "</main>\n</body>\n</html>\n") : code;
}
