/* fleet: what the ingress knows of the workers' fleet: which vendors' breakers are open. Read from Redis as often as
 * FLEET_EVERY_MS, one round at a time; with Redis away nothing is known, and nothing is said to be open.
 *
 * Lives in the desk's loop; nothing blocks. */
#ifndef VERIFYD_FLEET_H
#define VERIFYD_FLEET_H

#include "common/adapters/redis_store.h"
#include "common/domain/kind.h"

enum {
	FLEET_EVERY_MS = 200,
	FLEET_TRY_MS = 1000, /* while a breaker is open, one question in so long goes on to the workers, who need one to probe with */
};

struct fleet;

/* store must outlive it. Returns: ERR_OK; ERR_NO_MEMORY. */
enum err_code fleet_new(struct redis_store *store, struct fleet **ret_fleet) WARN_UNUSED;
/* After the store has been closed. Accepts NULL. */
void fleet_free(struct fleet *fleet);

/* Looks, when it is time to. now_ms: monotonic. */
void fleet_turn(struct fleet *fleet, int64_t now_ms);

/* Nobody calls this vendor now, so a question would wait for it. */
bool fleet_is_open(const struct fleet *fleet, enum operation operation);
/* Whether this question is the one that goes on all the same. */
bool fleet_may_try(struct fleet *fleet, enum operation operation, int64_t now_ms);

#endif
