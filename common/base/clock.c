/* clock: the system's two clocks. Modules that decide by time take it as an argument instead, so that tests set it. */
#include "common/base/clock.h"
#include <stdbool.h>
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

static char *put_digits(char *out, unsigned number, int count, char after)
{
	for (int i = count; i > 0; number /= 10)
		out[--i] = (char)('0' + number % 10);
	out[count] = after;
	return out + count + 1;
}

/* The day of the proleptic Gregorian calendar, its years counted from March, so that a leap day is the last of its
 * year. gmtime_r takes a lock and asks the environment for a time zone: as much again as all the rest. */
static char *put_date(char *out, unsigned days_since_1970)
{
	enum { YEAR_0 = 719468, ERA_DAYS = 146097 }; /* days from 1 March of the year 0 to 1970; in 400 years */
	unsigned days = days_since_1970 + YEAR_0, era = days / ERA_DAYS, of_era = days % ERA_DAYS;
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA_DAYS - 1)) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153; /* from March: five months have 153 days */
	unsigned day = of_year - (153 * month + 2) / 5 + 1;
	bool is_next_year = month >= 10; /* January, February */
	out = put_digits(out, era * 400 + year + is_next_year, 4, '-');
	out = put_digits(out, is_next_year ? month - 9 : month + 3, 2, '-');
	return put_digits(out, day, 2, 'T');
}

void clock_text(int64_t unix_ms, char out[CLOCK_TEXT_BYTES])
{
	enum { DAY_MS = 24 * 3600 * 1000 };
	if (unix_ms < 0)
		unix_ms = 0;
	if (unix_ms > TEXT_MAX_MS)
		unix_ms = TEXT_MAX_MS;

	unsigned ms = (unsigned)(unix_ms % DAY_MS);
	char *at = put_date(out, (unsigned)(unix_ms / DAY_MS));
	at = put_digits(at, ms / 3600000, 2, ':');
	at = put_digits(at, ms / 60000 % 60, 2, ':');
	at = put_digits(at, ms / 1000 % 60, 2, '.');
	at = put_digits(at, ms % 1000, 3, 'Z');
	*at = '\0';
}
