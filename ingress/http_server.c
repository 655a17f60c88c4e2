/* http_server: libmicrohttpd's callbacks. A refusal is decided when the headers are there, but told after a small body
 * was read and thrown away, so that the connection stays usable and the caller really gets to read it. */
#include "common/base/clock.h"
#include "common/base/decimal.h"
#include "ingress/answers.h"
#include "ingress/header_check.h"
#include "ingress/http_server_internal.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	DISCARD_MAX_BYTES = 1024 * 1024, /* of a body that is refused */
	PREFER_WAIT_MAX_S = 25,
};

/* ---- what routes see ---- */

const char *exchange_header(const struct exchange *exchange, const char *name)
{
	return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

struct parameters {
	bool (*fn)(void *ctx, const char *name, const char *value);
	void *ctx;
	int count;
	bool stopped;
};

static enum MHD_Result on_parameter(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                    const char *value, size_t value_len)
{
	struct parameters *parameters = cls;
	(void)kind;
	if (!value)
		value = "";
	parameters->stopped = ++parameters->count > EXCHANGE_MAX_PARAMETERS || strlen(name) != name_len ||
	                      strlen(value) != value_len || !parameters->fn(parameters->ctx, name, value);
	return parameters->stopped ? MHD_NO : MHD_YES;
}

bool exchange_each_parameter(const struct exchange *exchange,
                             bool (*fn)(void *ctx, const char *name, const char *value), void *ctx)
{
	struct parameters parameters = {.fn = fn, .ctx = ctx};
	MHD_get_connection_values_n(exchange->connection, MHD_GET_ARGUMENT_KIND, on_parameter, &parameters);
	return !parameters.stopped;
}

struct value_list {
	struct buf *out;
	const char *name;
	size_t begin;
	enum err_code code;
};

static enum MHD_Result on_list_item(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct value_list *list = cls;
	(void)kind;
	if (strcasecmp(name, list->name) != 0 || !value)
		return MHD_YES;
	list->code = buf_printf(list->out, "%s%s", list->out->len > list->begin ? ", " : "", value);
	return list->code == ERR_OK ? MHD_YES : MHD_NO;
}

enum err_code exchange_header_list(const struct exchange *exchange, const char *name, struct buf *out)
{
	struct value_list list = {out, name, out->len, ERR_OK};
	MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, on_list_item, &list);
	return list.code;
}

const struct sockaddr *exchange_peer(const struct exchange *exchange)
{
	const union MHD_ConnectionInfo *info =
	        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	return info ? info->client_addr : NULL;
}

static struct connection *connection_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

/* From the desk's thread: libmicrohttpd then calls the handler again, in the exchange's own thread. */
static void on_ask_done(struct ask *ask)
{
	struct exchange *exchange = (struct exchange *)(void *)((char *)ask - offsetof(struct exchange, ask));
	struct http_server *server = exchange->server; /* the exchange may end as soon as it is resumed */
	call_trace_back(exchange);
	connection_enter(exchange->place, CONNECTION_ANSWER);
	MHD_resume_connection(exchange->connection);
	http_server_loop_wake(server);
}

void exchange_ask(struct exchange *exchange, void (*render)(struct exchange *exchange))
{
	exchange->ask.done = on_ask_done;
	exchange->render = render;
	exchange->asking = true;
}

/* ---- the answer ---- */

static bool add_headers(struct MHD_Response *response, const struct exchange *exchange)
{
	const char *cache = exchange->cache_control ? exchange->cache_control : "no-store";
	bool good = MHD_add_response_header(response, "Cache-Control", cache) == MHD_YES &&
	            MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES &&
	            MHD_add_response_header(response, "X-Request-Id", exchange->request_id) == MHD_YES;
	if (good && exchange->content_type)
		good = MHD_add_response_header(response, "Content-Type", exchange->content_type) == MHD_YES;
	for (size_t i = 0; good && i < exchange->header_count; i++)
		good = MHD_add_response_header(response, exchange->headers[i].name, exchange->headers[i].value) ==
		       MHD_YES;
	return good;
}

static enum MHD_Result queue_answer(const struct http_server *server, struct exchange *exchange, bool close)
{
	char *data;
	size_t len;
	enum MHD_Result queued = MHD_NO;
	exchange->phase = PHASE_ANSWERED;
	connection_enter(exchange->place, CONNECTION_ANSWER);
	close = close || exchange->closes || atomic_load_explicit(&server->ending, memory_order_relaxed);
	if (buf_take(&exchange->answer, &data, &len) != ERR_OK)
		return MHD_NO;
	struct MHD_Response *response = MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(data);
		return MHD_NO;
	}
	if (add_headers(response, exchange) &&
	    (!close || MHD_add_response_header(response, "Connection", "close") == MHD_YES))
		queued = MHD_queue_response(exchange->connection, (unsigned)exchange->status, response);
	MHD_destroy_response(response);
	http_server_count(server, exchange);
	return queued;
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

static bool is_json(const char *content_type)
{
	static const char json[] = "application/json";
	size_t len = sizeof json - 1;
	return content_type && strncasecmp(content_type, json, len) == 0 &&
	       (content_type[len] == '\0' || strchr("; \t", content_type[len]));
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
	       is_json(exchange_header(exchange, "Content-Type"));
}

/* Everything that can be answered before the body is there. Leaves exchange->status 0 when nothing is. */
static void check_headers(struct exchange *exchange, enum method method, const struct body_announcement *body)
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
	else if (body->length > exchange->ingress->max_body_bytes)
		answer_problem(exchange, PROBLEM_TOO_LARGE, NULL);
	else if (!is_taken(exchange, method))
		answer_problem(exchange, PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
}

/* Returns: NULL when there is no memory, or the connection was cut off. */
static struct exchange *new_exchange(struct http_server *server, struct MHD_Connection *connection)
{
	struct connection *place = connection_of(connection);
	if (!place || connection_is_ended(place))
		return NULL;
	struct exchange *exchange = calloc(1, sizeof *exchange);
	if (!exchange || id_token(exchange->request_id) != ERR_OK) {
		free(exchange);
		return NULL;
	}
	exchange_init(exchange, server->ingress, server->ingress->max_body_bytes);
	exchange->connection = connection;
	exchange->server = server;
	exchange->place = place;
	exchange->accepted_us = clock_mono_us();
	exchange->accepted_ms = exchange->accepted_us / 1000;
	exchange->closes = connections_are_too_many(server->connections);
	return exchange;
}

/* The request line is there. What is returned becomes the handler's own. */
void *http_server_on_line(void *cls, const char *target, struct MHD_Connection *connection)
{
	struct exchange *exchange = new_exchange(cls, connection);
	if (!exchange)
		return NULL;
	connection_enter(exchange->place, CONNECTION_HEADERS);
	exchange->line.broken = header_check_target(target);
	exchange->line.target = target;
	exchange->line.target_end = target + strlen(target);
	return exchange;
}

static void find_route(struct exchange *exchange, const char *url)
{
	bool journeys = exchange->ingress->journeys != NULL;
	if (route_fold_path(url, exchange->path))
		exchange->route = route_find(exchange->path, journeys, &exchange->tail);
	exchange->dialect = exchange->route ? exchange->route->dialect : route_dialect(exchange->path);
}

static enum MHD_Result on_headers(const struct http_server *server, struct exchange *exchange, const char *method,
                                  const char *version)
{
	struct body_announcement body;
	call_trace_begin(exchange, method);
	const struct request_line line = {method, version, exchange->line.target, exchange->line.target_end};
	if (!exchange->line.broken)
		exchange->line.broken = header_check(exchange->connection, &line, &body);
	add_cors_headers(exchange);
	if (exchange->line.broken) {
		answer_problem(exchange, PROBLEM_MALFORMED_REQUEST, exchange->line.broken);
		return queue_answer(server, exchange, true);
	}
	connection_enter(exchange->place, CONNECTION_BODY);
	exchange->closes = exchange->closes || body.chunked;
	check_headers(exchange, method_of(method), &body);
	if (exchange->status && body.length > DISCARD_MAX_BYTES)
		return queue_answer(server, exchange, true);
	exchange->prefer_wait_s = read_prefer_wait(exchange_header(exchange, "Prefer"));
	exchange->phase = PHASE_BODY;
	return MHD_YES;
}

/* ---- body and hand-over ---- */

static enum MHD_Result on_body(struct exchange *exchange, const char *data, size_t *size)
{
	exchange->body_seen += *size;
	if (exchange->body_seen > DISCARD_MAX_BYTES)
		return MHD_NO; /* a chunked body without end */
	if (!exchange->status && buf_append(&exchange->body, data, *size) != ERR_OK)
		answer_problem(exchange, PROBLEM_TOO_LARGE, NULL);
	*size = 0;
	return MHD_YES;
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

static enum MHD_Result on_complete(const struct http_server *server, struct exchange *exchange, const char *method)
{
	if (!exchange->status)
		exchange->route->handle(exchange, method_of(method));
	if (!exchange->asking || !is_admitted(server, exchange))
		return queue_answer(server, exchange, false);
	exchange->phase = PHASE_ASKED;
	connection_enter(exchange->place, CONNECTION_HELD);
	exchange->ask.left = connection_left(exchange->place);
	MHD_suspend_connection(exchange->connection);
	desk_submit(server->ingress->desk, &exchange->ask);
	return MHD_YES;
}

enum MHD_Result http_server_on_call(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                    const char *version, const char *data, size_t *size, void **req_cls)
{
	const struct http_server *server = cls;
	struct exchange *exchange = *req_cls;
	(void)connection;
	if (!exchange)
		return MHD_NO;
	if (exchange->phase == PHASE_HEADERS) {
		find_route(exchange, url);
		return on_headers(server, exchange, method, version);
	}
	if (exchange->phase == PHASE_BODY && *size)
		return on_body(exchange, data, size);
	if (exchange->phase == PHASE_BODY)
		return on_complete(server, exchange, method);
	if (exchange->phase != PHASE_ASKED)
		return MHD_YES;
	admission_give(server->admission, &exchange->admitted);
	exchange->render(exchange);
	return queue_answer(server, exchange, false);
}

void http_server_on_completed(void *cls, struct MHD_Connection *connection, void **req_cls,
                              enum MHD_RequestTerminationCode why)
{
	const struct http_server *server = cls;
	struct exchange *exchange = *req_cls;
	struct connection *own = connection_of(connection);
	if (own)
		connection_enter(own, CONNECTION_IDLE);
	if (!exchange)
		return;
	*req_cls = NULL;
	admission_give(server->admission, &exchange->admitted);
	call_trace_end(exchange, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	exchange_fini(exchange);
	free(exchange);
}

/* ---- connections ---- */

void http_server_on_connection(void *cls, struct MHD_Connection *connection, void **socket_cls,
                               enum MHD_ConnectionNotificationCode code)
{
	const struct http_server *server = cls;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		connections_closed(server->connections, *socket_cls);
		return;
	}
	/* libmicrohttpd 1.0 answers all questions in the same memory: what it told is taken before the next question
	 * is put */
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	int fd = info ? info->connect_fd : -1;
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *peer = info ? info->client_addr : NULL;
	*socket_cls = fd >= 0 ? connections_opened(server->connections, fd, peer) : NULL;
	http_server_tls_begin(server->ingress, connection);
}
