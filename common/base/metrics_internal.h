/* metrics_internal: what metrics.c (series and their numbers) and metrics_render.c (how they are shown) share. */
#ifndef VERIFYD_METRICS_INTERNAL_H
#define VERIFYD_METRICS_INTERNAL_H

#include "common/base/metrics.h"
#include <pthread.h>
#include <stdatomic.h>

enum metric_type { METRIC_COUNTER, METRIC_COUNTER_US, METRIC_GAUGE, METRIC_GAUGE_US, METRIC_HISTOGRAM, METRIC_INFO };

enum { METRIC_BUCKETS = 16, CACHE_LINE = 64 };

struct metric_bucket {
	int64_t up_to_us;
	const char *le; /* in seconds, as OpenMetrics writes numbers canonically */
};
extern const struct metric_bucket metric_buckets[METRIC_BUCKETS];

/* Shared by all threads; aligned, so that two busy counters do not share a cache line. */
struct metric {
	_Alignas(CACHE_LINE) _Atomic int64_t value; /* histogram: the sum in microseconds */
	_Atomic int64_t counts[METRIC_BUCKETS];     /* histogram: per bucket, not cumulative */
	enum metric_type type;
	char *labels;
	struct metric *next; /* in the family; guarded by the lock */
};

struct metric_family {
	char *name;
	char *help;
	enum metric_type type;
	struct metric *first;
	struct metric *last;
	struct metric_family *next;
};

struct metrics {
	pthread_mutex_t lock;
	struct metric_family *first; /* guarded by the lock, as the rest */
	struct metric_family *last;
	size_t series_count;
	struct metric *spare; /* takes what finds no room; not shown */
	void (*refresh)(void *ctx);
	void *refresh_ctx;
};

#endif
