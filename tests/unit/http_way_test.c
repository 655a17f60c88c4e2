/* Tests of common/adapters/http_way, as each of its users calls a TLS server by it: a file of authorities of one's own
 * is trusted alone, and without one the system's are. What the system trusts is the test's: each new handle of libcurl
 * gets a folder of authorities here (the linker puts
 * __wrap_curl_easy_init in place of libcurl's). */
#include "common/adapters/http_fetch.h"
#include "common/adapters/otlp_export.h"
#include "http_tls_fixture.h"
#include "workers/http_probe.h"

static char system_folder[CERT_PATH_BYTES];

CURL *__real_curl_easy_init(void);
CURL *__wrap_curl_easy_init(void);

CURL *__wrap_curl_easy_init(void)
{
	CURL *curl = __real_curl_easy_init();
	if (curl && (curl_easy_setopt(curl, CURLOPT_CAINFO, NULL) != CURLE_OK ||
	             curl_easy_setopt(curl, CURLOPT_CAPATH, system_folder) != CURLE_OK))
		abort();
	return curl;
}

/* The name by which OpenSSL looks for an authority in such a folder. */
static void name_in_folder(const char *ca_path, char ret_name[2 * CERT_PATH_BYTES])
{
	FILE *file = fopen(ca_path, "re");
	assert_non_null(file);
	X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
	cert_must(certificate != NULL);
	(void)snprintf(ret_name, 2 * CERT_PATH_BYTES, "%s/%08lx.0", system_folder, X509_subject_name_hash(certificate));
	X509_free(certificate);
	(void)fclose(file);
}

static void fetch(const char *url, const char *ca_file)
{
	atomic_bool stop = false;
	struct buf out;
	buf_init(&out, 1024);
	enum err_code code = http_fetch(&(struct http_way){.url = url, .ca_file = ca_file}, &stop, &out, NULL);
	assert_true(code == ERR_OK || code == ERR_UNAVAILABLE);
	buf_fini(&out);
}

static void probe(const char *url, const char *ca_file)
{
	const struct http_probe probe = {.url = url, .ca_file = ca_file, .timeout_ms = TLS_CALL_MS};
	char why[HTTP_PROBE_WHY_BYTES];
	int64_t took_ms;
	struct buf pem;
	buf_init(&pem, HTTP_PROBE_PEM_BYTES);
	enum err_code code = http_probe_connect(&probe, &pem, &took_ms, why);
	assert_true(code == ERR_OK || code == ERR_INVALID);
	buf_fini(&pem);
}

static void export(const char *url, const char *ca_file)
{
	char endpoint[128], file[128];
	char *const settings[] = {endpoint, ca_file ? file : NULL, NULL};
	struct span span = {.context = {"0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", true},
	                    .kind = SPAN_INTERNAL,
	                    .name = "test",
	                    .begin_us = 1};
	struct otlp_export *exporter = NULL;
	struct metrics *metrics = NULL;
	struct config *config = NULL;
	int ignored;
	(void)snprintf(endpoint, sizeof endpoint, "VERIFYD_OTLP_ENDPOINT=%s", url);
	(void)snprintf(file, sizeof file, "VERIFYD_OTLP_CA_FILE=%s", ca_file ? ca_file : "");
	assert_int_equal(config_read(CONFIG_WORKER, settings, NULL, &config, &ignored), ERR_OK);
	assert_int_equal(metrics_new(&metrics), ERR_OK);
	assert_int_equal(otlp_export_start(config, "tester", metrics, &exporter, NULL), ERR_OK);
	tracer_tell(otlp_export_tracer(exporter), &span);
	otlp_export_stop(exporter, TLS_CALL_MS); /* sends it first */
	metrics_free(metrics);
	config_free(config);
}

static void (*const users[])(const char *url, const char *ca_file) = {fetch, probe, export};

enum named { NONE, ITS_OWN, ANOTHERS };

/* Returns: whether a call with this file of authorities gets through TLS. */
static bool gets_through(size_t user, bool system_trusts, enum named named)
{
	const struct tls_shape shape = {"localhost", -1, 30, 0};
	struct tls_server server, another;
	char url[64], name[2 * CERT_PATH_BYTES];
	tls_start(&server, &shape);
	tls_start(&another, &tls_good); /* another name: else OpenSSL looks no further than the file */
	(void)snprintf(url, sizeof url, "https://localhost:%d", server.listener.port);
	name_in_folder(server.ca_path, name);
	if (system_trusts)
		assert_int_equal(symlink(server.ca_path, name), 0);
	users[user](url, named == NONE ? NULL : named == ITS_OWN ? server.ca_path : another.ca_path);
	if (system_trusts)
		assert_int_equal(unlink(name), 0);
	tls_end(&another);
	tls_end(&server);
	return atomic_load(&server.handshakes) > 0;
}

static void an_own_file_of_authorities_is_trusted_instead_of_the_systems(void **state)
{
	static const struct {
		bool system_trusts;
		enum named named;
		bool through;
	} rows[] = {
	        {true, NONE, true},
	        {false, NONE, false},
	        {false, ITS_OWN, true},
	        {true, ANOTHERS, false},
	};
	(void)state;
	for (size_t user = 0; user < sizeof users / sizeof *users; user++)
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
			if (gets_through(user, rows[i].system_trusts, rows[i].named) != rows[i].through)
				fail_msg("user %zu, row %zu", user, i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_own_file_of_authorities_is_trusted_instead_of_the_systems),
	};
	(void)snprintf(system_folder, sizeof system_folder, "/tmp/verifyd-cert-XXXXXX");
	if (!mkdtemp(system_folder) || http_fetch_open() != ERR_OK)
		return 1;
	int failed = cmocka_run_group_tests_name("http_way", tests, NULL, NULL);
	http_fetch_close();
	return failed + (rmdir(system_folder) != 0);
}
