/* rate: how many requests a credential may still make. A bucket each: full at first, refilled evenly over the period. One
 * process; pods do not share it. */
#ifndef VERIFYD_RATE_H
#define VERIFYD_RATE_H

#include "common/base/config.h"

struct rate;

/* slots: how many credentials there are. Returns: ERR_OK; ERR_NO_MEMORY. */
enum err_code rate_new(struct config_rate limit, size_t slots, struct rate **ret_rate) WARN_UNUSED;
void rate_free(struct rate *rate); /* accepts NULL */

struct config_rate rate_limit(const struct rate *rate);

/* What became of a request. Times in ms. */
struct rate_take {
	bool taken;
	int64_t left;     /* how many more there may be at once */
	int64_t full_ms;  /* until all of them may be made again */
	int64_t retry_ms; /* not taken: until there is one */
};

/* Takes one. slot < slots; now_us: monotonic. Thread: any. Blocks: no. */
void rate_take(struct rate *rate, size_t slot, int64_t now_us, struct rate_take *ret_take);

#endif
