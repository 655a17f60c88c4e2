/* http_wire: how connections and requests end: slow, leaving, lost and too many callers, and what the user cuts. */
#include "tests/unit/http_wire_fixture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <cmocka.h>

enum { SMALL_BUFFER = 4096, MIB = 1024 * 1024, MOST_RUNS = 40 /* in that time; busy ones are thousands */ };

static struct wire_heard heard;

static void hear_anew(int fd, size_t len)
{
	heard.len = 0;
	heard.over = false;
	wire_hear(fd, &heard, len);
}

static void reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1};
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
	assert_int_equal(close(fd), 0);
}

#define LONG_POST(target) "POST " target " HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n"

static void who_sends_on_after_the_answer_reads_it_whole(void **state)
{
	static const struct {
		const char *asked, *told;
	} rows[] = {
	        {LONG_POST("/head"), WIRE_LAST_OK(5, "/head")},
	        {LONG_POST("/body"), WIRE_LAST_OK(5, "/body")},
	        {"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n", WIRE_LAST_OK(5, "/body")},
	        {WIRE_LAST("/a"), WIRE_LAST_OK(2, "/a")},
	        {"NONSENSE\r\n\r\n", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"},
	};
	static char body[MIB];
	(void)state;
	memset(body, 'x', sizeof body);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		wire_start();
		int fd = wire_call();
		wire_say_text(fd, rows[i].asked);
		wire_say(fd, body, sizeof body);
		wire_say(fd, body, sizeof body / 2);
		WIRE_WAIT(world.answered == 1);
		const char *told = wire_last_words(fd);
		assert_memory_equal(told, rows[i].told, strlen(rows[i].told) < 64 ? strlen(rows[i].told) : 64);
		WIRE_WAIT(world.closed == 1);
		assert_int_equal(world.began, 1);
		assert_int_equal(world.ended[HTTP_END_LEAVES], 1);
		wire_stop();
	}
}

static void a_caller_that_leaves_is_waited_for_until_it_has_closed(void **state)
{
	(void)state;
	wire_start();
	int fd = wire_call();
	wire_say_text(fd, WIRE_LAST("/a"));
	hear_anew(fd, WIRE_HEARD_BYTES);
	wire_settle();
	assert_int_equal(world.ended[HTTP_END_LEAVES], 1);
	assert_int_equal(world.closed, 0);
	close(fd);
	WIRE_WAIT(world.closed == 1);
	wire_stop();
}

static void a_request_whose_caller_closes_before_its_end_is_lost_once(void **state)
{
	static const char *const asked[] = {"G", "GET /a HTTP/1.1\r\nHo", LONG_POST("/p"), LONG_POST("/p") "abc",
	                                    "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na"};
	(void)state;
	for (size_t i = 0; i < 2 * (sizeof asked / sizeof *asked); i++) {
		wire_start();
		int fd = wire_call();
		wire_say_text(fd, asked[i / 2]);
		wire_hear_event();
		if (i % 2 == 0)
			assert_int_equal(close(fd), 0);
		else
			reset(fd);
		WIRE_WAIT(world.closed == 1);
		assert_int_equal(world.began, 1);
		assert_int_equal(world.ended[HTTP_END_LOST], 1);
		assert_int_equal(wire_ended_all(), 1);
		wire_stop();
	}
}

static void a_connection_on_which_no_request_began_ends_without_one(void **state)
{
	static const char *const asked[] = {"", "\r", "\r\n", "\r\n\r\n\r"};
	(void)state;
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		wire_start();
		int fd = wire_call();
		wire_say_text(fd, asked[i]);
		wire_settle();
		close(fd);
		WIRE_WAIT(world.closed == 1);
		assert_string_equal(world.log, "");
		wire_stop();
	}
}

static void a_big_answer_reaches_a_slow_reader_while_others_are_served(void **state)
{
	static char big[WIRE_BIG_BYTES];
	(void)state;
	wire_big(big);
	wire_start_with(16, false, NULL, SMALL_BUFFER);
	int slow = wire_connect(SMALL_BUFFER), other = wire_call();
	wire_say_text(slow, WIRE_GET("/big") WIRE_LAST("/b"));
	WIRE_WAIT(world.answered == 1);
	wire_settle();
	assert_int_equal(wire_ended_all(), 0);
	wire_say_text(other, WIRE_LAST("/a"));
	assert_string_equal(wire_last_words(other), WIRE_LAST_OK(2, "/a"));
	assert_int_equal(world.ended[HTTP_END_KEPT], 0);
	const char *told = wire_last_words(slow), *body = strstr(told, "\r\n\r\n") + 4;
	assert_non_null(strstr(told, "Content-Length: 204800\r\n"));
	assert_memory_equal(body, big, sizeof big);
	assert_string_equal(body + sizeof big, WIRE_LAST_OK(2, "/b"));
	assert_int_equal(world.ended[HTTP_END_KEPT], 1);
	wire_stop();
}

static void a_caller_that_goes_in_the_middle_of_its_answer_has_lost_it(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		wire_start_with(16, false, NULL, SMALL_BUFFER);
		int fd = wire_connect(SMALL_BUFFER);
		wire_say_text(fd, WIRE_GET("/big") WIRE_GET("/b"));
		WIRE_WAIT(world.answered == 1);
		hear_anew(fd, 100);
		if (i == 0)
			reset(fd);
		else
			close(fd); /* with something unread */
		WIRE_WAIT(world.closed == 1);
		assert_int_equal(world.ended[HTTP_END_LOST], 1);
		assert_int_equal(world.began, 1);
		wire_stop();
	}
}

static void a_held_call_whose_caller_has_gone_is_answered_to_nobody(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		wire_start();
		int fd = wire_call();
		wire_say_text(fd, WIRE_GET("/held") WIRE_GET("/held"));
		WIRE_WAIT(world.holding == 1);
		if (i == 0)
			close(fd);
		else
			reset(fd);
		wire_hear_event();
		assert_int_equal(world.closed, 0);
		wire_resume();
		WIRE_WAIT(world.closed == 1 || world.holding == 2);
		if (world.holding == 2)
			wire_resume();
		WIRE_WAIT(world.closed == 1);
		assert_int_equal(world.answered, world.began);
		assert_true(i == 0 || world.ended[HTTP_END_LOST] == 1);
		wire_stop();
	}
}

static void a_caller_that_sends_no_more_still_gets_its_answers(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		wire_start();
		int fd = wire_call();
		wire_say_text(fd, WIRE_GET("/held") WIRE_GET("/a"));
		if (i == 0)
			WIRE_WAIT(world.holding == 1);
		assert_int_equal(shutdown(fd, SHUT_WR), 0);
		WIRE_WAIT(world.holding == 1);
		wire_settle();
		wire_resume();
		assert_string_equal(wire_last_words(fd), WIRE_OK(5, "/held") WIRE_OK(2, "/a"));
		assert_int_equal(world.ended[HTTP_END_KEPT], 2);
		wire_stop();
	}
}

/* Returns: how often the wire had something to do in a time of several pauses. */
static int run_for_a_while(void)
{
	enum { TIME_MS = 160 };
	int runs = 0;
	for (int64_t until = clock_mono_ms() + TIME_MS; clock_mono_ms() < until; runs++)
		(void)http_wire_run(world.wire, TIME_MS);
	return runs;
}

static void beyond_the_capacity_callers_wait_until_one_has_left(void **state)
{
	(void)state;
	wire_start_with(2, false, NULL, 0);
	int first = wire_call(), second = wire_call(), third = wire_connect(0);
	wire_say_text(third, WIRE_LAST("/third"));
	assert_in_range(run_for_a_while(), 1, MOST_RUNS);
	assert_int_equal(world.opened, 2);
	wire_say_text(second, WIRE_GET("/a"));
	hear_anew(second, sizeof WIRE_OK(2, "/a"));
	close(first);
	assert_string_equal(wire_last_words(third), WIRE_LAST_OK(6, "/third"));
	assert_int_equal(world.opened, 3);
	close(second);
	wire_stop();
}

static void without_descriptors_the_wire_pauses_and_then_accepts_again(void **state)
{
	struct rlimit limit, none;
	(void)state;
	wire_start();
	int first = wire_call(), second = wire_connect(0);
	wire_say_text(first, WIRE_LAST("/a"));
	wire_say_text(second, WIRE_LAST("/b"));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	int runs = run_for_a_while();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_in_range(runs, 1, MOST_RUNS);
	assert_int_equal(world.opened, 1);
	assert_int_equal(world.answered, 1);
	assert_string_equal(wire_last_words(second), WIRE_LAST_OK(2, "/b"));
	assert_string_equal(wire_last_words(first), WIRE_LAST_OK(2, "/a"));
	wire_stop();
}

/* As for want of memory: the listener does not go into the set, because it is in it. */
static void a_pause_that_cannot_end_is_taken_again(void **state)
{
	struct epoll_event nothing = {.events = 0, .data.ptr = NULL};
	(void)state;
	wire_start_with(1, false, NULL, 0);
	int first = wire_call(), second = wire_connect(0);
	WIRE_WAIT(epoll_ctl(http_wire_fd(world.wire), EPOLL_CTL_ADD, world.listener, &nothing) == 0); /* it pauses */
	assert_in_range(run_for_a_while(), 1, MOST_RUNS);
	assert_int_equal(epoll_ctl(http_wire_fd(world.wire), EPOLL_CTL_DEL, world.listener, NULL), 0);
	close(first);
	WIRE_WAIT(world.opened == 2);
	close(second);
	wire_stop();
}

static void many_requests_of_one_caller_keep_no_other_one_waiting(void **state)
{
	enum { MANY = 500 };
	static char asked[MANY * sizeof WIRE_GET("/a") + 1];
	char *at = asked;
	(void)state;
	for (int i = 0; i < MANY; i++)
		at = stpcpy(at, WIRE_GET("/a"));
	wire_start();
	int greedy = wire_call(), other = wire_call();
	loopback_send(greedy, asked, (size_t)(at - asked));
	loopback_send(other, WIRE_LAST("/b"), sizeof WIRE_LAST("/b") - 1);
	WIRE_WAIT(world.ended[HTTP_END_LEAVES] == 1);
	assert_in_range(world.answered, 1, MANY / 2);
	assert_string_equal(wire_last_words(other), WIRE_LAST_OK(2, "/b"));
	assert_int_equal(shutdown(greedy, SHUT_WR), 0);
	const char *told = wire_last_words(greedy);
	for (int i = 0; i < MANY; i++) {
		assert_memory_equal(told, WIRE_OK(2, "/a"), sizeof WIRE_OK(2, "/a") - 1);
		told += sizeof WIRE_OK(2, "/a") - 1;
	}
	assert_string_equal(told, "");
	wire_stop();
}

static void what_is_cut_ends_there_and_nothing_more_is_called_for(void **state)
{
#define CHUNKED(target) "POST " target " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	static const struct {
		const char *callback, *asked, *told, *log;
	} rows[] = {
	        {"began", WIRE_GET("/a") WIRE_GET("/b"), "", "began lost "},
	        {"head", WIRE_GET("/a") WIRE_GET("/b"), "", "began head /a lost "},
	        {"head", "NONSENSE\r\n\r\n" WIRE_GET("/b"), "", "began broken head lost "},
	        {"head", LONG_POST("/a") "abc", "", "began head /a lost "},
	        {"body", CHUNKED("/a") "1\r\na\r\n1\r\nb\r\n0\r\n\r\n" WIRE_GET("/b"), "", "began head /a alost "},
	        {"body", LONG_POST("/a") "abc", "", "began head /a abclost "},
	        {"body", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" WIRE_GET("/b"), "",
	         "began head /a abclost "},
	        {"broken", CHUNKED("/a") "x\r\n" WIRE_GET("/b"), "", "began head /a  broken lost "},
	        {"whole", WIRE_GET("/a") WIRE_GET("/b"), "", "began head /a  whole lost "},
	        {"resumed", WIRE_GET("/held") WIRE_GET("/b"), "", "began head /held  whole resumed /held lost "},
	        {"ended", WIRE_GET("/a") WIRE_GET("/b"), WIRE_OK(2, "/a"), "began head /a  whole kept "},
	        {"ended", WIRE_LAST("/a") WIRE_GET("/b"), WIRE_LAST_OK(2, "/a"), "began head /a  whole leaves "},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		wire_start();
		world.cut_in = rows[i].callback;
		int fd = wire_call();
		wire_say_text(fd, rows[i].asked);
		if (strcmp(rows[i].callback, "resumed") == 0) {
			WIRE_WAIT(world.holding == 1);
			wire_resume();
		}
		WIRE_WAIT(world.closed == 1);
		assert_string_equal(wire_last_words(fd), rows[i].told);
		assert_string_equal(world.log, rows[i].log);
		wire_stop();
	}
}

static void whom_the_user_refuses_is_closed_at_once(void **state)
{
	(void)state;
	wire_start();
	world.refuses = true;
	int fd = wire_connect(0);
	assert_string_equal(wire_last_words(fd), "");
	assert_string_equal(world.log, "");
	wire_stop();
}

static void a_wire_that_has_to_be_quiet_accepts_no_more_and_serves_who_is_there(void **state)
{
	(void)state;
	wire_start();
	int there = wire_call();
	http_wire_quiesce(world.wire);
	int late = wire_connect(0);
	wire_say_text(late, WIRE_LAST("/late"));
	wire_say_text(there, WIRE_GET("/a"));
	hear_anew(there, sizeof WIRE_OK(2, "/a"));
	for (int i = 0; i < 3; i++)
		(void)http_wire_run(world.wire, 40);
	assert_int_equal(world.opened, 1);
	wire_say_text(there, WIRE_LAST("/b"));
	hear_anew(there, WIRE_HEARD_BYTES);
	assert_true(heard.over && !heard.reset);
	close(there);
	close(late);
	wire_stop();
}

/* While it pauses for want of room. */
static void a_wire_that_has_to_be_quiet_does_not_begin_to_accept_again(void **state)
{
	(void)state;
	wire_start_with(1, false, NULL, 0);
	int there = wire_call(), late = wire_connect(0);
	for (int i = 0; i < 2; i++)
		(void)http_wire_run(world.wire, 1);
	http_wire_quiesce(world.wire);
	close(there);
	WIRE_WAIT(world.closed == 1);
	for (int i = 0; i < 3; i++)
		(void)http_wire_run(world.wire, 40);
	assert_int_equal(world.opened, 1);
	close(late);
	wire_stop();
}

static void a_wire_that_ends_closes_and_ends_all_that_is_open(void **state)
{
	static const char *const asked[] = {"",
	                                    "GET /a HT",
	                                    LONG_POST("/p") "abc",
	                                    WIRE_GET("/a"),
	                                    WIRE_LAST("/a"),
	                                    WIRE_GET("/big"),
	                                    LONG_POST("/head")};
	enum { CALLERS = sizeof asked / sizeof *asked };
	int fds[CALLERS];
	(void)state;
	wire_start_with(16, false, NULL, SMALL_BUFFER);
	for (int i = 0; i < CALLERS; i++) {
		fds[i] = wire_call();
		wire_say_text(fds[i], asked[i]);
	}
	WIRE_WAIT(world.answered == 4 && world.began == CALLERS - 1);
	wire_settle();
	assert_int_equal(world.closed, 0);
	wire_stop();
	for (int i = 0; i < CALLERS; i++)
		close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(who_sends_on_after_the_answer_reads_it_whole),
	        cmocka_unit_test(a_caller_that_leaves_is_waited_for_until_it_has_closed),
	        cmocka_unit_test(a_request_whose_caller_closes_before_its_end_is_lost_once),
	        cmocka_unit_test(a_connection_on_which_no_request_began_ends_without_one),
	        cmocka_unit_test(a_big_answer_reaches_a_slow_reader_while_others_are_served),
	        cmocka_unit_test(a_caller_that_goes_in_the_middle_of_its_answer_has_lost_it),
	        cmocka_unit_test(a_held_call_whose_caller_has_gone_is_answered_to_nobody),
	        cmocka_unit_test(a_caller_that_sends_no_more_still_gets_its_answers),
	        cmocka_unit_test(beyond_the_capacity_callers_wait_until_one_has_left),
	        cmocka_unit_test(without_descriptors_the_wire_pauses_and_then_accepts_again),
	        cmocka_unit_test(a_pause_that_cannot_end_is_taken_again),
	        cmocka_unit_test(many_requests_of_one_caller_keep_no_other_one_waiting),
	        cmocka_unit_test(what_is_cut_ends_there_and_nothing_more_is_called_for),
	        cmocka_unit_test(whom_the_user_refuses_is_closed_at_once),
	        cmocka_unit_test(a_wire_that_has_to_be_quiet_accepts_no_more_and_serves_who_is_there),
	        cmocka_unit_test(a_wire_that_has_to_be_quiet_does_not_begin_to_accept_again),
	        cmocka_unit_test(a_wire_that_ends_closes_and_ends_all_that_is_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
