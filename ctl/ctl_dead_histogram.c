/* ctl_dead_histogram: counts along the letters in the order of time, so that only an hour's rows are looked through. */
#include "ctl/ctl_dead_histogram.h"
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include <stdlib.h>
#include <string.h>

enum { HOUR_MS = 3600 * 1000, ROW_MAX_BYTES = 1024, FIRST_ROWS = 64, HOUR_CHARS = 16 };

struct row {
	int64_t hour_ms;
	uint16_t class;
	size_t counts[FATE_COUNT];
};

struct histogram {
	struct row *rows;
	size_t count, cap;
	size_t hour_begin; /* the first row of the hour that is counted */
};

/* Returns: NULL without memory. */
static struct row *row_of(struct histogram *histogram, int64_t hour_ms, uint16_t class)
{
	if (histogram->count > 0 && histogram->rows[histogram->count - 1].hour_ms != hour_ms)
		histogram->hour_begin = histogram->count;
	for (size_t i = histogram->hour_begin; i < histogram->count; i++)
		if (histogram->rows[i].class == class)
			return &histogram->rows[i];
	if (histogram->count == histogram->cap) {
		size_t cap = histogram->cap ? 2 * histogram->cap : FIRST_ROWS;
		struct row *rows = realloc(histogram->rows, cap * sizeof *rows);
		if (!rows)
			return NULL;
		histogram->rows = rows;
		histogram->cap = cap;
	}
	struct row *row = &histogram->rows[histogram->count++];
	*row = (struct row){.hour_ms = hour_ms, .class = class};
	return row;
}

static enum err_code count(struct histogram *histogram, struct dead_index *index)
{
	struct dead_entry **sorted = dead_index_by_time(index);
	enum err_code code = sorted ? ERR_OK : ERR_NO_MEMORY;
	for (size_t i = 0; code == ERR_OK && i < dead_index_count(index); i++) {
		const struct dead_entry *entry = sorted[i];
		int64_t time = entry->last_failure_ms ? entry->last_failure_ms : entry->timestamp_ms;
		struct row *row = row_of(histogram, time - time % HOUR_MS, entry->class);
		if (row)
			row->counts[entry->fate]++;
		else
			code = ERR_NO_MEMORY;
	}
	free(sorted);
	return code;
}

static void hour_text(int64_t hour_ms, char out[CLOCK_TEXT_BYTES])
{
	clock_text(hour_ms, out);
	(void)snprintf(out + HOUR_CHARS, CLOCK_TEXT_BYTES - HOUR_CHARS, "Z"); /* to the minute */
}

static void print_counts(const char *hour, const char *class, const size_t *counts)
{
	(void)printf("%-18s %-26s", hour, class);
	for (unsigned fate = 0; fate < FATE_COUNT; fate++)
		(void)printf(" %8zu", counts[fate]);
	(void)putchar('\n');
}

static void print_table(const struct histogram *histogram, const struct dead_index *index)
{
	size_t sums[FATE_COUNT] = {0};
	(void)printf("%-18s %-26s", "hour", "class");
	for (unsigned fate = 0; fate < FATE_COUNT; fate++)
		(void)printf(" %8s", dead_fate_name((enum dead_fate)fate));
	(void)putchar('\n');
	for (size_t i = 0; i < histogram->count; i++) {
		char hour[CLOCK_TEXT_BYTES];
		const struct row *row = &histogram->rows[i];
		hour_text(row->hour_ms, hour);
		print_counts(hour, dead_index_text(index, row->class), row->counts);
		for (unsigned fate = 0; fate < FATE_COUNT; fate++)
			sums[fate] += row->counts[fate];
	}
	print_counts("all", "", sums);
}

static enum err_code print_row_json(const struct row *row, const struct dead_index *index)
{
	struct buf text;
	struct json_out json;
	char hour[CLOCK_TEXT_BYTES];
	hour_text(row->hour_ms, hour);
	buf_init(&text, ROW_MAX_BYTES);
	json_out_begin(&json, &text);
	json_out_object(&json, NULL);
	json_out_str(&json, "hour", hour);
	json_out_str(&json, "class", dead_index_text(index, row->class));
	for (unsigned fate = 0; fate < FATE_COUNT; fate++)
		json_out_int(&json, dead_fate_name((enum dead_fate)fate), (int64_t)row->counts[fate]);
	json_out_object_end(&json);
	enum err_code code = json_out_end(&json);
	if (code == ERR_OK)
		(void)puts(text.data);
	buf_fini(&text);
	return code;
}

int dead_histogram_print(struct dead_index *index, bool as_json)
{
	struct histogram histogram = {.count = 0};
	enum err_code code = count(&histogram, index);
	if (code == ERR_OK && !as_json)
		print_table(&histogram, index);
	for (size_t i = 0; code == ERR_OK && as_json && i < histogram.count; i++)
		code = print_row_json(&histogram.rows[i], index);
	free(histogram.rows);
	return code == ERR_OK ? CTL_OK : ctl_fail("%s", err_text(code));
}
