/* ctl_dead_replay: `dead replay`: sends dead letters back to their request topic, each one more replay than before.
 * What was replayed is known by what stands in Kafka and Redis alone, so that the same command, run again after it was
 * cut off, goes on where it ended; and a worker drops a replay that it has seen, so nothing is bought twice. */
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "ctl/ctl_dead_histogram.h"
#include "ctl/ctl_dead_select.h"
#include "ctl/ctl_dead_send.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WHY_BYTES = 256, ROW_MAX_BYTES = 4096 };

struct replay {
	const struct ctl_call *call;
	struct dead_filter filter;
	struct dead_index *index;
	struct ctl_stop stop;
	bool as_json;
	bool by_id;     /* the call names ids: each has its line */
	bool has_lines; /* what was replayed has a line each */
	size_t counts[FATE_COUNT];
	size_t replayed, skipped, failed;
	int status;
};

/* ---- telling ---- */

/* replays 0: it was not replayed, and why says why. */
static void print_json(struct replay *replay, const char *id, const char *result, int replays, const char *why)
{
	struct buf text;
	struct json_out json;
	buf_init(&text, ROW_MAX_BYTES);
	json_out_begin(&json, &text);
	json_out_object(&json, NULL);
	if (*id)
		json_out_str(&json, "id", id);
	json_out_str(&json, "result", result);
	if (replays)
		json_out_int(&json, "replays", replays);
	else
		json_out_str(&json, "reason", why);
	json_out_object_end(&json);
	int status = ctl_print_json(&json, &text);
	if (status != CTL_OK)
		replay->status = status;
}

static void tell_not(struct replay *replay, const char *id, const char *result, const char *why)
{
	if (replay->as_json)
		print_json(replay, id, result, 0, why);
	else if (replay->by_id)
		(void)ctl_fail("%s  %s: %s", id, result, why);
}

static void tell_skipped(struct replay *replay)
{
	for (size_t i = 0; i < replay->filter.id_count; i++) {
		const char *id = replay->filter.ids[i];
		if (dead_index_find(replay->index, id))
			continue;
		replay->skipped++;
		tell_not(replay, id, "skipped", "there is no dead letter of this id");
	}
	for (size_t i = 0; i < dead_index_count(replay->index); i++) {
		char why[WHY_BYTES];
		const struct dead_entry *entry = dead_index_at(replay->index, i);
		bool unknown = entry->fate == FATE_UNKNOWN;
		if (entry->fate == FATE_REPLAY)
			continue;
		dead_entry_why(entry, why, sizeof why);
		replay->skipped += !unknown;
		replay->failed += unknown;
		tell_not(replay, entry->id, unknown ? "failed" : "skipped", why);
	}
}

static void on_outcome(void *ctx, const struct dead_entry *entry, enum err_code code)
{
	struct replay *replay = ctx;
	char why[WHY_BYTES];
	if (code != ERR_OK) {
		replay->failed++;
		(void)snprintf(why, sizeof why, "Kafka did not acknowledge it (%s), and may have it all the same",
		               err_text(code));
		tell_not(replay, entry->id, "failed", why);
		return;
	}
	replay->replayed++;
	if (replay->as_json)
		print_json(replay, entry->id, "replayed", dead_entry_next_replay(entry), NULL);
	else if (replay->has_lines)
		(void)printf("%s  replayed\n", entry->id);
}

static void print_summary(const struct replay *replay)
{
	(void)printf("%zu replayed, %zu skipped, %zu failed\n", replay->replayed, replay->skipped, replay->failed);
	for (unsigned fate = FATE_REPLAY + 1; fate < FATE_COUNT && !replay->by_id; fate++) {
		char why[WHY_BYTES];
		const struct dead_entry example = {.fate = (uint8_t)fate, .state = STATE_COUNT};
		dead_entry_why(&example, why, sizeof why);
		if (replay->counts[fate])
			(void)printf("%9zu %s: %s\n", replay->counts[fate], dead_fate_name((enum dead_fate)fate), why);
	}
}

/* ---- deciding ---- */

/* With --limit those that failed first are replayed. */
static int decide(struct replay *replay)
{
	const struct ctl_call *call = replay->call;
	const struct dead_rules rules = {.now_ms = clock_unix_ms(),
	                                 .include_stale = call->given & CTL_FLAG_INCLUDE_STALE,
	                                 .max_replays = call->max_replays};
	struct dead_entry **sorted = dead_index_by_time(replay->index);
	if (!sorted)
		return ctl_fail("%s", err_text(ERR_NO_MEMORY));
	for (size_t i = 0; i < dead_index_count(replay->index); i++) {
		enum dead_fate fate = dead_entry_fate(sorted[i], &rules);
		if (fate == FATE_REPLAY && call->limit && replay->counts[fate] == (size_t)call->limit)
			fate = FATE_LATER;
		sorted[i]->fate = (uint8_t)fate;
		replay->counts[fate]++;
	}
	free(sorted);
	return CTL_OK;
}

static int select_letters(struct replay *replay, bool *ret_is_full)
{
	const struct ctl_call *call = replay->call;
	int status = dead_select_read(call, &replay->filter, &replay->index, ret_is_full);
	if (status == CTL_OK)
		status = dead_select_ask_redis(call, replay->index, "asking Kafka's results instead");
	if (status != CTL_OK)
		return status;
	dead_select_ask_results(call, replay->index);
	status = dead_select_ask_requests(call, replay->index);
	return status == CTL_OK ? decide(replay) : status;
}

/* ---- doing ---- */

static int send_letters(struct replay *replay)
{
	bool lines_on_terminal = (replay->has_lines || replay->as_json) && isatty(STDOUT_FILENO) == 1;
	struct dead_send send = {.stop = &replay->stop,
	                         .total = replay->counts[FATE_REPLAY],
	                         .draws = !lines_on_terminal,
	                         .on_outcome = on_outcome,
	                         .ctx = replay};
	if (send.total == 0)
		return CTL_OK;
	int status = dead_send_all(replay->call, replay->index, &send);
	size_t left = send.total - send.sent;
	replay->failed += left;
	for (size_t i = 0; left > 0 && i < dead_index_count(replay->index); i++) {
		const struct dead_entry *entry = dead_index_at(replay->index, i);
		if (entry->fate == FATE_REPLAY && !entry->is_sent)
			tell_not(replay, entry->id, "failed", "it was not sent");
	}
	if (send.interrupted)
		return ctl_fail("interrupted: %zu were not sent; the same command goes on with them", left);
	return status;
}

/* What was named must have been replayed; of a selection nothing may be left that somebody has to look at. */
static bool is_complete(const struct replay *replay)
{
	const size_t *counts = replay->counts;
	if (replay->by_id && replay->skipped > 0)
		return false;
	return replay->failed + counts[FATE_STALE] + counts[FATE_LOOPING] + counts[FATE_POISON] == 0;
}

static int run(struct replay *replay)
{
	bool is_full = false;
	int status = select_letters(replay, &is_full);
	if (status != CTL_OK)
		return status;
	if (replay->call->given & CTL_FLAG_DRY_RUN) {
		status = dead_histogram_print(replay->index, replay->as_json);
	} else {
		tell_skipped(replay);
		status = send_letters(replay);
		if (!replay->as_json)
			print_summary(replay);
		if (status == CTL_OK && !is_complete(replay))
			status = CTL_FAILED;
	}
	if (is_full)
		status = ctl_fail("more than %d are dead; the rest was not read (a filter helps)", DEAD_INDEX_MAX);
	return status == CTL_OK ? replay->status : status;
}

int ctl_dead_replay(const struct ctl_call *call)
{
	const char *ids[CTL_IDS_MAX];
	struct replay replay = {.call = call,
	                        .as_json = call->given & CTL_FLAG_JSON,
	                        .by_id = call->argument_count > 0,
	                        .has_lines = call->argument_count > 0 || isatty(STDOUT_FILENO) != 1};
	if (call->argument_count == 0 && !(call->given & CTL_FLAGS_FILTER))
		return ctl_refuse("dead replay: needs ids, --vendor, --class, --since or --until");
	int status = dead_filter_of(call, ids, &replay.filter);
	if (status != CTL_OK)
		return status;
	if (ctl_stop_begin(&replay.stop) != ERR_OK)
		return ctl_fail("%s", err_text(ERR_NO_MEMORY));
	(void)setvbuf(stdout, NULL, _IOLBF, 0); /* so that a script reads along */
	status = run(&replay);
	ctl_stop_end(&replay.stop);
	dead_index_free(replay.index);
	return status;
}
