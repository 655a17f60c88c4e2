/* metrics: counters, gauges and histograms, rendered as OpenMetrics text. Updates are single atomic operations from any
 * thread; making a series takes a lock, so make it at start and keep the pointer. Labels come from code, never from
 * callers, which bounds their number. */
#ifndef VERIFYD_METRICS_H
#define VERIFYD_METRICS_H

#include "common/base/buf.h"
#include <stdint.h>

enum { METRICS_MAX_SERIES = 512 };

struct metrics;
struct metric; /* one series; lives as long as its struct metrics */

enum err_code metrics_new(struct metrics **ret_metrics) WARN_UNUSED;
void metrics_free(struct metrics *metrics);

/* Finds or makes a series. name without the "_total" that OpenMetrics adds to counters, e.g. "verifyd_http_requests";
 * labels as they stand in the text format, e.g. `route="GetScore",status="200"`, or "" for none; help is that of the
 * first call. Returns: the series, never NULL: past METRICS_MAX_SERIES (or out of memory, or where the
 * name already stands for another type) a shared one that is not shown. */
struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *labels, const char *help);
struct metric *metrics_gauge(struct metrics *metrics, const char *name, const char *labels, const char *help);
/* Buckets in seconds: 1, 2.5, 5, 10, 25, 50, 100, 250, 500 ms, 1, 2.5, 5, 10, 25 s. */
struct metric *metrics_histogram(struct metrics *metrics, const char *name, const char *labels, const char *help);

void metric_add(struct metric *metric, int64_t n); /* counter (n >= 0) or gauge */
void metric_set(struct metric *metric, int64_t n); /* gauge */
void metric_observe_us(struct metric *metric, int64_t us); /* histogram */
int64_t metric_value(const struct metric *metric); /* counter or gauge; histogram: number of observations */

/* The sum over a family's series whose labels contain `part` ("": all), each as metric_value tells it; 0 without a family.
 * Takes the lock. Thread: any. */
int64_t metrics_sum(struct metrics *metrics, const char *name, const char *part);

/* Appends the whole exposition (application/openmetrics-text; version=1.0.0), ending in "# EOF\n".
 * Families in the order of their first series. Thread: any. */
enum err_code metrics_render(struct metrics *metrics, struct buf *out) WARN_UNUSED;

#endif
