/* ctl_dead_histogram: how many letters of which class failed last in which hour, and what a replay would do with them. */
#ifndef VERIFYD_CTL_DEAD_HISTOGRAM_H
#define VERIFYD_CTL_DEAD_HISTOGRAM_H

#include "ctl/ctl_dead_index.h"

/* Prints a row for each hour (UTC) and class, with a number for each fate, and their sums; as JSON: an object for each row.
 * Returns: CTL_OK; CTL_FAILED after a line on stderr. */
int dead_histogram_print(struct dead_index *index, bool as_json);

#endif
