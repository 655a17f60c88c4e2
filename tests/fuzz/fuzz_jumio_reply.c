/* fuzz_jumio_reply: what Jumio, or whoever answers in its place, may send. The first byte chooses the status, the
 * second the call, whether the reference was adopted, and whether faces are required. The rules: only a 200 decides
 * anything, but for Jumio's own 404; a page and a reference are safe to use; nobody is verified without an approved
 * document, our references and, where they are required, matching faces. */
#include "tests/fuzz/fuzz.h"
#include "workers/vendors/vendor.h"
#include <ctype.h>
#include <jansson.h>
#include <strings.h>

#define SUBJECT   "u-1"
#define REQUEST   "vAAAAAAAAAAAAAAAAAAAAAA"
#define REFERENCE "0b8e1c1e-1111"

enum { CALL_INITIATE, CALL_STATUS, CALL_DATA, CALL_COUNT };
static const int64_t NOW_MS = 1790000000000;

static void *make_self(const struct vendor *vendor, bool faces)
{
	char brokers[] = "VERIFYD_KAFKA_BROKERS=127.0.0.1:1", redis[] = "VERIFYD_REDIS_URL=redis://127.0.0.1:1";
	char keys[] = "VERIFYD_SEAL_KEYS=k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	char region[] = "VERIFYD_JUMIO_REGION=eu", name[] = "VERIFYD_JUMIO_AUTH_USERNAME=t";
	char password[] = "VERIFYD_JUMIO_AUTH_PASSWORD=s", agent[] = "VERIFYD_JUMIO_USER_AGENT=C A/1";
	char required[] = "VERIFYD_JUMIO_REQUIRE_FACE_MATCH=yes", optional[] = "VERIFYD_JUMIO_REQUIRE_FACE_MATCH=no";
	char *const environment[] = {brokers, redis, keys, region, name, password, agent, faces ? required : optional,
	                             NULL};
	struct config *config = NULL;
	void *self = NULL;
	FUZZ_RULE(config_load(CONFIG_WORKER, environment, stderr, &config) == ERR_OK);
	FUZZ_RULE(vendor->configure(config, stderr, &self) == ERR_OK);
	config_free(config);
	return self;
}

static bool is_text(const json_t *object, const char *name, const char *text)
{
	const char *got = json_string_value(json_object_get(object, name));
	return got && strcmp(got, text) == 0;
}

static bool is_word(const json_t *object, const char *name, const char *word)
{
	const char *got = json_string_value(json_object_get(object, name));
	return got && strcasecmp(got, word) == 0;
}

static bool is_nothing(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return !value || json_is_null(value);
}

/* Told again from the bytes, by other means than the adapter's. */
static void check_verified(const uint8_t *body, size_t size, bool adopted, bool faces)
{
	json_t *reply = json_loadb((const char *)body, size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *transaction = json_object_get(reply, "transaction");
	const json_t *identity = json_object_get(json_object_get(reply, "verification"), "identityVerification");
	FUZZ_RULE(is_word(json_object_get(reply, "document"), "status", "APPROVED_VERIFIED"));
	FUZZ_RULE(is_text(transaction, "customerId", SUBJECT));
	FUZZ_RULE(adopted || is_text(transaction, "merchantScanReference", REQUEST));
	FUZZ_RULE(is_nothing(transaction, "status") || is_word(transaction, "status", "DONE"));
	FUZZ_RULE(is_nothing(reply, "scanReference") || is_word(reply, "scanReference", REFERENCE));
	FUZZ_RULE(is_word(identity, "similarity", "MATCH") || (!faces && is_nothing(identity, "similarity")));
	FUZZ_RULE(is_word(identity, "validity", "true") || json_is_true(json_object_get(identity, "validity")) ||
	          (!faces && is_nothing(identity, "validity")));
	json_decref(reply);
}

static void check_initiated(const struct vendor_answer *answer)
{
	const char *reference = answer->event.reference;
	FUZZ_RULE(answer->event.type == EVENT_INITIATED && answer->next_step == 0);
	FUZZ_RULE(answer->event.until_ms == NOW_MS + (int64_t)30 * 60000);
	FUZZ_RULE(memchr(reference, '\0', REFERENCE_BYTES) && reference[0]);
	for (; *reference; reference++)
		FUZZ_RULE(isalnum((unsigned char)*reference) || *reference == '-');
	FUZZ_RULE(answer->link.len <= HTTP_MAX_URL_BYTES && strlen(answer->link.data) == answer->link.len);
	for (const char *at = answer->link.data; *at; at++)
		FUZZ_RULE(isgraph((unsigned char)*at));
	FUZZ_RULE(strncasecmp(answer->link.data, "https://", 8) == 0 ||
	          strncasecmp(answer->link.data, "http://127.", 11) == 0 ||
	          strncasecmp(answer->link.data, "http://localhost", 16) == 0 ||
	          strncasecmp(answer->link.data, "http://[::1]", 12) == 0);
}

static void check_retrieved(const struct vendor_answer *answer, int call, int status)
{
	const struct event *event = &answer->event;
	FUZZ_RULE(answer->link.len == 0 && event->reference[0] == '\0');
	if (answer->next_step) {
		FUZZ_RULE(call == CALL_STATUS && answer->next_step == 1 && status == 200);
		return;
	}
	FUZZ_RULE(event->type == EVENT_PENDING || event->type == EVENT_JUDGED || event->type == EVENT_DIED);
	FUZZ_RULE((event->verdict == VERDICT_NONE) == (event->type != EVENT_JUDGED));
	FUZZ_RULE(event->type != EVENT_JUDGED ||
	          (event->verdict == VERDICT_VERIFIED) == (event->reason == REASON_NONE));
	FUZZ_RULE(event->type != EVENT_DIED || event->reason != REASON_NONE);
	if (call == CALL_STATUS)
		FUZZ_RULE(event->type == EVENT_PENDING || (status == 404 && event->verdict == VERDICT_EXPIRED));
	else
		FUZZ_RULE(event->verdict != VERDICT_EXPIRED);
	FUZZ_RULE(status == 200 || (status == 404 && event->verdict != VERDICT_VERIFIED));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {200, 200, 200, 200, 404, 404, 201, 204, 302, 400, 401, 403, 408, 429, 500, 503};
	static void *selves[2]; /* for the life of the process */
	const struct vendor *vendor = vendor_by_name("jumio", 5);
	const struct request request = {.id = REQUEST, .kind = KIND_JUMIO_IDENTITY};
	const struct person person = {.field = {[REQUEST_FIELD_SUBJECT] = SUBJECT}};
	struct verification state = {.kind = KIND_JUMIO_IDENTITY, .reference = REFERENCE};
	struct vendor_answer answer;
	FUZZ_RULE(vendor);
	if (size < 2)
		return 0;
	int status = statuses[data[0] % (sizeof statuses / sizeof *statuses)], call = (data[1] & 63) % CALL_COUNT;
	bool faces = !(data[1] & 64);
	state.adopted = data[1] & 128;
	if (!selves[faces])
		selves[faces] = make_self(vendor, faces);
	const struct http_response response = {.status = status,
	                                       .content_type = "application/json",
	                                       .body = (const char *)data + 2,
	                                       .body_len = size - 2,
	                                       .retry_after_ms = data[0]};
	const struct vendor_job job = {.operation = call == CALL_INITIATE ? OPERATION_JUMIO_INITIATE
	                                                                  : OPERATION_JUMIO_RETRIEVE,
	                               .request = &request,
	                               .person = &person,
	                               .state = &state,
	                               .step = call == CALL_DATA,
	                               .now_ms = NOW_MS};
	vendor_answer_init(&answer);
	vendor->read(selves[faces], &job, &response, &answer);
	FUZZ_RULE(answer.retry_after_ms == data[0]);
	if (answer.failed)
		FUZZ_RULE(answer.failure < FAILURE_COUNT && answer.next_step == 0 && answer.link.len == 0);
	else if (call == CALL_INITIATE)
		check_initiated(&answer);
	else
		check_retrieved(&answer, call, status);
	FUZZ_RULE(answer.failed || status == 200 || call != CALL_INITIATE);
	if (!answer.failed && answer.event.verdict == VERDICT_VERIFIED)
		check_verified(data + 2, size - 2, state.adopted, faces);
	vendor_answer_fini(&answer);
	return 0;
}
