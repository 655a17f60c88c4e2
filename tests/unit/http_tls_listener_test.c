/* http_tls: what the public listener's TLS lets in, tells and ends, as a client of OpenSSL sees it. */
#include "tests/unit/http_tls_pair.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { ECHO_BYTES = 1024 * 1024, ECHO_HELD_BYTES = 24 * 1024, SMALL_BUFFER = 8 * 1024, HANDSHAKES = 200 };

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static struct world {
	struct made root, own, own_rsa;           /* the listener's */
	struct made self_signed, authority, leaf; /* the callers' */
	struct http_tls *asking, *plain, *rsa;
} world;

static int make_world(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN); /* as in every program of the product */
	world.root = made_new(&(struct shape){.name = "root", .constraints = "critical,CA:TRUE"}, NULL);
	world.own = made_new(&(struct shape){.name = "idv.contoso.example"}, &world.root);
	world.own_rsa = pair_rsa(2048, X509_VERSION_3, false);
	world.self_signed = made_new(&(struct shape){.name = "alone"}, NULL);
	world.authority = made_new(&(struct shape){.name = "callers", .constraints = "critical,CA:TRUE"}, NULL);
	world.leaf = made_new(&(struct shape){.name = "b2c", .usage = "clientAuth"}, &world.authority);
	const struct made *const own[] = {&world.own, &world.root, NULL}, *const rsa[] = {&world.own_rsa, NULL};
	world.asking = pair_listener(own, &world.authority, true);
	world.plain = pair_listener(own, NULL, false);
	world.rsa = pair_listener(rsa, NULL, true);
	return 0;
}

static int end_world(void **state)
{
	(void)state;
	http_tls_free(world.asking);
	http_tls_free(world.plain);
	http_tls_free(world.rsa);
	http_tls_free(NULL);
	http_tls_close(NULL);
	made_free(&world.root);
	made_free(&world.own);
	made_free(&world.own_rsa);
	made_free(&world.self_signed);
	made_free(&world.authority);
	made_free(&world.leaf);
	return 0;
}

/* Whether they meet; if so, *ret_cipher is what was agreed on. */
static bool meets(struct http_tls *tls, const struct caller *caller, const char **ret_cipher)
{
	struct pair pair = pair_new(tls, caller);
	bool met = pair_meets(&pair);
	char byte;
	if (met) {
		*ret_cipher = SSL_get_cipher_name(pair.client);
	} else {
		assert_int_equal(pair_reads(&pair, &byte, 1), HTTP_TLS_OVER);
		assert_int_equal(http_tls_read(pair.link, &byte, 1), HTTP_TLS_OVER);
		assert_int_equal(http_tls_write(pair.link, "x", 1), HTTP_TLS_OVER);
	}
	assert_int_equal(ERR_peek_error(), 0);
	pair_free(&pair);
	return met;
}

/* ---- versions and ciphers ---- */

static void tls_1_2_and_1_3_are_spoken_and_nothing_older(void **state)
{
	const char *cipher;
	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_true(meets(world.asking, &(struct caller){.version = versions[i]}, &cipher));
	assert_false(meets(world.asking, &(struct caller){.version = TLS1_1_VERSION}, &cipher));
	assert_false(meets(world.asking, &(struct caller){.version = TLS1_VERSION}, &cipher));
}

static void ciphers_are_ephemeral_and_aead_in_our_order(void **state)
{
	static const struct {
		bool rsa;
		const char *offered, *chosen;
	} rows[] = {
	        {false, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
	        {false, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305"},
	        {false, "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-CCM", NULL},
	        {true, "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
	        {true, "AES256-GCM-SHA384:AES128-SHA:AES128-CCM", NULL},
	        {true, "DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305", NULL},
	        {true, "ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA", NULL},
	        {true, "ECDHE-RSA-NULL-SHA:NULL-SHA256:AECDH-AES128-SHA", NULL},
	};
	const char *cipher;
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct caller caller = {.version = TLS1_2_VERSION, .ciphers = rows[i].offered};
		if (meets(rows[i].rsa ? world.rsa : world.plain, &caller, &cipher) != (rows[i].chosen != NULL))
			fail_msg("row %zu", i);
		if (rows[i].chosen)
			assert_string_equal(cipher, rows[i].chosen);
	}
	const struct caller modern = {.version = TLS1_3_VERSION,
	                              .ciphers_13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"};
	assert_true(meets(world.plain, &modern, &cipher));
	assert_string_equal(cipher, "TLS_AES_256_GCM_SHA384");
}

static void http_1_1_is_chosen_and_http_2_is_not(void **state)
{
	static const char *const offers[] = {"\x02h2\x08http/1.1", "\x08http/1.0\x08http/1.1", "\x02h2", NULL};
	static const char *const chosen[] = {"http/1.1", "http/1.1", "", ""};
	(void)state;
	for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
		struct pair pair = pair_new(world.plain, &(struct caller){.protocols = offers[i]});
		const unsigned char *name = NULL;
		unsigned len = 0;
		assert_true(pair_meets(&pair));
		SSL_get0_alpn_selected(pair.client, &name, &len);
		assert_int_equal(len, strlen(chosen[i]));
		assert_true(len == 0 || memcmp(name, chosen[i], len) == 0);
		pair_free(&pair);
	}
}

static void a_second_handshake_on_a_connection_is_refused(void **state)
{
	struct pair pair = pair_new(world.asking, &(struct caller){.version = TLS1_2_VERSION});
	int64_t until_ms = clock_mono_ms() + PAIR_MS;
	ssize_t outcome;
	char byte;
	(void)state;
	assert_true(pair_meets(&pair));
	assert_int_equal(SSL_renegotiate(pair.client), 1);
	while ((outcome = pair_client_outcome(&pair, SSL_do_handshake(pair.client))) == PAIR_WAIT) {
		(void)http_tls_read(pair.link, &byte, 1);
		pair_pause(&pair, until_ms);
	}
	assert_int_equal(outcome, PAIR_OVER);
	pair_free(&pair);
}

static void no_session_is_resumed(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct caller caller = {.version = versions[i], .chain = {&world.self_signed}};
		struct pair first = pair_new(world.asking, &caller);
		assert_true(pair_meets(&first));
		caller.session = SSL_get1_session(first.client);
		assert_int_equal(SSL_SESSION_is_resumable(caller.session), 0);
		assert_int_equal(SSL_SESSION_has_ticket(caller.session), 0);
		http_tls_end(first.link);
		pair_free(&first);
		struct pair second = pair_new(world.asking, &caller);
		assert_true(pair_meets(&second));
		assert_int_equal(SSL_session_reused(second.client), 0);
		pair_free(&second);
		SSL_SESSION_free(caller.session);
	}
}

/* ---- bytes ---- */

/* What the listener's side holds of an echo: written from one place and then from another. */
struct echo {
	char held[2][ECHO_HELD_BYTES];
	size_t len;
	int at;
	bool waited; /* to write */
};

static void echo_step(struct pair *pair, struct echo *echo)
{
	ssize_t done;
	while (echo->len < ECHO_HELD_BYTES && (done = http_tls_read(pair->link, echo->held[echo->at] + echo->len,
	                                                            ECHO_HELD_BYTES - echo->len)) != HTTP_TLS_WAIT) {
		assert_true(done > 0);
		echo->len += (size_t)done;
	}
	if (echo->len == 0)
		return;
	done = http_tls_write(pair->link, echo->held[echo->at], echo->len);
	assert_true(done != HTTP_TLS_OVER);
	echo->waited = echo->waited || done == HTTP_TLS_WAIT;
	size_t sent = done > 0 ? (size_t)done : 0;
	memcpy(echo->held[!echo->at], echo->held[echo->at] + sent, echo->len - sent);
	memset(echo->held[echo->at], 0, ECHO_HELD_BYTES);
	echo->at = !echo->at;
	echo->len -= sent;
}

static void much_goes_both_ways_through_small_sockets(void **state)
{
	char *out = malloc(ECHO_BYTES), *back = malloc(ECHO_BYTES);
	(void)state;
	assert_true(out && back);
	for (size_t i = 0; i < ECHO_BYTES; i++)
		out[i] = (char)(i * 2654435761U >> 13);
	for (size_t i = 0; i < 2; i++) {
		struct pair pair =
		        pair_new(world.plain, &(struct caller){.version = versions[i], .buffer_bytes = SMALL_BUFFER});
		static struct echo echo;
		int64_t until_ms = clock_mono_ms() + PAIR_MS;
		size_t sent = 0, got = 0;
		echo = (struct echo){.len = 0};
		while (got < ECHO_BYTES) {
			ssize_t done =
			        sent < ECHO_BYTES ? pair_client_write(&pair, out + sent, ECHO_BYTES - sent) : PAIR_WAIT;
			sent += done > 0 ? (size_t)done : 0;
			echo_step(&pair, &echo);
			ssize_t read = PAIR_WAIT;
			/* it reads nothing until the listener's side has had to wait */
			while (echo.waited && got < ECHO_BYTES &&
			       (read = pair_client_read(&pair, back + got, ECHO_BYTES - got)) > 0)
				got += (size_t)read;
			assert_true(done != PAIR_OVER && read != PAIR_OVER);
			if (done == PAIR_WAIT && read == PAIR_WAIT)
				pair_pause(&pair, until_ms);
		}
		assert_true(echo.waited);
		assert_int_equal(memcmp(out, back, ECHO_BYTES), 0);
		pair_free(&pair);
	}
	free(out);
	free(back);
}

/* ---- certificates ---- */

/* What is seen of a caller that shows these; NULL ends them. */
static void assert_seen(struct http_tls *tls, int version, const struct made *const *shown, size_t count)
{
	static unsigned char room[CERT_MAX_BYTES];
	struct caller caller = {.version = version};
	struct cert_chain chain = {0};
	for (size_t i = 0; shown[i]; i++)
		caller.chain[i] = shown[i];
	struct pair pair = pair_new(tls, &caller);
	assert_false(http_tls_certificate(pair.link, room, sizeof room, &chain));
	assert_true(pair_meets(&pair));
	assert_int_equal(http_tls_certificate(pair.link, room, sizeof room, &chain), count > 0);
	assert_int_equal(chain.count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(chain.list[i].len, shown[i]->len);
		assert_memory_equal(chain.list[i].data, shown[i]->der, shown[i]->len);
	}
	pair_free(&pair);
}

static void callers_certificates_are_seen_as_they_were_sent(void **state)
{
	const struct made *const none[] = {NULL}, *const alone[] = {&world.self_signed, NULL},
	                         *const two[] = {&world.leaf, &world.authority, NULL},
	                         *const six[] = {&world.leaf,        &world.authority, &world.root, &world.own,
	                                         &world.self_signed, &world.own_rsa,   NULL};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_seen(world.asking, versions[i], none, 0);
		assert_seen(world.asking, versions[i], alone, 1);
		assert_seen(world.asking, versions[i], two, 2);
		assert_seen(world.asking, versions[i], six, CERT_CHAIN_MAX);
		assert_seen(world.rsa, versions[i], two, 2); /* nobody was told which ones are wanted */
		assert_seen(world.plain, versions[i], two, 0);
	}
}

static void no_certificate_is_judged_in_the_handshake(void **state)
{
	struct made odd[] = {pair_rsa(1024, X509_VERSION_3, true), pair_rsa(2048, X509_VERSION_1, false),
	                     made_new(&(struct shape){.name = "late", .from_days = -30, .to_days = -1, .weak = true},
	                              &world.authority),
	                     made_new(&(struct shape){.name = "early", .from_days = 2, .to_days = 3}, &world.root),
	                     made_new(&(struct shape){.name = "server", .usage = "serverAuth"}, NULL)};
	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		for (size_t k = 0; k < 2; k++)
			assert_seen(world.asking, versions[k], (const struct made *const[]){&odd[i], NULL}, 1);
		made_free(&odd[i]);
	}
}

static void certificates_that_find_no_room_are_left_out(void **state)
{
	struct pair pair = pair_new(world.asking, &(struct caller){.chain = {&world.leaf, &world.authority}});
	static unsigned char room[CERT_MAX_BYTES];
	const size_t both = world.leaf.len + world.authority.len;
	const size_t sizes[] = {both, both - 1, world.leaf.len, world.leaf.len - 1, 0}, counts[] = {2, 1, 1, 0, 0};
	(void)state;
	assert_true(pair_meets(&pair));
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct cert_chain chain = {.count = 9};
		memset(room, 0xee, sizeof room);
		assert_true(http_tls_certificate(pair.link, room, sizes[i], &chain));
		assert_int_equal(chain.count, counts[i]);
		for (size_t at = sizes[i]; at < sizeof room; at++)
			assert_int_equal(room[at], 0xee);
	}
	pair_free(&pair);
}

static void callers_are_told_whose_certificates_are_wanted(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct caller caller = {.version = versions[i]};
		struct pair told = pair_new(world.asking, &caller), untold = pair_new(world.rsa, &caller);
		assert_true(pair_meets(&told) && pair_meets(&untold));
		STACK_OF(X509_NAME) *names = SSL_get_client_CA_list(told.client);
		assert_int_equal(sk_X509_NAME_num(names), 1);
		assert_int_equal(
		        X509_NAME_cmp(sk_X509_NAME_value(names, 0), X509_get_subject_name(world.authority.certificate)),
		        0);
		assert_true(sk_X509_NAME_num(SSL_get_client_CA_list(untold.client)) <= 0);
		pair_free(&told);
		pair_free(&untold);
	}
}

static void the_listeners_chain_is_sent(void **state)
{
	struct pair pair = pair_new(world.plain, &(struct caller){.version = 0});
	(void)state;
	assert_true(pair_meets(&pair));
	STACK_OF(X509) *sent = SSL_get_peer_cert_chain(pair.client);
	assert_int_equal(sk_X509_num(sent), 2);
	assert_int_equal(X509_cmp(sk_X509_value(sent, 0), world.own.certificate), 0);
	assert_int_equal(X509_cmp(sk_X509_value(sent, 1), world.root.certificate), 0);
	pair_free(&pair);
}

/* ---- ends ---- */

static void an_end_is_told_and_seen(void **state)
{
	char byte;
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair pair = pair_new(world.plain, &(struct caller){.version = versions[i]});
		http_tls_end(pair.link); /* too early to be told */
		assert_true(pair_meets(&pair));
		assert_int_equal(http_tls_write(pair.link, "z", 1), 1);
		http_tls_end(pair.link);
		http_tls_end(pair.link);
		assert_int_equal(http_tls_write(pair.link, "x", 1), HTTP_TLS_OVER);
		assert_int_equal(http_tls_read(pair.link, &byte, 1), HTTP_TLS_WAIT);
		assert_int_equal(pair_client_reads(&pair, &byte, 1), 1);
		assert_int_equal(pair_client_reads(&pair, &byte, 1), PAIR_OVER);
		assert_int_equal(pair.why, SSL_ERROR_ZERO_RETURN);
		assert_int_equal(SSL_shutdown(pair.client), 1);
		assert_int_equal(pair_reads(&pair, &byte, 1), HTTP_TLS_OVER);
		pair_free(&pair);
	}
}

static void a_caller_that_has_ended_can_still_be_answered(void **state)
{
	struct pair pair = pair_new(world.plain, &(struct caller){.version = TLS1_3_VERSION});
	char byte;
	(void)state;
	assert_true(pair_meets(&pair));
	assert_int_equal(SSL_shutdown(pair.client), 0);
	assert_int_equal(pair_reads(&pair, &byte, 1), HTTP_TLS_OVER);
	assert_int_equal(pair_reads(&pair, &byte, 1), HTTP_TLS_OVER);
	assert_int_equal(http_tls_write(pair.link, "y", 1), 1);
	http_tls_end(pair.link);
	assert_int_equal(pair_client_reads(&pair, &byte, 1), 1);
	assert_int_equal(pair_client_reads(&pair, &byte, 1), PAIR_OVER);
	assert_int_equal(pair.why, SSL_ERROR_ZERO_RETURN);
	pair_free(&pair);
}

static void a_socket_that_is_cut_is_over_at_once_and_told_no_good_end(void **state)
{
	char byte;
	(void)state;
	for (int met = 0; met < 2; met++) {
		struct pair pair = pair_new(world.plain, &(struct caller){.version = 0});
		assert_true(met ? pair_meets(&pair) : pair_client_write(&pair, "?", 1) == PAIR_WAIT);
		assert_int_equal(shutdown(pair.fds[1], SHUT_WR), 0);
		assert_int_equal(pair_reads(&pair, &byte, 1), HTTP_TLS_OVER);
		assert_int_equal(http_tls_write(pair.link, "x", 1), HTTP_TLS_OVER);
		http_tls_end(pair.link);
		http_tls_close(pair.link);
		pair.link = NULL;
		assert_int_equal(close(pair.fds[0]), 0);
		pair.fds[0] = -1;
		assert_int_equal(pair_client_reads(&pair, &byte, 1), PAIR_OVER);
		assert_int_not_equal(pair.why, SSL_ERROR_ZERO_RETURN);
		pair_free(&pair);
	}
}

static void what_is_no_tls_ends_the_connection(void **state)
{
	static const char *const noises[] = {
	        "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02\x02\xff\xff\xff\xff\xff",
	        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6"};
	char byte;
	(void)state;
	for (size_t i = 0; i < sizeof noises / sizeof *noises; i++)
		for (int met = 0; met < 2; met++) {
			struct pair pair = pair_new(world.asking, &(struct caller){.version = 0});
			assert_true(!met || pair_meets(&pair));
			for (int n = 0; n < 64; n++) /* more than the length that any of them may claim */
				loopback_send(pair.fds[1], noises[i], strlen(noises[i]));
			assert_int_equal(pair_reads(&pair, &byte, 1), HTTP_TLS_OVER);
			assert_int_equal(http_tls_write(pair.link, "x", 1), HTTP_TLS_OVER);
			http_tls_end(pair.link);
			assert_int_equal(ERR_peek_error(), 0);
			pair_free(&pair);
		}
}

/* ---- files, and many ---- */

static void files_that_openssl_does_not_take_are_refused(void **state)
{
	const struct made *const own[] = {&world.own, &world.root, NULL};
	char *good = pair_pem(own), *key = pair_key(&world.own, NULL), *other = pair_key(&world.root, NULL),
	     *locked = pair_key(&world.own, "password"), *cut = strdup(good);
	(void)state;
	cut[strlen(cut) - 100] = '\0'; /* in its second certificate */
	const struct {
		struct tls_files files;
		const char *says;
	} rows[] = {
	        {{.certificate = cut, .key = key}, "OpenSSL does not take the certificate or its chain: "},
	        {{.certificate = key, .key = key}, "OpenSSL does not take the certificate or its chain: "},
	        {{.certificate = good, .key = other}, "OpenSSL does not take the key: key values mismatch"},
	        {{.certificate = good, .key = locked}, "OpenSSL does not take the key: "},
	        {{.certificate = good, .key = key, .authorities = key},
	         "OpenSSL does not take the callers' authorities: "},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct http_tls *tls = NULL;
		struct err err = {ERR_OK, ""};
		assert_int_equal(http_tls_new(&rows[i].files, true, &tls, &err), ERR_INVALID);
		assert_null(tls);
		if (strncmp(err.msg, rows[i].says, strlen(rows[i].says)) != 0)
			fail_msg("row %zu: %s", i, err.msg);
		assert_int_equal(ERR_peek_error(), 0);
	}
	free(good);
	free(key);
	free(other);
	free(locked);
	free(cut);
}

static void many_connections_leave_nothing_behind(void **state)
{
	size_t before = pair_descriptors();
	(void)state;
	for (int n = 0; n < HANDSHAKES; n++) { /* some end well, some do not, and some have not begun */
		struct pair pair = pair_new(world.asking, &(struct caller){.version = versions[n % 2],
		                                                           .chain = {&world.leaf, &world.authority}});
		assert_true(n % 5 == 0 || pair_meets(&pair));
		if (n % 3 == 0)
			http_tls_end(pair.link);
		pair_free(&pair);
	}
	assert_int_equal(pair_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(tls_1_2_and_1_3_are_spoken_and_nothing_older),
	        cmocka_unit_test(ciphers_are_ephemeral_and_aead_in_our_order),
	        cmocka_unit_test(http_1_1_is_chosen_and_http_2_is_not),
	        cmocka_unit_test(a_second_handshake_on_a_connection_is_refused),
	        cmocka_unit_test(no_session_is_resumed),
	        cmocka_unit_test(much_goes_both_ways_through_small_sockets),
	        cmocka_unit_test(callers_certificates_are_seen_as_they_were_sent),
	        cmocka_unit_test(no_certificate_is_judged_in_the_handshake),
	        cmocka_unit_test(certificates_that_find_no_room_are_left_out),
	        cmocka_unit_test(callers_are_told_whose_certificates_are_wanted),
	        cmocka_unit_test(the_listeners_chain_is_sent),
	        cmocka_unit_test(an_end_is_told_and_seen),
	        cmocka_unit_test(a_caller_that_has_ended_can_still_be_answered),
	        cmocka_unit_test(a_socket_that_is_cut_is_over_at_once_and_told_no_good_end),
	        cmocka_unit_test(what_is_no_tls_ends_the_connection),
	        cmocka_unit_test(files_that_openssl_does_not_take_are_refused),
	        cmocka_unit_test(many_connections_leave_nothing_behind),
	};
	return cmocka_run_group_tests(tests, make_world, end_world);
}
