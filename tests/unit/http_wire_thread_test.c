/* http_wire: in a thread of its own, with calls that are resumed from others and callers that hang on to its end. */
#include "tests/unit/http_wire_fixture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { CALLERS = 4, CALLS = 150, LIVES = 30 };

static void start(size_t capacity)
{
	wire_start_with(capacity, true, NULL, 0);
}

/* Resumes so many, as soon as each is held. */
static void *resume_all(void *ctx)
{
	int left = *(const int *)ctx;
	for (int64_t until = clock_mono_ms() + WIRE_PATIENCE_MS; left > 0;) {
		pthread_mutex_lock(&world.lock);
		bool some = world.held_count > 0;
		struct http_link *link = world.held[0];
		if (some)
			memmove(world.held, world.held + 1, --world.held_count * sizeof *world.held);
		pthread_mutex_unlock(&world.lock);
		WIRE_MUST(clock_mono_ms() < until);
		if (some) {
			http_link_resume(link);
			left--;
		} else {
			(void)sched_yield();
		}
	}
	return NULL;
}

/* One call after the other on one connection; the last one ends it. */
static void *call_often(void *ctx)
{
	static const char one[] = WIRE_GET("/held"), last[] = WIRE_LAST("/held");
	static const char told[] =
	        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 5\r\n" WIRE_HEADERS "/held";
	struct wire_heard *heard = calloc(1, sizeof *heard);
	(void)ctx;
	WIRE_MUST(heard);
	int fd = wire_connect(0);
	for (int i = 1; i < CALLS; i++) {
		heard->len = 0;
		wire_say(fd, one, sizeof one - 1);
		wire_hear(fd, heard, sizeof told - 1);
		WIRE_MUST(!heard->over && heard->len == sizeof told - 1);
	}
	heard->len = 0;
	wire_say(fd, last, sizeof last - 1);
	wire_hear(fd, heard, WIRE_HEARD_BYTES);
	WIRE_MUST(heard->over && !heard->reset && close(fd) == 0);
	free(heard);
	return NULL;
}

static void every_call_that_is_resumed_from_another_thread_is_answered(void **state)
{
	pthread_t callers[CALLERS], resumers[2];
	int half = CALLERS * CALLS / 2;
	(void)state;
	start(CALLERS);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&resumers[i], NULL, resume_all, &half), 0);
	for (int i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&callers[i], NULL, call_often, NULL), 0);
	for (int i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_join(callers[i], NULL), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(resumers[i], NULL), 0);
	WIRE_WAIT(world.closed == CALLERS);
	assert_int_equal(world.ended[HTTP_END_KEPT], CALLERS * (CALLS - 1));
	assert_int_equal(world.ended[HTTP_END_LEAVES], CALLERS);
	wire_stop();
}

/* With pauses in between, in which the thread has gone to sleep. */
static void a_call_that_is_resumed_wakes_the_thread(void **state)
{
	enum { TIMES = 20 };
	int one = 1;
	(void)state;
	start(1);
	int fd = wire_call();
	for (int i = 0; i < TIMES; i++) {
		wire_say_text(fd, WIRE_GET("/held"));
		WIRE_WAIT(world.holding == i + 1);
		wire_turn();
		(void)resume_all(&one);
		WIRE_WAIT(world.ended[HTTP_END_KEPT] == i + 1);
	}
	close(fd);
	wire_stop();
}

static int64_t used_ms(void)
{
	struct timespec used;
	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
	return used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

static void a_thread_that_was_woken_sleeps_again(void **state)
{
	enum { TIME_MS = 100 };
	int one = 1;
	(void)state;
	start(1);
	int fd = wire_call();
	wire_say_text(fd, WIRE_GET("/held"));
	WIRE_WAIT(world.holding == 1);
	(void)resume_all(&one);
	http_wire_quiesce(world.wire);
	WIRE_WAIT(world.ended[HTTP_END_KEPT] == 1);
	int64_t before_ms = used_ms();
	(void)poll(NULL, 0, TIME_MS);
	assert_in_range(used_ms() - before_ms, 0, TIME_MS / 2);
	close(fd);
	wire_stop();
}

static void pipelined_calls_of_one_caller_are_all_answered(void **state)
{
	enum { MANY = 300 };
	static char asked[MANY * sizeof WIRE_GET("/a") + 1];
	char *at = asked;
	(void)state;
	for (int i = 0; i < MANY; i++)
		at = stpcpy(at, WIRE_GET("/a"));
	start(1);
	int fd = wire_call();
	wire_say(fd, asked, (size_t)(at - asked));
	WIRE_WAIT(world.ended[HTTP_END_KEPT] == MANY);
	close(fd);
	wire_stop();
}

static void a_quiet_wire_serves_who_is_there_alone(void **state)
{
	(void)state;
	start(8);
	int there = wire_call();
	http_wire_quiesce(world.wire);
	int late = wire_connect(0);
	wire_say_text(late, WIRE_LAST("/late"));
	for (int i = 0; i < 3; i++) {
		wire_say_text(there, WIRE_GET("/a"));
		WIRE_WAIT(world.ended[HTTP_END_KEPT] == i + 1);
	}
	assert_int_equal(world.opened, 1);
	wire_say_text(there, WIRE_LAST("/b"));
	const char *told = wire_last_words(there);
	assert_non_null(strstr(told, "Connection: close"));
	assert_int_equal(world.opened, 1);
	close(late);
	wire_stop();
}

/* Some of them still send. */
static void a_wire_may_end_while_callers_hang_on(void **state)
{
	static const char *const asked[] = {"",
	                                    "GET /a HT",
	                                    "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\nabc",
	                                    WIRE_GET("/big"),
	                                    WIRE_LAST("/a"),
	                                    WIRE_GET("/a") WIRE_GET("/a")};
	enum { HANGERS = sizeof asked / sizeof *asked };
	(void)state;
	for (int life = 0; life < LIVES; life++) {
		int fds[HANGERS];
		start(HANGERS - 1);
		for (int i = 0; i < HANGERS; i++) {
			fds[i] = wire_connect(0);
			loopback_send(fds[i], asked[i], strlen(asked[i]));
		}
		if (life % 3 > 0)
			WIRE_WAIT(world.opened >= life % HANGERS);
		if (life % 2 > 0)
			http_wire_quiesce(world.wire);
		wire_stop();
		for (int i = 0; i < HANGERS; i++)
			close(fds[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_call_that_is_resumed_from_another_thread_is_answered),
	        cmocka_unit_test(a_call_that_is_resumed_wakes_the_thread),
	        cmocka_unit_test(a_thread_that_was_woken_sleeps_again),
	        cmocka_unit_test(pipelined_calls_of_one_caller_are_all_answered),
	        cmocka_unit_test(a_quiet_wire_serves_who_is_there_alone),
	        cmocka_unit_test(a_wire_may_end_while_callers_hang_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
