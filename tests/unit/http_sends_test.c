/* Tests of http_curl against a vendor that breaks off at every byte of the request and of the answer: a request reaches
 * the vendor as often as it was meant to, its end is told once, as what it was, and the port works afterwards. */
#include "workers/http_curl.h"
#include <arpa/inet.h>
#include <curl/curl.h>
#include <dirent.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "http_breaking.h"

enum { CALL_MS = 20000 };

/* ---- the client ---- */

struct client {
	uv_loop_t loop;
	struct http_curl *http;
	uv_timer_t alive; /* while it runs the loop turns, as a worker's always does */
	struct stand_in vendor;
	int cases;
};

struct call {
	struct http_request request;
	struct http_call *call;
	int done;
	bool ok, bytes_sent, whole;
	int status;
	enum failure failure;
};

static void on_done(void *ctx, const struct http_result *result)
{
	struct call *call = ctx;

	call->done++;
	call->ok = result->ok;
	call->bytes_sent = result->bytes_sent;
	call->failure = result->failure;
	call->status = result->ok ? result->response.status : 0;
	call->whole = result->ok && result->response.body_len == strlen(BODY) &&
	              memcmp(result->response.body, BODY, strlen(BODY)) == 0;
}

static void begin(struct client *client, struct call *call, const char *method, const char *path)
{
	memset(call, 0, sizeof(*call));
	http_request_init(&call->request);
	call->request.method = method;
	call->request.timeout_ms = CALL_MS;
	assert_int_equal(buf_printf(&call->request.url, "http://127.0.0.1:%d%s", client->vendor.port, path), ERR_OK);
	assert_int_equal(http_request_header(&call->request, "Accept", "application/json"), ERR_OK);
	if (strcmp(method, "POST") == 0)
		assert_int_equal(buf_append_str(&call->request.body, "{\"customerSessionID\":\"0123456789\"}"), ERR_OK);
	assert_int_equal(http_curl_start(client->http, &call->request, on_done, call, &call->call, NULL), ERR_OK);
}

static void finish(struct client *client, struct call *call)
{
	while (call->done == 0)
		uv_run(&client->loop, UV_RUN_ONCE);
	assert_int_equal(call->done, 1);
}

static void run_well(struct client *client, const char *path)
{
	struct call call;

	begin(client, &call, "GET", path);
	finish(client, &call);
	if (!call.ok || !call.whole)
		fail_msg("%s after case %d: failure %d", path, client->cases, (int)call.failure);
	http_request_fini(&call.request);
}

/* Waits until the vendor has ended what it is about to end: its FIN or RST is then there. */
static void wait_for_drop(struct client *client)
{
	while (atomic_load(&client->vendor.dropped) != atomic_load(&client->vendor.accepted))
		usleep(20);
}

static void on_alive(uv_timer_t *timer)
{
	(void)timer;
}

/* Turns the loop where no call of its own does: uv_run does nothing at all for a loop that nothing keeps alive. */
static void turn(struct client *client, int turns)
{
	assert_int_equal(uv_timer_start(&client->alive, on_alive, CALL_MS, 0), 0);
	while (turns-- > 0)
		uv_run(&client->loop, UV_RUN_NOWAIT);
	assert_int_equal(uv_timer_stop(&client->alive), 0);
}

/* As finish, but all that the vendor does, up to the end of the connection, is there whenever the loop looks. */
static void finish_late(struct client *client, struct call *call)
{
	for (int waits = 0; call->done == 0; waits++) {
		turn(client, 1);
		if (waits < 20) /* the connection, the request, the answer; later it only has to end */
			usleep(1000);
	}
	assert_int_equal(call->done, 1);
}

/* Whether any socket here is connected to the vendor and has seen nothing of an end. */
static bool is_connected(const struct client *client)
{
	for (int fd = 0; fd < 64; fd++) {
		struct sockaddr_in peer = {0};
		struct tcp_info info = {0};
		socklen_t peer_len = sizeof(peer), len = sizeof(info);
		if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0 && peer.sin_family == AF_INET &&
		    ntohs(peer.sin_port) == client->vendor.port &&
		    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_state == TCP_ESTABLISHED)
			return true;
	}
	return false;
}

/* Whether an RST has come to any socket here that nobody has taken note of. */
static bool is_any_end_unread(void)
{
	for (int fd = 0; fd < 64; fd++) {
		struct pollfd looked = {.fd = fd};
		if (poll(&looked, 1, 0) == 1 && looked.revents & POLLERR)
			return true;
	}
	return false;
}

static void set_plan(struct client *client, const struct plan *plan)
{
	pthread_mutex_lock(&client->vendor.lock);
	client->vendor.plan = *plan;
	pthread_mutex_unlock(&client->vendor.lock);
}

struct variant {
	const char *method;
	bool reused, reset;
};

/* Runs one case: before it a good call where a connection is to be reused, after it another one. Returns the victim. */
static struct call run_case(struct client *client, const struct variant *variant, struct plan plan)
{
	struct call victim;
	int before = atomic_load(&client->vendor.victims);

	plan.nth = variant->reused ? 2 : 1;
	plan.reset = variant->reset;
	client->cases++;
	set_plan(client, &plan);
	if (variant->reused)
		run_well(client, "/prime");
	begin(client, &victim, variant->method, "/victim");
	finish(client, &victim);
	wait_for_drop(client);
	run_well(client, "/last"); /* leaves no connection behind */
	wait_for_drop(client);
	int sends = atomic_load(&client->vendor.victims) - before;
	if (sends != 1 || victim.done != 1 || !victim.bytes_sent)
		fail_msg("case %d (%s, %s, %s, request %d, answer %d): %d sends, told %d times, bytes_sent %d",
		         client->cases, variant->method, variant->reused ? "reused" : "fresh",
		         variant->reset ? "RST" : "FIN", plan.request_bytes, plan.answer_bytes, sends, victim.done,
		         victim.bytes_sent);
	http_request_fini(&victim.request);
	return victim;
}

/* Calls `each` for GET and POST, fresh and reused connection, FIN and RST. */
static void for_variants(struct client *client, void (*each)(struct client *client, const struct variant *variant))
{
	static const char *const methods[] = {"GET", "POST"};

	for (unsigned i = 0; i < 8; i++) {
		const struct variant variant = {methods[i & 1], i & 2, i & 4};
		each(client, &variant);
	}
}

static size_t open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static int setup(void **state)
{
	struct client *client = calloc(1, sizeof(*client));
	const struct http_curl_options options = {.max_connections = 4,
	                                          .max_host_connections = 4,
	                                          .connect_timeout_ms = CALL_MS,
	                                          .max_idle_s = 60,
	                                          .max_life_s = 300,
	                                          .lookup = uv_getaddrinfo};

	assert_non_null(client);
	vendor_start(&client->vendor);
	assert_int_equal(uv_loop_init(&client->loop), 0);
	assert_int_equal(uv_timer_init(&client->loop, &client->alive), 0);
	assert_int_equal(http_curl_new(&client->loop, &options, &client->http, NULL), ERR_OK);
	*state = client;
	return 0;
}

static int teardown(void **state)
{
	struct client *client = *state;

	assert_int_equal(http_curl_in_flight(client->http), 0);
	http_curl_close(client->http);
	uv_close((uv_handle_t *)&client->alive, NULL);
	while (uv_run(&client->loop, UV_RUN_DEFAULT) != 0)
		continue;
	assert_int_equal(uv_loop_close(&client->loop), 0); /* nothing is left behind */
	vendor_end(&client->vendor);
	free(client);
	return 0;
}

/* ---- the cases ---- */

static void break_in_request(struct client *client, const struct variant *variant)
{
	/* the whole request is some 140 bytes; what is beyond its end is a vendor that reads it all and says nothing */
	for (int bytes = 0; bytes < 190; bytes += 2) {
		struct call victim = run_case(client, variant, (struct plan){.request_bytes = bytes});
		assert_false(victim.ok);
		assert_int_equal(victim.failure, FAILURE_RESET);
	}
}

static void vendor_that_breaks_off_in_the_request_has_got_it_once(void **state)
{
	struct client *client = *state;

	for_variants(client, break_in_request);
	assert_true(client->cases >= 700);
}

static void break_in_answer(struct client *client, const struct variant *variant, const char *answer)
{
	int whole = (int)strlen(answer), head = (int)(strstr(answer, "\r\n\r\n") - answer) + 4;

	for (int bytes = 0; bytes < whole; bytes++) {
		const struct plan plan = {.request_bytes = ALL, .answer_bytes = bytes, .answer = answer};
		struct call victim = run_case(client, variant, plan);
		if (victim.ok && victim.whole && bytes == whole - 1)
			continue; /* only the line feed after the last chunk is missing: nothing of the answer */
		if (victim.ok)
			fail_msg("an answer of %d of %d bytes was taken for one", bytes, whole);
		if (victim.failure != FAILURE_RESET && (bytes == 0 || victim.failure != FAILURE_GARBAGE))
			fail_msg("an answer of %d of %d bytes: failure %d", bytes, whole, (int)victim.failure);
		if (bytes >= head && !variant->reset)
			assert_int_equal(victim.failure, FAILURE_GARBAGE); /* the vendor did answer */
	}
}

static void break_in_length(struct client *client, const struct variant *variant)
{
	break_in_answer(client, variant, length_answer);
}

static void break_in_chunks(struct client *client, const struct variant *variant)
{
	break_in_answer(client, variant, chunked_answer);
}

static void answer_of_a_length_that_breaks_off_is_no_answer(void **state)
{
	struct client *client = *state;

	for_variants(client, break_in_length);
	assert_true(client->cases >= 600);
}

static void answer_in_chunks_that_breaks_off_is_no_answer(void **state)
{
	struct client *client = *state;

	for_variants(client, break_in_chunks);
	assert_true(client->cases >= 800);
}

static void close_after_answer(struct client *client, const struct variant *variant)
{
	static const char *const answers[] = {length_answer, chunked_answer};

	for (int i = 0; !variant->reset && i < 10; i++) {
		const char *answer = answers[i % 2];
		const struct plan plan = {.request_bytes = ALL, .answer_bytes = (int)strlen(answer), .answer = answer};
		struct call victim = run_case(client, variant, plan);
		assert_true(victim.ok && victim.whole);
		assert_int_equal(victim.status, 200);
	}
}

static void answer_that_is_whole_counts_though_the_vendor_closes(void **state)
{
	for_variants(*state, close_after_answer);
}

/* The vendor ends the connection right after an answer. The loop looks in between, or once both are there, or the
 * answer can be read as soon as the request is written; and then it turns before the next call, as a worker's does, or
 * not. Where it does not, libcurl fails to write: it then goes on over another connection, five times in a handle's
 * life, and http_curl after that. */
static void die_while_idle(struct client *client, const struct variant *variant)
{
	for (int i = 0; variant->reused && i < 24; i++) {
		struct plan plan = {.nth = 1, .request_bytes = ALL, .answer = length_answer, .reset = variant->reset};
		int before = atomic_load(&client->vendor.victims);
		bool late = i & 1, seen = i & 2;
		struct call prime, victim;

		plan.answer_bytes = (int)strlen(plan.answer);
		client->cases++;
		set_plan(client, &plan);
		begin(client, &prime, "GET", "/prime");
		(late ? finish_late : finish)(client, &prime);
		wait_for_drop(client);
		while (is_connected(client)) /* a busy kernel may deliver it later */
			usleep(20);
		if (seen)
			turn(client, 10); /* in one turn the sockets' own set may not be due yet */
		bool noted = !seen || !is_any_end_unread();
		begin(client, &victim, variant->method, "/victim");
		finish(client, &victim);
		if (!prime.whole || !noted || !victim.whole)
			fail_msg("%s after %s, round %d: the call before %d, noted %d, failure %d, bytes_sent %d",
			         variant->method, variant->reset ? "RST" : "FIN", i, prime.whole, noted,
			         (int)victim.failure, victim.bytes_sent);
		http_request_fini(&prime.request);
		http_request_fini(&victim.request);
		assert_int_equal(atomic_load(&client->vendor.victims) - before, 1);
		run_well(client, "/last");
		wait_for_drop(client);
	}
}

static void connection_that_died_while_idle_costs_no_call(void **state)
{
	struct client *client = *state;

	for_variants(client, die_while_idle);
	assert_int_equal(client->cases, 96);
}

static void nothing_stays_open_after_a_thousand_cases(void **state)
{
	struct client *client = *state;
	const struct variant variant = {"POST", true, true};

	run_well(client, "/last");
	wait_for_drop(client);
	size_t before = open_files();
	for (int i = 0; i < 1000; i++) {
		const struct plan plan = {
		        .request_bytes = i % 2 ? ALL : i % 150, .answer_bytes = i % 80, .answer = length_answer};
		struct call victim = run_case(client, &variant, plan);
		assert_false(victim.ok);
	}
	assert_int_equal(open_files(), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(vendor_that_breaks_off_in_the_request_has_got_it_once),
	        TEST(answer_of_a_length_that_breaks_off_is_no_answer),
	        TEST(answer_in_chunks_that_breaks_off_is_no_answer),
	        TEST(answer_that_is_whole_counts_though_the_vendor_closes),
	        TEST(connection_that_died_while_idle_costs_no_call),
	        TEST(nothing_stays_open_after_a_thousand_cases),
	};
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return 1;
	int failed = cmocka_run_group_tests_name("http_sends", tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
