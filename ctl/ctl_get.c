/* ctl_get: `get ID`: one verification, for a person or as JSON, and where it was found. */
#include "ctl/ctl_get.h"
#include "ctl/ctl.h"
#include <inttypes.h>
#include <string.h>

enum { WHAT_BYTES = ERR_MSG_BYTES + 100, JSON_MAX_BYTES = VERIFICATION_MAX_BYTES + 64 };

static void print_journey(const struct verification *v)
{
	char reference[REFERENCE_BYTES];
	ctl_printable(v->reference, reference, sizeof reference);
	if (v->reference[0])
		(void)printf("reference %s%s\n", reference, v->adopted ? " (adopted: not begun by us)" : "");
	if (v->sends > 0)
		(void)printf("sends     %d initiate%s sent to the vendor\n", v->sends, v->sends == 1 ? "" : "s");
	if (v->checking_ms != 0)
		(void)printf("looks     %d without a verdict\n", v->polls);
	if (v->state == STATE_CHECKING && v->poll > 0)
		(void)printf("next      rung %" PRId64 " of the poll ladder\n", v->poll);
}

/* verification_decision_set let only characters in that a terminal can show; who writes to `results` by other ways may
 * not. */
static void print_decision(const struct verification_decision *decision)
{
	struct verification_decision good;
	char by[DECIDED_BY_BYTES];
	ctl_printable(decision->by, by, sizeof by);
	(void)printf("decided   by %s: %s\n", by,
	             verification_decision_set(&good, by, decision->reason, NULL) == ERR_OK ? good.reason : "?");
}

static void print_text(const struct ctl_state *state, const char *source)
{
	const struct verification *v = &state->verification;
	bool journey = kind_is_journey(v->kind);
	char caller[CALLER_BYTES];
	ctl_printable(v->caller, caller, sizeof caller);
	(void)printf("%s (from %s)\n", v->id, source);
	(void)printf("kind      %s, asked by %s\n", kind_info(v->kind)->name, caller);
	(void)printf("state     %s (rev %" PRId64 ")", state_name(v->state), v->rev);
	(void)(journey ? printf(": %s\n", ctl_state_meaning(v)) : putchar('\n'));
	if (v->verdict != VERDICT_NONE)
		(void)printf("verdict   %s\n", verdict_name(v->verdict));
	if (v->risk != RISK_NONE)
		(void)printf("risk      %s\n", risk_name(v->risk));
	if (v->score != SCORE_NONE)
		(void)printf("score     %d\n", v->score);
	if (v->reason != REASON_NONE)
		(void)printf("reason    %s: %s\n", reason_name(v->reason), reason_text(v->reason));
	if (*state->decision.by)
		print_decision(&state->decision);
	if (journey)
		print_journey(v);
	(void)printf("attempts  %d failed\n", v->attempts);
	(void)printf("replays   %d\n", v->replays);
	ctl_print_timeline(v);
}

/* verification.v1 without what is sealed, and one more member, "source". */
static int print_json(const struct ctl_state *state, const char *source)
{
	const struct verification_decision *decision = *state->decision.by ? &state->decision : NULL;
	struct buf text;
	buf_init(&text, JSON_MAX_BYTES);
	enum err_code code = verification_encode_decided(&state->verification, NULL, decision, &text);
	if (code == ERR_OK && (text.len == 0 || text.data[text.len - 1] != '}'))
		code = ERR_INTERNAL;
	if (code == ERR_OK)
		(void)printf("%.*s,\"source\":\"%s\"}\n", (int)text.len - 1, text.data, source);
	buf_fini(&text);
	return code == ERR_OK ? CTL_OK : ctl_fail("%s", err_text(code));
}

int ctl_get(const struct ctl_call *call)
{
	struct ctl_state state = {0};
	struct err redis_err, kafka_err = {0};
	char what[WHAT_BYTES];
	bool from_redis;
	const char *id = call->arguments[0];
	int status = ctl_check_ids(call);
	if (status != CTL_OK)
		return status;
	enum err_code code = ctl_find_state(call, id, &state, &from_redis, &redis_err, &kafka_err);
	bool redis_is_away = redis_err.msg[0];
	if (code != ERR_OK) {
		(void)snprintf(what, sizeof what, "%s: %s, and Kafka's results cannot be read", id,
		               redis_is_away ? redis_err.msg : "Redis does not know it");
		status = ctl_fail_kafka(call, what, code, &kafka_err);
	} else if (!state.there && redis_is_away) {
		status = ctl_fail("%s: not in Kafka's results, and %s: it may still be queued", id, redis_err.msg);
	} else if (!state.there) {
		status = ctl_fail("%s: unknown, both to Redis and to Kafka's results", id);
	} else if (call->given & CTL_FLAG_JSON) {
		status = print_json(&state, from_redis ? "redis" : "kafka");
	} else {
		print_text(&state, from_redis      ? "Redis"
		                   : redis_is_away ? "Kafka's results; Redis is away"
		                                   : "Kafka's results; Redis has none");
	}
	ctl_state_fini(&state);
	return status;
}
