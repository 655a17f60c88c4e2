/* tls_files: a certificate and its key, or what is wrong with them. */
#include "ingress/tls_files.h"
#include "tests/unit/client_cert_fixture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LINE_BYTES = 1024, SETTING_BYTES = 256 };

static struct paths {
	char certificate[CERT_PATH_BYTES], key[CERT_PATH_BYTES], other_key[CERT_PATH_BYTES],
	        locked_key[CERT_PATH_BYTES];
} paths;

static int make_files(void **state)
{
	struct made one = made_new(&(struct shape){.name = "idv.contoso.example"}, NULL),
	            other = made_new(&(struct shape){.name = "x"}, NULL);
	struct buf text;
	(void)state;
	made_file(&one, false, paths.certificate);
	made_file(&one, true, paths.key);
	made_file(&other, true, paths.other_key);
	buf_init(&text, CERT_FILE_MAX_BYTES);
	cert_put_key(&text, one.key, "password", false);
	cert_file(&text, paths.locked_key);
	buf_fini(&text);
	made_free(&one);
	made_free(&other);
	return 0;
}

static int end_files(void **state)
{
	(void)state;
	(void)unlink(paths.certificate);
	(void)unlink(paths.key);
	(void)unlink(paths.other_key);
	(void)unlink(paths.locked_key);
	return 0;
}

/* Paths; NULL: not set. */
static int files_of(const char *certificate, const char *key, const char *authorities, char complaints[LINE_BYTES],
                    struct tls_files **ret_files)
{
	char settings[3][SETTING_BYTES];
	const char *list[4] = {NULL}, *const given[] = {certificate, key, authorities};
	static const char *const names[] = {"TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CLIENT_CA_FILE"};
	size_t count = 0;
	for (size_t i = 0; i < 3; i++)
		if (given[i]) {
			(void)snprintf(settings[i], SETTING_BYTES, "VERIFYD_%s=%s", names[i], given[i]);
			list[count++] = settings[i];
		}
	struct config *config = settings_of(list);
	memset(complaints, 0, LINE_BYTES);
	FILE *out = fmemopen(complaints, LINE_BYTES - 1, "w");
	assert_non_null(out);
	int mistakes = tls_files_new(config, out, ret_files);
	assert_int_equal(fclose(out), 0);
	config_free(config);
	return mistakes;
}

static void a_certificate_and_its_key_are_read(void **state)
{
	char complaints[LINE_BYTES];
	struct tls_files *files = NULL;
	(void)state;
	assert_int_equal(files_of(NULL, NULL, NULL, complaints, &files), 0);
	assert_null(files);
	assert_int_equal(files_of(paths.certificate, paths.key, NULL, complaints, &files), 0);
	assert_int_equal(strncmp(files->certificate, "-----BEGIN CERTIFICATE-----\n", 28), 0);
	assert_int_equal(strncmp(files->key, "-----BEGIN PRIVATE KEY-----\n", 28), 0);
	assert_null(files->authorities);
	assert_in_range(files->until_s - time(NULL), 29 * CERT_DAY_S, 30 * CERT_DAY_S);
	tls_files_free(files);
	assert_int_equal(files_of(paths.certificate, paths.key, paths.certificate, complaints, &files), 0);
	assert_string_equal(files->authorities, files->certificate);
	tls_files_free(files);
	tls_files_free(NULL);
}

static void what_is_wrong_is_told_without_the_key(void **state)
{
	const struct {
		const char *certificate, *key, *says;
	} rows[] = {
	        {paths.certificate, NULL, "VERIFYD_TLS_KEY_FILE: missing beside VERIFYD_TLS_CERT_FILE"},
	        {NULL, paths.key, "VERIFYD_TLS_CERT_FILE: missing beside VERIFYD_TLS_KEY_FILE"},
	        {paths.certificate, paths.other_key, "VERIFYD_TLS_KEY_FILE: is not the key"},
	        {paths.certificate, paths.certificate, "VERIFYD_TLS_KEY_FILE: holds no key"},
	        {paths.certificate, paths.locked_key,
	         "VERIFYD_TLS_KEY_FILE: holds no key that can be read (PEM, not encrypted)"},
	        {paths.key, paths.key, "VERIFYD_TLS_CERT_FILE: holds no certificate"},
	        {"/etc/passwd", paths.key, "VERIFYD_TLS_CERT_FILE: holds no certificate"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char complaints[LINE_BYTES];
		struct tls_files *files = NULL;
		assert_int_equal(files_of(rows[i].certificate, rows[i].key, NULL, complaints, &files), 1);
		assert_null(files);
		if (!strstr(complaints, rows[i].says))
			fail_msg("row %zu: %s", i, complaints);
		assert_null(strstr(complaints, "BEGIN"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_certificate_and_its_key_are_read),
	        cmocka_unit_test(what_is_wrong_is_told_without_the_key),
	};
	return cmocka_run_group_tests(tests, make_files, end_files);
}
