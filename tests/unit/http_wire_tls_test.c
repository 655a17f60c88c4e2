/* http_wire: the same over TLS, to a caller of OpenSSL. */
#include "tests/unit/http_tls_pair.h"
#include "tests/unit/http_wire_fixture.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SMALL_BUFFER = 4096, CHAIN = 20 };

static struct tls_world {
	struct made own, rsa;
	struct http_tls *tls, *long_chain;
} certificates;

static int make_certificates(void **state)
{
	const struct made *list[CHAIN + 2] = {&certificates.own};
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN); /* as in every program of the product */
	certificates.own = made_new(&(struct shape){.name = "idv.contoso.example"}, NULL);
	certificates.tls = pair_listener(list, NULL, false);
	certificates.rsa = pair_rsa(2048, X509_VERSION_3, false);
	for (size_t i = 0; i < CHAIN; i++)
		list[i + 1] = &certificates.rsa; /* it is only long */
	certificates.long_chain = pair_listener(list, NULL, false);
	return 0;
}

static int free_certificates(void **state)
{
	(void)state;
	http_tls_free(certificates.tls);
	http_tls_free(certificates.long_chain);
	made_free(&certificates.own);
	made_free(&certificates.rsa);
	return 0;
}

static struct pair caller_new(int version, int receive_bytes)
{
	struct pair pair = {.fds = {-1, wire_connect(receive_bytes)}};
	SSL_CTX *context = pair_context(&(struct caller){.version = version});
	pair.client = SSL_new(context);
	SSL_CTX_free(context);
	WIRE_MUST(fcntl(pair.fds[1], F_SETFL, O_NONBLOCK) == 0);
	WIRE_MUST(pair.client && SSL_set_fd(pair.client, pair.fds[1]) == 1);
	SSL_set_connect_state(pair.client);
	SSL_set_mode(pair.client, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return pair;
}

static void say(struct pair *pair, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t sent = PAIR_WAIT;
		WIRE_WAIT((sent = pair_client_write(pair, data, len)) != PAIR_WAIT);
		WIRE_MUST(sent > 0);
		data += sent;
		len -= (size_t)sent;
	}
}

/* Until the wire's side has said that it is over. */
static const char *last_words(struct pair *pair)
{
	static struct wire_heard heard;
	ssize_t got = PAIR_WAIT;
	heard.len = 0;
	while (got != PAIR_OVER) {
		WIRE_WAIT((got = pair_client_read(pair, heard.data + heard.len, WIRE_HEARD_BYTES - heard.len)) !=
		          PAIR_WAIT);
		heard.len += (size_t)got;
	}
	WIRE_MUST(pair->why == SSL_ERROR_ZERO_RETURN);
	heard.data[heard.len] = '\0';
	wire_undate(&heard);
	pair_free(pair);
	return heard.data;
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void requests_are_answered_in_order_in_whatever_records_they_come(void **state)
{
	static const char asked[] = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde" WIRE_GET("/a")
	        WIRE_LAST("/b") WIRE_GET("/c");
	static const size_t pieces[] = {sizeof asked, 1, 7, 60};
	(void)state;
	for (size_t i = 0; i < 2 * (sizeof pieces / sizeof *pieces); i++) {
		wire_start_with(4, false, certificates.tls, 0);
		struct pair pair = caller_new(versions[i % 2], 0);
		for (size_t at = 0, len; at < sizeof asked - 1; at += len) {
			len = sizeof asked - 1 - at < pieces[i / 2] ? sizeof asked - 1 - at : pieces[i / 2];
			say(&pair, asked + at, len);
		}
		assert_string_equal(last_words(&pair), WIRE_OK(2, "/p") WIRE_OK(2, "/a") WIRE_LAST_OK(2, "/b"));
		wire_settle();
		assert_string_equal(
		        world.log,
		        "began head /p abcde whole kept began head /a  whole kept began head /b  whole leaves ");
		wire_stop();
	}
}

static void a_long_body_and_a_big_answer_go_through_small_buffers(void **state)
{
	enum { BODY = 200 * 1000 };
	static char body[BODY], big[WIRE_BIG_BYTES];
	(void)state;
	memset(body, 'x', sizeof body);
	wire_big(big);
	for (size_t i = 0; i < 2; i++) {
		wire_start_with(4, false, certificates.tls, SMALL_BUFFER);
		struct pair pair = caller_new(versions[i], SMALL_BUFFER);
		static const char head[] = "POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n";
		say(&pair, head, sizeof head - 1);
		say(&pair, body, sizeof body);
		say(&pair, WIRE_LAST("/b"), sizeof WIRE_LAST("/b") - 1);
		const char *told = strstr(last_words(&pair), "\r\n\r\n") + 4;
		assert_memory_equal(told, big, sizeof big);
		assert_string_equal(told + sizeof big, WIRE_LAST_OK(2, "/b"));
		wire_stop();
	}
}

/* What the wire has to say in the handshake finds no room until the caller reads. */
static void a_handshake_that_waits_to_write_goes_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		wire_start_with(4, false, certificates.long_chain, SMALL_BUFFER);
		struct pair pair = caller_new(versions[i], SMALL_BUFFER);
		assert_int_equal(pair_client_write(&pair, "G", 1), PAIR_WAIT); /* its hello */
		WIRE_WAIT(world.opened == 1);
		wire_hear_event();
		say(&pair, WIRE_LAST("/a"), sizeof WIRE_LAST("/a") - 1);
		assert_string_equal(last_words(&pair), WIRE_LAST_OK(2, "/a"));
		wire_stop();
	}
}

static void who_speaks_no_tls_is_let_go_without_a_request(void **state)
{
	(void)state;
	wire_start_with(4, false, certificates.tls, 0);
	int fd = wire_call();
	wire_say_text(fd, WIRE_GET("/a"));
	WIRE_WAIT(world.closed == 1);
	assert_string_equal(world.log, "");
	close(fd);
	wire_stop();
}

static void what_is_sent_after_the_answer_is_thrown_away(void **state)
{
	static char body[64 * 1024];
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		wire_start_with(4, false, certificates.tls, 0);
		struct pair pair = caller_new(versions[i], 0);
		static const char head[] = "POST /head HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n";
		say(&pair, head, sizeof head - 1);
		for (int j = 0; j < 16; j++)
			say(&pair, body, sizeof body);
		assert_string_equal(last_words(&pair), WIRE_LAST_OK(5, "/head"));
		WIRE_WAIT(world.closed == 1);
		wire_stop();
	}
}

static void held_calls_are_answered_by_a_thread_too(void **state)
{
	enum { CALLS = 20 };
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		wire_start_with(4, true, certificates.tls, 0);
		struct pair pair = caller_new(versions[i], 0);
		for (int j = 0; j < CALLS; j++) {
			say(&pair, WIRE_GET("/held"), sizeof WIRE_GET("/held") - 1);
			WIRE_WAIT(world.holding == j + 1);
			wire_resume();
		}
		say(&pair, WIRE_LAST("/b"), sizeof WIRE_LAST("/b") - 1);
		const char *told = last_words(&pair);
		for (int j = 0; j < CALLS; j++) {
			assert_memory_equal(told, WIRE_OK(5, "/held"), sizeof WIRE_OK(5, "/held") - 1);
			told += sizeof WIRE_OK(5, "/held") - 1;
		}
		assert_string_equal(told, WIRE_LAST_OK(2, "/b"));
		wire_stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(requests_are_answered_in_order_in_whatever_records_they_come),
	        cmocka_unit_test(a_long_body_and_a_big_answer_go_through_small_buffers),
	        cmocka_unit_test(a_handshake_that_waits_to_write_goes_on),
	        cmocka_unit_test(who_speaks_no_tls_is_let_go_without_a_request),
	        cmocka_unit_test(what_is_sent_after_the_answer_is_thrown_away),
	        cmocka_unit_test(held_calls_are_answered_by_a_thread_too),
	};
	return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
