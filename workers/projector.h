/* projector: follows `results` a little behind and sets in Redis what Redis lacks, by the same compare-and-set that the
 * engine uses. It commits only after Redis answered, so an outage of Redis is caught up by itself. */
#ifndef VERIFYD_PROJECTOR_H
#define VERIFYD_PROJECTOR_H

#include "workers/ports.h"

struct projector;

enum {
	PROJECTOR_LAG_MS = 1000
}; /* how far behind: by then the engine's own write is there, and nothing is left to do */

enum err_code projector_new(const struct ports *ports, const char *instance_id, struct projector **ret_projector,
                            struct err *err) WARN_UNUSED;

/* The record at this place already stands in Redis: it need not be written again. */
void projector_note_settled(struct projector *projector, int32_t partition, int64_t offset);

void projector_stop(struct projector *projector); /* takes no more; drops what is queued */
size_t projector_in_flight(const struct projector *projector);
int64_t projector_lag(const struct projector *projector);
bool projector_has_failed(const struct projector *projector); /* kafka_consumer_has_failed */
void projector_close(struct projector *projector);            /* leaves the group, frees; accepts NULL */

#endif
