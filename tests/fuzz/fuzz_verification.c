/* fuzz_verification: a state as Redis or the results topic gives it. What is accepted survives the trip, and the state
 * machine takes it from there with any event. */
#include "common/domain/verification.h"
#include "tests/fuzz/fuzz.h"
#include <limits.h>
#include <string.h>

static void step_with_every_event(const struct verification *state)
{
	for (unsigned type = 0; type < EVENT_COUNT; type++) {
		const struct event event = {.type = (enum event_type)type, .risk = RISK_LOW, .replays = INT_MAX};
		struct verification next = *state;
		unsigned effects = 0;
		if (state->rev == INT64_MAX || !verification_step(state, &event, &next, &effects))
			continue;
		FUZZ_RULE(next.rev == state->rev + 1 && effects != 0 && verification_compare(&next, state) > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct verification state = {.rev = -1}, again = {.rev = -1};
	struct err err = {ERR_OK, ""};
	struct buf text;
	if (verification_decode((const char *)data, size, &state, &err) != ERR_OK) {
		FUZZ_RULE(state.rev == -1 && err.msg[0]);
		return 0;
	}
	FUZZ_RULE(state.rev > 0 && state.state < STATE_COUNT && state.risk < RISK_COUNT && state.reason < REASON_COUNT);
	FUZZ_RULE(state.score >= SCORE_NONE && state.score <= SCORE_MAX && state.attempts >= 0 && state.replays >= 0);
	buf_init(&text, VERIFICATION_MAX_BYTES);
	FUZZ_RULE(verification_encode(&state, &text) == ERR_OK);
	FUZZ_RULE(verification_decode(text.data, text.len, &again, &err) == ERR_OK);
	FUZZ_RULE(verification_compare(&state, &again) == 0 && strcmp(state.caller, again.caller) == 0);
	FUZZ_RULE(state.score == again.score && state.risk == again.risk && state.updated_ms == again.updated_ms);
	buf_fini(&text);
	step_with_every_event(&state);
	return 0;
}
