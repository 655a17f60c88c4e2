/* header_check behind a real libmicrohttpd on loopback, fed by raw sockets: whatever two HTTP parsers could read in two
 * ways is refused, and what the request says of its body is read right. A row names the rule it breaks. */
#include "ingress/header_check.h"
#include <arpa/inet.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

enum { ANSWER_BYTES = 8192, CLIENT_TIMEOUT_S = 5 };

#define HOST "Host: h\r\n"
#define LAST "Connection: close\r\n" /* a good answer then ends with the connection: nothing to wait for */

/* The verdict is formed at the first call, when the headers are there, as the ingress does it. */
static enum MHD_Result on_call(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                               const char *version, const char *data, size_t *size, void **req_cls)
{
	char verdict[128];
	struct body_announcement body = {.has_length = true, .length = 4711};
	(void)cls, (void)url, (void)data;
	if (*req_cls) { /* a good one whose body is read and thrown away */
		if (*size) {
			*size = 0;
			return MHD_YES;
		}
		struct MHD_Response *response =
		        MHD_create_response_from_buffer(strlen(*req_cls), *req_cls, MHD_RESPMEM_MUST_COPY);
		enum MHD_Result queued = MHD_queue_response(connection, 200, response);
		MHD_destroy_response(response);
		return queued;
	}
	const struct request_line line = {method, version, NULL, NULL};
	const char *broken = header_check(connection, &line, &body);
	if (!broken) {
		(void)snprintf(verdict, sizeof verdict, "good chunked=%d length=%" PRIu64, body.chunked,
		               body.has_length ? body.length : 0);
		return (*req_cls = strdup(verdict)) ? MHD_YES : MHD_NO;
	}
	if (body.length != 4711) /* an output stays as it was on failure */
		broken = "touched its output";
	struct MHD_Response *response =
	        MHD_create_response_from_buffer(strlen(broken), (void *)(uintptr_t)broken, MHD_RESPMEM_PERSISTENT);
	(void)MHD_add_response_header(response, "Connection", "close");
	enum MHD_Result queued = MHD_queue_response(connection, 400, response);
	MHD_destroy_response(response);
	return queued;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **req_cls,
                         enum MHD_RequestTerminationCode why)
{
	(void)cls, (void)connection, (void)why;
	free(*req_cls);
	*req_cls = NULL;
}

static int start(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	*state = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_call, NULL, MHD_OPTION_SOCK_ADDR,
	                          &address, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
	                          MHD_OPTION_STRICT_FOR_CLIENT, header_check_strictness(), MHD_OPTION_END);
	return *state ? 0 : -1;
}

static int stop(void **state)
{
	MHD_stop_daemon(*state);
	return 0;
}

static int connect_to(struct MHD_Daemon *daemon)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_LISTEN_FD);
	struct sockaddr_in address;
	socklen_t len = sizeof address;
	const struct timeval patience = {.tv_sec = CLIENT_TIMEOUT_S};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(getsockname(info->listen_fd, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, len), 0);
	return fd;
}

/* Sends the bytes, says that no more will come, and reads until the server closes. */
static void talk(struct MHD_Daemon *daemon, const char *bytes, size_t len, char answer[ANSWER_BYTES])
{
	int fd = connect_to(daemon);
	size_t got = 0;
	ssize_t n = 1;
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
	(void)shutdown(fd, SHUT_WR);
	while (got < ANSWER_BYTES - 1 && (n = recv(fd, answer + got, ANSWER_BYTES - 1 - got, 0)) > 0)
		got += (size_t)n;
	answer[got] = '\0';
	(void)close(fd);
}

/* How many answers there are; the library's HTML names "HTTP/1.1" too, but with no status after it. */
static int status_lines(const char *answer)
{
	int count = 0;
	for (const char *at = answer; (at = strstr(at, "HTTP/1.1 ")); at++)
		count += at[9] >= '1' && at[9] <= '5';
	return count;
}

/* libmicrohttpd checks much of it itself from 1.0 on, and answers in HTML; before that nobody but us does. */
static bool refused_by_the_library(const char *answer)
{
	return MHD_VERSION >= 0x01000000 && strstr(answer, "<html>") != NULL;
}

/* says NULL: refused, by the check or already by the library, but never as a good one. */
static void expect(struct MHD_Daemon *daemon, const char *request, size_t len, int status, const char *says)
{
	char answer[ANSWER_BYTES], line[32];
	talk(daemon, request, len, answer);
	(void)snprintf(line, sizeof line, "HTTP/1.1 %d", status);
	bool as_wanted = strncmp(answer, line, strlen(line)) == 0 &&
	                 (!says || strstr(answer, says) || refused_by_the_library(answer));
	bool served_more = status_lines(answer) > 1;
	if (!as_wanted || served_more)
		print_error("asked:\n%s\nanswered:\n%s\n", request, answer);
	assert_true(as_wanted);
	assert_false(served_more);
}

static void what_two_parsers_could_read_in_two_ways_is_refused(void **state)
{
	static const struct {
		const char *headers, *says;
	} rows[] = {
	        {HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
	         "both Content-Length and Transfer-Encoding"},
	        {HOST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
	         "both Content-Length and Transfer-Encoding"},
	        {HOST "Content-Length: 5\r\nContent-Length: 6\r\n", "two Content-Length"},
	        {HOST "Content-Length: 5\r\ncontent-length: 5\r\n", "two Content-Length"},
	        {HOST "Content-Length : 5\r\n", "name is malformed"},
	        {HOST "Transfer-Encoding : chunked\r\n", "name is malformed"},
	        {HOST "Transfer-Encoding: identity\r\n", "not chunked"},
	        {HOST "Transfer-Encoding: gzip, chunked\r\n", "not chunked"},
	        {HOST "Transfer-Encoding: chunked, chunked\r\n", "not chunked"},
	        {HOST "Transfer-Encoding: xchunked\r\n", "not chunked"},
	        {HOST "Transfer-Encoding:\r\n", "not chunked"},
	        {HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "two Transfer-Encoding"},
	        {HOST HOST, "two Host"},
	        {HOST "host: other\r\n", "two Host"},
	        {"X: y\r\n", "no Host"},
	        {HOST "X Y: z\r\n", "name is malformed"},
	        {HOST "X\tY: z\r\n", "name is malformed"},
	        {HOST "X(Y): z\r\n", "name is malformed"},
	        {HOST "X\x80: z\r\n", "name is malformed"},
	        {HOST "X: a\n", "end in CRLF"},
	        {HOST "X: a\nTransfer-Encoding: chunked\r\n", "end in CRLF"},
	        {"Host: h\nX: a\r\n", "end in CRLF"},
	        {HOST "X: a\r\n b\r\n", NULL},
	        {HOST "Content-Length: 0\r\n\t\r\n", NULL},
	        {HOST "X: a\rb\r\n", "control character"},
	        {HOST "X: a\x01\r\n", "control character"},
	        {"Host: a, b\r\n", "Host is malformed"},
	        {"Host: a b\r\n", "Host is malformed"},
	        {"Host: a@b\r\n", "Host is malformed"},
	        {"Host: a/b\r\n", "Host is malformed"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char request[1024];
		/* what follows the headers is a second request for whoever reads the first one's end there */
		int n = snprintf(request, sizeof request,
		                 "POST / HTTP/1.1\r\n%s\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n" HOST "\r\n",
		                 rows[i].headers);
		expect(*state, request, (size_t)n, 400, rows[i].says);
	}
}

static void a_length_that_is_no_plain_number_is_refused_by_somebody(void **state)
{
	static const char *const lengths[] = {
	        "", "+5", "-5", "5 5", "5,5", "0x5", "5x", " ", "five", "5;", "1234567890123456789", "5\v", "\xc2\xb2"};
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		char request[256], answer[ANSWER_BYTES];
		int n = snprintf(request, sizeof request, "POST / HTTP/1.1\r\n" HOST "Content-Length: %s\r\n\r\nhello",
		                 lengths[i]);
		talk(*state, request, (size_t)n, answer);
		if (strncmp(answer, "HTTP/1.1 4", 10) != 0)
			print_error("length '%s' answered:\n%s\n", lengths[i], answer);
		assert_int_equal(strncmp(answer, "HTTP/1.1 4", 10), 0);
	}
}

/* libmicrohttpd 0.9.75 cuts such a value before anybody sees it; a newer one refuses it. */
static void a_value_with_a_nul_is_refused(void **state)
{
	static const char inside[] = "GET / HTTP/1.1\r\n" HOST LAST "X: a\0GET /smuggled HTTP/1.1\r\n\r\n";
	static const char at_its_end[] = "GET / HTTP/1.1\r\n" HOST LAST "X: a\0\r\n\r\n";
	static const char line[] = "GET / HTTP/1.1\r\n" HOST LAST "\0X: a\r\n\r\n";
	expect(*state, inside, sizeof inside - 1, 400, NULL);
	expect(*state, at_its_end, sizeof at_its_end - 1, 400, NULL);
	expect(*state, line, sizeof line - 1, 400, NULL);
}

static void a_first_line_or_an_empty_one_that_ends_in_lf_alone_is_refused(void **state)
{
	static const char first[] = "GET / HTTP/1.1\n" HOST LAST "\r\n";
	static const char empty[] = "GET / HTTP/1.1\r\n" HOST "\nGET /smuggled HTTP/1.1\r\n" HOST "\r\n";
	expect(*state, first, sizeof first - 1, 400, NULL);
	expect(*state, empty, sizeof empty - 1, 400, NULL);
}

static void a_good_request_is_good_in_pieces_of_any_size(void **state)
{
	static const int sizes[] = {1, 7, 1000, 5000};
	static char request[24 * 1024];
	char answer[ANSWER_BYTES];
	int n = snprintf(request, sizeof request, "GET /?a=%%20b&c HTTP/1.1\r\n" HOST LAST "Cookie: a=b; c=d\r\n");
	for (int i = 0; n < 10 * 1024; i++)
		n += snprintf(request + n, sizeof request - (size_t)n, "X-%d:%*s\r\n", i, i % 600, "v");
	n += snprintf(request + n, sizeof request - (size_t)n, "\r\n");
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		int fd = connect_to(*state),
		    last = sizes[i] == 1 ? 400 : 0; /* byte by byte takes long for all of them */
		for (int at = 0, piece; at < n; at += piece) {
			piece = last && at > last ? n - at : at + sizes[i] < n ? sizes[i] : n - at;
			assert_int_equal(send(fd, request + at, (size_t)piece, MSG_NOSIGNAL), piece);
			(void)usleep(200);
		}
		ssize_t got = recv(fd, answer, sizeof answer - 1, MSG_WAITALL);
		assert_true(got > 0);
		answer[got] = '\0';
		assert_int_equal(strncmp(answer, "HTTP/1.1 200", 12), 0);
		close(fd);
	}
}

static void a_target_is_of_visible_characters_without_a_nul(void **state)
{
	static const char *const bad[] = {"/a b", "/a\tb", "/a\x7f", "/\xc3\xa9", "/a%00b", "/\x01"};
	(void)state;
	assert_null(header_check_target("/"));
	assert_null(header_check_target("/a%20b/~x?y=z&%41#"));
	assert_null(header_check_target("/a?b=%00"));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_non_null(header_check_target(bad[i]));
}

static void before_http_1_1_a_host_is_not_needed_and_chunks_are_not_known(void **state)
{
	static const char plain[] = "GET / HTTP/1.0\r\n\r\n";
	static const char chunked[] = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
	char answer[ANSWER_BYTES];
	talk(*state, plain, sizeof plain - 1, answer);
	assert_non_null(strstr(answer, "good chunked=0 length=0"));
	talk(*state, chunked, sizeof chunked - 1, answer);
	assert_non_null(strstr(answer, "Transfer-Encoding before HTTP/1.1"));
}

static void good_requests_pass_and_their_bodies_are_announced_right(void **state)
{
	static const struct {
		const char *request, *says;
	} rows[] = {
	        {"GET / HTTP/1.1\r\n" HOST LAST "\r\n", "good chunked=0 length=0"},
	        {"GET / HTTP/1.1\r\n" LAST "hOST:h\r\nX-Empty:\r\nA!#$%&'*+-.^_`|~9: \xc3\xa9\r\n\r\n",
	         "good chunked=0 length=0"},
	        {"POST / HTTP/1.1\r\n" HOST LAST "Content-Length: 5\r\n\r\nhello", "good chunked=0 length=5"},
	        {"POST / HTTP/1.1\r\n" HOST LAST "content-length:  005\r\n\r\nhello", "good chunked=0 length=5"},
	        {"POST / HTTP/1.1\r\n" HOST LAST "Content-Length: 0\r\n\r\n", "good chunked=0 length=0"},
	        {"POST / HTTP/1.1\r\n" HOST LAST "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	         "good chunked=1 length=0"},
	        {"GET / HTTP/1.1\r\n" HOST LAST "Cookie: a\r\nCookie: b\r\n\r\n", "good chunked=0 length=0"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		expect(*state, rows[i].request, strlen(rows[i].request), 200, rows[i].says);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_two_parsers_could_read_in_two_ways_is_refused),
	        cmocka_unit_test(a_length_that_is_no_plain_number_is_refused_by_somebody),
	        cmocka_unit_test(a_value_with_a_nul_is_refused),
	        cmocka_unit_test(a_first_line_or_an_empty_one_that_ends_in_lf_alone_is_refused),
	        cmocka_unit_test(a_good_request_is_good_in_pieces_of_any_size),
	        cmocka_unit_test(a_target_is_of_visible_characters_without_a_nul),
	        cmocka_unit_test(before_http_1_1_a_host_is_not_needed_and_chunks_are_not_known),
	        cmocka_unit_test(good_requests_pass_and_their_bodies_are_announced_right),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
