/* fuzz_biocatch_reply: what BioCatch, or whoever answers in its place, may send. The first byte chooses the status.
 * The rule: nothing but a 200 with a whole score is ever a score. */
#include "tests/fuzz/fuzz.h"
#include "workers/vendors/vendor.h"
#include <string.h>

static void *make_self(const struct vendor *vendor)
{
	char brokers[] = "VERIFYD_KAFKA_BROKERS=127.0.0.1:1", redis[] = "VERIFYD_REDIS_URL=redis://127.0.0.1:1";
	char keys[] = "VERIFYD_SEAL_KEYS=k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	char url[] = "VERIFYD_BIOCATCH_BASE_URL=https://b.example", customer[] = "VERIFYD_BIOCATCH_CUSTOMER_ID=c";
	char *const environment[] = {brokers, redis, keys, url, customer, NULL};
	struct config *config = NULL;
	void *self = NULL;
	FUZZ_RULE(config_load(CONFIG_WORKER, environment, stderr, &config) == ERR_OK);
	FUZZ_RULE(vendor->configure(config, stderr, &self) == ERR_OK);
	config_free(config);
	return self;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {200, 200, 200, 201, 204, 301, 400, 401, 404, 408, 429, 500, 503};
	static void *self; /* for the life of the process */
	const struct vendor *vendor = vendor_by_name("biocatch", 8);
	const struct request request = {.id = "vAAAAAAAAAAAAAAAAAAAAAA", .kind = KIND_BIOCATCH_SCORE};
	const struct person person = {.field = {[REQUEST_FIELD_SUBJECT] = "p", [REQUEST_FIELD_SESSION] = "s-1"}};
	struct vendor_answer answer;
	FUZZ_RULE(vendor);
	if (size == 0)
		return 0;
	if (!self)
		self = make_self(vendor);
	const struct http_response response = {.status = statuses[data[0] % (sizeof statuses / sizeof *statuses)],
	                                       .content_type = "application/json",
	                                       .body = (const char *)data + 1,
	                                       .body_len = size - 1,
	                                       .retry_after_ms = data[0]};
	const struct verification state = {.kind = KIND_BIOCATCH_SCORE};
	const struct vendor_job job = {
	        .operation = OPERATION_BIOCATCH_SCORE, .request = &request, .person = &person, .state = &state};
	vendor_answer_init(&answer);
	vendor->read(self, &job, &response, &answer);
	FUZZ_RULE(answer.failed == true || answer.failed == false);
	if (answer.failed) {
		FUZZ_RULE(answer.failure < FAILURE_COUNT);
		return 0;
	}
	FUZZ_RULE(response.status == 200);
	if (answer.event.type == EVENT_SCORED) {
		FUZZ_RULE(answer.event.score >= 0 && answer.event.score <= SCORE_MAX);
		FUZZ_RULE(answer.event.risk >= RISK_LOW && answer.event.risk <= RISK_HIGH);
		FUZZ_RULE(answer.event.score < 800 || answer.event.risk == RISK_HIGH);
		FUZZ_RULE(memmem(data + 1, size - 1, "score", 5) && memmem(data + 1, size - 1, "bcStatus", 8));
	} else {
		FUZZ_RULE(answer.event.type == EVENT_NO_SCORE && answer.event.risk == RISK_UNKNOWN);
		FUZZ_RULE(answer.event.score == SCORE_NONE && answer.event.reason != REASON_NONE);
	}
	return 0;
}
