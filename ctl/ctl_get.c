/* ctl_get: `get ID`: one verification, for a person or as JSON, and where it was found. */
#include "common/base/clock.h"
#include "ctl/ctl.h"
#include <inttypes.h>
#include <string.h>

enum { GAP_BYTES = 32, WHAT_BYTES = ERR_MSG_BYTES + 100, JSON_MAX_BYTES = VERIFICATION_MAX_BYTES + 64 };

static void gap_text(int64_t gap_ms, char *out, size_t cap)
{
	static const struct {
		int64_t below_ms;
		double ms;
		const char *unit;
	} units[] = {{10000, 1, "ms"}, {600000, 1e3, "s"}, {36000000, 6e4, "min"}, {INT64_MAX, 36e5, "h"}};
	size_t i = 0;
	int64_t size = gap_ms < 0 ? -gap_ms : gap_ms; /* clocks of two machines may differ */
	while (size >= units[i].below_ms && units[i].below_ms != INT64_MAX)
		i++;
	(void)snprintf(out, cap, "%+.*f %s", i == 0 ? 0 : 1, (double)gap_ms / units[i].ms, units[i].unit);
}

static void print_timeline(const struct verification *v)
{
	const struct {
		const char *name;
		int64_t at_ms;
		const char *meaning;
	} steps[] = {
	        {"created", v->created_ms, "the question came in"},
	        {"taken", v->taken_ms, "a worker read the request"},
	        {"asked", v->asked_ms, "the last vendor call began"},
	        {"answered", v->answered_ms, "the last vendor call ended"},
	        {"updated", v->updated_ms, "this state was written"},
	};
	int64_t before_ms = 0;
	(void)puts("timeline");
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		char time[CLOCK_TEXT_BYTES], gap[GAP_BYTES] = "";
		if (steps[i].at_ms == 0)
			continue;
		if (before_ms != 0)
			gap_text(steps[i].at_ms - before_ms, gap, sizeof gap);
		before_ms = steps[i].at_ms;
		clock_text(steps[i].at_ms, time, sizeof time);
		(void)printf("  %-9s %s %12s  %s\n", steps[i].name, time, gap, steps[i].meaning);
	}
}

static void print_text(const struct verification *v, const char *source)
{
	char caller[CALLER_BYTES];
	ctl_printable(v->caller, caller, sizeof caller);
	(void)printf("%s (from %s)\n", v->id, source);
	(void)printf("kind      %s, asked by %s\n", kind_info(v->kind)->name, caller);
	(void)printf("state     %s (rev %" PRId64 ")\n", state_name(v->state), v->rev);
	if (v->risk != RISK_NONE)
		(void)printf("risk      %s\n", risk_name(v->risk));
	if (v->score != SCORE_NONE)
		(void)printf("score     %d\n", v->score);
	if (v->reason != REASON_NONE)
		(void)printf("reason    %s: %s\n", reason_name(v->reason), reason_text(v->reason));
	(void)printf("attempts  %d failed\n", v->attempts);
	(void)printf("replays   %d\n", v->replays);
	print_timeline(v);
}

/* verification.v1 and one more member, "source". */
static int print_json(const struct verification *v, const char *source)
{
	struct buf text;
	buf_init(&text, JSON_MAX_BYTES);
	enum err_code code = verification_encode(v, &text);
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
