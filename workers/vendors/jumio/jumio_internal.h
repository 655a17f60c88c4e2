/* jumio_internal: what the parts of the Jumio adapter share. Documented API: Netverify Web v4 (initiate) and Netverify
 * Retrieval v2, Basic authentication. */
#ifndef VERIFYD_JUMIO_INTERNAL_H
#define VERIFYD_JUMIO_INTERNAL_H

#include "common/base/json_in.h"
#include "workers/vendors/vendor.h"

enum {
	JUMIO_BASE_URL_BYTES = 1025,
	JUMIO_AUTHORIZATION_BYTES = 720, /* "Basic " and the base64 of two settings of 256 bytes at most */
	JUMIO_USER_AGENT_BYTES = 129,
	JUMIO_POLLS_MAX = 32,
};

/* The steps of a retrieval. */
enum { NETVERIFY_STEP_STATUS, NETVERIFY_STEP_DATA };

struct jumio {
	char base_url[JUMIO_BASE_URL_BYTES]; /* without a slash at its end */
	char authorization[JUMIO_AUTHORIZATION_BYTES]; /* a secret */
	char user_agent[JUMIO_USER_AGENT_BYTES];
	int workflow;
	int lifetime_min;
	bool needs_faces; /* an approved document without a comparison of faces is not enough */
	int timeout_ms;
	int max_a_day;
	int64_t watchdog_ms;
	struct config_rate initiate_rate, retrieve_rate;
	int64_t polls_ms[JUMIO_POLLS_MAX]; /* ascending */
	size_t poll_count;                 /* at least 1 */
};

/* A reference is 1 to 64 letters, digits and hyphens (documented: a GUID), so it is safe in a path and as a key. */
bool netverify_is_reference(const char *text);

/* As struct vendor's `build` and `read`. */
enum err_code netverify_build(const struct jumio *self, const struct vendor_job *job, struct http_request *ret_http,
			      struct err *err);
void netverify_read(const struct jumio *self, const struct vendor_job *job, const struct http_response *response,
		    struct vendor_answer *answer);

/* Whether the value names that scan. An absent one or null names none, and passes. */
bool netverify_names_scan(const struct json_in *value, const char *reference);

/* Decides by the reply to a data call. Returns: true and *ret_event (EVENT_JUDGED, EVENT_PENDING or EVENT_DIED); false
 * when the reply is not of the documented shape. */
bool netverify_judge(const struct jumio *self, const struct vendor_job *job, const struct json_in *reply,
		     struct event *ret_event);

#endif
