/* http_fetch: what of an answer counts, over a loopback socket. */
#include "common/adapters/http_fetch.h"
#include "loopback.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { URL_BYTES = 64, SEEN_BYTES = 4096, SMALL_BYTES = 64 };

#define HEAD(status) "HTTP/1.1 " status "\r\nConnection: close\r\n"

/* Answers one connection, if it gets one. */
static struct server {
	int listener;
	char url[URL_BYTES], seen[SEEN_BYTES];
	const char *answer; /* NULL: none; it waits until the caller is gone */
	pthread_t thread;
} server;

static void *serve(void *ctx)
{
	size_t len = 0;
	ssize_t got = 1;
	int fd = accept(server.listener, NULL, NULL);
	(void)ctx;
	if (fd < 0)
		return NULL;
	while (got > 0 && !strstr(server.seen, "\r\n\r\n")) {
		got = recv(fd, server.seen + len, sizeof server.seen - 1 - len, 0);
		len += got > 0 ? (size_t)got : 0;
	}
	if (server.answer)
		(void)send(fd, server.answer, strlen(server.answer), MSG_NOSIGNAL);
	else
		while (recv(fd, server.seen, 1, 0) > 0)
			continue;
	close(fd);
	return NULL;
}

static void begin(const char *answer)
{
	int port;
	memset(&server, 0, sizeof server);
	server.answer = answer;
	server.listener = loopback_listen(1, &port);
	(void)snprintf(server.url, sizeof server.url, "http://127.0.0.1:%d/keys", port);
	assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

static enum err_code fetch_from(const char *answer, char text[SMALL_BYTES + 1], struct err *err)
{
	atomic_bool stop = false;
	struct buf out;
	buf_init(&out, SMALL_BYTES);
	begin(answer);
	enum err_code code =
	        http_fetch(&(struct http_way){.url = server.url, .proxy = "http://127.0.0.1:1"}, &stop, &out, err);
	(void)shutdown(server.listener, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.listener);
	(void)snprintf(text, SMALL_BYTES + 1, "%s", out.data);
	buf_fini(&out);
	return code;
}

static void a_document_that_is_answered_200_is_had_whole(void **state)
{
	char text[SMALL_BYTES + 1];
	(void)state;
	assert_int_equal(fetch_from(HEAD("200 OK") "Content-Length: 2\r\n\r\n{}", text, NULL), ERR_OK);
	assert_string_equal(text, "{}");
	assert_int_equal(strncmp(server.seen, "GET /keys HTTP/1.1\r\n", 20), 0);
}

static void any_other_status_is_no_document_and_nobody_is_sent_elsewhere(void **state)
{
	static const char *const answers[] = {
	        HEAD("302 Found") "Location: http://127.0.0.1:1/x\r\nContent-Length: 2\r\n\r\n{}",
	        HEAD("404 Not Found") "Content-Length: 2\r\n\r\n{}", HEAD("503 Oh") "Content-Length: 2\r\n\r\n{}",
	        HEAD("204 None") "\r\n"};
	char text[SMALL_BYTES + 1];
	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct err err = {ERR_OK, ""};
		assert_int_equal(fetch_from(answers[i], text, &err), ERR_UNAVAILABLE);
		assert_int_equal(strncmp(err.msg, "HTTP status ", 12), 0);
		assert_int_equal(strncmp(err.msg + 12, answers[i] + 9, 3), 0);
	}
}

static void a_document_that_is_too_large_or_torn_is_none(void **state)
{
	char text[SMALL_BYTES + 1];
	(void)state;
	assert_int_equal(fetch_from(HEAD("200 OK") "Content-Length: 65\r\n\r\n"
	                                           "0123456789012345678901234567890123456789012345678901234567890123"
	                                           "4",
	                            text, NULL),
	                 ERR_LIMIT);
	assert_int_equal(fetch_from(HEAD("200 OK") "Content-Length: 9\r\n\r\n{}", text, NULL), ERR_UNAVAILABLE);
	assert_int_equal(fetch_from("rubbish", text, NULL), ERR_UNAVAILABLE);
}

static void nobody_there_is_told(void **state)
{
	atomic_bool stop = false;
	struct err err = {ERR_OK, ""};
	struct buf out;
	(void)state;
	buf_init(&out, SMALL_BYTES);
	assert_int_equal(http_fetch(&(struct http_way){.url = "http://127.0.0.1:1/keys"}, &stop, &out, &err),
	                 ERR_UNAVAILABLE);
	assert_true(err.msg[0]);
	assert_int_equal(http_fetch(&(struct http_way){.url = "file:///etc/hostname"}, &stop, &out, NULL),
	                 ERR_UNAVAILABLE);
	buf_fini(&out);
}

static void a_proxy_is_asked_for_a_tunnel_and_a_file_of_authorities_has_to_be_there(void **state)
{
	atomic_bool stop = false;
	char proxy[URL_BYTES];
	struct buf out;
	(void)state;
	buf_init(&out, SMALL_BYTES);
	begin(HEAD("403 No") "Content-Length: 0\r\n\r\n");
	(void)snprintf(proxy, sizeof proxy, "%.*s", (int)(strlen(server.url) - strlen("/keys")), server.url);
	const struct http_way source = {.url = "https://issuer.example/keys", .proxy = proxy};
	assert_int_equal(http_fetch(&source, &stop, &out, NULL), ERR_UNAVAILABLE);
	(void)shutdown(server.listener, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.listener);
	assert_int_equal(strncmp(server.seen, "CONNECT issuer.example:443 HTTP/1.1\r\n", 37), 0);
	const struct http_way strange = {.url = "https://127.0.0.1:1/keys", .ca_file = "/nowhere/at/all"};
	assert_int_equal(http_fetch(&strange, &stop, &out, NULL), ERR_UNAVAILABLE);
	buf_fini(&out);
}

static void a_stop_ends_it(void **state)
{
	atomic_bool stop = true;
	struct buf out;
	(void)state;
	buf_init(&out, SMALL_BYTES);
	begin(NULL);
	assert_int_equal(http_fetch(&(struct http_way){.url = server.url}, &stop, &out, NULL), ERR_UNAVAILABLE);
	(void)shutdown(server.listener, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.listener);
	buf_fini(&out);
}

static int open_library(void **state)
{
	(void)state;
	return http_fetch_open() == ERR_OK ? 0 : -1;
}

static int close_library(void **state)
{
	(void)state;
	http_fetch_close();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_document_that_is_answered_200_is_had_whole),
	        cmocka_unit_test(any_other_status_is_no_document_and_nobody_is_sent_elsewhere),
	        cmocka_unit_test(a_document_that_is_too_large_or_torn_is_none),
	        cmocka_unit_test(nobody_there_is_told),
	        cmocka_unit_test(a_proxy_is_asked_for_a_tunnel_and_a_file_of_authorities_has_to_be_there),
	        cmocka_unit_test(a_stop_ends_it),
	};
	return cmocka_run_group_tests(tests, open_library, close_library);
}
