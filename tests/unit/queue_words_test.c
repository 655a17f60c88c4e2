/* queue_words: what people are told is never finer than what is known, and never grows by itself. */
#include "ingress/queue_words.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct queue_news nothing = {.ahead = -1, .minutes = -1};

static struct queue_news news_of(int64_t ahead, int64_t wait_ms, const struct queue_news *before)
{
	const struct queue_place place = {.known = true, .ahead = ahead, .wait_ms = wait_ms};
	return queue_news_of(&place, before);
}

static void numbers_are_rounded_up_and_coarser_the_larger_they_are(void **state)
{
	static const int64_t people[][2] = {{0, 0},       {1, 10},       {10, 10},       {11, 20},
	                                    {99, 100},    {100, 100},    {101, 150},     {1000, 1000},
	                                    {1001, 1100}, {9999, 10000}, {10001, 11000}, {INT64_MAX, QUEUE_AHEAD_MAX}};
	static const int64_t times[][2] = {{0, 0},       {59999, 0},     {60000, 1},     {60001, 2},     {600000, 10},
	                                   {600001, 15}, {7200000, 120}, {7200001, 180}, {14400001, 300}};
	(void)state;
	for (size_t i = 0; i < sizeof people / sizeof *people; i++)
		assert_int_equal(news_of(people[i][0], -1, &nothing).ahead, people[i][1]);
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		assert_int_equal(news_of(1, times[i][0], &nothing).minutes, times[i][1]);
}

static void a_place_never_grows_and_a_time_only_with_cause(void **state)
{
	const struct queue_news before = {.ahead = 40, .minutes = 4};
	(void)state;
	assert_int_equal(news_of(55, -1, &before).ahead, 40);
	assert_int_equal(news_of(22, -1, &before).ahead, 30);
	assert_int_equal(news_of(1, 3 * 60000, &before).minutes, 3);
	assert_int_equal(news_of(1, 6 * 60000, &before).minutes, 4);
	assert_int_equal(news_of(1, 8 * 60000, &before).minutes, 8); /* twice as long: something has happened */
}

static void what_is_not_known_is_not_told(void **state)
{
	static const struct queue_place unknown = {.known = false, .stopped = true, .ahead = 7, .wait_ms = 7};
	char text[QUEUE_NEWS_BYTES];
	(void)state;
	struct queue_news news = queue_news_of(&unknown, &nothing);
	queue_news_text(&news, LANGUAGE_EN, text);
	assert_string_equal(text, "");
	news = news_of(-1, -1, &(struct queue_news){.ahead = 40, .minutes = 4});
	queue_news_text(&news, LANGUAGE_EN, text);
	assert_string_equal(text, "");
	news = news_of(25, -1, &nothing);
	queue_news_text(&news, LANGUAGE_EN, text);
	assert_string_equal(text, "About 30 people are before you.");
}

static void every_case_has_its_words(void **state)
{
	static const struct {
		struct queue_news news;
		const char *en, *de;
	} rows[] = {
	        {{0, 0, false},
	         "It is your turn next. It takes less than a minute.",
	         "Sie sind als Nächstes an der Reihe. Es dauert weniger als eine Minute."},
	        {{10, 1, false},
	         "Fewer than 10 people are before you. It takes about a minute.",
	         "Vor Ihnen sind weniger als 10 Personen. Es dauert etwa eine Minute."},
	        {{250, 5, false},
	         "About 250 people are before you. It takes about 5 minutes.",
	         "Vor Ihnen sind etwa 250 Personen. Es dauert etwa 5 Minuten."},
	        {{10000, 180, false},
	         "About 10000 people are before you. It takes more than 2 hours. You can go back to the app and begin "
	         "again later.",
	         "Vor Ihnen sind etwa 10000 Personen. Es dauert mehr als 2 Stunden. Sie können zurück zur App gehen "
	         "und "
	         "später von vorn beginnen."},
	        {{0, 3, true},
	         "Right now nobody can begin. As soon as it goes on, this page does, too.",
	         "Gerade kann niemand beginnen. Sobald es weitergeht, geht es auch hier weiter."},
	        {{-1, 3, false}, "It takes about 3 minutes.", "Es dauert etwa 3 Minuten."},
	};
	char text[QUEUE_NEWS_BYTES];
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		queue_news_text(&rows[i].news, LANGUAGE_EN, text);
		assert_string_equal(text, rows[i].en);
		queue_news_text(&rows[i].news, LANGUAGE_DE, text);
		assert_string_equal(text, rows[i].de);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(numbers_are_rounded_up_and_coarser_the_larger_they_are),
	        cmocka_unit_test(a_place_never_grows_and_a_time_only_with_cause),
	        cmocka_unit_test(what_is_not_known_is_not_told),
	        cmocka_unit_test(every_case_has_its_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
