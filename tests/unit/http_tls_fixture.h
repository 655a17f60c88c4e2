/* http_tls_fixture: a TLS server, a proxy and an HTTP client in one loop. Server and proxy are threads that serve one
 * connection after the other. For tests of http_curl that need https: names, certificates, tunnels. */
#ifndef VERIFYD_TEST_HTTP_TLS_FIXTURE_H
#define VERIFYD_TEST_HTTP_TLS_FIXTURE_H

#include "cert_fixture.h"
#include "http_lookup.h"
#include "loopback.h"
#include "workers/http_curl.h"
#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

#define TLS_NAME   "vendor.test"
#define TLS_SECRET "c2VjcmV0OnNlY3JldA"

enum { TLS_SEEN_BYTES = 64 * 1024, TLS_CALLS = 512, TLS_CALL_MS = 20000 };

/* ---- threads that listen ---- */

struct listener {
	pthread_t thread;
	int fd, port;
	void (*serve)(void *ctx, int fd);
	void *ctx;
	atomic_int connections;
	atomic_bool ends;
};

static inline void *listener_run(void *ctx)
{
	struct listener *listener = ctx;
	sigset_t pipe;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, NULL); /* OpenSSL writes to peers that have gone; only here: http_curl must not */
	for (;;) {
		int fd = accept(listener->fd, NULL, NULL);
		if (fd < 0 || atomic_load(&listener->ends)) {
			close(fd);
			return NULL;
		}
		atomic_fetch_add(&listener->connections, 1);
		listener->serve(listener->ctx, fd);
		close(fd);
	}
}

static inline void listener_start(struct listener *listener, void (*serve)(void *ctx, int fd), void *ctx)
{
	memset(listener, 0, sizeof(*listener));
	listener->serve = serve;
	listener->ctx = ctx;
	listener->fd = loopback_listen(64, &listener->port);
	assert_int_equal(pthread_create(&listener->thread, NULL, listener_run, listener), 0);
}

static inline void listener_end(struct listener *listener)
{
	atomic_store(&listener->ends, true);
	shutdown(listener->fd, SHUT_RDWR);
	pthread_join(listener->thread, NULL);
	close(listener->fd);
}

/* ---- the TLS server ---- */

struct tls_server {
	struct listener listener;
	SSL_CTX *context;
	char ca_path[CERT_PATH_BYTES]; /* its certificate */
	atomic_int handshakes, resumed, requests;
	atomic_bool keeps; /* connections open after an answer */
};

/* What to make of the certificate and the protocol. */
struct tls_shape {
	const char *name;             /* TLS_NAME */
	int64_t from_days, to_days;   /* from now */
	int max_version;              /* 0: the newest */
};

static const struct tls_shape tls_good = {TLS_NAME, -1, 30, 0};

/* Returns: whether a request came and was answered. */
static inline bool tls_answer(struct tls_server *server, SSL *ssl)
{
	bool keeps = atomic_load(&server->keeps);
	char in[8192] = "", answer[128];
	int len = 0, got = 1;

	while (got > 0 && !strstr(in, "\r\n\r\n") && len < (int)sizeof(in) - 1) {
		got = SSL_read(ssl, in + len, (int)sizeof(in) - 1 - len);
		len += got > 0 ? got : 0;
		in[len] = '\0';
	}
	if (!strstr(in, "\r\n\r\n"))
		return false;
	atomic_fetch_add(&server->requests, 1);
	len = snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\n%sContent-Length: 2\r\n\r\n{}",
	               keeps ? "" : "Connection: close\r\n");
	return SSL_write(ssl, answer, len) > 0 && keeps;
}

static inline void tls_serve(void *ctx, int fd)
{
	struct tls_server *server = ctx;
	SSL *ssl = SSL_new(server->context);

	cert_must(ssl && SSL_set_fd(ssl, fd) == 1);
	if (SSL_accept(ssl) == 1) {
		atomic_fetch_add(&server->handshakes, 1);
		atomic_fetch_add(&server->resumed, SSL_session_reused(ssl));
		while (tls_answer(server, ssl))
			continue;
		(void)SSL_shutdown(ssl);
	}
	SSL_free(ssl);
}

static inline X509 *tls_certificate(EVP_PKEY *key, const struct tls_shape *shape)
{
	char names[128];
	int64_t now = time(NULL);
	X509 *certificate = cert_new(key, shape->name, now + shape->from_days * CERT_DAY_S, now + shape->to_days * CERT_DAY_S);

	snprintf(names, sizeof(names), "DNS:%s", shape->name);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	cert_must(extension && X509_add_ext(certificate, extension, -1) == 1 &&
	          X509_sign(certificate, key, EVP_sha256()) > 0);
	X509_EXTENSION_free(extension);
	return certificate;
}

static inline void tls_start(struct tls_server *server, const struct tls_shape *shape)
{
	struct buf pem;
	EVP_PKEY *key = EVP_EC_gen("P-256");

	memset(server, 0, sizeof(*server));
	X509 *certificate = tls_certificate(key, shape);
	server->context = SSL_CTX_new(TLS_server_method());
	cert_must(server->context && SSL_CTX_use_certificate(server->context, certificate) == 1 &&
	          SSL_CTX_use_PrivateKey(server->context, key) == 1 &&
	          SSL_CTX_set_session_id_context(server->context, (const unsigned char *)"t", 1) == 1);
	if (shape->max_version) {
		SSL_CTX_set_security_level(server->context, 0);
		cert_must(SSL_CTX_set_min_proto_version(server->context, TLS1_VERSION) == 1 &&
		          SSL_CTX_set_max_proto_version(server->context, shape->max_version) == 1);
	}
	buf_init(&pem, CERT_FILE_MAX_BYTES);
	cert_put_pem(&pem, certificate);
	cert_file(&pem, server->ca_path);
	buf_fini(&pem);
	X509_free(certificate);
	EVP_PKEY_free(key);
	listener_start(&server->listener, tls_serve, server);
}

static inline void tls_end(struct tls_server *server)
{
	listener_end(&server->listener);
	SSL_CTX_free(server->context);
	(void)unlink(server->ca_path);
}

/* ---- the proxy ---- */

struct proxy {
	struct listener listener;
	const char *answer; /* to CONNECT; with "200" the tunnel is opened, "" is a proxy that says nothing and hangs up */
	int target;         /* port on loopback, whatever CONNECT names */
	char seen[TLS_SEEN_BYTES]; /* what came from the client, CONNECT included; read it when the proxy has ended */
	size_t seen_len;
};

static inline bool proxy_move(struct proxy *proxy, int from, int to, bool note)
{
	char data[4096];
	ssize_t got = recv(from, data, sizeof(data), 0);

	if (got <= 0)
		return false;
	for (ssize_t i = 0; note && i < got && proxy->seen_len < sizeof(proxy->seen) - 1; i++)
		proxy->seen[proxy->seen_len++] = data[i];
	return send(to, data, (size_t)got, MSG_NOSIGNAL) == got;
}

static inline void proxy_tunnel(struct proxy *proxy, int fd)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_port = htons((uint16_t)proxy->target),
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int target = socket(AF_INET, SOCK_STREAM, 0);
	bool open = connect(target, (struct sockaddr *)&address, sizeof(address)) == 0;

	while (open) {
		struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = target, .events = POLLIN}};
		open = poll(fds, 2, TLS_CALL_MS) > 0;
		if (open && fds[0].revents)
			open = proxy_move(proxy, fd, target, true);
		if (open && fds[1].revents)
			open = proxy_move(proxy, target, fd, false);
	}
	close(target);
}

static inline void proxy_serve(void *ctx, int fd)
{
	struct proxy *proxy = ctx;
	size_t from = proxy->seen_len;

	while (!strstr(proxy->seen + from, "\r\n\r\n")) {
		ssize_t got = recv(fd, proxy->seen + proxy->seen_len, 1, 0);
		if (got <= 0)
			return;
		proxy->seen_len++;
	}
	(void)send(fd, proxy->answer, strlen(proxy->answer), MSG_NOSIGNAL);
	if (strstr(proxy->answer, " 200 "))
		proxy_tunnel(proxy, fd);
}

static inline void proxy_start(struct proxy *proxy, int target, const char *answer)
{
	memset(proxy, 0, sizeof(*proxy));
	proxy->target = target;
	proxy->answer = answer;
	listener_start(&proxy->listener, proxy_serve, proxy);
}

/* ---- the client ---- */

struct tls_call {
	struct tls_client *client;
	struct http_request request;
	struct http_call *call;
	int done;
	struct http_result result;
};

struct tls_client {
	uv_loop_t loop;
	struct http_curl *http;
	struct tls_call calls[TLS_CALLS];
	size_t used;
	int done;
};

static inline struct http_curl_options tls_options(const struct tls_server *server)
{
	return (struct http_curl_options){.max_connections = 8,
	                                  .max_host_connections = 8,
	                                  .connect_timeout_ms = TLS_CALL_MS,
	                                  .max_idle_s = 20,
	                                  .max_life_s = 300,
	                                  .ca_file = server ? server->ca_path : NULL,
	                                  .lookup = lookup_begin};
}

static inline void tls_client_start(struct tls_client *client, const struct http_curl_options *options)
{
	memset(client, 0, sizeof(*client));
	assert_int_equal(uv_loop_init(&client->loop), 0);
	assert_int_equal(http_curl_new(&client->loop, options, &client->http, NULL), ERR_OK);
}

static inline void tls_client_end(struct tls_client *client)
{
	http_curl_close(client->http);
	while (lookups_open() > 0)
		lookup_answer(NULL);
	while (uv_run(&client->loop, UV_RUN_DEFAULT) != 0)
		continue;
	assert_int_equal(uv_loop_close(&client->loop), 0); /* nothing is left behind */
	for (size_t i = 0; i < client->used; i++)
		http_request_fini(&client->calls[i].request);
	lookups_reset();
}

static inline void tls_on_done(void *ctx, const struct http_result *result)
{
	struct tls_call *call = ctx;

	call->done++;
	call->client->done++;
	call->result = *result;
	uv_stop(&call->client->loop);
}

static inline enum err_code tls_try(struct tls_client *client, const char *url, int timeout_ms, bool is_foreign,
                                    struct tls_call **ret_call)
{
	assert_true(client->used < TLS_CALLS);
	struct tls_call *call = *ret_call = &client->calls[client->used++];

	call->client = client;
	http_request_init(&call->request);
	call->request.timeout_ms = timeout_ms;
	call->request.is_foreign = is_foreign;
	assert_int_equal(buf_append_str(&call->request.url, url), ERR_OK);
	assert_int_equal(http_request_header(&call->request, "Authorization", "Basic " TLS_SECRET), ERR_OK);
	enum err_code code = http_curl_start(client->http, &call->request, tls_on_done, call, &call->call, NULL);
	assert_int_equal(call->done, 0); /* never from inside start */
	return code;
}

static inline struct tls_call *tls_begin_url(struct tls_client *client, const char *url, int timeout_ms, bool is_foreign)
{
	struct tls_call *call = NULL;

	assert_int_equal(tls_try(client, url, timeout_ms, is_foreign, &call), ERR_OK);
	return call;
}

static inline struct tls_call *tls_begin(struct tls_client *client, int port)
{
	char url[128];

	snprintf(url, sizeof(url), "https://" TLS_NAME ":%d/hidden?q=hidden", port);
	return tls_begin_url(client, url, TLS_CALL_MS, false);
}

static inline void tls_run_until(struct tls_client *client, int done)
{
	while (client->done < done)
		uv_run(&client->loop, UV_RUN_DEFAULT);
}

static inline struct tls_call *tls_finish(struct tls_client *client, struct tls_call *call)
{
	while (call->done == 0)
		uv_run(&client->loop, UV_RUN_DEFAULT);
	assert_int_equal(call->done, 1);
	return call;
}

/* A call to TLS_NAME; its name's address is told once it is asked for. */
static inline struct tls_call *tls_run(struct tls_client *client, int port)
{
	struct tls_call *call = tls_begin(client, port);

	if (lookups_open() > 0)
		lookup_answer("127.0.0.1");
	return tls_finish(client, call);
}

static inline void tls_assert_ok(const struct tls_call *call)
{
	if (!call->result.ok)
		fail_msg("failed: %s", call->result.detail);
	assert_int_equal(call->result.response.status, 200);
}

static inline void tls_assert_failed(const struct tls_call *call, enum failure failure, const char *detail)
{
	assert_false(call->result.ok);
	assert_string_equal(call->result.detail, detail);
	assert_int_equal(call->result.failure, failure);
	assert_false(call->result.bytes_sent);
}

#endif
