/* biocatch: GetScore for B2C. It always answers 200 with a riskLevel when the question was understood: a policy reads
 * "not LOW" as "ask for MFA", so UNKNOWN is the safe answer to everything that went wrong behind it. */
#include "common/base/json_out.h"
#include "ingress/answers.h"
#include "ingress/b2c_body.h"
#include "ingress/ingress.h"
#include "ingress/intake_fields.h"
#include "ingress/routes/routes.h"
#include <string.h>
#include <strings.h>

/* Names of B2C's claims, any case. field REQUEST_FIELD_COUNT: accepted, and of no use here. */
static const struct {
	const char *name;
	enum request_field field;
} parameters[] = {
        {"customerSessionID", REQUEST_FIELD_SESSION},
        {"uuid", REQUEST_FIELD_SUBJECT},
        {"activityType", REQUEST_FIELD_ACTIVITY},
        {"activtyType", REQUEST_FIELD_ACTIVITY}, /* as the tutorial spells it */
        {"brand", REQUEST_FIELD_BRAND},
        {"solution", REQUEST_FIELD_SOLUTION},
        {"CorrelationId", REQUEST_FIELD_CORRELATION},
        {"customerID", REQUEST_FIELD_COUNT}, /* the worker's setting decides */
        {"action", REQUEST_FIELD_COUNT},
};

/* What a page sends when its script never ran; "100" is the tutorial's default. */
static const char *const placeholders[] = {
        "100", "undefined", "null", "none", "0", "00000000-0000-0000-0000-000000000000",
};

static bool is_placeholder(const char *session)
{
	for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++)
		if (strcasecmp(session, placeholders[i]) == 0)
			return true;
	return session[0] == '{'; /* a claim resolver that nobody resolved */
}

struct reading {
	struct draft draft;
	const char *broken; /* the rule that a parameter breaks */
};

static bool read_parameter(void *ctx, const char *name, const char *value)
{
	struct reading *reading = ctx;
	for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
		if (strcasecmp(parameters[i].name, name) != 0)
			continue;
		if (strcmp(parameters[i].name, "action") == 0 && *value && strcasecmp(value, "getScore") != 0)
			reading->broken = "action is not getScore";
		else if (parameters[i].field != REQUEST_FIELD_COUNT)
			reading->broken = draft_set(&reading->draft, parameters[i].field, value);
		return reading->broken == NULL;
	}
	return true; /* B2C policies send more claims than we need */
}

static const char *take_member(void *ctx, const char *name, const char *value)
{
	struct reading *reading = ctx;
	if (!value)
		return "a field is not a string";
	(void)read_parameter(reading, name, value);
	return reading->broken;
}

static void write_answer(struct exchange *exchange, const struct verification *state, const char *unknown_because)
{
	struct json_out json;
	json_out_begin(&json, &exchange->answer);
	json_out_object(&json, NULL);
	json_out_str(&json, "riskLevel", unknown_because ? "UNKNOWN" : risk_name(state->risk));
	if (!unknown_because && state->score != SCORE_NONE)
		json_out_int(&json, "score", state->score);
	if (unknown_because && *unknown_because)
		json_out_str(&json, "reason", unknown_because);
	if (state && state->id[0])
		json_out_str(&json, "verificationId", state->id);
	json_out_object_end(&json);
	if (json_out_end(&json) == ERR_OK)
		answer_json(exchange, 200);
	else
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
}

static void render(struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	const struct verification *state = &ask->state;
	if (ask->outcome == OUTCOME_QUEUE_AWAY)
		write_answer(exchange, NULL, "queue_away");
	else if (ask->outcome == OUTCOME_OVERLOADED)
		write_answer(exchange, NULL, "overloaded");
	else if (ask->outcome == OUTCOME_VENDOR_DOWN)
		write_answer(exchange, NULL, "vendor_down");
	else if (ask->outcome == OUTCOME_CACHE_AWAY)
		write_answer(exchange, state, "cache_away");
	else if (ask->outcome != OUTCOME_STATE)
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
	else if (!state_is_final(state->state))
		write_answer(exchange, state, "pending");
	else if (state->state == STATE_COMPLETED && state->risk != RISK_UNKNOWN)
		write_answer(exchange, state, NULL);
	else
		write_answer(exchange, state, state->state == STATE_ERASED ? "erased" : reason_name(state->reason));
}

static void ask_for_score(struct exchange *exchange, struct draft *draft)
{
	const struct ingress *ingress = exchange->ingress;
	const char *missing = NULL;
	draft->deadline_ms = ingress->request_deadline_ms;
	if (!(draft->given & (1u << REQUEST_FIELD_SUBJECT))) {
		answer_problem(exchange, PROBLEM_MISSING_FIELD, "uuid");
		return;
	}
	if (!(draft->given & (1u << REQUEST_FIELD_SESSION)) || is_placeholder(draft->text[REQUEST_FIELD_SESSION])) {
		exchange->undecided = UNDECIDED_NO_SESSION;
		write_answer(exchange, NULL, "no_session");
		return;
	}
	if (draft_to_ask(draft, ingress->id_key, exchange->caller, &exchange->ask, &missing) != ERR_OK) {
		answer_problem(exchange, PROBLEM_INTERNAL, missing);
		return;
	}
	exchange->ask.wait_until_ms = exchange->accepted_ms + ingress->sync_budget_ms;
	exchange->ask.unless_down = true;
	exchange_ask(exchange, render);
}

void biocatch_score(struct exchange *exchange, enum method method)
{
	struct reading reading;
	bool read = true;
	draft_init(&reading.draft, KIND_BIOCATCH_SCORE);
	reading.broken = NULL;
	if (method == METHOD_POST)
		read = b2c_body_read(exchange, take_member, &reading);
	else if (!exchange_each_parameter(exchange, read_parameter, &reading) && !reading.broken)
		reading.broken = "too many parameters, or a NUL in one";
	if (read && reading.broken)
		answer_problem(exchange, PROBLEM_BAD_FIELD, reading.broken);
	else if (read)
		ask_for_score(exchange, &reading.draft);
	draft_wipe(&reading.draft);
}
