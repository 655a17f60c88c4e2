/* metrics_render: the series as text, in two dialects that differ in the names of families and in where they end.
 * Numbers are read one by one, so a scrape is not one instant; a histogram's count is always the sum of its buckets. */
#include "common/base/metrics_internal.h"
#include <inttypes.h>
#include <string.h>

enum { US_PER_S = 1000000 };

enum dialect { DIALECT_OPENMETRICS, DIALECT_TEXT };

/* ---- lines ---- */

/* Writes "name_suffix{labels} " without the number. */
static enum err_code render_name(const struct metric_family *family, const char *suffix, const struct metric *series,
                                 struct buf *out)
{
	bool bare = series->labels[0] == '\0';
	return buf_printf(out, "%s%s%s%s%s ", family->name, suffix, bare ? "" : "{", series->labels, bare ? "" : "}");
}

static enum err_code render_seconds(int64_t us, struct buf *out)
{
	const char *sign = us < 0 ? "-" : "";
	int64_t whole = us / US_PER_S, rest = us % US_PER_S;
	return buf_printf(out, "%s%" PRId64 ".%06" PRId64 "\n", sign, whole < 0 ? -whole : whole,
	                  rest < 0 ? -rest : rest);
}

static enum err_code render_value(const struct metric_family *family, const char *suffix, const struct metric *series,
                                  struct buf *out)
{
	enum err_code code = render_name(family, suffix, series, out);
	return code == ERR_OK ? buf_printf(out, "%" PRId64 "\n", metric_value(series)) : code;
}

static enum err_code render_span(const struct metric_family *family, const char *suffix, const struct metric *series,
                                 struct buf *out)
{
	enum err_code code = render_name(family, suffix, series, out);
	return code == ERR_OK ? render_seconds(metric_value(series), out) : code;
}

static enum err_code render_histogram(const struct metric_family *family, const char *suffix,
                                      const struct metric *series, struct buf *out)
{
	const char *comma = series->labels[0] ? "," : "";
	enum err_code code = ERR_OK;
	int64_t count = 0, sum = atomic_load_explicit(&series->value, memory_order_relaxed);
	(void)suffix;
	for (size_t i = 0; code == ERR_OK && i < METRIC_BUCKETS; i++) {
		count += atomic_load_explicit(&series->counts[i], memory_order_relaxed);
		code = buf_printf(out, "%s_bucket{%s%sle=\"%s\"} %" PRId64 "\n", family->name, series->labels, comma,
		                  metric_buckets[i].le, count);
	}
	if (code == ERR_OK)
		code = render_name(family, "_sum", series, out);
	if (code == ERR_OK)
		code = render_seconds(sum, out);
	if (code == ERR_OK)
		code = render_name(family, "_count", series, out);
	return code == ERR_OK ? buf_printf(out, "%" PRId64 "\n", count) : code;
}

/* ---- families ---- */

/* suffix: of the samples; the older text counts it to the family's name. */
static const struct type_row {
	const char *name, *text_name, *suffix;
	enum err_code (*render)(const struct metric_family *family, const char *suffix, const struct metric *series,
	                        struct buf *out);
} type_rows[] = {
        [METRIC_COUNTER] = {"counter", "counter", "_total", render_value},
        [METRIC_COUNTER_US] = {"counter", "counter", "_total", render_span},
        [METRIC_GAUGE] = {"gauge", "gauge", "", render_value},
        [METRIC_GAUGE_US] = {"gauge", "gauge", "", render_span},
        [METRIC_HISTOGRAM] = {"histogram", "histogram", "", render_histogram},
        [METRIC_INFO] = {"info", "gauge", "_info", render_value},
};

/* OpenMetrics escapes quotes in a help text, the older text must not. */
static enum err_code render_escaped(const char *text, bool quotes, struct buf *out)
{
	enum err_code code = ERR_OK;
	for (; code == ERR_OK && *text; text++) {
		if (*text == '\n')
			code = buf_append(out, "\\n", 2);
		else if (*text == '\\' || (quotes && *text == '"'))
			code = buf_append(out, (const char[]){'\\', *text}, 2);
		else
			code = buf_append(out, text, 1);
	}
	return code;
}

static enum err_code render_head(const struct metric_family *family, enum dialect dialect, struct buf *out)
{
	const struct type_row *row = &type_rows[family->type];
	bool is_text = dialect == DIALECT_TEXT;
	const char *suffix = is_text ? row->suffix : "";
	enum err_code code = buf_printf(out, "# TYPE %s%s %s\n# HELP %s%s ", family->name, suffix,
	                                is_text ? row->text_name : row->name, family->name, suffix);
	if (code == ERR_OK)
		code = render_escaped(family->help, !is_text, out);
	return code == ERR_OK ? buf_append(out, "\n", 1) : code;
}

static enum err_code render_family(const struct metric_family *family, enum dialect dialect, struct buf *out)
{
	const struct type_row *row = &type_rows[family->type];
	enum err_code code = render_head(family, dialect, out);
	for (const struct metric *series = family->first; code == ERR_OK && series; series = series->next)
		code = row->render(family, row->suffix, series, out);
	return code;
}

static enum err_code render(struct metrics *metrics, enum dialect dialect, struct buf *out)
{
	enum err_code code = ERR_OK;
	if (metrics->refresh)
		metrics->refresh(metrics->refresh_ctx);
	pthread_mutex_lock(&metrics->lock);
	for (const struct metric_family *family = metrics->first; code == ERR_OK && family; family = family->next)
		code = render_family(family, dialect, out);
	pthread_mutex_unlock(&metrics->lock);
	return code == ERR_OK && dialect == DIALECT_OPENMETRICS ? buf_append_str(out, "# EOF\n") : code;
}

enum err_code metrics_render(struct metrics *metrics, struct buf *out)
{
	return render(metrics, DIALECT_OPENMETRICS, out);
}

enum err_code metrics_render_text(struct metrics *metrics, struct buf *out)
{
	return render(metrics, DIALECT_TEXT, out);
}
