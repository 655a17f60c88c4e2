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
	FIRST_WAIT_MS = 700,   /* longer than most initiates take: then no waiting page is seen at all */
	AGAIN_WAIT_MS = 20000, /* meanwhile the browser goes on showing the waiting page */
	FRESH_TICKET_MS = 60000,
	SLOW_REFRESH_S = 3, /* when waiting is of no use now: no hot loop */
	BUSY_REFRESH_S = 5,
	RETURN_WAIT_MS = 2500, /* for Kafka to take the note that the person is back */
	LINK_MAX_BYTES = EXCHANGE_HEADER_MAX_BYTES,
};

static void show(struct exchange *exchange, int status, enum page page, int refresh_s, const char *link)
{
	const struct page_view view = {page, refresh_s, link};
	answer_page(exchange, status, &view);
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
		show(exchange, code == ERR_TIMEOUT ? 410 : 404, PAGE_EXPIRED, -1, NULL);
		return false;
	}
	exchange->ask.request.kind = KIND_JUMIO_IDENTITY;
	memcpy(exchange->ask.request.id, ret_ticket->id, sizeof ret_ticket->id);
	return true;
}

/* ---- /start ---- */

static bool look_for_again(void *ctx, const char *name, const char *value)
{
	bool *again = ctx;
	*again = *again || (strcmp(name, PAGE_AGAIN_NAME) == 0 && strcmp(value, PAGE_AGAIN_VALUE) == 0);
	return true;
}

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

/* Whether the desk came back long before it had to, and so would again. */
static bool waiting_is_of_no_use(const struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	int64_t whole_ms = ask->wait_until_ms - exchange->accepted_ms;
	return ask->outcome != OUTCOME_STATE || clock_mono_ms() - exchange->accepted_ms < whole_ms / 2;
}

/* Redis binds the browser before it is asked for the state. Without the cookie this browser would then be another one
 * to itself. */
static bool may_be_bound(enum outcome outcome)
{
	return outcome == OUTCOME_STATE || outcome == OUTCOME_NOT_FOUND || outcome == OUTCOME_CACHE_AWAY;
}

/* A ticket proves that its journey was accepted. While it is fresh, nobody may have heard of that yet: the ingress that
 * accepted it had no Redis, or its record is still on the way. */
static enum outcome outcome_for(const struct ask *ask)
{
	bool is_fresh = clock_unix_ms() - ask->ticket_ms < FRESH_TICKET_MS;
	return ask->outcome == OUTCOME_NOT_FOUND && is_fresh ? OUTCOME_CACHE_AWAY : ask->outcome;
}

static void render_start(struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	struct journey_view view;
	if (ask->outcome == OUTCOME_OTHER_BROWSER) {
		show(exchange, 409, PAGE_OTHER_BROWSER, -1, NULL);
		return;
	}
	if (ask->outcome == OUTCOME_FAILED) {
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
		return;
	}
	journey_view(outcome_for(ask), &ask->state, &view);
	if (exchange->kept.cookie_is_new && may_be_bound(ask->outcome))
		set_cookie(exchange);
	if (view.start == PAGE_ONWARD)
		send_to_vendor(exchange);
	else if (view.start == PAGE_WAITING)
		show(exchange, 200, PAGE_WAITING, waiting_is_of_no_use(exchange) ? SLOW_REFRESH_S : 0, NULL);
	else
		show(exchange, 200, view.start, -1, NULL);
}

void journey_start(struct exchange *exchange, enum method method)
{
	struct ask *ask = &exchange->ask;
	struct ticket ticket;
	bool again = false;
	(void)method;
	if (!read_ticket(exchange, TICKET_START, &ticket))
		return;
	if (choose_cookie(exchange) != ERR_OK) {
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
		return;
	}
	(void)exchange_each_parameter(exchange, look_for_again, &again);
	ask->type = ASK_START;
	ask->ticket_ms = ticket.made_ms;
	ask->browser_ttl_ms = exchange->ingress->journeys->ticket_life_ms;
	ask->wait_for = WAIT_LEFT_QUEUED;
	ask->wait_until_ms = exchange->accepted_ms + (again ? AGAIN_WAIT_MS : FIRST_WAIT_MS);
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
	show(exchange, 200, PAGE_NOT_FINISHED, -1, code == ERR_OK ? link : NULL);
	explicit_bzero(link, sizeof link);
}

static void render_return(struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	struct journey_view view;
	journey_view(ask->outcome, &ask->state, &view);
	if (ask->outcome == OUTCOME_OTHER_BROWSER)
		show(exchange, 403, PAGE_SIGN_IN_AGAIN, -1, NULL);
	else if (ask->outcome == OUTCOME_FAILED)
		answer_problem(exchange, PROBLEM_INTERNAL, NULL);
	else if (ask->outcome == OUTCOME_QUEUE_AWAY || ask->outcome == OUTCOME_OVERLOADED)
		show(exchange, 200, PAGE_BUSY, BUSY_REFRESH_S, NULL);
	else if (view.back == PAGE_ONWARD)
		send_back(exchange);
	else if (view.back == PAGE_NOT_FINISHED)
		show_not_finished(exchange);
	else
		show(exchange, 200, view.back, view.back == PAGE_WAITING ? SLOW_REFRESH_S : -1, NULL);
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
		show(exchange, 403, PAGE_SIGN_IN_AGAIN, -1, NULL);
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
