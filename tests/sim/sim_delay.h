/* sim_delay: hands each item back when its time has come. One thread and a heap, so ten thousand cost no more threads
 * than one, and an idle one costs nothing.
 *
 * Items due close together are handed back together: every hand-over makes libmicrohttpd walk its list of suspended
 * connections, so the more are waiting, the coarser the tick (1 ms, and 1 ms more per thousand). */
#ifndef SIM_DELAY_H
#define SIM_DELAY_H

#include "common/base/err.h"
#include <stdint.h>

struct sim_delay;

/* on_due is called by the delay's own thread, or by sim_delay_release or sim_delay_stop, without locks held. */
enum err_code sim_delay_new(void (*on_due)(void *item), struct sim_delay **ret_delay, struct err *err) WARN_UNUSED;

/* Returns: ERR_OK: on_due(item) is called once, not before due_mono_ms (earlier only by the next two);
 * ERR_UNAVAILABLE (stopped) or ERR_NO_MEMORY: never. Thread: any. */
enum err_code sim_delay_add(struct sim_delay *delay, int64_t due_mono_ms, void *item) WARN_UNUSED;

/* Hands everything back that is there now, whenever it is due. Thread: any, also one that runs on_due. */
void sim_delay_release(struct sim_delay *delay);

/* Hands everything back at once and takes nothing more. Blocks: until the thread has ended. */
void sim_delay_stop(struct sim_delay *delay);
void sim_delay_free(struct sim_delay *delay); /* accepts NULL; stops first if need be */

#endif
