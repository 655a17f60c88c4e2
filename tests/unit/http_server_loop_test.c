/* http_server_loop: the listener inside a loop, over real sockets; the desk is a script, the loop runs in a thread of
 * its own.
 */
#include "ingress/http_server_internal.h"
#include "tests/unit/ingress_fixture.h"
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

enum { TICK_MS = 5, PATIENCE_MS = 20000, FINISH_MS = 10000 };

static struct {
	uv_loop_t loop;
	uv_timer_t tick;
	uv_check_t turn;
	pthread_t thread;
	atomic_bool stops, answers; /* what the next tick has to do */
	atomic_int ticks, turns;    /* so many there were */
} running;

static void answer_held(void)
{
	struct ask *ask = atomic_exchange(&script.held, NULL);
	if (!ask)
		return;
	ask->outcome = OUTCOME_NOT_FOUND;
	ask->done(ask);
}

static void on_turn(uv_check_t *turn)
{
	(void)turn;
	atomic_fetch_add(&running.turns, 1);
}

static void on_tick(uv_timer_t *tick)
{
	atomic_fetch_add(&running.ticks, 1);
	if (atomic_load(&running.answers))
		answer_held();
	if (!atomic_load(&running.stops))
		return;
	http_server_leave_loop(service.server);
	uv_close((uv_handle_t *)tick, NULL);
	uv_close((uv_handle_t *)&running.turn, NULL);
}

static void *run(void *ctx)
{
	(void)ctx;
	(void)uv_run(&running.loop, UV_RUN_DEFAULT); /* ends when no handle is left */
	return NULL;
}

static int start_loop(void **state)
{
	(void)clear_script(state);
	atomic_store(&running.stops, false);
	atomic_store(&running.answers, false);
	service.in_loop = true;
	start_service(false, NULL);
	cert_must(uv_loop_init(&running.loop) == 0 && uv_timer_init(&running.loop, &running.tick) == 0 &&
	          uv_timer_start(&running.tick, on_tick, TICK_MS, TICK_MS) == 0 &&
	          uv_check_init(&running.loop, &running.turn) == 0 && uv_check_start(&running.turn, on_turn) == 0 &&
	          http_server_join_loop(service.server, &running.loop, NULL) == ERR_OK &&
	          pthread_create(&running.thread, NULL, run, NULL) == 0);
	return 0;
}

static void stop_loop(void)
{
	atomic_store(&running.stops, true);
	cert_must(pthread_join(running.thread, NULL) == 0 && uv_loop_close(&running.loop) == 0);
}

static int stop_all(void **state)
{
	if (!atomic_load(&running.stops))
		stop_loop();
	return stop_service(state);
}

static int connect_to(void)
{
	const struct timeval patience = {.tv_sec = CLIENT_TIMEOUT_S};
	struct sockaddr_in address = {
	        .sin_family = AF_INET, .sin_port = htons(service.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads until `count` answers began with this status. */
static void expect_answers(int fd, const char *status, int count)
{
	char got[REPLY_BYTES];
	size_t len = 0;
	int seen = 0;
	while (seen < count) {
		ssize_t n = recv(fd, got + len, sizeof got - 1 - len, 0);
		assert_true(n > 0);
		len += (size_t)n;
		got[len] = '\0';
		seen = 0;
		for (const char *at = got; (at = strstr(at, status)); at++)
			seen++;
	}
	assert_int_equal(seen, count);
}

static void wait_until_held(void)
{
	for (int waited = 0; !atomic_load(&script.held) && waited < PATIENCE_MS; waited++)
		(void)usleep(1000);
	assert_non_null(atomic_load(&script.held));
}

#define READ_ONE "GET /v1/verifications/vAAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: h\r\n" API_KEY "\r\n"

static void what_the_desk_answers_at_once_goes_out(void **state)
{
	(void)state;
	call("GET", "/v1/verifications/vAAAAAAAAAAAAAAAAAAAAAA", API_KEY, NULL);
	assert_int_equal(reply.status, 404);
	assert_int_equal(script.asked, 1);
	assert_true(script.served > 0); /* what others sent to the desk is looked at in the same turn */
}

/* Each takes a turn of the loop, and the next turn follows at once. */
static void a_queue_of_requests_does_not_wait_for_something_to_happen(void **state)
{
	enum { MANY = 60 };
	int fd = connect_to(), ticks = atomic_load(&running.ticks);
	char all[MANY * sizeof READ_ONE] = "";
	(void)state;
	for (size_t i = 0; i < MANY; i++)
		memcpy(all + i * (sizeof READ_ONE - 1), READ_ONE, sizeof READ_ONE);
	say(fd, all);
	expect_answers(fd, "HTTP/1.1 404", MANY);
	assert_true(atomic_load(&running.ticks) - ticks < MANY / 2);
	(void)close(fd);
}

static void requests_that_come_together_are_all_answered(void **state)
{
	int fd = connect_to();
	(void)state;
	say(fd, READ_ONE READ_ONE READ_ONE);
	expect_answers(fd, "HTTP/1.1 404", 3);
	(void)close(fd);
}

static void a_request_in_pieces_is_read_as_they_come(void **state)
{
	int fd = connect_to();
	(void)state;
	for (const char *at = READ_ONE; *at; at++) {
		assert_int_equal(send(fd, at, 1, MSG_NOSIGNAL), 1);
		if (*at == '\n')
			(void)usleep(TICK_MS * 1000);
	}
	expect_answers(fd, "HTTP/1.1 404", 1);
	(void)close(fd);
}

static void a_held_call_is_answered_when_the_desk_is_done_and_others_meanwhile(void **state)
{
	int fd = connect_to();
	(void)state;
	script.holds = true;
	say(fd, READ_ONE);
	wait_until_held();
	call("GET", "/nowhere", API_KEY, NULL);
	assert_int_equal(reply.status, 404);
	assert_non_null(atomic_load(&script.held));
	atomic_store(&running.answers, true);
	expect_answers(fd, "HTTP/1.1 404", 1);
	(void)close(fd);
}

/* A held call was answered, another one is held, and a third is half here: there is nothing to do. */
static void a_loop_with_nothing_to_do_sleeps(void **state)
{
	enum { TICKS = 20 };
	int held = connect_to(), half = connect_to();
	(void)state;
	script.holds = true;
	say(held, READ_ONE);
	wait_until_held();
	atomic_store(&running.answers, true);
	expect_answers(held, "HTTP/1.1 404", 1);
	atomic_store(&running.answers, false);
	(void)usleep(4 * TICK_MS * 1000); /* a tick that has begun may still answer */
	say(held, READ_ONE);
	say(half, "GET /v1/");
	wait_until_held();
	(void)usleep(TICK_MS * 1000);
	int ticks = atomic_load(&running.ticks), turns = atomic_load(&running.turns);
	for (int waited = 0; atomic_load(&running.ticks) < ticks + TICKS && waited < PATIENCE_MS; waited++)
		(void)usleep(1000);
	turns = atomic_load(&running.turns) - turns;
	ticks = atomic_load(&running.ticks) - ticks;
	assert_true(ticks >= TICKS);
	assert_true(turns <= 3 * ticks); /* a loop that does not sleep has hundreds of turns in a tick */
	atomic_store(&running.answers, true);
	expect_answers(held, "HTTP/1.1 404", 1);
	(void)close(held);
	(void)close(half);
}

static void what_comes_back_after_the_loop_goes_out_at_the_end(void **state)
{
	int fd = connect_to();
	(void)state;
	script.holds = true;
	say(fd, READ_ONE);
	wait_until_held();
	http_server_quiesce(service.server);
	stop_loop();
	answer_held();
	assert_false(uv_is_active((uv_handle_t *)&service.server->loop.again)); /* the loop is gone */
	http_server_finish(service.server, FINISH_MS);
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&ready, 1, 0), 1); /* it waited for that */
	expect_answers(fd, "HTTP/1.1 404", 1);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(what_the_desk_answers_at_once_goes_out, start_loop, stop_all),
	        cmocka_unit_test_setup_teardown(a_queue_of_requests_does_not_wait_for_something_to_happen, start_loop,
	                                        stop_all),
	        cmocka_unit_test_setup_teardown(requests_that_come_together_are_all_answered, start_loop, stop_all),
	        cmocka_unit_test_setup_teardown(a_request_in_pieces_is_read_as_they_come, start_loop, stop_all),
	        cmocka_unit_test_setup_teardown(a_held_call_is_answered_when_the_desk_is_done_and_others_meanwhile,
	                                        start_loop, stop_all),
	        cmocka_unit_test_setup_teardown(a_loop_with_nothing_to_do_sleeps, start_loop, stop_all),
	        cmocka_unit_test_setup_teardown(what_comes_back_after_the_loop_goes_out_at_the_end, start_loop,
	                                        stop_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
