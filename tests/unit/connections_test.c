/* connections: who takes too long in which stage is cut off, in time; a held caller that leaves is noticed; addresses
 * have their limits. Over socket pairs; times are short, and only lower bounds of waiting depend on them. */
#include "common/base/clock.h"
#include "ingress/connections.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { AWAIT_MS = 10000, SHORT_MS = 300, LONG_MS = 60000, LIMIT = 8, CAPACITY = 10 };

static struct metrics *metrics;

struct link {
	int ours, callers;
	struct connection *connection;
};

static struct connections_options options_of(void)
{
	return (struct connections_options){
	        .limit = LIMIT,
	        .capacity = CAPACITY,
	        .time_ms = {LONG_MS, LONG_MS, LONG_MS, 0, LONG_MS},
	        .metrics = metrics,
	};
}

static struct connections *new_connections(const struct connections_options *options)
{
	struct connections *connections = NULL;
	assert_int_equal(connections_new(options, &connections), ERR_OK);
	return connections;
}

static struct link open_link(struct connections *connections, const struct sockaddr *peer)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	return (struct link){fds[0], fds[1], connections_opened(connections, fds[0], peer)};
}

static void close_link(struct connections *connections, struct link *link)
{
	connections_closed(connections, link->connection);
	close(link->ours);
	if (link->callers >= 0)
		close(link->callers);
}

static bool is_cut_off(const struct link *link, int wait_ms)
{
	struct pollfd pollfd = {.fd = link->callers, .events = POLLRDHUP};
	return poll(&pollfd, 1, wait_ms) == 1;
}

static bool has_left(const struct link *link, int wait_ms)
{
	int64_t until = clock_mono_ms() + wait_ms;
	while (!atomic_load(connection_left(link->connection)) && clock_mono_ms() < until)
		(void)usleep(1000);
	return atomic_load(connection_left(link->connection));
}

static void enter(const struct link *link, enum connection_stage stage)
{
	connection_enter(link->connection, stage, clock_mono_ms());
}

static int64_t ended(const char *labels)
{
	return metric_value(metrics_counter(metrics, "verifyd_connections_ended", labels, ""));
}

static int start(void **state)
{
	(void)state;
	return metrics_new(&metrics) == ERR_OK ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	metrics_free(metrics);
	return 0;
}

static void who_takes_too_long_in_a_stage_is_cut_off_and_nobody_else(void **state)
{
	static const struct {
		enum connection_stage stage;
		const char *labels;
	} rows[] = {
	        {CONNECTION_IDLE, "why=\"idle\""},       {CONNECTION_HEADERS, "why=\"headers\""},
	        {CONNECTION_BODY, "why=\"body\""},       {CONNECTION_ANSWER, "why=\"answer\""},
	        {CONNECTION_LEAVING, "why=\"leaving\""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct connections_options options = options_of();
		options.time_ms[rows[i].stage] = SHORT_MS;
		struct connections *connections = new_connections(&options);
		struct link slow = open_link(connections, NULL), held = open_link(connections, NULL);
		int64_t began = clock_mono_ms();
		enter(&slow, rows[i].stage);
		enter(&held, CONNECTION_HELD);
		assert_true(is_cut_off(&slow, AWAIT_MS));
		assert_true(clock_mono_ms() - began >= SHORT_MS);
		assert_true(connection_is_ended(slow.connection));
		assert_int_equal(ended(rows[i].labels), 1);
		assert_false(is_cut_off(&held, 2 * CONNECTIONS_LOOK_MS));
		assert_int_equal(ended(rows[i].labels), 1); /* once */
		close_link(connections, &slow);
		close_link(connections, &held);
		connections_free(connections);
	}
}

static void who_gets_on_gets_its_time_anew(void **state)
{
	struct connections_options options = options_of();
	(void)state;
	options.time_ms[CONNECTION_HEADERS] = options.time_ms[CONNECTION_BODY] = 8 * CONNECTIONS_LOOK_MS;
	struct connections *connections = new_connections(&options);
	struct link link = open_link(connections, NULL);
	for (int i = 0; i < 6; i++) {
		assert_false(is_cut_off(&link, 2 * CONNECTIONS_LOOK_MS));
		enter(&link, i % 2 ? CONNECTION_HEADERS : CONNECTION_BODY);
	}
	close_link(connections, &link);
	connections_free(connections);
}

static void who_says_again_where_it_is_gains_no_time(void **state)
{
	struct connections_options options = options_of();
	bool cut_off = false;
	(void)state;
	options.time_ms[CONNECTION_HEADERS] = 2 * CONNECTIONS_LOOK_MS;
	struct connections *connections = new_connections(&options);
	struct link link = open_link(connections, NULL);
	for (int64_t until = clock_mono_ms() + AWAIT_MS; !cut_off && clock_mono_ms() < until;) {
		enter(&link, CONNECTION_HEADERS);
		cut_off = is_cut_off(&link, CONNECTIONS_LOOK_MS / 4);
	}
	assert_true(cut_off);
	close_link(connections, &link);
	connections_free(connections);
}

static void a_held_caller_that_leaves_is_noticed_and_only_that_one(void **state)
{
	struct connections_options options = options_of();
	struct connections *connections = new_connections(&options);
	struct link leaves = open_link(connections, NULL), stays = open_link(connections, NULL),
	            half = open_link(connections, NULL), busy = open_link(connections, NULL);
	(void)state;
	enter(&leaves, CONNECTION_HELD);
	enter(&stays, CONNECTION_HELD);
	enter(&half, CONNECTION_HELD);
	enter(&busy, CONNECTION_BODY);
	assert_false(has_left(&leaves, 2 * CONNECTIONS_LOOK_MS));
	close(leaves.callers);
	close(busy.callers);
	leaves.callers = busy.callers = -1;
	(void)shutdown(half.callers, SHUT_WR);
	assert_true(has_left(&leaves, AWAIT_MS));
	assert_true(has_left(&half, AWAIT_MS));
	assert_false(has_left(&stays, 2 * CONNECTIONS_LOOK_MS));
	assert_false(has_left(&busy, 0));
	enter(&leaves, CONNECTION_ANSWER);
	enter(&leaves, CONNECTION_HELD); /* the next call: looked at anew */
	assert_true(has_left(&leaves, AWAIT_MS));
	assert_int_equal(metric_value(metrics_counter(metrics, "verifyd_callers_left", "", "")), 3);
	close_link(connections, &leaves);
	close_link(connections, &stays);
	close_link(connections, &half);
	close_link(connections, &busy);
	connections_free(connections);
}

static const struct sockaddr *address(const char *text)
{
	static struct sockaddr_in6 v6;
	static struct sockaddr_in v4;
	v6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
	v4 = (struct sockaddr_in){.sin_family = AF_INET};
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return (const struct sockaddr *)&v4;
	assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return (const struct sockaddr *)&v6;
}

static void an_address_has_so_many_and_a_proxy_as_many_as_it_likes(void **state)
{
	static const struct {
		const char *address;
		bool good;
	} rows[] = {
	        {"192.0.2.1", true},         {"192.0.2.1", true},       {"::ffff:192.0.2.1", false},
	        {"192.0.2.2", true},         {"2001:db8:1:2::1", true}, {"2001:db8:1:2::2", true},
	        {"2001:db8:1:2:3::", false}, {"2001:db8:1:3::1", true}, {"10.0.0.9", true},
	        {"10.0.0.9", true},          {"10.0.0.9", true},
	};
	enum { ROWS = sizeof rows / sizeof *rows };
	struct connections_options options = options_of();
	struct cidr_list *proxies = NULL;
	struct link links[ROWS];
	(void)state;
	assert_int_equal(cidr_list_new("10.0.0.0/8", &proxies, NULL), ERR_OK);
	options.proxies = proxies;
	options.per_address = 2;
	options.capacity = options.limit = 2 * ROWS;
	struct connections *connections = new_connections(&options);
	for (size_t i = 0; i < ROWS; i++) {
		links[i] = open_link(connections, address(rows[i].address));
		assert_int_equal(connection_is_ended(links[i].connection), !rows[i].good);
		assert_int_equal(is_cut_off(&links[i], 0), !rows[i].good);
	}
	assert_int_equal(ended("why=\"address\""), 2);
	close_link(connections, &links[2]); /* one that was not counted */
	links[2] = open_link(connections, address("192.0.2.1"));
	assert_true(connection_is_ended(links[2].connection));
	close_link(connections, &links[0]);
	links[0] = open_link(connections, address("192.0.2.1"));
	assert_false(connection_is_ended(links[0].connection));
	for (size_t i = 0; i < ROWS; i++)
		close_link(connections, &links[i]);
	connections_free(connections);
	cidr_list_free(proxies);
}

static void beyond_the_limit_it_says_so_and_beyond_its_places_it_takes_none(void **state)
{
	struct connections_options options = options_of();
	struct connections *connections = new_connections(&options);
	struct link links[CAPACITY + 1];
	(void)state;
	for (int i = 0; i <= CAPACITY; i++) {
		links[i] = open_link(connections, NULL);
		assert_int_equal(connections_are_too_many(connections), i >= LIMIT);
		assert_int_equal(links[i].connection != NULL, i < CAPACITY);
	}
	assert_true(is_cut_off(&links[CAPACITY], 0));
	assert_int_equal(ended("why=\"full\""), 1);
	for (int i = 0; i <= CAPACITY; i++)
		close_link(connections, &links[i]);
	assert_false(connections_are_too_many(connections));
	links[0] = open_link(connections, NULL);
	assert_non_null(links[0].connection);
	close_link(connections, &links[0]);
	connections_free(connections);
}

static void near_the_limit_slow_ones_have_a_tenth_of_their_time(void **state)
{
	struct connections_options options = options_of();
	struct link links[LIMIT];
	(void)state;
	options.time_ms[CONNECTION_HEADERS] = 10 * SHORT_MS;
	struct connections *connections = new_connections(&options);
	int64_t began = clock_mono_ms();
	for (int i = 0; i < LIMIT; i++) {
		links[i] = open_link(connections, NULL);
		enter(&links[i], i == 0 ? CONNECTION_BODY : CONNECTION_HEADERS);
	}
	assert_true(is_cut_off(&links[1], AWAIT_MS));
	int64_t took = clock_mono_ms() - began;
	assert_true(took >= SHORT_MS && took < 10 * SHORT_MS);
	assert_false(is_cut_off(&links[0], 0)); /* its request is on the way */
	for (int i = 0; i < LIMIT; i++)
		close_link(connections, &links[i]);
	connections_free(connections);
}

static void it_is_busy_while_a_call_is_held_or_answered(void **state)
{
	static const bool busy[CONNECTION_STAGE_COUNT] = {[CONNECTION_HELD] = true, [CONNECTION_ANSWER] = true};
	struct connections_options options = options_of();
	struct connections *connections = new_connections(&options);
	struct link link = open_link(connections, NULL);
	(void)state;
	for (int stage = 0; stage < CONNECTION_STAGE_COUNT; stage++) {
		enter(&link, (enum connection_stage)stage);
		assert_int_equal(connections_are_busy(connections), busy[stage]);
	}
	close_link(connections, &link);
	assert_false(connections_are_busy(connections)); /* a free place */
	connections_free(connections);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(who_takes_too_long_in_a_stage_is_cut_off_and_nobody_else, start, stop),
	        cmocka_unit_test_setup_teardown(who_gets_on_gets_its_time_anew, start, stop),
	        cmocka_unit_test_setup_teardown(who_says_again_where_it_is_gains_no_time, start, stop),
	        cmocka_unit_test_setup_teardown(who_says_again_where_it_is_gains_no_time, start, stop),
	        cmocka_unit_test_setup_teardown(a_held_caller_that_leaves_is_noticed_and_only_that_one, start, stop),
	        cmocka_unit_test_setup_teardown(an_address_has_so_many_and_a_proxy_as_many_as_it_likes, start, stop),
	        cmocka_unit_test_setup_teardown(beyond_the_limit_it_says_so_and_beyond_its_places_it_takes_none, start,
	                                        stop),
	        cmocka_unit_test_setup_teardown(near_the_limit_slow_ones_have_a_tenth_of_their_time, start, stop),
	        cmocka_unit_test_setup_teardown(it_is_busy_while_a_call_is_held_or_answered, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
