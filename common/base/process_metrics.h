/* process_metrics: what Prometheus' client libraries show of every process (start, CPU, memory, open files), and which
 * version of which program it is. Looked up when somebody scrapes. */
#ifndef VERIFYD_PROCESS_METRICS_H
#define VERIFYD_PROCESS_METRICS_H

#include "common/base/metrics.h"

struct process_metrics {
	struct metric *cpu, *resident, *virtual_size, *open_files;
};

/* Makes the series and refreshes them from then on; both must live as long as the process renders. program: constant. */
void process_metrics_start(struct process_metrics *process, struct metrics *metrics, const char *program);

#endif
