/* http_server_figures: what is counted of answers: rate, errors and duration of each route, the problems that were
 * told, and the answers that were given without a verdict. */
#include "common/base/clock.h"
#include "ingress/http_server_internal.h"
#include <stdio.h>
#include <string.h>

enum { LABELS_BYTES = 128 };

static const char *const problem_codes[PROBLEM_COUNT] = {
#define PROBLEM(symbol, code, status, title, user_message) code,
#include "ingress/problems.def"
#undef PROBLEM
};

static const char *const undecided_names[UNDECIDED_COUNT] = {
        [DECIDED] = "",
        [UNDECIDED_PENDING] = "pending",
        [UNDECIDED_QUEUE_AWAY] = "queue_away",
        [UNDECIDED_OVERLOADED] = "overloaded",
        [UNDECIDED_VENDOR_DOWN] = "vendor_down",
        [UNDECIDED_CACHE_AWAY] = "cache_away",
        [UNDECIDED_NO_SESSION] = "no_session",
        [UNDECIDED_UNKNOWN] = "unknown",
};

enum { WAITING = 1u << UNDECIDED_PENDING | 1u << UNDECIDED_CACHE_AWAY, ANY = (1u << UNDECIDED_COUNT) - 2 };

/* Which routes are asked for something that may not be decided, and why it may not. */
static const struct {
	const char *route;
	unsigned why; /* bit set of enum undecided */
} undecided_routes[] = {
        {"GetScore", ANY}, {"InitializeTransaction", WAITING}, {"VerifyTransactionStatus", WAITING}, {"Start", WAITING},
        {"Wait", WAITING}, {"CreateVerification", WAITING},    {"ReadVerification", WAITING},
};

static void make_undecided(struct http_server *server, size_t route, unsigned why)
{
	char labels[LABELS_BYTES];
	for (unsigned i = 0; i < UNDECIDED_COUNT; i++) {
		if (!(why & 1u << i))
			continue;
		snprintf(labels, sizeof labels, "route=\"%s\",why=\"%s\"", routes_all()[route].name,
		         undecided_names[i]);
		server->undecided[route][i] = metrics_counter(server->ingress->metrics, "verifyd_pending_answers",
		                                              labels, "answers given without a verdict, by why");
	}
}

static void make_route(struct http_server *server, size_t i, const char *route)
{
	struct metrics *metrics = server->ingress->metrics;
	char labels[LABELS_BYTES];
	for (int class = 2; class < STATUS_CLASSES; class ++) {
		snprintf(labels, sizeof labels, "route=\"%s\",status=\"%dxx\"", route, class);
		server->answered[i][class] = metrics_counter(metrics, "verifyd_http_requests", labels, "answers given");
	}
	server->answered[i][0] = server->answered[i][1] = server->answered[i][5];
	snprintf(labels, sizeof labels, "route=\"%s\"", route);
	server->seconds[i] = metrics_histogram(metrics, "verifyd_http_request_seconds", labels,
	                                       "time from a request's first line to its answer");
	for (size_t row = 0; row < sizeof undecided_routes / sizeof *undecided_routes; row++)
		if (strcmp(undecided_routes[row].route, route) == 0)
			make_undecided(server, i, undecided_routes[row].why);
}

void http_server_make_figures(struct http_server *server)
{
	struct metrics *metrics = server->ingress->metrics;
	char labels[LABELS_BYTES];
	for (size_t i = 0; i <= ROUTE_COUNT; i++)
		make_route(server, i, i < ROUTE_COUNT ? routes_all()[i].name : "none");
	for (size_t i = 0; i < PROBLEM_COUNT; i++) {
		snprintf(labels, sizeof labels, "code=\"%s\"", problem_codes[i]);
		server->problems[i] = metrics_counter(metrics, "verifyd_problems", labels,
		                                      "answers that tell a problem, by its code");
	}
	server->refused = metrics_counter(metrics, "verifyd_calls_limited", "why=\"connections\"",
	                                  "calls that were not held, or refused, because there were too many");
}

static bool asks_for_a_verdict(enum ask_type type)
{
	return type == ASK_NEW || type == ASK_JOURNEY || type == ASK_READ || type == ASK_START;
}

static enum undecided why_of_state(const struct ask *ask)
{
	const struct verification *state = &ask->state;
	bool no_score = ask->type == ASK_NEW && state_is_final(state->state) &&
	                (state->risk == RISK_NONE || state->risk == RISK_UNKNOWN);
	if (!ask_is_content(ask, state))
		return UNDECIDED_PENDING;
	return no_score ? UNDECIDED_UNKNOWN : DECIDED;
}

static enum undecided why_undecided(const struct exchange *exchange)
{
	if (exchange->undecided != DECIDED || !exchange->asking || !asks_for_a_verdict(exchange->ask.type))
		return exchange->undecided;
	switch (exchange->ask.outcome) {
	case OUTCOME_STATE:
		return why_of_state(&exchange->ask);
	case OUTCOME_QUEUE_AWAY:
		return UNDECIDED_QUEUE_AWAY;
	case OUTCOME_OVERLOADED:
		return UNDECIDED_OVERLOADED;
	case OUTCOME_VENDOR_DOWN:
		return UNDECIDED_VENDOR_DOWN;
	case OUTCOME_CACHE_AWAY:
		return UNDECIDED_CACHE_AWAY;
	default:
		return DECIDED;
	}
}

static void log_refusal(const struct http_server *server, const struct exchange *exchange)
{
	struct log_field suppressed;
	char trace_id[TRACE_ID_BYTES];
	if (!decision_log_pass(server->ingress->decisions, DECISION_REFUSED, clock_mono_ms(), &suppressed))
		return;
	decision_log_write(DECISION_REFUSED, LOG_STR("route", exchange->route ? exchange->route->name : NULL),
	                   LOG_INT("status", exchange->status), LOG_STR("request_id", exchange->request_id),
	                   LOG_STR("trace_id", ask_trace_id(&exchange->ask, trace_id)), suppressed);
}

void http_server_count(const struct http_server *server, const struct exchange *exchange)
{
	size_t route = exchange->route ? (size_t)(exchange->route - routes_all()) : ROUTE_COUNT;
	int class = exchange->status / 100;
	metric_add(server->answered[route][class < STATUS_CLASSES ? class : 0], 1);
	metric_observe_us(server->seconds[route], clock_mono_us() - exchange->accepted_us);
	if (exchange->status >= 400)
		log_refusal(server, exchange);
	if (exchange->problem > 0) {
		metric_add(server->problems[exchange->problem - 1], 1);
		return;
	}
	struct metric *undecided = route < ROUTE_COUNT ? server->undecided[route][why_undecided(exchange)] : NULL;
	if (undecided)
		metric_add(undecided, 1);
}
