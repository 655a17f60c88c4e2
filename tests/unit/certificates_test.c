/* certificates: which settings go together, and which caller a certificate makes, in auth. */
#include "ingress/auth.h"
#include "tests/unit/client_cert_fixture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define HEADER  "VERIFYD_CLIENT_CERT_HEADER=X-ARR-ClientCert"
#define PROXIES "VERIFYD_TRUSTED_PROXIES=10.0.0.0/8"
#define PIN     "VERIFYD_TLS_CLIENT_SPKI=b2c=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define KEYS    "VERIFYD_AUTH_API_KEYS=taken=key-of-24-characters-or-more"

enum { LINE_BYTES = 2048, SETTING_BYTES = 256 };

static int complaints_of(const char *const *settings, char complaints[LINE_BYTES])
{
	struct config *config = settings_of(settings);
	struct auth *auth = NULL;
	memset(complaints, 0, LINE_BYTES);
	FILE *out = fmemopen(complaints, LINE_BYTES - 1, "w");
	assert_non_null(out);
	int mistakes = auth_new(config, false, out, &auth);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(mistakes == 0, auth != NULL);
	auth_free(auth);
	config_free(config);
	return mistakes;
}

static void settings_that_cannot_work_together_are_complained_of(void **state)
{
	static const struct {
		const char *settings[5], *says;
		int mistakes;
	} rows[] = {
	        {{HEADER, PROXIES, PIN}, "", 0},
	        {{PIN}, "nobody could show a certificate", 1},
	        {{HEADER, PIN}, "VERIFYD_TRUSTED_PROXIES has to name", 1},
	        {{HEADER, PROXIES, KEYS}, "has to say which certificates are good", 1},
	        {{"VERIFYD_CLIENT_CERT_HEADER=X-Api-Key", PROXIES, PIN}, "no header's name", 1},
	        {{"VERIFYD_CLIENT_CERT_HEADER=authorization", PROXIES, PIN}, "no header's name", 1},
	        {{"VERIFYD_CLIENT_CERT_HEADER=a b", PROXIES, PIN}, "no header's name", 1},
	        {{HEADER, PROXIES, "VERIFYD_TLS_CLIENT_CA_FILE=/etc/passwd"},
	         "VERIFYD_TLS_CLIENT_CA_FILE: holds no certificate",
	         1},
	        {{HEADER, PROXIES, "VERIFYD_TLS_CLIENT_SPKI=b2c=47DEQpj8"}, "not the base64 of a SHA-256", 1},
	        {{HEADER, PROXIES, "VERIFYD_TLS_CLIENT_SPKI=b2c=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU!"},
	         "not the base64",
	         1},
	        {{HEADER, PROXIES, "VERIFYD_TLS_CLIENT_SPKI=b2c=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV="},
	         "not the base64",
	         1},
	        {{HEADER, PROXIES, "VERIFYD_TLS_CLIENT_SPKI=taken=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", KEYS},
	         "stands twice",
	         1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char complaints[LINE_BYTES];
		int mistakes = complaints_of(rows[i].settings, complaints);
		if (mistakes != rows[i].mistakes || !strstr(complaints, rows[i].says))
			fail_msg("row %zu: %d mistakes: %s", i, mistakes, complaints);
	}
}

/* Returns: as whom a certificate gets in, or "(out)". */
static const char *who(const struct auth *auth, const struct cert_chain *chain, const char *key)
{
	static char caller[CALLER_BYTES];
	const struct auth_offer offer = {.key = key, .certificate = chain};
	memset(caller, '?', sizeof caller);
	return auth_check(auth, &offer, caller) == AUTH_TAKEN ? caller : "(out)";
}

static struct auth *auth_of(const char *const *settings, struct config **ret_config, struct metrics *metrics)
{
	struct auth *auth = NULL;
	*ret_config = settings_of(settings);
	assert_int_equal(auth_new(*ret_config, false, stderr, &auth), 0);
	assert_true(auth_takes_certificates(auth));
	assert_int_equal(auth_start(auth, metrics), ERR_OK);
	return auth;
}

static int64_t counted(struct metrics *metrics, const char *label)
{
	return metric_value(metrics_counter(metrics, "verifyd_client_certificates", label, ""));
}

static void a_pinned_key_makes_its_own_caller(void **state)
{
	struct made one = made_new(&(struct shape){.name = "whatever"}, NULL),
	            other = made_new(&(struct shape){.name = "b2c"}, NULL);
	struct made late = made_new(&(struct shape){.name = "b2c", .from_days = -9, .to_days = -1}, NULL);
	char pin[FIXTURE_PIN_BYTES], late_pin[FIXTURE_PIN_BYTES], setting[SETTING_BYTES];
	struct cert_chain none = {0}, chain = made_chain(&one);
	struct metrics *metrics = NULL;
	struct config *config;
	(void)state;
	assert_int_equal(metrics_new(&metrics), ERR_OK);
	made_pin(&one, pin);
	made_pin(&late, late_pin);
	(void)snprintf(setting, sizeof setting, "VERIFYD_TLS_CLIENT_SPKI=b2c=%s,late=%s", pin, late_pin);
	struct auth *auth = auth_of((const char *const[]){HEADER, PROXIES, setting, KEYS, NULL}, &config, metrics);
	assert_int_equal(auth_count(auth), 3);
	assert_string_equal(who(auth, &chain, NULL), "b2c");
	assert_string_equal(who(auth, &chain, "wrong key"), "(out)"); /* a key that is sent counts alone */
	assert_string_equal(who(auth, &chain, "key-of-24-characters-or-more"), "taken");
	chain = made_chain(&other);
	assert_string_equal(who(auth, &chain, NULL), "(out)");
	chain = made_chain(&late);
	assert_string_equal(who(auth, &chain, NULL), "(out)");
	assert_string_equal(who(auth, &none, NULL), "(out)");
	assert_string_equal(who(auth, NULL, NULL), "(out)");
	assert_int_equal(counted(metrics, "verdict=\"good\""), 1);
	assert_int_equal(counted(metrics, "verdict=\"unknown\""), 1);
	assert_int_equal(counted(metrics, "verdict=\"expired\""), 1);
	assert_int_equal(counted(metrics, "verdict=\"malformed\""), 1);
	auth_free(auth);
	config_free(config);
	metrics_free(metrics);
	made_free(&one);
	made_free(&other);
	made_free(&late);
}

static void an_authority_names_callers_but_not_after_those_of_the_settings(void **state)
{
	static const struct {
		const char *name, *caller;
	} rows[] = {
	        {"b2c-2026", "b2c-2026"}, {"taken", "(out)"}, {"a name with blanks", "(out)"}, {"b2c/../x", "(out)"}};
	struct made root = made_new(&(struct shape){.name = "root", .constraints = "critical,CA:TRUE"}, NULL);
	struct made own = made_new(&(struct shape){.name = "b2c-2026"}, NULL);
	char path[CERT_PATH_BYTES], setting[SETTING_BYTES];
	struct metrics *metrics = NULL;
	struct config *config;
	(void)state;
	assert_int_equal(metrics_new(&metrics), ERR_OK);
	made_file(&root, false, path);
	(void)snprintf(setting, sizeof setting, "VERIFYD_TLS_CLIENT_CA_FILE=%s", path);
	struct auth *auth = auth_of((const char *const[]){HEADER, PROXIES, setting, KEYS, NULL}, &config, metrics);
	assert_true(auth_count(auth) > 2);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct made made = made_new(&(struct shape){.name = rows[i].name}, &root);
		struct cert_chain chain = made_chain(&made);
		assert_string_equal(who(auth, &chain, NULL), rows[i].caller);
		made_free(&made);
	}
	struct cert_chain chain = made_chain(&own);
	assert_string_equal(who(auth, &chain, NULL), "(out)");
	assert_int_equal(counted(metrics, "verdict=\"authority\""), 1);
	assert_int_equal(auth_slot(auth, "b2c-2026"), AUTH_SLOTS - 1);
	auth_free(auth);
	config_free(config);
	metrics_free(metrics);
	(void)unlink(path);
	made_free(&root);
	made_free(&own);
}

static void with_both_a_key_and_an_authority_are_needed(void **state)
{
	struct made root = made_new(&(struct shape){.name = "root", .constraints = "critical,CA:TRUE"}, NULL);
	struct made both = made_new(&(struct shape){.name = "x"}, &root),
	            issued = made_new(&(struct shape){.name = "x"}, &root);
	struct made pinned = made_new(&(struct shape){.name = "x"}, NULL);
	char path[CERT_PATH_BYTES], file[SETTING_BYTES], pins[SETTING_BYTES], one[FIXTURE_PIN_BYTES],
	        two[FIXTURE_PIN_BYTES];
	struct metrics *metrics = NULL;
	struct config *config;
	(void)state;
	assert_int_equal(metrics_new(&metrics), ERR_OK);
	made_file(&root, false, path);
	made_pin(&both, one);
	made_pin(&pinned, two);
	(void)snprintf(file, sizeof file, "VERIFYD_TLS_CLIENT_CA_FILE=%s", path);
	(void)snprintf(pins, sizeof pins, "VERIFYD_TLS_CLIENT_SPKI=b2c=%s,other=%s", one, two);
	struct auth *auth = auth_of((const char *const[]){HEADER, PROXIES, file, pins, NULL}, &config, metrics);
	struct cert_chain chain = made_chain(&both);
	assert_string_equal(who(auth, &chain, NULL), "b2c");
	chain = made_chain(&issued);
	assert_string_equal(who(auth, &chain, NULL), "(out)");
	chain = made_chain(&pinned);
	assert_string_equal(who(auth, &chain, NULL), "(out)");
	auth_free(auth);
	config_free(config);
	metrics_free(metrics);
	(void)unlink(path);
	made_free(&root);
	made_free(&both);
	made_free(&issued);
	made_free(&pinned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(settings_that_cannot_work_together_are_complained_of),
	        cmocka_unit_test(a_pinned_key_makes_its_own_caller),
	        cmocka_unit_test(an_authority_names_callers_but_not_after_those_of_the_settings),
	        cmocka_unit_test(with_both_a_key_and_an_authority_are_needed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
