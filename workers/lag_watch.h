/* lag_watch: asks the brokers once a second how far the engines' groups are, so that the lag is right from the first
 * assignment on, and while partitions are paused. Lives in the loop; the asking, which blocks, is done by one thread of
 * libuv's pool at a time, over the engines' own connections. */
#ifndef VERIFYD_LAG_WATCH_H
#define VERIFYD_LAG_WATCH_H

#include "workers/engine.h"

struct lag_watch;

/* engines must not be abandoned while it is busy. Returns: ERR_OK; ERR_NO_MEMORY; ERR_LIMIT. */
enum err_code lag_watch_new(const struct ports *ports, struct engine *const *engines, size_t count,
			    struct lag_watch **ret_watch, struct err *err) WARN_UNUSED;

/* Asks no more. What is being asked goes on for up to LAG_WATCH_TIMEOUT_MS more. Accepts NULL. */
enum { LAG_WATCH_TIMEOUT_MS = 1000 };
void lag_watch_stop(struct lag_watch *watch);
/* A stopped one: lets the loop run until the brokers have answered. Blocks: as long as that takes. Accepts NULL. */
void lag_watch_await(struct lag_watch *watch);
/* After lag_watch_await; the loop must run until its handles have closed before lag_watch_free. Both accept NULL. */
void lag_watch_close(struct lag_watch *watch);
void lag_watch_free(struct lag_watch *watch);

#endif
