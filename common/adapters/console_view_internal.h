/* console_view_internal: how the parts of the page are written. */
#ifndef VERIFYD_CONSOLE_VIEW_INTERNAL_H
#define VERIFYD_CONSOLE_VIEW_INTERNAL_H

#include "common/adapters/console_view.h"

struct page {
	const struct console_view *view;
	struct buf *out;
	enum err_code failed; /* the first error; then nothing is written */
};

/* Appends HTML as it is; put_text what others wrote; put_format HTML with numbers and words of our own in it. */
void put(struct page *page, const char *html);
void put_text(struct page *page, const char *text);
void put_format(struct page *page, const char *fmt, ...) PRINTF_FMT(2, 3);

void put_count(struct page *page, int64_t count);             /* 12,345 */
void put_rate(struct page *page, bool known, double a_second); /* 9.5, 120, – */
void put_took(struct page *page, int64_t ms);                 /* 85 ms, 1.2 s, – */
void put_name(struct page *page, enum operation operation);   /* jumio · initiate */
void put_command(struct page *page, const char *command);     /* with a button that copies it */

void put_flow(struct page *page);      /* console_view_flow.c */
void put_classes(struct page *page);   /* console_view_classes.c */
void put_dead(struct page *page);      /* console_view_fleet.c */
void put_instances(struct page *page); /* console_view_fleet.c */

#endif
