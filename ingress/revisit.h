/* revisit: a browser that waits comes again: what it brings along, and when it is to come next. Pure. */
#ifndef VERIFYD_REVISIT_H
#define VERIFYD_REVISIT_H

#include "ingress/queue_words.h"

enum {
	REVISIT_HOLD_MS = 15 * 1000,    /* so long it is held when news may come: below the idle limits of usual proxies */
	REVISIT_SHUT_MS = 3 * 1000,     /* when it could not be held: no hot loop */
	REVISIT_STOPPED_MS = 15 * 1000, /* nobody is served now */
	REVISIT_LEAST_MS = 2 * 1000,    /* of one whose turn does not come while it could be held: a tenth of its wait */
	REVISIT_MOST_MS = 60 * 1000,
	REVISIT_CHECKING_MOST_MS = 30 * 1000, /* of one whose document is checked: a twentieth of the time since */
};

struct revisit {
	bool again;               /* the page opened itself again */
	enum page shows;          /* which page it shows; PAGE_COUNT: not said */
	enum language language;   /* LANGUAGE_COUNT: not said */
	struct queue_news shown;  /* what it was told last */
};

/* Of one that brings nothing along. */
struct revisit revisit_none(void);

/* Takes one parameter of a query into *ctx, a struct revisit; what cannot be read counts as not said. Returns: true. */
bool revisit_take(void *ctx, const char *name, const char *value);

/* Milliseconds until it is to come again, when it waits for its turn. held: it was held for as long as it may be. 0: at
 * once. */
int64_t revisit_after_ms(const struct queue_place *place, bool held);
/* When it waits for a verdict, age_ms after the check began. */
int64_t revisit_checking_ms(int64_t age_ms, bool held);

#endif
