/* ctl_dead_replay: `dead replay ID...`: sends dead letters back to their request topic, each one more replay than
 * before. Decides by the state that stands now; a worker drops a replay that it has seen, so replaying twice buys
 * nothing twice. */
#include "common/adapters/kafka_lookup.h"
#include "common/adapters/kafka_producer.h"
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "ctl/ctl_dead.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES = 24, WHY_BYTES = 256, ROW_MAX_BYTES = 4096, ACK_WAIT_MIN_MS = 1000, ACK_WAIT_MAX_MS = 300000 };

enum outcome { OUTCOME_PENDING, OUTCOME_REPLAYED, OUTCOME_SKIPPED, OUTCOME_FAILED, OUTCOME_COUNT };

static const char *const outcomes[OUTCOME_COUNT] = {"pending", "replayed", "skipped", "failed"};

struct job {
	struct kafka_delivery delivery; /* first: the producer hands it back */
	struct replay *replay;
	const char *id;
	bool is_found; /* `letter` and `value` are those of its newest dead letter */
	struct dead_letter letter;
	char *value; /* owned */
	size_t value_len;
	int replays; /* what the record that is sent says */
	enum outcome outcome;
	char why[WHY_BYTES];
};

struct replay {
	const struct ctl_call *call;
	struct job *jobs; /* in the order of the arguments, each id once */
	const char **ids; /* of the jobs */
	struct ctl_state *states;
	size_t count;
	size_t unacked;
	bool gave_up;
	bool is_no_memory;
};

PRINTF_FMT(3, 4)
static void settle(struct job *job, enum outcome outcome, const char *fmt, ...)
{
	va_list args;
	job->outcome = outcome;
	va_start(args, fmt);
	(void)vsnprintf(job->why, sizeof job->why, fmt, args);
	va_end(args);
}

/* ---- finding the letters ---- */

static struct job *find_job(struct replay *replay, const char *id, size_t len)
{
	for (size_t i = 0; id && len == ID_BYTES - 1 && i < replay->count; i++)
		if (memcmp(replay->jobs[i].id, id, len) == 0)
			return &replay->jobs[i];
	return NULL;
}

static bool on_record(void *ctx, const struct kafka_scan_record *record)
{
	struct replay *replay = ctx;
	struct dead_letter letter;
	struct job *job = find_job(replay, record->key, record->key_len);
	if (!job)
		return true;
	dead_letter_read(record, &letter);
	if (job->is_found && !dead_letter_is_newer(&letter, &job->letter))
		return true;
	char *value = malloc(record->value_len + 1);
	replay->is_no_memory = !value;
	if (!value)
		return false;
	if (record->value)
		memcpy(value, record->value, record->value_len);
	free(job->value);
	job->value = value;
	job->value_len = record->value ? record->value_len : 0;
	job->letter = letter;
	job->is_found = true;
	return true;
}

static enum err_code find_letters(struct replay *replay, struct err *err)
{
	const struct ctl_call *call = replay->call;
	int32_t partition = -1;
	if (replay->count == 1) {
		int32_t count = kafka_partition_count(call->kafka, "dead", ctl_left_ms(call));
		if (count <= 0)
			return err_set(err, ERR_UNAVAILABLE, "Kafka is away, or its topic dead is not there");
		partition = kafka_partition(replay->ids[0], ID_BYTES - 1, count);
	}
	enum err_code code =
	        kafka_scan(call->kafka, "dead", partition, ctl_left_ms(call), on_record, replay, NULL, err);
	return replay->is_no_memory ? err_set(err, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY)) : code;
}

/* ---- deciding ---- */

static bool is_stale(const struct dead_letter *letter)
{
	return letter->deadline_ms != 0 && letter->deadline_ms <= clock_unix_ms();
}

/* Leaves the job pending when it is to be sent. */
static void decide(struct job *job, const struct ctl_state *state, bool include_stale)
{
	enum state now = state->there ? state->verification.state : STATE_DEAD;
	if (!job->is_found)
		settle(job, OUTCOME_SKIPPED, "there is no dead letter of this id");
	else if (now != STATE_DEAD)
		settle(job, OUTCOME_SKIPPED, "it is %s, not dead", state_name(now));
	else if (job->letter.kind == KIND_COUNT)
		settle(job, OUTCOME_SKIPPED, "poison: the record cannot be read");
	else if (is_stale(&job->letter) && !include_stale)
		settle(job, OUTCOME_SKIPPED,
		       "stale: its deadline has passed, nobody waits (--include-stale replays it)");
	int seen = state->there ? state->verification.replays : 0;
	job->replays = (job->letter.replays > seen ? job->letter.replays : seen) + 1;
}

/* Without a state in Redis it is Kafka's word that counts, and without Kafka's word nothing is sent. */
static void decide_all(struct replay *replay)
{
	const struct ctl_call *call = replay->call;
	struct err err = {0};
	if (ctl_redis_states(call, replay->ids, replay->count, replay->states, &err) != ERR_OK)
		(void)ctl_fail("%s: asking Kafka's results instead", err.msg);
	enum err_code code = ctl_results_states(call, replay->ids, replay->count, replay->states, &err);
	for (size_t i = 0; i < replay->count; i++) {
		struct job *job = &replay->jobs[i];
		if (code != ERR_OK && job->is_found && !replay->states[i].there)
			settle(job, OUTCOME_FAILED, "its present state is not known: %s", err.msg);
		else
			decide(job, &replay->states[i], call->given & CTL_FLAG_INCLUDE_STALE);
	}
}

/* ---- sending ---- */

static void on_delivered(struct kafka_delivery *delivery, enum err_code result, int32_t partition, int64_t offset)
{
	struct job *job = (struct job *)delivery;
	(void)partition, (void)offset;
	job->replay->unacked--;
	if (result == ERR_OK)
		job->outcome = OUTCOME_REPLAYED;
	else
		settle(job, OUTCOME_FAILED, "Kafka did not acknowledge it (%s), and may have it all the same",
		       err_text(result));
}

static void send_job(struct kafka_producer *producer, struct job *job)
{
	char schema[NUMBER_BYTES], replays[NUMBER_BYTES], deadline[NUMBER_BYTES];
	const struct dead_letter *letter = &job->letter;
	const struct operation_info *operation = operation_info(letter->operation);
	struct err err = {0};
	(void)snprintf(schema, sizeof schema, "%d", REQUEST_SCHEMA);
	(void)snprintf(replays, sizeof replays, "%d", job->replays);
	(void)snprintf(deadline, sizeof deadline, "%" PRId64, letter->deadline_ms);
	const struct kafka_header headers[] = {
	        {HEADER_SCHEMA, schema},
	        {HEADER_OP, operation->name},
	        {HEADER_ATTEMPT, "0"},
	        {HEADER_REPLAYS, replays},
	        {HEADER_DEADLINE, letter->deadline_ms && !is_stale(letter) ? deadline : NULL},
	        {HEADER_TRACEPARENT, *letter->traceparent ? letter->traceparent : NULL},
	};
	const struct kafka_message message = {operation->topic, job->id, job->value,
	                                      job->value_len,   headers, sizeof headers / sizeof headers[0],
	                                      &job->delivery};
	job->delivery.delivered = on_delivered;
	if (kafka_producer_send(producer, &message, &err) == ERR_OK)
		job->replay->unacked++;
	else
		settle(job, OUTCOME_FAILED, "%s", err.msg);
}

static void on_time_up(uv_timer_t *timer)
{
	struct replay *replay = timer->data;
	replay->gave_up = true;
}

/* Returns: how many pending jobs there are; fills the topics that they go to. */
static size_t pending_topics(const struct replay *replay, const char *topics[OPERATION_COUNT], size_t *ret_topic_count)
{
	bool is_used[OPERATION_COUNT] = {false};
	size_t pending = 0, count = 0;
	for (size_t i = 0; i < replay->count; i++) {
		const struct job *job = &replay->jobs[i];
		if (job->outcome != OUTCOME_PENDING)
			continue;
		pending++;
		if (!is_used[job->letter.operation])
			topics[count++] = operation_info(job->letter.operation)->topic;
		is_used[job->letter.operation] = true;
	}
	*ret_topic_count = count;
	return pending;
}

static enum err_code send_all(struct replay *replay, uv_loop_t *loop, struct kafka_producer *producer,
                              uv_timer_t *timer, struct err *err)
{
	const char *topics[OPERATION_COUNT];
	size_t topic_count;
	(void)pending_topics(replay, topics, &topic_count);
	enum err_code code = kafka_producer_warm(producer, topics, topic_count, ctl_left_ms(replay->call), err);
	if (code != ERR_OK)
		return code;
	for (size_t i = 0; i < replay->count; i++)
		if (replay->jobs[i].outcome == OUTCOME_PENDING)
			send_job(producer, &replay->jobs[i]);
	uv_update_time(loop);
	(void)uv_timer_start(timer, on_time_up, (uint64_t)ctl_left_ms(replay->call), 0); /* fails only while closing */
	while (replay->unacked > 0 && !replay->gave_up)
		(void)uv_run(loop, UV_RUN_ONCE);
	return ERR_OK;
}

/* Runs the producer on a loop of its own. Afterwards no job is pending. */
static void send_pending(struct replay *replay)
{
	struct kafka_producer *producer = NULL;
	struct err err = {0};
	uv_loop_t loop;
	uv_timer_t timer;
	int left_ms = ctl_left_ms(replay->call);
	if (left_ms < ACK_WAIT_MIN_MS)
		left_ms = ACK_WAIT_MIN_MS;
	const struct kafka_producer_options options = {
	        .message_timeout_ms = left_ms < ACK_WAIT_MAX_MS ? left_ms : ACK_WAIT_MAX_MS,
	        .max_queued_messages = CTL_IDS_MAX,
	        .linger_ms = "0",
	};
	enum err_code code = uv_loop_init(&loop) == 0 ? ERR_OK : err_set(&err, ERR_IO, "no event loop");
	if (code == ERR_OK) {
		(void)uv_timer_init(&loop, &timer); /* cannot fail */
		timer.data = replay;
		code = kafka_producer_new(replay->call->kafka, &options, &loop, &producer, &err);
		if (code == ERR_OK)
			code = send_all(replay, &loop, producer, &timer, &err);
		kafka_producer_close(producer, 0); /* fails what is still unacknowledged */
		uv_close((uv_handle_t *)&timer, NULL);
		while (uv_run(&loop, UV_RUN_DEFAULT) != 0)
			;
		(void)uv_loop_close(&loop);
	}
	for (size_t i = 0; i < replay->count; i++)
		if (replay->jobs[i].outcome == OUTCOME_PENDING)
			settle(&replay->jobs[i], OUTCOME_FAILED, "%s",
			       code == ERR_OK ? "Kafka did not acknowledge it" : err.msg);
}

/* ---- telling ---- */

static int print_json(const struct job *job)
{
	struct buf text;
	struct json_out json;
	buf_init(&text, ROW_MAX_BYTES);
	json_out_begin(&json, &text);
	json_out_object(&json, NULL);
	json_out_str(&json, "id", job->id);
	json_out_str(&json, "result", outcomes[job->outcome]);
	if (job->outcome == OUTCOME_REPLAYED)
		json_out_int(&json, "replays", job->replays);
	else
		json_out_str(&json, "reason", job->why);
	json_out_object_end(&json);
	enum err_code code = json_out_end(&json);
	if (code == ERR_OK)
		(void)puts(text.data);
	buf_fini(&text);
	return code == ERR_OK ? CTL_OK : ctl_fail("%s", err_text(code));
}

static int print_all(const struct replay *replay)
{
	bool as_json = replay->call->given & CTL_FLAG_JSON;
	size_t counts[OUTCOME_COUNT] = {0};
	int status = CTL_OK;
	for (size_t i = 0; i < replay->count && status == CTL_OK; i++) {
		const struct job *job = &replay->jobs[i];
		counts[job->outcome]++;
		if (as_json)
			status = print_json(job);
		else if (job->outcome == OUTCOME_REPLAYED)
			(void)printf("%s  replayed\n", job->id);
		else
			(void)ctl_fail("%s  %s: %s", job->id, outcomes[job->outcome], job->why);
	}
	if (!as_json)
		(void)printf("%zu replayed, %zu skipped, %zu failed\n", counts[OUTCOME_REPLAYED],
		             counts[OUTCOME_SKIPPED], counts[OUTCOME_FAILED]);
	return status == CTL_OK && counts[OUTCOME_REPLAYED] == replay->count ? CTL_OK : CTL_FAILED;
}

static void take_ids(struct replay *replay)
{
	const struct ctl_call *call = replay->call;
	for (size_t i = 0; i < call->argument_count; i++) {
		const char *id = call->arguments[i];
		if (find_job(replay, id, strlen(id)))
			continue;
		replay->jobs[replay->count].replay = replay;
		replay->jobs[replay->count].id = id;
		replay->ids[replay->count++] = id;
	}
}

static void replay_fini(struct replay *replay)
{
	for (size_t i = 0; i < replay->count; i++)
		free(replay->jobs[i].value);
	free(replay->jobs);
	free(replay->ids);
	free(replay->states);
}

int ctl_dead_replay(const struct ctl_call *call)
{
	const char *topics[OPERATION_COUNT];
	size_t topic_count;
	struct err err = {0};
	struct replay replay = {.call = call};
	enum err_code code;
	int status = ctl_check_ids(call);
	if (status != CTL_OK)
		return status;
	replay.jobs = calloc(call->argument_count, sizeof *replay.jobs);
	replay.ids = calloc(call->argument_count, sizeof *replay.ids);
	replay.states = calloc(call->argument_count, sizeof *replay.states);
	if (!replay.jobs || !replay.ids || !replay.states) {
		status = ctl_fail("%s", err_text(ERR_NO_MEMORY));
		goto out;
	}
	take_ids(&replay);
	code = find_letters(&replay, &err);
	if (code != ERR_OK) {
		status = ctl_fail_kafka(call, "the dead letters cannot be read", code, &err);
		goto out;
	}
	decide_all(&replay);
	if (pending_topics(&replay, topics, &topic_count) > 0)
		send_pending(&replay);
	status = print_all(&replay);
out:
	replay_fini(&replay);
	return status;
}
