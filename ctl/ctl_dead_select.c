/* ctl_dead_select: one pass over `dead`, and questions to Redis, `results` and the request topics, each in one pass,
 * too. */
#include "ctl/ctl_dead_select.h"
#include "ctl/ctl_progress.h"
#include <stdlib.h>
#include <string.h>

struct reading {
	const struct dead_filter *filter;
	struct dead_index *index;
	struct ctl_progress progress;
	size_t records;
	enum err_code code;
};

static bool on_letter(void *ctx, const struct kafka_scan_record *record)
{
	struct reading *reading = ctx;
	struct dead_letter letter;
	dead_letter_read(record, &letter);
	reading->code = dead_index_add(reading->index, &letter, dead_filter_fits(reading->filter, &letter));
	ctl_progress_at(&reading->progress, ++reading->records);
	return reading->code == ERR_OK;
}

int dead_select_read(const struct ctl_call *call, const struct dead_filter *filter, struct dead_index **ret_index,
                     bool *ret_is_full)
{
	struct reading reading = {.filter = filter};
	struct err err = {0};
	const struct ctl_call renewed = ctl_renewed(call);
	if (dead_index_new(DEAD_INDEX_MAX, &reading.index) != ERR_OK)
		return ctl_fail("%s", err_text(ERR_NO_MEMORY));
	ctl_progress_begin(&reading.progress, "reading dead letters:", 0);
	enum err_code code =
	        dead_scan(&renewed, filter->id_count == 1 ? filter->ids[0] : NULL, on_letter, &reading, &err);
	ctl_progress_end(&reading.progress);
	int status = CTL_OK;
	if (code != ERR_OK)
		status = ctl_fail_kafka(call, "the dead letters cannot be read", code, &err);
	else if (reading.code == ERR_NO_MEMORY)
		status = ctl_fail("%s", err_text(ERR_NO_MEMORY));
	if (status != CTL_OK) {
		dead_index_free(reading.index);
		return status;
	}
	dead_index_settle(reading.index);
	*ret_is_full = reading.code == ERR_LIMIT;
	*ret_index = reading.index;
	return CTL_OK;
}

/* ---- Redis ---- */

struct asking {
	struct dead_entry **entries; /* those with an id, in the order in which they are asked for */
	struct ctl_progress progress;
};

static void on_redis(void *ctx, size_t i, const char *value, size_t len)
{
	struct asking *asking = ctx;
	struct verification state;
	if (value && verification_decode(value, len, &state, NULL, NULL) == ERR_OK) {
		asking->entries[i]->from_redis = true;
		dead_entry_note(asking->entries[i], &state);
	}
	ctl_progress_at(&asking->progress, i + 1);
}

int dead_select_ask_redis(const struct ctl_call *call, struct dead_index *index, const char *otherwise)
{
	size_t all = dead_index_count(index), count = 0;
	struct asking asking = {.entries = calloc(all + 1, sizeof *asking.entries)};
	const char **ids = calloc(all + 1, sizeof *ids);
	const struct ctl_call renewed = ctl_renewed(call);
	struct err err = {0};
	int status = asking.entries && ids ? CTL_OK : ctl_fail("%s", err_text(ERR_NO_MEMORY));
	for (size_t i = 0; status == CTL_OK && i < all; i++) {
		struct dead_entry *entry = dead_index_at(index, i);
		asking.entries[count] = entry;
		ids[count] = entry->id;
		count += *entry->id != '\0';
	}
	ctl_progress_begin(&asking.progress, "asking Redis:", count);
	if (status == CTL_OK && ctl_redis_each(&renewed, ids, count, on_redis, &asking, &err) != ERR_OK) {
		ctl_progress_end(&asking.progress);
		(void)ctl_fail("%s: %s", err.msg, otherwise);
	}
	ctl_progress_end(&asking.progress);
	free(ids);
	free(asking.entries);
	return status;
}

/* ---- results ---- */

static void on_result(void *ctx, const char *id, const char *value, size_t len)
{
	struct dead_entry *entry = dead_index_find(ctx, id);
	struct verification state;
	if (entry && !entry->from_redis && verification_decode(value, len, &state, NULL, NULL) == ERR_OK)
		dead_entry_note(entry, &state);
}

void dead_select_ask_results(const struct ctl_call *call, struct dead_index *index)
{
	const char *one = NULL;
	size_t missing = 0;
	const struct ctl_call renewed = ctl_renewed(call);
	struct err err = {0};
	for (size_t i = 0; i < dead_index_count(index); i++) {
		const struct dead_entry *entry = dead_index_at(index, i);
		if (entry->from_redis || !*entry->id)
			continue;
		missing++;
		one = entry->id;
	}
	if (missing == 0)
		return;
	enum err_code code = ctl_results_each(&renewed, missing == 1 ? one : NULL, on_result, index, &err);
	if (code == ERR_OK)
		return;
	(void)ctl_fail_kafka(call, "the results cannot be read", code, &err);
	for (size_t i = 0; i < dead_index_count(index); i++) {
		struct dead_entry *entry = dead_index_at(index, i);
		entry->is_unknown = !entry->from_redis && *entry->id;
	}
}

/* ---- requests ---- */

static bool on_request(void *ctx, const struct kafka_scan_record *record)
{
	struct dead_index *index = ctx;
	char id[ID_BYTES] = "";
	struct dead_letter request; /* a request has what is looked at of a letter, too */
	if (!record->key || !id_is_valid(record->key, record->key_len))
		return true;
	memcpy(id, record->key, sizeof id - 1);
	struct dead_entry *entry = dead_index_find(index, id);
	if (!entry)
		return true;
	dead_letter_read(record, &request);
	entry->is_waiting = entry->is_waiting || request.replays >= dead_entry_next_replay(entry);
	return true;
}

int dead_select_ask_requests(const struct ctl_call *call, struct dead_index *index)
{
	bool is_used[OPERATION_COUNT] = {false};
	for (size_t i = 0; i < dead_index_count(index); i++) {
		const struct dead_entry *entry = dead_index_at(index, i);
		bool dead = entry->state == STATE_COUNT || entry->state == STATE_DEAD;
		if (dead && entry->operation < OPERATION_COUNT)
			is_used[entry->operation] = true;
	}
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		const struct operation_info *operation = operation_info((enum operation)i);
		const struct ctl_call renewed = ctl_renewed(call);
		struct err err = {0};
		if (!is_used[i])
			continue;
		enum err_code code =
		        kafka_scan_undone(call->kafka, operation->topic, kind_info(operation->kind)->vendor,
		                          ctl_left_ms(&renewed), on_request, index, &err);
		if (code != ERR_OK)
			return ctl_fail_kafka(call, "the waiting requests cannot be read", code, &err);
	}
	return CTL_OK;
}
