/* ctl_dead_list: `dead list`: the newest dead letter of each id, without those that live again. */
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "ctl/ctl_dead.h"
#include <stdlib.h>
#include <string.h>

enum { LETTERS_MAX = 50000, LETTERS_FIRST = 256, ROW_MAX_BYTES = 8192 };

struct letters {
	struct dead_letter *all;
	size_t count, cap;
	bool is_full; /* LETTERS_MAX ids are in, and there were more records */
	bool is_no_memory;
};

/* By id, the newest first; records without an id by their place. */
static int by_id(const void *a, const void *b)
{
	const struct dead_letter *x = a, *y = b;
	int order = strcmp(x->id, y->id);
	if (order != 0)
		return order;
	return dead_letter_is_newer(y, x) - dead_letter_is_newer(x, y);
}

static int by_time(const void *a, const void *b)
{
	const struct dead_letter *x = a, *y = b;
	if (x->last_failure_ms != y->last_failure_ms)
		return x->last_failure_ms < y->last_failure_ms ? -1 : 1;
	return strcmp(x->id, y->id);
}

/* Leaves the newest letter of each id, sorted by id. */
static void keep_newest(struct letters *letters)
{
	size_t kept = 0;
	if (letters->count > 1)
		qsort(letters->all, letters->count, sizeof *letters->all, by_id);
	for (size_t i = 0; i < letters->count; i++) {
		struct dead_letter *letter = &letters->all[i];
		if (kept == 0 || !*letter->id || strcmp(letter->id, letters->all[kept - 1].id) != 0)
			letters->all[kept++] = *letter;
	}
	letters->count = kept;
}

/* Room for one more. First by dropping what is older, then by growing. */
static bool make_room(struct letters *letters)
{
	if (letters->count < letters->cap)
		return true;
	keep_newest(letters);
	if (letters->count < letters->cap / 2)
		return true;
	if (letters->count >= LETTERS_MAX) {
		letters->is_full = true;
		return false;
	}
	size_t cap = letters->cap ? 2 * letters->cap : LETTERS_FIRST;
	struct dead_letter *all = realloc(letters->all, cap * sizeof *all);
	letters->is_no_memory = !all;
	if (!all)
		return false;
	letters->all = all;
	letters->cap = cap;
	return true;
}

static bool on_record(void *ctx, const struct kafka_scan_record *record)
{
	struct letters *letters = ctx;
	if (!make_room(letters))
		return false;
	dead_letter_read(record, &letters->all[letters->count++]);
	return true;
}

static void print_row(const struct dead_letter *letter)
{
	char first[CLOCK_TEXT_BYTES] = "-", last[CLOCK_TEXT_BYTES] = "-";
	if (letter->first_failure_ms)
		clock_text(letter->first_failure_ms, first, sizeof first);
	if (letter->last_failure_ms)
		clock_text(letter->last_failure_ms, last, sizeof last);
	(void)printf("%-23s  %-16s %-16s %-15s %8d %7d  %-24s  %-24s  %s\n", *letter->id ? letter->id : "-",
	             letter->kind < KIND_COUNT ? kind_info(letter->kind)->name : "-", letter->class, letter->error,
	             letter->attempts, letter->replays, first, last, letter->message);
}

static int print_json(const struct dead_letter *letter, const struct ctl_state *state)
{
	struct buf text;
	struct json_out json;
	buf_init(&text, ROW_MAX_BYTES);
	json_out_begin(&json, &text);
	json_out_object(&json, NULL);
	if (*letter->id)
		json_out_str(&json, "id", letter->id);
	if (letter->kind < KIND_COUNT)
		json_out_str(&json, "kind", kind_info(letter->kind)->name);
	json_out_str(&json, "class", letter->class);
	json_out_str(&json, "error", letter->error);
	json_out_int(&json, "attempts", letter->attempts);
	json_out_int(&json, "replays", letter->replays);
	json_out_int(&json, "first_failure_ms", letter->first_failure_ms);
	json_out_int(&json, "last_failure_ms", letter->last_failure_ms);
	if (letter->deadline_ms)
		json_out_int(&json, "deadline_ms", letter->deadline_ms);
	json_out_str(&json, "message", letter->message);
	if (state->there)
		json_out_str(&json, "state", state_name(state->verification.state));
	json_out_int(&json, "partition", letter->partition);
	json_out_int(&json, "offset", letter->offset);
	json_out_object_end(&json);
	enum err_code code = json_out_end(&json);
	if (code == ERR_OK)
		(void)puts(text.data);
	buf_fini(&text);
	return code == ERR_OK ? CTL_OK : ctl_fail("%s", err_text(code));
}

/* An id that Redis does not know counts as dead: only what is known to live again is hidden. */
static bool lives(const struct ctl_state *state)
{
	return state->there && state->verification.state != STATE_DEAD;
}

static int print_all(const struct ctl_call *call, const struct letters *letters, const struct ctl_state *states)
{
	bool as_json = call->given & CTL_FLAG_JSON;
	size_t shown = 0, living = 0;
	int status = CTL_OK;
	if (!as_json && letters->count > 0)
		(void)printf("%-23s  %-16s %-16s %-15s %8s %7s  %-24s  %-24s  %s\n", "id", "kind", "class", "error",
		             "attempts", "replays", "first failure", "last failure", "message");
	for (size_t i = 0; i < letters->count && status == CTL_OK; i++) {
		living += lives(&states[i]);
		if (lives(&states[i]) && !(call->given & CTL_FLAG_ALL))
			continue;
		shown++;
		if (as_json)
			status = print_json(&letters->all[i], &states[i]);
		else
			print_row(&letters->all[i]);
	}
	if (!as_json)
		(void)printf("%zu shown; %zu not dead any more%s\n", shown, living,
		             shown < letters->count ? ", hidden (--all shows them)" : "");
	return status;
}

/* Asks Redis about the letters that have an id. states[i] belongs to letter i. */
static int look_up(const struct ctl_call *call, const struct letters *letters, struct ctl_state *states)
{
	struct err err = {0};
	size_t count = 0;
	int status = CTL_OK;
	const char **ids = calloc(letters->count + 1, sizeof *ids);
	struct ctl_state *found = calloc(letters->count + 1, sizeof *found);
	if (!ids || !found) {
		status = ctl_fail("%s", err_text(ERR_NO_MEMORY));
		goto out;
	}
	for (size_t i = 0; i < letters->count; i++)
		if (*letters->all[i].id)
			ids[count++] = letters->all[i].id;
	if (ctl_redis_states(call, ids, count, found, &err) != ERR_OK)
		(void)ctl_fail("%s: some that are shown may not be dead any more", err.msg);
	for (size_t i = letters->count; i-- > 0;)
		if (*letters->all[i].id)
			states[i] = found[--count];
out:
	free(found);
	free(ids);
	return status;
}

static int show(const struct ctl_call *call, struct letters *letters)
{
	keep_newest(letters);
	if (letters->count > 1)
		qsort(letters->all, letters->count, sizeof *letters->all, by_time);
	struct ctl_state *states = calloc(letters->count + 1, sizeof *states);
	if (!states)
		return ctl_fail("%s", err_text(ERR_NO_MEMORY));
	int status = look_up(call, letters, states);
	if (status == CTL_OK)
		status = print_all(call, letters, states);
	free(states);
	if (status == CTL_OK && letters->is_full)
		status = ctl_fail("more than %d ids are dead; the rest was not read", LETTERS_MAX);
	return status;
}

int ctl_dead_list(const struct ctl_call *call)
{
	struct letters letters = {0};
	struct err err = {0};
	enum err_code code = kafka_scan(call->kafka, "dead", -1, ctl_left_ms(call), on_record, &letters, NULL, &err);
	int status;
	if (code != ERR_OK)
		status = ctl_fail_kafka(call, "the dead letters cannot be read", code, &err);
	else if (letters.is_no_memory)
		status = ctl_fail("%s", err_text(ERR_NO_MEMORY));
	else
		status = show(call, &letters);
	free(letters.all);
	return status;
}
