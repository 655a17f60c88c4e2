/* ctl_time: moments as operators write them. Pure. */
#ifndef VERIFYD_CTL_TIME_H
#define VERIFYD_CTL_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* Reads a span before now_ms ("90s", "30m", "2h", "3d"; at most 9 digits), or a time of RFC 3339, of which seconds, their
 * fraction (the first three digits count), or the whole time of day (then it is midnight, UTC) may be left out:
 * 2026-11-21T03:00:00.5+01:00, 2026-11-21T02:00Z, 2026-11-21. Years from 1970 on. Returns: whether it is one; then
 * *ret_unix_ms, which is never below 0. */
bool ctl_time_parse(const char *text, int64_t now_ms, int64_t *ret_unix_ms);

#endif
