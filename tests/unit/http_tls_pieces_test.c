/* http_tls: a handshake whose bytes come one by one, and what is said of the caller's certificate before its end. The
 * client has no socket of its own here: the test carries the bytes. */
#include "tests/unit/http_tls_pair.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { RECORD_HEAD = 5, RECORD_HANDSHAKE = 22, CERTIFICATE_VERIFY = 15, FLIGHT_BYTES = 16 * 1024 };

static struct world {
	struct made own, caller;
	struct http_tls *tls;
} world;

static int make_world(void **state)
{
	(void)state;
	world.own = made_new(&(struct shape){.name = "idv.contoso.example"}, NULL);
	world.caller = made_new(&(struct shape){.name = "b2c"}, NULL);
	world.tls = pair_listener((const struct made *const[]){&world.own, NULL}, NULL, true);
	return 0;
}

static int end_world(void **state)
{
	(void)state;
	http_tls_free(world.tls);
	made_free(&world.own);
	made_free(&world.caller);
	return 0;
}

static struct pair carried(int version)
{
	struct pair pair = pair_new(world.tls, &(struct caller){.version = version, .chain = {&world.caller}});
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	cert_must(in && out);
	BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(pair.client, in, out);
	return pair;
}

/* What the client says next, as it is given what the listener's side says. Returns: how many bytes. */
static size_t next_flight(struct pair *pair, unsigned char flight[FLIGHT_BYTES])
{
	int64_t until_ms = clock_mono_ms() + PAIR_MS;
	char came[FLIGHT_BYTES];
	for (;;) {
		ssize_t len;
		while ((len = recv(pair->fds[1], came, sizeof came, 0)) > 0)
			assert_int_equal(BIO_write(SSL_get_rbio(pair->client), came, (int)len), len);
		(void)pair_client_outcome(pair, SSL_do_handshake(pair->client));
		int said = BIO_read(SSL_get_wbio(pair->client), flight, FLIGHT_BYTES);
		if (said > 0)
			return (size_t)said;
		pair_pause(pair, until_ms);
	}
}

/* Carries it byte by byte; before the last one nothing is known of the caller. Returns: what the listener's side says
 * at last. */
static ssize_t carry(struct pair *pair, const unsigned char *flight, size_t len)
{
	static unsigned char room[CERT_MAX_BYTES];
	struct cert_chain chain;
	ssize_t outcome = HTTP_TLS_WAIT;
	char byte;
	for (size_t i = 0; i < len && outcome == HTTP_TLS_WAIT; i++) {
		assert_false(http_tls_certificate(pair->link, room, sizeof room, &chain));
		loopback_send(pair->fds[1], (const char *)flight + i, 1);
		assert_int_equal(poll(&(struct pollfd){pair->fds[0], POLLIN, 0}, 1, PAIR_MS), 1);
		outcome = http_tls_read(pair->link, &byte, 1);
	}
	return outcome;
}

static void a_certificate_is_told_only_once_its_key_was_shown(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	static unsigned char flight[FLIGHT_BYTES], room[CERT_MAX_BYTES];
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair pair = carried(versions[i]);
		struct cert_chain chain = {0};
		for (int n = 0; n < 2; n++) { /* hello, then certificate, proof and end */
			size_t len = next_flight(&pair, flight);
			assert_int_equal(carry(&pair, flight, len), HTTP_TLS_WAIT);
		}
		assert_true(http_tls_certificate(pair.link, room, sizeof room, &chain));
		assert_int_equal(chain.count, 1);
		assert_int_equal(chain.list[0].len, world.caller.len);
		assert_memory_equal(chain.list[0].data, world.caller.der, world.caller.len);
		pair_free(&pair);
	}
}

/* The signature in TLS 1.2's CertificateVerify, which is not enciphered. */
static unsigned char *proof_end(unsigned char *flight, size_t len)
{
	for (size_t at = 0, size; at + RECORD_HEAD < len; at += RECORD_HEAD + size) {
		size = (size_t)flight[at + 3] << 8 | flight[at + 4];
		if (flight[at] == RECORD_HANDSHAKE && flight[at + RECORD_HEAD] == CERTIFICATE_VERIFY)
			return flight + at + RECORD_HEAD + size - 1;
	}
	return NULL;
}

static void a_certificate_of_somebody_else_ends_the_connection(void **state)
{
	static unsigned char flight[FLIGHT_BYTES], room[CERT_MAX_BYTES];
	struct pair pair = carried(TLS1_2_VERSION);
	struct cert_chain chain;
	(void)state;
	size_t len = next_flight(&pair, flight);
	assert_int_equal(carry(&pair, flight, len), HTTP_TLS_WAIT);
	len = next_flight(&pair, flight);
	unsigned char *proof = proof_end(flight, len);
	assert_non_null(proof);
	*proof ^= 1;
	assert_int_equal(carry(&pair, flight, len), HTTP_TLS_OVER);
	assert_false(http_tls_certificate(pair.link, room, sizeof room, &chain));
	assert_int_equal(http_tls_write(pair.link, "x", 1), HTTP_TLS_OVER);
	pair_free(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_certificate_is_told_only_once_its_key_was_shown),
	        cmocka_unit_test(a_certificate_of_somebody_else_ends_the_connection),
	};
	return cmocka_run_group_tests(tests, make_world, end_world);
}
