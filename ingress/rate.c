/* rate: each bucket is one number, the time at which it will be full again (the "generic cell rate algorithm" of ATM,
 * ITU-T I.371). */
#include "ingress/rate.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { NS_PER_US = 1000, NS_PER_MS = 1000000 };

struct rate {
	struct config_rate limit;
	int64_t period_ns,
	        step_ns; /* the time in which one more may be made; at least 100 ns by the setting's limits */
	size_t slots;
	atomic_llong full_ns[];
};

enum err_code rate_new(struct config_rate limit, size_t slots, struct rate **ret_rate)
{
	struct rate *rate = calloc(1, sizeof *rate + slots * sizeof rate->full_ns[0]);
	if (!rate)
		return ERR_NO_MEMORY;
	rate->limit = limit;
	rate->step_ns = limit.period_ms * NS_PER_MS / limit.count;
	rate->period_ns = rate->step_ns * limit.count;
	rate->slots = slots;
	*ret_rate = rate;
	return ERR_OK;
}

void rate_free(struct rate *rate)
{
	free(rate);
}

struct config_rate rate_limit(const struct rate *rate)
{
	return rate->limit;
}

static int64_t up_to_ms(int64_t ns)
{
	return (ns + NS_PER_MS - 1) / NS_PER_MS;
}

void rate_take(struct rate *rate, size_t slot, int64_t now_us, struct rate_take *ret_take)
{
	assert(slot < rate->slots);
	long long now = now_us * NS_PER_US, seen = atomic_load(&rate->full_ns[slot]), begin, full;
	bool taken;
	do {
		begin = seen > now ? seen : now;
		full = begin + rate->step_ns;
		taken = full - now <= rate->period_ns;
	} while (taken && !atomic_compare_exchange_weak(&rate->full_ns[slot], &seen, full));
	int64_t missing = (taken ? full : begin) - now;
	*ret_take = (struct rate_take){
	        .taken = taken,
	        .left = (rate->period_ns - missing) / rate->step_ns,
	        .full_ms = up_to_ms(missing),
	        .retry_ms = taken ? 0 : up_to_ms(full - now - rate->period_ns),
	};
}
