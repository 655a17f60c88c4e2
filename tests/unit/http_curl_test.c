/* Tests of http_curl against a small raw-socket server in a thread, which counts every request that reaches it. */
#include "workers/http_curl.h"
#include "workers/http_watch.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
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

enum after { AFTER_KEEP, AFTER_CLOSE, AFTER_RESET, AFTER_SILENCE };

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
        {"/seconds", "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", AFTER_KEEP, false},
        {"/year", "HTTP/1.1 429 Slow\r\nRetry-After: 31536000\r\nContent-Length: 0\r\n\r\n", AFTER_KEEP, false},
        {"/negative", "HTTP/1.1 429 Slow\r\nRetry-After: -5\r\nContent-Length: 0\r\n\r\n", AFTER_KEEP, false},
        {"/nonsense", "HTTP/1.1 429 Slow\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n", AFTER_KEEP, false},
        {"/past", "HTTP/1.1 503 X\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n",
         AFTER_KEEP, false},
        {"/future", "HTTP/1.1 503 X\r\nRetry-After: Fri, 21 Oct 2089 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n",
         AFTER_KEEP, false},
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
	struct client *clients[SERVER_MAX_CLIENTS]; /* the thread's own */
	size_t client_count;
};

static void send_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		data += sent;
		len -= (size_t)sent;
	}
}

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
	size_t index = answer_index(client->in);

	pthread_mutex_lock(&server->lock);
	server->requests[index]++;
	memcpy(server->last, client->in, len);
	server->last[len] = '\0';
	pthread_mutex_unlock(&server->lock);
	send_all(client->fd, answers[index].text, strlen(answers[index].text));
	if (answers[index].large) {
		memset(filler, 'x', sizeof(filler));
		send_all(client->fd, filler, sizeof(filler));
	}
	client->len -= len;
	memmove(client->in, client->in + len, client->len + 1);
	return answers[index].after;
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
			if (fds[i + 1].revents)
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
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	memset(server, 0, sizeof(*server));
	pthread_mutex_init(&server->lock, NULL);
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(server->listener, SERVER_MAX_CLIENTS), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &len), 0);
	server->port = ntohs(address.sin_port);
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

static int server_requests(struct server *server, const char *path)
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

static int fixture_new(void **state, int connections)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct http_curl_options options = {
	        .max_connections = connections, .connect_timeout_ms = 2000, .max_idle_s = 20};

	assert_non_null(fixture);
	server_start(&fixture->server);
	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	assert_int_equal(http_curl_new(&fixture->loop, &options, &fixture->http, NULL), ERR_OK);
	*state = fixture;
	return 0;
}

static int setup(void **state)
{
	return fixture_new(state, FIXTURE_CONNECTIONS);
}

static int setup_one_connection(void **state)
{
	return fixture_new(state, 1);
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

static struct exchange *run(struct fixture *fixture, const char *method, const char *path)
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
static void run_for(struct fixture *fixture, uint64_t ms)
{
	uv_timer_t timer;

	uv_timer_init(&fixture->loop, &timer);
	uv_timer_start(&timer, on_pause_over, ms, 0);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
}

static void assert_failed(const struct exchange *exchange, enum failure failure, bool bytes_sent)
{
	assert_false(exchange->result.ok);
	assert_int_equal(exchange->result.failure, failure);
	assert_int_equal(exchange->result.bytes_sent, bytes_sent);
	assert_true(strlen(exchange->result.detail) > 0);
}

static void assert_status(const struct exchange *exchange, int status)
{
	assert_true(exchange->result.ok);
	assert_int_equal(exchange->result.response.status, status);
}

/* ---- answers ---- */

static void answer_is_handed_over(void **state)
{
	struct exchange *exchange = run(*state, "GET", "/ok");

	assert_status(exchange, 200);
	assert_string_equal(exchange->body, "{}");
	assert_string_equal(exchange->type, "application/json");
	assert_int_equal(exchange->result.response.retry_after_ms, 0);
	assert_true(exchange->result.bytes_sent);
}

static void post_sends_its_body_and_headers_and_expects_no_continue(void **state)
{
	struct fixture *fixture = *state;

	assert_status(run(fixture, "POST", "/ok"), 200);
	assert_memory_equal(fixture->server.last, "POST /ok HTTP/1.1\r\n", 19);
	assert_non_null(strstr(fixture->server.last, "\r\nAccept: application/json\r\n"));
	assert_non_null(strstr(fixture->server.last, "\r\nContent-Length: 7\r\n"));
	assert_non_null(strstr(fixture->server.last, "\r\n\r\n{\"q\":1}"));
	assert_null(strcasestr(fixture->server.last, "\r\nExpect"));
}

static void post_larger_than_a_buffer_arrives_whole(void **state)
{
	struct fixture *fixture = *state;
	char url[64];
	struct exchange *exchange = &fixture->exchanges[fixture->used++];

	http_request_init(&exchange->request);
	exchange->fixture = fixture;
	exchange->request.method = "POST";
	exchange->request.timeout_ms = 3000;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/ok", fixture->server.port);
	assert_int_equal(buf_append_str(&exchange->request.url, url), ERR_OK);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(buf_append_str(&exchange->request.body, "0123456789"), ERR_OK);
	assert_int_equal(http_curl_start(fixture->http, &exchange->request, on_done, exchange, &exchange->call, NULL),
	                 ERR_OK);
	run_until(fixture, 1);
	assert_status(exchange, 200);
	assert_string_equal(strstr(fixture->server.last, "\r\n\r\n") + 4, exchange->request.body.data);
}

static void get_after_post_on_the_same_handle_has_no_body(void **state)
{
	struct fixture *fixture = *state;

	assert_status(run(fixture, "POST", "/ok"), 200);
	assert_status(run(fixture, "GET", "/ok"), 200);
	assert_memory_equal(fixture->server.last, "GET /ok HTTP/1.1\r\n", 18);
	assert_null(strcasestr(fixture->server.last, "Content-Length"));
	assert_string_equal(strstr(fixture->server.last, "\r\n\r\n"), "\r\n\r\n");
}

static void connection_is_kept_and_used_again(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 5; i++)
		assert_status(run(fixture, i % 2 ? "GET" : "POST", "/ok"), 200);
	assert_int_equal(fixture->server.connections, 1);
}

static void error_status_is_an_answer(void **state)
{
	struct exchange *exchange = run(*state, "POST", "/500");

	assert_status(exchange, 500);
	assert_string_equal(exchange->body, "bad");
}

static void answer_without_body_is_an_answer(void **state)
{
	struct exchange *exchange = run(*state, "GET", "/204");

	assert_status(exchange, 204);
	assert_string_equal(exchange->body, "");
	assert_string_equal(exchange->type, "");
}

static void chunks_are_put_together(void **state)
{
	struct exchange *exchange = run(*state, "GET", "/chunked");

	assert_status(exchange, 200);
	assert_string_equal(exchange->body, "{}");
}

static void redirect_is_not_followed(void **state)
{
	struct fixture *fixture = *state;

	assert_status(run(fixture, "GET", "/redirect"), 302);
	assert_int_equal(server_requests(&fixture->server, "/ok"), 0);
}

static void environment_proxy_is_ignored(void **state)
{
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:9", 1), 0);
	assert_status(run(*state, "GET", "/ok"), 200);
	assert_int_equal(unsetenv("http_proxy"), 0);
}

static void retry_after_is_read_clamped_and_never_left_over(void **state)
{
	static const struct {
		const char *path;
		int64_t ms;
	} cases[] = {{"/seconds", 7000}, {"/ok", 0},   {"/year", RETRY_AFTER_MAX_MS},   {"/negative", 0},
	             {"/nonsense", 0},   {"/past", 0}, {"/future", RETRY_AFTER_MAX_MS}, {"/ok", 0}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct exchange *exchange = run(*state, "GET", cases[i].path);
		assert_true(exchange->result.ok);
		if (exchange->result.response.retry_after_ms != cases[i].ms)
			fail_msg("%s: %ld", cases[i].path, (long)exchange->result.response.retry_after_ms);
	}
}

/* ---- failures ---- */

static void silence_is_a_timeout_after_sending(void **state)
{
	struct exchange *exchange = begin(*state, "POST", "/slow", 80);

	run_until(*state, 1);
	assert_failed(exchange, FAILURE_TIMEOUT, true);
}

static void deadline_also_ends_a_call_that_waits_for_a_connection(void **state)
{
	struct fixture *fixture = *state;
	struct exchange *first = begin(fixture, "GET", "/slow", 2000);
	run_for(fixture, 30);
	struct exchange *second = begin(fixture, "GET", "/ok", 80);

	run_until(fixture, 1);
	assert_int_equal(first->done, 0);
	assert_failed(second, FAILURE_TIMEOUT, false);
	http_curl_cancel(fixture->http, first->call);
	assert_int_equal(server_requests(&fixture->server, "/ok"), 0);
}

static void waiting_call_goes_on_when_a_connection_is_free(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 20; i++)
		begin(fixture, "POST", "/ok", 3000);
	run_until(fixture, 20);
	for (int i = 0; i < 20; i++)
		assert_status(&fixture->exchanges[i], 200);
	assert_int_equal(fixture->server.connections, 1);
}

static void refused_connection_is_connect_with_nothing_sent(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound, not listening */
	struct exchange *exchange = NULL;
	char url[64];

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/ok", ntohs(address.sin_port));
	assert_int_equal(begin_url(fixture, "POST", url, 3000, &exchange), ERR_OK);
	run_until(fixture, 1);
	assert_failed(exchange, FAILURE_CONNECT, false);
	close(fd);
}

static void server_without_tls_is_a_tls_failure_with_nothing_sent(void **state)
{
	struct fixture *fixture = *state;
	struct exchange *exchange = NULL;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	char url[64];

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/ok", ntohs(address.sin_port));
	assert_int_equal(begin_url(fixture, "GET", url, 3000, &exchange), ERR_OK);
	int peer = -1;
	for (int i = 0; i < 1000 && peer < 0; i++) {
		uv_run(&fixture->loop, UV_RUN_NOWAIT);
		peer = accept(fd, NULL, NULL);
	}
	assert_true(peer >= 0);
	send_all(peer, "HTTP/1.1 400 Bad\r\n\r\n", 20);
	run_until(fixture, 1);
	assert_failed(exchange, FAILURE_TLS, false);
	close(peer);
	close(fd);
}

static void end_without_an_answer_is_reset(void **state)
{
	assert_failed(run(*state, "GET", "/unanswered"), FAILURE_RESET, true);
	assert_failed(run(*state, "POST", "/unanswered"), FAILURE_RESET, true);
}

static void reset_connection_is_reset(void **state)
{
	assert_failed(run(*state, "GET", "/reset"), FAILURE_RESET, true);
	assert_failed(run(*state, "POST", "/reset"), FAILURE_RESET, true);
}

static void answer_that_breaks_off_is_garbage(void **state)
{
	assert_failed(run(*state, "GET", "/truncated"), FAILURE_GARBAGE, true);
	assert_failed(run(*state, "GET", "/truncated-chunk"), FAILURE_GARBAGE, true);
}

static void answer_that_is_not_http_is_garbage(void **state)
{
	assert_failed(run(*state, "GET", "/not-http"), FAILURE_GARBAGE, true);
}

static void too_large_answer_is_refused_said_or_not(void **state)
{
	assert_failed(run(*state, "GET", "/large"), FAILURE_TOO_LARGE, true);
	assert_failed(run(*state, "GET", "/large-unsaid"), FAILURE_TOO_LARGE, true);
	assert_status(run(*state, "GET", "/ok"), 200);
}

/* ---- never twice ---- */

static void never_repeats(struct fixture *fixture, const char *method, const char *path)
{
	int before = server_requests(&fixture->server, path);

	assert_status(run(fixture, method, "/ok"), 200); /* now there is a connection to reuse */
	assert_int_equal(fixture->server.open, 1);
	int connections = fixture->server.connections;
	assert_failed(run(fixture, method, path), FAILURE_RESET, true);
	run_for(fixture, 30);
	assert_int_equal(server_requests(&fixture->server, path), before + 1);
	assert_int_equal(fixture->server.connections, connections); /* it did go over the reused one */
}

static void get_on_a_reused_connection_reaches_the_vendor_once(void **state)
{
	never_repeats(*state, "GET", "/unanswered");
	never_repeats(*state, "GET", "/reset");
}

static void post_on_a_reused_connection_reaches_the_vendor_once(void **state)
{
	never_repeats(*state, "POST", "/unanswered");
	never_repeats(*state, "POST", "/reset");
}

/* The repeat could also go over another kept connection, without connecting. */
static void repeat_does_not_go_over_another_kept_connection(void **state)
{
	static const char *const methods[] = {"GET", "POST"};
	struct fixture *fixture = *state;

	for (int round = 0; round < 2; round++) {
		int before = server_requests(&fixture->server, "/unanswered");
		for (int i = 0; i < 5; i++)
			begin(fixture, "GET", "/ok", 3000);
		run_until(fixture, fixture->done + 5);
		assert_true(fixture->server.open >= 2);
		assert_failed(run(fixture, methods[round], "/unanswered"), FAILURE_RESET, true);
		run_for(fixture, 30);
		assert_int_equal(server_requests(&fixture->server, "/unanswered"), before + 1);
	}
	assert_status(run(fixture, "GET", "/ok"), 200);
}

static void handle_works_after_a_refused_repeat(void **state)
{
	for (int i = 0; i < 5; i++) {
		assert_status(run(*state, "POST", "/ok"), 200);
		assert_failed(run(*state, i % 2 ? "POST" : "GET", "/unanswered"), FAILURE_RESET, true);
		assert_status(run(*state, "GET", "/ok"), 200);
	}
}

static void connection_that_ended_while_idle_costs_no_call(void **state)
{
	for (int i = 0; i < 8; i++) {
		assert_status(run(*state, "POST", "/ok-then-close"), 200);
		run_for(*state, 10);
	}
}

/* ---- many, cancel, close ---- */

static void many_calls_at_once_keep_to_the_limit_of_connections(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < MAX_EXCHANGES; i++)
		begin(fixture, i % 2 ? "GET" : "POST", "/ok", 10000);
	assert_int_equal(http_curl_in_flight(fixture->http), MAX_EXCHANGES);
	run_until(fixture, MAX_EXCHANGES);
	for (int i = 0; i < MAX_EXCHANGES; i++) {
		assert_status(&fixture->exchanges[i], 200);
		assert_int_equal(fixture->exchanges[i].done, 1);
	}
	assert_int_equal(http_curl_in_flight(fixture->http), 0);
	assert_int_equal(server_requests(&fixture->server, "/ok"), MAX_EXCHANGES);
	assert_true(fixture->server.most_open <= FIXTURE_CONNECTIONS);
}

static void cancelled_call_is_silent_and_others_go_on(void **state)
{
	struct fixture *fixture = *state;
	struct exchange *slow = begin(fixture, "POST", "/slow", 3000);
	struct exchange *early = begin(fixture, "POST", "/ok", 3000);

	http_curl_cancel(fixture->http, early->call); /* before the loop ran */
	run_for(fixture, 20);
	http_curl_cancel(fixture->http, slow->call); /* while it waits for its answer */
	assert_int_equal(http_curl_in_flight(fixture->http), 0);
	assert_status(run(fixture, "GET", "/ok"), 200);
	assert_int_equal(slow->done + early->done, 0);
}

static void close_ends_what_is_open_silently(void **state)
{
	struct fixture *fixture = *state;
	struct exchange *sent = begin(fixture, "POST", "/slow", 3000);

	run_for(fixture, 20);
	struct exchange *fresh = begin(fixture, "GET", "/ok", 3000);
	http_curl_close(fixture->http);
	fixture->http = NULL;
	run_out(fixture);
	assert_int_equal(sent->done + fresh->done, 0);
}

static void close_from_a_callback(void *ctx, const struct http_result *result)
{
	struct exchange *exchange = ctx;

	on_done(ctx, result);
	http_curl_close(exchange->fixture->http);
	exchange->fixture->http = NULL;
}

static void callback_may_close(void **state)
{
	struct fixture *fixture = *state;
	struct exchange *exchange = begin(fixture, "GET", "/ok", 3000);
	struct exchange *closing = &fixture->exchanges[fixture->used++];

	run_until(fixture, 1);
	closing->fixture = fixture;
	http_request_init(&closing->request);
	closing->request.timeout_ms = 3000;
	assert_int_equal(buf_append_str(&closing->request.url, exchange->request.url.data), ERR_OK);
	assert_int_equal(
	        http_curl_start(fixture->http, &closing->request, close_from_a_callback, closing, &closing->call, NULL),
	        ERR_OK);
	for (int i = 0; i < 5; i++)
		begin(fixture, "GET", "/ok", 3000);
	run_out(fixture);
	assert_null(fixture->http);
	assert_status(closing, 200);
}

static void start_another(void *ctx, const struct http_result *result)
{
	struct exchange *exchange = ctx;

	on_done(ctx, result);
	begin(exchange->fixture, "GET", "/ok", 3000);
}

static void callback_may_start_another_call(void **state)
{
	struct fixture *fixture = *state;
	struct exchange *exchange = begin(fixture, "GET", "/ok", 3000);

	run_until(fixture, 1);
	assert_int_equal(
	        http_curl_start(fixture->http, &exchange->request, start_another, exchange, &exchange->call, NULL),
	        ERR_OK);
	run_until(fixture, 3);
	assert_status(&fixture->exchanges[1], 200);
}

/* ---- which URLs ---- */

static void refuses_urls_that_are_not_https_or_loopback(void **state)
{
	static const char *const refused[] = {
	        "",
	        "http://",
	        "https://",
	        "http://example.com/",
	        "http://127.0.0.1.example.com/",
	        "http://127.0.0.1@example.com/",
	        "http://localhost:80@example.com/",
	        "http://localhost\\@example.com/",
	        "http://localhost.example.com/",
	        "http://[::2]/",
	        "http://[::1/",
	        "http://10.0.0.1/",
	        "ftp://127.0.0.1/",
	        "file:///etc/passwd",
	        "127.0.0.1/",
	        "https://user@example.com/",
	        "https://exam ple.com/",
	        "https://example.com/\r\nX: y",
	        "https://ex\xc3\xa4mple.com/",
	};
	struct exchange *exchange = NULL;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (begin_url(*state, "GET", refused[i], 1000, &exchange) != ERR_INVALID)
			fail_msg("accepted: %s", refused[i]);
	assert_int_equal(http_curl_in_flight(((struct fixture *)*state)->http), 0);
	assert_status(run(*state, "GET", "/ok"), 200);
}

static void only_loopback_addresses_count_as_loopback(void **state)
{
	static const struct {
		int family;
		const char *text;
		bool loopback;
	} cases[] = {{AF_INET, "127.0.0.1", true},
	             {AF_INET, "127.255.0.3", true},
	             {AF_INET, "128.0.0.1", false},
	             {AF_INET, "10.0.0.127", false},
	             {AF_INET6, "::1", true},
	             {AF_INET6, "::", false},
	             {AF_INET6, "::ffff:127.0.0.1", true},
	             {AF_INET6, "::ffff:10.0.0.1", false},
	             {AF_INET6, "fe80::1", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sockaddr_storage storage = {.ss_family = (sa_family_t)cases[i].family};
		void *at = cases[i].family == AF_INET ? (void *)&((struct sockaddr_in *)&storage)->sin_addr
		                                      : (void *)&((struct sockaddr_in6 *)&storage)->sin6_addr;
		assert_int_equal(inet_pton(cases[i].family, cases[i].text, at), 1);
		if (http_is_loopback((struct sockaddr *)&storage) != cases[i].loopback)
			fail_msg("%s", cases[i].text);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(answer_is_handed_over),
	        TEST(post_sends_its_body_and_headers_and_expects_no_continue),
	        TEST(post_larger_than_a_buffer_arrives_whole),
	        TEST(get_after_post_on_the_same_handle_has_no_body),
	        TEST(connection_is_kept_and_used_again),
	        TEST(error_status_is_an_answer),
	        TEST(answer_without_body_is_an_answer),
	        TEST(chunks_are_put_together),
	        TEST(redirect_is_not_followed),
	        TEST(environment_proxy_is_ignored),
	        TEST(retry_after_is_read_clamped_and_never_left_over),
	        TEST(silence_is_a_timeout_after_sending),
	        cmocka_unit_test_setup_teardown(deadline_also_ends_a_call_that_waits_for_a_connection,
	                                        setup_one_connection, teardown),
	        cmocka_unit_test_setup_teardown(waiting_call_goes_on_when_a_connection_is_free, setup_one_connection,
	                                        teardown),
	        TEST(refused_connection_is_connect_with_nothing_sent),
	        TEST(server_without_tls_is_a_tls_failure_with_nothing_sent),
	        TEST(end_without_an_answer_is_reset),
	        TEST(reset_connection_is_reset),
	        TEST(answer_that_breaks_off_is_garbage),
	        TEST(answer_that_is_not_http_is_garbage),
	        TEST(too_large_answer_is_refused_said_or_not),
	        TEST(get_on_a_reused_connection_reaches_the_vendor_once),
	        TEST(post_on_a_reused_connection_reaches_the_vendor_once),
	        TEST(repeat_does_not_go_over_another_kept_connection),
	        TEST(handle_works_after_a_refused_repeat),
	        TEST(connection_that_ended_while_idle_costs_no_call),
	        TEST(many_calls_at_once_keep_to_the_limit_of_connections),
	        TEST(cancelled_call_is_silent_and_others_go_on),
	        TEST(close_ends_what_is_open_silently),
	        TEST(callback_may_close),
	        TEST(callback_may_start_another_call),
	        TEST(refuses_urls_that_are_not_https_or_loopback),
	        TEST(only_loopback_addresses_count_as_loopback),
	};
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return 1;
	int failed = cmocka_run_group_tests_name("http_curl", tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
