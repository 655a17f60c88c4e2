/* rebuild: notices that Redis is not the one that was filled (emptied, replaced, failed over) and fills it again from
 * `results`. One process of the fleet does it at a time; until it is done, ids that Redis does not know are "pending" to
 * everybody and no initiate is sent (ARCHITECTURE section 5). */
#ifndef VERIFYD_REBUILD_H
#define VERIFYD_REBUILD_H

#include "workers/ports.h"

struct rebuild;

enum {
	REBUILD_LOOK_MS = 500,    /* how often the epoch is looked at */
	REBUILD_RIGHT_MS = 15000, /* how long the right to fill lasts without being prolonged */
	REBUILD_MAX_BATCHES = 2, /* on their way to Redis at once: others' commands wait for so many at most */
};

/* Returns: ERR_OK; ERR_NO_MEMORY. ports must outlive it. */
enum err_code rebuild_new(const struct ports *ports, struct rebuild **ret_rebuild, struct err *err) WARN_UNUSED;

/* Whether the cache was whole when it was last looked at. */
bool rebuild_is_whole(const struct rebuild *rebuild);

/* Takes no more; the loop must run until it has ended, which a read in progress may hold up for a moment. Accepts NULL. */
void rebuild_close(struct rebuild *rebuild);
void rebuild_free(struct rebuild *rebuild); /* accepts NULL; after the loop has ended */

#endif
