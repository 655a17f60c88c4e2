/* verifications: /v1/verifications for anyone with a credential. Callers see only what is their own. */
#include "common/base/clock.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "ingress/answers.h"
#include "ingress/etag.h"
#include "ingress/idempotency.h"
#include "ingress/ingress.h"
#include "ingress/journey_fields.h"
#include "ingress/routes/routes.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DEADLINE_MAX_MS = 24 * 3600 * 1000, DETAIL_BYTES = 160, KIND_BYTES = 64, USUAL_BYTES = 400 /* of a view */ };
#define LOCATION "/v1/verifications/"

/* ---- the view ---- */

static void write_time(struct json_out *json, const char *name, int64_t unix_ms)
{
	char text[CLOCK_TEXT_BYTES];
	clock_text(unix_ms, text);
	json_out_str(json, name, text);
}

static void write_state(struct json_out *json, const struct verification *state)
{
	verification_answer(state, json);
	json_out_int(json, "attempts", state->attempts);
	write_time(json, "created", state->created_ms);
	write_time(json, "updated", state->updated_ms);
}

/* Returns: whether the caller has seen this state. */
static bool write_tag(struct exchange *exchange, const struct verification *state)
{
	char tag[ETAG_BYTES];
	etag_of(state, tag);
	exchange_add_header(exchange, "ETag", tag);
	return exchange->known.len > 0 && etag_is_listed(exchange->known.data, tag);
}

/* state NULL: the cache is away, so nothing is known of the id just now. start_url NULL: none is told. */
static void write_view(struct exchange *exchange, const struct verification *state, const char *start_url, int status)
{
	struct json_out json;
	buf_expect(&exchange->answer, USUAL_BYTES);
	json_out_begin(&json, &exchange->answer);
	json_out_object(&json, NULL);
	if (state) {
		write_state(&json, state);
	} else {
		json_out_str(&json, "id", exchange->ask.request.id);
		json_out_str(&json, "state", "pending");
	}
	json_out_str(&json, "start_url", start_url);
	json_out_object_end(&json);
	if (json_out_end(&json) != ERR_OK) {
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
		return;
	}
	answer_applied_wait(exchange);
	answer_json(exchange, status);
}

/* Where the person begins, while there is something to begin. Only who created the journey is told: the ticket binds a
 * browser. */
static bool has_start(const struct verification *state)
{
	return kind_is_journey(state->kind) && (state->state == STATE_QUEUED || state->state == STATE_AWAITING_USER);
}

static void render_created(struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	char location[sizeof LOCATION - 1 + ID_BYTES] = LOCATION, start[JOURNEY_LINK_BYTES] = "";
	if (answer_outcome_problem(exchange))
		return;
	if (has_start(&ask->state) &&
	    journey_start_link(exchange->ingress->journeys, ask->request.id, clock_unix_ms(), start) != ERR_OK) {
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
		return;
	}
	bool is_final = ask->outcome == OUTCOME_STATE && state_is_final(ask->state.state);
	memcpy(location + sizeof LOCATION - 1, ask->request.id, ID_BYTES);
	exchange_add_header(exchange, "Location", location);
	if (ask->outcome == OUTCOME_STATE)
		(void)write_tag(exchange, &ask->state);
	write_view(exchange, &ask->state, *start ? start : NULL, is_final ? 201 : 202);
	explicit_bzero(start, sizeof start);
}

static void render_read(struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	if (answer_outcome_problem(exchange))
		return;
	if (ask->outcome == OUTCOME_CACHE_AWAY) {
		write_view(exchange, NULL, NULL, 200);
	} else if (write_tag(exchange, &ask->state)) {
		answer_applied_wait(exchange);
		answer_empty(exchange, 304);
	} else {
		write_view(exchange, &ask->state, NULL, 200);
	}
}

/* ---- reading the body ---- */

/* One member. Its name is a caller's: it is shown only after it turned out to be one of ours.
 * Returns: true; false when *detail says what is wrong. */
static bool read_member(struct draft *draft, enum request_field field, const struct json_in *value,
                        char detail[DETAIL_BYTES])
{
	const char *broken = NULL;
	uint32_t may = kind_info(draft->kind)->may | 1u << REQUEST_FIELD_CALLBACK_URL;
	if (field == REQUEST_FIELD_COUNT || !(may & (1u << field))) {
		snprintf(detail, DETAIL_BYTES, "a member is not a field of %s", kind_info(draft->kind)->name);
		return false;
	}
	if (json_in_type(value) != JSON_IN_STRING)
		broken = "it is not a string";
	else
		broken = draft_set(draft, field, json_in_text(value));
	if (broken)
		snprintf(detail, DETAIL_BYTES, "%s: %s", request_field_info(field)->name, broken);
	return broken == NULL;
}

/* Returns: PROBLEM_COUNT when the kind is known; else the problem, and *detail says more. */
static enum problem read_kind(const struct json_in *root, bool journeys, struct draft *draft, char detail[DETAIL_BYTES])
{
	char name[KIND_BYTES];
	enum err_code code = json_in_str(root, "kind", name, sizeof name, NULL);
	bool missing = code == ERR_NOT_FOUND;
	enum kind kind = code == ERR_OK ? kind_by_name(name) : KIND_COUNT;
	if (kind != KIND_COUNT && (journeys || !kind_is_journey(kind))) {
		draft->kind = kind;
		return PROBLEM_COUNT;
	}
	snprintf(detail, DETAIL_BYTES, "kind: %s", missing ? "it is required" : "not one that is served");
	return missing ? PROBLEM_MISSING_FIELD : PROBLEM_BAD_FIELD;
}

static enum problem read_members(const struct json_in *root, bool journeys, struct draft *draft,
                                 char detail[DETAIL_BYTES])
{
	enum problem problem = read_kind(root, journeys, draft, detail);
	if (problem != PROBLEM_COUNT)
		return problem;
	enum err_code code = json_in_int(root, "deadline_ms", 1, DEADLINE_MAX_MS, &draft->deadline_ms, NULL);
	if (code != ERR_OK && code != ERR_NOT_FOUND) {
		snprintf(detail, DETAIL_BYTES, "deadline_ms: not an integer from 1 to %d", DEADLINE_MAX_MS);
		return PROBLEM_BAD_FIELD;
	}
	for (const struct json_in *at = json_in_first(root); at; at = json_in_next(at)) {
		const char *name = json_in_name(at);
		enum request_field field = request_field_by_name(name);
		bool was_read =
		        field == REQUEST_FIELD_COUNT && (strcmp(name, "kind") == 0 || strcmp(name, "deadline_ms") == 0);
		if (!was_read && !read_member(draft, field, at, detail))
			return PROBLEM_BAD_FIELD;
	}
	return PROBLEM_COUNT;
}

/* Returns: true; false when it answered. */
static bool read_body(struct exchange *exchange, struct draft *draft)
{
	struct json_in *root = NULL;
	struct err err;
	char detail[DETAIL_BYTES] = "the body is not an object";
	if (json_in_parse(exchange->body.data, exchange->body.len, &root, &err) != ERR_OK) {
		answer_problem(exchange, PROBLEM_BAD_JSON, err.msg);
		return false;
	}
	bool journeys = exchange->ingress->journeys != NULL;
	enum problem problem =
	        json_in_type(root) == JSON_IN_OBJECT ? read_members(root, journeys, draft, detail) : PROBLEM_BAD_FIELD;
	json_in_free(root);
	if (problem != PROBLEM_COUNT)
		answer_problem(exchange, problem, detail);
	return problem == PROBLEM_COUNT;
}

/* ---- limits ---- */

static int64_t up_to_s(int64_t ms)
{
	return (ms + 999) / 1000;
}

/* draft-ietf-httpapi-ratelimit-headers-10; its window is told in whole seconds, or not at all. */
static void write_rate(struct exchange *exchange, const struct rate_take *take)
{
	const struct config_rate limit = rate_limit(exchange->ingress->rate);
	char policy[EXCHANGE_HEADER_BYTES], now[EXCHANGE_HEADER_BYTES];
	int len = snprintf(policy, sizeof policy, "\"credential\";q=%" PRId64, limit.count);
	if (limit.period_ms % 1000 == 0)
		snprintf(policy + len, sizeof policy - (size_t)len, ";w=%" PRId64, limit.period_ms / 1000);
	snprintf(now, sizeof now, "\"credential\";r=%" PRId64 ";t=%" PRId64, take->left, up_to_s(take->full_ms));
	exchange_add_header(exchange, "RateLimit-Policy", policy);
	exchange_add_header(exchange, "RateLimit", now);
}

/* Returns: true; false when it answered. */
static bool may_ask(struct exchange *exchange)
{
	const struct ingress *ingress = exchange->ingress;
	struct rate_take take;
	char seconds[EXCHANGE_HEADER_BYTES];
	if (!ingress->rate)
		return true;
	rate_take(ingress->rate, auth_slot(ingress->auth, exchange->caller), clock_mono_us(), &take);
	write_rate(exchange, &take);
	if (take.taken)
		return true;
	answer_problem(exchange, PROBLEM_RATE_LIMITED, NULL);
	snprintf(seconds, sizeof seconds, "%" PRId64, up_to_s(take.retry_ms));
	exchange_add_header(exchange, "Retry-After", seconds);
	return false;
}

/* Returns: ERR_OK, also when there is none (key is "" then); ERR_INVALID when it answered. */
static enum err_code read_key(struct exchange *exchange, char key[IDEMPOTENCY_KEY_BYTES])
{
	struct buf value;
	char detail[DETAIL_BYTES];
	const char *broken = NULL;
	key[0] = '\0';
	if (!exchange_header(exchange, "Idempotency-Key"))
		return ERR_OK;
	buf_init(&value, EXCHANGE_LIST_MAX_BYTES);
	if (exchange_header_list(exchange, "Idempotency-Key", &value) != ERR_OK)
		broken = "it is too long";
	else
		broken = idempotency_read(value.data, key);
	buf_fini(&value);
	if (!broken)
		return ERR_OK;
	snprintf(detail, sizeof detail, "Idempotency-Key: %s", broken);
	answer_problem(exchange, PROBLEM_BAD_FIELD, detail);
	return ERR_INVALID;
}

/* ---- handlers ---- */

static int64_t wait_until(const struct exchange *exchange)
{
	return exchange->prefer_wait_s > 0 ? exchange->accepted_ms + (int64_t)exchange->prefer_wait_s * 1000 : 0;
}

/* A journey needs an address to come back to; B2C's has one in its policy. */
static enum problem check_journey(const struct journeys *journeys, const struct draft *draft, char detail[DETAIL_BYTES])
{
	enum request_field field = REQUEST_FIELD_RETURN_URL;
	if (!(draft->given & (1u << field))) {
		snprintf(detail, DETAIL_BYTES, "%s is required for %s", request_field_info(field)->name,
		         kind_info(draft->kind)->name);
		return PROBLEM_MISSING_FIELD;
	}
	const char *broken = journey_check(journeys, draft, &field);
	if (broken)
		snprintf(detail, DETAIL_BYTES, "%s: %s", request_field_info(field)->name, broken);
	return broken ? PROBLEM_BAD_FIELD : PROBLEM_COUNT;
}

static bool may_call_back(const struct ingress *ingress, const struct draft *draft)
{
	const char *url = draft->text[REQUEST_FIELD_CALLBACK_URL];
	return !url || host_list_judge(ingress->callbacks, url) != HOST_REFUSED;
}

static void create(struct exchange *exchange, struct draft *draft, const char *key)
{
	const struct ingress *ingress = exchange->ingress;
	bool journey = kind_is_journey(draft->kind);
	const char *missing = NULL;
	char detail[DETAIL_BYTES] = "";
	enum problem problem = journey ? check_journey(ingress->journeys, draft, detail) : PROBLEM_COUNT;
	enum err_code code = ERR_OK;
	if (problem == PROBLEM_COUNT && !may_call_back(ingress, draft))
		problem = PROBLEM_CALLBACK_REFUSED;
	if (problem == PROBLEM_COUNT && journey)
		code = journey_to_ask(ingress->journeys, draft, ingress->id_key, exchange->caller, &exchange->ask,
		                      &missing);
	else if (problem == PROBLEM_COUNT)
		code = draft_to_ask(draft, ingress->id_key, exchange->caller, &exchange->ask, &missing);
	if (problem == PROBLEM_COUNT && code == ERR_OK && *key)
		code = idempotency_to_ask(ingress->id_key, key, exchange->body.data, exchange->body.len,
		                          &exchange->ask);
	if (code == ERR_NOT_FOUND) {
		snprintf(detail, sizeof detail, "%s is required for %s", missing, kind_info(draft->kind)->name);
		problem = PROBLEM_MISSING_FIELD;
	} else if (code != ERR_OK) {
		problem = PROBLEM_INTERNAL;
	}
	if (problem != PROBLEM_COUNT) {
		answer_problem(exchange, problem, *detail ? detail : NULL);
		return;
	}
	exchange->ask.wait_until_ms = wait_until(exchange);
	exchange_ask(exchange, render_created);
}

void verifications_create(struct exchange *exchange, enum method method)
{
	struct draft draft;
	char key[IDEMPOTENCY_KEY_BYTES];
	(void)method;
	draft_init(&draft, (enum kind)0); /* the body says which */
	if (may_ask(exchange) && read_key(exchange, key) == ERR_OK && read_body(exchange, &draft))
		create(exchange, &draft, key);
	draft_wipe(&draft);
}

void verifications_read(struct exchange *exchange, enum method method)
{
	struct request *request = &exchange->ask.request;
	size_t len = strlen(exchange->tail);
	(void)method;
	if (!may_ask(exchange))
		return;
	if (!id_is_valid(exchange->tail, len)) {
		answer_problem(exchange, PROBLEM_NOT_FOUND, NULL);
		return;
	}
	exchange->ask.type = ASK_READ;
	memcpy(request->id, exchange->tail, len + 1);
	memcpy(request->caller, exchange->caller, sizeof request->caller);
	exchange->ask.wait_until_ms = wait_until(exchange);
	if (exchange_header_list(exchange, "If-None-Match", &exchange->known) != ERR_OK)
		buf_clear(&exchange->known); /* whole or not at all */
	if (exchange->known.len > 0 && strcmp(exchange->known.data, "*") != 0) {
		exchange->ask.wait_for = WAIT_CHANGED;
		exchange->ask.known = exchange->known.data;
	}
	exchange_ask(exchange, render_read);
}
