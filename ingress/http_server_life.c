/* http_server_life: start, limits, metrics and end of the listener. */
#include "common/adapters/listen_address.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "ingress/http_server_internal.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	BACKLOG = 4096,
	LEAVING_TIME_MS = 1000,   /* its caller has what it asked for */
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
	                    [CONNECTION_ANSWER] = config_int(config, CONFIG_ANSWER_TIME_MS),
	                    [CONNECTION_LEAVING] = LEAVING_TIME_MS},
	        .metrics = server->ingress->metrics,
	};
	const struct admission_options admission = {
	        .per_caller = per_caller(server->ingress),
	        .per_id = (size_t)config_int(config, CONFIG_MAX_CALLS_PER_ID),
	        .metrics = server->ingress->metrics,
	};
	/* it is dealt out to the threads, evenly and rounded up */
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

/* An IPv6 address takes IPv4 callers, too. Returns: the socket; -1: errno says why not. */
static int open_listener(const struct listen_address *address)
{
	const int yes = 1, no = 0;
	int family = address->addr.ss_family;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
	    (family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no) == 0) &&
	    bind(fd, (const struct sockaddr *)&address->addr, address->len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	int why = errno;
	if (fd >= 0)
		(void)close(fd);
	errno = why;
	return -1;
}

static enum err_code open_wires(struct http_server *server, struct err *err)
{
	struct ingress *ingress = server->ingress;
	unsigned threads = http_server_threads(ingress->config), count = threads > 0 ? threads : 1;
	enum err_code code = ERR_OK;
	server->has_threads = threads > 0;
	if (ingress->tls)
		code = http_tls_new(ingress->tls, auth_takes_certificates(ingress->auth), &server->tls, err);
	const struct http_wire_options options = {
	        .listener = server->listener,
	        .capacity = (server->capacity + count - 1) / count,
	        .has_thread = server->has_threads,
	        .tls = server->tls,
	        .calls = &http_server_calls,
	        .ctx = server,
	};
	server->wires = calloc(count, sizeof(struct http_wire *));
	if (code == ERR_OK && !server->wires)
		code = err_set(err, ERR_NO_MEMORY, "http listener");
	while (code == ERR_OK && server->wire_count < count) {
		code = http_wire_new(&options, &server->wires[server->wire_count]);
		if (code == ERR_OK)
			server->wire_count++;
		else
			(void)err_set(err, code, "http listener: no epoll set or no thread is to be had");
	}
	return code;
}

static enum err_code log_listening(const struct http_server *server, struct err *err)
{
	struct listen_address bound;
	char text[LISTEN_ADDRESS_TEXT_BYTES];
	enum err_code code = listen_address_of_socket(server->listener, &bound, err);
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
	http_server_make_figures(server);
	server->listener = open_listener(&address);
	if (server->listener < 0)
		code = err_set(err, ERR_IO, "cannot listen on %s: %s", listen,
		               errno == EADDRINUSE ? "address in use" : "refused");
	if (code == ERR_OK)
		code = open_limits(server, err);
	if (code == ERR_OK)
		code = open_wires(server, err);
	if (code == ERR_OK)
		code = log_listening(server, err);
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
	for (unsigned i = 0; i < server->wire_count; i++)
		http_wire_quiesce(server->wires[i]);
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
	for (unsigned i = 0; i < server->wire_count; i++)
		http_wire_free(server->wires[i]);
	free(server->wires);
	http_tls_free(server->tls);
	if (server->listener >= 0)
		(void)close(server->listener);
	connections_free(server->connections);
	admission_free(server->admission);
	free(server);
}
