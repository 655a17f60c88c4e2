/* spares: a list through the blocks themselves. */
#include "common/base/spares.h"
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

struct spare {
	struct spare *next;
};

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER true
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER true
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER false
#endif

void spares_init(struct spares *spares, size_t block_bytes, size_t max)
{
	assert(block_bytes >= sizeof(struct spare));
	*spares = (struct spares){.block_bytes = block_bytes, .max = HAS_SANITIZER ? 0 : max};
}

void spares_fini(struct spares *spares)
{
	while (spares->first) {
		struct spare *spare = spares->first;
		spares->first = spare->next;
		free(spare);
	}
	spares->count = 0;
}

void *spares_take(struct spares *spares)
{
	struct spare *spare = spares->first;
	if (!spare)
		return malloc(spares->block_bytes);
	spares->first = spare->next;
	spares->count--;
	return spare;
}

void spares_give(struct spares *spares, void *block)
{
	struct spare *spare = block;
	if (spares->count >= spares->max) {
		free(block);
		return;
	}
	spare->next = spares->first;
	spares->first = spare;
	spares->count++;
}
