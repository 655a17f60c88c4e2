/* journey_wait: what the script of a waiting page asks, with the page's own ticket: is there anything else to show by
 * now, and if not, how long does it take. Tells nothing about the person, and no address: for those the page is opened.
 */
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "ingress/answers.h"
#include "ingress/ingress.h"
#include "ingress/journey_view.h"
#include "ingress/routes/routes.h"
#include <string.h>

/* Whether the page, opened now, would be another one. While nobody knows, what is shown stays. */
static bool is_ready(const struct exchange *exchange)
{
	struct journey_view view;
	enum outcome outcome = journey_outcome(&exchange->ask, clock_unix_ms());
	journey_view(outcome, &exchange->ask.state, &view);
	return view.stage != JOURNEY_UNKNOWN && view.start != exchange->kept.revisit.shows;
}

static int64_t again_ms(const struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	bool held = journey_was_held(ask, exchange->accepted_ms, clock_mono_ms());
	if (exchange->kept.revisit.shows == PAGE_CHECKING && ask->outcome == OUTCOME_STATE)
		return revisit_checking_ms(clock_unix_ms() - ask->state.checking_ms, held);
	return revisit_after_ms(&ask->place, held);
}

static void write_wait(struct exchange *exchange, struct json_out *json)
{
	const struct revisit *revisit = &exchange->kept.revisit;
	const struct queue_news news = queue_news_of(&exchange->ask.place, &revisit->shown);
	enum language language = revisit->language == LANGUAGE_COUNT ? answer_language(exchange) : revisit->language;
	char text[QUEUE_NEWS_BYTES];
	queue_news_text(&news, language, text);
	json_out_int(json, "again_ms", again_ms(exchange));
	json_out_str(json, "news", text);
	json_out_int(json, "ahead", news.ahead);
	json_out_int(json, "minutes", news.minutes);
}

static void render(struct exchange *exchange)
{
	struct json_out json;
	if (exchange->ask.outcome == OUTCOME_FAILED) {
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
		return;
	}
	bool ready = is_ready(exchange);
	json_out_begin(&json, &exchange->answer);
	json_out_object(&json, NULL);
	json_out_bool(&json, "ready", ready);
	if (!ready)
		write_wait(exchange, &json);
	json_out_object_end(&json);
	if (json_out_end(&json) == ERR_OK)
		answer_json(exchange, 200);
	else
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
}

void journey_wait(struct exchange *exchange, enum method method)
{
	struct ask *ask = &exchange->ask;
	struct revisit *revisit = &exchange->kept.revisit;
	struct ticket ticket;
	(void)method;
	if (ticket_read(exchange->ingress->journeys->tickets, TICKET_START, exchange->tail, clock_unix_ms(), &ticket) !=
	    ERR_OK) {
		answer_problem(exchange, PROBLEM_NOT_FOUND, NULL);
		return;
	}
	*revisit = revisit_none();
	(void)exchange_each_parameter(exchange, revisit_take, revisit);
	if (revisit->shows == PAGE_COUNT)
		revisit->shows = PAGE_WAITING;
	ask->type = ASK_READ;
	ask->request.kind = KIND_JUMIO_IDENTITY;
	memcpy(ask->request.id, ticket.id, sizeof ticket.id);
	ask->ticket_ms = ticket.made_ms;
	ask->wants_place = true;
	ask->wait_for = revisit->shows == PAGE_CHECKING ? WAIT_SETTLED : WAIT_LEFT_QUEUED;
	ask->wait_until_ms = exchange->accepted_ms + REVISIT_HOLD_MS;
	exchange_ask(exchange, render);
}
