/* clock: the two clocks. Waits use the monotonic one, so that a step of the wall clock moves nothing. */
#ifndef VERIFYD_CLOCK_H
#define VERIFYD_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
int64_t clock_unix_ms(void); /* for what is stored and shown; may step */
int64_t clock_unix_us(void);

/* Writes unix_ms as RFC 3339 in UTC with milliseconds, "2026-11-21T08:00:00.123Z".
 * What lies before 1970 or after 9999 is shown as the nearest moment within. */
enum { CLOCK_TEXT_BYTES = 25 };
void clock_text(int64_t unix_ms, char out[CLOCK_TEXT_BYTES]);

#endif
