/* desk_figures: what the desk counts and shows. */
#include "ingress/desk_internal.h"
#include <stdio.h>
#include <string.h>

enum { LABELS_BYTES = 96 };

static void make_questions(struct desk *desk)
{
	static const char *const ends[QUESTION_END_COUNT] = {"accepted", "joined", "refused"};
	char labels[LABELS_BYTES];
	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		for (int end = 0; end < QUESTION_END_COUNT; end++) {
			snprintf(labels, sizeof labels, "kind=\"%s\",how=\"%s\"", kind_info((enum kind)kind)->name,
			         ends[end]);
			desk->metric.question[kind][end] = metrics_counter(desk->options.metrics, "verifyd_questions",
			                                                   labels, "questions, by what became of them");
		}
}

static void make_callbacks(struct desk *desk)
{
	static const char *const ends[CALLBACK_END_COUNT] = {"taken", "unknown", "orphan", "finished", "failed"};
	char label[LABELS_BYTES];
	for (int i = 0; i < CALLBACK_END_COUNT; i++) {
		snprintf(label, sizeof label, "what=\"%s\"", ends[i]);
		desk->metric.callback[i] = metrics_counter(desk->options.metrics, "verifyd_callbacks", label,
		                                           "vendors' callbacks, by what became of them");
	}
}

static struct metric *limited(struct metrics *metrics, const char *label)
{
	return metrics_counter(metrics, "verifyd_calls_limited", label,
	                       "calls that were not held, or refused, because there were too many");
}

static struct metric *dependency(struct metrics *metrics, const char *labels)
{
	return metrics_gauge(metrics, "verifyd_dependency_up", labels,
	                     "1 while it is there; a vendor: no breaker is open");
}

static void make_fleet(struct desk *desk)
{
	struct metrics *metrics = desk->options.metrics;
	char labels[LABELS_BYTES];
	desk->metric.kafka_up = dependency(metrics, "dependency=\"kafka\"");
	desk->metric.redis_up = dependency(metrics, "dependency=\"redis\"");
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		const struct operation_info *operation = operation_info((enum operation)i);
		const char *vendor = kind_info(operation->kind)->vendor;
		snprintf(labels, sizeof labels, "dependency=\"vendor\",vendor=\"%s\"", vendor);
		desk->metric.vendor_up[i] = dependency(metrics, labels);
		metric_set(desk->metric.vendor_up[i], 1);
		snprintf(labels, sizeof labels, "vendor=\"%s\",op=\"%s\"", vendor, operation->name);
		desk->metric.workers[i] = metrics_gauge(metrics, "verifyd_class_workers", labels,
		                                        "workers of the fleet that serve it, as they say themselves");
	}
}

void desk_make_metrics(struct desk *desk)
{
	struct metrics *metrics = desk->options.metrics;
	make_questions(desk);
	make_callbacks(desk);
	make_fleet(desk);
	desk->metric.waiting = metrics_gauge(metrics, "verifyd_waiters", "", "calls held until their answer comes");
	desk->metric.in_hand =
	        metrics_gauge(metrics, "verifyd_calls_in_hand", "", "calls that are being worked on, or held");
	desk->metric.reread =
	        metrics_counter(metrics, "verifyd_states_reread", "", "states read again because pub/sub may drop");
	desk->metric.slow = limited(metrics, "why=\"queue\"");
	desk->metric.full = limited(metrics, "why=\"waiters\"");
	desk->metric.crowded = limited(metrics, "why=\"inbox\"");
	desk->metric.spared = metrics_counter(metrics, "verifyd_waits_spared", "",
	                                      "calls answered at once because waiting was of no use");
	desk->metric.unsaved =
	        metrics_gauge(metrics, "verifyd_states_unsaved", "", "accepted ids that Redis does not know yet");
}

static bool vendor_is_up(const struct desk *desk, enum operation of)
{
	const char *vendor = kind_info(operation_info(of)->kind)->vendor;
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		if (strcmp(kind_info(operation_info((enum operation)i)->kind)->vendor, vendor) == 0 &&
		    fleet_is_open(desk->fleet, (enum operation)i))
			return false;
	return true;
}

void desk_show(struct desk *desk)
{
	metric_set(desk->metric.waiting, (int64_t)waiters_count(desk->waiters));
	metric_set(desk->metric.in_hand, atomic_load(&desk->asks));
	metric_set(desk->metric.kafka_up, atomic_load(&desk->kafka_up));
	metric_set(desk->metric.redis_up, atomic_load(&desk->redis_up));
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		metric_set(desk->metric.vendor_up[i], vendor_is_up(desk, (enum operation)i));
}

void desk_show_workers(struct desk *desk)
{
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		metric_set(desk->metric.workers[i], desk->queues.classes[i].workers);
}

void desk_count_question(struct desk *desk, enum kind kind, enum question_end end)
{
	metric_add(desk->metric.question[kind][end], 1);
}
