/* fuzz_verification: a state as Redis or the results topic gives it. What is accepted survives the trip, and the state
 * machine takes it from there with any event. */
#include "common/domain/verification.h"
#include "tests/fuzz/fuzz.h"
#include <limits.h>
#include <string.h>

/* What no step may do, whatever state it begins with. */
static void check_step(const struct verification *now, enum event_type type, const struct verification *next,
                       unsigned effects)
{
	FUZZ_RULE(next->rev == now->rev + (type != EVENT_RETRIED));
	FUZZ_RULE(effects != 0 && verification_compare(next, now) > 0);
	FUZZ_RULE(now->state != STATE_COMPLETED || next->state == STATE_ERASED);
	FUZZ_RULE(!now->reference[0] || strcmp(next->reference, now->reference) == 0);
	FUZZ_RULE(next->poll >= now->poll && next->polls >= now->polls && next->replays >= now->replays);
	FUZZ_RULE((effects & EFFECT_CLIMB) == 0 || next->poll == now->poll + 1);
	if (next->state == STATE_COMPLETED && kind_is_journey(next->kind))
		FUZZ_RULE(next->verdict != VERDICT_NONE);
	if (next->state == STATE_COMPLETED && !kind_is_journey(next->kind))
		FUZZ_RULE(next->risk != RISK_NONE);
}

static void step_with_every_event(const struct verification *state)
{
	for (unsigned type = 0; type < EVENT_COUNT; type++) {
		const struct event event = {.type = (enum event_type)type,
		                            .risk = RISK_LOW,
		                            .verdict = VERDICT_DENIED,
		                            .reference = "another",
		                            .is_rung = true,
		                            .attempts = INT_MAX,
		                            .replays = INT_MAX};
		struct verification next = *state;
		unsigned effects = 0;
		if (state->rev != INT64_MAX && verification_step(state, &event, &next, &effects))
			check_step(state, event.type, &next, effects);
	}
}

/* An empty text is not written, and read as none. */
static bool same(const char *text, const char *again)
{
	return text && *text ? again && strcmp(text, again) == 0 : !again;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct verification state = {.rev = -1}, again = {.rev = -1};
	struct verification_texts texts = {NULL, NULL}, texts_again = {NULL, NULL};
	struct err err = {ERR_OK, ""};
	struct buf text;
	if (verification_decode((const char *)data, size, &state, &texts, &err) != ERR_OK) {
		FUZZ_RULE(state.rev == -1 && !texts.sealed && !texts.link && err.msg[0]);
		return 0;
	}
	FUZZ_RULE(state.rev > 0 && state.state < STATE_COUNT && state.risk < RISK_COUNT && state.reason < REASON_COUNT);
	FUZZ_RULE(state.score >= SCORE_NONE && state.score <= SCORE_MAX && state.attempts >= 0 && state.replays >= 0);
	FUZZ_RULE(state.verdict < VERDICT_COUNT && state.sends >= 0 && state.poll >= 0 && state.polls >= 0);
	struct verification_decision decision = {"", ""};
	if (verification_decision_decode((const char *)data, size, &decision, &err) == ERR_OK)
		FUZZ_RULE(strlen(decision.by) < sizeof decision.by && strlen(decision.reason) < sizeof decision.reason);
	/* a text may become longer when it is written: every byte of it becomes up to six */
	buf_init(&text, 6 * VERIFICATION_MAX_BYTES);
	FUZZ_RULE(verification_encode(&state, &texts, &text) == ERR_OK);
	if (text.len <= VERIFICATION_MAX_BYTES) {
		FUZZ_RULE(verification_decode(text.data, text.len, &again, &texts_again, &err) == ERR_OK);
		FUZZ_RULE(same(texts.sealed, texts_again.sealed) && same(texts.link, texts_again.link));
	}
	buf_clear(&text);
	FUZZ_RULE(verification_encode(&state, NULL, &text) == ERR_OK);
	FUZZ_RULE(verification_decode(text.data, text.len, &again, NULL, &err) == ERR_OK);
	FUZZ_RULE(state.verdict == again.verdict && state.adopted == again.adopted && state.sends == again.sends);
	FUZZ_RULE(strcmp(state.reference, again.reference) == 0 && strcmp(state.question, again.question) == 0);
	FUZZ_RULE(state.poll == again.poll && state.until_ms == again.until_ms && state.polls == again.polls);
	FUZZ_RULE(verification_compare(&state, &again) == 0 && strcmp(state.caller, again.caller) == 0);
	FUZZ_RULE(state.score == again.score && state.risk == again.risk && state.updated_ms == again.updated_ms);
	buf_fini(&text);
	verification_texts_fini(&texts);
	verification_texts_fini(&texts_again);
	step_with_every_event(&state);
	return 0;
}
