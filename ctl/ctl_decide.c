/* ctl_decide: `decide ID`: a person's verdict where the vendor leaves a journey open. It goes the way of a worker's:
 * the verification's lease first, then what stands in Redis and in `results`, then the completed state to `results`,
 * and after its ack to Redis, which wakes whoever waits and gives the lease back. */
#include "common/adapters/kafka_producer.h"
#include "common/adapters/redis_store.h"
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "common/domain/retry.h"
#include "ctl/ctl.h"
#include <pwd.h>
#include <string.h>
#include <unistd.h>

enum {
	LEASE_MARGIN_MS = 30000, /* the lease outlives all that is done under it */
	LEASE_AGAIN_MS = 300,
	KEY_BYTES = ID_BYTES + TOKEN_BYTES + 1,
	UID_BYTES = 24
};

struct deciding {
	struct kafka_delivery delivery; /* first: the producer hands it back */
	const struct ctl_call *call;
	const char *id;
	enum verdict verdict;
	struct verification_decision decision;
	struct ctl_state state;   /* what stands */
	struct verification next; /* decided */
	unsigned effects;         /* of the decision */
	struct buf value;         /* it, encoded */
	char token[TOKEN_BYTES];
	uv_loop_t loop;
	uv_timer_t timer;
	struct redis_store *store;
	struct kafka_producer *producer;
	bool answered, leased, acked; /* acked: `results` has it */
	enum err_code code;           /* of the last answer */
	enum lease lease;
	struct err err;
};

/* ---- waiting ---- */

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

static void on_change(void *ctx, bool up)
{
	(void)ctx, (void)up;
}

/* Runs the loop until `answered`, or end_ms (monotonic). The store answers within a second or two, or not at all. */
static bool wait_for_answer(struct deciding *deciding, int64_t end_ms)
{
	while (!deciding->answered && clock_mono_ms() < end_ms)
		(void)uv_run(&deciding->loop, UV_RUN_ONCE);
	return deciding->answered;
}

static void pause_loop(struct deciding *deciding, int ms)
{
	int64_t end = clock_mono_ms() + ms;
	while (clock_mono_ms() < end)
		(void)uv_run(&deciding->loop, UV_RUN_ONCE);
}

/* ---- the lease ---- */

static void on_lease(void *ctx, enum err_code code, enum lease lease, const char *token, const char *value, size_t len)
{
	struct deciding *deciding = ctx;
	(void)token;
	deciding->answered = true;
	deciding->code = code;
	deciding->lease = lease;
	deciding->leased = code == ERR_OK && lease == LEASE_GRANTED;
	if (deciding->leased && value)
		ctl_state_take(&deciding->state, deciding->id, value, len);
}

static const char *lease_name(enum kind kind)
{
	return operation_info(kind_first_operation(kind))->name;
}

/* Takes the lease as soon as it is free, or prolongs it. Nothing may be decided while Redis is being filled: what
 * stands may be missing. */
static int take_lease(struct deciding *deciding)
{
	static const char *const whys[] = {[LEASE_ANOTHERS] = "a worker is at it",
	                                   [LEASE_GRANTED] = "",
	                                   [LEASE_REBUILDING] = "Redis is being filled again",
	                                   [LEASE_ANSWERED] =
	                                           "the vendor's answer is there, and is about to be recorded"};
	const char *why = "Redis is away, or does not answer";
	int64_t ttl_ms = (int64_t)deciding->call->timeout_s * 1000 + LEASE_MARGIN_MS;
	const struct ctl_call renewed = ctl_renewed(deciding->call);
	deciding->leased = false;
	while (clock_mono_ms() < renewed.deadline_ms) {
		deciding->answered = false;
		enum err_code code =
		        redis_store_lease(deciding->store, deciding->id, lease_name(deciding->state.verification.kind),
		                          deciding->token, ttl_ms, true, on_lease, deciding);
		if (code == ERR_OK && wait_for_answer(deciding, renewed.deadline_ms) && deciding->code == ERR_OK) {
			if (deciding->leased)
				return CTL_OK;
			why = whys[deciding->lease];
		}
		pause_loop(deciding, LEASE_AGAIN_MS);
	}
	return ctl_fail("%s: not decided: %s", deciding->id, why);
}

/* ---- what stands ---- */

static void on_result(void *ctx, const char *id, const char *value, size_t len)
{
	struct deciding *deciding = ctx;
	ctl_state_take(&deciding->state, id, value, len);
}

static const char *why_not(const struct verification *state)
{
	if (!kind_is_journey(state->kind))
		return "a score is not decided by a person";
	switch (state->state) {
	case STATE_COMPLETED:
		return "it is completed, and what is completed is never changed";
	case STATE_ERASED:
		return "it is erased";
	case STATE_DEAD:
		return "it died before the person had handed anything in; `verifyctl dead replay` tries again";
	case STATE_QUEUED:
	case STATE_AWAITING_USER:
		return "the person has not handed anything in";
	default:
		return "it has no place for a decision";
	}
}

static int decide(struct deciding *deciding)
{
	const struct verification *now = &deciding->state.verification;
	const struct event event = {.type = EVENT_DECIDED,
	                            .at_ms = clock_unix_ms(),
	                            .verdict = deciding->verdict,
	                            .reason = deciding->verdict == VERDICT_VERIFIED ? REASON_NONE : REASON_DECIDED,
	                            .attempts = now->attempts};
	enum err_code code = ctl_results_each(deciding->call, deciding->id, on_result, deciding, &deciding->err);
	if (code != ERR_OK)
		return ctl_fail_kafka(deciding->call, "not decided: the results cannot be read", code, &deciding->err);
	int status = take_lease(deciding); /* reading may have taken long */
	if (status != CTL_OK)
		return status;
	if (!verification_step(now, &event, &deciding->next, &deciding->effects))
		return ctl_fail("%s: not decided: %s", deciding->id, why_not(now));
	code = verification_encode_decided(&deciding->next, &deciding->state.texts, &deciding->decision,
	                                   &deciding->value);
	return code == ERR_OK ? CTL_OK : ctl_fail("%s: not decided: %s", deciding->id, err_text(code));
}

/* ---- recording ---- */

static void on_delivered(struct kafka_delivery *delivery, enum err_code result, int32_t partition, int64_t offset)
{
	struct deciding *deciding = (struct deciding *)delivery;
	(void)partition, (void)offset;
	deciding->answered = true;
	deciding->code = result;
}

/* Returns when it is acked, or will not be. */
static enum err_code send_record(struct deciding *deciding, const struct kafka_message *message)
{
	deciding->answered = false;
	deciding->delivery.delivered = on_delivered;
	enum err_code code = kafka_producer_warm(deciding->producer, &message->topic, 1, ctl_left_ms(deciding->call),
	                                         &deciding->err);
	if (code == ERR_OK)
		code = kafka_producer_send(deciding->producer, message, &deciding->err);
	if (code != ERR_OK)
		return code;
	while (!deciding->answered) /* delivered or failed within the producer's time */
		(void)uv_run(&deciding->loop, UV_RUN_ONCE);
	if (deciding->code != ERR_OK)
		err_set(&deciding->err, deciding->code,
		        "not acknowledged (%s); Kafka may have it all the same, see `get`", err_text(deciding->code));
	return deciding->code;
}

/* Who gave a callback_url is told, as of a verdict of the vendor's: acked before the verdict, and sent when that
 * stands. */
static enum err_code send_notice(struct deciding *deciding)
{
	const struct verification *next = &deciding->next;
	char schema[UID_BYTES], now[UID_BYTES];
	struct buf value;
	(void)snprintf(schema, sizeof schema, "%d", REQUEST_SCHEMA);
	(void)snprintf(now, sizeof now, "%lld", (long long)clock_unix_ms());
	const struct kafka_header headers[] = {{HEADER_SCHEMA, schema},
	                                       {HEADER_OP, WEBHOOK_TARGET},
	                                       {HEADER_ATTEMPT, "0"},
	                                       {HEADER_NOT_BEFORE, now},
	                                       {HEADER_TARGET, WEBHOOK_TARGET}};
	buf_init(&value, REQUEST_MAX_BYTES);
	enum err_code code = notice_encode(next, next->question, deciding->state.texts.sealed, &value);
	const struct kafka_message message = {
	        .topic = delay_tiers()[0].topic,
	        .key = deciding->id,
	        .value = value.data,
	        .value_len = value.len,
	        .headers = headers,
	        .header_count = sizeof headers / sizeof *headers,
	        .delivery = &deciding->delivery,
	};
	if (code == ERR_OK)
		code = send_record(deciding, &message);
	buf_fini(&value);
	return code;
}

static enum err_code publish(struct deciding *deciding)
{
	char key[KEY_BYTES], schema[UID_BYTES];
	(void)snprintf(key, sizeof key, "%s!%s", deciding->id, deciding->token);
	(void)snprintf(schema, sizeof schema, "%d", VERIFICATION_SCHEMA);
	const struct kafka_header headers[] = {{HEADER_SCHEMA, schema}};
	const struct kafka_message message = {"results", key, deciding->value.data, deciding->value.len,
	                                      headers,   1,   &deciding->delivery};
	enum err_code code = deciding->effects & EFFECT_NOTIFY ? send_notice(deciding) : ERR_OK;
	return code == ERR_OK ? send_record(deciding, &message) : code;
}

static void on_put(void *ctx, enum err_code code, bool written)
{
	struct deciding *deciding = ctx;
	(void)written;
	deciding->answered = true;
	deciding->code = code;
}

static int record(struct deciding *deciding)
{
	const struct verification *next = &deciding->next;
	enum err_code code = publish(deciding);
	if (code != ERR_OK)
		return ctl_fail_kafka(deciding->call, "not decided", code, &deciding->err);
	deciding->acked = true;
	deciding->answered = false;
	code = redis_store_put(deciding->store, next, deciding->value.data, deciding->value.len, lease_name(next->kind),
	                       deciding->token, NULL, on_put, deciding);
	if (code == ERR_OK && wait_for_answer(deciding, clock_mono_ms() + CTL_REDIS_WAIT_MS))
		code = deciding->code;
	else
		code = ERR_UNAVAILABLE;
	if (code != ERR_OK)
		(void)ctl_fail("%s: recorded; Redis did not take it and will have it from a worker", deciding->id);
	return CTL_OK;
}

/* ---- telling ---- */

static int print(const struct deciding *deciding)
{
	struct buf text;
	struct json_out json;
	char time[CLOCK_TEXT_BYTES];
	clock_text(deciding->next.decided_ms, time);
	if (!(deciding->call->given & CTL_FLAG_JSON)) {
		(void)printf("%s  %s (was %s), decided by %s at %s\n", deciding->id, verdict_name(deciding->verdict),
		             state_name(deciding->state.verification.state), deciding->decision.by, time);
		return CTL_OK;
	}
	buf_init(&text, VERIFICATION_MAX_BYTES);
	json_out_begin(&json, &text);
	json_out_object(&json, NULL);
	json_out_str(&json, "id", deciding->id);
	json_out_str(&json, "verdict", verdict_name(deciding->verdict));
	json_out_str(&json, "was", state_name(deciding->state.verification.state));
	json_out_str(&json, "decided_by", deciding->decision.by);
	json_out_str(&json, "decided_reason", deciding->decision.reason);
	json_out_int(&json, "decided_ms", deciding->next.decided_ms);
	json_out_object_end(&json);
	return ctl_print_json(&json, &text);
}

/* ---- the command ---- */

static int work(struct deciding *deciding)
{
	int status = take_lease(deciding);
	if (status == CTL_OK)
		status = decide(deciding);
	if (status == CTL_OK)
		status = record(deciding);
	if (deciding->leased && !deciding->acked) {
		redis_store_release(deciding->store, deciding->id, lease_name(deciding->state.verification.kind),
		                    deciding->token);
		pause_loop(deciding, LEASE_AGAIN_MS); /* for it to leave */
	}
	return status == CTL_OK ? print(deciding) : status;
}

/* Opens Redis and Kafka on a loop of their own, works, closes. */
static int run(struct deciding *deciding)
{
	const struct ctl_call *call = deciding->call;
	const struct kafka_producer_options options = {.message_timeout_ms = call->timeout_s * 1000,
	                                               .max_queued_messages = 1};
	struct redis_url url;
	int status = CTL_OK;
	enum err_code code = redis_url_parse(config_str(call->config, CONFIG_REDIS_URL), &url, &deciding->err);
	if (code != ERR_OK)
		return ctl_refuse("%s", deciding->err.msg);
	if (uv_loop_init(&deciding->loop) != 0) {
		redis_url_fini(&url);
		return ctl_fail("no event loop");
	}
	(void)uv_timer_init(&deciding->loop, &deciding->timer);  /* cannot fail; nor can its start while it is open */
	(void)uv_timer_start(&deciding->timer, on_tick, 50, 50); /* so that the loop turns and the time is looked at */
	code = redis_store_new(&deciding->loop, &url, config_int(call->config, CONFIG_RESULT_RETENTION), on_change,
	                       deciding, &deciding->store, &deciding->err);
	if (code == ERR_OK)
		code = kafka_producer_new(call->kafka, &options, &deciding->loop, &deciding->producer, &deciding->err);
	status = code == ERR_OK ? work(deciding) : ctl_fail("%s", deciding->err.msg);
	kafka_producer_close(deciding->producer, 0);
	redis_store_close(deciding->store);
	uv_close((uv_handle_t *)&deciding->timer, NULL);
	while (uv_run(&deciding->loop, UV_RUN_DEFAULT) != 0)
		;
	(void)uv_loop_close(&deciding->loop);
	redis_url_fini(&url);
	return status;
}

/* Who calls, as the system knows them. */
static void name_of_caller(char out[DECIDED_BY_BYTES])
{
	struct passwd entry, *found = NULL;
	char memory[4096];
	if (getpwuid_r(getuid(), &entry, memory, sizeof memory, &found) == 0 && found)
		ctl_printable(entry.pw_name, out, DECIDED_BY_BYTES);
	else
		(void)snprintf(out, DECIDED_BY_BYTES, "uid %lu", (unsigned long)getuid());
}

static int read_call(struct deciding *deciding)
{
	const struct ctl_call *call = deciding->call;
	char caller[DECIDED_BY_BYTES];
	int status = ctl_check_ids(call);
	if (status != CTL_OK)
		return status;
	if (!call->verdict || !call->reason)
		return ctl_refuse("decide: needs --verdict and --reason");
	deciding->verdict = verdict_by_name(call->verdict);
	if (deciding->verdict == VERDICT_NONE || deciding->verdict == VERDICT_COUNT)
		return ctl_refuse("--verdict: none of verified, denied, unreadable, no_document, expired");
	name_of_caller(caller);
	if (verification_decision_set(&deciding->decision, call->by ? call->by : caller, call->reason,
	                              &deciding->err) != ERR_OK)
		return ctl_refuse("%s", deciding->err.msg);
	return CTL_OK;
}

int ctl_decide(const struct ctl_call *call)
{
	struct deciding deciding = {.call = call, .id = call->arguments[0]};
	struct err redis_err;
	bool from_redis;
	int status = read_call(&deciding);
	if (status != CTL_OK)
		return status;
	enum err_code code = ctl_find_state(call, deciding.id, &deciding.state, &from_redis, &redis_err, &deciding.err);
	const struct ctl_call renewed = ctl_renewed(call);
	deciding.call = &renewed;
	buf_init(&deciding.value, VERIFICATION_MAX_BYTES);
	if (redis_err.msg[0])
		status = ctl_fail("%s: not decided: %s", deciding.id, redis_err.msg);
	else if (code != ERR_OK)
		status = ctl_fail_kafka(call, "not decided: the results cannot be read", code, &deciding.err);
	else if (!deciding.state.there)
		status = ctl_fail("%s: unknown, both to Redis and to Kafka's results", deciding.id);
	else if (id_token(deciding.token) != ERR_OK)
		status = ctl_fail("%s", err_text(ERR_CRYPTO));
	else
		status = run(&deciding);
	buf_fini(&deciding.value);
	ctl_state_fini(&deciding.state);
	return status;
}
