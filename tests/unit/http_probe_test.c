/* http_probe: a host is reached up to the TLS handshake and no further; what is refused is told by its reason. */
#include "http_tls_fixture.h"
#include "workers/http_probe.h"

struct probed {
	enum err_code code;
	int64_t took_ms;
	char why[HTTP_PROBE_WHY_BYTES];
	struct buf pem;
};

static struct probed probe(const char *url, const char *proxy, const char *ca_file)
{
	const struct http_probe probe = {.url = url, .proxy = proxy, .ca_file = ca_file, .timeout_ms = TLS_CALL_MS};
	struct probed found = {.took_ms = -1};
	buf_init(&found.pem, HTTP_PROBE_PEM_BYTES);
	found.code = http_probe_connect(&probe, &found.pem, &found.took_ms, found.why);
	return found;
}

/* The server's certificate is for `name`; it is asked for as localhost. */
static struct probed probe_shape(const char *name, int64_t from_days, int64_t to_days, bool trusted)
{
	struct tls_server server;
	const struct tls_shape shape = {name, from_days, to_days, 0};
	char url[64];
	tls_start(&server, &shape);
	(void)snprintf(url, sizeof url, "https://localhost:%d", server.listener.port);
	struct probed found = probe(url, NULL, trusted ? server.ca_path : NULL);
	assert_int_equal(atomic_load(&server.requests), 0);
	tls_end(&server);
	return found;
}

static void a_host_is_reached_without_a_request_and_shows_its_certificate(void **state)
{
	(void)state;
	struct probed found = probe_shape("localhost", -1, 30, true);
	assert_int_equal(found.code, ERR_OK);
	assert_string_equal(found.why, "");
	assert_true(found.took_ms >= 0);
	BIO *bio = BIO_new_mem_buf(found.pem.data, (int)found.pem.len);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	assert_non_null(certificate);
	X509_free(certificate);
	BIO_free(bio);
	buf_fini(&found.pem);
}

static void a_certificate_that_is_not_good_is_refused_with_the_reason(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int64_t from_days, to_days;
		bool trusted;
		const char *word;
	} rows[] = {
	        {"localhost", -30, -1, true, "expired"},
	        {"localhost", 1, 30, true, "not yet valid"},
	        {"localhost", -1, 30, false, "certificate"},
	        {"other.test", -1, 30, true, "localhost"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct probed found = probe_shape(rows[i].name, rows[i].from_days, rows[i].to_days, rows[i].trusted);
		assert_int_equal(found.code, ERR_INVALID);
		assert_non_null(strstr(found.why, rows[i].word));
		assert_int_equal(found.took_ms, -1);
		buf_fini(&found.pem);
	}
}

static void a_port_where_nobody_listens_is_not_reached(void **state)
{
	(void)state;
	struct probed found = probe("http://127.0.0.1:1/path", NULL, NULL);
	assert_int_equal(found.code, ERR_UNAVAILABLE);
	assert_true(strlen(found.why) > 0);
	found = probe("ftp://127.0.0.1/", NULL, NULL);
	assert_int_equal(found.code, ERR_INVALID);
}

static void other_hosts_are_reached_through_the_proxy_and_its_password_stays_secret(void **state)
{
	(void)state;
	struct tls_server server;
	struct proxy proxy;
	char url[80];
	const struct tls_shape shape = {TLS_NAME, -1, 30, 0};
	tls_start(&server, &shape);
	proxy_start(&proxy, server.listener.port, "HTTP/1.1 200 Connection established\r\n\r\n");
	(void)snprintf(url, sizeof url, "http://user:hunter22@127.0.0.1:%d", proxy.listener.port);
	struct probed found = probe("https://" TLS_NAME, url, server.ca_path);
	assert_string_equal(found.why, "");
	assert_int_equal(found.code, ERR_OK);
	assert_true(found.pem.len > 0);
	buf_fini(&found.pem);
	listener_end(&proxy.listener);
	assert_non_null(strstr(proxy.seen, "CONNECT " TLS_NAME ":443"));
	found = probe("https://" TLS_NAME, url, server.ca_path); /* the proxy is gone */
	assert_int_equal(found.code, ERR_UNAVAILABLE);
	assert_null(strstr(found.why, "hunter22"));
	tls_end(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_host_is_reached_without_a_request_and_shows_its_certificate),
	        cmocka_unit_test(a_certificate_that_is_not_good_is_refused_with_the_reason),
	        cmocka_unit_test(a_port_where_nobody_listens_is_not_reached),
	        cmocka_unit_test(other_hosts_are_reached_through_the_proxy_and_its_password_stays_secret),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
