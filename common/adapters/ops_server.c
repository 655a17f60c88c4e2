/* ops_server: GET routes for probes, scrapers and the console on one libmicrohttpd thread, at most 64 connections.
 * Takes no request bodies. A caller's slowness is bounded by the inactivity timeout only: this is a private listener.
 */
#include "common/adapters/ops_server.h"

#include "common/adapters/listen_address.h"
#include "common/adapters/ops_console.h"
#include "common/base/log.h"
#include "common/base/ops_token.h"
#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_CONNECTIONS = 64,
	IDLE_TIMEOUT_S = 10,
	CONNECTION_MEMORY_BYTES = 16 * 1024, /* bounds a request's line and headers: 431 above it */
	MAX_ANSWER_BYTES = 4 * 1024 * 1024,  /* 512 series, all histograms with long labels, stay below */
};

#define TYPE_TEXT        "text/plain; charset=utf-8"
#define TYPE_JSON        "application/json"
#define TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define TYPE_METRICS     "text/plain; version=0.0.4; charset=utf-8"
#define ALLOW            "GET, HEAD"

struct ops_server {
	struct MHD_Daemon *daemon;
	struct ops_token *token;     /* NULL: none is asked for */
	struct ops_console *console; /* NULL: there is none */
	struct ops_server_options options;
	char address[LISTEN_ADDRESS_TEXT_BYTES];
};

/* Appends the body. Returns: the HTTP status; 500 when the body cannot be trusted. */
typedef unsigned answer_fn(const struct ops_server_options *options, struct buf *out);

static unsigned answer_livez(const struct ops_server_options *options, struct buf *out)
{
	(void)options; /* that this thread answers is the answer */
	return buf_append_str(out, "alive\n") == ERR_OK ? MHD_HTTP_OK : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static unsigned answer_readyz(const struct ops_server_options *options, struct buf *out)
{
	bool ready = options->is_ready(options->ctx);

	if (buf_append_str(out, ready ? "ready\n" : "not ready\n") != ERR_OK)
		return MHD_HTTP_INTERNAL_SERVER_ERROR;
	return ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned answer_healthz(const struct ops_server_options *options, struct buf *out)
{
	return options->health(options->ctx, out) ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

/* What a load balancer may know. */
static unsigned answer_healthz_briefly(const struct ops_server_options *options, struct buf *out)
{
	struct buf details;

	buf_init(&details, MAX_ANSWER_BYTES);
	bool healthy = options->health(options->ctx, &details);
	buf_fini(&details);
	if (buf_append_str(out, healthy ? "{\"status\":\"ok\"}" : "{\"status\":\"degraded\"}") != ERR_OK)
		return MHD_HTTP_INTERNAL_SERVER_ERROR;
	return healthy ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned answer_metrics(const struct ops_server_options *options, struct buf *out)
{
	return metrics_render_text(options->metrics, out) == ERR_OK ? MHD_HTTP_OK : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static unsigned answer_openmetrics(const struct ops_server_options *options, struct buf *out)
{
	return metrics_render(options->metrics, out) == ERR_OK ? MHD_HTTP_OK : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static const struct route {
	const char *path;
	const char *content_type;
	answer_fn *answer;
	answer_fn *to_strangers;                           /* who do not know the token; NULL: 401 */
	enum MHD_Result (*visit)(struct ops_visit *visit); /* of the console, in place of the other two */
} routes[] = {
        {"/livez", TYPE_TEXT, answer_livez, answer_livez, NULL},
        {"/readyz", TYPE_TEXT, answer_readyz, answer_readyz, NULL},
        {"/healthz", TYPE_JSON, answer_healthz, answer_healthz_briefly, NULL},
        {"/metrics", TYPE_METRICS, answer_metrics, NULL, NULL},
        {"/console", NULL, NULL, NULL, ops_console_page},
        {"/console/events", NULL, NULL, NULL, ops_console_events},
};

/* The same numbers, for who asks for them in the newer dialect. */
static const struct route openmetrics = {"/metrics", TYPE_OPENMETRICS, answer_openmetrics, NULL, NULL};

static const struct route *negotiate(struct MHD_Connection *connection, const struct route *route)
{
	const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	bool prefers = route->answer == answer_metrics && metrics_accept_prefers_openmetrics(accept);
	return prefers ? &openmetrics : route;
}

static const struct route *route_find(const struct ops_server *server, const char *path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strcmp(routes[i].path, path) == 0 && (server->console || !routes[i].visit))
			return &routes[i];
	return NULL;
}

struct header {
	const char *name;
	const char *value; /* NULL: not sent */
};

static bool add_headers(struct MHD_Response *response, const struct header *headers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (headers[i].value && MHD_add_response_header(response, headers[i].name, headers[i].value) != MHD_YES)
			return false;
	return true;
}

/* Takes the body out of the buffer. extra may be NULL. MHD_NO makes libmicrohttpd close the connection. */
static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *type, struct buf *body,
                             const struct header *extra)
{
	const struct header headers[] = {
	        {MHD_HTTP_HEADER_CONTENT_TYPE, type},
	        {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
	        {"X-Content-Type-Options", "nosniff"},
	};
	enum MHD_Result result = MHD_NO;
	struct MHD_Response *response;
	char *data;
	size_t len;

	if (buf_take(body, &data, &len) != ERR_OK)
		return MHD_NO;
	response = MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(data);
		return MHD_NO;
	}
	if (add_headers(response, headers, sizeof(headers) / sizeof(headers[0])) &&
	    add_headers(response, extra, extra ? 1 : 0))
		result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned status, const char *text,
                                  const struct header *extra)
{
	enum MHD_Result result = MHD_NO;
	struct buf body;

	buf_init(&body, MAX_ANSWER_BYTES);
	if (buf_append_str(&body, text) == ERR_OK)
		result = reply(connection, status, TYPE_TEXT, &body, extra);
	buf_fini(&body);
	return result;
}

static bool is_known(struct MHD_Connection *connection, const struct ops_server *server)
{
	return !server->token ||
	       ops_token_fits(server->token,
	                      MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION));
}

/* visit: of a route of the console's. */
static enum MHD_Result reply_route(struct MHD_Connection *connection, const struct ops_server *server,
                                   const struct route *route, struct ops_visit *visit)
{
	/* Basic, because a browser then asks for a password; Bearer is taken all the same. */
	static const struct header challenge = {MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Basic realm=\"verifyd\""};
	bool known = is_known(connection, server);
	answer_fn *answer = known ? route->answer : route->to_strangers;
	enum MHD_Result result;
	struct buf body;
	unsigned status;

	if (known && route->visit)
		return route->visit(visit);
	if (!answer)
		return reply_text(connection, MHD_HTTP_UNAUTHORIZED, "the token is missing or wrong\n", &challenge);
	buf_init(&body, MAX_ANSWER_BYTES);
	status = answer(&server->options, &body);
	if (status == MHD_HTTP_INTERNAL_SERVER_ERROR)
		result = reply_text(connection, status, "internal fault\n", NULL);
	else
		result = reply(connection, status, route->content_type, &body, NULL);
	buf_fini(&body);
	return result;
}

static bool announces_body(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	if (length && strcmp(length, "0") != 0)
		return true;
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
}

/* An answer in the first call, when only the headers are there, makes libmicrohttpd close the connection: right for a
 * body nobody wants, wasteful for everything else, which is therefore answered in the second. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload_data, size_t *upload_data_size,
                                  void **req_cls)
{
	static const struct header allow = {MHD_HTTP_HEADER_ALLOW, ALLOW};
	struct ops_server *server = cls;
	const struct route *route = route_find(server, url);
	bool first_call = *req_cls == NULL;

	(void)version;
	(void)upload_data;
	(void)upload_data_size;
	if (first_call)
		*req_cls = route && route->visit ? (void *)ops_visit_new(server->console, connection) : cls;
	if (!*req_cls)
		return MHD_NO;
	if (first_call && !announces_body(connection))
		return MHD_YES;
	if (!route)
		return reply_text(connection, MHD_HTTP_NOT_FOUND, "no such route\n", NULL);
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return reply_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only " ALLOW "\n", &allow);
	if (first_call)
		return reply_text(connection, MHD_HTTP_CONTENT_TOO_LARGE, "no body is wanted\n", NULL);
	return reply_route(connection, server, negotiate(connection, route), *req_cls);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **req_cls,
                         enum MHD_RequestTerminationCode how)
{
	(void)connection;
	(void)how;
	if (*req_cls && *req_cls != cls)
		ops_visit_end(*req_cls);
	*req_cls = NULL;
}

/* Without MHD_USE_ERROR_LOG libmicrohttpd writes nothing: our stderr is JSON only. */
static struct MHD_Daemon *start_daemon(struct ops_server *server, const struct listen_address *address)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;

	if (address->addr.ss_family == AF_INET6)
		flags |= MHD_USE_DUAL_STACK; /* "[::]:P" then answers IPv4 as well */
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, server, MHD_OPTION_SOCK_ADDR,
	                        (const struct sockaddr *)&address->addr, MHD_OPTION_CONNECTION_LIMIT,
	                        (unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
	                        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
	                        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_END);
}

static enum err_code bound_address(const struct ops_server *server, struct listen_address *ret_address, struct err *err)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_LISTEN_FD);

	if (!info)
		return err_set(err, ERR_IO, "ops listener: no socket");
	return listen_address_of_socket(info->listen_fd, ret_address, err);
}

static enum err_code open_parts(struct ops_server *server, const struct ops_server_options *options, struct err *err)
{
	const struct console_options console = {.config = options->config,
	                                        .program = options->program,
	                                        .health = options->health,
	                                        .health_ctx = options->ctx};
	enum err_code code = ERR_OK;

	if (options->token && (code = ops_token_new(options->token, &server->token)) != ERR_OK)
		return err_set(err, code, "ops listener: the token");
	if (options->config && (code = ops_console_new(&console, &server->console)) != ERR_OK)
		return err_set(err, code, "ops listener: the console");
	return ERR_OK;
}

enum err_code ops_server_start(const struct ops_server_options *options, struct ops_server **ret_server,
                               struct err *err)
{
	struct listen_address address;
	enum err_code code = listen_address_parse(options->listen, &address, err);
	struct ops_server *server;
	char reason[64];
	int obstacle;

	assert(options->metrics && options->is_ready && options->health);
	if (code != ERR_OK)
		return code;
	server = calloc(1, sizeof(*server));
	if (!server)
		return err_set(err, ERR_NO_MEMORY, "ops listener");
	server->options = *options;
	server->options.listen = server->options.token = NULL; /* the caller's texts need not outlive this call */
	code = open_parts(server, options, err);
	if (code != ERR_OK) {
		ops_server_stop(server);
		return code;
	}
	server->daemon = start_daemon(server, &address);
	if (!server->daemon) {
		obstacle = listen_address_obstacle(&address);
		code = err_set(err, ERR_IO, "ops listener: cannot listen on %s: %s", options->listen,
		               obstacle ? strerror_r(obstacle, reason, sizeof(reason)) : "refused by libmicrohttpd");
		ops_server_stop(server);
		return code;
	}
	code = bound_address(server, &address, err);
	if (code != ERR_OK) {
		ops_server_stop(server);
		return code;
	}
	listen_address_format(&address, server->address);
	log_info("listening", LOG_STR("listener", "ops"), LOG_STR("address", server->address));
	if (!server->token && !listen_address_is_loopback(&address))
		log_warn("ops_listener_open", LOG_STR("address", server->address),
		         LOG_STR("advice", "set VERIFYD_OPS_TOKEN, or see that only who may read it reaches it"));
	*ret_server = server;
	return ERR_OK;
}

const char *ops_server_address(const struct ops_server *server)
{
	return server->address;
}

void ops_server_stop(struct ops_server *server)
{
	if (!server)
		return;
	ops_console_end(server->console);
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	ops_console_free(server->console);
	ops_token_free(server->token);
	free(server);
}
