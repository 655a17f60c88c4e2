/* Tests of http_curl over TLS: whom it trusts, that sessions are resumed, and tunnels through a proxy. */
#include "http_tls_fixture.h"

/* One call to a server of this shape, with its own certificate trusted or the system's. */
static void run_against(const struct tls_shape *shape, bool trusted, enum failure failure, const char *detail)
{
	struct tls_server server;
	struct tls_client client;

	tls_start(&server, shape);
	struct http_curl_options options = tls_options(trusted ? &server : NULL);
	tls_client_start(&client, &options);
	struct tls_call *call = tls_run(&client, server.listener.port);
	if (detail)
		tls_assert_failed(call, failure, detail);
	else
		tls_assert_ok(call);
	assert_int_equal(atomic_load(&server.requests), detail ? 0 : 1);
	tls_client_end(&client);
	tls_end(&server);
}

static void certificate_of_the_ca_file_is_trusted(void **state)
{
	(void)state;
	run_against(&tls_good, true, FAILURE_COUNT, NULL);
}

static void unknown_certificate_is_a_tls_failure(void **state)
{
	(void)state;
	run_against(&tls_good, false, FAILURE_TLS, "the certificate is not trusted");
}

static void certificate_for_another_host_is_a_tls_failure(void **state)
{
	const struct tls_shape other = {"other.test", -1, 30, 0};

	(void)state;
	run_against(&other, true, FAILURE_TLS, "the certificate is not trusted");
}

static void certificate_that_is_over_is_a_tls_failure(void **state)
{
	const struct tls_shape over = {TLS_NAME, -30, -1, 0}, early = {TLS_NAME, 1, 30, 0};

	(void)state;
	run_against(&over, true, FAILURE_TLS, "the certificate is not trusted");
	run_against(&early, true, FAILURE_TLS, "the certificate is not trusted");
}

static void tls_1_2_works_and_1_1_does_not(void **state)
{
	const struct tls_shape tls_1_2 = {TLS_NAME, -1, 30, TLS1_2_VERSION},
	                       tls_1_1 = {TLS_NAME, -1, 30, TLS1_1_VERSION};

	(void)state;
	run_against(&tls_1_2, true, FAILURE_COUNT, NULL);
	run_against(&tls_1_1, true, FAILURE_TLS, "the TLS handshake failed");
}

/* A server that says nothing. */
static void wait_for_end(void *ctx, int fd)
{
	char byte;

	(void)ctx;
	while (recv(fd, &byte, 1, 0) > 0)
		continue;
}

/* Each call has a handle that has made no connection yet: the one before it waits for a server that says nothing. */
static void run_with_new_handles(struct tls_client *client, const struct tls_server *server, int count)
{
	struct listener silent;
	char url[64];

	listener_start(&silent, wait_for_end, NULL);
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", silent.port);
	for (int n = 0; n < count; n++) {
		tls_assert_ok(tls_run(client, server->listener.port));
		(void)tls_begin_url(client, url, TLS_CALL_MS, false);
	}
	http_curl_close(client->http);
	client->http = NULL;
	while (uv_run(&client->loop, UV_RUN_DEFAULT) != 0)
		continue;
	listener_end(&silent);
}

static void session_is_resumed_on_the_next_connection_of_any_handle(void **state)
{
	static const int versions[] = {0, TLS1_2_VERSION};

	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		const struct tls_shape shape = {TLS_NAME, -1, 30, versions[i]};
		struct tls_server server;
		struct tls_client client;

		tls_start(&server, &shape);
		struct http_curl_options options = tls_options(&server);
		tls_client_start(&client, &options);
		run_with_new_handles(&client, &server, 5);
		assert_int_equal(lookup_count, 1); /* the name is known after the first */
		assert_int_equal(atomic_load(&server.handshakes), 5);
		assert_int_equal(atomic_load(&server.resumed), 4);
		tls_client_end(&client);
		tls_end(&server);
	}
}

static void ca_file_without_a_certificate_is_refused(void **state)
{
	static const char *const contents[] = {"", "no certificate\n",
	                                       "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
	struct err err = {ERR_OK, ""};

	(void)state;
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		char path[CERT_PATH_BYTES];
		struct buf content;

		buf_init(&content, CERT_FILE_MAX_BYTES);
		assert_int_equal(buf_append_str(&content, contents[i]), ERR_OK);
		cert_file(&content, path);
		assert_int_equal(http_curl_check_ca(path, &err), ERR_INVALID);
		assert_true(strlen(err.msg) > 0);
		assert_int_equal(unlink(path), 0);
		buf_fini(&content);
	}
	assert_int_equal(http_curl_check_ca("/nonexistent", &err), ERR_INVALID);
	assert_int_equal(http_curl_check_ca(NULL, &err), ERR_OK); /* the system's */
}

/* ---- through a proxy ---- */

struct tunnel {
	struct tls_server server;
	struct proxy proxy;
	struct tls_client client;
	char url[128];
};

static void tunnel_start(struct tunnel *tunnel, const char *answer, const char *user, const char *host)
{
	tls_start(&tunnel->server, &tls_good);
	proxy_start(&tunnel->proxy, tunnel->server.listener.port, answer);
	struct http_curl_options options = tls_options(&tunnel->server);
	snprintf(tunnel->url, sizeof(tunnel->url), "http://%s%s:%d", user, host, tunnel->proxy.listener.port);
	options.proxy = tunnel->url;
	tls_client_start(&tunnel->client, &options);
}

static void tunnel_end(struct tunnel *tunnel)
{
	tls_client_end(&tunnel->client);
	listener_end(&tunnel->proxy.listener);
	tls_end(&tunnel->server);
}

static bool proxy_saw(const struct tunnel *tunnel, const char *text)
{
	return memmem(tunnel->proxy.seen, tunnel->proxy.seen_len, text, strlen(text)) != NULL;
}

#define PROXY_OPENS "HTTP/1.1 200 Connection established\r\n\r\n"

static void tunnel_shows_the_proxy_nothing_but_the_host(void **state)
{
	struct tunnel *tunnel = calloc(1, sizeof(*tunnel));

	(void)state;
	assert_non_null(tunnel);
	tunnel_start(tunnel, PROXY_OPENS, "", "127.0.0.1");
	tls_assert_ok(tls_run(&tunnel->client, 443));
	assert_int_equal(lookup_count, 0); /* the proxy finds the vendor */
	tls_assert_ok(tls_run(&tunnel->client, 443));
	tunnel_end(tunnel);
	assert_non_null(strstr(tunnel->proxy.seen, "CONNECT " TLS_NAME ":443 HTTP/1.1\r\n"));
	assert_false(proxy_saw(tunnel, "hidden"));
	assert_false(proxy_saw(tunnel, TLS_SECRET));
	assert_false(proxy_saw(tunnel, "Proxy-Authorization"));
	assert_int_equal(atomic_load(&tunnel->server.requests), 2);
	free(tunnel);
}

static void proxys_password_goes_to_the_proxy_only(void **state)
{
	struct tunnel *tunnel = calloc(1, sizeof(*tunnel));

	(void)state;
	assert_non_null(tunnel);
	tunnel_start(tunnel, PROXY_OPENS, "u:p%40ss@", "127.0.0.1");
	tls_assert_ok(tls_run(&tunnel->client, 443));
	tunnel_end(tunnel);
	assert_true(proxy_saw(tunnel, "\r\nProxy-Authorization: Basic dTpwQHNz\r\n"));
	free(tunnel);
}

static void proxys_name_is_what_is_looked_up(void **state)
{
	struct tunnel *tunnel = calloc(1, sizeof(*tunnel));

	(void)state;
	assert_non_null(tunnel);
	tunnel_start(tunnel, PROXY_OPENS, "", "proxy.test");
	struct tls_call *failed = tls_begin(&tunnel->client, 443);
	assert_string_equal(lookups[0].name, "proxy.test");
	lookup_answer(NULL);
	tls_assert_failed(tls_finish(&tunnel->client, failed), FAILURE_CONNECT, "the proxy's name was not found");
	while (lookups_open() == 0) { /* after a while it is looked up again */
		struct tls_call *call = tls_begin(&tunnel->client, 443);
		if (lookups_open() == 0)
			tls_assert_failed(tls_finish(&tunnel->client, call), FAILURE_CONNECT,
			                  "the proxy's name was not found");
		uv_sleep(50);
		uv_update_time(&tunnel->client.loop);
	}
	lookup_answer("127.0.0.1");
	tls_assert_ok(tls_finish(&tunnel->client, &tunnel->client.calls[tunnel->client.used - 1]));
	assert_int_equal(lookup_count, 2);
	tunnel_end(tunnel);
	free(tunnel);
}

static void proxy_that_refuses_is_no_connection_and_nothing_sent(void **state)
{
	static const struct {
		const char *answer, *detail;
	} cases[] = {
	        {"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: "
	         "close\r\n\r\n",
	         "the proxy refused the connection"},
	        {"HTTP/1.1 403 No\r\nRetry-After: 99\r\nContent-Length: 2\r\n\r\nno",
	         "the proxy refused the connection"},
	        {"HTTP/1.1 502 Bad\r\n\r\n", "the proxy refused the connection"},
	        {"", NULL},
	        {"SSH-2.0-OpenSSH_9.2\r\n\r\n", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tunnel *tunnel = calloc(1, sizeof(*tunnel));

		assert_non_null(tunnel);
		tunnel_start(tunnel, cases[i].answer, "u:p@", "127.0.0.1");
		struct tls_call *call = tls_run(&tunnel->client, 443);
		assert_false(call->result.ok);
		assert_false(call->result.bytes_sent);
		if (call->result.failure != FAILURE_CONNECT && call->result.failure != FAILURE_GARBAGE)
			fail_msg("case %zu: failure %d", i, (int)call->result.failure);
		if (cases[i].detail)
			assert_string_equal(call->result.detail, cases[i].detail);
		assert_int_equal(atomic_load(&tunnel->server.requests), 0);
		tunnel_end(tunnel);
		free(tunnel);
	}
}

static void loopback_is_reached_without_the_proxy(void **state)
{
	struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
	char url[64];

	(void)state;
	assert_non_null(tunnel);
	tunnel_start(tunnel, PROXY_OPENS, "", "127.0.0.1");
	snprintf(url, sizeof(url), "https://localhost:%d/", tunnel->server.listener.port);
	struct tls_call *call = tls_finish(&tunnel->client, tls_begin_url(&tunnel->client, url, TLS_CALL_MS, false));
	assert_string_equal(call->result.detail,
	                    "the certificate is not trusted"); /* it is for TLS_NAME: so it got there */
	tls_assert_ok(tls_run(&tunnel->client, 443));          /* and the same handles go through the proxy again */
	tunnel_end(tunnel);
	assert_int_equal(atomic_load(&tunnel->proxy.listener.connections), 1);
	free(tunnel);
}

static void unusable_proxy_is_refused_at_start(void **state)
{
	static const char *const proxies[] = {"proxy:3128", "http://", "http://127.1:80", "http://a b:80", "http://u@"};
	uv_loop_t loop;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++) {
		struct http_curl_options options = tls_options(NULL);
		struct http_curl *http = NULL;

		options.proxy = proxies[i];
		if (http_curl_new(&loop, &options, &http, NULL) != ERR_INVALID)
			fail_msg("accepted: %s", proxies[i]);
		assert_null(http);
		assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
	}
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(certificate_of_the_ca_file_is_trusted),
	        cmocka_unit_test(unknown_certificate_is_a_tls_failure),
	        cmocka_unit_test(certificate_for_another_host_is_a_tls_failure),
	        cmocka_unit_test(certificate_that_is_over_is_a_tls_failure),
	        cmocka_unit_test(tls_1_2_works_and_1_1_does_not),
	        cmocka_unit_test(session_is_resumed_on_the_next_connection_of_any_handle),
	        cmocka_unit_test(ca_file_without_a_certificate_is_refused),
	        cmocka_unit_test(tunnel_shows_the_proxy_nothing_but_the_host),
	        cmocka_unit_test(proxys_password_goes_to_the_proxy_only),
	        cmocka_unit_test(proxys_name_is_what_is_looked_up),
	        cmocka_unit_test(proxy_that_refuses_is_no_connection_and_nothing_sent),
	        cmocka_unit_test(loopback_is_reached_without_the_proxy),
	        cmocka_unit_test(unusable_proxy_is_refused_at_start),
	};
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return 1;
	int failed = cmocka_run_group_tests_name("http_tls", tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
