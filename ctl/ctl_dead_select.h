/* ctl_dead_select: from a filter to the letters that it means, and what is known of each now. */
#ifndef VERIFYD_CTL_DEAD_SELECT_H
#define VERIFYD_CTL_DEAD_SELECT_H

#include "ctl/ctl_dead_index.h"

/* Reads `dead` once: one partition of it for one id, else all. Returns: CTL_OK and *ret_index, settled, ended by
 * dead_index_free, *ret_is_full when more than DEAD_INDEX_MAX fit (the rest was not read); CTL_FAILED after a line on stderr.
 * Blocks. */
int dead_select_read(const struct ctl_call *call, const struct dead_filter *filter, struct dead_index **ret_index,
                     bool *ret_is_full);

/* Notes what Redis says of each id. Returns: CTL_OK; CTL_FAILED when memory ran out, with a line on stderr. Redis away is a
 * line on stderr that ends with `otherwise`, and no failure. Blocks. */
int dead_select_ask_redis(const struct ctl_call *call, struct dead_index *index, const char *otherwise);

/* Of ids that Redis did not know, notes what `results` says; when those cannot be read, that it is not known. Blocks. */
void dead_select_ask_results(const struct ctl_call *call, struct dead_index *index);

/* Notes whose replay is in Kafka and has not been worked on: it stands between what the vendor's workers have committed and
 * the end of a request topic. Looks at the topics of the ids that are still dead. Returns: CTL_OK; CTL_FAILED after a line on
 * stderr. Blocks. */
int dead_select_ask_requests(const struct ctl_call *call, struct dead_index *index);

#endif
