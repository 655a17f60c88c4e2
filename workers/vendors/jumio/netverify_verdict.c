/* netverify_verdict: who is verified, by the reply to a data call. Fails closed. APPROVED_VERIFIED is Jumio's word
 * about the document alone: the faces must match besides, and the references must be ours. */
#include "workers/vendors/jumio/jumio_internal.h"
#include <string.h>
#include <strings.h>

static bool is_absent(const struct json_in *value)
{
	return json_in_type(value) == JSON_IN_ABSENT || json_in_type(value) == JSON_IN_NULL;
}

static bool is_word(const struct json_in *value, const char *word)
{
	return json_in_type(value) == JSON_IN_STRING && strcasecmp(json_in_text(value), word) == 0;
}

static bool is_text(const struct json_in *value, const char *text)
{
	return json_in_type(value) == JSON_IN_STRING && text && strcmp(json_in_text(value), text) == 0;
}

/* ---- the faces ---- */

/* What a part of the reply says about the faces; the later, the graver, and the gravest counts. */
enum finding {
	FACES_FINE,
	FACES_MISSING, /* required, and not reported */
	FACES_UNCLEAR,
	FACES_UNKNOWN, /* a word that this version does not know */
	FACES_NOT_LIVE,
	FACES_DIFFER,
	FACES_COUNT
};

static const struct event events[FACES_COUNT] = {
        [FACES_FINE] = {.type = EVENT_JUDGED, .verdict = VERDICT_VERIFIED, .reason = REASON_NONE},
        [FACES_MISSING] = {.type = EVENT_DIED, .reason = REASON_NO_FACE_CHECK},
        [FACES_UNCLEAR] = {.type = EVENT_JUDGED, .verdict = VERDICT_UNREADABLE, .reason = REASON_FACE_UNCLEAR},
        [FACES_UNKNOWN] = {.type = EVENT_PENDING, .reason = REASON_UNKNOWN_STATUS},
        [FACES_NOT_LIVE] = {.type = EVENT_JUDGED, .verdict = VERDICT_DENIED, .reason = REASON_NOT_LIVE},
        [FACES_DIFFER] = {.type = EVENT_JUDGED, .verdict = VERDICT_DENIED, .reason = REASON_FACE_DIFFERS},
};

struct word {
	const char *text;
	enum finding finding;
};

static enum finding find_word(const struct word *rows, size_t count, const struct json_in *value,
                              enum finding otherwise)
{
	for (size_t i = 0; i < count; i++)
		if (is_word(value, rows[i].text))
			return rows[i].finding;
	return otherwise;
}

static enum finding of_similarity(const struct json_in *value, enum finding when_absent)
{
	static const struct word rows[] = {
#define NETVERIFY_SIMILARITY(text, finding) {(text), FACES_##finding},
#define NETVERIFY_INVALID(text, finding)
#include "workers/vendors/jumio/netverify_face.def"
#undef NETVERIFY_SIMILARITY
#undef NETVERIFY_INVALID
	};

	return is_absent(value) ? when_absent : find_word(rows, sizeof(rows) / sizeof(rows[0]), value, FACES_UNKNOWN);
}

static enum finding of_reason(const struct json_in *value)
{
	static const struct word rows[] = {
#define NETVERIFY_SIMILARITY(text, finding)
#define NETVERIFY_INVALID(text, finding) {(text), FACES_##finding},
#include "workers/vendors/jumio/netverify_face.def"
#undef NETVERIFY_SIMILARITY
#undef NETVERIFY_INVALID
	};

	return find_word(rows, sizeof(rows) / sizeof(rows[0]), value, FACES_NOT_LIVE);
}

/* validity comes as a boolean and as a text, in either case. */
static enum finding of_validity(const struct json_in *value, const struct json_in *reason, enum finding when_absent)
{
	if (is_absent(value))
		return when_absent;
	if (json_in_type(value) == JSON_IN_TRUE || is_word(value, "TRUE"))
		return FACES_FINE;
	if (json_in_type(value) == JSON_IN_FALSE || is_word(value, "FALSE"))
		return of_reason(reason);
	return FACES_UNKNOWN;
}

/* What is reported counts even where it is not required. */
static enum finding find_faces(const struct jumio *self, const struct json_in *verification)
{
	enum finding when_absent = self->needs_faces ? FACES_MISSING : FACES_FINE;
	const struct json_in *identity = json_in_get(verification, "identityVerification");

	if (is_absent(verification))
		return when_absent;
	if (json_in_type(verification) != JSON_IN_OBJECT)
		return FACES_UNKNOWN;
	if (is_absent(identity))
		return when_absent;
	if (json_in_type(identity) != JSON_IN_OBJECT)
		return FACES_UNKNOWN;
	enum finding similarity = of_similarity(json_in_get(identity, "similarity"), when_absent);
	enum finding validity =
	        of_validity(json_in_get(identity, "validity"), json_in_get(identity, "reason"), when_absent);
	return similarity > validity ? similarity : validity;
}

/* ---- the whole reply ---- */

struct outcome {
	const char *status;
	enum verdict verdict;
	enum reason reason;
};

/* Returns: NULL when the status is unknown. */
static const struct outcome *find_outcome(const char *status)
{
	static const struct outcome rows[] = {
#define NETVERIFY_STATUS(status, verdict, reason) {(status), VERDICT_##verdict, REASON_##reason},
#include "workers/vendors/jumio/netverify_status.def"
#undef NETVERIFY_STATUS
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcasecmp(rows[i].status, status) == 0)
			return &rows[i];
	return NULL;
}

/* A scan that failed approves nobody. */
static bool scan_allows(const struct json_in *scan_status, enum verdict verdict)
{
	if (is_absent(scan_status) || is_word(scan_status, "DONE"))
		return true;
	return is_word(scan_status, "FAILED") && verdict != VERDICT_VERIFIED;
}

static bool is_ours_or_lacking(const struct json_in *value, const char *ours, bool may_lack)
{
	return (may_lack && is_absent(value)) || is_text(value, ours);
}

/* customerId is our userReference, merchantScanReference our customerInternalReference. An adopted scan was begun by
 * another program, whose reference we do not know. To verify somebody, the references must be there; any other verdict
 * stands without them (Jumio may leave them out for who never began), but never against them. */
static bool is_ours(const struct vendor_job *job, const struct json_in *reply, const struct json_in *transaction,
                    bool may_lack)
{
	return netverify_names_scan(json_in_get(reply, "scanReference"), job->state->reference) &&
	       is_ours_or_lacking(json_in_get(transaction, "customerId"), job->person->field[REQUEST_FIELD_SUBJECT],
	                          may_lack) &&
	       (job->state->adopted ||
	        is_ours_or_lacking(json_in_get(transaction, "merchantScanReference"), job->request->id, may_lack));
}

bool netverify_judge(const struct jumio *self, const struct vendor_job *job, const struct json_in *reply,
                     struct event *ret_event)
{
	const struct json_in *document = json_in_get(reply, "document");
	const struct json_in *transaction = json_in_get(reply, "transaction");
	const struct json_in *scan_status = json_in_get(transaction, "status");
	const char *status = json_in_text(json_in_get(document, "status"));

	if (json_in_type(transaction) != JSON_IN_OBJECT || !status)
		return false;
	const struct outcome *outcome = find_outcome(status);
	if (is_word(scan_status, "PENDING"))
		*ret_event = (struct event){.type = EVENT_PENDING, .reason = REASON_NONE};
	else if (!outcome || !scan_allows(scan_status, outcome->verdict))
		*ret_event = (struct event){.type = EVENT_PENDING, .reason = REASON_UNKNOWN_STATUS};
	else if (!is_ours(job, reply, transaction, outcome->verdict != VERDICT_VERIFIED))
		*ret_event = (struct event){.type = EVENT_DIED, .reason = REASON_OTHER_PERSON};
	else if (outcome->verdict == VERDICT_VERIFIED)
		*ret_event = events[find_faces(self, json_in_get(reply, "verification"))];
	else
		*ret_event =
		        (struct event){.type = EVENT_JUDGED, .verdict = outcome->verdict, .reason = outcome->reason};
	return true;
}
