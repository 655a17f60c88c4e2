/* journey_fields: texts made of settings, tickets and a person's fields. */
#include "ingress/journey_fields.h"
#include "common/base/clock.h"
#include "common/base/percent.h"
#include "ingress/urls.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- what callers may name ---- */

static bool is_policy(const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	return text[strspn(text, allowed)] == '\0';
}

/* A person's fields as the draft has them: pointers only. */
static struct person person_of(const struct draft *draft)
{
	struct person person = {.memory = NULL};
	memcpy(person.field, draft->text, sizeof person.field);
	return person;
}

static enum err_code put_b2c(const struct journeys *journeys, const char *id, const struct person *person,
                             const char *hint, struct buf *out)
{
	const struct {
		const char *name, *value;
	} parameters[] = {
	        {"?client_id=", person->field[REQUEST_FIELD_CLIENT]},
	        {"&redirect_uri=", person->field[REQUEST_FIELD_REDIRECT]},
	        {"&scope=", person->field[REQUEST_FIELD_SCOPE]},
	        {"&response_type=", "id_token"},
	        {"&id_token_hint=", hint},
	        {"&transactionReference=", id},
	};
	enum err_code code = buf_printf(out, "%s/", journeys->b2c_base_url);
	if (code == ERR_OK)
		code = percent_encode(out, person->field[REQUEST_FIELD_POLICY]);
	if (code == ERR_OK)
		code = buf_append_str(out, "/oauth2/v2.0/authorize");
	for (size_t i = 0; code == ERR_OK && i < sizeof parameters / sizeof *parameters; i++) {
		code = buf_append_str(out, parameters[i].name);
		if (code == ERR_OK)
			code = percent_encode(out, parameters[i].value ? parameters[i].value : "");
	}
	return code;
}

static bool onward_is_short(const struct journeys *journeys, const struct draft *draft)
{
	const struct person person = person_of(draft);
	struct buf url;
	buf_init(&url, JOURNEY_ONWARD_MAX_BYTES);
	enum err_code code = put_b2c(journeys, "v0123456789012345678901", &person, "", &url);
	buf_fini_secret(&url);
	return code == ERR_OK;
}

const char *journey_check(const struct journeys *journeys, const struct draft *draft, enum request_field *ret_field)
{
	const char *policy = draft->text[REQUEST_FIELD_POLICY], *redirect = draft->text[REQUEST_FIELD_REDIRECT],
	           *back = draft->text[REQUEST_FIELD_RETURN_URL];
	if (policy && !is_policy(policy)) {
		*ret_field = REQUEST_FIELD_POLICY;
		return "it holds another character than letters, digits, _ . -";
	}
	if (redirect && !url_is_redirect(redirect)) {
		*ret_field = REQUEST_FIELD_REDIRECT;
		return "it is no address of an app";
	}
	if (back && !url_is_web(back)) {
		*ret_field = REQUEST_FIELD_RETURN_URL;
		return "it is not an https:// address (http:// for a loopback one)";
	}
	if (policy && !onward_is_short(journeys, draft)) {
		*ret_field = REQUEST_FIELD_REDIRECT;
		return "it is too long, with the other fields";
	}
	return NULL;
}

/* ---- our addresses ---- */

static enum err_code make_link(const struct journeys *journeys, enum ticket_use use, const char *id, int64_t made_ms,
                               char ret_link[JOURNEY_LINK_BYTES])
{
	struct ticket ticket = {.made_ms = made_ms, .ends_s = (made_ms + journeys->ticket_life_ms) / 1000};
	char text[TICKET_BYTES];
	memcpy(ticket.id, id, sizeof ticket.id);
	enum err_code code = ticket_make(journeys->tickets, use, &ticket, text);
	if (code == ERR_OK)
		snprintf(ret_link, JOURNEY_LINK_BYTES, "%s/%s/%s", journeys->public_url,
		         use == TICKET_START ? "start" : "return", text);
	return code;
}

enum err_code journey_start_link(const struct journeys *journeys, const char *id, int64_t now_ms,
                                 char ret_link[JOURNEY_LINK_BYTES])
{
	return make_link(journeys, TICKET_START, id, now_ms, ret_link);
}

enum err_code journey_return_link(const struct journeys *journeys, const char *id, int64_t now_ms,
                                  char ret_link[JOURNEY_LINK_BYTES])
{
	return make_link(journeys, TICKET_RETURN, id, now_ms, ret_link);
}

/* back_url and notify_url. */
static enum err_code set_our_links(const struct journeys *journeys, const struct request *request, struct draft *draft)
{
	char back[JOURNEY_LINK_BYTES], notify[JOURNEY_URL_BYTES + 256];
	enum err_code code = make_link(journeys, TICKET_RETURN, request->id, request->created_ms, back);
	if (code != ERR_OK)
		return code;
	int len = snprintf(notify, sizeof notify, "%s/v1/callbacks/jumio/%s", journeys->public_url,
	                   journeys->callback_secret);
	bool set = len > 0 && (size_t)len < sizeof notify && !draft_set(draft, REQUEST_FIELD_BACK_URL, back) &&
	           !draft_set(draft, REQUEST_FIELD_NOTIFY_URL, notify);
	explicit_bzero(back, sizeof back);
	explicit_bzero(notify, sizeof notify);
	return set ? ERR_OK : ERR_LIMIT;
}

/* The record goes under another id than its way back was made for. Should the vendor be asked with this record, the
 * person must come back to the id that was joined. Tickets are all of one length. */
static enum err_code rejoin(struct ask *ask)
{
	const char *back = ask->person.field[REQUEST_FIELD_BACK_URL];
	char link[JOURNEY_LINK_BYTES] = "";
	enum err_code code = make_link(ask->journeys, TICKET_RETURN, ask->request.id, ask->request.created_ms, link);
	size_t bytes = strlen(link) + 1;
	if (code == ERR_OK && (!back || strlen(back) + 1 != bytes))
		code = ERR_INTERNAL;
	if (code == ERR_OK) /* into the person's own memory, which is not constant */
		memcpy((char *)ask->person.memory + (back - (const char *)ask->person.memory), link, bytes);
	explicit_bzero(link, sizeof link);
	return code;
}

enum err_code journey_to_ask(const struct journeys *journeys, struct draft *draft, const struct id_key *key,
                             const char *caller, struct ask *ask, const char **ret_missing)
{
	if (!draft->deadline_ms || draft->deadline_ms > journeys->ticket_life_ms)
		draft->deadline_ms = journeys->ticket_life_ms;
	enum err_code code = draft_to_request(draft, key, caller, ask, ret_missing);
	if (code == ERR_OK)
		code = set_our_links(journeys, &ask->request, draft);
	if (code == ERR_OK)
		code = draft_to_person(draft, ask);
	ask->max_a_day = journeys->max_a_day;
	ask->wait_for = WAIT_LEFT_QUEUED;
	ask->on_joined = rejoin;
	ask->journeys = journeys;
	return code;
}

/* ---- where the person goes on to ---- */

enum err_code journey_onward(const struct journeys *journeys, const char *id, const struct person *person,
                             int64_t now_s, struct buf *out)
{
	if (person->field[REQUEST_FIELD_RETURN_URL])
		return url_with_parameter(out, person->field[REQUEST_FIELD_RETURN_URL], "verification", id);
	if (!person->field[REQUEST_FIELD_POLICY] || !person->field[REQUEST_FIELD_SUBJECT])
		return ERR_NOT_FOUND;
	struct buf hint;
	buf_init(&hint, HINT_MAX_BYTES);
	enum err_code code = hint_make(journeys->hints, person->field[REQUEST_FIELD_SUBJECT], now_s, &hint);
	if (code == ERR_OK)
		code = put_b2c(journeys, id, person, hint.data, out);
	buf_fini_secret(&hint);
	return code;
}

/* ---- references of others ---- */

bool reference_is_guid(const char *text)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	for (size_t i = 0; i < sizeof shape - 1; i++) {
		bool good = shape[i] == '-' ? text[i] == '-' : isxdigit((unsigned char)text[i]) != 0;
		if (!good)
			return false;
	}
	return text[sizeof shape - 1] == '\0';
}

enum err_code adoption_to_ask(const struct id_key *key, const char *reference, const char *subject, struct ask *ask)
{
	struct draft draft;
	struct request *request = &ask->request;
	draft_init(&draft, KIND_JUMIO_IDENTITY);
	const char *kind = kind_info(draft.kind)->name;
	size_t len = strlen(reference);
	if (len >= sizeof ask->reference || draft_set(&draft, REQUEST_FIELD_SUBJECT, subject))
		return ERR_LIMIT;
	for (size_t i = 0; i <= len; i++)
		ask->reference[i] = (char)tolower((unsigned char)reference[i]);
	const struct id_field fields[] = {
	        {ADOPTED_CALLER, strlen(ADOPTED_CALLER)},
	        {kind, strlen(kind)},
	        {ask->reference, len},
	        {subject, strlen(subject)},
	};
	ask->type = ASK_ADOPT;
	request->kind = draft.kind;
	request->created_ms = clock_unix_ms();
	memcpy(request->caller, ADOPTED_CALLER, sizeof ADOPTED_CALLER);
	enum err_code code = id_of_question(key, fields, sizeof fields / sizeof *fields, request->id);
	if (code == ERR_OK)
		code = subject_question(key, ADOPTED_CALLER, draft.kind, subject, request->question);
	if (code == ERR_OK)
		code = draft_to_person(&draft, ask);
	draft_wipe(&draft);
	return code;
}
