/* queue_words: what a person is told of a place in the queue: rounded, so that it promises no more than is known; and
 * never growing by itself. Pure. */
#ifndef VERIFYD_QUEUE_WORDS_H
#define VERIFYD_QUEUE_WORDS_H

#include "ingress/pages.h"
#include "ingress/queue_view.h"

enum { QUEUE_NEWS_BYTES = 256 };

/* What is shown; -1: nothing. */
struct queue_news {
	int64_t ahead;   /* people, rounded */
	int64_t minutes; /* rounded; 0: less than one */
	bool stopped;    /* nobody is served now */
};

enum { QUEUE_AHEAD_MAX = 1000000, QUEUE_MINUTES_MAX = 100000 };

/* before: what this person was shown last. A place does not grow again. A time does only when it is longer by half: then
 * there is a cause, and not telling it would be a lie. */
struct queue_news queue_news_of(const struct queue_place *place, const struct queue_news *before);

/* As a text; "" when nothing is to be told. */
void queue_news_text(const struct queue_news *news, enum language language, char ret_text[QUEUE_NEWS_BYTES]);

#endif
