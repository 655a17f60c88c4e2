/* http_server: the life of an exchange. A refusal is decided when the headers are there, but told after a small body
 * was read and thrown away, so that the connection stays usable and the caller really gets to read it. */
#include "common/base/clock.h"
#include "common/base/decimal.h"
#include "common/base/percent.h"
#include "ingress/answers.h"
#include "ingress/form.h"
#include "ingress/http_server_internal.h"
#include "ingress/media_type.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	DISCARD_MAX_BYTES = 1024 * 1024, /* of a body that is refused */
	COMMON_HEADERS = 4,
	TARGET_PATH_BYTES = 4 * EXCHANGE_PATH_BYTES, /* before it is decoded and folded; a longer one leads nowhere */
	PREFER_WAIT_MAX_S = 25,
};

/* ---- what routes see ---- */

const char *exchange_header(const struct exchange *exchange, const char *name)
{
	return http_head_value(exchange->head, name);
}

struct parameters {
	bool (*fn)(void *ctx, const char *name, const char *value);
	void *ctx;
	int count;
};

static bool take_parameter(void *ctx, const char *name, const char *value)
{
	struct parameters *parameters = ctx;
	return ++parameters->count <= EXCHANGE_MAX_PARAMETERS && parameters->fn(parameters->ctx, name, value);
}

bool exchange_each_parameter(const struct exchange *exchange,
                             bool (*fn)(void *ctx, const char *name, const char *value), void *ctx)
{
	struct parameters parameters = {.fn = fn, .ctx = ctx};
	const char *query = strchr(exchange->head->target, '?');
	char *text = query ? strdup(query + 1) : NULL;
	if (!text)
		return !query;
	size_t len = strlen(text);
	bool whole = !strstr(text, "%00") && form_each(text, len, take_parameter, &parameters);
	explicit_bzero(text, len); /* a person's session id may stand in it */
	free(text);
	return whole;
}

enum err_code exchange_header_list(const struct exchange *exchange, const char *name, struct buf *out)
{
	const struct http_head *head = exchange->head;
	enum err_code code = ERR_OK;
	size_t begin = out->len, len = strlen(name);
	for (size_t i = 0; i < head->count && code == ERR_OK; i++) {
		const struct http_field *field = &head->fields[i];
		if (field->name_len == len && strcasecmp(head->text + field->name, name) == 0)
			code = buf_printf(out, "%s%s", out->len > begin ? ", " : "", head->text + field->value);
	}
	return code;
}

const struct sockaddr *exchange_peer(const struct exchange *exchange)
{
	return http_link_peer(exchange->link);
}

/* From the desk's thread: the wire then calls on_resumed, in the exchange's own thread. */
static void on_ask_done(struct ask *ask)
{
	struct exchange *exchange = (struct exchange *)(void *)((char *)ask - offsetof(struct exchange, ask));
	struct http_server *server = exchange->server; /* the exchange may end as soon as it is resumed */
	call_trace_back(exchange);
	http_link_resume(exchange->link);
	http_server_loop_wake(server);
}

void exchange_ask(struct exchange *exchange, void (*render)(struct exchange *exchange))
{
	exchange->ask.done = on_ask_done;
	exchange->render = render;
	exchange->asking = true;
}

/* ---- the answer ---- */

static size_t list_headers(const struct exchange *exchange,
                           struct http_header headers[COMMON_HEADERS + EXCHANGE_MAX_HEADERS])
{
	const char *cache = exchange->cache_control ? exchange->cache_control : "no-store";
	size_t count = 0;
	headers[count++] = (struct http_header){"Cache-Control", cache};
	headers[count++] = (struct http_header){"X-Content-Type-Options", "nosniff"};
	headers[count++] = (struct http_header){"X-Request-Id", exchange->request_id};
	if (exchange->content_type)
		headers[count++] = (struct http_header){"Content-Type", exchange->content_type};
	for (size_t i = 0; i < exchange->header_count; i++)
		headers[count++] = (struct http_header){exchange->headers[i].name, exchange->headers[i].value};
	return count;
}

/* When the wire's turn began: what happens to a connection in one turn happens then. */
static void enter(const struct http_link *link, enum connection_stage stage)
{
	connection_enter(http_link_own(link), stage, http_link_now_us(link) / 1000);
}

static void give_answer(const struct http_server *server, struct exchange *exchange, bool close)
{
	struct http_header headers[COMMON_HEADERS + EXCHANGE_MAX_HEADERS];
	const struct http_answer answer = {
	        .status = exchange->status,
	        .headers = headers,
	        .count = list_headers(exchange, headers),
	        .body = exchange->answer.data,
	        .len = exchange->answer.len,
	        .closes = close || exchange->closes || atomic_load_explicit(&server->ending, memory_order_relaxed),
	};
	enter(exchange->link, CONNECTION_ANSWER);
	http_server_count(server, exchange);
	http_link_answer(exchange->link, &answer);
}

/* ---- when the headers are there ---- */

static enum method method_of(const char *name)
{
	if (strcmp(name, "GET") == 0)
		return METHOD_GET;
	if (strcmp(name, "OPTIONS") == 0)
		return METHOD_OPTIONS;
	return strcmp(name, "POST") == 0 ? METHOD_POST : (enum method)0;
}

static void refuse_method(struct exchange *exchange)
{
	char allow[ALLOW_BYTES];
	route_allow(exchange->route, allow);
	answer_problem(exchange, PROBLEM_METHOD_NOT_ALLOWED, NULL);
	exchange_add_header(exchange, "Allow", allow);
}

/* RFC 7240: wait=N among other preferences. What cannot be read is ignored, as the RFC says. */
static int read_prefer_wait(const char *prefer)
{
	static const char wait[] = "wait=";
	const size_t name_len = sizeof wait - 1;
	while (prefer && *prefer) {
		prefer += strspn(prefer, " \t,;");
		size_t len = strcspn(prefer, " \t,;");
		int64_t seconds;
		if (len > name_len && strncasecmp(prefer, wait, name_len) == 0 &&
		    decimal_parse(prefer + name_len, len - name_len, INT_MAX, &seconds) == ERR_OK)
			return seconds < PREFER_WAIT_MAX_S ? (int)seconds : PREFER_WAIT_MAX_S;
		prefer += len;
	}
	return -1;
}

/* Answers of a route that other origins' pages may ask carry the permission, whatever they say (WHATWG Fetch,
 * section 3.2). */
static void add_cors_headers(struct exchange *exchange)
{
	if (!exchange->route || !(exchange->route->flags & ROUTE_CORS))
		return;
	const char *allowed = cors_allowed(exchange->ingress->cors, exchange_header(exchange, "Origin"));
	exchange_add_header(exchange, "Vary", "Origin");
	if (allowed)
		exchange_add_header(exchange, "Access-Control-Allow-Origin", allowed);
}

static void answer_preflight(struct exchange *exchange)
{
	answer_empty(exchange, 204);
	exchange_add_header(exchange, "Access-Control-Allow-Methods", "POST");
	exchange_add_header(exchange, "Access-Control-Allow-Headers", "content-type, prefer");
	exchange_add_header(exchange, "Access-Control-Max-Age", "600");
}

static enum auth_answer who_calls(struct exchange *exchange)
{
	const struct auth *auth = exchange->ingress->auth;
	struct shown_certificate shown;
	struct auth_offer offer = {.key = exchange_header(exchange, auth_key_header(auth)),
	                           .authorization = exchange_header(exchange, "Authorization")};
	if (exchange->route->flags & ROUTE_OPEN)
		return AUTH_TAKEN;
	if (!offer.key && !offer.authorization)
		offer.certificate = http_server_certificate(exchange, &shown);
	return auth_check(auth, &offer, exchange->caller);
}

static bool is_taken(const struct exchange *exchange, enum method method)
{
	return method != METHOD_POST || (exchange->route->flags & ROUTE_ANY_TYPE) ||
	       media_type_is(exchange_header(exchange, "Content-Type"), "application/json");
}

/* As far as it is announced. */
static uint64_t body_length(const struct exchange *exchange)
{
	const struct http_head *head = exchange->head;
	return head->has_length ? head->length : 0;
}

/* Everything that can be answered before the body is there. Leaves exchange->status 0 when nothing is. */
static void check_headers(struct exchange *exchange, enum method method)
{
	enum auth_answer known = AUTH_TAKEN;
	if (!exchange->route)
		answer_problem(exchange, PROBLEM_NOT_FOUND, NULL);
	else if (!(exchange->route->methods & (unsigned)method))
		refuse_method(exchange);
	else if (method == METHOD_OPTIONS)
		answer_preflight(exchange);
	else if ((known = who_calls(exchange)) != AUTH_TAKEN)
		answer_problem(exchange, known == AUTH_LATER ? PROBLEM_AUTH_AWAY : PROBLEM_UNAUTHENTICATED, NULL);
	else if (body_length(exchange) > exchange->ingress->max_body_bytes)
		answer_problem(exchange, PROBLEM_TOO_LARGE, NULL);
	else if (!is_taken(exchange, method))
		answer_problem(exchange, PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
}

/* Returns: NULL when there is no memory, or the connection was cut off. */
static struct exchange *new_exchange(struct http_server *server, struct http_link *link)
{
	struct exchange *exchange = connection_is_ended(http_link_own(link)) ? NULL : calloc(1, sizeof *exchange);
	if (!exchange || id_token(exchange->request_id) != ERR_OK) {
		free(exchange);
		return NULL;
	}
	exchange_init(exchange, server->ingress, server->ingress->max_body_bytes);
	exchange->link = link;
	exchange->head = http_link_head(link);
	exchange->server = server;
	exchange->accepted_us = http_link_began_us(link);
	exchange->accepted_ms = exchange->accepted_us / 1000;
	exchange->closes = connections_are_too_many(server->connections);
	return exchange;
}

static void find_route(struct exchange *exchange, const char *target)
{
	char path[TARGET_PATH_BYTES];
	bool journeys = exchange->ingress->journeys != NULL;
	size_t len = strcspn(target, "?"), kept = len < sizeof path ? len : sizeof path - 1;
	memcpy(path, target, kept);
	path[percent_decode(path, kept)] = '\0';
	if (route_fold_path(path, exchange->path) && kept == len)
		exchange->route = route_find(exchange->path, journeys, &exchange->tail);
	exchange->dialect = exchange->route ? exchange->route->dialect : route_dialect(exchange->path);
}

static void on_began(void *ctx, struct http_link *link)
{
	(void)ctx;
	enter(link, CONNECTION_HEADERS);
}

static void on_head(void *ctx, struct http_link *link)
{
	struct http_server *server = ctx;
	const struct http_head *head = http_link_head(link);
	struct exchange *exchange = new_exchange(server, link);
	http_link_set_request(link, exchange);
	if (!exchange) {
		http_link_cut(link);
		return;
	}
	find_route(exchange, head->target);
	call_trace_begin(exchange, head->method);
	add_cors_headers(exchange);
	if (head->broken) {
		answer_problem(exchange, head->too_large ? PROBLEM_HEAD_TOO_LARGE : PROBLEM_MALFORMED_REQUEST,
		               head->broken);
		give_answer(server, exchange, true);
		return;
	}
	enter(link, CONNECTION_BODY);
	exchange->closes = exchange->closes || head->chunked;
	check_headers(exchange, method_of(head->method));
	if (exchange->status && (body_length(exchange) > DISCARD_MAX_BYTES || head->expects))
		give_answer(server, exchange, true);
	exchange->prefer_wait_s = read_prefer_wait(exchange_header(exchange, "Prefer"));
}

/* ---- body and hand-over ---- */

static void on_body(void *ctx, struct http_link *link, const char *data, size_t len)
{
	struct exchange *exchange = http_link_request(link);
	(void)ctx;
	exchange->body_seen += len;
	if (exchange->body_seen > DISCARD_MAX_BYTES)
		http_link_cut(link); /* a chunked body without end */
	else if (!exchange->status && buf_append(&exchange->body, data, len) != ERR_OK)
		answer_problem(exchange, PROBLEM_TOO_LARGE, NULL);
}

static void on_broken(void *ctx, struct http_link *link, const char *rule)
{
	const struct http_server *server = ctx;
	struct exchange *exchange = http_link_request(link);
	if (!exchange->status)
		answer_problem(exchange, PROBLEM_MALFORMED_REQUEST, rule);
	give_answer(server, exchange, true);
}

/* Whether the desk is asked. What is not is told in the route's own words. */
static bool is_admitted(const struct http_server *server, struct exchange *exchange)
{
	struct ask *ask = &exchange->ask;
	bool full = connections_are_too_many(server->connections);
	if (full)
		metric_add(server->refused, 1);
	if (!full && admission_take(server->admission, exchange->caller, ask, &exchange->admitted))
		return true;
	person_fini(&ask->person);
	ask->outcome = OUTCOME_OVERLOADED;
	exchange->render(exchange);
	return false;
}

static void on_whole(void *ctx, struct http_link *link)
{
	const struct http_server *server = ctx;
	struct exchange *exchange = http_link_request(link);
	if (!exchange->status)
		exchange->route->handle(exchange, method_of(http_link_head(link)->method));
	if (!exchange->asking || !is_admitted(server, exchange)) {
		give_answer(server, exchange, false);
		return;
	}
	enter(link, CONNECTION_HELD);
	exchange->ask.left = connection_left(http_link_own(link));
	desk_submit(server->ingress->desk, &exchange->ask);
}

static void on_resumed(void *ctx, struct http_link *link)
{
	const struct http_server *server = ctx;
	struct exchange *exchange = http_link_request(link);
	admission_give(server->admission, &exchange->admitted);
	exchange->render(exchange);
	give_answer(server, exchange, false);
}

static void on_ended(void *ctx, struct http_link *link, enum http_end how)
{
	const struct http_server *server = ctx;
	struct exchange *exchange = http_link_request(link);
	enter(link, how == HTTP_END_LEAVES ? CONNECTION_LEAVING : CONNECTION_IDLE);
	if (!exchange)
		return;
	admission_give(server->admission, &exchange->admitted);
	call_trace_end(exchange, how != HTTP_END_LOST);
	exchange_fini(exchange);
	free(exchange);
}

/* ---- connections ---- */

static void *on_opened(void *ctx, int fd, const struct sockaddr *peer)
{
	const struct http_server *server = ctx;
	return connections_opened(server->connections, fd, peer);
}

static void on_closed(void *ctx, void *own)
{
	const struct http_server *server = ctx;
	connections_closed(server->connections, own);
}

const struct http_wire_calls http_server_calls = {
        .opened = on_opened,
        .closed = on_closed,
        .began = on_began,
        .head = on_head,
        .body = on_body,
        .broken = on_broken,
        .whole = on_whole,
        .resumed = on_resumed,
        .ended = on_ended,
};
