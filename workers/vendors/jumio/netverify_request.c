/* netverify_request: builds the calls of Jumio Netverify: initiate, scan status, scan data. The limits are the guide's:
 * a call beyond them would be refused, and its customer with it. */
#include "common/base/json_out.h"
#include "common/base/percent.h"
#include "workers/vendors/jumio/jumio_internal.h"
#include <string.h>
#include <strings.h>

enum {
	USER_REFERENCE_MAX = 100, /* bytes; the guide says characters, so this is the stricter reading */
	SHORT_URL_MAX = 255,      /* errorUrl, callbackUrl; successUrl may have 2047, more than our field holds */
};

bool netverify_is_reference(const char *text)
{
	static const char allowed[] = "-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t len = strspn(text, allowed);

	return len > 0 && len < REFERENCE_BYTES && text[len] == '\0';
}

/* Returns: NULL when the field is not given or empty. */
static const char *given(const struct person *person, enum request_field field)
{
	const char *text = person->field[field];

	return text && text[0] ? text : NULL;
}

static const char *short_url(const char *url)
{
	return url && strlen(url) <= SHORT_URL_MAX ? url : NULL;
}

/* Whether the person's tag is the row's or begins with it up to a hyphen; _ stands for a hyphen. */
static bool tag_fits(const char *row, const char *tag)
{
	for (; *row; row++, tag++) {
		bool hyphens = *row == '-' && *tag == '_';
		if (!hyphens && strncasecmp(row, tag, 1) != 0)
			return false;
	}
	return *tag == '\0' || *tag == '-' || *tag == '_';
}

/* Returns: a documented value, or NULL. */
static const char *locale_of(const char *tag)
{
	static const struct {
		const char *tag, *locale;
	} rows[] = {
#define NETVERIFY_LOCALE(tag, locale) {(tag), (locale)},
#include "workers/vendors/jumio/netverify_locale.def"
#undef NETVERIFY_LOCALE
	};

	for (size_t i = 0; tag && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (tag_fits(rows[i].tag, tag))
			return rows[i].locale;
	return NULL;
}

static enum err_code write_initiate(const struct jumio *self, const struct vendor_job *job, struct http_request *http)
{
	const struct person *person = job->person;
	const char *back_url = given(person, REQUEST_FIELD_BACK_URL);
	struct json_out out;

	json_out_begin(&out, &http->body);
	json_out_object(&out, NULL);
	json_out_str(&out, "customerInternalReference", job->request->id);
	json_out_str(&out, "userReference", given(person, REQUEST_FIELD_SUBJECT));
	json_out_int(&out, "workflowId", self->workflow);
	json_out_str(&out, "successUrl", back_url);
	json_out_str(&out, "errorUrl", short_url(back_url));
	json_out_str(&out, "callbackUrl", short_url(given(person, REQUEST_FIELD_NOTIFY_URL)));
	json_out_str(&out, "locale", locale_of(given(person, REQUEST_FIELD_LOCALE)));
	json_out_int(&out, "tokenLifetimeInMinutes", self->lifetime_min);
	json_out_object_end(&out);
	return json_out_end(&out);
}

static enum err_code write_headers(const struct jumio *self, struct http_request *http, bool post)
{
	enum err_code code = http_request_header(http, "Accept", "application/json");

	if (code == ERR_OK && post)
		code = http_request_header(http, "Content-Type", "application/json");
	if (code == ERR_OK)
		code = http_request_header(http, "Authorization", self->authorization);
	if (code == ERR_OK)
		code = http_request_header(http, "User-Agent", self->user_agent);
	return code;
}

static enum err_code build_initiate(const struct jumio *self, const struct vendor_job *job, struct http_request *http,
                                    struct err *err)
{
	const char *subject = given(job->person, REQUEST_FIELD_SUBJECT);

	if (job->step != 0 || !subject)
		return err_set(err, ERR_INVALID, "an initiate is one call, and needs a subject");
	if (strlen(subject) > USER_REFERENCE_MAX)
		return err_set(err, ERR_LIMIT, "the subject is longer than %d bytes", USER_REFERENCE_MAX);
	http->method = "POST";
	enum err_code code = buf_printf(&http->url, "%s/api/v4/initiate", self->base_url);
	if (code == ERR_OK)
		code = write_initiate(self, job, http);
	return code == ERR_OK ? ERR_OK : err_set(err, code, "the request could not be written");
}

static enum err_code build_retrieve(const struct jumio *self, const struct vendor_job *job, struct http_request *http,
                                    struct err *err)
{
	static const char *const suffixes[] = {[NETVERIFY_STEP_STATUS] = "", [NETVERIFY_STEP_DATA] = "/data"};
	const char *reference = job->state->reference;

	if (job->step < 0 || job->step > NETVERIFY_STEP_DATA)
		return err_set(err, ERR_INVALID, "a retrieval has no step %d", job->step);
	if (!netverify_is_reference(reference))
		return err_set(err, ERR_INVALID, "the state holds no reference of Jumio's form");
	enum err_code code = buf_printf(&http->url, "%s/api/netverify/v2/scans/", self->base_url);
	if (code == ERR_OK)
		code = percent_encode(&http->url, reference);
	if (code == ERR_OK)
		code = buf_append_str(&http->url, suffixes[job->step]);
	return code == ERR_OK ? ERR_OK : err_set(err, code, "the request could not be written");
}

enum err_code netverify_build(const struct jumio *self, const struct vendor_job *job, struct http_request *ret_http,
                              struct err *err)
{
	bool initiates = job->operation == OPERATION_JUMIO_INITIATE;
	struct http_request http;
	enum err_code code;

	http_request_init(&http);
	http.timeout_ms = self->timeout_ms;
	if (initiates)
		code = build_initiate(self, job, &http, err);
	else if (job->operation == OPERATION_JUMIO_RETRIEVE)
		code = build_retrieve(self, job, &http, err);
	else
		code = err_set(err, ERR_INVALID, "not an operation of jumio");
	if (code == ERR_OK && write_headers(self, &http, initiates) != ERR_OK)
		code = err_set(err, ERR_INVALID, "the headers could not be written");
	if (code != ERR_OK) {
		http_request_fini(&http);
		return code;
	}
	*ret_http = http;
	return ERR_OK;
}
