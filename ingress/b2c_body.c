/* b2c_body: one pass over the members. */
#include "ingress/b2c_body.h"
#include "common/base/json_in.h"
#include "ingress/answers.h"

static const char *take_member(const char *(*take)(void *ctx, const char *name, const char *value), void *ctx,
                               const struct json_in *member)
{
	if (json_in_type(member) == JSON_IN_NULL)
		return NULL; /* a claim without a value */
	return take(ctx, json_in_name(member), json_in_text(member));
}

bool b2c_body_read(struct exchange *exchange, const char *(*take)(void *ctx, const char *name, const char *value),
                   void *ctx)
{
	struct json_in *root = NULL;
	const char *broken = NULL;
	struct err err;
	if (json_in_parse(exchange->body.data, exchange->body.len, &root, &err) != ERR_OK) {
		answer_problem(exchange, PROBLEM_BAD_JSON, err.msg);
		return false;
	}
	if (json_in_type(root) != JSON_IN_OBJECT)
		broken = "the body is not an object";
	else
		for (const struct json_in *at = json_in_first(root); at && !broken; at = json_in_next(at))
			broken = take_member(take, ctx, at);
	json_in_free(root);
	if (broken)
		answer_problem(exchange, PROBLEM_BAD_FIELD, broken);
	return broken == NULL;
}
