/* revisit: reading a query, and a pace that slows down where nothing is to be expected. */
#include "ingress/revisit.h"
#include "common/base/decimal.h"
#include <string.h>

enum { PARTS_OF_WAIT = 10, PARTS_OF_AGE = 20 };

struct revisit revisit_none(void)
{
	return (struct revisit){.shows = PAGE_COUNT, .language = LANGUAGE_COUNT, .shown = {.ahead = -1, .minutes = -1}};
}

static int64_t number_of(const char *value, int64_t max)
{
	int64_t number;
	return decimal_parse(value, strlen(value), max, &number) == ERR_OK ? number : -1;
}

bool revisit_take(void *ctx, const char *name, const char *value)
{
	struct revisit *revisit = ctx;
	if (strcmp(name, PAGE_AGAIN_NAME) == 0)
		revisit->again = strcmp(value, PAGE_AGAIN_VALUE) == 0;
	else if (strcmp(name, PAGE_SHOWS_NAME) == 0)
		revisit->shows = page_by_name(value);
	else if (strcmp(name, PAGE_LANGUAGE_NAME) == 0)
		revisit->language = language_of_tags(value);
	else if (strcmp(name, PAGE_AHEAD_NAME) == 0)
		revisit->shown.ahead = number_of(value, QUEUE_AHEAD_MAX);
	else if (strcmp(name, PAGE_MINUTES_NAME) == 0)
		revisit->shown.minutes = number_of(value, QUEUE_MINUTES_MAX);
	return true;
}

static int64_t clamped(int64_t ms, int64_t least, int64_t most)
{
	return ms < least ? least : ms > most ? most : ms;
}

int64_t revisit_after_ms(const struct queue_place *place, bool held)
{
	if (place->known && place->stopped)
		return REVISIT_STOPPED_MS;
	if (place->known && place->wait_ms > REVISIT_HOLD_MS)
		return clamped(place->wait_ms / PARTS_OF_WAIT, REVISIT_LEAST_MS, REVISIT_MOST_MS);
	return held ? 0 : REVISIT_SHUT_MS;
}

int64_t revisit_checking_ms(int64_t age_ms, bool held)
{
	return clamped(age_ms / PARTS_OF_AGE, held ? 0 : REVISIT_SHUT_MS, REVISIT_CHECKING_MOST_MS);
}
