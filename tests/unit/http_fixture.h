/* http_fixture: a loop, an HTTP client, and a small raw-socket server in a thread that answers by path and counts every
 * request that reaches it. For tests of http_curl. */
#ifndef VERIFYD_TEST_HTTP_FIXTURE_H
#define VERIFYD_TEST_HTTP_FIXTURE_H

#include "loopback.h"
#include "workers/http_curl.h"
#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the server: answers by path ---- */

enum { SERVER_MAX_CLIENTS = 256, SERVER_MAX_REQUEST_BYTES = 64 * 1024, LARGE_BYTES = HTTP_MAX_RESPONSE_BYTES + 1 };

enum after { AFTER_KEEP, AFTER_CLOSE, AFTER_RESET, AFTER_SILENCE, AFTER_RESET_OTHERS };

struct answer {
	const char *path;
	const char *text;
	enum after after;
	bool large; /* followed by LARGE_BYTES bytes */
};

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

static const struct answer answers[] = {
        {"/ok", OK_HEAD "Content-Length: 2\r\n\r\n{}", AFTER_KEEP, false},
        {"/500", "HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nbad", AFTER_KEEP, false},
        {"/204", "HTTP/1.1 204 No Content\r\n\r\n", AFTER_KEEP, false},
        {"/slow", "", AFTER_SILENCE, false},
        {"/unanswered", "", AFTER_CLOSE, false},
        {"/reset", "", AFTER_RESET, false},
        {"/ok-then-close", OK_HEAD "Content-Length: 2\r\n\r\n{}", AFTER_CLOSE, false},
        {"/truncated", OK_HEAD "Content-Length: 50\r\n\r\n{\"a\":", AFTER_CLOSE, false},
        {"/truncated-chunk", OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\"", AFTER_CLOSE, false},
        {"/chunked", OK_HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", AFTER_KEEP, false},
        {"/redirect", "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n", AFTER_KEEP, false},
        {"/large", OK_HEAD "Content-Length: 262145\r\n\r\n", AFTER_CLOSE, true},
        {"/large-unsaid", OK_HEAD "Connection: close\r\n\r\n", AFTER_CLOSE, true},
        {"/not-http", "SSH-2.0-OpenSSH_9.2\r\n", AFTER_CLOSE, false},
        {"/ok-reset-others", OK_HEAD "Content-Length: 2\r\n\r\n{}", AFTER_RESET_OTHERS, false},
        {"/scripted", NULL, AFTER_KEEP, false}, /* what the server's `script` says */
};

struct client {
	int fd;
	size_t len;
	char in[SERVER_MAX_REQUEST_BYTES];
};

struct server {
	pthread_t thread;
	int listener, stop[2];
	int port;
	pthread_mutex_t lock; /* over what follows */
	int requests[sizeof(answers) / sizeof(answers[0])];
	int connections, open, most_open;
	char last[SERVER_MAX_REQUEST_BYTES];
	char script[512];
	struct client *clients[SERVER_MAX_CLIENTS]; /* the thread's own */
	size_t client_count;
};

static void drop_client(struct server *server, size_t index, bool with_reset)
{
	struct client *client = server->clients[index];
	struct linger linger = {1, 0};

	if (with_reset)
		assert_int_equal(setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	close(client->fd);
	free(client);
	server->clients[index] = server->clients[--server->client_count];
	pthread_mutex_lock(&server->lock);
	server->open--;
	pthread_mutex_unlock(&server->lock);
}

static size_t answer_index(const char *request)
{
	const char *path = strchr(request, ' ') + 1;
	size_t len = strcspn(path, " ?");

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strlen(answers[i].path) == len && strncmp(answers[i].path, path, len) == 0)
			return i;
	fail_msg("no answer for %.40s", request);
	return 0;
}

/* Length of the first whole request in the buffer; 0 while it is not whole. */
static size_t whole_request(const struct client *client)
{
	const char *end = strstr(client->in, "\r\n\r\n");
	if (!end)
		return 0;
	const char *length = strcasestr(client->in, "\r\nContent-Length:");
	size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
	size_t whole = (size_t)(end - client->in) + 4 + body;
	return client->len >= whole ? whole : 0;
}

static enum after answer_request(struct server *server, struct client *client, size_t len)
{
	static char filler[LARGE_BYTES];
	char script[sizeof(server->script)];
	size_t index = answer_index(client->in);
	const char *text = answers[index].text ? answers[index].text : script;

	pthread_mutex_lock(&server->lock);
	server->requests[index]++;
	memcpy(server->last, client->in, len);
	server->last[len] = '\0';
	memcpy(script, server->script, sizeof(script));
	pthread_mutex_unlock(&server->lock);
	loopback_send(client->fd, text, strlen(text));
	if (answers[index].large) {
		memset(filler, 'x', sizeof(filler));
		loopback_send(client->fd, filler, sizeof(filler));
	}
	client->len -= len;
	memmove(client->in, client->in + len, client->len + 1);
	return answers[index].after;
}

static void reset_others(struct server *server, const struct client *client)
{
	for (size_t i = server->client_count; i > 0; i--)
		if (server->clients[i - 1] != client)
			drop_client(server, i - 1, true);
}

static void serve_client(struct server *server, size_t index)
{
	struct client *client = server->clients[index];
	ssize_t got = recv(client->fd, client->in + client->len, sizeof(client->in) - 1 - client->len, 0);

	if (got <= 0) {
		drop_client(server, index, false);
		return;
	}
	client->len += (size_t)got;
	client->in[client->len] = '\0';
	for (size_t len = whole_request(client); len > 0; len = whole_request(client)) {
		enum after after = answer_request(server, client, len);
		if (after == AFTER_CLOSE || after == AFTER_RESET) {
			drop_client(server, index, after == AFTER_RESET);
			return;
		}
		if (after == AFTER_RESET_OTHERS)
			reset_others(server, client);
	}
}

static void accept_client(struct server *server)
{
	int fd = accept(server->listener, NULL, NULL);
	assert_true(fd >= 0 && server->client_count < SERVER_MAX_CLIENTS);
	struct client *client = calloc(1, sizeof(*client));
	assert_non_null(client);
	client->fd = fd;
	server->clients[server->client_count++] = client;
	pthread_mutex_lock(&server->lock);
	server->connections++;
	server->open++;
	if (server->open > server->most_open)
		server->most_open = server->open;
	pthread_mutex_unlock(&server->lock);
}

static void *server_run(void *ctx)
{
	struct server *server = ctx;
	struct pollfd fds[SERVER_MAX_CLIENTS + 2];

	for (;;) {
		fds[0] = (struct pollfd){.fd = server->stop[0], .events = POLLIN};
		fds[1] = (struct pollfd){.fd = server->listener, .events = POLLIN};
		for (size_t i = 0; i < server->client_count; i++)
			fds[i + 2] = (struct pollfd){.fd = server->clients[i]->fd, .events = POLLIN};
		poll(fds, server->client_count + 2, -1);
		if (fds[0].revents)
			break;
		for (size_t i = server->client_count; i > 0; i--)
			if (i <= server->client_count && fds[i + 1].revents && fds[i + 1].fd == server->clients[i - 1]->fd)
				serve_client(server, i - 1);
		if (fds[1].revents)
			accept_client(server);
	}
	while (server->client_count > 0)
		drop_client(server, 0, false);
	return NULL;
}

static void server_start(struct server *server)
{
	memset(server, 0, sizeof(*server));
	pthread_mutex_init(&server->lock, NULL);
	server->listener = loopback_listen(SERVER_MAX_CLIENTS, &server->port);
	assert_int_equal(pipe(server->stop), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static void server_end(struct server *server)
{
	close(server->stop[1]);
	pthread_join(server->thread, NULL);
	close(server->stop[0]);
	close(server->listener);
	pthread_mutex_destroy(&server->lock);
}

static inline int server_requests(struct server *server, const char *path)
{
	int count = -1;

	pthread_mutex_lock(&server->lock);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strcmp(answers[i].path, path) == 0)
			count = server->requests[i];
	pthread_mutex_unlock(&server->lock);
	assert_true(count >= 0);
	return count;
}

/* One of the server's counters. */
static inline int server_count(struct server *server, const int *counter)
{
	pthread_mutex_lock(&server->lock);
	int count = *counter;
	pthread_mutex_unlock(&server->lock);
	return count;
}

/* The last request, as it came; stays until the next one. The server is idle then, so only the look is locked. */
static inline const char *server_last(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	const char *last = server->last;
	pthread_mutex_unlock(&server->lock);
	return last;
}

/* ---- a fixture: a loop, a client, a server ---- */

enum { MAX_EXCHANGES = 200, FIXTURE_CONNECTIONS = 50 };

struct exchange {
	struct fixture *fixture;
	struct http_request request;
	struct http_call *call;
	int done;
	struct http_result result;
	char body[64], type[64];
};

struct fixture {
	uv_loop_t loop;
	struct http_curl *http;
	struct server server;
	struct exchange exchanges[MAX_EXCHANGES];
	size_t used;
	int done;
};

/* No name is looked up by these tests' own calls; one that is fails. */
static int no_lookup(uv_loop_t *loop, uv_getaddrinfo_t *lookup, uv_getaddrinfo_cb done, const char *name,
                     const char *service, const struct addrinfo *hints)
{
	(void)loop;
	(void)lookup;
	(void)done;
	(void)name;
	(void)service;
	(void)hints;
	return UV_EAI_NONAME;
}

static int fixture_new(void **state, int connections, int host_connections)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const struct http_curl_options options = {.max_connections = connections,
	                                          .max_host_connections = host_connections,
	                                          .connect_timeout_ms = 2000,
	                                          .max_idle_s = 20,
	                                          .max_life_s = 300,
	                                          .lookup = no_lookup};

	assert_non_null(fixture);
	server_start(&fixture->server);
	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	assert_int_equal(http_curl_new(&fixture->loop, &options, &fixture->http, NULL), ERR_OK);
	*state = fixture;
	return 0;
}

static int setup(void **state)
{
	return fixture_new(state, FIXTURE_CONNECTIONS, FIXTURE_CONNECTIONS);
}

static inline int setup_one_connection(void **state)
{
	return fixture_new(state, 1, FIXTURE_CONNECTIONS);
}

static inline int setup_one_connection_a_host(void **state)
{
	return fixture_new(state, FIXTURE_CONNECTIONS, 1);
}

static void run_out(struct fixture *fixture)
{
	while (uv_run(&fixture->loop, UV_RUN_DEFAULT) != 0)
		continue;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	http_curl_close(fixture->http);
	run_out(fixture);
	assert_int_equal(uv_loop_close(&fixture->loop), 0); /* nothing is left behind */
	for (size_t i = 0; i < fixture->used; i++)
		http_request_fini(&fixture->exchanges[i].request);
	server_end(&fixture->server);
	free(fixture);
	return 0;
}

static void on_done(void *ctx, const struct http_result *result)
{
	struct exchange *exchange = ctx;

	exchange->done++;
	exchange->fixture->done++;
	uv_stop(&exchange->fixture->loop);
	exchange->result = *result;
	if (result->ok) {
		snprintf(exchange->body, sizeof(exchange->body), "%.*s", (int)result->response.body_len,
		         result->response.body);
		snprintf(exchange->type, sizeof(exchange->type), "%s", result->response.content_type);
	}
}

static enum err_code begin_url(struct fixture *fixture, const char *method, const char *url, int timeout_ms,
                               struct exchange **ret_exchange)
{
	struct exchange *exchange = &fixture->exchanges[fixture->used++];

	assert_true(fixture->used <= MAX_EXCHANGES);
	exchange->fixture = fixture;
	http_request_init(&exchange->request);
	exchange->request.method = method;
	exchange->request.timeout_ms = timeout_ms;
	assert_int_equal(buf_append_str(&exchange->request.url, url), ERR_OK);
	assert_int_equal(http_request_header(&exchange->request, "Accept", "application/json"), ERR_OK);
	if (strcmp(method, "POST") == 0)
		assert_int_equal(buf_append_str(&exchange->request.body, "{\"q\":1}"), ERR_OK);
	*ret_exchange = exchange;
	return http_curl_start(fixture->http, &exchange->request, on_done, exchange, &exchange->call, NULL);
}

static struct exchange *begin(struct fixture *fixture, const char *method, const char *path, int timeout_ms)
{
	struct exchange *exchange = NULL;
	char url[128];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", fixture->server.port, path);
	assert_int_equal(begin_url(fixture, method, url, timeout_ms, &exchange), ERR_OK);
	assert_int_equal(exchange->done, 0); /* never from inside start */
	return exchange;
}

static void run_until(struct fixture *fixture, int done)
{
	while (fixture->done < done)
		uv_run(&fixture->loop, UV_RUN_DEFAULT); /* until a call is done */
}

static inline struct exchange *run(struct fixture *fixture, const char *method, const char *path)
{
	struct exchange *exchange = begin(fixture, method, path, 3000);

	run_until(fixture, fixture->done + 1);
	assert_int_equal(exchange->done, 1);
	return exchange;
}

static void on_pause_over(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

/* Lets the loop run for a while: for what must not happen. */
static inline void run_for(struct fixture *fixture, uint64_t ms)
{
	uv_timer_t timer;

	uv_timer_init(&fixture->loop, &timer);
	uv_timer_start(&timer, on_pause_over, ms, 0);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
}

static inline void assert_failed(const struct exchange *exchange, enum failure failure, bool bytes_sent)
{
	assert_false(exchange->result.ok);
	assert_int_equal(exchange->result.failure, failure);
	assert_int_equal(exchange->result.bytes_sent, bytes_sent);
	assert_true(strlen(exchange->result.detail) > 0);
}

static inline void assert_status(const struct exchange *exchange, int status)
{
	assert_true(exchange->result.ok);
	assert_int_equal(exchange->result.response.status, status);
}

#endif
