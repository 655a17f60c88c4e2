/* Tests of http_curl against a raw-socket server that counts what reaches it. */
#include "http_fixture.h"

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
	assert_memory_equal(server_last(&fixture->server), "POST /ok HTTP/1.1\r\n", 19);
	assert_non_null(strstr(server_last(&fixture->server), "\r\nAccept: application/json\r\n"));
	assert_non_null(strstr(server_last(&fixture->server), "\r\nContent-Length: 7\r\n"));
	assert_non_null(strstr(server_last(&fixture->server), "\r\n\r\n{\"q\":1}"));
	assert_null(strcasestr(server_last(&fixture->server), "\r\nExpect"));
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
	assert_string_equal(strstr(server_last(&fixture->server), "\r\n\r\n") + 4, exchange->request.body.data);
}

static void get_after_post_on_the_same_handle_has_no_body(void **state)
{
	struct fixture *fixture = *state;

	assert_status(run(fixture, "POST", "/ok"), 200);
	assert_status(run(fixture, "GET", "/ok"), 200);
	assert_memory_equal(server_last(&fixture->server), "GET /ok HTTP/1.1\r\n", 18);
	assert_null(strcasestr(server_last(&fixture->server), "Content-Length"));
	assert_string_equal(strstr(server_last(&fixture->server), "\r\n\r\n"), "\r\n\r\n");
}

static void connection_is_kept_and_used_again(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 5; i++)
		assert_status(run(fixture, i % 2 ? "GET" : "POST", "/ok"), 200);
	assert_int_equal(server_count(&fixture->server, &fixture->server.connections), 1);
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

/* ---- failures ---- */

static void silence_is_a_timeout_after_sending(void **state)
{
	struct exchange *exchange = begin(*state, "POST", "/slow", 80);

	run_until(*state, 1);
	assert_failed(exchange, FAILURE_TIMEOUT, true);
}

static void refused_connection_is_connect_with_nothing_sent(void **state)
{
	struct fixture *fixture = *state;
	struct exchange *exchange = NULL;
	char url[64];
	int port = 0, fd = loopback_bind(SOCK_NONBLOCK, &port);

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/ok", port);
	assert_int_equal(begin_url(fixture, "POST", url, 3000, &exchange), ERR_OK);
	run_until(fixture, 1);
	assert_failed(exchange, FAILURE_CONNECT, false);
	close(fd);
}

static void server_without_tls_is_a_tls_failure_with_nothing_sent(void **state)
{
	struct fixture *fixture = *state;
	struct exchange *exchange = NULL;
	char url[64];
	int port = 0, fd = loopback_bind(SOCK_NONBLOCK, &port), peer = -1;

	assert_int_equal(listen(fd, 1), 0);
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/ok", port);
	assert_int_equal(begin_url(fixture, "GET", url, 3000, &exchange), ERR_OK);
	for (int i = 0; i < 1000 && peer < 0; i++) {
		uv_run(&fixture->loop, UV_RUN_NOWAIT);
		peer = accept(fd, NULL, NULL);
	}
	assert_true(peer >= 0);
	loopback_send(peer, "HTTP/1.1 400 Bad\r\n\r\n", 20);
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
	assert_int_equal(server_count(&fixture->server, &fixture->server.open), 1);
	int connections = server_count(&fixture->server, &fixture->server.connections);
	assert_failed(run(fixture, method, path), FAILURE_RESET, true);
	run_for(fixture, 30);
	assert_int_equal(server_requests(&fixture->server, path), before + 1);
	assert_int_equal(server_count(&fixture->server, &fixture->server.connections),
	                 connections); /* it did go over the reused one */
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
		assert_true(server_count(&fixture->server, &fixture->server.open) >= 2);
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

static void connections_that_were_all_reset_while_idle_cost_no_call(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 20; i++)
		begin(fixture, "GET", "/ok", 20000);
	run_until(fixture, 20);
	assert_true(server_count(&fixture->server, &fixture->server.open) >= 15);
	assert_status(run(fixture, "GET", "/ok-reset-others"), 200);
	run_for(fixture, 30);
	assert_int_equal(server_count(&fixture->server, &fixture->server.open), 1);
	for (int i = 0; i < 20; i++)
		begin(fixture, i % 2 ? "GET" : "POST", "/ok", 20000);
	run_until(fixture, 41);
	for (size_t i = 21; i < 41; i++)
		assert_status(&fixture->exchanges[i], 200);
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
	assert_true(server_count(&fixture->server, &fixture->server.most_open) <= FIXTURE_CONNECTIONS);
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
	static const char *const refused[] = {"",
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
	                                      "http://127.0.0.1:9/\r\nX: y"};
	struct exchange *exchange = NULL;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (begin_url(*state, "GET", refused[i], 1000, &exchange) != ERR_INVALID)
			fail_msg("accepted: %s", refused[i]);
	assert_int_equal(http_curl_in_flight(((struct fixture *)*state)->http), 0);
	assert_status(run(*state, "GET", "/ok"), 200);
}

#define CA_FILE TEST_SOURCE_DIR "/pytest.ini" /* any that is there */

static void a_workers_options_are_its_settings_and_its_own_limits(void **state)
{
	char *environment[] = {"VERIFYD_KAFKA_BROKERS=127.0.0.1:1",
	                       "VERIFYD_REDIS_URL=redis://127.0.0.1:1",
	                       "VERIFYD_ID_KEY=0123456789abcdef0123456789abcdef",
	                       "VERIFYD_SEAL_KEYS=k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	                       "VERIFYD_VENDOR_PROXY=http://127.0.0.1:3128",
	                       "VERIFYD_VENDOR_CA_FILE=" CA_FILE,
	                       NULL};
	struct config *config = NULL;
	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		assert_int_equal(config_load(CONFIG_WORKER, environment, stderr, &config), ERR_OK);
		const struct http_curl_options options = http_curl_settings(config, 7, 3);
		assert_int_equal(options.max_connections, 7);
		assert_int_equal(options.max_host_connections, 3);
		assert_true(options.connect_timeout_ms > 0 && options.max_idle_s > 0);
		assert_true(options.max_idle_s < options.max_life_s);
		assert_ptr_equal(options.lookup, uv_getaddrinfo);
		if (plain)
			assert_true(!options.proxy && !options.ca_file);
		else
			assert_true(strcmp(options.proxy, "http://127.0.0.1:3128") == 0 &&
			            strcmp(options.ca_file, CA_FILE) == 0);
		config_free(config);
		environment[4] = NULL;
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
	        TEST(silence_is_a_timeout_after_sending),
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
	        TEST(connections_that_were_all_reset_while_idle_cost_no_call),
	        TEST(many_calls_at_once_keep_to_the_limit_of_connections),
	        TEST(cancelled_call_is_silent_and_others_go_on),
	        TEST(close_ends_what_is_open_silently),
	        TEST(callback_may_close),
	        TEST(callback_may_start_another_call),
	        TEST(refuses_urls_that_are_not_https_or_loopback),
	        cmocka_unit_test(a_workers_options_are_its_settings_and_its_own_limits),
	};
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return 1;
	int failed = cmocka_run_group_tests_name("http_curl", tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
