/* http_tls_pair: the listener's side (http_tls) and a client of OpenSSL, joined by a socket on loopback, in one thread: neither blocks.
 * What fails ends the test program. */
#ifndef VERIFYD_HTTP_TLS_PAIR_H
#define VERIFYD_HTTP_TLS_PAIR_H

#include "common/base/clock.h"
#include "ingress/http_tls.h"
#include "tests/unit/client_cert_fixture.h"
#include "tests/unit/loopback.h"
#include <dirent.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>

enum { PAIR_MS = 30000, PAIR_CHAIN = 8, PAIR_WAIT = -1, PAIR_OVER = 0 };

/* What the client is; zeroes: any version, no certificate. */
struct caller {
	int version;                      /* the only one it speaks */
	const char *ciphers, *ciphers_13; /* in its order */
	const struct made *chain[PAIR_CHAIN]; /* its own first; ended by NULL */
	const char *protocols;            /* ALPN, each behind its length */
	SSL_SESSION *session;             /* that it would like to resume */
	int buffer_bytes;                 /* of both sockets; 0: the system's */
};

struct pair {
	struct http_tls_link *link;
	SSL *client;
	int fds[2]; /* the listener's, the client's */
	int why;    /* SSL_get_error of what the client did last */
};

/* ---- certificates, and the listener's files ---- */

/* As made_new, but with RSA: of so many bits, a certificate of that version (X509_VERSION_...), a month ago if old. */
static inline struct made pair_rsa(unsigned bits, long version, bool old)
{
	int64_t now = time(NULL);
	struct made made = {.key = EVP_RSA_gen(bits)};
	cert_must(made.key != NULL);
	made.certificate = cert_new(made.key, "rsa", now - 31 * CERT_DAY_S, now + (old ? -1 : 1) * CERT_DAY_S);
	cert_must(X509_set_version(made.certificate, version) == 1 &&
	          X509_sign(made.certificate, made.key, old ? EVP_sha1() : EVP_sha256()) > 0);
	int len = i2d_X509(made.certificate, &made.der);
	cert_must(len > 0);
	made.len = (size_t)len;
	return made;
}

static inline char *pair_pem(const struct made *const *list)
{
	struct buf text;
	buf_init(&text, CERT_FILE_MAX_BYTES);
	for (size_t i = 0; list[i]; i++)
		cert_put_pem(&text, list[i]->certificate);
	char *copy = strndup(text.data, text.len);
	cert_must(copy != NULL);
	buf_fini(&text);
	return copy;
}

static inline char *pair_key(const struct made *made, const char *password)
{
	struct buf text;
	buf_init(&text, CERT_FILE_MAX_BYTES);
	cert_put_key(&text, made->key, password, false);
	char *copy = strndup(text.data, text.len);
	cert_must(copy != NULL);
	buf_fini(&text);
	return copy;
}

/* own: the listener's certificate, then its chain; ended by NULL. authority NULL: none. */
static inline struct http_tls *pair_listener(const struct made *const *own, const struct made *authority, bool asks)
{
	struct tls_files files = {.certificate = pair_pem(own), .key = pair_key(own[0], NULL)};
	files.authorities = authority ? pair_pem((const struct made *const[]){authority, NULL}) : NULL;
	struct http_tls *tls = NULL;
	struct err err = {ERR_OK, ""};
	if (http_tls_new(&files, asks, &tls, &err) != ERR_OK) {
		(void)fprintf(stderr, "%s\n", err.msg);
		abort();
	}
	free(files.certificate);
	free(files.key);
	free(files.authorities);
	return tls;
}

/* ---- the sockets ---- */

static inline void pair_connect(int fds[2], int buffer_bytes)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int port, listener = loopback_listen(1, &port);
	address.sin_port = htons((uint16_t)port);
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (int i = 0; buffer_bytes > 0 && i < 2; i++) {
		int fd = i == 0 ? listener : fds[1];
		cert_must(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes) == 0 &&
		          setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes) == 0);
	}
	cert_must(fds[1] >= 0 && connect(fds[1], (struct sockaddr *)&address, sizeof address) == 0);
	fds[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	for (int i = 0, on = 1; i < 2; i++)
		cert_must(setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
	cert_must(fds[0] >= 0 && fcntl(fds[1], F_SETFL, O_NONBLOCK) == 0 && close(listener) == 0);
}

/* How many this program has open. */
static inline size_t pair_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t count = 0;
	cert_must(folder != NULL);
	while (readdir(folder))
		count++;
	(void)closedir(folder);
	return count;
}

/* ---- the client ---- */

/* At level 0 it speaks and shows whatever it is told to. */
static inline SSL_CTX *pair_context(const struct caller *caller)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	cert_must(context != NULL);
	SSL_CTX_set_security_level(context, 0);
	cert_must(SSL_CTX_set_min_proto_version(context, caller->version ? caller->version : TLS1_2_VERSION) == 1 &&
	          SSL_CTX_set_max_proto_version(context, caller->version) == 1);
	cert_must(!caller->ciphers || SSL_CTX_set_cipher_list(context, caller->ciphers) == 1);
	cert_must(!caller->ciphers_13 || SSL_CTX_set_ciphersuites(context, caller->ciphers_13) == 1);
	for (size_t i = 0; caller->chain[i]; i++)
		cert_must(i == 0 ? SSL_CTX_use_certificate(context, caller->chain[0]->certificate) == 1 &&
		                           SSL_CTX_use_PrivateKey(context, caller->chain[0]->key) == 1
		                 : SSL_CTX_add1_chain_cert(context, caller->chain[i]->certificate) == 1);
	cert_must(!caller->protocols || SSL_CTX_set_alpn_protos(context, (const unsigned char *)caller->protocols,
	                                                        (unsigned)strlen(caller->protocols)) == 0);
	return context;
}

static inline struct pair pair_new(struct http_tls *tls, const struct caller *caller)
{
	struct pair pair = {0};
	SSL_CTX *context = pair_context(caller);
	pair_connect(pair.fds, caller->buffer_bytes);
	pair.link = http_tls_open(tls, pair.fds[0]);
	pair.client = SSL_new(context);
	cert_must(pair.link && pair.client && SSL_set_fd(pair.client, pair.fds[1]) == 1);
	cert_must(!caller->session || SSL_set_session(pair.client, caller->session) == 1);
	SSL_set_connect_state(pair.client);
	SSL_set_mode(pair.client, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_free(context);
	return pair;
}

static inline void pair_free(struct pair *pair)
{
	http_tls_close(pair->link);
	SSL_free(pair->client);
	for (int i = 0; i < 2; i++)
		cert_must(pair->fds[i] < 0 || close(pair->fds[i]) == 0);
	ERR_clear_error();
}

static inline ssize_t pair_client_outcome(struct pair *pair, int done)
{
	pair->why = SSL_get_error(pair->client, done);
	ERR_clear_error();
	if (done > 0)
		return done;
	return pair->why == SSL_ERROR_WANT_READ || pair->why == SSL_ERROR_WANT_WRITE ? PAIR_WAIT : PAIR_OVER;
}

static inline ssize_t pair_client_read(struct pair *pair, void *out, size_t size)
{
	ERR_clear_error();
	return pair_client_outcome(pair, SSL_read(pair->client, out, (int)size));
}

static inline ssize_t pair_client_write(struct pair *pair, const void *data, size_t len)
{
	ERR_clear_error();
	return pair_client_outcome(pair, SSL_write(pair->client, data, (int)len));
}

/* ---- both ---- */

/* Until something came for one of both, or for a moment: what waits to write is not asked for. */
static inline void pair_pause(const struct pair *pair, int64_t until_ms)
{
	struct pollfd polled[2] = {{pair->fds[0], POLLIN, 0}, {pair->fds[1], POLLIN, 0}};
	(void)poll(polled, 2, 2);
	cert_must(clock_mono_ms() < until_ms);
}

/* A byte there and one back, after the handshake. Returns: false: one of both says that it is over. */
static inline bool pair_meets(struct pair *pair)
{
	int64_t until_ms = clock_mono_ms() + PAIR_MS;
	ssize_t asked = PAIR_WAIT, came = PAIR_WAIT, answered = PAIR_WAIT, back = PAIR_WAIT;
	for (;;) {
		char byte = '?';
		if (asked == PAIR_WAIT)
			asked = pair_client_write(pair, "?", 1);
		if (came == PAIR_WAIT)
			came = http_tls_read(pair->link, &byte, 1);
		if (came == 1 && answered == PAIR_WAIT)
			answered = http_tls_write(pair->link, &byte, 1);
		if (asked == 1)
			back = pair_client_read(pair, &byte, 1);
		if (asked == PAIR_OVER || came == PAIR_OVER || answered == PAIR_OVER || back == PAIR_OVER)
			return false;
		if (back == 1)
			return byte == '?';
		pair_pause(pair, until_ms);
	}
}

/* What the listener's side says once it does not wait any more. */
static inline ssize_t pair_reads(struct pair *pair, void *out, size_t size)
{
	int64_t until_ms = clock_mono_ms() + PAIR_MS;
	ssize_t got;
	while ((got = http_tls_read(pair->link, out, size)) == HTTP_TLS_WAIT)
		pair_pause(pair, until_ms);
	return got;
}

static inline ssize_t pair_client_reads(struct pair *pair, void *out, size_t size)
{
	int64_t until_ms = clock_mono_ms() + PAIR_MS;
	ssize_t got;
	while ((got = pair_client_read(pair, out, size)) == PAIR_WAIT)
		pair_pause(pair, until_ms);
	return got;
}

#endif
