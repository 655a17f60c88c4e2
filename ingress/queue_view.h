/* queue_view: how long whoever waits for a vendor has to wait: from what the workers say of themselves (worker_status),
 * refreshed once a second by the desk. Pure, no clock; one thread.
 *
 * People of one class are served in the order of their requests, from all partitions at the same pace. So whoever has k open
 * requests before its own in its partition has about k times the number of partitions before it in all. */
#ifndef VERIFYD_QUEUE_VIEW_H
#define VERIFYD_QUEUE_VIEW_H

#include "common/domain/worker_status.h"
#include <stdbool.h>

enum {
	QUEUE_SAMPLES = 32,              /* of the pace, one a refresh */
	QUEUE_PACE_LEAST_MS = 10 * 1000, /* of samples, before the pace is believed */
	QUEUE_PACE_SURE_MS = 25 * 1000,  /* before it is believed instead of the quota */
	QUEUE_STALE_MS = 10 * 1000,      /* a view that was not refreshed for so long says nothing */
	QUEUE_PARTITIONS = 256,          /* beyond that no place is known */
};

/* One class, as the whole fleet sees it. Zeroed: nothing is known. */
struct queue_class {
	bool known; /* a worker serves it, */
	int64_t workers; /* so many */
	bool stopped; /* the breaker is open */
	bool queues; /* requests wait for their turn; without that all that are not done are being worked on */
	bool complete; /* every worker told its partitions */
	int64_t lag; /* requests that are not done */
	int64_t quota_limit, quota_period_ms; /* 0: none */
	size_t partition_count;
	int64_t next[QUEUE_PARTITIONS]; /* the first offset that is not done, by partition; -1: not known */
	/* the pace, from how the partitions move while there is a queue */
	int64_t done; /* requests since the view began, as far as it saw them */
	size_t sample_count;
	struct queue_sample {
		int64_t at_ms, done;
	} samples[QUEUE_SAMPLES]; /* oldest first */
};

struct queue_view {
	int64_t refreshed_ms; /* monotonic; 0: never */
	struct queue_class classes[OPERATION_COUNT];
	struct queue_class gathering[OPERATION_COUNT]; /* of the refresh that is under way */
};

/* One refresh: begin, add for every fresh worker, end. What is begun and not ended changes nothing. */
void queue_view_begin(struct queue_view *view);
void queue_view_add(struct queue_view *view, const struct worker_status *status);
void queue_view_end(struct queue_view *view, int64_t now_ms);

/* Where a request stands in the queue. */
struct queue_place {
	bool known;
	bool stopped; /* nobody is served now */
	int64_t ahead;   /* requests before it; -1: not known */
	int64_t wait_ms; /* until it is its turn; -1: not known */
};

/* partition -1: of a request that would come now, or whose place nobody knows. */
struct queue_place queue_place_of(const struct queue_view *view, enum operation operation, int32_t partition, int64_t offset,
                                  int64_t now_ms);

/* Whether waiting for so long is of no use: its turn certainly does not come within left_ms. Of two reasons: the vendor's quota, or
 * the breaker. */
bool queue_wait_is_pointless(const struct queue_place *place, int64_t left_ms);

#endif
