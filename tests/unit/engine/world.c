/* world: virtual time. A heap of events, equal times in the order of their making; libuv's timers, the clocks, and
 * randomness on top of it; the list of what happened. */
#include "tests/unit/engine/world.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/unit/engine/world_queue.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char seal_key[] = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

struct moment {
	int64_t at_ms;
	uint64_t order;
	struct pod *pod;
	void (*fn)(void *ctx);
	void *ctx;
	bool is_cancelled, is_closing;
};

struct queue {
	struct moment **heap;
	size_t count, cap;
	uint64_t next_order;
};

/* The clocks have no argument by which to find their world. */
static struct world *the_world;

void *world_alloc(size_t bytes)
{
	void *memory = calloc(1, bytes ? bytes : 1);
	if (!memory)
		abort();
	return memory;
}

char *world_copy(const void *data, size_t len)
{
	char *copy = world_alloc(len + 1);
	if (len)
		memcpy(copy, data, len);
	return copy;
}

/* ---- the heap ---- */

static bool is_before(const struct moment *a, const struct moment *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void push(struct queue *queue, struct moment *event)
{
	if (queue->count == queue->cap) {
		queue->cap = queue->cap ? queue->cap * 2 : 256;
		queue->heap = realloc(queue->heap, queue->cap * sizeof *queue->heap);
		if (!queue->heap)
			abort();
	}
	size_t at = queue->count++;
	for (size_t parent; at > 0; at = parent) {
		parent = (at - 1) / 2;
		if (!is_before(event, queue->heap[parent]))
			break;
		queue->heap[at] = queue->heap[parent];
	}
	queue->heap[at] = event;
}

static struct moment *pop(struct queue *queue)
{
	struct moment *first = queue->heap[0], *last = queue->heap[--queue->count];
	size_t at = 0;
	for (size_t child = 1; child < queue->count; child = 2 * at + 1) {
		if (child + 1 < queue->count && is_before(queue->heap[child + 1], queue->heap[child]))
			child++;
		if (!is_before(queue->heap[child], last))
			break;
		queue->heap[at] = queue->heap[child];
		at = child;
	}
	if (queue->count > 0)
		queue->heap[at] = last;
	return first;
}

struct moment *world_at(struct world *world, int64_t delay_ms, struct pod *pod, void (*fn)(void *ctx), void *ctx)
{
	struct moment *event = world_alloc(sizeof *event);
	*event = (struct moment){.at_ms = world->now_ms + (delay_ms > 0 ? delay_ms : 0),
	                         .order = world->queue->next_order++,
	                         .pod = pod,
	                         .fn = fn,
	                         .ctx = ctx};
	push(world->queue, event);
	return event;
}

void world_cancel(struct moment *event)
{
	if (event)
		event->is_cancelled = true;
}

static void run(struct world *world, struct moment *event)
{
	struct pod *pod = event->pod;
	world->running = pod;
	event->fn(event->ctx);
	world->running = NULL;
	free(event);
	if (pod && pod->is_crashing && !pod->is_gone)
		pod_bury(pod);
}

void world_step(struct world *world)
{
	struct moment *event = pop(world->queue);
	if (event->at_ms > world->now_ms)
		world->now_ms = event->at_ms;
	if (event->is_cancelled) {
		free(event);
	} else if (event->pod && event->pod->frozen_until_ms > world->now_ms) {
		event->at_ms = event->pod->frozen_until_ms;
		push(world->queue, event);
	} else {
		run(world, event);
	}
}

void world_run_for(struct world *world, int64_t ms)
{
	int64_t until = world->now_ms + ms;
	while (world->queue->count > 0 && world->queue->heap[0]->at_ms <= until)
		world_step(world);
	world->now_ms = until;
}

void queue_bury(struct pod *pod)
{
	struct queue *queue = pod->world->queue;
	struct moment **all = queue->heap;
	bool again = true;
	while (again) {
		size_t count = queue->count, closings = 0;
		struct moment **mine = world_alloc((count + 1) * sizeof(struct moment *));
		queue->count = 0;
		for (size_t i = 0; i < count; i++) {
			struct moment *event = all[i];
			if (event->pod != pod)
				push(queue, event); /* never ahead of what is read: the heap only shrinks */
			else if (event->is_closing && !event->is_cancelled)
				mine[closings++] = event;
			else
				free(event);
		}
		for (size_t i = 0; i < closings; i++) {
			mine[i]->fn(mine[i]->ctx);
			free(mine[i]);
		}
		all = queue->heap;
		again = closings > 0;
		free(mine);
	}
}

/* ---- libuv ---- */

static struct pod *pod_of(const uv_loop_t *loop)
{
	return loop->data;
}

int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer)
{
	timer->loop = loop;
	timer->type = UV_TIMER;
	timer->u.reserved[0] = NULL; /* its event */
	timer->close_cb = NULL;
	timer->repeat = 0;
	return 0;
}

int uv_timer_stop(uv_timer_t *timer)
{
	world_cancel(timer->u.reserved[0]);
	timer->u.reserved[0] = NULL;
	return 0;
}

static void on_timer(void *ctx)
{
	uv_timer_t *timer = ctx;
	timer->u.reserved[0] = NULL;
	if (timer->repeat > 0)
		timer->u.reserved[0] =
		        world_at(the_world, (int64_t)timer->repeat, pod_of(timer->loop), on_timer, timer);
	timer->timer_cb(timer);
}

int uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
	assert_null(timer->close_cb);
	(void)uv_timer_stop(timer);
	timer->timer_cb = cb;
	timer->repeat = repeat;
	timer->u.reserved[0] = world_at(the_world, (int64_t)timeout, pod_of(timer->loop), on_timer, timer);
	return 0;
}

static void on_closed(void *ctx)
{
	uv_handle_t *handle = ctx;
	handle->close_cb(handle);
}

static void ignore_closed(uv_handle_t *handle)
{
	(void)handle;
}

void uv_close(uv_handle_t *handle, uv_close_cb close_cb)
{
	assert_null(handle->close_cb); /* libuv asserts that nothing is closed twice */
	(void)uv_timer_stop((uv_timer_t *)handle);
	handle->close_cb = close_cb ? close_cb : ignore_closed;
	world_at(the_world, 0, pod_of(handle->loop), on_closed, handle)->is_closing = true;
}

uint64_t uv_now(const uv_loop_t *loop)
{
	(void)loop;
	return (uint64_t)the_world->now_ms;
}

int uv_random(uv_loop_t *loop, uv_random_t *request, void *out, size_t len, unsigned flags, uv_random_cb cb)
{
	(void)loop, (void)request, (void)flags, (void)cb;
	for (size_t i = 0; i < len; i++)
		((unsigned char *)out)[i] = (unsigned char)world_roll(the_world, 256);
	return 0;
}

/* ---- clocks and randomness, wrapped by the linker ---- */

int64_t __wrap_clock_mono_ms(void);
int64_t __wrap_clock_mono_us(void);
int64_t __wrap_clock_unix_ms(void);
int64_t __wrap_clock_unix_us(void);
enum err_code __wrap_id_token(char ret_token[TOKEN_BYTES]);
void __wrap_crash_point(const char *name);

int64_t __wrap_clock_mono_ms(void)
{
	return the_world->now_ms;
}

int64_t __wrap_clock_mono_us(void)
{
	return the_world->now_ms * 1000;
}

int64_t world_unix_ms(const struct world *world)
{
	return (int64_t)WORLD_UNIX_MS * 1000 + world->now_ms;
}

int64_t __wrap_clock_unix_ms(void)
{
	return world_unix_ms(the_world) + (the_world->running ? the_world->running->skew_ms : 0);
}

int64_t __wrap_clock_unix_us(void)
{
	return __wrap_clock_unix_ms() * 1000;
}

enum err_code __wrap_id_token(char ret_token[TOKEN_BYTES])
{
	(void)snprintf(ret_token, TOKEN_BYTES, "%016" PRIx64, ++the_world->tokens);
	return ERR_OK;
}

void __wrap_crash_point(const char *name)
{
	(void)world_passes(the_world->running, name);
}

uint32_t world_roll(struct world *world, uint32_t below)
{
	world->random += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t mixed = (world->random ^ (world->random >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
	return below ? (uint32_t)((mixed ^ (mixed >> 31)) % below) : 0;
}

bool world_passes(struct pod *pod, const char *where)
{
	if (!pod)
		return true;
	struct world *world = pod->world;
	if (pod->is_crashing || pod->is_gone)
		return false;
	if (world->hooks.crash && world->running == pod && world->hooks.crash(world->hooks.ctx, pod, where)) {
		world_note(world, pod, NOTE_CRASHED, where, "", 0);
		pod->is_crashing = true;
	}
	return !pod->is_crashing;
}

/* ---- what happened ---- */

static void print(const struct noted *noted)
{
	static const char *const names[NOTE_COUNT] = {"taken", "done",    "stored",   "dropped", "sent",     "appended",
	                                              "acked", "unacked", "lease",    "kept",    "released", "put",
	                                              "call",  "arrived", "answered", "crashed"};
	printf("%8" PRId64 " pod %2d %-9s %-24s %-12.12s %" PRId64 "\n", noted->at_ms, noted->pod, names[noted->note],
	       noted->topic, noted->id, noted->number);
}

void world_note(struct world *world, const struct pod *pod, enum note note, const char *topic, const char *id,
                int64_t number)
{
	if (world->note_count == world->note_cap) {
		world->note_cap = world->note_cap ? world->note_cap * 2 : 512;
		world->notes = realloc(world->notes, world->note_cap * sizeof *world->notes);
		if (!world->notes)
			abort();
	}
	struct noted *noted = &world->notes[world->note_count++];
	*noted = (struct noted){
	        .at_ms = world->now_ms, .note = note, .pod = pod ? pod->number : -1, .topic = topic, .number = number};
	snprintf(noted->id, sizeof noted->id, "%s", id);
	if (world->prints)
		print(noted);
	if (world->hooks.on_note)
		world->hooks.on_note(world->hooks.ctx, noted);
}

static bool matches(const struct noted *noted, enum note note, const char *topic, const char *id)
{
	return noted->note == note && (!topic || strcmp(noted->topic, topic) == 0) &&
	       (!id || strncmp(noted->id, id, strlen(id)) == 0);
}

int world_find(const struct world *world, enum note note, const char *topic, const char *id, int nth)
{
	for (size_t i = 0; i < world->note_count; i++)
		if (matches(&world->notes[i], note, topic, id) && nth-- == 0)
			return (int)i;
	return -1;
}

int world_count(const struct world *world, enum note note, const char *topic, const char *id)
{
	int count = 0;
	for (size_t i = 0; i < world->note_count; i++)
		count += matches(&world->notes[i], note, topic, id);
	return count;
}

int64_t world_when(const struct world *world, int index)
{
	assert_true(index >= 0);
	return world->notes[index].at_ms;
}

/* ---- life ---- */

struct world *world_new(uint64_t seed)
{
	struct world *world = world_alloc(sizeof *world);
	struct err err;
	log_init("engine_world", LOG_LEVEL_COUNT);
	world->random = seed;
	world->commit_every_ms = 1000;
	world->vendor_timeout_ms = VENDOR_TIMEOUT_MS;
	world->queue = world_alloc(sizeof *world->queue);
	assert_int_equal(seal_ring_new(seal_key, &world->ring, &err), ERR_OK);
	assert_int_equal(metrics_new(&world->metrics), ERR_OK);
	list_init(&world->wire);
	the_world = world;
	kafka_open(world);
	redis_open(world);
	return world;
}

void world_free(struct world *world)
{
	world->hooks = (struct world_hooks){.ctx = NULL};
	for (int i = 0; i < world->pod_count; i++)
		if (!world->pods[i]->is_gone)
			pod_kill(world->pods[i]);
	while (world->queue->count > 0)
		free(pop(world->queue));
	for (int i = 0; i < world->pod_count; i++)
		free(world->pods[i]);
	vendor_shut(world);
	redis_shut(world);
	kafka_shut(world);
	free(world->queue->heap);
	free(world->queue);
	free(world->notes);
	metrics_free(world->metrics);
	seal_ring_free(world->ring);
	free(world);
	the_world = NULL;
}
