/* oidc: the two documents by which B2C checks an id_token_hint: discovery and keys. Public, and read on every return,
 * so they may be kept for some minutes. */
#include "ingress/answers.h"
#include "ingress/ingress.h"
#include "ingress/routes/routes.h"

static void answer_document(struct exchange *exchange, const char *document)
{
	if (buf_append_str(&exchange->answer, document) != ERR_OK) {
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
		return;
	}
	answer_json(exchange, 200);
	exchange->cache_control = "public, max-age=300";
}

void oidc_discovery(struct exchange *exchange, enum method method)
{
	(void)method;
	answer_document(exchange, hints_discovery(exchange->ingress->journeys->hints));
}

void oidc_keys(struct exchange *exchange, enum method method)
{
	(void)method;
	answer_document(exchange, hints_keys(exchange->ingress->journeys->hints));
}
