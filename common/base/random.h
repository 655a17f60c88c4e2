/* random: the kernel's random bytes in small pieces, for ids and nonces: a piece costs a copy, and only every 1024 bytes a
 * system call. Not for keys.
 *
 * Each thread draws a portion of its own and uses each byte once; what was handed out is wiped, and a child after fork()
 * draws anew. A process whose memory is copied in another way (a machine's snapshot that is resumed twice) would hand out
 * the rest of a portion twice, as OpenSSL's generator would, whose state lies in the process as well. */
#ifndef VERIFYD_RANDOM_H
#define VERIFYD_RANDOM_H

#include "common/base/err.h"
#include <stdbool.h>
#include <stddef.h>

enum { RANDOM_MAX_BYTES = 32 }; /* of one piece */

/* Fills out[0..len). Returns: false when the system has no randomness or len is beyond RANDOM_MAX_BYTES; out is then
 * untouched. Thread: any. Blocks: only while the kernel has just started and has none yet. */
bool random_bytes(void *out, size_t len) WARN_UNUSED;

#endif
