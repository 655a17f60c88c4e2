/* journey: the two addresses that a person's browser opens: /start, on the way to the vendor, and /return, on the way
 * back. Answers are pages or a redirect. The first browser at /start is the journey's; /return knows it by its cookie.
 */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "ingress/answers.h"
#include "ingress/browser_cookie.h"
#include "ingress/ingress.h"
#include "ingress/journey_fields.h"
#include "ingress/journey_view.h"
#include "ingress/routes/routes.h"
#include "ingress/urls.h"
#include <string.h>

enum {
	FIRST_WAIT_MS = 700, /* longer than most initiates take: then no waiting page is seen at all */
	RETURN_REFRESH_S = 3,
	CHECKING_REFRESH_S = 20,
	BUSY_REFRESH_S = 5,
	RETURN_WAIT_MS = 2500, /* for Kafka to take the note that the person is back */
	LINK_MAX_BYTES = EXCHANGE_HEADER_MAX_BYTES,
};

/* Whom a page is for: its language is the one that the app told us, it is named after the app, where both are known. */
static void set_reader(const struct exchange *exchange, struct page_view *view)
{
	const struct ask *ask = &exchange->ask;
	const struct ingress *ingress = exchange->ingress;
	struct person person = {.memory = NULL};
	const char *sealed = ask->outcome == OUTCOME_STATE ? ask->texts.sealed : NULL;
	view->language = LANGUAGE_COUNT;
	if (sealed && person_open(ingress->ring, ask->request.id, sealed, strlen(sealed), &person, NULL) == ERR_OK) {
		view->language = language_of_tags(person.field[REQUEST_FIELD_LOCALE]);
		view->application = application_name(ingress->journeys->applications,
		                                     person.field[REQUEST_FIELD_CLIENT], ask->state.caller);
	}
	if (view->language == LANGUAGE_COUNT)
		view->language = answer_language(exchange);
	person_fini(&person);
}

static void show(struct exchange *exchange, int status, struct page_view *view)
{
	set_reader(exchange, view);
	answer_page(exchange, status, view);
}

static void show_page(struct exchange *exchange, int status, enum page page, int refresh_s)
{
	show(exchange, status, &(struct page_view){.page = page, .refresh_s = refresh_s, .ahead = -1, .minutes = -1});
}

static void send_on(struct exchange *exchange, const char *address)
{
	if (!exchange_add_header(exchange, "Location", address)) {
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
		return;
	}
	answer_empty(exchange, 302);
	exchange_add_header(exchange, "Referrer-Policy", "no-referrer");
}

/* Reads the ticket into the ask. Returns: false when it answered: 404 for what is none, 410 for one that has ended. */
static bool read_ticket(struct exchange *exchange, enum ticket_use use, struct ticket *ret_ticket)
{
	enum err_code code =
	        ticket_read(exchange->ingress->journeys->tickets, use, exchange->tail, clock_unix_ms(), ret_ticket);
	if (code != ERR_OK) {
		show_page(exchange, code == ERR_TIMEOUT ? 410 : 404, PAGE_EXPIRED, -1);
		return false;
	}
	exchange->ask.request.kind = KIND_JUMIO_IDENTITY;
	memcpy(exchange->ask.request.id, ret_ticket->id, sizeof ret_ticket->id);
	return true;
}

/* ---- /start ---- */

/* The browser's own cookie, or a new one. */
static enum err_code choose_cookie(struct exchange *exchange)
{
	const struct tickets *tickets = exchange->ingress->journeys->tickets;
	struct ask *ask = &exchange->ask;
	enum err_code code = ERR_OK;
	exchange->kept.cookie_is_new = !browser_cookie_read(tickets, ask->request.id,
	                                                    exchange_header(exchange, "Cookie"), exchange->kept.cookie);
	if (exchange->kept.cookie_is_new)
		code = cookie_make(tickets, ask->request.id, exchange->kept.cookie);
	return code == ERR_OK ? cookie_hash(exchange->kept.cookie, ask->browser) : code;
}

static void set_cookie(struct exchange *exchange)
{
	char header[SET_COOKIE_BYTES];
	browser_cookie_write(exchange->ask.request.id, exchange->kept.cookie,
	                     exchange->ingress->journeys->ticket_life_ms, header);
	exchange_add_header(exchange, "Set-Cookie", header);
	explicit_bzero(header, sizeof header);
}

/* Opens the vendor's address. Returns: ERR_OK; ERR_NOT_FOUND; ERR_INVALID (no address to send a browser to); what
 * seal_open returns. */
static enum err_code open_link(const struct exchange *exchange, struct buf *out, struct err *err)
{
	const struct ask *ask = &exchange->ask;
	if (!ask->texts.link)
		return err_set(err, ERR_NOT_FOUND, "the state has no link");
	enum err_code code =
	        seal_open(exchange->ingress->ring, ask->request.id, ask->texts.link, strlen(ask->texts.link), out, err);
	return code != ERR_OK || url_is_web(out->data) ? code : err_set(err, ERR_INVALID, "not an https:// address");
}

static void send_to_vendor(struct exchange *exchange)
{
	struct buf link;
	struct err err = {ERR_OK, ""};
	buf_init(&link, LINK_MAX_BYTES);
	enum err_code code = open_link(exchange, &link, &err);
	if (code == ERR_OK) {
		send_on(exchange, link.data);
	} else {
		log_error("link_unusable", LOG_STR("id", exchange->ask.request.id), LOG_STR("error", err_text(code)),
		          LOG_STR("why", err.msg));
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
	}
	buf_fini_secret(&link);
}

/* Redis binds the browser before it is asked for the state. Without the cookie this browser would then be another one
 * to itself. */
static bool may_be_bound(enum outcome outcome)
{
	return outcome == OUTCOME_STATE || outcome == OUTCOME_NOT_FOUND || outcome == OUTCOME_CACHE_AWAY;
}

/* Its turn has not come: tells how long that takes, and when to look again. */
static void show_waiting(struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	const struct queue_news news = queue_news_of(&ask->place, &exchange->kept.revisit.shown);
	bool held = journey_was_held(ask, exchange->accepted_ms, clock_mono_ms());
	char text[QUEUE_NEWS_BYTES];
	struct page_view view = {.page = PAGE_WAITING, .live = true, .ahead = news.ahead, .minutes = news.minutes};
	view.refresh_s = (int)((revisit_after_ms(&ask->place, held) + 999) / 1000);
	set_reader(exchange, &view);
	queue_news_text(&news, view.language, text);
	view.news = text;
	answer_page(exchange, 200, &view);
}

static void show_ending(struct exchange *exchange, const struct journey_view *view)
{
	char link[JOURNEY_LINK_BYTES];
	const struct ask *ask = &exchange->ask;
	struct page_view page = {.page = view->start,
	                         .refresh_s = view->start == PAGE_CHECKING ? CHECKING_REFRESH_S : -1,
	                         .live = true,
	                         .link_text = TEXT_BACK_TO_APP,
	                         .ahead = -1,
	                         .minutes = -1};
	bool leads_back = view->back == PAGE_ONWARD && ask->texts.sealed;
	if (leads_back &&
	    journey_return_link(exchange->ingress->journeys, ask->request.id, clock_unix_ms(), link) == ERR_OK)
		page.link = link;
	show(exchange, 200, &page);
	explicit_bzero(link, sizeof link);
}

static void render_start(struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	struct journey_view view;
	if (ask->outcome == OUTCOME_OTHER_BROWSER) {
		show_page(exchange, 409, PAGE_OTHER_BROWSER, -1);
		return;
	}
	if (ask->outcome == OUTCOME_FAILED) {
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
		return;
	}
	journey_view(journey_outcome(ask, clock_unix_ms()), &ask->state, &view);
	if (exchange->kept.cookie_is_new && may_be_bound(ask->outcome))
		set_cookie(exchange);
	if (view.start == PAGE_ONWARD)
		send_to_vendor(exchange);
	else if (view.start == PAGE_WAITING)
		show_waiting(exchange);
	else
		show_ending(exchange, &view);
}

void journey_start(struct exchange *exchange, enum method method)
{
	struct ask *ask = &exchange->ask;
	struct ticket ticket;
	(void)method;
	if (!read_ticket(exchange, TICKET_START, &ticket))
		return;
	if (choose_cookie(exchange) != ERR_OK) {
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
		return;
	}
	struct revisit *revisit = &exchange->kept.revisit;
	*revisit = revisit_none();
	(void)exchange_each_parameter(exchange, revisit_take, revisit);
	ask->type = ASK_START;
	ask->ticket_ms = ticket.made_ms;
	ask->browser_ttl_ms = exchange->ingress->journeys->ticket_life_ms;
	ask->wait_for = WAIT_LEFT_QUEUED;
	ask->wants_place = true;
	ask->wait_until_ms = exchange->accepted_ms + (revisit->again ? (int)REVISIT_HOLD_MS : (int)FIRST_WAIT_MS);
	exchange_ask(exchange, render_start);
}

/* ---- /return ---- */

static void send_back(struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	const struct ingress *ingress = exchange->ingress;
	struct person person = {.memory = NULL};
	struct err err = {ERR_OK, ""};
	struct buf address;
	buf_init(&address, EXCHANGE_HEADER_MAX_BYTES);
	enum err_code code = ERR_NOT_FOUND;
	if (ask->texts.sealed)
		code = person_open(ingress->ring, ask->request.id, ask->texts.sealed, strlen(ask->texts.sealed),
		                   &person, &err);
	if (code == ERR_OK)
		code = journey_onward(ingress->journeys, ask->request.id, &person, clock_unix_ms() / 1000, &address);
	if (code == ERR_OK) {
		send_on(exchange, address.data);
	} else {
		log_error("way_back_unknown", LOG_STR("id", ask->request.id), LOG_STR("error", err_text(code)),
		          LOG_STR("why", err.msg));
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
	}
	buf_fini_secret(&address);
	person_fini(&person);
}

static void show_not_finished(struct exchange *exchange)
{
	char link[JOURNEY_LINK_BYTES];
	enum err_code code =
	        journey_start_link(exchange->ingress->journeys, exchange->ask.request.id, clock_unix_ms(), link);
	show(exchange, 200,
	     &(struct page_view){.page = PAGE_NOT_FINISHED,
	                         .refresh_s = -1,
	                         .link = code == ERR_OK ? link : NULL,
	                         .link_text = TEXT_CONTINUE});
	explicit_bzero(link, sizeof link);
}

static void render_return(struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	struct journey_view view;
	journey_view(ask->outcome, &ask->state, &view);
	if (ask->outcome == OUTCOME_OTHER_BROWSER)
		show_page(exchange, 403, PAGE_SIGN_IN_AGAIN, -1);
	else if (ask->outcome == OUTCOME_FAILED)
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
	else if (ask->outcome == OUTCOME_QUEUE_AWAY || ask->outcome == OUTCOME_OVERLOADED)
		show_page(exchange, 200, PAGE_BUSY, BUSY_REFRESH_S);
	else if (view.back == PAGE_ONWARD)
		send_back(exchange);
	else if (view.back == PAGE_NOT_FINISHED)
		show_not_finished(exchange);
	else
		show_page(exchange, 200, view.back, view.back == PAGE_WAITING ? RETURN_REFRESH_S : -1);
}

void journey_return(struct exchange *exchange, enum method method)
{
	struct ask *ask = &exchange->ask;
	struct ticket ticket;
	(void)method;
	if (!read_ticket(exchange, TICKET_RETURN, &ticket))
		return;
	const char *header = exchange_header(exchange, "Cookie");
	if (!browser_cookie_read(exchange->ingress->journeys->tickets, ask->request.id, header,
	                         exchange->kept.cookie)) {
		show_page(exchange, 403, PAGE_SIGN_IN_AGAIN, -1);
		return;
	}
	if (cookie_hash(exchange->kept.cookie, ask->browser) != ERR_OK) {
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
		return;
	}
	ask->type = ASK_RETURN;
	ask->wait_until_ms = exchange->accepted_ms + RETURN_WAIT_MS;
	exchange_ask(exchange, render_return);
}
