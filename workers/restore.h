/* restore: puts states that are known from `results` into Redis, with what belongs to them: the pointer of the person's journeys
 * and the vendor's reference. For the projector (a little behind) and the rebuild (from the start). */
#ifndef VERIFYD_RESTORE_H
#define VERIFYD_RESTORE_H

#include "common/adapters/redis_store.h"

/* At most so much in one step, so that nobody waits for Redis for long. */
enum { RESTORE_MAX = STORE_FILL_MAX, RESTORE_MAX_BYTES = 128 * 1024 };

/* One state and its text, which is not owned. */
struct restore {
	struct verification state;
	const char *value;
	size_t len;
};

/* Reads a record's value of `results`, which must live as long as *ret_item. Returns: ERR_OK; as verification_decode. Any
 * thread. */
enum err_code restore_read(const char *value, size_t len, struct restore *ret_item, struct err *err) WARN_UNUSED;

/* Reads the value of an accepted request: the queued state that it has while no result is known of it, its text in `text`
 * (initialised, empty), which must live as long as *ret_item. Its person's pointer will be left alone: whether this journey or
 * another one is to go on, the worker that takes it decides. Returns: ERR_OK; ERR_INVALID; ERR_LIMIT; ERR_NO_MEMORY. Any
 * thread. */
enum err_code restore_read_request(const char *value, size_t len, struct buf *text, struct restore *ret_item,
                                   struct err *err) WARN_UNUSED;

/* Sets them in one step, in order. Returns: as redis_store_fill; on failure fn is not called. */
enum err_code restore_write(struct redis_store *store, const struct restore *const *items, size_t count, bool wake,
                            store_fill_fn fn, void *ctx) WARN_UNUSED;

#endif
