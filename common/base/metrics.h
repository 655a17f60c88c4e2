/* metrics: counters, gauges and histograms, rendered as OpenMetrics or as Prometheus' older text. Updates are single
 * atomic operations from any thread; making a series takes a lock, so make it at start and keep the pointer. Labels come
 * from code, never from callers, which bounds their number. */
#ifndef VERIFYD_METRICS_H
#define VERIFYD_METRICS_H

#include "common/base/buf.h"
#include <stdbool.h>
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
/* The same for spans of time: the value is kept in microseconds and shown in seconds; the name says "_seconds". */
struct metric *metrics_counter_us(struct metrics *metrics, const char *name, const char *labels, const char *help);
struct metric *metrics_gauge_us(struct metrics *metrics, const char *name, const char *labels, const char *help);
/* What does not change but by its labels: shown as "<name>_info" with the value 1. */
void metrics_info(struct metrics *metrics, const char *name, const char *labels, const char *help);
/* Buckets in seconds: 1, 2.5, 5, 10, 20, 25, 50, 100, 250, 500 ms, 1, 2.5, 5, 10, 25 s. */
struct metric *metrics_histogram(struct metrics *metrics, const char *name, const char *labels, const char *help);

void metric_add(struct metric *metric, int64_t n); /* counter (n >= 0) or gauge */
void metric_set(struct metric *metric, int64_t n); /* gauge; or a counter whose total somebody else keeps */
void metric_observe_us(struct metric *metric, int64_t us); /* histogram */
int64_t metric_value(const struct metric *metric); /* counter or gauge; histogram: number of observations */

/* The sum over a family's series whose labels contain `part` ("": all), each as metric_value tells it; 0 without a family.
 * Takes the lock. Thread: any. */
int64_t metrics_sum(struct metrics *metrics, const char *name, const char *part);

/* refresh(ctx) is called before each rendering, by its thread: for what is only looked up when somebody wants to know.
 * One at most; set it before anybody renders. */
void metrics_refresh_with(struct metrics *metrics, void (*refresh)(void *ctx), void *ctx);

/* Appends the whole exposition (application/openmetrics-text; version=1.0.0), ending in "# EOF\n".
 * Families in the order of their first series. Thread: any. */
enum err_code metrics_render(struct metrics *metrics, struct buf *out) WARN_UNUSED;
/* The same as text/plain; version=0.0.4. */
enum err_code metrics_render_text(struct metrics *metrics, struct buf *out) WARN_UNUSED;

/* accept: the request's Accept header, NULL when there is none. Returns: whether it prefers OpenMetrics: names it with a
 * weight (RFC 9110 section 12.4.2) above 0 and not below that of plain text. */
bool metrics_accept_prefers_openmetrics(const char *accept);

#endif
