/* fuzz_request: a record of the request topic. The first byte chooses between its value and one of its headers. */
#include "common/domain/verification.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

/* What a retrieval brings along; that it is a good request says nothing about it. */
static void fuzz_state(const char *value, size_t len)
{
	struct verification state = {.rev = -1};
	struct err err = {ERR_OK, ""};
	if (retrieval_decode_state(value, len, &state, &err) != ERR_OK)
		FUZZ_RULE(state.rev == -1 && err.msg[0]);
	else
		FUZZ_RULE(state.rev > 0 && state.kind < KIND_COUNT && state.state < STATE_COUNT && state.poll >= 0);
}

/* Written as a retrieval, it is read as one, and the same state comes out. */
static void fuzz_retrieval(const struct request *request, const char *value, size_t len)
{
	struct verification state, again = {.rev = -1};
	const struct verification_texts texts = {request->sealed, NULL};
	struct request read = {.created_ms = -1};
	struct buf text;
	if (retrieval_decode_state(value, len, &state, NULL) != ERR_OK)
		return;
	buf_init(&text, 6 * REQUEST_MAX_BYTES); /* every byte of a text becomes up to six */
	FUZZ_RULE(retrieval_encode(&state, &texts, &text) == ERR_OK);
	if (text.len > REQUEST_MAX_BYTES) {
		buf_fini(&text);
		return;
	}
	FUZZ_RULE(request_decode(text.data, text.len, &read, NULL) == ERR_OK);
	FUZZ_RULE(retrieval_decode_state(text.data, text.len, &again, NULL) == ERR_OK);
	FUZZ_RULE(strcmp(read.sealed, request->sealed) == 0 && strcmp(read.id, state.id) == 0);
	FUZZ_RULE(verification_compare(&state, &again) == 0 && strcmp(state.reference, again.reference) == 0);
	FUZZ_RULE(state.poll == again.poll && state.checking_ms == again.checking_ms);
	buf_fini(&text);
	request_fini(&read);
}

static void fuzz_value(const char *value, size_t len)
{
	struct request request = {.created_ms = -1}, again = {.created_ms = -1};
	struct err err = {ERR_OK, ""};
	struct buf text;
	fuzz_state(value, len);
	if (request_decode(value, len, &request, &err) != ERR_OK) {
		FUZZ_RULE(request.created_ms == -1 && !request.sealed && err.msg[0]);
		return;
	}
	FUZZ_RULE(request.kind < KIND_COUNT && id_is_valid(request.id, strlen(request.id)));
	FUZZ_RULE(strlen(request.sealed) == request.sealed_len && request.created_ms >= 0);
	buf_init(&text, REQUEST_MAX_BYTES);
	FUZZ_RULE(request_encode(&request, &text) == ERR_OK);
	FUZZ_RULE(request_decode(text.data, text.len, &again, &err) == ERR_OK);
	FUZZ_RULE(strcmp(request.caller, again.caller) == 0 && strcmp(request.sealed, again.sealed) == 0);
	FUZZ_RULE(strcmp(request.question, again.question) == 0 && request.created_ms == again.created_ms);
	buf_fini(&text);
	fuzz_retrieval(&request, value, len);
	request_fini(&request);
	request_fini(&again);
}

static void fuzz_header(uint8_t which, const char *value, size_t len)
{
	static const char *const names[] = {HEADER_DEADLINE,    HEADER_ATTEMPT, HEADER_REPLAYS, HEADER_FIRST_FAILURE,
	                                    HEADER_TRACEPARENT, HEADER_CAUSE,   HEADER_POLL,    "other"};
	struct request request = {.sealed = NULL};
	enum err_code code = request_set_header(&request, names[which % (sizeof names / sizeof *names)],
	                                        len ? value : NULL, len, NULL);
	FUZZ_RULE(code == ERR_OK || code == ERR_INVALID);
	FUZZ_RULE(request.deadline_ms >= 0 && request.attempts >= 0 && request.replays >= 0);
	FUZZ_RULE(request.poll >= 0 && request.cause < CAUSE_COUNT);
	FUZZ_RULE(request.first_failure_ms >= 0 && strlen(request.traceparent) < TRACEPARENT_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == '{')
		fuzz_value((const char *)data, size);
	else
		fuzz_header(data[0], (const char *)data + 1, size - 1);
	return 0;
}
