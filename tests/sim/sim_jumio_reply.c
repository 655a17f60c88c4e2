/* sim_jumio_reply: what Jumio's stand-in tells, in JSON and as a form (contracts 1.2 to 1.5). The person is always the
 * same invented one, whose names a test can search for. */
#include "common/base/clock.h"
#include "tests/sim/sim_jumio_internal.h"
#include "tests/sim/sim_text.h"
#include <stdio.h>
#include <string.h>

/* Of the way back; the guide lists the code without its meaning. */
static const char error_code[] = "9800";
static const char other_customer[] = "somebody-else";
static const char other_reference[] = "some-other-transaction";

struct named {
	const char *document; /* in the reply of a retrieval */
	const char *callback; /* in the callback's form */
	const char *value;
};

/* The number holds what a form must encode. */
static const struct named person[] = {
        {"firstName", "idFirstName", "VESNA"},
        {"lastName", "idLastName", "PROBST-ÉTUDE"},
        {"dob", "idDob", "1984-02-29"},
        {"expiry", "idExpiry", "2033-06-30"},
        {"number", "idNumber", "P7<0042 & 17+%41"},
        {"gender", "gender", "F"},
        {"nationality", "nationality", "AUT"},
};
enum { PERSON_COUNT = sizeof(person) / sizeof(person[0]) };

static bool is_read(const struct jumio_outcome *outcome)
{
	return strncmp(outcome->document_status, "APPROVED", 8) == 0;
}

static bool is_uploaded(const struct jumio_outcome *outcome)
{
	return strcmp(outcome->document_status, "NO_ID_UPLOADED") != 0;
}

/* workflowId 100 to 102 look at the document alone: the good word about a face is left out then. */
static bool has_identity(const struct jumio_transaction *transaction, const struct jumio_outcome *outcome)
{
	bool is_good = outcome->validity == JUMIO_VALIDITY_TRUE && outcome->similarity &&
	               strcmp(outcome->similarity, "MATCH") == 0;
	bool is_document_only = transaction->workflow > 0 && transaction->workflow < 200;
	return outcome->similarity && !(is_good && is_document_only);
}

static const char *customer_of(const struct jumio_transaction *transaction, const struct jumio_outcome *outcome)
{
	return outcome == &jumio_outcomes[JUMIO_OTHER_CUSTOMER] ? other_customer : transaction->user;
}

static const char *reference_of(const struct jumio_transaction *transaction, const struct jumio_outcome *outcome)
{
	return outcome == &jumio_outcomes[JUMIO_OTHER_REFERENCE] ? other_reference : transaction->customer_reference;
}

void jumio_reply_fault(struct sim_reply *reply, unsigned status, const char *text, const char *path)
{
	char digits[12];
	struct json_out out;
	snprintf(digits, sizeof(digits), "%u", status);
	buf_clear(&reply->body);
	json_out_begin(&out, &reply->body);
	json_out_object(&out, NULL);
	json_out_str(&out, "httpStatus", digits);
	json_out_str(&out, "message", text);
	json_out_str(&out, "requestURI", path);
	json_out_object_end(&out);
	reply->status = status;
	reply->content_type = "application/json";
	if (json_out_end(&out) != ERR_OK)
		buf_clear(&reply->body); /* no memory: the status alone has to do */
}

static void write_now(struct json_out *out)
{
	char now[CLOCK_TEXT_BYTES];
	clock_text(clock_unix_ms(), now);
	json_out_str(out, "timestamp", now);
}

enum err_code jumio_write_initiated(struct buf *out, const struct jumio_transaction *transaction, const char *host)
{
	struct json_out json;
	struct buf url;
	buf_init(&url, SIM_LOCATION_BYTES);
	enum err_code code =
	        buf_printf(&url, "http://%s/jumio/capture?authorizationToken=%s", host, transaction->token);
	json_out_begin(&json, out);
	json_out_object(&json, NULL);
	write_now(&json);
	json_out_str(&json, "transactionReference", transaction->reference);
	json_out_str(&json, "redirectUrl", url.data);
	json_out_object_end(&json);
	buf_fini(&url);
	return code == ERR_OK ? json_out_end(&json) : code;
}

enum err_code jumio_write_status(struct buf *out, const struct jumio_transaction *transaction, const char *status)
{
	struct json_out json;
	json_out_begin(&json, out);
	json_out_object(&json, NULL);
	write_now(&json);
	json_out_str(&json, "scanReference", transaction->reference);
	json_out_str(&json, "status", status);
	json_out_object_end(&json);
	return json_out_end(&json);
}

/* ---- parts of a result ---- */

static void write_detail(struct json_out *out, const char *name, const char *code, const char *text)
{
	json_out_object(out, name);
	json_out_str(out, "detailsCode", code);
	json_out_str(out, "detailsDescription", text);
	json_out_object_end(out);
}

static const struct jumio_reject *reject_of(const struct jumio_outcome *outcome, const struct sim_setting *settings)
{
	return jumio_reject_of(outcome->document_status, (int)settings[JUMIO_KNOB_REJECT].num);
}

/* The details are an array for one code and an object for another: Jumio sends both. */
static void write_reject(struct json_out *out, const char *name, const struct jumio_reject *reject)
{
	char digits[12];
	snprintf(digits, sizeof(digits), "%d", reject->code);
	json_out_object(out, name);
	json_out_str(out, "rejectReasonCode", digits);
	json_out_str(out, "rejectReasonDescription", reject->description);
	if (reject->code == 100) {
		json_out_array(out, "rejectReasonDetails");
		write_detail(out, NULL, "1001", "PHOTO");
		write_detail(out, NULL, "1005", "NAME");
		json_out_array_end(out);
	} else if (reject->code == 200) {
		write_detail(out, "rejectReasonDetails", "2001", "BLURRED");
	}
	json_out_object_end(out);
}

/* in_callback: a validity that is true is a boolean there, and a string in a retrieval. */
static void write_identity(struct json_out *out, const char *name, const struct jumio_outcome *outcome,
                           bool in_callback)
{
	json_out_object(out, name);
	json_out_str(out, "similarity", outcome->similarity);
	if (outcome->validity == JUMIO_VALIDITY_FALSE_TEXT)
		json_out_str(out, "validity", "false");
	else if (outcome->validity == JUMIO_VALIDITY_FALSE_BOOL)
		json_out_bool(out, "validity", false);
	else if (in_callback)
		json_out_bool(out, "validity", true);
	else
		json_out_str(out, "validity", "true");
	if (outcome->validity != JUMIO_VALIDITY_TRUE)
		json_out_str(out, "reason", "SELFIE_IS_SCREEN_PAPER_VIDEO");
	json_out_object_end(out);
}

static void write_document(struct json_out *out, const struct jumio_outcome *outcome)
{
	json_out_object(out, "document");
	json_out_str(out, "status", outcome->document_status);
	if (is_uploaded(outcome)) {
		bool is_known = outcome != &jumio_outcomes[JUMIO_DENIED_TYPE];
		json_out_str(out, "type", is_known ? "PASSPORT" : "UNSUPPORTED");
		json_out_str(out, "issuingCountry", "AUT");
	}
	for (size_t i = 0; is_read(outcome) && i < PERSON_COUNT; i++)
		json_out_str(out, person[i].document, person[i].value);
	json_out_object_end(out);
}

static void write_transaction(struct json_out *out, const struct jumio_transaction *transaction,
                              const struct jumio_outcome *outcome)
{
	char date[CLOCK_TEXT_BYTES];
	clock_text(transaction->initiated_ms, date);
	json_out_object(out, "transaction");
	json_out_str(out, "status", outcome->scan_status);
	json_out_str(out, "source", "WEB_CAM");
	json_out_str(out, "date", date);
	json_out_str(out, "clientIp", "203.0.113.7");
	json_out_str(out, "customerId", customer_of(transaction, outcome));
	json_out_str(out, "merchantScanReference", reference_of(transaction, outcome));
	if (*transaction->criteria)
		json_out_str(out, "merchantReportingCriteria", transaction->criteria);
	json_out_object_end(out);
}

enum err_code jumio_write_data(struct buf *out, const struct jumio_transaction *transaction,
                               const struct jumio_outcome *outcome, const struct sim_setting *settings)
{
	const struct jumio_reject *reject = reject_of(outcome, settings);
	struct json_out json;
	json_out_begin(&json, out);
	json_out_object(&json, NULL);
	write_now(&json);
	json_out_str(&json, "scanReference", transaction->reference);
	write_document(&json, outcome);
	write_transaction(&json, transaction, outcome);
	if (is_uploaded(outcome)) {
		json_out_object(&json, "verification");
		json_out_str(&json, "mrzCheck", is_read(outcome) ? "OK" : "NOT_AVAILABLE");
		if (reject)
			write_reject(&json, "rejectReason", reject);
		if (has_identity(transaction, outcome))
			write_identity(&json, "identityVerification", outcome, false);
		json_out_object_end(&json);
	}
	json_out_object_end(&json);
	return json_out_end(&json);
}

/* ---- callback ---- */

/* Puts name and the JSON text in json, which it clears. */
static enum err_code put_json(struct buf *out, const char *name, struct json_out *json)
{
	enum err_code code = json_out_end(json);
	if (code == ERR_OK)
		code = sim_text_pair(out, name, json->buf->data);
	buf_clear(json->buf);
	return code;
}

static enum err_code put_json_members(struct buf *out, const struct jumio_transaction *transaction,
                                      const struct jumio_outcome *outcome, const struct jumio_reject *reject)
{
	struct json_out json;
	struct buf text;
	enum err_code code = ERR_OK;
	buf_init(&text, JUMIO_FORM_BYTES);
	if (reject) {
		json_out_begin(&json, &text);
		write_reject(&json, NULL, reject);
		code = put_json(out, "rejectReason", &json);
	}
	if (code == ERR_OK && has_identity(transaction, outcome)) {
		json_out_begin(&json, &text);
		write_identity(&json, NULL, outcome, true);
		code = put_json(out, "identityVerification", &json);
	}
	buf_fini(&text);
	return code;
}

static enum err_code put_pairs(struct buf *out, const char *const (*pairs)[2], size_t count)
{
	enum err_code code = ERR_OK;
	for (size_t i = 0; code == ERR_OK && i < count; i++) {
		if (pairs[i][1] && *pairs[i][1])
			code = sim_text_pair(out, pairs[i][0], pairs[i][1]);
	}
	return code;
}

enum err_code jumio_write_callback(struct buf *out, const struct jumio_transaction *transaction,
                                   const struct jumio_outcome *outcome, const struct sim_setting *settings)
{
	char initiated[CLOCK_TEXT_BYTES], now[CLOCK_TEXT_BYTES];
	if (!outcome)
		outcome = &jumio_outcome_expired;
	const char *check = is_read(outcome) ? "OK" : "N/A";
	const char *uploaded = is_uploaded(outcome) ? "PASSPORT" : NULL;
	clock_text(transaction->initiated_ms, initiated);
	clock_text(clock_unix_ms(), now);
	const char *const pairs[][2] = {
	        {"callBackType", "NETVERIFYID"},
	        {"jumioIdScanReference", transaction->reference},
	        {"verificationStatus", outcome->document_status},
	        {"idScanStatus", is_read(outcome) ? "SUCCESS" : "ERROR"},
	        {"idScanSource", "WEB_CAM"},
	        {"idCheckDataPositions", check},
	        {"idCheckDocumentValidation", check},
	        {"idCheckHologram", check},
	        {"idCheckMRZcode", check},
	        {"idCheckMicroprint", check},
	        {"idCheckSecurityFeatures", check},
	        {"idCheckSignature", check},
	        {"transactionDate", initiated},
	        {"callbackDate", now},
	        {"merchantIdScanReference", reference_of(transaction, outcome)},
	        {"customerId", customer_of(transaction, outcome)},
	        {"merchantReportingCriteria", transaction->criteria},
	        {"clientIp", "203.0.113.7"},
	        {"idType", uploaded},
	        {"idCountry", uploaded ? "AUT" : NULL},
	};
	enum err_code code = put_pairs(out, pairs, sizeof(pairs) / sizeof(pairs[0]));
	for (size_t i = 0; code == ERR_OK && is_read(outcome) && i < PERSON_COUNT; i++)
		code = sim_text_pair(out, person[i].callback, person[i].value);
	return code == ERR_OK ? put_json_members(out, transaction, outcome, reject_of(outcome, settings)) : code;
}

/* ---- way back ---- */

enum err_code jumio_write_way_back(struct buf *out, const struct jumio_transaction *transaction)
{
	bool is_error = transaction->outcome == &jumio_outcomes[JUMIO_ERROR];
	const char *url = is_error ? transaction->error_url : transaction->success_url;
	const char *const pairs[][2] = {
	        {"transactionStatus", is_error ? "ERROR" : "SUCCESS"},
	        {"customerInternalReference", transaction->customer_reference},
	        {"transactionReference", transaction->reference},
	        {"errorCode", is_error ? error_code : NULL},
	};
	if (!*url)
		return ERR_OK;
	const char *query = strchr(url, '?');
	const char *glue = !query ? "?" : query[1] == '\0' ? "" : "&";
	enum err_code code = buf_printf(out, "%s%s", url, glue);
	return code == ERR_OK ? put_pairs(out, pairs, sizeof(pairs) / sizeof(pairs[0])) : code;
}
