/* answers: two writers over one table of problems. */
#include "ingress/answers.h"
#include "common/base/json_out.h"
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

void answer_problem(struct exchange *exchange, enum problem problem, const char *detail)
{
	assert(problem < PROBLEM_COUNT);
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
	char seconds[8];
	snprintf(seconds, sizeof seconds, "%d", RETRY_AFTER_S);
	if (problems[problem].status == 503)
		exchange_add_header(exchange, "Retry-After", seconds);
	if (problem == PROBLEM_UNAUTHENTICATED && !b2c)
		exchange_add_header(exchange, "WWW-Authenticate", "Basic realm=\"verifyd\"");
}

void answer_json(struct exchange *exchange, int status)
{
	exchange->status = status;
	exchange->content_type = "application/json";
}

bool answer_outcome_problem(struct exchange *exchange)
{
	static const enum problem by_outcome[] = {
	        [OUTCOME_STATE] = PROBLEM_COUNT,           [OUTCOME_CACHE_AWAY] = PROBLEM_COUNT,
	        [OUTCOME_NOT_FOUND] = PROBLEM_NOT_FOUND,   [OUTCOME_QUEUE_AWAY] = PROBLEM_QUEUE_AWAY,
	        [OUTCOME_OVERLOADED] = PROBLEM_OVERLOADED, [OUTCOME_FAILED] = PROBLEM_INTERNAL,
	};
	enum problem problem = by_outcome[exchange->ask.outcome];
	if (problem == PROBLEM_COUNT)
		return false;
	answer_problem(exchange, problem, NULL);
	return true;
}
