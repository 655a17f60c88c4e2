/* clock: the system's two clocks. Modules that decide by time take it as an argument instead, so that tests set it. */
#include "common/base/clock.h"
#include <assert.h>
#include <stdlib.h>
#include <time.h>

static const int64_t TEXT_MAX_MS = 253402300799999; /* the last millisecond of the year 9999 */

/* Both clocks exist on every Linux; without time no promise of this program can be kept. */
static struct timespec now(clockid_t id)
{
	struct timespec time;
	if (clock_gettime(id, &time) != 0)
		abort();
	return time;
}

int64_t clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

int64_t clock_mono_us(void)
{
	struct timespec time = now(CLOCK_MONOTONIC);
	return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

int64_t clock_unix_ms(void)
{
	struct timespec time = now(CLOCK_REALTIME);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

int64_t clock_unix_us(void)
{
	struct timespec time = now(CLOCK_REALTIME);
	return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void put_digits(char *out, int number, int count)
{
	for (; count > 0; number /= 10)
		out[--count] = (char)('0' + number % 10);
}

void clock_text(int64_t unix_ms, char *out, size_t cap)
{
	assert(cap >= CLOCK_TEXT_BYTES);
	if (unix_ms < 0)
		unix_ms = 0;
	if (unix_ms > TEXT_MAX_MS)
		unix_ms = TEXT_MAX_MS;

	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm utc;
	if (!gmtime_r(&seconds, &utc))
		abort(); /* only a year that does not fit an int fails */
	/* Every answer and log line has one: strftime and snprintf would cost six times as much. */
	const struct {
		int number, digits;
		char after;
	} parts[] = {
	        {utc.tm_year + 1900, 4, '-'},    {utc.tm_mon + 1, 2, '-'}, {utc.tm_mday, 2, 'T'},
	        {utc.tm_hour, 2, ':'},           {utc.tm_min, 2, ':'},     {utc.tm_sec, 2, '.'},
	        {(int)(unix_ms % 1000), 3, 'Z'},
	};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		put_digits(out, parts[i].number, parts[i].digits);
		out[parts[i].digits] = parts[i].after;
		out += parts[i].digits + 1;
	}
	*out = '\0';
}
