/* ctl_progress: how far a long command is: one line on a terminal that is written over, and nothing where there is none,
 * so that what a script reads is the command's own lines. */
#ifndef VERIFYD_CTL_PROGRESS_H
#define VERIFYD_CTL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl_progress {
	const char *what; /* "replaying" */
	size_t total;     /* 0: not known */
	bool is_shown;    /* stderr is a terminal */
	bool is_drawn;    /* the line holds something */
	int64_t begun_ms, drawn_ms;
};

void ctl_progress_begin(struct ctl_progress *progress, const char *what, size_t total);
/* Draws a few times a second, however often it is called. */
void ctl_progress_at(struct ctl_progress *progress, size_t done);
/* Takes the line away. */
void ctl_progress_end(struct ctl_progress *progress);

#endif
