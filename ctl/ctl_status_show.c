/* ctl_status_show: the screen. Columns are padded before they are coloured; no line depends on a terminal's width, but
 * most fit into 100 columns. */
#include "common/base/clock.h"
#include "ctl/ctl.h"
#include "ctl/ctl_status.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CELL_BYTES = 64, NAME_WIDTH = 40 };

enum colour { PLAIN, BOLD, RED, GREEN, YELLOW, COLOUR_COUNT };

struct screen {
	struct buf *out;
	bool colours;
	enum err_code failed; /* the first error */
};

PRINTF_FMT(3, 4)
static void say(struct screen *screen, enum colour colour, const char *fmt, ...)
{
	static const char *const begins[COLOUR_COUNT] = {"", "\033[1m", "\033[31;1m", "\033[32m", "\033[33m"};
	char text[STATUS_WHY_BYTES + WORKER_NAME_BYTES];
	va_list args;
	bool coloured = screen->colours && colour != PLAIN;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (screen->failed == ERR_OK)
		screen->failed = buf_printf(screen->out, "%s%s%s", coloured ? begins[colour] : "", text,
		                            coloured ? "\033[0m" : "");
}

/* ---- cells ---- */

static void rate_cell(const struct status_class *class, double a_second, char out[CELL_BYTES])
{
	(void)snprintf(out, CELL_BYTES, class->rates_known ? "%.1f" : "-", a_second);
}

static void lag_cell(const struct status_class *class, char out[CELL_BYTES])
{
	(void)snprintf(out, CELL_BYTES, class->lag_known ? "%" PRId64 : "?", class->lag);
}

static void drain_cell(const struct status_class *class, char out[CELL_BYTES])
{
	static const char *const words[] = {
	        [DRAIN_NOTHING] = "-", [DRAIN_SECONDS] = "", [DRAIN_UNKNOWN] = "?", [DRAIN_STANDS] = "stands"};
	if (class->drain == DRAIN_SECONDS)
		status_span(class->drain_s, out);
	else
		(void)snprintf(out, CELL_BYTES, "%s", words[class->drain]);
}

static void quota_cell(const struct status_class *class, char out[CELL_BYTES])
{
	const struct worker_class *sum = &class->sum;
	if (!sum->has_quota)
		(void)snprintf(out, CELL_BYTES, class->workers > 0 ? "none" : "?");
	else if (sum->quota_period_ms % 1000 == 0)
		(void)snprintf(out, CELL_BYTES, "%" PRId64 "/%" PRId64 " in %" PRId64 "s", sum->quota_used,
		               sum->quota_limit, sum->quota_period_ms / 1000);
	else
		(void)snprintf(out, CELL_BYTES, "%" PRId64 "/%" PRId64 " in %" PRId64 "ms", sum->quota_used,
		               sum->quota_limit, sum->quota_period_ms);
}

static void dead_cell(const struct status_kafka *kafka, size_t index, char out[CELL_BYTES])
{
	bool all = kafka->dead_read >= kafka->dead_day;
	if (!kafka->is_up || !kafka->dead_known)
		(void)snprintf(out, CELL_BYTES, "?");
	else
		(void)snprintf(out, CELL_BYTES, "%s%" PRId64, all ? "" : ">=", kafka->dead_by_class[index]);
}

static void name_cell(const struct status_class *class, char out[CELL_BYTES])
{
	const struct operation_info *operation = operation_info(class->operation);
	(void)snprintf(out, CELL_BYTES, "%.30s %.30s", kind_info(operation->kind)->vendor, operation->name);
}

/* ---- tables ---- */

static void print_class(struct screen *screen, const struct status_picture *picture, const struct status_class *class)
{
	char name[CELL_BYTES], cell[CELL_BYTES], hand[CELL_BYTES];
	const double rates[] = {class->taken_s, class->calls_s, class->completed_s, class->retried_s};
	name_cell(class, name);
	say(screen, PLAIN, "%-16s", name);
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		rate_cell(class, rates[i], cell);
		say(screen, PLAIN, " %8s", cell);
	}
	(void)snprintf(hand, sizeof hand, "%" PRId64 "/%" PRId64, class->sum.in_flight, class->sum.max_in_flight);
	say(screen, PLAIN, " %11s", class->workers > 0 ? hand : picture->redis.is_up ? "-" : "?");
	lag_cell(class, cell);
	say(screen, class->lag > 0 ? BOLD : PLAIN, " %8s", cell);
	drain_cell(class, cell);
	say(screen, class->drain == DRAIN_STANDS ? RED : PLAIN, " %9s", cell);
	quota_cell(class, cell);
	say(screen, PLAIN, " %13s", cell);
	bool is_open = class->breaker && class->breaker->is_open;
	say(screen, is_open ? RED : PLAIN, "  %-7s", is_open ? "OPEN" : class->breaker ? "closed" : "?");
	dead_cell(&picture->kafka, class->operation, cell);
	say(screen, class->dead_s > 0 ? RED : PLAIN, " %8s\n", cell);
}

static void print_classes(struct screen *screen, const struct status_picture *picture)
{
	const struct status_sum *sum = &picture->sum;
	char cell[CELL_BYTES];
	say(screen, BOLD, "%-16s %8s %8s %8s %8s %11s %8s %9s %13s  %-7s %8s\n", "CLASS", "TAKEN/s", "CALLS/s",
	    "DONE/s", "RETRY/s", "IN FLIGHT", "LAG", "DRAINS IN", "QUOTA USED", "BREAKER", "DEAD 24h");
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		if (sum->classes[i].is_used)
			print_class(screen, picture, &sum->classes[i]);
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		if (sum->classes[i].is_used)
			continue;
		name_cell(&sum->classes[i], cell);
		say(screen, PLAIN, "%-16s not used\n", cell);
	}
	if (picture->kafka.dead_by_class[OPERATION_COUNT] > 0) {
		dead_cell(&picture->kafka, OPERATION_COUNT, cell);
		say(screen, PLAIN, "%-16s %105s\n", "unreadable", cell);
	}
}

static bool anybody_waits(const struct status_class *class)
{
	for (size_t i = 0; i < WORKER_STATUS_PRIORITIES; i++)
		if (class->sum.waiting[i] > 0)
			return true;
	return false;
}

static void print_waiting(struct screen *screen, const struct status_sum *sum)
{
	bool any = false;
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		any = any || anybody_waits(&sum->classes[i]);
	if (!any)
		return;
	say(screen, BOLD, "\n%-16s %8s %11s %8s %8s\n", "WAIT FOR A CALL", "browser", "retrievals", "others",
	    "replays");
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		const int64_t *waiting = sum->classes[i].sum.waiting;
		char name[CELL_BYTES];
		if (!anybody_waits(&sum->classes[i]))
			continue;
		name_cell(&sum->classes[i], name);
		say(screen, PLAIN, "%-16s %8" PRId64 " %11" PRId64 " %8" PRId64 " %8" PRId64 "\n", name, waiting[0],
		    waiting[1], waiting[2], waiting[3]);
	}
}

static void print_worker(struct screen *screen, const struct status_worker *worker, int64_t now_ms)
{
	char name[NAME_WIDTH + 1], version[WORKER_VERSION_BYTES], up[STATUS_SPAN_BYTES], serves[CELL_BYTES] = "";
	const struct worker_status *now = &worker->now;
	size_t used = 0;
	ctl_printable(worker->name, name, sizeof name);
	ctl_printable(now->version, version, sizeof version);
	status_span((now_ms - now->started_ms) / 1000, up);
	for (size_t i = 0; i < now->class_count && used < sizeof serves; i++)
		used += (size_t)snprintf(serves + used, sizeof serves - used, "%s%s", i ? ", " : "",
		                         operation_info(now->classes[i].operation)->name);
	say(screen, PLAIN, "%-*s %-9s %9s %8" PRId64 "ms  ", NAME_WIDTH, name, version, up, now->loop_lag_ms);
	if (!worker->is_fresh)
		say(screen, RED, "silent for %" PRId64 "s", (now_ms - now->at_ms) / 1000);
	else
		say(screen, now->draining ? YELLOW : PLAIN, "%s", now->draining ? "draining" : "works");
	say(screen, PLAIN, "  %s\n", serves);
}

static void print_workers(struct screen *screen, const struct status_picture *picture)
{
	const struct status_workers *workers = &picture->workers;
	if (!picture->redis.is_up)
		return;
	if (workers->count == 0) {
		say(screen, PLAIN, "\nno workers\n");
		return;
	}
	say(screen, BOLD, "\n%-*s %-9s %9s %10s  %s\n", NAME_WIDTH, "WORKER", "VERSION", "UP", "LOOP LAG", "STATE");
	for (size_t i = 0; i < workers->count && i < STATUS_WORKERS_SHOWN; i++)
		print_worker(screen, &workers->list[i], picture->redis.now_ms);
	if (workers->count > STATUS_WORKERS_SHOWN)
		say(screen, PLAIN, "and %zu more (--json shows all)\n", workers->count - STATUS_WORKERS_SHOWN);
}

static void print_ingress(struct screen *screen, const struct status_ingress *ingress, int64_t now_ms)
{
	char name[NAME_WIDTH + 1], version[WORKER_VERSION_BYTES], up[STATUS_SPAN_BYTES];
	const struct ingress_status *now = &ingress->now;
	ctl_printable(ingress->name, name, sizeof name);
	ctl_printable(now->version, version, sizeof version);
	status_span((now_ms - now->started_ms) / 1000, up);
	say(screen, PLAIN, "%-*s %-9s %9s %8" PRId64 "ms  ", NAME_WIDTH, name, version, up, now->loop_lag_ms);
	if (!ingress->is_fresh)
		say(screen, RED, "silent for %" PRId64 "s", (now_ms - now->at_ms) / 1000);
	else
		say(screen, now->draining ? YELLOW : PLAIN, "%s", now->draining ? "draining" : "works");
	say(screen, PLAIN, "  %" PRId64 " calls held\n", now->held);
}

static void print_ingresses(struct screen *screen, const struct status_picture *picture)
{
	const struct status_ingresses *ingresses = &picture->ingresses;
	if (!picture->redis.is_up || ingresses->count == 0)
		return;
	say(screen, BOLD, "\n%-*s %-9s %9s %10s  %s\n", NAME_WIDTH, "INGRESS", "VERSION", "UP", "LOOP LAG", "STATE");
	for (size_t i = 0; i < ingresses->count && i < STATUS_WORKERS_SHOWN; i++)
		print_ingress(screen, &ingresses->list[i], picture->redis.now_ms);
	if (ingresses->count > STATUS_WORKERS_SHOWN)
		say(screen, PLAIN, "and %zu more (--json shows all)\n", ingresses->count - STATUS_WORKERS_SHOWN);
}

static void print_stores(struct screen *screen, const struct status_picture *picture)
{
	const struct status_redis *redis = &picture->redis;
	const struct status_kafka *kafka = &picture->kafka;
	say(screen, PLAIN, "Redis  ");
	if (!redis->is_up)
		say(screen, RED, "away\n");
	else if (!redis->whole_known)
		say(screen, YELLOW, "there; nobody knows whether it is whole\n");
	else if (redis->is_whole)
		say(screen, GREEN, "whole\n");
	else if (redis->is_filled)
		say(screen, YELLOW, "being filled again: %" PRId64 " %%\n",
		    redis->to_fill > 0 ? redis->filled * 100 / redis->to_fill : 0);
	else
		say(screen, YELLOW, "not whole, and nobody fills it\n");
	say(screen, PLAIN, "Kafka  ");
	if (!kafka->is_up) {
		say(screen, RED, "away\n\n");
		return;
	}
	say(screen, GREEN, "there");
	say(screen, PLAIN, "; delayed %" PRId64 ", results that Redis may lack %" PRId64, kafka->delayed,
	    kafka->projector_lag);
	if (kafka->dead_known)
		say(screen, PLAIN, ", dead in 24 h %" PRId64 ", in 1 h %s%" PRId64, kafka->dead_day,
		    kafka->dead_read < kafka->dead_day ? ">=" : "", kafka->dead_hour);
	if (kafka->dead_known && kafka->dead_read < kafka->dead_day)
		say(screen, PLAIN, " (by class: of the newest %" PRId64 ")", kafka->dead_read);
	say(screen, PLAIN, "\n\n");
}

enum err_code status_print(const struct status_picture *picture, bool colours, struct buf *out)
{
	struct screen screen = {out, colours, ERR_OK};
	const struct status_sum *sum = &picture->sum;
	char at[CLOCK_TEXT_BYTES];
	clock_text(picture->redis.now_ms, at);
	say(&screen, BOLD, "verifyd at %s: ", at);
	say(&screen, sum->finding_count ? RED : GREEN, "%s\n", sum->finding_count ? "needs attention" : "healthy");
	for (size_t i = 0; i < sum->finding_count; i++) {
		say(&screen, RED, "  ! ");
		say(&screen, PLAIN, "%s\n", sum->findings[i].text);
	}
	say(&screen, PLAIN, "\n");
	print_stores(&screen, picture);
	print_classes(&screen, picture);
	print_waiting(&screen, sum);
	print_workers(&screen, picture);
	print_ingresses(&screen, picture);
	return screen.failed;
}
