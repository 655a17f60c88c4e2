/* http_server: libmicrohttpd's callbacks. A refusal is decided when the headers are there, but told after a small body
 * was read and thrown away, so that the connection stays usable and the caller really gets to read it. */
#include "ingress/http_server.h"
#include "common/adapters/listen_address.h"
#include "common/base/clock.h"
#include "common/base/decimal.h"
#include "common/base/log.h"
#include "ingress/answers.h"
#include "ingress/header_check.h"
#include "ingress/routes/routes.h"
#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
	CONNECTION_MEMORY_BYTES = 32 * 1024, /* a request's line and headers, and its answer's */
	IDLE_TIMEOUT_S = 60,
	BACKLOG = 4096,
	SPARE_CONNECTIONS = 1024,        /* beyond MAX_WAITERS: those that are not held */
	DISCARD_MAX_BYTES = 1024 * 1024, /* of a body that is refused */
	STATUS_CLASSES = 6,
	PREFER_WAIT_MAX_S = 25,
};

struct http_server {
	struct MHD_Daemon *daemon;
	struct ingress *ingress;
	MHD_socket listener; /* after quiesce: ours to close */
	struct metric *answered[ROUTE_COUNT + 1][STATUS_CLASSES];
	struct metric *seconds[ROUTE_COUNT + 1];
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

/* From the desk's thread: libmicrohttpd then calls the handler again, in the exchange's own thread. */
static void on_ask_done(struct ask *ask)
{
	struct exchange *exchange = (struct exchange *)(void *)((char *)ask - offsetof(struct exchange, ask));
	MHD_resume_connection(exchange->connection);
}

void exchange_ask(struct exchange *exchange, void (*render)(struct exchange *exchange))
{
	exchange->ask.done = on_ask_done;
	exchange->render = render;
	exchange->asking = true;
}

/* ---- the answer ---- */

static size_t route_index(const struct exchange *exchange)
{
	return exchange->route ? (size_t)(exchange->route - routes_all()) : ROUTE_COUNT;
}

static void count_answer(const struct http_server *server, const struct exchange *exchange)
{
	int class = exchange->status / 100;
	metric_add(server->answered[route_index(exchange)][class < STATUS_CLASSES ? class : 0], 1);
	metric_observe_us(server->seconds[route_index(exchange)], clock_mono_us() - exchange->accepted_us);
}

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
	count_answer(server, exchange);
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

/* traceparent of W3C Trace Context; anything else is dropped. */
static void read_trace(struct exchange *exchange)
{
	enum { TRACE_LEN = 55 };
	const char *trace = exchange_header(exchange, "traceparent");
	if (trace && strlen(trace) == TRACE_LEN && strspn(trace, "0123456789abcdef-") == TRACE_LEN)
		memcpy(exchange->ask.request.traceparent, trace, TRACE_LEN + 1);
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

static bool is_known_caller(struct exchange *exchange)
{
	const struct auth *auth = exchange->ingress->auth;
	return (exchange->route->flags & ROUTE_OPEN) ||
	       auth_check(auth, exchange_header(exchange, auth_key_header(auth)),
	                  exchange_header(exchange, "Authorization"), exchange->caller);
}

static bool is_taken(const struct exchange *exchange, enum method method)
{
	return method != METHOD_POST || (exchange->route->flags & ROUTE_ANY_TYPE) ||
	       is_json(exchange_header(exchange, "Content-Type"));
}

/* Everything that can be answered before the body is there. Leaves exchange->status 0 when nothing is. */
static void check_headers(struct exchange *exchange, enum method method, const struct body_announcement *body)
{
	if (!exchange->route)
		answer_problem(exchange, PROBLEM_NOT_FOUND, NULL);
	else if (!(exchange->route->methods & (unsigned)method))
		refuse_method(exchange);
	else if (method == METHOD_OPTIONS)
		answer_preflight(exchange);
	else if (!is_known_caller(exchange))
		answer_problem(exchange, PROBLEM_UNAUTHENTICATED, NULL);
	else if (body->length > exchange->ingress->max_body_bytes)
		answer_problem(exchange, PROBLEM_TOO_LARGE, NULL);
	else if (!is_taken(exchange, method))
		answer_problem(exchange, PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
}

static struct exchange *new_exchange(const struct http_server *server, struct MHD_Connection *connection,
                                     const char *url)
{
	struct exchange *exchange = calloc(1, sizeof *exchange);
	if (!exchange || id_token(exchange->request_id) != ERR_OK) {
		free(exchange);
		return NULL;
	}
	exchange_init(exchange, server->ingress, server->ingress->max_body_bytes);
	exchange->connection = connection;
	exchange->accepted_us = clock_mono_us();
	exchange->accepted_ms = exchange->accepted_us / 1000;
	if (route_fold_path(url, exchange->path))
		exchange->route = route_find(exchange->path, server->ingress->journeys != NULL, &exchange->tail);
	exchange->dialect = exchange->route ? exchange->route->dialect : route_dialect(exchange->path);
	return exchange;
}

static enum MHD_Result on_headers(const struct http_server *server, struct exchange *exchange, const char *method,
                                  const char *version)
{
	struct body_announcement body;
	const char *broken = header_check(exchange->connection, version, &body);
	add_cors_headers(exchange);
	if (broken) {
		answer_problem(exchange, PROBLEM_MALFORMED_REQUEST, broken);
		return queue_answer(server, exchange, true);
	}
	check_headers(exchange, method_of(method), &body);
	if (exchange->status && body.length > DISCARD_MAX_BYTES)
		return queue_answer(server, exchange, true);
	exchange->prefer_wait_s = read_prefer_wait(exchange_header(exchange, "Prefer"));
	read_trace(exchange);
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

static enum MHD_Result on_complete(const struct http_server *server, struct exchange *exchange, const char *method)
{
	if (!exchange->status)
		exchange->route->handle(exchange, method_of(method));
	if (!exchange->asking)
		return queue_answer(server, exchange, false);
	exchange->phase = PHASE_ASKED;
	MHD_suspend_connection(exchange->connection);
	desk_submit(server->ingress->desk, &exchange->ask);
	return MHD_YES;
}

static enum MHD_Result on_call(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                               const char *version, const char *data, size_t *size, void **req_cls)
{
	const struct http_server *server = cls;
	struct exchange *exchange = *req_cls;
	if (!exchange) {
		exchange = *req_cls = new_exchange(server, connection, url);
		return exchange ? on_headers(server, exchange, method, version) : MHD_NO;
	}
	if (exchange->phase == PHASE_BODY && *size)
		return on_body(exchange, data, size);
	if (exchange->phase == PHASE_BODY)
		return on_complete(server, exchange, method);
	if (exchange->phase != PHASE_ASKED)
		return MHD_YES;
	exchange->render(exchange);
	return queue_answer(server, exchange, false);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **req_cls,
                         enum MHD_RequestTerminationCode why)
{
	struct exchange *exchange = *req_cls;
	(void)cls;
	(void)connection;
	(void)why;
	if (!exchange)
		return;
	*req_cls = NULL;
	exchange_fini(exchange);
	free(exchange);
}

/* ---- life ---- */

static void make_metrics(struct http_server *server)
{
	struct metrics *metrics = server->ingress->metrics;
	char labels[96];
	for (size_t i = 0; i <= ROUTE_COUNT; i++) {
		const char *route = i < ROUTE_COUNT ? routes_all()[i].name : "none";
		for (int class = 2; class < STATUS_CLASSES; class ++) {
			snprintf(labels, sizeof labels, "route=\"%s\",status=\"%dxx\"", route, class);
			server->answered[i][class] =
			        metrics_counter(metrics, "verifyd_http_requests", labels, "answers given");
		}
		server->answered[i][0] = server->answered[i][1] = server->answered[i][5];
		snprintf(labels, sizeof labels, "route=\"%s\"", route);
		server->seconds[i] = metrics_histogram(metrics, "verifyd_http_request_seconds", labels,
		                                       "time from a request's headers to its answer");
	}
}

static struct MHD_Daemon *start_daemon(struct http_server *server, const struct listen_address *address)
{
	const struct config *config = server->ingress->config;
	unsigned connections = (unsigned)config_int(config, CONFIG_MAX_WAITERS) + SPARE_CONNECTIONS;
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
	if (address->addr.ss_family == AF_INET6)
		flags |= MHD_USE_DUAL_STACK;
	return MHD_start_daemon(flags, 0, NULL, NULL, on_call, server, MHD_OPTION_SOCK_ADDR, &address->addr,
	                        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)config_int(config, CONFIG_HTTP_THREADS),
	                        MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_TIMEOUT,
	                        (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	                        (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_LISTEN_BACKLOG_SIZE, (unsigned)BACKLOG,
	                        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
}

static enum err_code log_listening(const struct http_server *server, struct err *err)
{
	struct listen_address bound;
	char text[LISTEN_ADDRESS_TEXT_BYTES];
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_LISTEN_FD);
	if (!info)
		return err_set(err, ERR_IO, "http listener: no socket");
	enum err_code code = listen_address_of_socket(info->listen_fd, &bound, err);
	if (code != ERR_OK)
		return code;
	listen_address_format(&bound, text);
	log_info("listening", LOG_STR("listener", "http"), LOG_STR("address", text));
	return ERR_OK;
}

enum err_code http_server_start(struct ingress *ingress, struct http_server **ret_server, struct err *err)
{
	struct listen_address address;
	const char *listen = config_str(ingress->config, CONFIG_HTTP_LISTEN);
	enum err_code code = listen_address_parse(listen, &address, err);
	if (code != ERR_OK)
		return code;
	struct http_server *server = calloc(1, sizeof *server);
	if (!server)
		return err_set(err, ERR_NO_MEMORY, "http listener");
	server->ingress = ingress;
	server->listener = MHD_INVALID_SOCKET;
	make_metrics(server);
	server->daemon = start_daemon(server, &address);
	code = server->daemon ? log_listening(server, err)
	                      : err_set(err, ERR_IO, "cannot listen on %s: %s", listen,
	                                listen_address_obstacle(&address) == EADDRINUSE ? "address in use" : "refused");
	if (code != ERR_OK)
		http_server_stop(server);
	else
		*ret_server = server;
	return code;
}

void http_server_quiesce(struct http_server *server)
{
	server->listener = MHD_quiesce_daemon(server->daemon);
}

void http_server_stop(struct http_server *server)
{
	if (!server)
		return;
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	if (server->listener != MHD_INVALID_SOCKET)
		close(server->listener);
	free(server);
}
