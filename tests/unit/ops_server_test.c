/* The ops listener over real loopback sockets: routes, methods, states, bodies, and what it says when it cannot start.
 */
#include "common/adapters/ops_server.h"

#include "common/adapters/listen_address.h"
#include "common/base/log.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

enum { ANSWER_MAX = 64 * 1024, CLIENT_TIMEOUT_S = 5 };

struct service {
	atomic_bool ready;
	atomic_bool healthy;
	struct metrics *metrics;
	struct ops_server *server;
	char answer[ANSWER_MAX]; /* the last one, whole */
};

static bool is_ready(void *ctx)
{
	return atomic_load(&((struct service *)ctx)->ready);
}

static bool health(void *ctx, struct buf *out)
{
	bool healthy = atomic_load(&((struct service *)ctx)->healthy);

	return buf_append_str(out, healthy ? "{\"kafka\":\"up\"}" : "{\"kafka\":\"down\"}") == ERR_OK && healthy;
}

static struct ops_server_options options_of(struct service *service, const char *listen)
{
	return (struct ops_server_options){
	        .listen = listen, .metrics = service->metrics, .is_ready = is_ready, .health = health, .ctx = service};
}

static int setup(void **state)
{
	struct service *service = calloc(1, sizeof(*service));
	struct ops_server_options options;

	assert_non_null(service);
	assert_int_equal(metrics_new(&service->metrics), ERR_OK);
	metric_add(metrics_counter(service->metrics, "verifyd_things", "", "Things."), 7);
	options = options_of(service, "127.0.0.1:0");
	assert_int_equal(ops_server_start(&options, &service->server, NULL), ERR_OK);
	*state = service;
	return 0;
}

static int teardown(void **state)
{
	struct service *service = *state;

	ops_server_stop(service->server);
	metrics_free(service->metrics);
	free(service);
	return 0;
}

static int client(const char *where)
{
	const struct timeval timeout = {.tv_sec = CLIENT_TIMEOUT_S};
	struct listen_address address;
	int fd;

	assert_int_equal(listen_address_parse(where, &address, NULL), ERR_OK);
	fd = socket(address.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address.addr, address.len), 0);
	return fd;
}

/* Sends the bytes and reads until the server closes; the request asks for that or must provoke it. */
static const char *exchange(struct service *service, const char *request)
{
	int fd = client(ops_server_address(service->server));
	size_t len = 0;
	ssize_t n;

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
	while ((n = recv(fd, service->answer + len, ANSWER_MAX - 1 - len, 0)) > 0)
		len += (size_t)n;
	assert_int_equal(n, 0);
	service->answer[len] = '\0';
	close(fd);
	return service->answer;
}

static const char *ask(struct service *service, const char *method, const char *path)
{
	char request[256];

	snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", method, path);
	return exchange(service, request);
}

static void assert_answer(const char *answer, int status, const char *content_type, const char *body)
{
	char line[128];

	snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
	assert_true(strncmp(answer, line, strlen(line)) == 0);
	snprintf(line, sizeof(line), "\r\nContent-Type: %s\r\n", content_type);
	assert_non_null(strstr(answer, line));
	assert_non_null(strstr(answer, "\r\nCache-Control: no-store\r\n"));
	assert_non_null(strstr(answer, "\r\n\r\n"));
	assert_string_equal(strstr(answer, "\r\n\r\n") + 4, body);
}

static void livez_answers_whatever_the_state(void **state)
{
	assert_answer(ask(*state, "GET", "/livez"), 200, "text/plain; charset=utf-8", "alive\n");
	assert_answer(ask(*state, "GET", "/livez?probe=1"), 200, "text/plain; charset=utf-8", "alive\n");
}

static void readyz_follows_the_service(void **state)
{
	struct service *service = *state;

	assert_answer(ask(service, "GET", "/readyz"), 503, "text/plain; charset=utf-8", "not ready\n");
	atomic_store(&service->ready, true);
	assert_answer(ask(service, "GET", "/readyz"), 200, "text/plain; charset=utf-8", "ready\n");
}

static void healthz_shows_the_dependencies_in_both_states(void **state)
{
	struct service *service = *state;

	assert_answer(ask(service, "GET", "/healthz"), 503, "application/json", "{\"kafka\":\"down\"}");
	atomic_store(&service->healthy, true);
	assert_answer(ask(service, "GET", "/healthz"), 200, "application/json", "{\"kafka\":\"up\"}");
}

static void metrics_are_openmetrics_for_who_asks_for_it_and_plain_text_for_others(void **state)
{
	assert_answer(ask(*state, "GET", "/metrics"), 200, "text/plain; version=0.0.4; charset=utf-8",
	              "# TYPE verifyd_things_total counter\n# HELP verifyd_things_total Things.\n"
	              "verifyd_things_total 7\n");
	assert_answer(exchange(*state, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	                               "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n\r\n"),
	              200, "application/openmetrics-text; version=1.0.0; charset=utf-8",
	              "# TYPE verifyd_things counter\n# HELP verifyd_things Things.\nverifyd_things_total 7\n# EOF\n");
}

static void head_has_the_headers_of_get_and_no_body(void **state)
{
	const char *answer = ask(*state, "HEAD", "/livez");

	assert_answer(answer, 200, "text/plain; charset=utf-8", "");
	assert_non_null(strstr(answer, "\r\nContent-Length: 6\r\n"));
}

static void an_unknown_path_is_404_for_every_method(void **state)
{
	static const char *const paths[] = {"/", "/live", "/livez/", "//livez", "/LIVEZ", "/metrics/x", "/console"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_answer(ask(*state, "GET", paths[i]), 404, "text/plain; charset=utf-8", "no such route\n");
	assert_answer(ask(*state, "POST", "/nothing"), 404, "text/plain; charset=utf-8", "no such route\n");
}

static void another_method_is_405_and_told_which_are_allowed(void **state)
{
	static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "BREW"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		const char *answer = ask(*state, methods[i], "/livez");

		assert_answer(answer, 405, "text/plain; charset=utf-8", "only GET, HEAD\n");
		assert_non_null(strstr(answer, "\r\nAllow: GET, HEAD\r\n"));
	}
}

/* None of these asks for a close and none sends the body it announces: the server must end it by itself. */
static void a_request_with_a_body_is_refused_and_the_connection_closed(void **state)
{
	static const char *const requests[] = {
	        "GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
	        "GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
	        "GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	};

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		assert_answer(exchange(*state, requests[i]), 413, "text/plain; charset=utf-8", "no body is wanted\n");
	assert_true(strncmp(exchange(*state, "POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"),
	                    "HTTP/1.1 405 ", 13) == 0);
}

static void a_connection_serves_several_requests(void **state)
{
	const char *answer = exchange(*state, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
	                                      "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	const char *first = strstr(answer, "alive\n");

	assert_non_null(first);
	assert_non_null(strstr(first + 1, "alive\n"));
}

static void oversized_headers_are_refused(void **state)
{
	char request[20 * 1024];
	size_t len = (size_t)snprintf(request, sizeof(request), "GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: ");

	memset(request + len, 'a', sizeof(request) - len - 1);
	request[sizeof(request) - 1] = '\0';
	assert_true(strncmp(exchange(*state, request), "HTTP/1.1 431 ", 13) == 0);
}

static void a_taken_address_is_an_error_that_names_it(void **state)
{
	struct service *service = *state;
	struct ops_server_options options = options_of(service, ops_server_address(service->server));
	struct ops_server *second = NULL;
	struct err err = {0};

	assert_int_equal(ops_server_start(&options, &second, &err), ERR_IO);
	assert_null(second);
	assert_non_null(strstr(err.msg, ops_server_address(service->server)));
	assert_non_null(strstr(err.msg, "in use"));
}

static void an_address_of_another_machine_is_an_error(void **state)
{
	struct ops_server_options options = options_of(*state, "192.0.2.1:0");
	struct ops_server *server = NULL;
	struct err err = {0};

	assert_int_equal(ops_server_start(&options, &server, &err), ERR_IO);
	assert_non_null(strstr(err.msg, "192.0.2.1:0"));
}

static void a_malformed_address_is_invalid(void **state)
{
	struct ops_server_options options = options_of(*state, "nowhere");
	struct ops_server *server = NULL;

	assert_int_equal(ops_server_start(&options, &server, NULL), ERR_INVALID);
	assert_null(server);
	ops_server_stop(NULL);
}

/* Starts a server while stderr goes to a file, and leaves what was logged in out. */
static struct ops_server *start_logged(struct service *service, const char *listen, char *out, size_t cap)
{
	struct ops_server_options options = options_of(service, listen);
	struct ops_server *server = NULL;
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	enum err_code code;
	size_t len;

	assert_non_null(file);
	assert_true(saved >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
	code = ops_server_start(&options, &server, NULL);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	rewind(file);
	len = fread(out, 1, cap - 1, file);
	out[len] = '\0';
	fclose(file);
	assert_true(code == ERR_OK || code == ERR_IO);
	return server;
}

static const char *ask_as(struct service *service, const char *path, const char *authorization)
{
	char request[256];

	snprintf(request, sizeof(request),
	         "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: %s\r\n\r\n", path, authorization);
	return exchange(service, request);
}

static void with_a_token_strangers_see_whether_it_lives_and_nothing_else(void **state)
{
	struct service *service = *state;
	struct ops_server_options options = options_of(service, "127.0.0.1:0");
	const char *answer;

	ops_server_stop(service->server);
	options.token = "0123456789abcdef01234567";
	assert_int_equal(ops_server_start(&options, &service->server, NULL), ERR_OK);
	assert_answer(ask(service, "GET", "/livez"), 200, "text/plain; charset=utf-8", "alive\n");
	assert_answer(ask(service, "GET", "/readyz"), 503, "text/plain; charset=utf-8", "not ready\n");
	assert_answer(ask(service, "GET", "/healthz"), 503, "application/json", "{\"status\":\"degraded\"}");
	atomic_store(&service->healthy, true);
	assert_answer(ask(service, "GET", "/healthz"), 200, "application/json", "{\"status\":\"ok\"}");
	answer = ask(service, "GET", "/metrics");
	assert_answer(answer, 401, "text/plain; charset=utf-8", "the token is missing or wrong\n");
	assert_non_null(strstr(answer, "\r\nWWW-Authenticate: Basic realm=\"verifyd\"\r\n"));
	assert_answer(ask_as(service, "/metrics", "Bearer 0123456789abcdef01234568"), 401, "text/plain; charset=utf-8",
	              "the token is missing or wrong\n");
	assert_answer(ask_as(service, "/healthz", "Bearer 0123456789abcdef01234567"), 200, "application/json",
	              "{\"kafka\":\"up\"}");
	answer = ask_as(service, "/metrics", "Basic b25jYWxsOjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nw==");
	assert_non_null(strstr(answer, "verifyd_things_total 7\n"));
}

static void the_listening_line_has_the_real_port(void **state)
{
	char line[1024];
	char address[128];
	struct ops_server *server = start_logged(*state, "127.0.0.1:0", line, sizeof(line));

	assert_non_null(server);
	snprintf(address, sizeof(address), "\"address\":\"%s\"", ops_server_address(server));
	assert_null(strstr(address, ":0\""));
	assert_non_null(strstr(line, "\"event\":\"listening\""));
	assert_non_null(strstr(line, "\"listener\":\"ops\""));
	assert_non_null(strstr(line, address));
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	ops_server_stop(server);
}

static void a_listener_that_others_can_reach_warns_when_it_has_no_token(void **state)
{
	char line[2048];
	struct ops_server *server = start_logged(*state, "0.0.0.0:0", line, sizeof(line));

	assert_non_null(server);
	assert_non_null(strstr(line, "\"event\":\"ops_listener_open\""));
	ops_server_stop(server);
	server = start_logged(*state, "127.0.0.1:0", line, sizeof(line));
	assert_non_null(server);
	assert_null(strstr(line, "ops_listener_open"));
	ops_server_stop(server);
}

static void an_ipv6_listener_answers(void **state)
{
	struct service *service = *state;
	struct ops_server_options options = options_of(service, "[::1]:0");
	struct ops_server *v4 = service->server;
	int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct listen_address loopback;
	bool has_v6;

	assert_int_equal(listen_address_parse("[::1]:0", &loopback, NULL), ERR_OK);
	has_v6 = probe >= 0 && bind(probe, (const struct sockaddr *)&loopback.addr, loopback.len) == 0;
	if (probe >= 0)
		close(probe);
	if (!has_v6)
		skip();
	assert_int_equal(ops_server_start(&options, &service->server, NULL), ERR_OK);
	assert_true(strncmp(ops_server_address(service->server), "[::1]:", 6) == 0);
	assert_answer(ask(service, "GET", "/livez"), 200, "text/plain; charset=utf-8", "alive\n");
	ops_server_stop(service->server);
	service->server = v4;
}

static void stopping_ends_idle_connections_and_frees_the_address(void **state)
{
	struct service *service = *state;
	char where[LISTEN_ADDRESS_TEXT_BYTES];
	struct ops_server_options options = options_of(service, where);
	int idle = client(ops_server_address(service->server));
	char byte;

	snprintf(where, sizeof(where), "%s", ops_server_address(service->server));
	assert_answer(ask(service, "GET", "/livez"), 200, "text/plain; charset=utf-8", "alive\n");
	ops_server_stop(service->server);
	assert_true(recv(idle, &byte, 1, 0) <= 0);
	close(idle);
	assert_int_equal(ops_server_start(&options, &service->server, NULL), ERR_OK);
	assert_string_equal(ops_server_address(service->server), where);
}

#define OPS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        OPS_TEST(livez_answers_whatever_the_state),
	        OPS_TEST(readyz_follows_the_service),
	        OPS_TEST(healthz_shows_the_dependencies_in_both_states),
	        OPS_TEST(metrics_are_openmetrics_for_who_asks_for_it_and_plain_text_for_others),
	        OPS_TEST(head_has_the_headers_of_get_and_no_body),
	        OPS_TEST(an_unknown_path_is_404_for_every_method),
	        OPS_TEST(another_method_is_405_and_told_which_are_allowed),
	        OPS_TEST(a_request_with_a_body_is_refused_and_the_connection_closed),
	        OPS_TEST(a_connection_serves_several_requests),
	        OPS_TEST(oversized_headers_are_refused),
	        OPS_TEST(a_taken_address_is_an_error_that_names_it),
	        OPS_TEST(an_address_of_another_machine_is_an_error),
	        OPS_TEST(a_malformed_address_is_invalid),
	        OPS_TEST(with_a_token_strangers_see_whether_it_lives_and_nothing_else),
	        OPS_TEST(the_listening_line_has_the_real_port),
	        OPS_TEST(a_listener_that_others_can_reach_warns_when_it_has_no_token),
	        OPS_TEST(an_ipv6_listener_answers),
	        OPS_TEST(stopping_ends_idle_connections_and_frees_the_address),
	};

	log_init("ops_server_test", LOG_INFO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
