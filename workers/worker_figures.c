/* worker_figures: gauges, set from the worker's tick. */
#include "workers/worker_figures.h"
#include <stdio.h>
#include <string.h>

enum { LABELS_BYTES = 96 };

static struct metric *dependency(struct metrics *metrics, const char *labels)
{
	return metrics_gauge(metrics, "verifyd_dependency_up", labels,
	                     "1 while it is there; a vendor: no breaker is open");
}

void worker_figures_start(struct worker_figures *figures, struct metrics *metrics)
{
	figures->metrics = metrics;
	process_metrics_start(&figures->process, metrics, "verifyd-worker");
	figures->kafka_up = dependency(metrics, "dependency=\"kafka\"");
	figures->redis_up = dependency(metrics, "dependency=\"redis\"");
	figures->delay_lag = metrics_gauge(metrics, "verifyd_delay_lag", "",
	                                   "records in the delay topics, of this worker's partitions");
	figures->projector_lag =
	        metrics_gauge(metrics, "verifyd_projector_lag", "", "results that Redis was not looked at for yet");
}

static bool vendor_is_up(const char *vendor, const struct worker_sight *sight)
{
	for (size_t i = 0; i < sight->engine_count; i++)
		if (strcmp(engine_vendor(sight->engines[i]), vendor) == 0 &&
		    gate_is_open(engine_gate(sight->engines[i])))
			return false;
	return true;
}

static void show_vendor(struct worker_figures *figures, const struct worker_sight *sight, size_t i)
{
	char labels[LABELS_BYTES];
	const char *vendor = engine_vendor(sight->engines[i]);
	if (!figures->vendor_up[i]) {
		snprintf(labels, sizeof labels, "dependency=\"vendor\",vendor=\"%s\"", vendor);
		figures->vendor_up[i] = dependency(figures->metrics, labels);
	}
	metric_set(figures->vendor_up[i], vendor_is_up(vendor, sight));
}

void worker_figures_show(struct worker_figures *figures, const struct worker_sight *sight)
{
	metric_set(figures->kafka_up, sight->kafka_up);
	metric_set(figures->redis_up, sight->redis_up);
	metric_set(figures->delay_lag, sight->delay_lag);
	metric_set(figures->projector_lag, sight->projector_lag);
	for (size_t i = 0; i < sight->engine_count; i++) {
		show_vendor(figures, sight, i);
		engine_show(sight->engines[i]);
	}
}
