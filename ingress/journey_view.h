/* journey_view: what a journey's state means on each route. Pure: one table of stages, one of endings. */
#ifndef VERIFYD_JOURNEY_VIEW_H
#define VERIFYD_JOURNEY_VIEW_H

#include "ingress/ask.h"
#include "ingress/pages.h"

enum journey_stage {
#define STAGE(symbol, status, success, message, start, back) JOURNEY_##symbol,
#include "ingress/journey_stages.def"
#undef STAGE
	JOURNEY_STAGE_COUNT
};

enum { JOURNEY_MESSAGE_BYTES = 320 };

#define PAGE_ONWARD PAGE_COUNT /* in place of a page: the browser is sent on */

struct journey_view {
	enum journey_stage stage;
	const char *status;  /* VerifyTransactionStatus */
	bool success;        /* ValidateVerificationToken */
	char message[JOURNEY_MESSAGE_BYTES]; /* its message, for a person; never empty */
	enum page start;     /* page of /start; PAGE_ONWARD: 302 to the vendor */
	enum page back;      /* page of /return; PAGE_ONWARD: 302 to where the person came from */
};

/* What the desk brought back. state counts only with OUTCOME_STATE. */
void journey_view(enum outcome outcome, const struct verification *state, struct journey_view *ret_view);

/* What the desk brought back, as it is told to who came with a ticket (ask->ticket_ms): that proves that its journey was
 * accepted. While it is fresh, nobody may have heard of that yet: the ingress that accepted it had no Redis, or its record is
 * still on the way. */
enum { JOURNEY_FRESH_MS = 60000 };
enum outcome journey_outcome(const struct ask *ask, int64_t now_ms);

/* Whether the desk kept it for about as long as it may, from accepted_ms (monotonic): then it may be asked again at once. */
bool journey_was_held(const struct ask *ask, int64_t accepted_ms, int64_t now_ms);

#endif
