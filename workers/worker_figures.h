/* worker_figures: what a worker shows of itself as a whole: its dependencies, the queues that are no class's, the process.
 * Lives in the loop's thread. */
#ifndef VERIFYD_WORKER_FIGURES_H
#define VERIFYD_WORKER_FIGURES_H

#include "common/base/process_metrics.h"
#include "workers/engine.h"

struct worker_figures {
	struct process_metrics process;
	struct metrics *metrics;
	struct metric *kafka_up, *redis_up, *delay_lag, *projector_lag;
	struct metric *vendor_up[OPERATION_COUNT]; /* one for each engine; those of one vendor are the same series */
};

/* What a worker sees now. */
struct worker_sight {
	bool kafka_up, redis_up;
	int64_t delay_lag, projector_lag;
	struct engine *const *engines;
	size_t engine_count;
};

/* Makes the series. */
void worker_figures_start(struct worker_figures *figures, struct metrics *metrics);
/* Sets them, and those of the engines. */
void worker_figures_show(struct worker_figures *figures, const struct worker_sight *sight);

#endif
