/* oauth: settings that go together, and what is said before there are keys. Tokens: access_token_test; keys:
 * key_watch_test; all of it over HTTP: tests/e2e/test_oauth.py. */
#include "ingress/oauth.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ISSUER   "VERIFYD_OAUTH_ISSUER=https://login.contoso.example/v2.0"
#define AUDIENCE "VERIFYD_OAUTH_AUDIENCE=api://verifyd"
#define KEYS     "VERIFYD_OAUTH_JWKS_URL=http://127.0.0.1:1/keys"
#define CLIENTS  "VERIFYD_OAUTH_CLIENTS=b2c=11111111-2222-4333-8444-555555555555"

enum { LINE_BYTES = 1024 };

static int check(const char *const *settings, size_t count, char complaints[LINE_BYTES], struct config **ret_config,
                 struct oauth **ret_oauth)
{
	char *environment[16] = {"VERIFYD_KAFKA_BROKERS=127.0.0.1:1", "VERIFYD_REDIS_URL=redis://127.0.0.1:1",
	                         "VERIFYD_ID_KEY=0123456789abcdef0123456789abcdef",
	                         "VERIFYD_SEAL_KEYS=k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};
	for (size_t i = 0; i < count; i++)
		environment[4 + i] = (char *)(uintptr_t)settings[i];
	memset(complaints, 0, LINE_BYTES);
	FILE *out = fmemopen(complaints, LINE_BYTES - 1, "w");
	assert_non_null(out);
	assert_int_equal(config_load(CONFIG_INGRESS, environment, stderr, ret_config), ERR_OK);
	int mistakes = oauth_new(*ret_config, out, ret_oauth);
	assert_int_equal(fclose(out), 0);
	return mistakes;
}

static void all_of_the_settings_or_none(void **state)
{
	static const char *const all[] = {ISSUER, AUDIENCE, KEYS, CLIENTS};
	char complaints[LINE_BYTES];
	struct config *config = NULL;
	struct oauth *oauth = NULL;
	(void)state;
	assert_int_equal(check(all, 0, complaints, &config, &oauth), 0);
	assert_null(oauth);
	config_free(config);
	for (size_t missing = 0; missing < 4; missing++) {
		const char *some[3], *name = all[missing];
		size_t count = 0;
		for (size_t i = 0; i < 4; i++)
			if (i != missing)
				some[count++] = all[i];
		assert_int_equal(check(some, 3, complaints, &config, &oauth), 1);
		assert_null(oauth);
		assert_memory_equal(complaints, name, strcspn(name, "="));
		config_free(config);
		assert_int_equal(check(all + missing, 1, complaints, &config, &oauth), 3);
		config_free(config);
	}
}

static void without_keys_a_token_is_neither_good_nor_bad(void **state)
{
	static const char *const all[] = {ISSUER, AUDIENCE, KEYS, CLIENTS};
	char complaints[LINE_BYTES], client[ACCESS_CLIENT_BYTES];
	struct config *config = NULL;
	struct oauth *oauth = NULL;
	struct metrics *metrics = NULL;
	(void)state;
	assert_int_equal(check(all, 4, complaints, &config, &oauth), 0);
	assert_int_equal(oauth_state(oauth), KEY_WATCH_NONE);
	/* {"alg":"RS256","kid":"k"}.{}.signature */
	const char *token = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.e30.AAAA";
	assert_int_equal(oauth_read(oauth, token, client), ACCESS_NO_KEYS);
	assert_int_equal(metrics_new(&metrics), ERR_OK);
	assert_int_equal(oauth_start(oauth, metrics), ERR_OK);
	assert_int_equal(oauth_read(oauth, token, client), ACCESS_NO_KEYS);
	oauth_count(oauth, ACCESS_NO_KEYS);
	assert_int_equal(metric_value(metrics_counter(metrics, "verifyd_oauth_tokens", "verdict=\"no_keys\"", "")), 1);
	assert_int_equal(oauth_read(oauth, "rubbish", client), ACCESS_MALFORMED);
	oauth_free(oauth);
	oauth_free(NULL);
	metrics_free(metrics);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(all_of_the_settings_or_none),
	        cmocka_unit_test(without_keys_a_token_is_neither_good_nor_bad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
