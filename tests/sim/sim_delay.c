/* sim_delay: a binary min-heap by time on the monotonic clock, emptied by one thread. */
#include "tests/sim/sim_delay.h"
#include "common/base/clock.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

enum { FIRST_CAP = 1024, BATCH = 256 };

struct wait {
	int64_t due_ms;
	void *item;
};

struct sim_delay {
	void (*on_due)(void *item);
	pthread_t thread;
	bool joined; /* the stopping thread's */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* below: under the lock */
	struct wait *heap;
	size_t count, cap;
	int64_t wakes_ms; /* when the thread looks next */
	bool stopped;
};

static void sift_up(struct wait *heap, size_t i)
{
	struct wait moved = heap[i];
	while (i > 0 && heap[(i - 1) / 2].due_ms > moved.due_ms) {
		heap[i] = heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap[i] = moved;
}

static void sift_down(struct wait *heap, size_t count)
{
	struct wait moved = heap[0];
	size_t i = 0;
	for (size_t child; (child = 2 * i + 1) < count; i = child) {
		if (child + 1 < count && heap[child + 1].due_ms < heap[child].due_ms)
			child++;
		if (heap[child].due_ms >= moved.due_ms)
			break;
		heap[i] = heap[child];
	}
	heap[i] = moved;
}

/* Moves what is due at now_ms into batch. Returns how many. */
static size_t pop_due(struct sim_delay *delay, int64_t now_ms, void *batch[BATCH])
{
	size_t taken = 0;
	while (taken < BATCH && delay->count > 0 && delay->heap[0].due_ms <= now_ms) {
		batch[taken++] = delay->heap[0].item;
		delay->heap[0] = delay->heap[--delay->count];
		if (delay->count > 0)
			sift_down(delay->heap, delay->count);
	}
	return taken;
}

/* Called with the lock held; drops it while items are handed back. */
static void hand_back_due(struct sim_delay *delay, int64_t now_ms)
{
	void *batch[BATCH];
	size_t taken;
	while ((taken = pop_due(delay, now_ms, batch)) > 0) {
		pthread_mutex_unlock(&delay->lock);
		for (size_t i = 0; i < taken; i++)
			delay->on_due(batch[i]);
		pthread_mutex_lock(&delay->lock);
	}
}

static void sleep_until(struct sim_delay *delay, int64_t until_ms)
{
	struct timespec until = {.tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000};
	delay->wakes_ms = until_ms;
	if (until_ms == INT64_MAX)
		pthread_cond_wait(&delay->changed, &delay->lock);
	else
		pthread_cond_timedwait(&delay->changed, &delay->lock, &until);
}

static void *run(void *arg)
{
	struct sim_delay *delay = arg;
	int64_t earliest_ms = 0; /* the next tick */
	pthread_mutex_lock(&delay->lock);
	while (!delay->stopped) {
		int64_t now_ms = clock_mono_ms();
		int64_t next_ms = delay->count > 0 ? delay->heap[0].due_ms : INT64_MAX;
		if (next_ms < earliest_ms)
			next_ms = earliest_ms;
		if (next_ms > now_ms) {
			sleep_until(delay, next_ms);
			continue;
		}
		hand_back_due(delay, now_ms);
		earliest_ms = now_ms + 1 + (int64_t)(delay->count / 1000);
	}
	pthread_mutex_unlock(&delay->lock);
	return NULL;
}

/* The condition must wait on the monotonic clock, which only its attributes can say. */
static int init_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	int failed = pthread_condattr_init(&attributes);
	if (failed != 0)
		return failed;
	failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	if (failed == 0)
		failed = pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
	return failed;
}

static bool start(struct sim_delay *delay)
{
	if (pthread_mutex_init(&delay->lock, NULL) != 0)
		return false;
	if (init_condition(&delay->changed) == 0) {
		if (pthread_create(&delay->thread, NULL, run, delay) == 0)
			return true;
		pthread_cond_destroy(&delay->changed);
	}
	pthread_mutex_destroy(&delay->lock);
	return false;
}

enum err_code sim_delay_new(void (*on_due)(void *item), struct sim_delay **ret_delay, struct err *err)
{
	struct sim_delay *delay = calloc(1, sizeof(*delay));
	if (!delay)
		return err_set(err, ERR_NO_MEMORY, "no memory for the delay thread");
	delay->on_due = on_due;
	delay->wakes_ms = INT64_MAX;
	if (!start(delay)) {
		free(delay);
		return err_set(err, ERR_INTERNAL, "the delay thread cannot be started");
	}
	*ret_delay = delay;
	return ERR_OK;
}

static enum err_code make_room(struct sim_delay *delay)
{
	if (delay->count < delay->cap)
		return ERR_OK;
	size_t cap = delay->cap ? delay->cap * 2 : FIRST_CAP;
	struct wait *heap = realloc(delay->heap, cap * sizeof(*heap));
	if (!heap)
		return ERR_NO_MEMORY;
	delay->heap = heap;
	delay->cap = cap;
	return ERR_OK;
}

enum err_code sim_delay_add(struct sim_delay *delay, int64_t due_mono_ms, void *item)
{
	pthread_mutex_lock(&delay->lock);
	enum err_code code = delay->stopped ? ERR_UNAVAILABLE : make_room(delay);
	if (code == ERR_OK) {
		delay->heap[delay->count] = (struct wait){due_mono_ms, item};
		sift_up(delay->heap, delay->count++);
		if (due_mono_ms < delay->wakes_ms)
			pthread_cond_signal(&delay->changed);
	}
	pthread_mutex_unlock(&delay->lock);
	return code;
}

void sim_delay_release(struct sim_delay *delay)
{
	pthread_mutex_lock(&delay->lock);
	hand_back_due(delay, INT64_MAX);
	pthread_mutex_unlock(&delay->lock);
}

void sim_delay_stop(struct sim_delay *delay)
{
	if (delay->joined)
		return;
	pthread_mutex_lock(&delay->lock);
	delay->stopped = true;
	pthread_cond_signal(&delay->changed);
	pthread_mutex_unlock(&delay->lock);
	pthread_join(delay->thread, NULL);
	delay->joined = true;
	sim_delay_release(delay);
}

void sim_delay_free(struct sim_delay *delay)
{
	if (!delay)
		return;
	sim_delay_stop(delay);
	pthread_cond_destroy(&delay->changed);
	pthread_mutex_destroy(&delay->lock);
	free(delay->heap);
	free(delay);
}
