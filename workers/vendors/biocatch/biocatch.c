/* biocatch: asks BioCatch's /api/v6/score and reads what it says. Fails closed: a score counts only in a reply that is
 * whole, known in every part that decides, and about our session. Sends nothing, retries nothing. */
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/percent.h"
#include "workers/vendors/vendor.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FIELD_ROWS = 7, BASE_URL_BYTES = 1025, TEXT_BYTES = 129 };

struct biocatch {
	char base_url[BASE_URL_BYTES]; /* without a slash at its end */
	char customer_id[TEXT_BYTES];
	char solution[TEXT_BYTES], activity[TEXT_BYTES], brand[TEXT_BYTES]; /* "" when not set */
	const char *method;
	int medium_at, high_at, timeout_ms;
	bool bot_is_high;
	struct config_rate rate;
};

/* ---- settings ---- */

/* Copies a setting, "" when it is not set. The table of settings keeps every one shorter than its place here. */
static void copy_setting(const struct config *config, enum config_option option, char *out, size_t cap)
{
	const char *text = config_str(config, option);

	snprintf(out, cap, "%s", text ? text : "");
}

static bool complain_when_unset(const struct config *config, enum config_option option, const char *name,
                                FILE *complaints)
{
	if (config_str(config, option))
		return false;
	if (complaints)
		fprintf(complaints, "VERIFYD_%s: not set; the worker needs it for vendor biocatch\n", name);
	return true;
}

static enum err_code configure(const struct config *config, FILE *complaints, void **ret_self)
{
	bool wrong = complain_when_unset(config, CONFIG_BIOCATCH_BASE_URL, "BIOCATCH_BASE_URL", complaints);
	wrong |= complain_when_unset(config, CONFIG_BIOCATCH_CUSTOMER_ID, "BIOCATCH_CUSTOMER_ID", complaints);
	if (config_int(config, CONFIG_RISK_MEDIUM_AT) > config_int(config, CONFIG_RISK_HIGH_AT)) {
		wrong = true;
		if (complaints)
			fprintf(complaints,
			        "VERIFYD_RISK_MEDIUM_AT: above VERIFYD_RISK_HIGH_AT; at most equal is allowed\n");
	}
	if (wrong)
		return ERR_INVALID;
	struct biocatch *self = calloc(1, sizeof(*self));
	if (!self)
		return ERR_NO_MEMORY;
	copy_setting(config, CONFIG_BIOCATCH_BASE_URL, self->base_url, sizeof(self->base_url));
	for (size_t len = strlen(self->base_url); len > 0 && self->base_url[len - 1] == '/'; len--)
		self->base_url[len - 1] = '\0';
	copy_setting(config, CONFIG_BIOCATCH_CUSTOMER_ID, self->customer_id, sizeof(self->customer_id));
	copy_setting(config, CONFIG_BIOCATCH_SOLUTION, self->solution, sizeof(self->solution));
	copy_setting(config, CONFIG_BIOCATCH_ACTIVITY_TYPE, self->activity, sizeof(self->activity));
	copy_setting(config, CONFIG_BIOCATCH_BRAND, self->brand, sizeof(self->brand));
	self->method = config_choice(config, CONFIG_BIOCATCH_METHOD) == 0 ? "GET" : "POST";
	self->medium_at = (int)config_int(config, CONFIG_RISK_MEDIUM_AT);
	self->high_at = (int)config_int(config, CONFIG_RISK_HIGH_AT);
	self->timeout_ms = (int)config_int(config, CONFIG_BIOCATCH_TIMEOUT_MS);
	self->bot_is_high = config_flag(config, CONFIG_RISK_BOT_IS_HIGH);
	self->rate = config_rate(config, CONFIG_BIOCATCH_RATE);
	*ret_self = self;
	return ERR_OK;
}

static struct config_rate rate(const void *self, enum operation operation)
{
	(void)operation;
	return ((const struct biocatch *)self)->rate;
}

static const char *base_url(const void *self)
{
	return ((const struct biocatch *)self)->base_url;
}

static int timeout_ms(const void *self, enum operation operation)
{
	(void)operation;
	return ((const struct biocatch *)self)->timeout_ms;
}

/* ---- the request ---- */

struct field {
	const char *name;
	const char *value; /* NULL or "" is left out */
};

static const char *given_or(const struct person *person, enum request_field field, const char *fallback)
{
	const char *given = person->field[field];

	return given && given[0] ? given : fallback;
}

static enum err_code write_query(const struct field *fields, struct buf *url)
{
	enum err_code code = ERR_OK;
	const char *separator = "?";

	for (size_t i = 0; i < FIELD_ROWS && code == ERR_OK; i++) {
		if (!fields[i].value || !fields[i].value[0])
			continue;
		code = buf_printf(url, "%s%s=", separator, fields[i].name);
		if (code == ERR_OK)
			code = percent_encode(url, fields[i].value);
		separator = "&";
	}
	return code;
}

static enum err_code write_json(const struct field *fields, struct buf *body)
{
	struct json_out out;

	json_out_begin(&out, body);
	json_out_object(&out, NULL);
	for (size_t i = 0; i < FIELD_ROWS; i++)
		if (fields[i].value && fields[i].value[0])
			json_out_str(&out, fields[i].name, fields[i].value);
	json_out_object_end(&out);
	return json_out_end(&out);
}

static enum err_code write_headers(struct http_request *http, bool post)
{
	enum err_code code = http_request_header(http, "Accept", "application/json");

	if (code == ERR_OK && post)
		code = http_request_header(http, "Content-Type", "application/json");
	if (code == ERR_OK)
		code = http_request_header(http, "User-Agent", "verifyd/" VERIFYD_VERSION);
	return code;
}

static enum err_code build(const void *ctx, const struct vendor_job *job, struct http_request *ret_http,
                           struct err *err)
{
	const struct biocatch *self = ctx;
	const struct person *person = job->person;
	const struct field fields[FIELD_ROWS] = {
	        {"customerID", self->customer_id},
	        {"action", "getScore"},
	        {"uuid", given_or(person, REQUEST_FIELD_SUBJECT, NULL)},
	        {"customerSessionID", given_or(person, REQUEST_FIELD_SESSION, NULL)},
	        {"solution", given_or(person, REQUEST_FIELD_SOLUTION, self->solution)},
	        {"activityType", given_or(person, REQUEST_FIELD_ACTIVITY, self->activity)},
	        {"brand", given_or(person, REQUEST_FIELD_BRAND, self->brand)},
	};
	bool post = strcmp(self->method, "POST") == 0;
	struct http_request http;

	if (job->operation != OPERATION_BIOCATCH_SCORE)
		return err_set(err, ERR_INVALID, "not an operation of biocatch");
	if (!given_or(person, REQUEST_FIELD_SUBJECT, NULL) || !given_or(person, REQUEST_FIELD_SESSION, NULL))
		return err_set(err, ERR_INVALID, "a score needs subject and session");
	http_request_init(&http);
	http.method = self->method;
	http.timeout_ms = self->timeout_ms;
	enum err_code code = buf_printf(&http.url, "%s/api/v6/score", self->base_url);
	if (code == ERR_OK)
		code = post ? write_json(fields, &http.body) : write_query(fields, &http.url);
	if (code == ERR_OK)
		code = write_headers(&http, post);
	if (code != ERR_OK) {
		http_request_fini(&http);
		return err_set(err, code, "the request could not be written");
	}
	*ret_http = http;
	return ERR_OK;
}

/* ---- the reply ---- */

static bool is_absent(const struct json_in *value)
{
	return json_in_type(value) == JSON_IN_ABSENT || json_in_type(value) == JSON_IN_NULL;
}

/* The session the reply names, in whatever case the name is written, must be the one that was asked about. */
static bool names_our_session(const struct json_in *reply, const char *session)
{
	for (const struct json_in *at = json_in_first(reply); at; at = json_in_next(at)) {
		if (strcasecmp(json_in_name(at), "customerSessionID") != 0 || json_in_type(at) == JSON_IN_NULL)
			continue;
		if (json_in_type(at) != JSON_IN_STRING || strcmp(json_in_text(at), session) != 0)
			return false;
	}
	return true;
}

static enum reason reason_of_status(const struct json_in *status)
{
	static const struct {
		const char *text;
		enum reason reason;
	} rows[] = {
#define BIOCATCH_STATUS(text, reason) {(text), REASON_##reason},
#include "workers/vendors/biocatch/status.def"
#undef BIOCATCH_STATUS
	};

	for (size_t i = 0; json_in_type(status) == JSON_IN_STRING && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcasecmp(rows[i].text, json_in_text(status)) == 0)
			return rows[i].reason;
	return REASON_NO_SCORE;
}

/* Anything but a clear no counts as a bot. */
static bool is_bot(const struct json_in *value)
{
	if (is_absent(value) || json_in_type(value) == JSON_IN_FALSE)
		return false;
	if (json_in_type(value) == JSON_IN_INTEGER)
		return json_in_integer(value) != 0;
	return json_in_type(value) != JSON_IN_STRING || strcasecmp(json_in_text(value), "false") != 0;
}

/* Returns: RISK_NONE when the vendor names none; RISK_UNKNOWN when it names one that we do not know. */
static enum risk vendor_risk(const struct json_in *value)
{
	if (is_absent(value))
		return RISK_NONE;
	enum risk risk = json_in_type(value) == JSON_IN_STRING ? risk_by_name(json_in_text(value)) : RISK_UNKNOWN;
	return risk == RISK_LOW || risk == RISK_MEDIUM || risk == RISK_HIGH ? risk : RISK_UNKNOWN;
}

static enum risk risk_of_score(const struct biocatch *self, int64_t score)
{
	if (score >= self->high_at)
		return RISK_HIGH;
	return score >= self->medium_at ? RISK_MEDIUM : RISK_LOW;
}

static void judge(const struct biocatch *self, const struct json_in *reply, struct event *event)
{
	int64_t score = SCORE_NONE;
	enum risk named = vendor_risk(json_in_get(reply, "riskLevel"));
	enum reason reason = reason_of_status(json_in_get(reply, "bcStatus"));
	enum err_code code = json_in_int(reply, "score", 0, SCORE_MAX, &score, NULL);

	if (reason == REASON_NONE && (code != ERR_OK || named == RISK_UNKNOWN))
		reason = REASON_NO_SCORE;
	if (reason != REASON_NONE) {
		*event = (struct event){
		        .type = EVENT_NO_SCORE, .risk = RISK_UNKNOWN, .score = SCORE_NONE, .reason = reason};
		return;
	}
	enum risk risk = risk_of_score(self, score);
	if (named > risk) /* LOW < MEDIUM < HIGH; NONE is below all */
		risk = named;
	if (self->bot_is_high && is_bot(json_in_get(reply, "isBot")))
		risk = RISK_HIGH;
	*event = (struct event){.type = EVENT_SCORED, .risk = risk, .score = (int)score, .reason = REASON_NONE};
}

static void read_reply(const void *ctx, const struct vendor_job *job, const struct http_response *response,
                       struct vendor_answer *answer)
{
	const char *session = given_or(job->person, REQUEST_FIELD_SESSION, "");
	struct json_in *reply = NULL;

	answer->retry_after_ms = response->retry_after_ms;
	answer->failure = response->status == 200 ? FAILURE_GARBAGE : failure_of_status(response->status);
	if (response->status == 200 && json_in_parse(response->body, response->body_len, &reply, NULL) == ERR_OK &&
	    json_in_type(reply) == JSON_IN_OBJECT && names_our_session(reply, session)) {
		answer->failed = false;
		judge(ctx, reply, &answer->event);
	}
	json_in_free(reply);
}

const struct vendor vendor_biocatch = {
        .name = "biocatch",
        .configure = configure,
        .free = free,
        .build = build,
        .read = read_reply,
        .rate = rate,
        .base_url = base_url,
        .timeout_ms = timeout_ms,
};
