/* restore: puts a state that is known from `results` into Redis, with what belongs to it: the pointer of the person's journeys
 * and the vendor's reference. For the projector (a little behind) and the rebuild (from the start). */
#ifndef VERIFYD_RESTORE_H
#define VERIFYD_RESTORE_H

#include "common/adapters/redis_store.h"

/* value[0..len) is a record's value. Returns: what redis_store_put returns; ERR_INVALID (unreadable). On failure fn is not called. */
enum err_code restore_state(struct redis_store *store, const char *value, size_t len, store_put_fn fn, void *ctx,
                            struct err *err) WARN_UNUSED;

/* The queued state of an accepted request that no result is known of; where there is a state nothing happens. Its person's
 * pointer is left alone: whether this journey or another one is to go on, the worker that takes it decides.
 * Returns: as restore_state, of redis_store_put_first. */
enum err_code restore_request(struct redis_store *store, const char *value, size_t len, store_done_fn fn, void *ctx,
                              struct err *err) WARN_UNUSED;

#endif
