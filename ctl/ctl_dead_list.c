/* ctl_dead_list: `dead list`: the newest dead letter of each id, without those that live again. */
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "ctl/ctl_dead_select.h"
#include <stdlib.h>
#include <string.h>

enum { ROW_MAX_BYTES = 8192 };

static void print_row(const struct dead_index *index, const struct dead_entry *entry)
{
	char first[CLOCK_TEXT_BYTES] = "-", last[CLOCK_TEXT_BYTES] = "-";
	if (entry->first_failure_ms)
		clock_text(entry->first_failure_ms, first);
	if (entry->last_failure_ms)
		clock_text(entry->last_failure_ms, last);
	(void)printf("%-23s  %-16s %-16s %-15s %8d %7d  %-24s  %-24s  %s\n", *entry->id ? entry->id : "-",
	             entry->kind < KIND_COUNT ? kind_info((enum kind)entry->kind)->name : "-",
	             dead_index_text(index, entry->class), dead_index_text(index, entry->error), entry->attempts,
	             entry->replays, first, last, dead_index_text(index, entry->message));
}

static int print_json(const struct dead_index *index, const struct dead_entry *entry)
{
	struct buf text;
	struct json_out json;
	buf_init(&text, ROW_MAX_BYTES);
	json_out_begin(&json, &text);
	json_out_object(&json, NULL);
	if (*entry->id)
		json_out_str(&json, "id", entry->id);
	if (entry->kind < KIND_COUNT)
		json_out_str(&json, "kind", kind_info((enum kind)entry->kind)->name);
	json_out_str(&json, "class", dead_index_text(index, entry->class));
	json_out_str(&json, "error", dead_index_text(index, entry->error));
	json_out_int(&json, "attempts", entry->attempts);
	json_out_int(&json, "replays", entry->replays);
	json_out_int(&json, "first_failure_ms", entry->first_failure_ms);
	json_out_int(&json, "last_failure_ms", entry->last_failure_ms);
	if (entry->deadline_ms)
		json_out_int(&json, "deadline_ms", entry->deadline_ms);
	json_out_str(&json, "message", dead_index_text(index, entry->message));
	if (entry->state < STATE_COUNT)
		json_out_str(&json, "state", state_name((enum state)entry->state));
	json_out_int(&json, "partition", entry->partition);
	json_out_int(&json, "offset", entry->offset);
	json_out_object_end(&json);
	return ctl_print_json(&json, &text);
}

/* An id that Redis does not know counts as dead: only what is known to live again is hidden. */
static bool lives(const struct dead_entry *entry)
{
	return entry->state < STATE_COUNT && entry->state != STATE_DEAD;
}

/* With --limit the newest are shown, so the oldest are left out. */
static int print_all(const struct ctl_call *call, struct dead_index *index, struct dead_entry *const *sorted)
{
	bool as_json = call->given & CTL_FLAG_JSON, all = call->given & CTL_FLAG_ALL;
	size_t count = dead_index_count(index), living = 0;
	int status = CTL_OK;
	for (size_t i = 0; i < count; i++)
		living += lives(sorted[i]);
	size_t showable = all ? count : count - living;
	size_t left_out = call->limit && showable > (size_t)call->limit ? showable - (size_t)call->limit : 0;
	size_t passed = 0;
	if (!as_json && count > 0)
		(void)printf("%-23s  %-16s %-16s %-15s %8s %7s  %-24s  %-24s  %s\n", "id", "kind", "class", "error",
		             "attempts", "replays", "first failure", "last failure", "message");
	for (size_t i = 0; i < count && status == CTL_OK; i++) {
		if ((lives(sorted[i]) && !all) || passed++ < left_out)
			continue;
		if (as_json)
			status = print_json(index, sorted[i]);
		else
			print_row(index, sorted[i]);
	}
	if (as_json)
		return status;
	(void)printf("%zu shown; %zu not dead any more%s", showable - left_out, living,
	             showable < count ? ", hidden (--all shows them)" : "");
	if (left_out)
		(void)printf("; %zu older ones left out by --limit", left_out);
	(void)putchar('\n');
	return status;
}

int ctl_dead_list(const struct ctl_call *call)
{
	const char *ids[CTL_IDS_MAX];
	struct dead_filter filter;
	struct dead_index *index;
	bool is_full;
	int status = dead_filter_of(call, ids, &filter);
	if (status == CTL_OK)
		status = dead_select_read(call, &filter, &index, &is_full);
	if (status != CTL_OK)
		return status;
	status = dead_select_ask_redis(call, index, "some that are shown may not be dead any more");
	struct dead_entry **sorted = dead_index_by_time(index);
	if (!sorted)
		status = ctl_fail("%s", err_text(ERR_NO_MEMORY));
	if (status == CTL_OK)
		status = print_all(call, index, sorted);
	if (status == CTL_OK && is_full)
		status = ctl_fail("more than %d are dead; the rest was not read (a filter helps)", DEAD_INDEX_MAX);
	free(sorted);
	dead_index_free(index);
	return status;
}
