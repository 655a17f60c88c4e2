/* seeds: which stories a simulation tells: VERIFYD_SIM_SEED=N one, with its steps printed; VERIFYD_SIM_SEEDS=N so many. */
#ifndef VERIFYD_TESTS_SEEDS_H
#define VERIFYD_TESTS_SEEDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct seeds {
	uint64_t first, count;
};

/* usual: how many, where nobody asks for others. */
static inline struct seeds seeds_asked_for(uint64_t usual)
{
	const char *one = getenv("VERIFYD_SIM_SEED"), *many = getenv("VERIFYD_SIM_SEEDS");
	return (struct seeds){.first = one ? strtoull(one, NULL, 10) : 0,
	                      .count = many  ? strtoull(many, NULL, 10)
	                               : one ? 1
	                                     : usual};
}

/* broken: the rule that did not hold, or NULL. */
static inline void seeds_check(uint64_t seed, const char *broken)
{
	if (broken)
		fail_msg("seed %llu: %s (again with VERIFYD_SIM_SEED=%llu)", (unsigned long long)seed, broken,
		         (unsigned long long)seed);
}

#endif
