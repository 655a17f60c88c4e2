/* queue_view: sums over workers, and the pace at which partitions move. */
#include "ingress/queue_view.h"
#include <assert.h>
#include <string.h>

enum {
	QUOTA_SLACK_PERCENT = 5, /* of a quota's period: what the fleet keeps as guard time */
	SLOW_PERCENT = 70,       /* of a quota's pace: below that something holds the queue up */
};

void queue_view_begin(struct queue_view *view)
{
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		struct queue_class *class = &view->gathering[i];
		*class = (struct queue_class){.complete = true};
		for (size_t p = 0; p < QUEUE_PARTITIONS; p++)
			class->next[p] = -1;
	}
}

static void add_partitions(struct queue_class *class, const struct worker_class *from)
{
	if (from->partition_count == 0 && from->lag > 0)
		class->complete = false;
	for (size_t i = 0; i < from->partition_count; i++) {
		int32_t partition = from->partitions[i].partition;
		if (partition < 0 || partition >= QUEUE_PARTITIONS) {
			class->complete = false;
			continue;
		}
		if (class->next[partition] < 0)
			class->partition_count++;
		if (from->partitions[i].next > class->next[partition]) /* it may be changing hands */
			class->next[partition] = from->partitions[i].next;
	}
}

/* Whether a worker lets requests wait: for the quota or the breaker, or because it has as many in hand as it may. */
static bool lets_wait(const struct worker_class *from)
{
	for (size_t i = 0; i < WORKER_STATUS_PRIORITIES; i++)
		if (from->waiting[i] > 0)
			return true;
	return from->in_flight >= from->max_in_flight;
}

void queue_view_add(struct queue_view *view, const struct worker_status *status)
{
	for (size_t i = 0; i < status->class_count; i++) {
		const struct worker_class *from = &status->classes[i];
		struct queue_class *class = &view->gathering[from->operation];
		class->known = true;
		class->workers++;
		class->stopped = class->stopped || from->breaker_open;
		class->queues = class->queues || lets_wait(from);
		class->lag += from->lag;
		if (from->has_quota) {
			class->quota_limit = from->quota_limit;
			class->quota_period_ms = from->quota_period_ms;
		}
		add_partitions(class, from);
	}
}

/* ---- the pace ---- */

static int64_t moved(const struct queue_class *before, const struct queue_class *now)
{
	int64_t sum = 0;
	for (size_t p = 0; p < QUEUE_PARTITIONS; p++)
		if (before->next[p] >= 0 && now->next[p] > before->next[p])
			sum += now->next[p] - before->next[p];
	return sum;
}

/* A pace is that of a queue which is worked on: without a queue, or with the breaker open, it begins anew. One call
 * that hangs is no queue, though nothing behind it in its partition counts as done: what moves then is what comes. */
static void take_sample(const struct queue_class *before, struct queue_class *now, int64_t now_ms)
{
	if (!before->known || !now->known || now->stopped || !now->queues || now->lag == 0)
		return;
	now->done = before->done + moved(before, now);
	now->sample_count = before->sample_count;
	memcpy(now->samples, before->samples, sizeof now->samples);
	if (now->sample_count == QUEUE_SAMPLES) {
		memmove(now->samples, now->samples + 1, (QUEUE_SAMPLES - 1) * sizeof *now->samples);
		now->sample_count--;
	}
	now->samples[now->sample_count++] = (struct queue_sample){now_ms, now->done};
}

void queue_view_end(struct queue_view *view, int64_t now_ms)
{
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		take_sample(&view->classes[i], &view->gathering[i], now_ms);
	memcpy(view->classes, view->gathering, sizeof view->classes);
	view->refreshed_ms = now_ms;
}

/* Requests a second; 0: not known for so long. */
static double pace_seen(const struct queue_class *class, int64_t least_ms)
{
	if (class->sample_count < 2)
		return 0;
	const struct queue_sample *first = &class->samples[0], *last = &class->samples[class->sample_count - 1];
	int64_t ms = last->at_ms - first->at_ms;
	return ms < least_ms ? 0 : (double)(last->done - first->done) * 1000 / (double)ms;
}

static double pace_allowed(const struct queue_class *class)
{
	double period_ms = (double)class->quota_period_ms * (100 + QUOTA_SLACK_PERCENT) / 100;
	return class->quota_limit > 0 ? (double)class->quota_limit * 1000 / period_ms : 0;
}

/* The quota's; the one that is seen where that is clearly slower for long, but for a twentieth: what holds it up may be
 * over soon. A partition counts as done only up to its oldest open request, so a queue that begins looks slow at first.
 */
static double pace_of(const struct queue_class *class)
{
	double allowed = pace_allowed(class);
	if (allowed <= 0)
		return pace_seen(class, QUEUE_PACE_LEAST_MS);
	double seen = pace_seen(class, QUEUE_PACE_SURE_MS);
	bool known = class->sample_count > 1 &&
	             class->samples[class->sample_count - 1].at_ms - class->samples[0].at_ms >= QUEUE_PACE_SURE_MS;
	if (!known || seen > allowed * SLOW_PERCENT / 100)
		return allowed;
	return seen > allowed / 20 ? seen : allowed / 20;
}

/* ---- a place ---- */

static int64_t ahead_in(const struct queue_class *class, int32_t partition, int64_t offset)
{
	if (partition < 0)
		return class->lag;
	if (!class->complete || partition >= QUEUE_PARTITIONS || class->next[partition] < 0 ||
	    class->next[partition] > offset) /* its record is done, and it waits for something else */
		return -1;
	int64_t ahead = (offset - class->next[partition]) * (int64_t) class->partition_count;
	return ahead < class->lag ? ahead : class->lag;
}

struct queue_place queue_place_of(const struct queue_view *view, enum operation operation, int32_t partition,
                                  int64_t offset, int64_t now_ms)
{
	struct queue_place place = {.ahead = -1, .wait_ms = -1};
	assert(operation < OPERATION_COUNT);
	const struct queue_class *class = &view->classes[operation];
	if (view->refreshed_ms == 0 || now_ms - view->refreshed_ms > QUEUE_STALE_MS || !class->known)
		return place;
	place.known = true;
	place.stopped = class->stopped;
	place.ahead = ahead_in(class, partition, offset);
	double pace = pace_of(class);
	if (!class->stopped && place.ahead >= 0 && pace > 0)
		place.wait_ms = (int64_t)((double)place.ahead * 1000 / pace);
	return place;
}

bool queue_wait_is_pointless(const struct queue_place *place, int64_t left_ms)
{
	return place->known && (place->stopped || place->wait_ms > left_ms);
}
