/* backoff: full jitter. Clients that failed together come back spread over the whole ceiling, not in one wave. */
#include "common/base/backoff.h"

/* min(cap, base * 2^attempt) without ever passing cap on the way. */
static int64_t ceiling_ms(int64_t base_ms, int64_t cap_ms, int attempt)
{
	if (base_ms <= 0 || cap_ms <= 0)
		return 0;
	int64_t ceiling = base_ms;
	for (int i = 0; i < attempt && ceiling < cap_ms; i++)
		ceiling = ceiling > cap_ms / 2 ? cap_ms : ceiling * 2;
	return ceiling < cap_ms ? ceiling : cap_ms;
}

int64_t backoff_jitter_ms(int64_t ceiling, uint32_t random_bits)
{
	if (ceiling <= 0)
		return 0;
	/* span * random / 2^32 in two halves, so that nothing overflows; always below span. */
	uint64_t span = (uint64_t)ceiling + 1;
	uint64_t high = (span >> 32) * random_bits;
	uint64_t low = ((span & UINT32_MAX) * random_bits) >> 32;
	return (int64_t)(high + low);
}

int64_t backoff_ms(int64_t base_ms, int64_t cap_ms, int attempt, uint32_t random_bits)
{
	return backoff_jitter_ms(ceiling_ms(base_ms, cap_ms, attempt), random_bits);
}
