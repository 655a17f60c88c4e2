/* http_server_life: start, limits, metrics and end of the listener. */
#include "common/adapters/listen_address.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "ingress/header_check.h"
#include "ingress/http_server_internal.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	CONNECTION_MEMORY_BYTES = 24 * 1024, /* a request's line and headers, and its answer's */
	BACKLOG = 4096,
	SPARE_CONNECTIONS = 1024, /* beyond MAX_CONNECTIONS: those that are told so */
};

/* Where there is one credential, it may have all places; of several none may. */
static size_t per_caller(const struct ingress *ingress)
{
	enum { PARTS = 4 };
	int64_t own = config_int(ingress->config, CONFIG_MAX_WAITERS_PER_CREDENTIAL);
	int64_t all = config_int(ingress->config, CONFIG_MAX_WAITERS);
	if (own >= 0)
		return (size_t)own;
	return auth_count(ingress->auth) > 1 ? (size_t)(all - all / PARTS) : 0;
}

static enum err_code open_limits(struct http_server *server, struct err *err)
{
	const struct config *config = server->ingress->config;
	int64_t per_address = config_int(config, CONFIG_MAX_CONNECTIONS_PER_ADDRESS);
	struct connections_options connections = {
	        .limit = (size_t)config_int(config, CONFIG_MAX_CONNECTIONS),
	        .per_address = per_address > 0 ? (size_t)per_address : 0,
	        .proxies = server->ingress->proxies,
	        .time_ms = {[CONNECTION_IDLE] = config_int(config, CONFIG_IDLE_TIME_MS),
	                    [CONNECTION_HEADERS] = config_int(config, CONFIG_HEADER_TIME_MS),
	                    [CONNECTION_BODY] = config_int(config, CONFIG_BODY_TIME_MS),
	                    [CONNECTION_ANSWER] = config_int(config, CONFIG_ANSWER_TIME_MS)},
	        .metrics = server->ingress->metrics,
	};
	const struct admission_options admission = {
	        .per_caller = per_caller(server->ingress),
	        .per_id = (size_t)config_int(config, CONFIG_MAX_CALLS_PER_ID),
	        .metrics = server->ingress->metrics,
	};
	/* libmicrohttpd deals its limit out to its threads, evenly and rounded up */
	connections.capacity = connections.limit + SPARE_CONNECTIONS;
	server->capacity = connections.capacity;
	connections.capacity += http_server_threads(config);
	if (connections_new(&connections, &server->connections) != ERR_OK ||
	    admission_new(&admission, &server->admission) != ERR_OK)
		return err_set(err, ERR_NO_MEMORY, "http listener");
	return ERR_OK;
}

unsigned http_server_threads(const struct config *config)
{
	enum { THREADS_FOR_TLS = 2 };
	int64_t given = config_int(config, CONFIG_HTTP_THREADS);
	if (given >= 0)
		return (unsigned)given;
	return config_str(config, CONFIG_TLS_CERT_FILE) ? THREADS_FOR_TLS : 0;
}

static struct MHD_Daemon *start_daemon(struct http_server *server, const struct listen_address *address)
{
	const struct config *config = server->ingress->config;
	unsigned threads = http_server_threads(config);
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
	struct MHD_OptionItem tls[HTTP_SERVER_TLS_OPTIONS];
	server->has_threads = threads > 0;
	if (server->has_threads)
		flags |= MHD_USE_INTERNAL_POLLING_THREAD;
	if (http_server_tls_options(server->ingress, tls) > 1)
		flags |= MHD_USE_TLS;
	if (address->addr.ss_family == AF_INET6)
		flags |= MHD_USE_DUAL_STACK;
	return MHD_start_daemon(flags, 0, NULL, NULL, http_server_on_call, server, MHD_OPTION_SOCK_ADDR, &address->addr,
	                        MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT,
	                        (unsigned)server->capacity, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	                        (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_LISTEN_BACKLOG_SIZE, (unsigned)BACKLOG,
	                        MHD_OPTION_STRICT_FOR_CLIENT, header_check_strictness(), MHD_OPTION_NOTIFY_CONNECTION,
	                        http_server_on_connection, server, MHD_OPTION_URI_LOG_CALLBACK, http_server_on_line,
	                        server, MHD_OPTION_NOTIFY_COMPLETED, http_server_on_completed, server, MHD_OPTION_ARRAY,
	                        tls, MHD_OPTION_END);
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
	if (ingress->tls && MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
		return err_set(err, ERR_INVALID, "this libmicrohttpd was built without TLS");
	struct http_server *server = calloc(1, sizeof *server);
	if (!server)
		return err_set(err, ERR_NO_MEMORY, "http listener");
	server->ingress = ingress;
	server->listener = MHD_INVALID_SOCKET;
	http_server_make_figures(server);
	code = open_limits(server, err);
	if (code == ERR_OK)
		server->daemon = start_daemon(server, &address);
	if (server->daemon)
		code = log_listening(server, err);
	else if (code == ERR_OK)
		code = err_set(err, ERR_IO, "cannot listen on %s: %s", listen,
		               listen_address_obstacle(&address) == EADDRINUSE ? "address in use" : "refused");
	if (code != ERR_OK)
		http_server_stop(server);
	else
		*ret_server = server;
	return code;
}

void http_server_tell_end(struct http_server *server)
{
	atomic_store(&server->ending, true);
}

void http_server_quiesce(struct http_server *server)
{
	http_server_tell_end(server);
	server->listener = MHD_quiesce_daemon(server->daemon);
}

/* Without threads what came meanwhile was not read: a socket that is closed with it resets its connection. */
void http_server_finish(struct http_server *server, int64_t timeout_ms)
{
	enum { LOOK_MS = 2, ROUNDS = 3 /* accepted, read, answered */ };
	int64_t until = clock_mono_ms() + timeout_ms;
	for (int i = 0; i < ROUNDS && !server->has_threads; i++)
		http_server_loop_run(server, 0);
	while (connections_are_busy(server->connections) && clock_mono_ms() < until) {
		if (server->has_threads)
			(void)usleep(LOOK_MS * 1000);
		else
			http_server_loop_run(server, LOOK_MS);
	}
}

void http_server_stop(struct http_server *server)
{
	if (!server)
		return;
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	if (server->listener != MHD_INVALID_SOCKET)
		close(server->listener);
	connections_free(server->connections);
	admission_free(server->admission);
	free(server);
}
