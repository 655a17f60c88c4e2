/* redis_command: a command in the bytes that Redis reads (RESP2, https://redis.io/docs/reference/protocol-spec). hiredis's
 * own writer formats every length by a small printf and copies byte after byte into a string that it then frees. */
#ifndef VERIFYD_REDIS_COMMAND_H
#define VERIFYD_REDIS_COMMAND_H

#include "common/base/buf.h"

/* What Redis takes as one argument unless told otherwise (proto-max-bulk-len); here for a whole command. */
enum { REDIS_MAX_COMMAND_BYTES = 512 * 1024 * 1024 };

/* Appends a command of argc arguments, the first of which is its name; any bytes may stand in them. argv_len NULL: each
 * ends with its '\0'. Returns: ERR_OK; ERR_LIMIT (more than `out` takes) or ERR_NO_MEMORY: a part may have been appended.
 */
enum err_code redis_command_write(struct buf *out, int argc, const char *const *argv, const size_t *argv_len) WARN_UNUSED;

#endif
