/* waiters: who waits for which id, and until when. A hash by id for answers, a timing wheel for time-outs; both O(1).
 * One thread. Does not own the asks. */
#ifndef VERIFYD_WAITERS_H
#define VERIFYD_WAITERS_H

#include "ingress/ask.h"

enum {
	WAITERS_BUCKETS = 16384, /* powers of two */
	WAITERS_SLOTS = 2048,
	WAITERS_SLOT_MS = 10, /* how late a time-out may be */
};

struct waiters;

enum err_code waiters_new(int64_t now_ms, struct waiters **ret_waiters) WARN_UNUSED;
void waiters_free(struct waiters *waiters); /* must be empty; accepts NULL */

/* Adds an ask under ask->request.id until ask->wait_until_ms (monotonic). */
void waiters_add(struct waiters *waiters, struct ask *ask, int64_t now_ms);
void waiters_remove(struct waiters *waiters, struct ask *ask); /* harmless when it is not waiting */

/* Takes the waiters of this id out that `fits` says yes to (it must not change the tables), one at a time: call until
 * NULL. */
struct ask *waiters_take(struct waiters *waiters, const char *id, bool (*fits)(const void *ctx, struct ask *ask),
                         const void *ctx);

/* Takes one whose time is up: call until NULL. */
struct ask *waiters_take_due(struct waiters *waiters, int64_t now_ms);

/* Takes any: for the drain. */
struct ask *waiters_take_any(struct waiters *waiters);

size_t waiters_count(const struct waiters *waiters);

/* Calls fn for every waiter; fn must not change the tables. */
void waiters_each(struct waiters *waiters, void (*fn)(void *ctx, struct ask *ask), void *ctx);

#endif
