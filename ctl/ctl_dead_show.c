/* ctl_dead_show: `dead show ID`: everything that is known of one dead letter, and nothing about the person. */
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "ctl/ctl_dead_select.h"
#include <inttypes.h>
#include <string.h>

enum { WHY_BYTES = 256, ROW_MAX_BYTES = 8192 };

struct shown {
	struct dead_letter letter; /* the newest */
	size_t letters;            /* of this id */
	size_t value_len;
};

struct showing {
	const char *id;
	struct shown shown;
};

static bool on_letter(void *ctx, const struct kafka_scan_record *record)
{
	struct showing *showing = ctx;
	struct dead_letter letter;
	if (!record->key || record->key_len != ID_BYTES - 1 || memcmp(record->key, showing->id, ID_BYTES - 1) != 0)
		return true;
	dead_letter_read(record, &letter);
	showing->shown.letters++;
	showing->shown.letter = letter; /* the last one of a partition is the newest */
	showing->shown.value_len = record->value ? record->value_len : 0;
	return true;
}

static void print_time(const char *name, int64_t at_ms)
{
	char text[CLOCK_TEXT_BYTES];
	if (at_ms == 0)
		return;
	clock_text(at_ms, text);
	(void)printf("%-14s %s\n", name, text);
}

static void print_text(const struct shown *shown, const struct dead_entry *entry, const char *why)
{
	const struct dead_letter *letter = &shown->letter;
	(void)printf("%s (partition %" PRId32 ", offset %" PRId64 "; %zu dead letter%s of this id)\n", letter->id,
	             letter->partition, letter->offset, shown->letters, shown->letters == 1 ? "" : "s");
	(void)printf("%-14s %s\n", "kind",
	             letter->kind < KIND_COUNT ? kind_info(letter->kind)->name : "unknown: the record cannot be read");
	(void)printf("%-14s %s\n", "class", letter->class);
	(void)printf("%-14s %s: %s\n", "error", letter->error, letter->message);
	(void)printf("%-14s %d failed\n", "attempts", letter->attempts);
	print_time("first failure", letter->first_failure_ms);
	print_time("last failure", letter->last_failure_ms);
	print_time("deadline", letter->deadline_ms);
	(void)printf("%-14s %d\n", "replays", letter->replays);
	if (*letter->cause)
		(void)printf("%-14s %s\n", "cause", letter->cause);
	if (letter->poll)
		(void)printf("%-14s %" PRId64 "\n", "poll", letter->poll);
	if (*letter->traceparent)
		(void)printf("%-14s %s\n", "traceparent", letter->traceparent);
	(void)printf("%-14s %zu bytes, sealed\n", "request", shown->value_len);
	if (entry->state < STATE_COUNT)
		(void)printf("%-14s %s (rev %" PRId64 ", %d replays; from %s)\n", "state now",
		             state_name((enum state)entry->state), entry->rev, entry->now_replays,
		             entry->from_redis ? "Redis" : "Kafka's results");
	else
		(void)printf("%-14s not known\n", "state now");
	if (entry->fate == FATE_REPLAY)
		(void)printf("%-14s would send it to %s as replay %d\n", "a replay",
		             operation_info(letter->operation)->topic, dead_entry_next_replay(entry));
	else
		(void)printf("%-14s would skip it: %s\n", "a replay", why);
}

static void write_json(struct json_out *json, const struct shown *shown, const struct dead_entry *entry,
                       const char *why)
{
	const struct dead_letter *letter = &shown->letter;
	json_out_object(json, NULL);
	json_out_str(json, "id", letter->id);
	if (letter->kind < KIND_COUNT)
		json_out_str(json, "kind", kind_info(letter->kind)->name);
	json_out_str(json, "class", letter->class);
	json_out_str(json, "error", letter->error);
	json_out_str(json, "message", letter->message);
	json_out_int(json, "attempts", letter->attempts);
	json_out_int(json, "replays", letter->replays);
	json_out_int(json, "first_failure_ms", letter->first_failure_ms);
	json_out_int(json, "last_failure_ms", letter->last_failure_ms);
	if (letter->deadline_ms)
		json_out_int(json, "deadline_ms", letter->deadline_ms);
	if (*letter->cause)
		json_out_str(json, "cause", letter->cause);
	if (letter->poll)
		json_out_int(json, "poll", letter->poll);
	if (*letter->traceparent)
		json_out_str(json, "traceparent", letter->traceparent);
	json_out_int(json, "letters", (int64_t)shown->letters);
	json_out_int(json, "partition", letter->partition);
	json_out_int(json, "offset", letter->offset);
	if (entry->state < STATE_COUNT)
		json_out_str(json, "state", state_name((enum state)entry->state));
	json_out_str(json, "fate", dead_fate_name((enum dead_fate)entry->fate));
	if (entry->fate != FATE_REPLAY)
		json_out_str(json, "reason", why);
	json_out_object_end(json);
}

static int print(const struct ctl_call *call, const struct shown *shown, const struct dead_entry *entry)
{
	struct buf text;
	struct json_out json;
	char why[WHY_BYTES];
	dead_entry_why(entry, why, sizeof why);
	if (!(call->given & CTL_FLAG_JSON)) {
		print_text(shown, entry, why);
		return CTL_OK;
	}
	buf_init(&text, ROW_MAX_BYTES);
	json_out_begin(&json, &text);
	write_json(&json, shown, entry, why);
	return ctl_print_json(&json, &text);
}

/* The same questions as a replay asks, of an index of one. */
static int look_up(const struct ctl_call *call, const struct shown *shown, struct dead_index *index)
{
	const struct dead_rules rules = {.now_ms = clock_unix_ms(), .max_replays = call->max_replays};
	if (dead_index_add(index, &shown->letter, true) != ERR_OK)
		return ctl_fail("%s", err_text(ERR_NO_MEMORY));
	int status = dead_select_ask_redis(call, index, "asking Kafka's results instead");
	if (status != CTL_OK)
		return status;
	dead_select_ask_results(call, index);
	status = dead_select_ask_requests(call, index);
	struct dead_entry *entry = dead_index_at(index, 0);
	entry->fate = (uint8_t)dead_entry_fate(entry, &rules);
	return status == CTL_OK ? print(call, shown, entry) : status;
}

int ctl_dead_show(const struct ctl_call *call)
{
	struct showing showing = {.id = call->arguments[0]};
	struct dead_index *index;
	struct err err = {0};
	int status = ctl_check_ids(call);
	if (status != CTL_OK)
		return status;
	enum err_code code = dead_scan(call, showing.id, on_letter, &showing, &err);
	if (code != ERR_OK)
		return ctl_fail_kafka(call, "the dead letters cannot be read", code, &err);
	if (showing.shown.letters == 0)
		return ctl_fail("%s: there is no dead letter of this id", showing.id);
	if (dead_index_new(1, &index) != ERR_OK)
		return ctl_fail("%s", err_text(ERR_NO_MEMORY));
	status = look_up(call, &showing.shown, index);
	dead_index_free(index);
	return status;
}
