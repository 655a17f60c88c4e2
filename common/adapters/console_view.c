/* console_view: what is wrong first, then the parts in their order; and how numbers are written. */
#include "common/adapters/console_view_internal.h"
#include "common/base/clock.h"
#include "common/base/html.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NOTE_BYTES = 320, LATE_MS = 250, LONG_DRAIN_S = 60, TIME_AT = 11, TIME_BYTES = 8 };

/* ---- writing ---- */

void put(struct page *page, const char *html)
{
	if (page->failed == ERR_OK)
		page->failed = buf_append_str(page->out, html);
}

void put_text(struct page *page, const char *text)
{
	if (page->failed == ERR_OK)
		page->failed = html_escape(page->out, text);
}

void put_format(struct page *page, const char *fmt, ...)
{
	char text[512];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	put(page, text);
}

void put_count(struct page *page, int64_t count)
{
	char digits[32];
	int len = snprintf(digits, sizeof digits, "%" PRId64, count);
	for (int i = 0; i < len; i++)
		put_format(page, "%c%s", digits[i],
		           i + 1 < len && (len - i - 1) % 3 == 0 && digits[i] != '-' ? "," : "");
}

void put_rate(struct page *page, bool known, double a_second)
{
	if (!known)
		put(page, "–");
	else
		put_format(page, a_second < 99.95 ? "%.1f" : "%.0f", a_second);
}

void put_took(struct page *page, int64_t ms)
{
	if (ms < 0)
		put(page, "–");
	else if (ms == INT64_MAX)
		put_format(page, "over %" PRId64 " s", worker_took_ms(WORKER_TOOK_BUCKETS - 2) / 1000);
	else if (ms < 1000)
		put_format(page, "%" PRId64 " ms", ms);
	else
		put_format(page, "%.1f s", (double)ms / 1000);
}

void put_name(struct page *page, enum operation operation)
{
	put_text(page, kind_info(operation_info(operation)->kind)->vendor);
	put(page, " · ");
	put_text(page, operation_info(operation)->name);
}

void put_command(struct page *page, const char *command)
{
	put(page, "<p class=\"cmd\"><code>");
	put_text(page, command);
	put(page, "</code><button type=\"button\" class=\"copy\">Copy</button></p>");
}

/* ---- the past ---- */

void console_past_add(struct console_past *past, const struct status_sum *sum)
{
	static const double keeps = 0.9; /* of a look's weight, a second later: half of it is of the last 7 s */
	if (past->count == CONSOLE_PAST)
		past->count--;
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		double *calls = past->calls_s[i];
		const struct status_class *class = &sum->classes[i];
		if (past->count == CONSOLE_PAST - 1)
			memmove(calls, calls + 1, (CONSOLE_PAST - 1) * sizeof *calls);
		calls[past->count] = class->calls_s;
		for (size_t bucket = 0; bucket < WORKER_TOOK_BUCKETS; bucket++)
			past->took[i][bucket] = past->took[i][bucket] * keeps + (double)class->took[bucket];
	}
	past->count++;
}

int64_t console_took_ms(const double took[WORKER_TOOK_BUCKETS], double share)
{
	static const double least = 0.5; /* fewer calls than that say nothing */
	double all = 0, below = 0;
	size_t i = 0;
	for (size_t bucket = 0; bucket < WORKER_TOOK_BUCKETS; bucket++)
		all += took[bucket];
	if (all < least)
		return -1;
	while (i + 1 < WORKER_TOOK_BUCKETS && below + took[i] < all * share)
		below += took[i++];
	if (i + 1 == WORKER_TOOK_BUCKETS)
		return INT64_MAX;
	double from = i ? (double)worker_took_ms(i - 1) : 0, to = (double)worker_took_ms(i);
	double part = took[i] > 0 ? (all * share - below) / took[i] : 1;
	return (int64_t)(from + (to - from) * part + 0.5);
}

/* ---- what is wrong ---- */

static const struct advice {
	const char *code, *text, *command, *section;
} advices[] = {
#define ADVICE(code, text, command, section) {code, text, command, section},
#include "common/adapters/console_advice.def"
#undef ADVICE
};

static const struct advice *advice_of(const char *code)
{
	for (size_t i = 0; i < sizeof advices / sizeof *advices; i++)
		if (strcmp(advices[i].code, code) == 0)
			return &advices[i];
	return NULL;
}

static void put_section(struct page *page, const char *section)
{
	put(page, "<p class=\"see\">Runbook: docs/operations.md, “");
	put_text(page, section);
	put(page, "”</p>");
}

static bool is_about_credentials(const struct status_picture *picture, const struct status_finding *finding)
{
	return finding->operation != OPERATION_COUNT && strcmp(finding->code, "breaker_open") == 0 &&
	       strcmp(picture->redis.breakers[finding->operation].reason, "credentials") == 0;
}

static void put_finding(struct page *page, const struct status_finding *finding)
{
	const struct advice *advice = advice_of(finding->code);
	put(page, "<li class=\"bad\"><h2>");
	put_text(page, finding->text);
	put(page, "</h2>");
	if (advice) {
		put(page, "<p>");
		put_text(page, advice->text);
		if (is_about_credentials(page->view->picture, finding))
			put(page, " It refuses <b>our credentials</b>: give the workers valid ones.");
		put(page, "</p>");
		put_command(page, advice->command);
		put_section(page, is_about_credentials(page->view->picture, finding) ? "VerifydVendorRefusesUs"
		                                                                     : advice->section);
	}
	put(page, "</li>");
}

/* What is not wrong, but may become so. Returns: how many there are; page NULL: only counted. */
struct notes {
	struct page *page;
	size_t count;
};

PRINTF_FMT(3, 4)
static void note(struct notes *notes, const char *section, const char *fmt, ...)
{
	char text[NOTE_BYTES];
	va_list args;
	notes->count++;
	if (!notes->page)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	put(notes->page, "<li class=\"note\"><h2>");
	put_text(notes->page, text);
	put(notes->page, "</h2>");
	put_section(notes->page, section);
	put(notes->page, "</li>");
}

static void note_class(struct notes *notes, const struct status_class *class)
{
	const struct operation_info *operation = operation_info(class->operation);
	const char *vendor = kind_info(operation->kind)->vendor;
	char span[STATUS_SPAN_BYTES];
	if (class->drain != DRAIN_SECONDS || class->drain_s < LONG_DRAIN_S)
		return;
	status_span(class->drain_s, span);
	if (class->sum.has_quota)
		note(notes, "VerifydQuotaSaturated",
		     "%.30s %.30s: %" PRId64 " wait for %s at the vendor's quota of %" PRId64 " in %" PRId64
		     " ms; more workers would not help",
		     vendor, operation->name, class->lag, span, class->sum.quota_limit, class->sum.quota_period_ms);
	else
		note(notes, "VerifydQueueGrows", "%.30s %.30s: %" PRId64 " wait, which takes %s at the present rate",
		     vendor, operation->name, class->lag, span);
}

static void note_instances(struct notes *notes, const struct status_picture *picture)
{
	for (size_t i = 0; i < picture->workers.count; i++) {
		const struct status_worker *worker = &picture->workers.list[i];
		if (!worker->is_fresh)
			note(notes, "One look: verifyctl status",
			     "worker %.100s is silent for %" PRId64 " s: killed, hanging, or cut off from Redis",
			     worker->name, (picture->redis.now_ms - worker->now.at_ms) / 1000);
		else if (worker->now.loop_lag_ms >= LATE_MS)
			note(notes, "VerifydLoopLag",
			     "worker %.100s comes %" PRId64 " ms late to its work: too little CPU", worker->name,
			     worker->now.loop_lag_ms);
	}
	for (size_t i = 0; i < picture->ingresses.count; i++) {
		const struct status_ingress *ingress = &picture->ingresses.list[i];
		if (!ingress->is_fresh)
			note(notes, "One look: verifyctl status",
			     "ingress %.100s is silent for %" PRId64 " s: killed, hanging, or cut off from Redis",
			     ingress->name, (picture->redis.now_ms - ingress->now.at_ms) / 1000);
		else if (ingress->now.loop_lag_ms >= LATE_MS)
			note(notes, "VerifydLoopLag",
			     "ingress %.100s comes %" PRId64 " ms late to its work: too little CPU", ingress->name,
			     ingress->now.loop_lag_ms);
	}
}

static size_t put_notes(struct page *page, const struct status_picture *picture)
{
	static const double least = 0.05;
	struct notes notes = {page, 0};
	const struct status_callers *callers = &picture->sum.callers;
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		note_class(&notes, &picture->sum.classes[i]);
	if (callers->failed_s > least)
		note(&notes, "VerifydIngressErrors", "%.1f of %.1f answers a second are errors of ours (5xx)",
		     callers->failed_s, callers->answered_s);
	if (callers->refused_s > least)
		note(&notes, "VerifydQueueRefuses",
		     "%.1f questions a second cannot be accepted: Kafka did not take them", callers->refused_s);
	if (callers->limited_s > least)
		note(&notes, "VerifydOverloaded", "%.1f calls a second are not held, or refused: there are too many",
		     callers->limited_s);
	if (picture->redis.is_up)
		note_instances(&notes, picture);
	return notes.count;
}

/* What a look at the first line tells. */
static void put_headline(struct page *page, size_t bad, size_t notes)
{
	const struct status_picture *picture = page->view->picture;
	if (bad > 0)
		put_format(page, "%zu thing%s need%s attention", bad, bad == 1 ? "" : "s", bad == 1 ? "s" : "");
	else if (notes > 0)
		put_format(page, "It works; %zu thing%s to keep an eye on", notes, notes == 1 ? "" : "s");
	else
		put(page, picture->sum.callers.ingresses ? "All is well" : "All is well; no ingress is to be seen");
}

static void put_summary(struct page *page)
{
	const struct status_picture *picture = page->view->picture;
	const struct status_callers *callers = &picture->sum.callers;
	int64_t waiting = 0;
	bool known = true;
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		waiting += picture->sum.classes[i].lag;
		known = known && (picture->sum.classes[i].lag_known || !picture->sum.classes[i].is_used);
	}
	put(page, "<p class=\"sum\">");
	put_rate(page, callers->rates_known, callers->answered_s);
	put(page, " answers a second · ");
	if (picture->redis.is_up)
		put_count(page, callers->held);
	else
		put(page, "–");
	put_format(page, " call%s held · ", callers->held == 1 ? "" : "s");
	if (known)
		put_count(page, waiting);
	else
		put(page, "?");
	put_format(page, " question%s not done yet</p>", known && waiting == 1 ? "" : "s");
}

static void put_verdict(struct page *page)
{
	const struct status_picture *picture = page->view->picture;
	const struct status_sum *sum = &picture->sum;
	size_t notes = put_notes(&(struct page){.failed = ERR_LIMIT, .view = page->view, .out = page->out}, picture);
	const char *class = sum->finding_count ? "bad" : notes ? "note" : "good";
	put_format(page,
	           "<section class=\"verdict %s\" aria-labelledby=\"verdict\"><h1 id=\"verdict\" aria-live=\"polite\">",
	           class);
	put_headline(page, sum->finding_count, notes);
	put(page, "</h1>");
	put_summary(page);
	if (sum->finding_count + notes > 0) {
		put(page, "<ul class=\"findings\">");
		for (size_t i = 0; i < sum->finding_count; i++)
			put_finding(page, &sum->findings[i]);
		(void)put_notes(page, picture);
		put(page, "</ul>");
	}
	put(page, "</section>");
}

/* ---- the whole ---- */

enum err_code console_view_write(const struct console_view *view, struct buf *out)
{
	struct page page = {.view = view, .out = out};
	char at[CLOCK_TEXT_BYTES];
	clock_text(view->picture->redis.now_ms, at);
	put(&page, "<main id=\"console\"><p class=\"at\">As of <time>");
	put_format(&page, "%.*s", TIME_BYTES, at + TIME_AT);
	put(&page, "</time> UTC, seen by ");
	put_text(&page, view->program);
	put(&page, " ");
	put_text(&page, view->instance);
	put(&page, "</p>");
	put_verdict(&page);
	put_flow(&page);
	put_classes(&page);
	put_dead(&page);
	put_instances(&page);
	put(&page, "</main>");
	return page.failed;
}
