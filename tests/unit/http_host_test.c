/* Tests of hosts and their names, through http_curl: one lookup for all, what becomes of calls whose name is not found,
 * addresses that are refused, and how many hosts there may be. */
#include "http_tls_fixture.h"
#include "workers/http_host.h"

#define NOT_FOUND  "the host's name was not found"
#define NOT_PUBLIC "the address is not a public one"

struct fixture {
	struct tls_server server;
	struct tls_client client;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	tls_start(&fixture->server, &tls_good);
	struct http_curl_options options = tls_options(&fixture->server);
	tls_client_start(&fixture->client, &options);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	tls_client_end(&fixture->client);
	tls_end(&fixture->server);
	free(fixture);
	return 0;
}

/* ---- names ---- */

static void calls_to_a_name_wait_for_one_lookup(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 20; i++)
		tls_begin(&fixture->client, fixture->server.listener.port);
	assert_int_equal(lookup_count, 1);
	assert_string_equal(lookups[0].name, TLS_NAME);
	lookup_answer("127.0.0.1");
	tls_run_until(&fixture->client, 20);
	for (int i = 0; i < 20; i++)
		tls_assert_ok(&fixture->client.calls[i]);
	assert_int_equal(lookup_count, 1);
	assert_int_equal(atomic_load(&fixture->server.requests), 20);
}

static void calls_to_a_name_that_is_not_found_fail_with_nothing_sent(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 10; i++)
		tls_begin(&fixture->client, 443);
	lookup_answer(NULL);
	tls_run_until(&fixture->client, 10);
	for (int i = 0; i < 10; i++)
		tls_assert_failed(&fixture->client.calls[i], FAILURE_CONNECT, NOT_FOUND);
	/* not asked again at once, and not told from inside the call that starts it */
	tls_assert_failed(tls_finish(&fixture->client, tls_begin(&fixture->client, 443)), FAILURE_CONNECT, NOT_FOUND);
	assert_int_equal(lookup_count, 1);
}

static void name_that_takes_too_long_is_a_timeout_with_nothing_sent(void **state)
{
	struct fixture *fixture = *state;
	struct tls_call *call = tls_begin_url(&fixture->client, "https://" TLS_NAME "/", 30, false);

	tls_assert_failed(tls_finish(&fixture->client, call), FAILURE_TIMEOUT,
	                  "the host's name was not looked up in time");
	lookup_answer("127.0.0.1"); /* too late, and for nobody */
	tls_assert_ok(tls_run(&fixture->client, fixture->server.listener.port));
}

static void call_that_waits_for_a_name_may_be_cancelled(void **state)
{
	struct fixture *fixture = *state;
	struct tls_call *gone = tls_begin(&fixture->client, fixture->server.listener.port);
	struct tls_call *other = tls_begin(&fixture->client, fixture->server.listener.port);

	http_curl_cancel(fixture->client.http, gone->call);
	lookup_answer("127.0.0.1");
	tls_assert_ok(tls_finish(&fixture->client, other));
	assert_int_equal(gone->done, 0);
}

static void port_may_be_closed_while_a_name_is_looked_up(void **state)
{
	struct fixture *fixture = *state;
	struct tls_call *waiting = tls_begin(&fixture->client, 443);

	http_curl_close(fixture->client.http);
	fixture->client.http = NULL;
	while (uv_run(&fixture->client.loop, UV_RUN_NOWAIT) != 0)
		continue;
	lookup_answer("127.0.0.1");
	assert_int_equal(waiting->done, 0);
}

static void start_another(void *ctx, const struct http_result *result)
{
	struct tls_call *call = ctx;

	tls_on_done(ctx, result);
	tls_begin(call->client, 443);
}

static void call_started_when_a_name_was_not_found_fails_too(void **state)
{
	struct fixture *fixture = *state;
	struct tls_call *first = tls_begin(&fixture->client, 443);

	http_curl_cancel(fixture->client.http, first->call);
	assert_int_equal(
	        http_curl_start(fixture->client.http, &first->request, start_another, first, &first->call, NULL),
	        ERR_OK);
	lookup_answer(NULL);
	tls_run_until(&fixture->client, 2);
	tls_assert_failed(&fixture->client.calls[1], FAILURE_CONNECT, NOT_FOUND);
}

static void address_that_does_not_answer_is_followed_by_the_next(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 5; i++) {
		struct tls_call *call = tls_begin(&fixture->client, fixture->server.listener.port);
		if (lookups_open() > 0)
			lookup_answer("127.0.0.7,127.0.0.1"); /* nobody listens at the first */
		tls_assert_ok(tls_finish(&fixture->client, call));
	}
}

static void changed_address_is_used_for_new_connections(void **state)
{
	struct fixture *fixture = *state;
	struct tls_client *client = &fixture->client;
	int port = fixture->server.listener.port;
	struct tls_call *call = tls_begin(client, port);

	client->loop.time -=
	        HTTP_NAME_FRESH_MS; /* until the loop looks at the clock again: the answer is old at once */
	lookup_answer("127.0.0.7");
	tls_assert_failed(tls_finish(client, call), FAILURE_CONNECT, "no connection");
	call = tls_begin(client, port);
	assert_int_equal(lookup_count, 2);
	tls_assert_failed(tls_finish(client, call), FAILURE_CONNECT, "no connection"); /* the old one meanwhile */
	lookup_answer("127.0.0.1");
	for (int i = 0; i < 3; i++)
		tls_assert_ok(tls_finish(client, tls_begin(client, port)));
	assert_int_equal(lookup_count, 2);
}

static void addresses_and_localhost_are_not_looked_up(void **state)
{
	struct fixture *fixture = *state;
	static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		char url[64];
		snprintf(url, sizeof(url), "https://%s:%d/", hosts[i], fixture->server.listener.port);
		(void)tls_finish(&fixture->client, tls_begin_url(&fixture->client, url, TLS_CALL_MS, false));
	}
	assert_int_equal(lookup_count, 0);
	assert_int_equal(atomic_load(&fixture->server.listener.connections), 2); /* it does not listen on [::1] */
}

/* ---- URLs from outside ---- */

static void foreign_url_does_not_reach_an_address_that_is_not_public(void **state)
{
	struct fixture *fixture = *state;
	static const char *const hosts[] = {
	        "127.0.0.1", "127.9.9.9",         "localhost",      "[::1]",     "[::ffff:127.0.0.1]",
	        "10.0.0.1",  "169.254.169.254",   "[fd00::1]",      "[fe80::1]", "0.0.0.0",
	        "[::]",      "[64:ff9b::7f00:1]", "[2002:7f00:1::]"};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		char url[64];
		snprintf(url, sizeof(url), "https://%s:%d/", hosts[i], fixture->server.listener.port);
		struct tls_call *call = tls_begin_url(&fixture->client, url, TLS_CALL_MS, true);
		tls_assert_failed(tls_finish(&fixture->client, call), FAILURE_REFUSED, NOT_PUBLIC);
	}
	assert_int_equal(atomic_load(&fixture->server.listener.connections), 0);
}

static void foreign_name_does_not_lead_to_an_address_that_is_not_public(void **state)
{
	struct fixture *fixture = *state;
	static const char *const answers[] = {"127.0.0.1", "10.0.0.1,192.168.0.1", "::1", "::ffff:127.0.0.1"};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		char url[64];
		snprintf(url, sizeof(url), "https://n%zu." TLS_NAME ":%d/", i, fixture->server.listener.port);
		struct tls_call *call = tls_begin_url(&fixture->client, url, TLS_CALL_MS, true);
		lookup_answer(answers[i]);
		tls_assert_failed(tls_finish(&fixture->client, call), FAILURE_REFUSED, NOT_PUBLIC);
	}
	assert_int_equal(atomic_load(&fixture->server.listener.connections), 0);
}

static void foreign_url_does_not_use_a_connection_that_settings_made(void **state)
{
	struct fixture *fixture = *state;
	struct tls_client *client = &fixture->client;
	char url[64];

	atomic_store(&fixture->server.keeps, true);
	tls_assert_ok(tls_run(client, fixture->server.listener.port));
	tls_assert_ok(tls_run(client, fixture->server.listener.port));
	assert_int_equal(atomic_load(&fixture->server.listener.connections), 1); /* which is kept */
	snprintf(url, sizeof(url), "https://" TLS_NAME ":%d/", fixture->server.listener.port);
	struct tls_call *call = tls_begin_url(client, url, TLS_CALL_MS, true);
	lookup_answer("127.0.0.1");
	tls_assert_failed(tls_finish(client, call), FAILURE_REFUSED, NOT_PUBLIC);
	assert_int_equal(atomic_load(&fixture->server.requests), 2);
}

/* ---- how many ---- */

static void more_hosts_than_allowed_are_refused_while_all_are_called(void **state)
{
	struct fixture *fixture = *state;
	struct tls_client *client = &fixture->client;
	struct tls_call *call = NULL;
	char url[64];

	for (int i = 0; i < HTTP_MAX_HOSTS + 1; i++) {
		snprintf(url, sizeof(url), "https://h%d.test/", i);
		enum err_code code = tls_try(client, url, TLS_CALL_MS, i % 2, &call);
		assert_int_equal(code, i < HTTP_MAX_HOSTS ? ERR_OK : ERR_LIMIT);
	}
	http_curl_cancel(client->http, client->calls[1].call); /* one from outside: it may be forgotten now */
	assert_int_equal(tls_try(client, url, TLS_CALL_MS, false, &call), ERR_OK);
}

static void any_number_of_foreign_hosts_may_be_called_in_turn(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 3 * HTTP_MAX_HOSTS; i++) {
		char url[64];
		snprintf(url, sizeof(url), "https://h%d.test/", i);
		struct tls_call *call = tls_begin_url(&fixture->client, url, TLS_CALL_MS, true);
		lookup_answer(NULL);
		tls_assert_failed(tls_finish(&fixture->client, call), FAILURE_CONNECT, NOT_FOUND);
	}
}

/* Two calls over one connection. */
static void start_keeping(struct fixture *fixture, int max_idle_s, int max_life_s)
{
	tls_start(&fixture->server, &tls_good);
	atomic_store(&fixture->server.keeps, true);
	struct http_curl_options options = tls_options(&fixture->server);
	options.max_idle_s = max_idle_s;
	options.max_life_s = max_life_s;
	tls_client_start(&fixture->client, &options);
	tls_assert_ok(tls_run(&fixture->client, fixture->server.listener.port));
	tls_assert_ok(tls_run(&fixture->client, fixture->server.listener.port));
	assert_int_equal(atomic_load(&fixture->server.listener.connections), 1);
}

/* Takes more than two seconds: libcurl counts these limits in whole ones. */
static void old_and_idle_connections_are_not_used_again(void **state)
{
	static const int limits[][2] = {{1, 300}, {300, 1}, {300, 300}};
	struct fixture *fixtures = calloc(3, sizeof(*fixtures));

	(void)state;
	assert_non_null(fixtures);
	for (int i = 0; i < 3; i++)
		start_keeping(&fixtures[i], limits[i][0], limits[i][1]);
	uv_sleep(2100);
	for (int i = 0; i < 3; i++) {
		struct fixture *fixture = &fixtures[i];
		uv_update_time(&fixture->client.loop);
		tls_assert_ok(tls_run(&fixture->client, fixture->server.listener.port));
		assert_int_equal(atomic_load(&fixture->server.listener.connections), i < 2 ? 2 : 1);
	}
	for (int i = 0; i < 3; i++) {
		tls_client_end(&fixtures[i].client);
		tls_end(&fixtures[i].server);
	}
	free(fixtures);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(calls_to_a_name_wait_for_one_lookup),
	        TEST(calls_to_a_name_that_is_not_found_fail_with_nothing_sent),
	        TEST(name_that_takes_too_long_is_a_timeout_with_nothing_sent),
	        TEST(call_that_waits_for_a_name_may_be_cancelled),
	        TEST(port_may_be_closed_while_a_name_is_looked_up),
	        TEST(call_started_when_a_name_was_not_found_fails_too),
	        TEST(address_that_does_not_answer_is_followed_by_the_next),
	        TEST(changed_address_is_used_for_new_connections),
	        TEST(addresses_and_localhost_are_not_looked_up),
	        TEST(foreign_url_does_not_reach_an_address_that_is_not_public),
	        TEST(foreign_name_does_not_lead_to_an_address_that_is_not_public),
	        TEST(foreign_url_does_not_use_a_connection_that_settings_made),
	        TEST(more_hosts_than_allowed_are_refused_while_all_are_called),
	        TEST(any_number_of_foreign_hosts_may_be_called_in_turn),
	        cmocka_unit_test(old_and_idle_connections_are_not_used_again),
	};
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return 1;
	int failed = cmocka_run_group_tests_name("http_host", tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
