/* ctl_progress: "replaying [##########..........] 312/1000, 100.1/s, 6 s left". */
#include "ctl/ctl_progress.h"
#include "common/base/clock.h"
#include <stdio.h>
#include <unistd.h>

enum { BAR = 30, EVERY_MS = 200 };

void ctl_progress_begin(struct ctl_progress *progress, const char *what, size_t total)
{
	*progress = (struct ctl_progress){
	        .what = what, .total = total, .is_shown = isatty(STDERR_FILENO) == 1, .begun_ms = clock_mono_ms()};
}

static void draw(const struct ctl_progress *progress, size_t done, int64_t took_ms)
{
	char bar[BAR + 1];
	double rate = took_ms > 0 ? (double)done * 1000 / (double)took_ms : 0;
	if (progress->total == 0) {
		(void)fprintf(stderr, "\r%s %zu, %.0f/s\033[K", progress->what, done, rate);
		return;
	}
	size_t part = done < progress->total ? done : progress->total;
	size_t full = part * BAR / progress->total;
	for (size_t i = 0; i < BAR; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR] = '\0';
	(void)fprintf(stderr, "\r%s [%s] %zu/%zu, %.1f/s, %.0f s left\033[K", progress->what, bar, done,
	              progress->total, rate, rate > 0 ? (double)(progress->total - part) / rate : 0);
}

void ctl_progress_at(struct ctl_progress *progress, size_t done)
{
	if (!progress->is_shown)
		return;
	int64_t now = clock_mono_ms();
	if (progress->is_drawn && now - progress->drawn_ms < EVERY_MS)
		return;
	draw(progress, done, now - progress->begun_ms);
	progress->is_drawn = true;
	progress->drawn_ms = now;
	(void)fflush(stderr);
}

void ctl_progress_end(struct ctl_progress *progress)
{
	if (progress->is_drawn)
		(void)fputs("\r\033[K", stderr);
	progress->is_drawn = false;
}
