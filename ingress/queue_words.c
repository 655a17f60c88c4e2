/* queue_words: tables of how coarse a number is told. */
#include "ingress/queue_words.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MINUTE_MS = 60 * 1000, FEW = 10, HOUR_MIN = 60, HOURS_FROM_MIN = 120 };

struct step {
	int64_t below, unit;
};

/* Rounded up to the unit of the first row that fits. */
static int64_t rounded(int64_t number, const struct step *steps, size_t count)
{
	size_t i = 0;
	while (i + 1 < count && number > steps[i].below)
		i++;
	return (number + steps[i].unit - 1) / steps[i].unit * steps[i].unit;
}

static int64_t round_ahead(int64_t ahead)
{
	static const struct step steps[] = {{0, 1}, {100, FEW}, {1000, 50}, {10000, 100}, {0, 1000}};
	return rounded(ahead < QUEUE_AHEAD_MAX ? ahead : QUEUE_AHEAD_MAX, steps, sizeof steps / sizeof *steps);
}

static int64_t round_minutes(int64_t wait_ms)
{
	static const struct step steps[] = {{10, 1}, {HOURS_FROM_MIN, 5}, {0, HOUR_MIN}};
	int64_t minutes = (wait_ms + MINUTE_MS - 1) / MINUTE_MS;
	if (wait_ms < MINUTE_MS)
		return 0;
	return rounded(minutes < QUEUE_MINUTES_MAX ? minutes : QUEUE_MINUTES_MAX, steps, sizeof steps / sizeof *steps);
}

struct queue_news queue_news_of(const struct queue_place *place, const struct queue_news *before)
{
	struct queue_news news = {.ahead = -1, .minutes = -1, .stopped = place->known && place->stopped};
	if (place->known && place->ahead >= 0)
		news.ahead = round_ahead(place->ahead);
	if (place->known && place->wait_ms >= 0)
		news.minutes = round_minutes(place->wait_ms);
	if (before->ahead >= 0 && news.ahead > before->ahead)
		news.ahead = before->ahead;
	if (before->minutes >= 0 && news.minutes > before->minutes && news.minutes <= before->minutes * 3 / 2 + 1)
		news.minutes = before->minutes;
	return news;
}

/* Appends a sentence, with the number in place of its #. */
static void tell(char text[QUEUE_NEWS_BYTES], enum page_text which, enum language language, int64_t number)
{
	const char *sentence = page_text(which, language), *place = strchr(sentence, '#');
	size_t len = strlen(text);
	const char *blank = len > 0 ? " " : "";
	if (place)
		(void)snprintf(text + len, QUEUE_NEWS_BYTES - len, "%s%.*s%" PRId64 "%s", blank,
		               (int)(place - sentence), sentence, number, place + 1);
	else
		(void)snprintf(text + len, QUEUE_NEWS_BYTES - len, "%s%s", blank, sentence);
}

static void tell_minutes(char text[QUEUE_NEWS_BYTES], int64_t minutes, enum language language)
{
	if (minutes == 0)
		tell(text, TEXT_WAIT_SHORT, language, 0);
	else if (minutes == 1)
		tell(text, TEXT_WAIT_MINUTE, language, 0);
	else if (minutes <= HOURS_FROM_MIN)
		tell(text, TEXT_WAIT_MINUTES, language, minutes);
	else
		tell(text, TEXT_WAIT_HOURS, language, minutes / HOUR_MIN - 1);
}

void queue_news_text(const struct queue_news *news, enum language language, char ret_text[QUEUE_NEWS_BYTES])
{
	ret_text[0] = '\0';
	if (news->ahead == 0 && !news->stopped)
		tell(ret_text, TEXT_AHEAD_NONE, language, 0);
	else if (news->ahead > FEW)
		tell(ret_text, TEXT_AHEAD_MANY, language, news->ahead);
	else if (news->ahead > 0)
		tell(ret_text, TEXT_AHEAD_FEW, language, FEW);
	if (news->stopped)
		tell(ret_text, TEXT_STOPPED, language, 0);
	else if (news->minutes >= 0)
		tell_minutes(ret_text, news->minutes, language);
}
