/* engine_figures: what an engine counts, and what it tells of itself: metrics for scrapers, a status for the fleet. */
#include "workers/engine_internal.h"
#include <stdio.h>
#include <string.h>

enum { LABELS_BYTES = 160, US_PER_MS = 1000 };

/* ---- the series ---- */

static void labels_of(const struct engine *engine, const char *name, const char *value, char out[LABELS_BYTES])
{
	int len = snprintf(out, LABELS_BYTES, "vendor=\"%s\",op=\"%s\"", engine->kind->vendor, engine->operation->name);
	if (name)
		(void)snprintf(out + len, LABELS_BYTES - (size_t)len, ",%s=\"%s\"", name, value);
}

static struct metric *counter(const struct engine *engine, const char *family, const char *label, const char *value,
                              const char *help)
{
	char labels[LABELS_BYTES];
	labels_of(engine, label, value, labels);
	return metrics_counter(engine->ports.metrics, family, labels, help);
}

static struct metric *gauge(const struct engine *engine, const char *family, const char *help)
{
	char labels[LABELS_BYTES];
	labels_of(engine, NULL, NULL, labels);
	return metrics_gauge(engine->ports.metrics, family, labels, help);
}

/* Which answers an operation can have is its flow's. */
static const struct {
	const char *name;
	bool by_flow[3]; /* enum flow_kind */
} bought_rows[BOUGHT_RISK] = {
        [BOUGHT_FAILED] = {"failed", {[FLOW_ASK] = true, [FLOW_INITIATE] = true, [FLOW_RETRIEVE] = true}},
        [BOUGHT_MORE] = {"more", {[FLOW_RETRIEVE] = true}},
        [BOUGHT_PENDING] = {"pending", {[FLOW_RETRIEVE] = true}},
        [BOUGHT_REFUSED] = {"refused", {[FLOW_RETRIEVE] = true}},
        [BOUGHT_PAGE] = {"page", {[FLOW_INITIATE] = true}},
};

static void make_bought(struct engine *engine, size_t i, const char *verdict)
{
	char label[LABELS_BYTES];
	snprintf(label, sizeof label, "%s\",verdict=\"%s", engine->kind->name, verdict);
	engine->metric.bought[i] = counter(engine, "verifyd_calls_bought", "kind", label,
	                                   "vendor calls that ended, by what they were good for");
}

static void make_costs(struct engine *engine)
{
	enum flow_kind flow = engine->operation->flow;
	for (size_t i = 0; i < BOUGHT_RISK; i++)
		if (bought_rows[i].by_flow[flow])
			make_bought(engine, i, bought_rows[i].name);
	for (unsigned i = RISK_LOW; i < RISK_COUNT && flow == FLOW_ASK; i++)
		make_bought(engine, BOUGHT_RISK + i, risk_name((enum risk)i));
	for (unsigned i = VERDICT_NONE + 1; i < VERDICT_COUNT && flow == FLOW_RETRIEVE; i++)
		make_bought(engine, BOUGHT_VERDICT + i, verdict_name((enum verdict)i));
	for (unsigned i = 0; i < FAILURE_COUNT; i++)
		engine->metric.failure[i] =
		        counter(engine, "verifyd_vendor_failures", "failure",
		                reason_name(failure_reason((enum failure)i)), "vendor calls that failed, by how");
}

static void make_outcomes(struct engine *engine)
{
	struct metric **const ends[] = {&engine->metric.completed, &engine->metric.expired,   &engine->metric.dead,
	                                &engine->metric.poison,    &engine->metric.duplicate, &engine->metric.adopted,
	                                &engine->metric.stale};
	static const char *const names[] = {"completed", "expired", "dead", "poison", "duplicate", "adopted", "stale"};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		*ends[i] = counter(engine, "verifyd_jobs", "outcome", names[i], "jobs that ended, by outcome");
}

/* A class without a quota has no drain time of its own: how fast it goes is up to the vendor. */
static void make_gauges(struct engine *engine)
{
	char labels[LABELS_BYTES];
	labels_of(engine, NULL, NULL, labels);
	engine->metric.in_flight = gauge(engine, "verifyd_jobs_in_flight", "jobs in hand");
	engine->metric.calls_open = gauge(engine, "verifyd_vendor_calls_in_flight", "vendor calls under way");
	engine->metric.lag =
	        gauge(engine, "verifyd_lag", "requests in Kafka that are not done, of this worker's partitions");
	engine->metric.gap = gauge(engine, "verifyd_watermark_gap",
	                           "records taken behind the oldest that is not done, of the partition with the most");
	engine->metric.drain = metrics_gauge_us(engine->ports.metrics, "verifyd_drain_seconds", labels,
	                                        "this worker's lag at the fleet's quota; the sum over workers is how "
	                                        "long the queue takes; 0: no quota");
	engine->metric.latency = metrics_histogram(engine->ports.metrics, "verifyd_vendor_call_seconds", labels,
	                                           "time from sending a vendor call to its end");
}

void engine_make_metrics(struct engine *engine)
{
	static const char retries[] = "verifyd_retries", retries_help[] = "failed jobs that are tried again";
	make_gauges(engine);
	make_outcomes(engine);
	make_costs(engine);
	engine->metric.taken = counter(engine, "verifyd_jobs_taken", NULL, NULL, "records taken from Kafka");
	engine->metric.called = counter(engine, "verifyd_vendor_calls", NULL, NULL, "vendor calls sent");
	engine->metric.retried = counter(engine, retries, "how", "memory", retries_help);
	engine->metric.hopped = counter(engine, retries, "how", "delayed", retries_help);
	engine->metric.without_lease =
	        counter(engine, "verifyd_jobs_without_lease", NULL, NULL, "jobs done while Redis was away");
	engine->metric.orphaned = counter(engine, "verifyd_orphaned_references", NULL, NULL,
	                                  "references that a vendor gave and that no state stands for");
	engine->metric.unknown = counter(engine, "verifyd_unknown_vendor_statuses", NULL, NULL,
	                                 "answers with a status that this version does not know");
}

/* ---- counting ---- */

static size_t bought_by(const struct vendor_answer *answer)
{
	const struct event *event = &answer->event;
	if (answer->failed)
		return BOUGHT_FAILED;
	if (answer->next_step > 0)
		return BOUGHT_MORE;
	switch (event->type) {
	case EVENT_SCORED:
		return BOUGHT_RISK + (size_t)event->risk;
	case EVENT_NO_SCORE:
		return BOUGHT_RISK + (size_t)RISK_UNKNOWN;
	case EVENT_JUDGED:
		return BOUGHT_VERDICT + (size_t)event->verdict;
	case EVENT_INITIATED:
		return BOUGHT_PAGE;
	case EVENT_PENDING:
		return BOUGHT_PENDING;
	default:
		return BOUGHT_REFUSED;
	}
}

void engine_count_failure(struct engine *engine, enum failure failure)
{
	metric_add(engine->metric.failure[failure], 1);
}

void engine_count_answer(struct engine *engine, const struct vendor_answer *answer)
{
	struct metric *bought = engine->metric.bought[bought_by(answer)];
	if (bought)
		metric_add(bought, 1);
	if (answer->failed)
		engine_count_failure(engine, answer->failure);
}

void engine_show(struct engine *engine)
{
	struct gate_figures figures;
	int64_t lag = engine_lag(engine);
	gate_show(engine->gate, &figures);
	metric_set(engine->metric.lag, lag);
	metric_set(engine->metric.gap, engine->consumer ? (int64_t)kafka_consumer_gap(engine->consumer) : 0);
	if (figures.rate.count > 0)
		metric_set(engine->metric.drain, lag * figures.rate.period_ms * US_PER_MS / figures.rate.count);
}

/* ---- for the fleet ---- */

static void tell_positions(const struct engine *engine, struct worker_class *class)
{
	struct kafka_position positions[WORKER_STATUS_PARTITIONS];
	size_t count = kafka_consumer_positions(engine->consumer, positions, WORKER_STATUS_PARTITIONS);
	class->partition_count = count <= WORKER_STATUS_PARTITIONS ? count : 0;
	for (size_t i = 0; i < class->partition_count; i++) {
		class->partitions[i].partition = positions[i].partition;
		class->partitions[i].next = positions[i].next;
	}
}

_Static_assert((int)GATE_PRIORITIES == (int)WORKER_STATUS_PRIORITIES, "priorities");

static void tell_gate(const struct engine *engine, struct worker_class *class)
{
	struct gate_figures figures;
	gate_figures(engine->gate, &figures);
	class->has_quota = figures.rate.count > 0;
	class->quota_limit = figures.rate.count;
	class->quota_period_ms = figures.rate.period_ms;
	class->quota_used = figures.used;
	class->breaker_open = figures.breaker_open;
	memcpy(class->waiting, figures.waiting, sizeof class->waiting);
}

void engine_status(const struct engine *engine, struct worker_class *ret_class)
{
	*ret_class = (struct worker_class){
	        .operation = engine->options.operation,
	        .in_flight = (int64_t)engine->jobs,
	        .max_in_flight = (int64_t)engine->options.max_in_flight,
	        .lag = engine_lag(engine),
	        .taken = metric_value(engine->metric.taken),
	        .calls = metric_value(engine->metric.called),
	        .completed = metric_value(engine->metric.completed) + metric_value(engine->metric.expired),
	        .retried = metric_value(engine->metric.retried) + metric_value(engine->metric.hopped),
	        .dead = metric_value(engine->metric.dead) + metric_value(engine->metric.poison),
	};
	memcpy(ret_class->took, engine->took, sizeof ret_class->took);
	tell_positions(engine, ret_class);
	tell_gate(engine, ret_class);
}
