/* console_view_flow: the way of a question as a picture: callers, ingresses, Kafka, workers, vendors; the way back
 * through results and Redis. Between two places stands what passes in a second. The style sheet lays it out in a row,
 * or, on a telephone, from top to bottom. */
#include "common/adapters/console_view_internal.h"
#include <inttypes.h>
#include <string.h>

/* Sums over all classes. */
struct flow {
	int64_t lag, in_flight;
	double taken_s, calls_s, done_s;
	bool lag_known, rates_known, stands;
	double took[WORKER_TOOK_BUCKETS];
};

static struct flow sum_up(const struct page *page)
{
	const struct status_sum *sum = &page->view->picture->sum;
	struct flow flow = {.lag_known = true};
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		const struct status_class *class = &sum->classes[i];
		flow.lag += class->lag;
		flow.lag_known = flow.lag_known && (class->lag_known || !class->is_used);
		flow.in_flight += class->sum.in_flight;
		flow.taken_s += class->taken_s;
		flow.calls_s += class->calls_s;
		flow.done_s += class->completed_s + class->dead_s;
		flow.rates_known = flow.rates_known || class->rates_known;
		flow.stands = flow.stands || class->drain == DRAIN_STANDS;
		for (size_t bucket = 0; bucket < WORKER_TOOK_BUCKETS; bucket++)
			flow.took[bucket] += page->view->past->took[i][bucket];
	}
	return flow;
}

/* ---- arrows ---- */

static void begin_arrow(struct page *page, const char *area, const char *way, bool moves)
{
	put_format(page, "<li class=\"arrow %s %s%s\"><b>", area, way, moves ? " moves" : "");
}

static void end_arrow(struct page *page, const char *way, const char *what)
{
	put_format(page, "</b><span>%s</span>", what);
	put(page,
	    *way == 'o' ? "<svg class=\"line\" viewBox=\"0 0 100 12\" aria-hidden=\"true\"><path d=\"M0 6H98\"/><path "
	                  "d=\"M93 1l6 5-6 5\"/></svg></li>"
	                : "<svg class=\"line\" viewBox=\"0 0 100 12\" aria-hidden=\"true\"><path d=\"M100 6H2\"/><path "
	                  "d=\"M7 1L1 6l6 5\"/></svg></li>");
}

static void put_arrow(struct page *page, const char *area, const char *way, bool known, double a_second,
                      const char *what)
{
	static const double least = 0.05;
	begin_arrow(page, area, way, known && a_second > least);
	put_rate(page, known, a_second);
	end_arrow(page, way, what);
}

/* ---- places ---- */

static void begin_node(struct page *page, const char *area, const char *state, const char *name)
{
	put_format(page, "<li class=\"node %s %s\"><h3>%s</h3>", area, state, name);
}

static void put_ingresses(struct page *page, const struct status_picture *picture)
{
	size_t count = picture->sum.callers.ingresses;
	begin_node(page, "ingress", !picture->redis.is_up ? "unknown" : count ? "good" : "bad", "Ingress");
	if (!picture->redis.is_up)
		put(page, "<p>not to be seen without Redis</p></li>");
	else
		put_format(page, "<p>%zu instance%s</p></li>", count, count == 1 ? "" : "s");
}

static void put_requests(struct page *page, const struct status_picture *picture, const struct flow *flow)
{
	begin_node(page, "requests", !picture->kafka.is_up ? "bad" : flow->stands ? "note" : "good", "Kafka");
	if (!picture->kafka.is_up) {
		put(page, "<p>away</p></li>");
		return;
	}
	put(page, "<p><b>");
	put_count(page, flow->lag);
	put(page, "</b> not done</p><p><b>");
	put_count(page, picture->kafka.delayed);
	put(page, "</b> delayed</p></li>");
}

static void put_results(struct page *page, const struct status_picture *picture)
{
	const struct status_redis *redis = &picture->redis;
	bool good = redis->is_up && (redis->is_whole || !redis->whole_known);
	begin_node(page, "results", !redis->is_up ? "bad" : good ? "good" : "note", "Results, Redis");
	if (!redis->is_up)
		put(page, "<p>Redis is away</p>");
	else if (redis->whole_known && redis->is_whole)
		put(page, "<p>Redis is whole</p>");
	else if (redis->is_filled && redis->to_fill > 0)
		put_format(page, "<p>being filled: %" PRId64 " %%</p>", redis->filled * 100 / redis->to_fill);
	else
		put_format(page, "<p>%s</p>", redis->whole_known ? "Redis is not whole" : "Redis is there");
	if (picture->kafka.is_up) {
		put(page, "<p><b>");
		put_count(page, picture->kafka.projector_lag);
		put(page, "</b> to compare</p>");
	}
	put(page, "</li>");
}

static void put_workers(struct page *page, const struct status_picture *picture, const struct flow *flow)
{
	size_t count = 0;
	for (size_t i = 0; i < picture->workers.count; i++)
		count += picture->workers.list[i].is_fresh;
	begin_node(page, "workers", !picture->redis.is_up ? "unknown" : count ? "good" : "bad", "Workers");
	if (!picture->redis.is_up) {
		put(page, "<p>not to be seen without Redis</p></li>");
		return;
	}
	put_format(page, "<p>%zu instance%s</p><p><b>", count, count == 1 ? "" : "s");
	put_count(page, flow->in_flight);
	put(page, "</b> in hand</p></li>");
}

static bool is_first_of_vendor(unsigned operation)
{
	const char *vendor = kind_info(operation_info((enum operation)operation)->kind)->vendor;
	for (unsigned i = 0; i < operation; i++)
		if (strcmp(kind_info(operation_info((enum operation)i)->kind)->vendor, vendor) == 0)
			return false;
	return true;
}

static void put_vendors(struct page *page, const struct status_picture *picture)
{
	bool all_good = true;
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		all_good = all_good && !picture->redis.breakers[i].is_open;
	begin_node(page, "vendors", !picture->redis.is_up ? "unknown" : all_good ? "good" : "bad", "Vendors");
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		const char *vendor = kind_info(operation_info((enum operation)i)->kind)->vendor;
		bool is_open = false;
		if (!is_first_of_vendor(i))
			continue;
		for (unsigned other = i; other < OPERATION_COUNT; other++)
			if (strcmp(kind_info(operation_info((enum operation)other)->kind)->vendor, vendor) == 0)
				is_open = is_open || picture->redis.breakers[other].is_open;
		put(page, is_open ? "<p class=\"bad\"><b>" : "<p>");
		put_text(page, vendor);
		put(page, is_open ? "</b>: left alone</p>" : "</p>");
	}
	put(page, "</li>");
}

void put_flow(struct page *page)
{
	const struct status_picture *picture = page->view->picture;
	const struct status_callers *callers = &picture->sum.callers;
	const struct flow flow = sum_up(page);
	put(page, "<section aria-labelledby=\"flow\"><h2 id=\"flow\">Flow</h2><ol class=\"flow\">");
	begin_node(page, "callers", "good", "Callers");
	put(page, "<p>B2C, browsers, /v1</p></li>");
	put_arrow(page, "a1", "out", callers->rates_known, callers->answered_s, "requests/s");
	begin_arrow(page, "b1", "back", callers->answered_s > 0);
	if (picture->redis.is_up)
		put_count(page, callers->held);
	else
		put(page, "–");
	end_arrow(page, "back", "held");
	put_ingresses(page, picture);
	put_arrow(page, "a2", "out", callers->rates_known, callers->accepted_s, "accepted/s");
	put_arrow(page, "b2", "back", callers->rates_known, callers->joined_s, "joined/s");
	put_requests(page, picture, &flow);
	put_results(page, picture);
	put_arrow(page, "a3", "out", flow.rates_known, flow.taken_s, "taken/s");
	put_arrow(page, "b3", "back", flow.rates_known, flow.done_s, "done/s");
	put_workers(page, picture, &flow);
	put_arrow(page, "a4", "out", flow.rates_known, flow.calls_s, "calls/s");
	begin_arrow(page, "b4", "back", flow.calls_s > 0);
	put_took(page, console_took_ms(flow.took, 0.5));
	end_arrow(page, "back", "median");
	put_vendors(page, picture);
	put(page, "</ol></section>");
}
