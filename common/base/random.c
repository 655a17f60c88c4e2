/* random: portions of getrandom(2). A portion belongs to its thread, so that neither a lock nor an owner to be handed
 * through every caller is needed; it is the one mutable thing that belongs to no object (tests/lint/globals.sh). */
#include "common/base/random.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

enum { PORTION_BYTES = 1024 };

static _Thread_local struct {
	unsigned char bytes[PORTION_BYTES];
	size_t left; /* the first ones, not handed out yet */
	bool is_forgotten_by_children;
} random_portion;

/* In the child of a fork: the parent goes on with the same bytes. */
static void forget(void)
{
	explicit_bzero(random_portion.bytes, sizeof random_portion.bytes);
	random_portion.left = 0;
}

static bool draw(void)
{
	if (!random_portion.is_forgotten_by_children && pthread_atfork(NULL, NULL, forget) != 0)
		return false;
	random_portion.is_forgotten_by_children = true;
	ssize_t got;
	do
		got = getrandom(random_portion.bytes, PORTION_BYTES, 0);
	while (got < 0 && errno == EINTR);
	if (got < RANDOM_MAX_BYTES) /* a signal cuts it short at 256 bytes at least (getrandom(2)) */
		return false;
	random_portion.left = (size_t)got;
	return true;
}

bool random_bytes(void *out, size_t len)
{
	if (len > RANDOM_MAX_BYTES || (len > random_portion.left && !draw()))
		return false;
	random_portion.left -= len;
	memcpy(out, random_portion.bytes + random_portion.left, len);
	explicit_bzero(random_portion.bytes + random_portion.left, len);
	return true;
}
