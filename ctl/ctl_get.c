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

static void print_text(const struct verification *v, const char *source)
{
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
	if (journey)
		print_journey(v);
	(void)printf("attempts  %d failed\n", v->attempts);
	(void)printf("replays   %d\n", v->replays);
	ctl_print_timeline(v);
}

/* verification.v1 without what is sealed, and one more member, "source". */
static int print_json(const struct verification *v, const char *source)
{
	struct buf text;
	buf_init(&text, JSON_MAX_BYTES);
	enum err_code code = verification_encode(v, NULL, &text);
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
	struct err redis_err = {0}, kafka_err = {0};
	char what[WHAT_BYTES];
	enum err_code code = ERR_OK;
	const char *id = call->arguments[0];
	int status = ctl_check_ids(call);
	if (status != CTL_OK)
		return status;
	bool redis_is_away = ctl_redis_states(call, &id, 1, &state, &redis_err) != ERR_OK;
	bool from_redis = state.there;
	if (!from_redis)
		code = ctl_results_states(call, &id, 1, &state, &kafka_err);
	if (code != ERR_OK) {
		(void)snprintf(what, sizeof what, "%s: %s, and Kafka's results cannot be read", id,
		               redis_is_away ? redis_err.msg : "Redis does not know it");
		return ctl_fail_kafka(call, what, code, &kafka_err);
	}
	if (!state.there && redis_is_away)
		return ctl_fail("%s: not in Kafka's results, and %s: it may still be queued", id, redis_err.msg);
	if (!state.there)
		return ctl_fail("%s: unknown, both to Redis and to Kafka's results", id);
	if (call->given & CTL_FLAG_JSON)
		return print_json(&state.verification, from_redis ? "redis" : "kafka");
	print_text(&state.verification, from_redis      ? "Redis"
	                                : redis_is_away ? "Kafka's results; Redis is away"
	                                                : "Kafka's results; Redis has none");
	return CTL_OK;
}
