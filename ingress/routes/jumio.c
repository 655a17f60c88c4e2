/* jumio: the four calls that a policy and its page make around an identity check, as Microsoft's sample has them. The
 * page polls without a credential: its token says whom it may ask about. Nothing here tells the vendor's words. */
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "ingress/answers.h"
#include "ingress/b2c_body.h"
#include "ingress/ingress.h"
#include "ingress/journey_fields.h"
#include "ingress/journey_view.h"
#include "ingress/routes/routes.h"
#include <openssl/crypto.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* ---- InitializeTransaction ---- */

static const struct {
	const char *name;
	enum request_field field;
	bool required;
} transaction_fields[] = {
        {"ObjectId", REQUEST_FIELD_SUBJECT, true},     {"ClientId", REQUEST_FIELD_CLIENT, true},
        {"RedirectUri", REQUEST_FIELD_REDIRECT, true}, {"Scope", REQUEST_FIELD_SCOPE, false},
        {"Policy", REQUEST_FIELD_POLICY, true},        {"CorrelationId", REQUEST_FIELD_CORRELATION, true},
        {"Locale", REQUEST_FIELD_LOCALE, false},
};
enum { TRANSACTION_FIELDS = sizeof transaction_fields / sizeof *transaction_fields };

#define DEFAULT_SCOPE "openid"

static const char *take_transaction_field(void *ctx, const char *name, const char *value)
{
	for (size_t i = 0; i < TRANSACTION_FIELDS; i++)
		if (strcasecmp(transaction_fields[i].name, name) == 0)
			return value ? draft_set(ctx, transaction_fields[i].field, value) : "a field is not a string";
	return NULL;
}

/* Returns: PROBLEM_COUNT when nothing is wrong; *ret_detail says what is. */
static enum problem check_transaction(const struct journeys *journeys, struct draft *draft, const char **ret_detail)
{
	enum request_field field;
	for (size_t i = 0; i < TRANSACTION_FIELDS; i++) {
		bool given = draft->given & (1u << transaction_fields[i].field);
		*ret_detail = transaction_fields[i].name;
		if (transaction_fields[i].required && !given)
			return PROBLEM_MISSING_FIELD;
	}
	if (!(draft->given & (1u << REQUEST_FIELD_SCOPE)))
		(void)draft_set(draft, REQUEST_FIELD_SCOPE, DEFAULT_SCOPE);
	*ret_detail = journey_check(journeys, draft, &field);
	return *ret_detail ? PROBLEM_BAD_FIELD : PROBLEM_COUNT;
}

static void write_transaction(struct exchange *exchange)
{
	char link[JOURNEY_LINK_BYTES];
	struct json_out json;
	const char *id = exchange->ask.request.id;
	enum err_code code = journey_start_link(exchange->ingress->journeys, id, clock_unix_ms(), link);
	json_out_begin(&json, &exchange->answer);
	json_out_object(&json, NULL);
	json_out_str(&json, "transactionReference", id);
	json_out_str(&json, "redirectUrl", code == ERR_OK ? link : "");
	json_out_object_end(&json);
	explicit_bzero(link, sizeof link);
	if (json_out_end(&json) == ERR_OK && code == ERR_OK)
		answer_json(exchange, 200);
	else
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
}

static void render_transaction(struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	struct journey_view view;
	if (answer_outcome_problem(exchange))
		return;
	journey_view(ask->outcome, &ask->state, &view);
	if (view.stage == JOURNEY_DEAD_BEFORE && ask->state.reason == REASON_TOO_MANY)
		answer_problem(exchange, PROBLEM_TOO_MANY_ATTEMPTS, NULL);
	else if (view.stage == JOURNEY_DEAD_BEFORE || view.stage == JOURNEY_GONE)
		answer_problem(exchange, PROBLEM_NOT_STARTED, NULL);
	else
		write_transaction(exchange);
}

void jumio_initialize_transaction(struct exchange *exchange, enum method method)
{
	const struct ingress *ingress = exchange->ingress;
	struct draft draft;
	const char *detail = NULL;
	(void)method;
	draft_init(&draft, KIND_JUMIO_IDENTITY);
	if (b2c_body_read(exchange, take_transaction_field, &draft)) {
		enum problem problem = check_transaction(ingress->journeys, &draft, &detail);
		if (problem == PROBLEM_COUNT && journey_to_ask(ingress->journeys, &draft, ingress->id_key,
		                                               exchange->caller, &exchange->ask, NULL) != ERR_OK)
			problem = PROBLEM_INTERNAL;
		if (problem == PROBLEM_COUNT) {
			exchange->ask.wait_until_ms = exchange->accepted_ms + ingress->journeys->initiate_wait_ms;
			exchange_ask(exchange, render_transaction);
		} else {
			answer_problem(exchange, problem, detail);
		}
	}
	draft_wipe(&draft);
}

/* ---- what the other three calls are given ---- */

struct call {
	char object_id[TOKEN_OBJECT_ID_BYTES];
	char reference[TOKEN_REFERENCE_BYTES];
	char token[TOKEN_MAX_BYTES + 1];
};

enum call_field { CALL_OBJECT_ID = 1, CALL_REFERENCE = 2, CALL_TOKEN = 4 };

static const struct {
	const char *name;
	unsigned field;
	size_t at, cap;
} call_fields[] = {
        {"ObjectId", CALL_OBJECT_ID, offsetof(struct call, object_id), sizeof((struct call *)0)->object_id},
        {"TransactionReference", CALL_REFERENCE, offsetof(struct call, reference), sizeof((struct call *)0)->reference},
        {"VerificationToken", CALL_TOKEN, offsetof(struct call, token), sizeof((struct call *)0)->token},
};

static const char *take_call_field(void *ctx, const char *name, const char *value)
{
	for (size_t i = 0; i < sizeof call_fields / sizeof *call_fields; i++) {
		char *place = (char *)ctx + call_fields[i].at;
		if (strcasecmp(call_fields[i].name, name) != 0)
			continue;
		if (!value)
			return "a field is not a string";
		if (*place)
			return "it is given twice";
		if (strlen(value) >= call_fields[i].cap)
			return "it is too long";
		memcpy(place, value, strlen(value) + 1);
	}
	return NULL;
}

/* An id of ours, or a reference of the vendor's own. */
static bool is_transaction_reference(const char *text)
{
	return id_is_valid(text, strlen(text)) || reference_is_guid(text);
}

/* Reads the body. required: bit set of enum call_field. Returns: false when it answered. */
static bool read_call(struct exchange *exchange, unsigned required, struct call *ret_call)
{
	*ret_call = (struct call){.object_id = ""};
	if (!b2c_body_read(exchange, take_call_field, ret_call))
		return false;
	for (size_t i = 0; i < sizeof call_fields / sizeof *call_fields; i++) {
		if (!(required & call_fields[i].field) || ((const char *)ret_call)[call_fields[i].at])
			continue;
		answer_problem(exchange, PROBLEM_MISSING_FIELD, call_fields[i].name);
		return false;
	}
	if (!(required & CALL_REFERENCE) || is_transaction_reference(ret_call->reference))
		return true;
	answer_problem(exchange, PROBLEM_BAD_FIELD, "TransactionReference");
	return false;
}

/* ---- InitializeVerification ---- */

static void write_token(struct exchange *exchange, const char *token)
{
	struct json_out json;
	json_out_begin(&json, &exchange->answer);
	json_out_object(&json, NULL);
	json_out_str(&json, "verificationToken", token);
	json_out_object_end(&json);
	if (json_out_end(&json) == ERR_OK)
		answer_json(exchange, 200);
	else
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
}

void jumio_initialize_verification(struct exchange *exchange, enum method method)
{
	struct call call;
	struct token_claims claims = {.expires_s = clock_unix_ms() / 1000 + TOKEN_LIFE_S};
	(void)method;
	if (read_call(exchange, CALL_OBJECT_ID | CALL_REFERENCE, &call)) {
		memcpy(claims.object_id, call.object_id, sizeof claims.object_id);
		memcpy(claims.reference, call.reference, sizeof claims.reference);
		if (token_make(exchange->ingress->journeys->tokens, &claims, clock_unix_ms() / 1000,
		               &exchange->kept.token) == ERR_OK)
			write_token(exchange, exchange->kept.token.data);
		else
			answer_problem(exchange, PROBLEM_INTERNAL, NULL);
	}
	explicit_bzero(&call, sizeof call);
	explicit_bzero(&claims, sizeof claims);
}

/* ---- what is known of a reference ---- */

/* Asks the desk about the claims' reference, or renders at once when nobody can know it. */
static void ask_about(struct exchange *exchange, const struct token_claims *claims,
                      void (*render)(struct exchange *exchange))
{
	struct ask *ask = &exchange->ask;
	memcpy(exchange->kept.subject, claims->object_id, sizeof exchange->kept.subject);
	if (id_is_valid(claims->reference, strlen(claims->reference))) {
		ask->type = ASK_READ;
		ask->request.kind = KIND_JUMIO_IDENTITY;
		memcpy(ask->request.id, claims->reference, ID_BYTES);
		exchange_ask(exchange, render);
	} else if (clock_unix_ms() >= exchange->ingress->journeys->adopt_until_ms ||
	           !reference_is_guid(claims->reference)) {
		ask->outcome = OUTCOME_NOT_FOUND;
		render(exchange);
	} else if (adoption_to_ask(exchange->ingress->id_key, claims->reference, claims->object_id, ask) == ERR_OK) {
		exchange_ask(exchange, render);
	} else {
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
	}
}

/* What that means for the person whom the token names. Another person's state does not exist for this one.
 * Returns: false when it answered. */
static bool view_for_subject(struct exchange *exchange, struct journey_view *ret_view)
{
	const struct ask *ask = &exchange->ask;
	enum outcome outcome = ask->outcome;
	if (outcome == OUTCOME_FAILED) {
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
		return false;
	}
	if (outcome == OUTCOME_STATE && !subject_is(exchange->ingress->id_key, &ask->state, exchange->kept.subject))
		outcome = OUTCOME_NOT_FOUND;
	journey_view(outcome, &ask->state, ret_view);
	return true;
}

/* ---- VerifyTransactionStatus ---- */

static void render_status(struct exchange *exchange)
{
	struct journey_view view;
	struct json_out json;
	if (!view_for_subject(exchange, &view))
		return;
	json_out_begin(&json, &exchange->answer);
	json_out_object(&json, NULL);
	json_out_str(&json, "status", view.status);
	json_out_str(&json, "verificationToken", exchange->kept.token.data);
	json_out_object_end(&json);
	if (json_out_end(&json) != ERR_OK) {
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
		return;
	}
	answer_applied_wait(exchange);
	answer_json(exchange, 200);
}

void jumio_verify_status(struct exchange *exchange, enum method method)
{
	struct ask *ask = &exchange->ask;
	struct call call;
	struct token_claims claims = {.expires_s = 0};
	(void)method;
	if (read_call(exchange, CALL_TOKEN, &call)) {
		enum err_code code = token_read(exchange->ingress->journeys->tokens, call.token, strlen(call.token),
		                                clock_unix_ms() / 1000, &claims);
		ask->outcome = OUTCOME_NOT_FOUND; /* of a token that is not ours, or over, nothing is known */
		ask->wait_for = WAIT_SETTLED;
		if (exchange->prefer_wait_s > 0)
			ask->wait_until_ms = exchange->accepted_ms + (int64_t)exchange->prefer_wait_s * 1000;
		if (buf_append_str(&exchange->kept.token, call.token) != ERR_OK)
			answer_problem(exchange, PROBLEM_INTERNAL, NULL);
		else if (code == ERR_OK)
			ask_about(exchange, &claims, render_status);
		else
			render_status(exchange);
	}
	explicit_bzero(&call, sizeof call);
	explicit_bzero(&claims, sizeof claims);
}

/* ---- ValidateVerificationToken ---- */

#define NOT_THIS_PERSON_TEXT "We could not confirm this check. Please sign in again."
#define TOO_LATE_TEXT        "This page was open for too long. Please sign in again."

static void write_validation(struct exchange *exchange, bool success, const char *message)
{
	struct json_out json;
	json_out_begin(&json, &exchange->answer);
	json_out_object(&json, NULL);
	json_out_bool(&json, "success", success);
	json_out_str(&json, "message", message);
	json_out_object_end(&json);
	if (json_out_end(&json) == ERR_OK)
		answer_json(exchange, 200);
	else
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
}

static void render_validation(struct exchange *exchange)
{
	struct journey_view view;
	if (view_for_subject(exchange, &view))
		write_validation(exchange, view.success, view.message);
}

/* Whether the token names this very person and transaction. A GUID means the same in any case. */
static bool token_fits(const struct token_claims *claims, const struct call *call)
{
	size_t len = strlen(call->object_id);
	bool person = strlen(claims->object_id) == len && CRYPTO_memcmp(claims->object_id, call->object_id, len) == 0;
	bool any_case = reference_is_guid(call->reference);
	return person && (any_case ? strcasecmp(claims->reference, call->reference)
	                           : strcmp(claims->reference, call->reference)) == 0;
}

void jumio_validate_token(struct exchange *exchange, enum method method)
{
	struct call call;
	struct token_claims claims = {.expires_s = 0};
	(void)method;
	if (read_call(exchange, CALL_OBJECT_ID | CALL_REFERENCE | CALL_TOKEN, &call)) {
		enum err_code code = token_read(exchange->ingress->journeys->tokens, call.token, strlen(call.token),
		                                clock_unix_ms() / 1000, &claims);
		if ((code == ERR_OK || code == ERR_TIMEOUT) && !token_fits(&claims, &call))
			code = ERR_INVALID;
		if (code == ERR_OK)
			ask_about(exchange, &claims, render_validation);
		else
			write_validation(exchange, false, code == ERR_TIMEOUT ? TOO_LATE_TEXT : NOT_THIS_PERSON_TEXT);
	}
	explicit_bzero(&call, sizeof call);
	explicit_bzero(&claims, sizeof claims);
}
