/* status_read: what others wrote, made sense of: workers' statuses of two looks, breakers, a rebuild's progress. */
#include "common/adapters/status.h"
#include "common/base/decimal.h"
#include "common/base/json_in.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 8 };

static struct status_worker *find(struct status_workers *workers, const char *name)
{
	for (size_t i = 0; i < workers->count; i++)
		if (strcmp(workers->list[i].name, name) == 0)
			return &workers->list[i];
	return NULL;
}

static struct status_worker *add(struct status_workers *workers, const char *name)
{
	if (workers->count == workers->cap) {
		size_t cap = workers->cap ? 2 * workers->cap : FIRST_CAP;
		struct status_worker *list = realloc(workers->list, cap * sizeof *list);
		if (!list)
			return NULL;
		workers->list = list;
		workers->cap = cap;
	}
	struct status_worker *worker = &workers->list[workers->count++];
	*worker = (struct status_worker){.is_fresh = false};
	(void)snprintf(worker->name, sizeof worker->name, "%s", name);
	return worker;
}

enum err_code status_note_worker(struct status_workers *workers, const char *name, const char *text, size_t len)
{
	struct worker_status status;
	if (worker_status_decode(text, len, &status, NULL) != ERR_OK)
		return ERR_OK;
	struct status_worker *worker = find(workers, name);
	if (!worker)
		worker = add(workers, name);
	if (!worker)
		return ERR_NO_MEMORY;
	worker->now = status;
	return ERR_OK;
}

/* at_ms 0: not seen yet in this look. */
void status_begin_look(struct status_workers *workers)
{
	for (size_t i = 0; i < workers->count; i++) {
		struct status_worker *worker = &workers->list[i];
		bool first = worker->between.at_ms == 0;
		if (first || worker->now.at_ms - worker->between.at_ms >= STATUS_SPAN_MS) {
			worker->before = first ? worker->now : worker->between;
			worker->between = worker->now;
		}
		worker->now.at_ms = 0;
	}
}

void status_end_look(struct status_workers *workers, int64_t now_ms)
{
	size_t kept = 0;
	for (size_t i = 0; i < workers->count; i++) {
		struct status_worker *worker = &workers->list[i];
		if (worker->now.at_ms == 0)
			continue;
		if (worker->now.started_ms >= worker->before.at_ms)
			worker->before.at_ms = worker->between.at_ms = 0; /* counts anew */
		worker->is_fresh = worker_status_is_fresh(&worker->now, now_ms);
		if (kept != i)
			workers->list[kept] = *worker;
		kept++;
	}
	workers->count = kept;
}

void status_workers_fini(struct status_workers *workers)
{
	free(workers->list);
	*workers = (struct status_workers){NULL, 0, 0};
}

/* Returns: the end of the number; NULL when there is none. */
static const char *take_number(const char *at, const char *end, int64_t *ret_number)
{
	size_t blanks = 0, len = 0;
	while (at + blanks < end && at[blanks] == ' ')
		blanks++;
	while (at + blanks + len < end && at[blanks + len] != ' ')
		len++;
	if (decimal_parse(at + blanks, len, INT64_MAX, ret_number) != ERR_OK)
		return NULL;
	return at + blanks + len;
}

void status_read_breaker(const char *text, size_t len, struct status_breaker *ret_breaker)
{
	static const char open[] = "open ";
	struct status_breaker breaker = {.is_open = true};
	const char *at = text, *end = text + len;
	if (len > sizeof open - 1 && memcmp(text, open, sizeof open - 1) == 0)
		at = take_number(text + sizeof open - 1, end, &breaker.since_ms);
	else
		at = NULL;
	if (at)
		at = take_number(at, end, &breaker.next_probe_ms);
	for (size_t i = 0; at && at + 1 < end && i + 1 < sizeof breaker.reason; i++) {
		at++; /* begins with the blank */
		breaker.reason[i] = *at;
		if (*at < ' ' || *at > '~')
			breaker.reason[i] = '?';
	}
	*ret_breaker = breaker;
}

void status_read_progress(const char *text, struct status_redis *redis)
{
	struct json_in *root = NULL;
	int64_t filled, to_fill;
	if (json_in_parse(text, strlen(text), &root, NULL) != ERR_OK)
		return;
	if (json_in_int(root, "read", 0, INT64_MAX, &filled, NULL) == ERR_OK &&
	    json_in_int(root, "to_read", 1, INT64_MAX, &to_fill, NULL) == ERR_OK) {
		redis->filled = filled < to_fill ? filled : to_fill;
		redis->to_fill = to_fill;
	}
	json_in_free(root);
}
