/* metrics: families of series behind one lock; the numbers themselves are atomics that nobody locks.
 * Rendering reads them one by one, so a scrape is not one instant; a histogram's count is always the sum of its
 * buckets. */
#include "common/base/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

static const struct bucket {
	int64_t up_to_us;
	const char *le; /* in seconds, as OpenMetrics writes numbers canonically */
} buckets[] = {
        {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},    {10000, "0.01"},    {25000, "0.025"},
        {50000, "0.05"},  {100000, "0.1"},  {250000, "0.25"},   {500000, "0.5"},    {1000000, "1.0"},
        {2500000, "2.5"}, {5000000, "5.0"}, {10000000, "10.0"}, {25000000, "25.0"}, {INT64_MAX, "+Inf"},
};

enum { BUCKET_COUNT = sizeof(buckets) / sizeof(buckets[0]), CACHE_LINE = 64 };

/* Shared by all threads; aligned, so that two busy counters do not share a cache line. */
struct metric {
	_Alignas(CACHE_LINE) _Atomic int64_t value; /* histogram: the sum in microseconds */
	_Atomic int64_t counts[BUCKET_COUNT];       /* histogram: per bucket, not cumulative */
	enum metric_type type;
	char *labels;
	struct metric *next; /* in the family; guarded by the lock */
};

struct family {
	char *name;
	char *help;
	enum metric_type type;
	struct metric *first;
	struct metric *last;
	struct family *next;
};

struct metrics {
	pthread_mutex_t lock;
	struct family *first; /* guarded by the lock, as the rest */
	struct family *last;
	size_t series_count;
	struct metric *spare; /* takes what finds no room; not shown */
};

static struct metric *series_new(enum metric_type type, const char *labels)
{
	struct metric *series = aligned_alloc(CACHE_LINE, sizeof(*series));

	if (!series)
		return NULL;
	memset(series, 0, sizeof(*series));
	series->type = type;
	series->labels = strdup(labels);
	if (!series->labels) {
		free(series);
		return NULL;
	}
	return series;
}

static void series_free(struct metric *series)
{
	if (!series)
		return;
	free(series->labels);
	free(series);
}

static void family_free(struct family *family)
{
	for (struct metric *series = family->first, *next; series; series = next) {
		next = series->next;
		series_free(series);
	}
	free(family->name);
	free(family->help);
	free(family);
}

static struct family *family_new(const char *name, enum metric_type type, const char *help)
{
	struct family *family = calloc(1, sizeof(*family));

	if (!family)
		return NULL;
	family->type = type;
	family->name = strdup(name);
	family->help = strdup(help);
	if (!family->name || !family->help) {
		family_free(family);
		return NULL;
	}
	return family;
}

enum err_code metrics_new(struct metrics **ret_metrics)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics)
		return ERR_NO_MEMORY;
	metrics->spare = series_new(METRIC_HISTOGRAM, "");
	if (!metrics->spare || pthread_mutex_init(&metrics->lock, NULL) != 0) {
		series_free(metrics->spare);
		free(metrics);
		return ERR_NO_MEMORY;
	}
	*ret_metrics = metrics;
	return ERR_OK;
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	for (struct family *family = metrics->first, *next; family; family = next) {
		next = family->next;
		family_free(family);
	}
	series_free(metrics->spare);
	pthread_mutex_destroy(&metrics->lock);
	free(metrics);
}

static struct family *family_find(const struct metrics *metrics, const char *name)
{
	for (struct family *family = metrics->first; family; family = family->next)
		if (strcmp(family->name, name) == 0)
			return family;
	return NULL;
}

static struct metric *series_find(const struct family *family, const char *labels)
{
	for (struct metric *series = family->first; series; series = series->next)
		if (strcmp(series->labels, labels) == 0)
			return series;
	return NULL;
}

static void family_link(struct metrics *metrics, struct family *family)
{
	if (metrics->last)
		metrics->last->next = family;
	else
		metrics->first = family;
	metrics->last = family;
}

static void series_link(struct family *family, struct metric *series)
{
	if (family->last)
		family->last->next = series;
	else
		family->first = series;
	family->last = series;
}

/* Called with the lock held. Returns: the new series, or NULL when there is no room for it. */
static struct metric *series_add(struct metrics *metrics, struct family *family, enum metric_type type,
                                 const char *name, const char *labels, const char *help)
{
	struct metric *series;

	if (metrics->series_count >= METRICS_MAX_SERIES)
		return NULL;
	series = series_new(type, labels);
	if (!series)
		return NULL;
	if (!family) {
		family = family_new(name, type, help);
		if (!family) {
			series_free(series);
			return NULL;
		}
		family_link(metrics, family);
	}
	series_link(family, series);
	metrics->series_count++;
	return series;
}

static struct metric *series_get(struct metrics *metrics, enum metric_type type, const char *name, const char *labels,
                                 const char *help)
{
	struct metric *series = NULL;
	struct family *family;

	pthread_mutex_lock(&metrics->lock);
	family = family_find(metrics, name);
	if (family)
		series = series_find(family, labels);
	if (!series && (!family || family->type == type))
		series = series_add(metrics, family, type, name, labels, help);
	pthread_mutex_unlock(&metrics->lock);
	return series && series->type == type ? series : metrics->spare;
}

struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *labels, const char *help)
{
	return series_get(metrics, METRIC_COUNTER, name, labels, help);
}

struct metric *metrics_gauge(struct metrics *metrics, const char *name, const char *labels, const char *help)
{
	return series_get(metrics, METRIC_GAUGE, name, labels, help);
}

struct metric *metrics_histogram(struct metrics *metrics, const char *name, const char *labels, const char *help)
{
	return series_get(metrics, METRIC_HISTOGRAM, name, labels, help);
}

void metric_add(struct metric *metric, int64_t n)
{
	atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t n)
{
	atomic_store_explicit(&metric->value, n, memory_order_relaxed);
}

void metric_observe_us(struct metric *metric, int64_t us)
{
	size_t i = 0;

	if (us < 0)
		us = 0; /* a sum that falls would not be a histogram's */
	while (us > buckets[i].up_to_us)
		i++;
	atomic_fetch_add_explicit(&metric->counts[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&metric->value, us, memory_order_relaxed);
}

static int64_t bucket_count(const struct metric *series, size_t i)
{
	return atomic_load_explicit(&series->counts[i], memory_order_relaxed);
}

int64_t metric_value(const struct metric *metric)
{
	int64_t count = 0;

	if (metric->type != METRIC_HISTOGRAM)
		return atomic_load_explicit(&metric->value, memory_order_relaxed);
	for (size_t i = 0; i < BUCKET_COUNT; i++)
		count += bucket_count(metric, i);
	return count;
}

int64_t metrics_sum(struct metrics *metrics, const char *name, const char *part)
{
	int64_t sum = 0;

	pthread_mutex_lock(&metrics->lock);
	const struct family *family = family_find(metrics, name);
	for (const struct metric *series = family ? family->first : NULL; series; series = series->next)
		if (strstr(series->labels, part))
			sum += metric_value(series);
	pthread_mutex_unlock(&metrics->lock);
	return sum;
}

/* Writes "name_suffix{labels} " without the number. */
static enum err_code render_name(const struct family *family, const char *suffix, const struct metric *series,
                                 struct buf *out)
{
	bool bare = series->labels[0] == '\0';

	return buf_printf(out, "%s%s%s%s%s ", family->name, suffix, bare ? "" : "{", series->labels, bare ? "" : "}");
}

static enum err_code render_value(const struct family *family, const char *suffix, const struct metric *series,
                                  struct buf *out)
{
	enum err_code code = render_name(family, suffix, series, out);

	return code == ERR_OK ? buf_printf(out, "%" PRId64 "\n", metric_value(series)) : code;
}

static enum err_code render_counter(const struct family *family, const struct metric *series, struct buf *out)
{
	return render_value(family, "_total", series, out);
}

static enum err_code render_gauge(const struct family *family, const struct metric *series, struct buf *out)
{
	return render_value(family, "", series, out);
}

static enum err_code render_histogram(const struct family *family, const struct metric *series, struct buf *out)
{
	const char *comma = series->labels[0] ? "," : "";
	enum err_code code = ERR_OK;
	int64_t count = 0;
	int64_t sum = atomic_load_explicit(&series->value, memory_order_relaxed);

	for (size_t i = 0; code == ERR_OK && i < BUCKET_COUNT; i++) {
		count += bucket_count(series, i);
		code = buf_printf(out, "%s_bucket{%s%sle=\"%s\"} %" PRId64 "\n", family->name, series->labels, comma,
		                  buckets[i].le, count);
	}
	if (code == ERR_OK)
		code = render_name(family, "_sum", series, out);
	if (code == ERR_OK)
		code = buf_printf(out, "%" PRId64 ".%06" PRId64 "\n", sum / 1000000, sum % 1000000);
	if (code == ERR_OK)
		code = render_name(family, "_count", series, out);
	return code == ERR_OK ? buf_printf(out, "%" PRId64 "\n", count) : code;
}

static const struct type_row {
	const char *name;
	enum err_code (*render)(const struct family *family, const struct metric *series, struct buf *out);
} type_rows[] = {
        [METRIC_COUNTER] = {"counter", render_counter},
        [METRIC_GAUGE] = {"gauge", render_gauge},
        [METRIC_HISTOGRAM] = {"histogram", render_histogram},
};

static enum err_code render_escaped(const char *text, struct buf *out)
{
	enum err_code code = ERR_OK;

	for (; code == ERR_OK && *text; text++) {
		if (*text == '\n')
			code = buf_append(out, "\\n", 2);
		else if (*text == '\\' || *text == '"')
			code = buf_append(out, (const char[]){'\\', *text}, 2);
		else
			code = buf_append(out, text, 1);
	}
	return code;
}

static enum err_code render_family(const struct family *family, struct buf *out)
{
	const struct type_row *row = &type_rows[family->type];
	enum err_code code = buf_printf(out, "# TYPE %s %s\n# HELP %s ", family->name, row->name, family->name);

	if (code == ERR_OK)
		code = render_escaped(family->help, out);
	if (code == ERR_OK)
		code = buf_append(out, "\n", 1);
	for (const struct metric *series = family->first; code == ERR_OK && series; series = series->next)
		code = row->render(family, series, out);
	return code;
}

enum err_code metrics_render(struct metrics *metrics, struct buf *out)
{
	enum err_code code = ERR_OK;

	pthread_mutex_lock(&metrics->lock);
	for (const struct family *family = metrics->first; code == ERR_OK && family; family = family->next)
		code = render_family(family, out);
	pthread_mutex_unlock(&metrics->lock);
	return code == ERR_OK ? buf_append_str(out, "# EOF\n") : code;
}
