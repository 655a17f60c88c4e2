/* console_view_classes: a card for each class: what waits and for how long, calls a second with their past, quota,
 * breaker, how fast the vendor answers, what became of it. */
#include "common/adapters/console_view_internal.h"
#include <inttypes.h>
#include <stdio.h>

enum { SPARK_HEIGHT = 24, PERCENT = 100 };

static void put_fact(struct page *page, const char *name)
{
	put_format(page, "<div><dt>%s</dt><dd>", name);
}

static void end_fact(struct page *page)
{
	put(page, "</dd></div>");
}

/* ---- the past ---- */

static void put_spark(struct page *page, enum operation operation)
{
	const struct console_past *past = page->view->past;
	const double *calls = past->calls_s[operation];
	double most = 1;
	for (size_t i = 0; i < past->count; i++)
		most = calls[i] > most ? calls[i] : most;
	put_format(page,
	           "<svg class=\"spark\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
	           "<path d=\"M0 23H59\"/><polyline points=\"",
	           CONSOLE_PAST - 1, SPARK_HEIGHT);
	for (size_t i = 0; i < past->count; i++)
		put_format(page, "%s%zu,%.1f", i ? " " : "", CONSOLE_PAST - past->count + i,
		           (SPARK_HEIGHT - 1) - (SPARK_HEIGHT - 2) * calls[i] / most);
	put(page, "\"/></svg>");
}

/* ---- quota and breaker ---- */

static void put_period(struct page *page, int64_t period_ms)
{
	if (period_ms % 1000 == 0)
		put_format(page, "%" PRId64 " s", period_ms / 1000);
	else
		put_format(page, "%" PRId64 " ms", period_ms);
}

static void put_quota(struct page *page, const struct worker_class *sum, bool known)
{
	if (!sum->has_quota) {
		put_format(page, "<p class=\"quota\">%s</p>", known ? "No quota" : "Quota: not to be seen");
		return;
	}
	int64_t used = sum->quota_used < sum->quota_limit ? sum->quota_used : sum->quota_limit;
	int64_t percent = used * PERCENT / sum->quota_limit;
	put_format(page, "<p class=\"quota\">Quota: <b>%" PRId64 "</b> of %" PRId64 " used in ", sum->quota_used,
	           sum->quota_limit);
	put_period(page, sum->quota_period_ms);
	put_format(page,
	           "</p><svg class=\"bar%s\" viewBox=\"0 0 100 6\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
	           "<rect class=\"track\" width=\"100\" height=\"6\"/><rect class=\"fill\" width=\"%" PRId64
	           "\" height=\"6\"/></svg>",
	           percent >= PERCENT ? " full" : "", percent);
}

static void put_breaker(struct page *page, const struct status_class *class)
{
	const struct status_breaker *breaker = class->breaker;
	int64_t now_ms = page->view->picture->redis.now_ms;
	char since[STATUS_SPAN_BYTES], next[STATUS_SPAN_BYTES];
	put(page, "<p class=\"breaker\">Breaker: ");
	if (!breaker) {
		put(page, "not to be seen</p>");
		return;
	}
	if (!breaker->is_open) {
		put(page, "closed</p>");
		return;
	}
	status_span((now_ms - breaker->since_ms) / 1000, since);
	status_span((breaker->next_probe_ms - now_ms) / 1000, next);
	put(page, "<b>open</b>");
	if (breaker->since_ms > 0)
		put_format(page, " for %s", since);
	if (*breaker->reason) {
		put(page, ", because of <b>");
		put_text(page, breaker->reason);
		put(page, "</b>");
	}
	if (breaker->next_probe_ms > 0)
		put_format(page, "; next probe %s%s", breaker->next_probe_ms > now_ms ? "in " : "now",
		           breaker->next_probe_ms > now_ms ? next : "");
	put(page, "</p>");
}

/* ---- a card ---- */

static void put_waiting(struct page *page, const struct status_class *class)
{
	static const char *const names[WORKER_STATUS_PRIORITIES] = {"with people waiting", "retrievals", "others",
	                                                            "replays"};
	bool any = false;
	for (size_t i = 0; i < WORKER_STATUS_PRIORITIES; i++) {
		if (class->sum.waiting[i] == 0)
			continue;
		put(page, any ? " · " : "<p class=\"waiting\">Wait for a call: ");
		any = true;
		put_count(page, class->sum.waiting[i]);
		put_format(page, " %s", names[i]);
	}
	if (any)
		put(page, "</p>");
}

static const char *state_of(const struct status_class *class, const char **ret_word)
{
	static const struct {
		const char *class, *word;
	} states[] = {{"bad", "breaker open"},      {"bad", "no worker"}, {"note", "stands"},
	              {"note", "at the quota"},     {"good", "works"},    {"good", "idle"},
	              {"unknown", "not to be seen"}};
	size_t i = 5;
	if (!class->breaker)
		i = 6;
	else if (class->breaker->is_open)
		i = 0;
	else if (class->workers == 0)
		i = 1;
	else if (class->drain == DRAIN_STANDS)
		i = 2;
	else if (class->sum.has_quota && class->sum.quota_used >= class->sum.quota_limit && class->lag > 0)
		i = 3;
	else if (class->lag > 0 || class->calls_s > 0)
		i = 4;
	*ret_word = states[i].word;
	return states[i].class;
}

static void put_drain(struct page *page, const struct status_class *class)
{
	static const char *const words[] = {
	        [DRAIN_NOTHING] = "–", [DRAIN_SECONDS] = "", [DRAIN_UNKNOWN] = "?", [DRAIN_STANDS] = "stands"};
	char span[STATUS_SPAN_BYTES];
	if (class->drain == DRAIN_SECONDS)
		status_span(class->drain_s, span);
	put(page, class->drain == DRAIN_SECONDS ? span : words[class->drain]);
}

static void put_figures(struct page *page, const struct status_class *class)
{
	put(page, "<dl class=\"big\">");
	put_fact(page, "Not done");
	if (class->lag_known)
		put_count(page, class->lag);
	else
		put(page, "?");
	end_fact(page);
	put_fact(page, "Drains in");
	put_drain(page, class);
	end_fact(page);
	put_fact(page, "Calls/s");
	put_rate(page, class->rates_known, class->calls_s);
	end_fact(page);
	put(page, "</dl>");
}

/* What only workers tell. */
static void put_known(struct page *page, const struct status_class *class, int64_t count)
{
	if (class->breaker)
		put_count(page, count);
	else
		put(page, "–");
}

static void put_facts(struct page *page, const struct status_class *class)
{
	const double *took = page->view->past->took[class->operation];
	put(page, "<dl class=\"small\">");
	put_fact(page, "Vendor, median");
	put_took(page, console_took_ms(took, 0.5));
	end_fact(page);
	put_fact(page, "Vendor, 95 %");
	put_took(page, console_took_ms(took, 0.95));
	end_fact(page);
	put_fact(page, "In hand");
	put_known(page, class, class->sum.in_flight);
	put(page, " of ");
	put_known(page, class, class->sum.max_in_flight);
	end_fact(page);
	put_fact(page, "Done/s");
	put_rate(page, class->rates_known, class->completed_s);
	end_fact(page);
	put_fact(page, "Tried again/s");
	put_rate(page, class->rates_known, class->retried_s);
	end_fact(page);
	put_fact(page, "Workers");
	put_known(page, class, (int64_t) class->workers);
	end_fact(page);
	put(page, "</dl>");
}

static void put_card(struct page *page, const struct status_class *class)
{
	const char *word, *state = state_of(class, &word);
	put_format(page, "<article class=\"card %s\"><header><h3>", state);
	put_name(page, class->operation);
	put_format(page, "</h3><p class=\"chip %s\">%s</p></header>", state, word);
	put_figures(page, class);
	put_spark(page, class->operation);
	put_quota(page, &class->sum, class->workers > 0);
	put_breaker(page, class);
	put_waiting(page, class);
	put_facts(page, class);
	put(page, "</article>");
}

void put_classes(struct page *page)
{
	const struct status_sum *sum = &page->view->picture->sum;
	bool any_unused = false;
	put(page, "<section aria-labelledby=\"classes\"><h2 id=\"classes\">Work by vendor</h2><div class=\"cards\">");
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		if (sum->classes[i].is_used)
			put_card(page, &sum->classes[i]);
	put(page, "</div>");
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		if (sum->classes[i].is_used)
			continue;
		put(page, any_unused ? ", " : "<p class=\"soft\">Not used: ");
		put_name(page, (enum operation)i);
		any_unused = true;
	}
	put(page, any_unused ? "</p></section>" : "</section>");
}
