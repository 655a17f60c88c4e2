/* ports: the one thing the parts of a worker share that is no handle. */
#include "workers/ports.h"

uint32_t jitter_bits(void)
{
	uint32_t bits = 0;
	(void)uv_random(NULL, NULL, &bits, sizeof bits, 0,
	                NULL); /* on failure: no jitter, which only costs smoothness */
	return bits;
}
