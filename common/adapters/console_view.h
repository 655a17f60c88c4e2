/* console_view: the part of the console's page that changes, as HTML: what is wrong first and what to do about it, the flow as
 * a picture with its rates, classes, dead letters, instances. Written by the server alone, so that a browser without a
 * script sees the same. Nothing in it is about a person; whatever others wrote is escaped. Pure. */
#ifndef VERIFYD_CONSOLE_VIEW_H
#define VERIFYD_CONSOLE_VIEW_H

#include "common/adapters/status.h"

enum {
	CONSOLE_VIEW_MAX_BYTES = 256 * 1024,
	CONSOLE_INSTANCES_SHOWN = 100,
	CONSOLE_PAST = 60, /* looks, one a second */
};

/* What the looks before say; zeroed at first. */
struct console_past {
	size_t count;                                    /* looks that are remembered, at most CONSOLE_PAST */
	double calls_s[OPERATION_COUNT][CONSOLE_PAST];   /* the newest last */
	double took[OPERATION_COUNT][WORKER_TOOK_BUCKETS]; /* vendor calls by how long they took; older ones count less */
};

struct console_view {
	const struct status_picture *picture; /* summed up */
	const struct console_past *past;
	const char *program, *instance; /* who shows it */
	const char *health;             /* of this process: a JSON object of words and numbers, as /healthz shows it */
};

/* Adds a picture to the past. */
void console_past_add(struct console_past *past, const struct status_sum *sum);

/* The time within which `share` (0..1) of the calls were answered, in ms, between the bounds of their bucket; -1: there are
 * none; INT64_MAX: beyond the last bound. */
int64_t console_took_ms(const double took[WORKER_TOOK_BUCKETS], double share);

/* Appends <main>…</main>, in one line. Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code console_view_write(const struct console_view *view, struct buf *out) WARN_UNUSED;

#endif
