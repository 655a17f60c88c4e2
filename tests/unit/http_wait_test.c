/* Tests of http_curl: how long to wait, as the vendor says it (Retry-After), and calls that wait for a connection: for
 * a free one, or for one that is not made. */
#include "http_fixture.h"

/* ---- Retry-After (RFC 9110 section 10.2.3) ---- */

static int64_t retry_after_of(struct fixture *fixture, const char *value)
{
	pthread_mutex_lock(&fixture->server.lock);
	snprintf(fixture->server.script, sizeof(fixture->server.script),
	         "HTTP/1.1 429 Slow\r\n%s%s%sContent-Length: 0\r\n\r\n", value ? "Retry-After:" : "",
	         value ? value : "", value ? "\r\n" : "");
	pthread_mutex_unlock(&fixture->server.lock);
	struct exchange *exchange = run(fixture, "GET", "/scripted");
	assert_status(exchange, 429);
	return exchange->result.response.retry_after_ms;
}

static void retry_after_is_read_clamped_and_never_left_over(void **state)
{
	static const struct {
		const char *value;
		int64_t ms;
	} cases[] = {
	        {" 7", 7000},
	        {NULL, 0},
	        {"7", 7000},
	        {"  007 ", 7000},
	        {" 0", 0},
	        {" 3600", RETRY_AFTER_MAX_MS},
	        {" 3601", RETRY_AFTER_MAX_MS},
	        {" 31536000", RETRY_AFTER_MAX_MS},
	        {" 9223372036854775807", RETRY_AFTER_MAX_MS},
	        {"", 0},
	        {" ", 0},
	        {" -5", 0},
	        {" soon", 0},
	        {" seven", 0},
	        {" \xff\xfe", 0},
	        {" Wed, 21 Oct 2015 07:28:00 GMT", 0},
	        {" Wednesday, 21-Oct-15 07:28:00 GMT", 0},
	        {" Wed Oct 21 07:28:00 2015", 0},
	        {" Thu, 01 Jan 1970 00:00:00 GMT", 0},
	        {" Wed, 99 Oct 2015 07:28:00 GMT", 0},
	        {" Fri, 21 Oct 2089 07:28:00 GMT", RETRY_AFTER_MAX_MS},
	        {" Fri Oct 21 07:28:00 2089", RETRY_AFTER_MAX_MS},
	        {NULL, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = retry_after_of(*state, cases[i].value);
		if (ms != cases[i].ms)
			fail_msg("'%s': %ld", cases[i].value, (long)ms);
	}
}

static void retry_after_that_no_number_holds_is_a_long_or_no_wait(void **state)
{
	static const char *const values[] = {" 99999999999999999999999", " 18446744073709551617", " 1e9"};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		int64_t ms = retry_after_of(*state, values[i]);
		if (ms < 0 || ms > RETRY_AFTER_MAX_MS)
			fail_msg("'%s': %ld", values[i], (long)ms);
	}
}

/* The three forms of a date (RFC 9110 section 5.6.7). */
static size_t put_date(int form, const struct tm *parts, char *out, size_t cap)
{
	if (form == 0)
		return strftime(out, cap, " %a, %d %b %Y %H:%M:%S GMT", parts);
	if (form == 1) {
		char day[32], hour[16];
		assert_true(strftime(day, sizeof(day), " %A, %d-%b", parts) > 0);
		assert_true(strftime(hour, sizeof(hour), "%H:%M:%S GMT", parts) > 0);
		return (size_t)snprintf(out, cap, "%s-%02d %s", day, parts->tm_year % 100, hour);
	}
	return strftime(out, cap, " %a %b %e %H:%M:%S %Y", parts);
}

static void retry_after_as_a_date_is_the_time_until_then(void **state)
{
	for (int form = 0; form < 3; form++) {
		char value[64];
		struct tm parts;
		time_t then = time(NULL) + 1000;

		assert_non_null(gmtime_r(&then, &parts));
		assert_true(put_date(form, &parts, value, sizeof(value)) > 0);
		int64_t ms = retry_after_of(*state, value);
		if (ms > 1000 * 1000 || ms < 900 * 1000)
			fail_msg("'%s': %ld", value, (long)ms);
	}
}

/* ---- waiting for a connection ---- */

static void deadline_also_ends_a_call_that_waits_for_a_connection(void **state)
{
	struct fixture *fixture = *state;
	struct exchange *first = begin(fixture, "GET", "/slow", 2000);
	run_for(fixture, 30);
	struct exchange *second = begin(fixture, "GET", "/ok", 80);

	run_until(fixture, 1);
	assert_int_equal(first->done, 0);
	assert_failed(second, FAILURE_TIMEOUT, false);
	assert_string_equal(second->result.detail, "no free connection in time");
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
	assert_int_equal(server_count(&fixture->server, &fixture->server.connections), 1);
}

static void connection_that_is_free_goes_to_whoever_waits_for_any_host(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 40; i++) {
		struct exchange *exchange = NULL;
		char url[64];

		snprintf(url, sizeof(url), "http://%s:%d/ok", i % 2 ? "127.0.0.1" : "localhost", fixture->server.port);
		assert_int_equal(begin_url(fixture, "GET", url, 20000, &exchange), ERR_OK);
	}
	run_until(fixture, 40);
	for (int i = 0; i < 40; i++)
		assert_status(&fixture->exchanges[i], 200);
	assert_true(server_count(&fixture->server, &fixture->server.connections) <= 2); /* one a host, one at a time */
}

static void cancelled_call_leaves_its_connection_to_the_next(void **state)
{
	struct fixture *fixture = *state;
	struct exchange *first = begin(fixture, "GET", "/slow", 20000);
	struct exchange *second = begin(fixture, "GET", "/ok", 20000);

	run_for(fixture, 20);
	http_curl_cancel(fixture->http, first->call);
	run_until(fixture, 1);
	assert_status(second, 200);
}

/* A port on loopback at which connecting takes for ever: as many wait there to be accepted as may. */
static int deaf_port(int *ret_fds, int count)
{
	int port = 0;

	ret_fds[0] = loopback_bind(SOCK_NONBLOCK, &port);
	assert_int_equal(listen(ret_fds[0], 0), 0);
	for (int i = 1; i < count; i++) {
		struct sockaddr_in address = {.sin_family = AF_INET,
		                              .sin_port = htons((uint16_t)port),
		                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		ret_fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(ret_fds[i], (struct sockaddr *)&address, sizeof(address));
	}
	return port;
}

/* libcurl 7.88 closes such a socket behind our back; its number then comes again for the next one. */
static void call_that_ends_while_it_connects_disturbs_no_other(void **state)
{
	struct fixture *fixture = *state;
	struct exchange *exchange = NULL;
	int fds[4];
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/ok", deaf_port(fds, 4));
	for (int i = 0; i < 10; i++) {
		assert_int_equal(begin_url(fixture, "GET", url, i % 2 ? 20 : 20000, &exchange), ERR_OK);
		run_for(fixture, i % 3 ? 10 : 0);
		if (i % 2) {
			run_until(fixture, fixture->done + (exchange->done == 0));
			assert_failed(exchange, FAILURE_TIMEOUT, false);
			assert_string_equal(exchange->result.detail, "no connection in time");
		} else {
			http_curl_cancel(fixture->http, exchange->call);
		}
		for (int n = 0; n < 3; n++)
			begin(fixture, "POST", "/ok-then-close", 20000);
		run_until(fixture, fixture->done + 3);
		for (size_t n = fixture->used - 3; n < fixture->used; n++)
			assert_status(&fixture->exchanges[n], 200);
	}
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

/* The loop was busy for so long that connecting begins and the time is over in the same turn: the socket is gone before
 * libuv has begun to watch it. */
static void call_that_ends_as_it_begins_to_connect_disturbs_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct exchange *exchange = NULL;
	int fds[4];
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/ok", deaf_port(fds, 4));
	for (int i = 0; i < 10; i++) {
		assert_int_equal(begin_url(fixture, "GET", url, 5, &exchange), ERR_OK);
		uv_sleep(10);
		run_until(fixture, fixture->done + 1);
		assert_failed(exchange, FAILURE_TIMEOUT, false);
		run_for(fixture, 1);
		assert_status(run(fixture, "GET", "/ok"), 200);
	}
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

#define TEST(name)                       cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_ONE_CONNECTION(name)        cmocka_unit_test_setup_teardown(name, setup_one_connection, teardown)
#define TEST_ONE_CONNECTION_A_HOST(name) cmocka_unit_test_setup_teardown(name, setup_one_connection_a_host, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(retry_after_is_read_clamped_and_never_left_over),
	        TEST(retry_after_that_no_number_holds_is_a_long_or_no_wait),
	        TEST(retry_after_as_a_date_is_the_time_until_then),
	        TEST_ONE_CONNECTION(deadline_also_ends_a_call_that_waits_for_a_connection),
	        TEST_ONE_CONNECTION_A_HOST(deadline_also_ends_a_call_that_waits_for_a_connection),
	        TEST_ONE_CONNECTION(waiting_call_goes_on_when_a_connection_is_free),
	        TEST_ONE_CONNECTION_A_HOST(waiting_call_goes_on_when_a_connection_is_free),
	        TEST_ONE_CONNECTION(connection_that_is_free_goes_to_whoever_waits_for_any_host),
	        TEST_ONE_CONNECTION(cancelled_call_leaves_its_connection_to_the_next),
	        TEST(call_that_ends_while_it_connects_disturbs_no_other),
	        TEST(call_that_ends_as_it_begins_to_connect_disturbs_nothing),
	};
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return 1;
	int failed = cmocka_run_group_tests_name("http_wait", tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
