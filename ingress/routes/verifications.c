/* verifications: /v1/verifications for anyone with a credential. Callers see only what is their own. */
#include "common/base/clock.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "ingress/answers.h"
#include "ingress/ingress.h"
#include "ingress/intake_fields.h"
#include "ingress/routes/routes.h"
#include <stdio.h>
#include <string.h>

enum { DEADLINE_MAX_MS = 24 * 3600 * 1000, DETAIL_BYTES = 160, KIND_BYTES = 64 };

/* ---- the view ---- */

static void write_time(struct json_out *json, const char *name, int64_t unix_ms)
{
	char text[CLOCK_TEXT_BYTES];
	clock_text(unix_ms, text, sizeof text);
	json_out_str(json, name, text);
}

static void write_state(struct json_out *json, const struct verification *state)
{
	json_out_str(json, "id", state->id);
	json_out_str(json, "kind", kind_info(state->kind)->name);
	json_out_str(json, "state", state_name(state->state));
	json_out_int(json, "rev", state->rev);
	if (state->risk != RISK_NONE)
		json_out_str(json, "risk", risk_name(state->risk));
	if (state->score != SCORE_NONE)
		json_out_int(json, "score", state->score);
	if (state->reason != REASON_NONE)
		json_out_str(json, "reason", reason_name(state->reason));
	json_out_int(json, "attempts", state->attempts);
	write_time(json, "created", state->created_ms);
	write_time(json, "updated", state->updated_ms);
}

/* state NULL: the cache is away, so nothing is known of the id just now. */
static void write_view(struct exchange *exchange, const struct verification *state, int status)
{
	struct json_out json;
	json_out_begin(&json, &exchange->answer);
	json_out_object(&json, NULL);
	if (state) {
		write_state(&json, state);
	} else {
		json_out_str(&json, "id", exchange->ask.request.id);
		json_out_str(&json, "state", "pending");
	}
	json_out_object_end(&json);
	if (json_out_end(&json) != ERR_OK) {
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
		return;
	}
	if (exchange->prefer_wait_s >= 0) {
		char applied[EXCHANGE_HEADER_BYTES];
		snprintf(applied, sizeof applied, "wait=%d", exchange->prefer_wait_s);
		exchange_add_header(exchange, "Preference-Applied", applied);
	}
	answer_json(exchange, status);
}

static void render_created(struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	char location[EXCHANGE_HEADER_BYTES];
	if (answer_outcome_problem(exchange))
		return;
	bool is_final = ask->outcome == OUTCOME_STATE && state_is_final(ask->state.state);
	snprintf(location, sizeof location, "/v1/verifications/%s", ask->request.id);
	exchange_add_header(exchange, "Location", location);
	write_view(exchange, &ask->state, is_final ? 201 : 202);
}

static void render_read(struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	if (!answer_outcome_problem(exchange))
		write_view(exchange, ask->outcome == OUTCOME_CACHE_AWAY ? NULL : &ask->state, 200);
}

/* ---- reading the body ---- */

static enum request_field field_by_name(const char *name)
{
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT; i++)
		if (strcmp(request_field_info((enum request_field)i)->name, name) == 0)
			return (enum request_field)i;
	return REQUEST_FIELD_COUNT;
}

/* One member. name is a caller's: it is shown only after it turned out to be one of ours.
 * Returns: true; false when *detail says what is wrong. */
static bool read_member(struct draft *draft, const char *name, const json_t *value, char detail[DETAIL_BYTES])
{
	enum request_field field = field_by_name(name);
	const char *broken = NULL;
	if (field == REQUEST_FIELD_COUNT || !(kind_info(draft->kind)->may & (1u << field))) {
		snprintf(detail, DETAIL_BYTES, "a member is not a field of %s", kind_info(draft->kind)->name);
		return false;
	}
	if (!json_is_string(value))
		broken = "it is not a string";
	else if (strlen(json_string_value(value)) != json_string_length(value))
		broken = "it holds a NUL";
	else
		broken = draft_set(draft, field, json_string_value(value));
	if (broken)
		snprintf(detail, DETAIL_BYTES, "%s: %s", request_field_info(field)->name, broken);
	return broken == NULL;
}

/* Returns: PROBLEM_COUNT when the kind is known; else the problem, and *detail says more. */
static enum problem read_kind(const json_t *root, struct draft *draft, char detail[DETAIL_BYTES])
{
	char name[KIND_BYTES];
	enum err_code code = json_in_str(root, "kind", name, sizeof name, NULL);
	bool missing = code == ERR_NOT_FOUND;
	if (code == ERR_OK && (draft->kind = kind_by_name(name)) != KIND_COUNT)
		return PROBLEM_COUNT;
	snprintf(detail, DETAIL_BYTES, "kind: %s", missing ? "it is required" : "not one that is known");
	return missing ? PROBLEM_MISSING_FIELD : PROBLEM_BAD_FIELD;
}

static enum problem read_members(json_t *root, struct draft *draft, char detail[DETAIL_BYTES])
{
	const char *name;
	json_t *value;
	enum problem problem = read_kind(root, draft, detail);
	if (problem != PROBLEM_COUNT)
		return problem;
	enum err_code code = json_in_int(root, "deadline_ms", 1, DEADLINE_MAX_MS, &draft->deadline_ms, NULL);
	if (code != ERR_OK && code != ERR_NOT_FOUND) {
		snprintf(detail, DETAIL_BYTES, "deadline_ms: not an integer from 1 to %d", DEADLINE_MAX_MS);
		return PROBLEM_BAD_FIELD;
	}
	json_object_foreach(root, name, value)
	{
		bool known = strcmp(name, "kind") == 0 || strcmp(name, "deadline_ms") == 0;
		if (!known && !read_member(draft, name, value, detail))
			return PROBLEM_BAD_FIELD;
	}
	return PROBLEM_COUNT;
}

/* Returns: true; false when it answered. */
static bool read_body(struct exchange *exchange, struct draft *draft)
{
	json_t *root = NULL;
	struct err err;
	char detail[DETAIL_BYTES] = "the body is not an object";
	if (json_in_parse(exchange->body.data, exchange->body.len, &root, &err) != ERR_OK) {
		answer_problem(exchange, PROBLEM_BAD_JSON, err.msg);
		return false;
	}
	enum problem problem = json_is_object(root) ? read_members(root, draft, detail) : PROBLEM_BAD_FIELD;
	json_decref(root);
	if (problem != PROBLEM_COUNT)
		answer_problem(exchange, problem, detail);
	return problem == PROBLEM_COUNT;
}

/* ---- handlers ---- */

static int64_t wait_until(const struct exchange *exchange)
{
	return exchange->prefer_wait_s > 0 ? exchange->accepted_ms + (int64_t)exchange->prefer_wait_s * 1000 : 0;
}

static void create(struct exchange *exchange, const struct draft *draft)
{
	const char *missing = NULL;
	char detail[DETAIL_BYTES];
	enum err_code code = draft_to_ask(draft, exchange->ingress->id_key, exchange->caller, &exchange->ask, &missing);
	if (code == ERR_NOT_FOUND) {
		snprintf(detail, sizeof detail, "%s is required for %s", missing, kind_info(draft->kind)->name);
		answer_problem(exchange, PROBLEM_MISSING_FIELD, detail);
	} else if (code != ERR_OK) {
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
	} else {
		exchange->ask.wait_until_ms = wait_until(exchange);
		exchange_ask(exchange, render_created);
	}
}

void verifications_create(struct exchange *exchange, enum method method)
{
	struct draft draft = {.given = 0};
	(void)method;
	if (read_body(exchange, &draft))
		create(exchange, &draft);
	draft_wipe(&draft);
}

void verifications_read(struct exchange *exchange, enum method method)
{
	struct request *request = &exchange->ask.request;
	size_t len = strlen(exchange->tail);
	(void)method;
	if (!id_is_valid(exchange->tail, len)) {
		answer_problem(exchange, PROBLEM_NOT_FOUND, NULL);
		return;
	}
	exchange->ask.type = ASK_READ;
	memcpy(request->id, exchange->tail, len + 1);
	memcpy(request->caller, exchange->caller, sizeof request->caller);
	exchange->ask.wait_until_ms = wait_until(exchange);
	exchange_ask(exchange, render_read);
}
