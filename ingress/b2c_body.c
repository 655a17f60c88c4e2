/* b2c_body: one pass over the tree. */
#include "ingress/b2c_body.h"
#include "common/base/json_in.h"
#include "ingress/answers.h"
#include <string.h>

static const char *take_member(const char *(*take)(void *ctx, const char *name, const char *value), void *ctx,
                               const char *name, const json_t *value)
{
	if (json_is_null(value))
		return NULL; /* a claim without a value */
	const char *text = json_string_value(value);
	if (text && strlen(text) != json_string_length(value))
		return "a field holds a NUL";
	return take(ctx, name, text);
}

bool b2c_body_read(struct exchange *exchange, const char *(*take)(void *ctx, const char *name, const char *value),
                   void *ctx)
{
	json_t *root = NULL, *value;
	const char *name, *broken = NULL;
	struct err err;
	if (json_in_parse(exchange->body.data, exchange->body.len, &root, &err) != ERR_OK) {
		answer_problem(exchange, PROBLEM_BAD_JSON, err.msg);
		return false;
	}
	if (!json_is_object(root))
		broken = "the body is not an object";
	json_object_foreach(root, name, value)
	{
		if (!broken)
			broken = take_member(take, ctx, name, value);
	}
	json_decref(root);
	if (broken)
		answer_problem(exchange, PROBLEM_BAD_FIELD, broken);
	return broken == NULL;
}
