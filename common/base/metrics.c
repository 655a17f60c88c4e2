/* metrics: families of series behind one lock; the numbers themselves are atomics that nobody locks. */
#include "common/base/metrics_internal.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const struct metric_bucket metric_buckets[METRIC_BUCKETS] = {
        {1000, "0.001"},  {2500, "0.0025"},   {5000, "0.005"},    {10000, "0.01"},
        {20000, "0.02"},  {25000, "0.025"},   {50000, "0.05"},    {100000, "0.1"},
        {250000, "0.25"}, {500000, "0.5"},    {1000000, "1.0"},   {2500000, "2.5"},
        {5000000, "5.0"}, {10000000, "10.0"}, {25000000, "25.0"}, {INT64_MAX, "+Inf"},
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

static void family_free(struct metric_family *family)
{
	for (struct metric *series = family->first, *next; series; series = next) {
		next = series->next;
		series_free(series);
	}
	free(family->name);
	free(family->help);
	free(family);
}

static struct metric_family *family_new(const char *name, enum metric_type type, const char *help)
{
	struct metric_family *family = calloc(1, sizeof(*family));

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
	for (struct metric_family *family = metrics->first, *next; family; family = next) {
		next = family->next;
		family_free(family);
	}
	series_free(metrics->spare);
	pthread_mutex_destroy(&metrics->lock);
	free(metrics);
}

static struct metric_family *family_find(const struct metrics *metrics, const char *name)
{
	for (struct metric_family *family = metrics->first; family; family = family->next)
		if (strcmp(family->name, name) == 0)
			return family;
	return NULL;
}

static struct metric *series_find(const struct metric_family *family, const char *labels)
{
	for (struct metric *series = family->first; series; series = series->next)
		if (strcmp(series->labels, labels) == 0)
			return series;
	return NULL;
}

static void family_link(struct metrics *metrics, struct metric_family *family)
{
	if (metrics->last)
		metrics->last->next = family;
	else
		metrics->first = family;
	metrics->last = family;
}

static void series_link(struct metric_family *family, struct metric *series)
{
	if (family->last)
		family->last->next = series;
	else
		family->first = series;
	family->last = series;
}

/* Called with the lock held. Returns: the new series, or NULL when there is no room for it. */
static struct metric *series_add(struct metrics *metrics, struct metric_family *family, enum metric_type type,
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
	struct metric_family *family;

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

struct metric *metrics_counter_us(struct metrics *metrics, const char *name, const char *labels, const char *help)
{
	return series_get(metrics, METRIC_COUNTER_US, name, labels, help);
}

struct metric *metrics_gauge_us(struct metrics *metrics, const char *name, const char *labels, const char *help)
{
	return series_get(metrics, METRIC_GAUGE_US, name, labels, help);
}

void metrics_info(struct metrics *metrics, const char *name, const char *labels, const char *help)
{
	metric_set(series_get(metrics, METRIC_INFO, name, labels, help), 1);
}

void metrics_refresh_with(struct metrics *metrics, void (*refresh)(void *ctx), void *ctx)
{
	metrics->refresh = refresh;
	metrics->refresh_ctx = ctx;
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
	while (us > metric_buckets[i].up_to_us)
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
	for (size_t i = 0; i < METRIC_BUCKETS; i++)
		count += bucket_count(metric, i);
	return count;
}

int64_t metrics_sum(struct metrics *metrics, const char *name, const char *part)
{
	int64_t sum = 0;

	pthread_mutex_lock(&metrics->lock);
	const struct metric_family *family = family_find(metrics, name);
	for (const struct metric *series = family ? family->first : NULL; series; series = series->next)
		if (strstr(series->labels, part))
			sum += metric_value(series);
	pthread_mutex_unlock(&metrics->lock);
	return sum;
}
