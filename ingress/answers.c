/* answers: three writers over one table of problems. */
#include "ingress/answers.h"
#include "common/base/json_out.h"
#include "ingress/ingress.h"
#include <assert.h>
#include <stdio.h>

static const struct {
	const char *code;
	int status;
	const char *title, *user_message;
} problems[] = {
#define PROBLEM(symbol, code, status, title, user_message) {code, status, title, user_message},
#include "ingress/problems.def"
#undef PROBLEM
};

enum { B2C_STATUS = 409 };

static void write_b2c(struct json_out *json, const struct exchange *exchange, enum problem problem)
{
	json_out_str(json, "version", "1.0.0");
	json_out_int(json, "status", B2C_STATUS);
	json_out_str(json, "code", problems[problem].code);
	json_out_str(json, "requestId", exchange->request_id);
	json_out_str(json, "userMessage", problems[problem].user_message);
}

static void write_problem(struct json_out *json, const struct exchange *exchange, enum problem problem,
                          const char *detail)
{
	char type[64];
	snprintf(type, sizeof type, "urn:verifyd:problem:%s", problems[problem].code);
	json_out_str(json, "type", type);
	json_out_str(json, "title", problems[problem].title);
	json_out_int(json, "status", problems[problem].status);
	json_out_str(json, "detail", detail ? detail : problems[problem].title);
	json_out_str(json, "requestId", exchange->request_id);
}

/* A browser is shown nothing but whether its address was no good or something went wrong. */
static void problem_page(struct exchange *exchange, enum problem problem)
{
	const struct page_view view = {.page = problem == PROBLEM_NOT_FOUND ? PAGE_EXPIRED : PAGE_FAILED,
	                               .language = LANGUAGE_COUNT,
	                               .refresh_s = -1};
	answer_page(exchange, problems[problem].status, &view);
}

static void problem_json(struct exchange *exchange, enum problem problem, const char *detail)
{
	bool b2c = exchange->dialect == DIALECT_B2C;
	struct json_out json;
	buf_clear(&exchange->answer);
	json_out_begin(&json, &exchange->answer);
	json_out_object(&json, NULL);
	if (b2c)
		write_b2c(&json, exchange, problem);
	else
		write_problem(&json, exchange, problem, detail);
	json_out_object_end(&json);
	if (json_out_end(&json) != ERR_OK)
		buf_clear(&exchange->answer);
	exchange->status = b2c ? B2C_STATUS : problems[problem].status;
	exchange->content_type = b2c ? "application/json" : "application/problem+json";
}

void answer_problem(struct exchange *exchange, enum problem problem, const char *detail)
{
	assert(problem < PROBLEM_COUNT);
	exchange->problem = 1 + (int)problem;
	if (exchange->dialect == DIALECT_PAGE)
		problem_page(exchange, problem);
	else
		problem_json(exchange, problem, detail);
	exchange->cache_control = NULL;
	char seconds[8];
	snprintf(seconds, sizeof seconds, "%d", RETRY_AFTER_S);
	if (problems[problem].status == 503)
		exchange_add_header(exchange, "Retry-After", seconds);
	if (problem == PROBLEM_UNAUTHENTICATED && exchange->dialect == DIALECT_PROBLEM)
		exchange_add_header(exchange, "WWW-Authenticate", "Basic realm=\"verifyd\"");
}

void answer_json(struct exchange *exchange, int status)
{
	exchange->status = status;
	exchange->content_type = "application/json";
}

enum language answer_language(const struct exchange *exchange)
{
	enum language language = language_of_accept(exchange_header(exchange, "Accept-Language"));
	return language == LANGUAGE_COUNT ? LANGUAGE_DEFAULT : language;
}

void answer_page(struct exchange *exchange, int status, const struct page_view *view)
{
	const struct journeys *journeys = exchange->ingress ? exchange->ingress->journeys : NULL;
	struct page_view whole = *view;
	if (whole.language == LANGUAGE_COUNT)
		whole.language = answer_language(exchange);
	if (!whole.application && journeys)
		whole.application = application_name(journeys->applications, NULL, NULL);
	buf_clear(&exchange->answer);
	if (page_write(&exchange->answer, &whole) != ERR_OK)
		buf_clear(&exchange->answer);
	exchange->status = status;
	exchange->content_type = "text/html; charset=utf-8";
	exchange_add_header(exchange, "Content-Security-Policy", whole.refresh_s >= 0 ? PAGE_CSP_LIVE : PAGE_CSP);
	exchange_add_header(exchange, "Referrer-Policy", "no-referrer");
}

void answer_empty(struct exchange *exchange, int status)
{
	buf_clear(&exchange->answer);
	exchange->status = status;
	exchange->content_type = NULL;
}

bool answer_outcome_problem(struct exchange *exchange)
{
	static const enum problem by_outcome[] = {
	        [OUTCOME_STATE] = PROBLEM_COUNT,
	        [OUTCOME_CACHE_AWAY] = PROBLEM_COUNT,
	        [OUTCOME_NOT_FOUND] = PROBLEM_NOT_FOUND,
	        [OUTCOME_QUEUE_AWAY] = PROBLEM_QUEUE_AWAY,
	        [OUTCOME_OVERLOADED] = PROBLEM_OVERLOADED,
	        [OUTCOME_VENDOR_DOWN] = PROBLEM_INTERNAL, /* asked for by GetScore only, which has its own answer */
	        [OUTCOME_TOO_MANY] = PROBLEM_TOO_MANY_ATTEMPTS,
	        [OUTCOME_OTHER_BROWSER] = PROBLEM_FORBIDDEN,
	        [OUTCOME_KEY_REUSED] = PROBLEM_KEY_REUSED,
	        [OUTCOME_KEY_AWAY] = PROBLEM_KEY_AWAY,
	        [OUTCOME_FAILED] = PROBLEM_INTERNAL,
	};
	enum problem problem = by_outcome[exchange->ask.outcome];
	if (problem == PROBLEM_COUNT)
		return false;
	answer_problem(exchange, problem, NULL);
	return true;
}

void answer_applied_wait(struct exchange *exchange)
{
	char applied[EXCHANGE_HEADER_BYTES];
	if (exchange->prefer_wait_s < 0)
		return;
	snprintf(applied, sizeof applied, "wait=%d", exchange->prefer_wait_s);
	exchange_add_header(exchange, "Preference-Applied", applied);
}
