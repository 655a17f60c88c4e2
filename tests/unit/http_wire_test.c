/* http_wire: requests are read the same however their bytes are cut, and are answered one after the other. */
#include "tests/unit/http_wire_fixture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WITH_LENGTH "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
#define IN_CHUNKS   "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CHUNKS      "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n"

static const struct conversation {
	const char *asked, *told, *log;
} conversations[] = {
        {WIRE_LAST("/a"), WIRE_LAST_OK(2, "/a"), "began head /a  whole leaves "},
        {WITH_LENGTH "Connection: close\r\n\r\nabcde", WIRE_LAST_OK(2, "/p"), "began head /p abcde whole leaves "},
        {WITH_LENGTH "\r\nabcde" WIRE_LAST("/b"), WIRE_OK(2, "/p") WIRE_LAST_OK(2, "/b"),
         "began head /p abcde whole kept began head /b  whole leaves "},
        {IN_CHUNKS CHUNKS WIRE_LAST("/b"), WIRE_OK(2, "/c") WIRE_LAST_OK(2, "/b"),
         "began head /c abcde whole kept began head /b  whole leaves "},
        {"\r\n" WIRE_GET("/a") "\r\n" WIRE_LAST("/b"), WIRE_OK(2, "/a") WIRE_LAST_OK(2, "/b"),
         "began head /a  whole kept began head /b  whole leaves "},
        {WITH_LENGTH "\r\nabcde\r\n" WIRE_LAST("/b"), WIRE_OK(2, "/p") WIRE_LAST_OK(2, "/b"),
         "began head /p abcde whole kept began head /b  whole leaves "},
        {IN_CHUNKS "0\r\n\r\n" IN_CHUNKS CHUNKS "\r\n" WIRE_LAST("/b"),
         WIRE_OK(2, "/c") WIRE_OK(2, "/c") WIRE_LAST_OK(2, "/b"),
         "began head /c  whole kept began head /c abcde whole kept began head /b  whole leaves "},
};

/* What was called for at the first, without the rest. */
static void check(const struct conversation *conversation, int fd)
{
	const char *told = wire_last_words(fd);
	WIRE_WAIT(world.opened == world.closed);
	assert_string_equal(told, conversation->told);
	assert_string_equal(world.log, conversation->log);
	world.logged = 0;
	world.log[0] = '\0';
}

static void a_request_cut_anywhere_is_the_same_request(void **state)
{
	(void)state;
	wire_start();
	for (size_t i = 0; i < sizeof conversations / sizeof *conversations; i++) {
		size_t len = strlen(conversations[i].asked);
		for (size_t cut = 1; cut <= len; cut++) {
			int fd = wire_call();
			wire_say(fd, conversations[i].asked, cut);
			wire_hear_event();
			wire_say(fd, conversations[i].asked + cut, len - cut);
			check(&conversations[i], fd);
		}
	}
	wire_stop();
}

static void a_request_byte_by_byte_is_the_same_request(void **state)
{
	(void)state;
	wire_start();
	for (size_t i = 0; i < sizeof conversations / sizeof *conversations; i++) {
		int fd = wire_call();
		for (const char *at = conversations[i].asked; *at; at++) {
			wire_say(fd, at, 1);
			wire_hear_event();
		}
		check(&conversations[i], fd);
	}
	wire_stop();
}

static void while_a_request_is_held_nothing_behind_it_is_begun(void **state)
{
	static const char asked[] = WIRE_GET("/held1") WITH_LENGTH "\r\nabcde" WIRE_GET("/held2") WIRE_LAST("/held3");
	(void)state;
	for (size_t cut = 1; cut < sizeof asked; cut += 7) {
		wire_start();
		int fd = wire_call();
		wire_say(fd, asked, cut);
		wire_hear_event();
		wire_say(fd, asked + cut, sizeof asked - 1 - cut);
		WIRE_WAIT(world.holding == 1);
		wire_settle();
		assert_string_equal(world.log, "began head /held1  whole ");
		wire_resume();
		WIRE_WAIT(world.holding == 2);
		wire_settle();
		assert_int_equal(world.began, 3);
		wire_resume();
		WIRE_WAIT(world.holding == 3);
		wire_resume();
		assert_string_equal(wire_last_words(fd), WIRE_OK(6, "/held1") WIRE_OK(2, "/p") WIRE_OK(6, "/held2")
		                                                 WIRE_LAST_OK(6, "/held3"));
		assert_string_equal(world.log,
		                    "began head /held1  whole resumed /held1 kept began head /p abcde whole kept "
		                    "began head /held2  whole resumed /held2 kept "
		                    "began head /held3  whole resumed /held3 leaves ");
		wire_stop();
	}
}

static void held_calls_are_resumed_in_the_order_in_which_they_were_told_to(void **state)
{
	enum { CALLERS = 5 };
	int fds[CALLERS];
	(void)state;
	wire_start();
	for (int i = 0; i < CALLERS; i++) {
		char asked[] = WIRE_LAST("/held0");
		*strchr(asked, '0') = (char)('0' + i);
		fds[i] = wire_call();
		wire_say_text(fds[i], asked);
		WIRE_WAIT(world.holding == i + 1);
	}
	for (int i = 0; i < CALLERS; i++)
		wire_resume();
	assert_false(http_wire_run(world.wire, 0));
	assert_int_equal(world.answered, CALLERS);
	const char *at = world.log;
	for (int i = 0; i < CALLERS; i++) {
		char resumed[] = "resumed /held0 ";
		resumed[sizeof resumed - 3] = (char)('0' + i);
		assert_non_null(at = strstr(at, resumed));
	}
	for (int i = 0; i < CALLERS; i++) {
		char told[] = WIRE_LAST_OK(6, "/held0");
		told[sizeof told - 2] = (char)('0' + i);
		assert_string_equal(wire_last_words(fds[i]), told);
	}
	wire_stop();
}

static void a_piece_as_long_as_what_is_read_at_once_leaves_nothing_behind(void **state)
{
	enum { BODY = 200 * 1000 };
	static char body[BODY];
	(void)state;
	memset(body, 'x', sizeof body);
	wire_start();
	int fd = wire_call();
	wire_say_text(fd, "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n");
	wire_say(fd, body, sizeof body);
	wire_say_text(fd, WIRE_LAST("/b"));
	assert_string_equal(wire_last_words(fd), WIRE_OK(2, "/p") WIRE_LAST_OK(2, "/b"));
	wire_stop();
}

/* A turn ends after so many steps, and a request that comes to be held in the last of them was not resumed. */
static void a_call_that_is_held_at_the_end_of_a_turn_waits_to_be_resumed(void **state)
{
	enum { FIRST_BODY = 40000, MOST = 40 };
	static char text[FIRST_BODY + 8192];
	(void)state;
	for (int before = 25; before < MOST; before++) {
		wire_start();
		int fd = wire_connect(0),
		    len = snprintf(text, sizeof text, "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n",
		                   FIRST_BODY);
		memset(text + len, 'x', FIRST_BODY);
		char *at = text + len + FIRST_BODY;
		for (int i = 0; i < before; i++)
			at = stpcpy(at, WIRE_GET("/a"));
		at = stpcpy(at, WIRE_LAST("/held"));
		loopback_send(fd, text, (size_t)(at - text));
		WIRE_WAIT(world.holding == 1);
		wire_settle();
		assert_null(strstr(world.log, "resumed"));
		wire_resume();
		(void)wire_last_words(fd);
		assert_int_equal(world.ended[HTTP_END_KEPT], before + 1);
		assert_int_equal(world.ended[HTTP_END_LEAVES], 1);
		wire_stop();
	}
}

/* Each has more than one turn's work. */
static void callers_that_ask_much_have_their_turns_until_all_is_answered(void **state)
{
	enum { MANY = 300, CALLERS = 3 };
	static char asked[MANY * sizeof WIRE_GET("/a") + 1];
	char *at = asked;
	int fds[CALLERS];
	(void)state;
	for (int i = 0; i < MANY; i++)
		at = stpcpy(at, WIRE_GET("/a"));
	wire_start();
	for (int i = 0; i < CALLERS; i++)
		fds[i] = wire_call();
	for (int i = 0; i < CALLERS; i++)
		loopback_send(fds[i], asked, (size_t)(at - asked));
	WIRE_WAIT(world.began >= CALLERS);
	assert_true(http_wire_run(world.wire, 0));
	while (http_wire_run(world.wire, 0)) /* says so itself: its descriptor does not */
		continue;
	assert_int_equal(world.ended[HTTP_END_KEPT], CALLERS * MANY);
	for (int i = 0; i < CALLERS; i++)
		close(fds[i]);
	wire_stop();
}

static void what_no_request_begins_with_is_refused_at_its_first_bytes(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {{"\x16\x03\x01\x02", 4}, {"\0", 1}, {" GET", 4}, {"\n", 1}, {"\r\r", 2}, {"\x7f", 1}, {"\xff", 1},
	            {"\r\n\r\n\0", 5}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		wire_start();
		int fd = wire_call();
		wire_say(fd, rows[i].bytes, rows[i].len);
		assert_memory_equal(wire_last_words(fd), "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n", 45);
		assert_string_equal(world.log, "began broken head leaves ");
		wire_stop();
	}
}

static void much_that_is_no_request_is_no_head_that_is_too_long(void **state)
{
	static char zeroes[HTTP_HEAD_MAX_BYTES + 2];
	(void)state;
	wire_start();
	int fd = wire_connect(0);
	loopback_send(fd, zeroes, sizeof zeroes);
	assert_memory_equal(wire_last_words(fd), "HTTP/1.1 400", 12);
	wire_stop();
}

/* Returns: a request with a head of `len` bytes in all, in `lines` lines. */
static void long_head(char *out, size_t len, unsigned lines)
{
	char *at = stpcpy(out, "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");
	for (unsigned i = 0; i < lines - 5; i++)
		at = stpcpy(at, "a: b\r\n");
	at = stpcpy(at, "c:");
	size_t left = len - (size_t)(at - out) - 4;
	memset(at, 'x', left);
	(void)strcpy(at + left, "\r\n\r\n");
}

static void a_head_at_the_limits_is_taken_and_beyond_them_refused(void **state)
{
	static const struct {
		size_t len;
		unsigned lines;
		const char *told;
	} rows[] = {{HTTP_HEAD_MAX_BYTES, 10, "HTTP/1.1 200"},
	            {HTTP_HEAD_MAX_BYTES + 1, 10, "HTTP/1.1 431"},
	            {2000, HTTP_HEAD_MAX_LINES, "HTTP/1.1 200"},
	            {2000, HTTP_HEAD_MAX_LINES + 1, "HTTP/1.1 431"}};
	static char asked[HTTP_HEAD_MAX_BYTES + 2];
	static const size_t pieces[] = {HTTP_HEAD_MAX_BYTES + 2, 1000, 37};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		long_head(asked, rows[i].len, rows[i].lines);
		assert_int_equal(strlen(asked), rows[i].len);
		for (size_t j = 0; j < sizeof pieces / sizeof *pieces; j++) {
			wire_start();
			int fd = wire_call();
			for (size_t at = 0; at < rows[i].len; at += pieces[j]) {
				wire_say(fd, asked + at, pieces[j] < rows[i].len - at ? pieces[j] : rows[i].len - at);
				wire_settle();
			}
			assert_memory_equal(wire_last_words(fd), rows[i].told, 12);
			assert_int_equal(world.ended[HTTP_END_LEAVES], 1);
			wire_stop();
		}
	}
}

/* Neither its end nor more of it is waited for. */
static void a_head_that_does_not_end_is_refused_at_the_limit(void **state)
{
	static char asked[HTTP_HEAD_MAX_BYTES + 1];
	(void)state;
	memset(asked, 'A', sizeof asked);
	wire_start();
	int fd = wire_call();
	wire_say(fd, asked, HTTP_HEAD_MAX_BYTES);
	wire_hear_event();
	assert_string_equal(world.log, "began ");
	wire_say(fd, "A", 1);
	assert_memory_equal(wire_last_words(fd), "HTTP/1.1 431", 12);
	wire_stop();
	wire_start();
	fd = wire_call();
	wire_say_text(fd, "GET /a HTTP/1.1\r\nHost: h\r\n");
	for (int i = 2; i < HTTP_HEAD_MAX_LINES; i++)
		wire_say_text(fd, "a: b\r\n");
	wire_hear_event();
	assert_string_equal(world.log, "began ");
	wire_say_text(fd, "a: b\r\n");
	assert_memory_equal(wire_last_words(fd), "HTTP/1.1 431", 12);
	wire_stop();
}

static void a_broken_chunk_is_told_once_and_ends_the_connection(void **state)
{
	(void)state;
	for (size_t cut = sizeof IN_CHUNKS - 1; cut < sizeof IN_CHUNKS + 8; cut++) {
		wire_start();
		int fd = wire_call();
		const char *asked = IN_CHUNKS "3\r\nabcX\r\n" WIRE_GET("/b");
		wire_say(fd, asked, cut);
		wire_hear_event();
		wire_say_text(fd, asked + cut);
		assert_string_equal(wire_last_words(fd), WIRE_LAST_OK(2, "/c"));
		assert_string_equal(world.log, "began head /c abc broken leaves ");
		wire_stop();
	}
}

static void a_broken_head_is_told_and_ends_the_connection(void **state)
{
	(void)state;
	wire_start();
	int fd = wire_call();
	wire_say_text(fd, WIRE_GET("/a") "GET /b HTTP/1.1\r\n\r\n" WIRE_GET("/c"));
	assert_string_equal(wire_last_words(fd),
	                    WIRE_OK(2, "/a") "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
	                                     "Content-Length: 14\r\n" WIRE_HEADERS "no Host header");
	wire_stop();
}

/* Each is of one request, after which the connection ends. */
static void hold_conversations(const struct conversation *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		wire_start();
		int fd = wire_call();
		wire_say_text(fd, rows[i].asked);
		assert_string_equal(wire_last_words(fd), rows[i].told);
		assert_int_equal(world.began, 1);
		wire_stop();
	}
}

static void old_callers_and_those_that_ask_for_it_are_let_go(void **state)
{
	static const struct conversation rows[] = {
	        {"GET /a HTTP/1.0\r\n\r\n" WIRE_GET("/b"), WIRE_LAST_OK(2, "/a"), NULL},
	        {WIRE_LAST("/a") WIRE_GET("/b"), WIRE_LAST_OK(2, "/a"), NULL},
	        {WIRE_GET("/close") WIRE_GET("/b"), WIRE_LAST_OK(6, "/close"), NULL},
	};
	(void)state;
	hold_conversations(rows, sizeof rows / sizeof *rows);
}

static void answers_without_a_body_are_as_long_as_they_say(void **state)
{
	(void)state;
	wire_start();
	int fd = wire_call();
	wire_say_text(fd, "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n" WIRE_GET("/204") WIRE_GET("/304") WIRE_LAST("/b"));
	assert_string_equal(wire_last_words(fd),
	                    WIRE_OK(2, "") "HTTP/1.1 204 No Content\r\n" WIRE_HEADERS
	                                   "HTTP/1.1 304 Not Modified\r\n" WIRE_HEADERS WIRE_LAST_OK(2, "/b"));
	wire_stop();
}

#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define EXPECTING(target, len)                                                                                         \
	"POST " target " HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: " #len    \
	"\r\n\r\n"

static void a_body_is_invited_if_it_is_not_there_and_still_wanted(void **state)
{
	static const struct conversation rows[] = {
	        {EXPECTING("/p", 5) "abcde", WIRE_LAST_OK(2, "/p"), NULL},
	        {EXPECTING("/p", 0), WIRE_LAST_OK(2, "/p"), NULL},
	        {EXPECTING("/head", 5), WIRE_LAST_OK(5, "/head"), NULL},
	};
	static struct wire_heard heard;
	(void)state;
	hold_conversations(rows, sizeof rows / sizeof *rows);
	wire_start();
	int fd = wire_call();
	heard.len = 0;
	heard.over = false;
	wire_say_text(fd, EXPECTING("/p", 5));
	wire_hear(fd, &heard, sizeof CONTINUE - 1);
	assert_string_equal(heard.data, CONTINUE);
	wire_say_text(fd, "ab");
	wire_hear_event();
	wire_say_text(fd, "cde");
	assert_string_equal(wire_last_words(fd), WIRE_LAST_OK(2, "/p")); /* and no second invitation */
	wire_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_request_cut_anywhere_is_the_same_request),
	        cmocka_unit_test(a_request_byte_by_byte_is_the_same_request),
	        cmocka_unit_test(while_a_request_is_held_nothing_behind_it_is_begun),
	        cmocka_unit_test(held_calls_are_resumed_in_the_order_in_which_they_were_told_to),
	        cmocka_unit_test(a_piece_as_long_as_what_is_read_at_once_leaves_nothing_behind),
	        cmocka_unit_test(a_call_that_is_held_at_the_end_of_a_turn_waits_to_be_resumed),
	        cmocka_unit_test(callers_that_ask_much_have_their_turns_until_all_is_answered),
	        cmocka_unit_test(what_no_request_begins_with_is_refused_at_its_first_bytes),
	        cmocka_unit_test(much_that_is_no_request_is_no_head_that_is_too_long),
	        cmocka_unit_test(a_head_at_the_limits_is_taken_and_beyond_them_refused),
	        cmocka_unit_test(a_head_that_does_not_end_is_refused_at_the_limit),
	        cmocka_unit_test(a_broken_chunk_is_told_once_and_ends_the_connection),
	        cmocka_unit_test(a_broken_head_is_told_and_ends_the_connection),
	        cmocka_unit_test(old_callers_and_those_that_ask_for_it_are_let_go),
	        cmocka_unit_test(answers_without_a_body_are_as_long_as_they_say),
	        cmocka_unit_test(a_body_is_invited_if_it_is_not_there_and_still_wanted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
