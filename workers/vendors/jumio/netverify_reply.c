/* netverify_reply: reads what Jumio Netverify answers. A reply counts only when it is whole, of the documented shape
 * and about our scan; what it decides is netverify_verdict's part. */
#include "workers/vendors/jumio/jumio_internal.h"
#include <string.h>
#include <strings.h>

static void set_event(struct vendor_answer *answer, struct event event)
{
	answer->failed = false;
	answer->event = event;
}

/* ---- initiate ---- */

/* localhost, [::1] or an address of 127.0.0.0/8; len is that of host and port. */
static bool is_loopback(const char *host, size_t len)
{
	static const char *const names[] = {"localhost", "[::1]"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t name_len = strlen(names[i]);
		if (len >= name_len && strncasecmp(host, names[i], name_len) == 0)
			return len == name_len || host[name_len] == ':';
	}
	size_t digits = strspn(host, "0123456789.");
	return strncmp(host, "127.", 4) == 0 && (digits >= len || host[digits] == ':');
}

/* A page that a browser may be sent to: https, or http to this machine, with a host and without a user name. */
static bool is_page(const char *url)
{
	bool https = strncasecmp(url, "https://", 8) == 0;

	if (!https && strncasecmp(url, "http://", 7) != 0)
		return false;
	for (const char *at = url; *at; at++)
		if (*at <= ' ' || *at > '~' || strchr("\"<>\\", *at))
			return false;
	const char *host = url + (https ? 8 : 7);
	size_t len = strcspn(host, "/?#");
	if (len == 0 || host[0] == ':' || memchr(host, '@', len))
		return false;
	return https || is_loopback(host, len);
}

static void read_initiate(const struct jumio *self, const struct vendor_job *job, const struct json_in *reply,
                          struct vendor_answer *answer)
{
	struct event event = {
	        .type = EVENT_INITIATED,
	        .until_ms = job->now_ms + (int64_t)self->lifetime_min * 60 * 1000,
	};
	const char *url = json_in_text(json_in_get(reply, "redirectUrl"));

	if (json_in_str(reply, "transactionReference", event.reference, sizeof(event.reference), NULL) != ERR_OK ||
	    !netverify_is_reference(event.reference) || !url || !is_page(url))
		return;
	if (buf_append_str(&answer->link, url) == ERR_OK) /* else it is longer than allowed */
		set_event(answer, event);
}

/* ---- retrieval ---- */

bool netverify_names_scan(const struct json_in *value, const char *reference)
{
	if (json_in_type(value) == JSON_IN_ABSENT || json_in_type(value) == JSON_IN_NULL)
		return true;
	return json_in_type(value) == JSON_IN_STRING &&
	       strcasecmp(json_in_text(value), reference) == 0; /* a GUID has no case */
}

static void read_status(const struct vendor_job *job, const struct json_in *reply, struct vendor_answer *answer)
{
	const char *status = json_in_text(json_in_get(reply, "status"));

	if (!status || !netverify_names_scan(json_in_get(reply, "scanReference"), job->state->reference))
		return;
	if (strcasecmp(status, "DONE") == 0 || strcasecmp(status, "FAILED") == 0) {
		answer->failed = false;
		answer->next_step = NETVERIFY_STEP_DATA;
	} else {
		bool pending = strcasecmp(status, "PENDING") == 0;
		set_event(answer, (struct event){.type = EVENT_PENDING,
		                                 .reason = pending ? REASON_NONE : REASON_UNKNOWN_STATUS});
	}
}

static void read_data(const struct jumio *self, const struct vendor_job *job, const struct json_in *reply,
                      struct vendor_answer *answer)
{
	struct event event;

	if (netverify_judge(self, job, reply, &event))
		set_event(answer, event);
}

/* Jumio's own 404 says so in its body, as text or number; any other comes from a host that is not Jumio's API. It ends
 * a verification only where the scan's status is asked for: data may be a little behind it. */
static void read_not_found(const struct vendor_job *job, const struct json_in *reply, struct vendor_answer *answer)
{
	const struct json_in *status = json_in_get(reply, "httpStatus");
	bool known = json_in_type(status) == JSON_IN_STRING
	                     ? strcmp(json_in_text(status), "404") == 0
	                     : json_in_type(status) == JSON_IN_INTEGER && json_in_integer(status) == 404;

	if (known && job->step == NETVERIFY_STEP_STATUS)
		set_event(answer,
		          (struct event){.type = EVENT_JUDGED, .verdict = VERDICT_EXPIRED, .reason = REASON_GONE});
	else if (known)
		set_event(answer, (struct event){.type = EVENT_PENDING, .reason = REASON_NONE});
}

static void read_object(const struct jumio *self, const struct vendor_job *job, const struct http_response *response,
                        const struct json_in *reply, struct vendor_answer *answer)
{
	if (job->operation == OPERATION_JUMIO_INITIATE)
		read_initiate(self, job, reply, answer);
	else if (response->status == 404)
		read_not_found(job, reply, answer);
	else if (job->step == NETVERIFY_STEP_STATUS)
		read_status(job, reply, answer);
	else
		read_data(self, job, reply, answer);
}

void netverify_read(const struct jumio *self, const struct vendor_job *job, const struct http_response *response,
                    struct vendor_answer *answer)
{
	bool done = response->status == 200;
	bool not_found = response->status == 404 && job->operation == OPERATION_JUMIO_RETRIEVE;
	struct json_in *reply = NULL;

	answer->retry_after_ms = response->retry_after_ms;
	answer->failure = done ? FAILURE_GARBAGE : failure_of_status(response->status);
	if (!done && !not_found)
		return;
	if (json_in_parse(response->body, response->body_len, &reply, NULL) == ERR_OK &&
	    json_in_type(reply) == JSON_IN_OBJECT)
		read_object(self, job, response, reply, answer);
	json_in_free(reply);
}
