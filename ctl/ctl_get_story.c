/* ctl_get_story: the timeline of one verification. A state keeps one moment of each sort, so of calls that were made
 * more than once it tells the last. */
#include "common/base/clock.h"
#include "ctl/ctl_get.h"
#include <stdint.h>
#include <stdio.h>

enum { GAP_BYTES = 32, MOMENTS_MAX = 16 };

struct moment {
	const char *name;
	int64_t at_ms; /* 0: has not happened */
	const char *meaning;
};

struct story {
	struct moment moments[MOMENTS_MAX]; /* in the order of time; those of one millisecond as they were added */
	int count;
};

const char *ctl_state_meaning(const struct verification *v)
{
	static const char *const meanings[STATE_COUNT] = {
	        [STATE_QUEUED] = "no answer of the vendor yet",
	        [STATE_AWAITING_USER] = "the person is at the vendor's page, or has not gone there",
	        [STATE_CHECKING] = "the vendor has not decided",
	        [STATE_DEAD] = "given up; `verifyctl dead replay` tries again",
	        [STATE_COMPLETED] = "decided",
	        [STATE_ERASED] = "erased",
	};
	if (v->state != STATE_DEAD || !kind_is_journey(v->kind))
		return meanings[v->state];
	return verification_died_checking(v) ? "given up while it was checked: a person has to decide, or replay it"
	                                     : "given up before the person came to the vendor";
}

static void add(struct story *story, const char *name, int64_t at_ms, const char *meaning)
{
	int i = story->count;
	if (at_ms == 0 || i == MOMENTS_MAX)
		return;
	for (; i > 0 && story->moments[i - 1].at_ms > at_ms; i--)
		story->moments[i] = story->moments[i - 1];
	story->moments[i] = (struct moment){name, at_ms, meaning};
	story->count++;
}

static void tell_score(struct story *story, const struct verification *v)
{
	add(story, "created", v->created_ms, "the question came in");
	add(story, "taken", v->taken_ms, "a worker read the request");
	add(story, "asked", v->asked_ms, "the last vendor call began");
	add(story, "answered", v->answered_ms, "the last vendor call ended");
	add(story, "updated", v->updated_ms, "this state was written");
}

/* The calls that began after the page was there are looks; what was taken since then is a return, a callback or a rung.
 */
static void tell_calls(struct story *story, const struct verification *v)
{
	bool looked = v->adopted || (v->initiated_ms && v->asked_ms > v->initiated_ms);
	bool followed = v->adopted || (v->initiated_ms && v->taken_ms > v->initiated_ms);
	add(story, "taken", v->taken_ms,
	    followed ? "a worker took the last return, callback, further journey or look"
	             : "a worker took the journey");
	add(story, looked ? "looked" : "sent", v->asked_ms,
	    looked ? "the last look at the vendor began" : "the initiate went to the vendor");
	add(story, looked ? "seen" : "answered", v->answered_ms,
	    looked ? "the last look at the vendor ended" : "the vendor's answer to it was read");
}

static void tell_journey(struct story *story, const struct verification *v)
{
	static const char *const ends[STATE_COUNT] = {
	        [STATE_DEAD] = "died", [STATE_COMPLETED] = "decided", [STATE_ERASED] = "erased"};
	add(story, "created", v->created_ms,
	    v->adopted ? "a caller named the vendor's reference" : "the person's journey began");
	tell_calls(story, v);
	add(story, "page ready", v->initiated_ms, "the vendor gave its page and its reference");
	add(story, "joined", v->resumed_ms, "the person's last further journey joined this one");
	add(story, "returned", v->returned_ms, "the person came back from the vendor's page");
	add(story, "called back", v->called_back_ms, "the vendor said that there is news, the last time");
	add(story, "checking", v->checking_ms, "since then the vendor is asked again and again");
	add(story, "token ends", v->until_ms, "until then the person can use the page");
	add(story, "by hand", v->decided_ms, "a person decided in the vendor's place");
	add(story, ends[v->state] ? ends[v->state] : "updated", v->updated_ms, "this state was written");
}

static void gap_text(int64_t gap_ms, char *out, size_t cap)
{
	static const struct {
		int64_t below_ms;
		double ms;
		const char *unit;
	} units[] = {{10000, 1, "ms"}, {600000, 1e3, "s"}, {36000000, 6e4, "min"}, {INT64_MAX, 36e5, "h"}};
	size_t i = 0;
	while (gap_ms >= units[i].below_ms && units[i].below_ms != INT64_MAX)
		i++;
	(void)snprintf(out, cap, "%+.*f %s", i == 0 ? 0 : 1, (double)gap_ms / units[i].ms, units[i].unit);
}

void ctl_print_timeline(const struct verification *v)
{
	struct story story = {.count = 0};
	if (kind_is_journey(v->kind))
		tell_journey(&story, v);
	else
		tell_score(&story, v);
	(void)puts("timeline");
	for (int i = 0; i < story.count; i++) {
		const struct moment *moment = &story.moments[i];
		char time[CLOCK_TEXT_BYTES], gap[GAP_BYTES] = "";
		if (i > 0)
			gap_text(moment->at_ms - moment[-1].at_ms, gap, sizeof gap);
		clock_text(moment->at_ms, time);
		(void)printf("  %-11s %s %12s  %s\n", moment->name, time, gap, moment->meaning);
	}
}
