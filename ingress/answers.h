/* answers: errors in the caller's dialect. B2C: HTTP 409 and its contract (docs: restful-technical-profile, "return
 * validation errors"); a person's browser: a page; everybody else: RFC 9457 problem+json. None tells internals or repeats
 * what was sent. */
#ifndef VERIFYD_ANSWERS_H
#define VERIFYD_ANSWERS_H

#include "ingress/exchange.h"
#include "ingress/pages.h"

enum problem {
#define PROBLEM(symbol, code, status, title, user_message) PROBLEM_##symbol,
#include "ingress/problems.def"
#undef PROBLEM
	PROBLEM_COUNT
};

enum { RETRY_AFTER_S = 2 };

/* Makes the problem the exchange's answer. detail (may be NULL) says what rule was broken; never a value that was sent.
 */
void answer_problem(struct exchange *exchange, enum problem problem, const char *detail);

/* Makes exchange->answer, which holds JSON, the answer. */
void answer_json(struct exchange *exchange, int status);

/* The language that the browser asks for, or LANGUAGE_DEFAULT. */
enum language answer_language(const struct exchange *exchange);

/* Makes a page the answer, with the headers that every page has. Of language LANGUAGE_COUNT: the one that the browser asks
 * for; without an application: the name that stands for all others. */
void answer_page(struct exchange *exchange, int status, const struct page_view *view);

/* Makes an answer without a body; what it says is in its status and headers. */
void answer_empty(struct exchange *exchange, int status);

/* A problem that the desk's outcome stands for; false when the outcome is a state. */
bool answer_outcome_problem(struct exchange *exchange);

/* Says in Preference-Applied (RFC 7240) how long the caller was ready to wait, if it said so. */
void answer_applied_wait(struct exchange *exchange);

#endif
