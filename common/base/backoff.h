/* backoff: how long to wait before trying again: full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter").
 * Pure: the random bits come in, so that a test knows the wait. */
#ifndef VERIFYD_BACKOFF_H
#define VERIFYD_BACKOFF_H

#include <stdint.h>

/* Returns: a wait in ms, uniform in [0, ceiling_ms], from 32 random bits; 0 for a ceiling that is not above 0. */
int64_t backoff_jitter_ms(int64_t ceiling_ms, uint32_t random_bits);

/* Returns: a wait in ms, uniform in [0, min(cap_ms, base_ms * 2^attempt)], from 32 random bits.
 * attempt counts from 0; any value is safe. */
int64_t backoff_ms(int64_t base_ms, int64_t cap_ms, int attempt, uint32_t random_bits);

#endif
