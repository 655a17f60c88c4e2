/* ui: GET /ui/NAME, the pages of the B2C policies, for browsers at B2C's origin (CORS). */
#include "ingress/answers.h"
#include "ingress/etag.h"
#include "ingress/ingress.h"
#include "ingress/routes/routes.h"

/* B2C takes a page's markup and puts it into its own; opened by itself it shows nothing, and may do nothing. */
#define UI_CSP                                                                                                         \
	"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

void ui_file(struct exchange *exchange, enum method method)
{
	const struct ui_file *file = ui_files_find(exchange->ingress->ui, exchange->tail);
	(void)method;
	if (!file) {
		answer_problem(exchange, PROBLEM_NOT_FOUND, NULL);
		return;
	}
	if (exchange_header_list(exchange, "If-None-Match", &exchange->known) != ERR_OK)
		buf_clear(&exchange->known);
	if (exchange->known.len > 0 && etag_is_listed(exchange->known.data, file->etag)) {
		answer_empty(exchange, 304);
	} else if (buf_append(&exchange->answer, file->data, file->len) == ERR_OK) {
		exchange->status = 200;
		exchange->content_type = file->content_type;
		exchange_add_header(exchange, "Content-Security-Policy", UI_CSP);
	} else {
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
		return;
	}
	exchange->cache_control = "public, max-age=300";
	exchange_add_header(exchange, "ETag", file->etag);
}
