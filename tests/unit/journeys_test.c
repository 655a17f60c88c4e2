/* journeys: which settings go together, what is said of those that do not, and what is made of them. */
#include "ingress/journeys.h"
#include "tests/unit/cert_fixture.h"
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW_MS   INT64_C(1790000000000)
#define HEX_32   "0123456789abcdef0123456789abcdef"
#define SIGNING  HEX_32 HEX_32 "s"
#define SEALING  HEX_32 HEX_32 "e"
#define SECRET   "callback-secret_0123456789"

enum { SETTINGS_MAX = 40, SETTING_BYTES = 4096, TOLD_BYTES = 8192 };

static char certificate_path[CERT_PATH_BYTES], expired_path[CERT_PATH_BYTES];

static void make_file(EVP_PKEY *key, int64_t to_s, char path[CERT_PATH_BYTES])
{
	struct buf content;
	X509 *certificate = cert_new(key, "verifyd", NOW_MS / 1000 - CERT_DAY_S, to_s);
	buf_init(&content, CERT_FILE_MAX_BYTES);
	cert_put_key(&content, key, NULL, false);
	cert_put_pem(&content, certificate);
	cert_file(&content, path);
	X509_free(certificate);
	buf_fini(&content);
}

static int make_files(void **state)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	(void)state;
	cert_must(key != NULL);
	make_file(key, NOW_MS / 1000 + CERT_DAY_S, certificate_path);
	make_file(key, NOW_MS / 1000 - 1, expired_path);
	EVP_PKEY_free(key);
	return 0;
}

static int delete_files(void **state)
{
	(void)state;
	return unlink(certificate_path) | unlink(expired_path);
}

/* ---- an environment: the good one, with some settings other or away ---- */

struct environment {
	size_t count;
	char text[SETTINGS_MAX][SETTING_BYTES];
};

/* value NULL: away. */
static void set(struct environment *environment, const char *name, const char *value)
{
	char start[64];
	int len = snprintf(start, sizeof start, "VERIFYD_%s=", name);
	size_t at = 0;
	while (at < environment->count && strncmp(environment->text[at], start, (size_t)len) != 0)
		at++;
	assert_true(at < SETTINGS_MAX);
	environment->count += at == environment->count;
	/* one that is away stays as a name that no program reads */
	int written = value ? snprintf(environment->text[at], SETTING_BYTES, "%s%s", start, value)
	                    : snprintf(environment->text[at], SETTING_BYTES, "AWAY_%s=1", name);
	assert_in_range(written, 1, SETTING_BYTES - 1);
}

static void set_good(struct environment *environment)
{
	environment->count = 0;
	set(environment, "KAFKA_BROKERS", "127.0.0.1:1");
	set(environment, "REDIS_URL", "redis://127.0.0.1:1");
	set(environment, "ID_KEY", HEX_32);
	set(environment, "SEAL_KEYS", "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	set(environment, "PUBLIC_URL", "https://idv.contoso.example/base/");
	set(environment, "B2C_BASE_REDIRECT_URL", "https://contoso.b2clogin.com/11111111-2222/");
	set(environment, "SIGNING_CERT_FILE", certificate_path);
	set(environment, "TOKEN_SIGNING_KEY", SIGNING);
	set(environment, "TOKEN_ENCRYPTION_KEY", SEALING);
	set(environment, "TOKEN_ISSUER", "https://idv.contoso.example");
	set(environment, "TOKEN_AUDIENCE", "b2c");
	set(environment, "CALLBACK_SECRET", SECRET);
}

struct made {
	struct config *config;
	struct journeys *journeys;
	enum err_code code;
	int mistakes;
	char told[TOLD_BYTES];
};

static void make(struct environment *environment, struct made *made)
{
	char *pointers[SETTINGS_MAX + 1] = {NULL};
	int settings_wrong = 0;
	memset(made->told, 0, sizeof made->told);
	FILE *out = fmemopen(made->told, sizeof made->told - 1, "w");
	for (size_t i = 0; i < environment->count; i++)
		pointers[i] = environment->text[i];
	made->config = NULL;
	made->journeys = NULL;
	made->mistakes = -1;
	assert_non_null(out);
	assert_int_equal(config_read(CONFIG_INGRESS, pointers, NULL, &made->config, &settings_wrong), ERR_OK);
	made->code = journeys_new(made->config, NOW_MS, out, &made->journeys, &made->mistakes);
	assert_int_equal(fclose(out), 0);
}

static void end(struct made *made)
{
	journeys_free(made->journeys);
	config_free(made->config);
}

static struct environment environment;
static struct made made;

/* ---- */

static void good_settings_make_all_that_a_journey_needs(void **state)
{
	struct ticket ticket = {.id = "vAAECAwQFBgcICQoLDA0ODw", .made_ms = NOW_MS, .ends_s = NOW_MS / 1000 + 60}, got;
	char text[TICKET_BYTES];
	struct token_claims claims = {.object_id = "o", .reference = "r", .expires_s = NOW_MS / 1000 + 60};
	struct buf token;
	(void)state;
	set_good(&environment);
	make(&environment, &made);
	assert_string_equal(made.told, "");
	assert_int_equal(made.code, ERR_OK);
	assert_int_equal(made.mistakes, 0);
	const struct journeys *journeys = made.journeys;
	assert_string_equal(journeys->public_url, "https://idv.contoso.example/base");
	assert_string_equal(journeys->b2c_base_url, "https://contoso.b2clogin.com/11111111-2222");
	assert_string_equal(journeys->callback_secret, SECRET);
	assert_int_equal(journeys->ticket_life_ms, 90 * 60 * 1000); /* 30 min and an hour */
	assert_int_equal(journeys->initiate_wait_ms, 3000);
	assert_int_equal(journeys->max_a_day, 3);
	assert_int_equal(journeys->adopt_until_ms, 0);
	assert_int_equal(ticket_make(journeys->tickets, TICKET_RETURN, &ticket, text), ERR_OK);
	assert_int_equal(ticket_read(journeys->tickets, TICKET_RETURN, text, NOW_MS, &got), ERR_OK);
	buf_init(&token, TOKEN_MAX_BYTES);
	assert_int_equal(token_make(journeys->tokens, &claims, NOW_MS / 1000, &token), ERR_OK);
	assert_int_equal(token_read(journeys->tokens, token.data, token.len, NOW_MS / 1000, &claims), ERR_OK);
	buf_fini(&token);
	assert_non_null(strstr(hints_discovery(journeys->hints),
	                       "\"https://idv.contoso.example/base/api/Oidc/.well-known/keys\""));
	end(&made);
	journeys_free(NULL);
}

static void without_a_public_url_there_are_no_journeys_whatever_else_is_set(void **state)
{
	(void)state;
	set_good(&environment);
	set(&environment, "PUBLIC_URL", NULL);
	set(&environment, "TOKEN_ISSUER", NULL);
	make(&environment, &made);
	assert_int_equal(made.code, ERR_OK);
	assert_null(made.journeys);
	assert_int_equal(made.mistakes, 0);
	assert_string_equal(made.told, "");
	end(&made);
}

static void every_setting_that_is_missing_is_told_at_once(void **state)
{
	static const char *const names[] = {"B2C_BASE_REDIRECT_URL", "SIGNING_CERT_FILE", "TOKEN_SIGNING_KEY",
	                                    "TOKEN_ENCRYPTION_KEY",  "TOKEN_ISSUER",      "TOKEN_AUDIENCE",
	                                    "CALLBACK_SECRET"};
	char line[256];
	(void)state;
	set_good(&environment);
	for (size_t i = 0; i < COUNT(names); i++)
		set(&environment, names[i], NULL);
	make(&environment, &made);
	assert_int_equal(made.code, ERR_INVALID);
	assert_null(made.journeys);
	assert_int_equal(made.mistakes, COUNT(names));
	for (size_t i = 0; i < COUNT(names); i++) {
		(void)snprintf(line, sizeof line, "VERIFYD_%s: must be set, because VERIFYD_PUBLIC_URL is\n", names[i]);
		assert_non_null(strstr(made.told, line));
	}
	end(&made);
}

static void a_missing_setting_hides_no_mistake_of_another(void **state)
{
	(void)state;
	set_good(&environment);
	set(&environment, "TOKEN_ISSUER", NULL);
	set(&environment, "TOKEN_AUDIENCE", NULL);
	set(&environment, "TOKEN_ENCRYPTION_KEY", SIGNING);
	set(&environment, "SIGNING_CERT_FILE", expired_path);
	set(&environment, "CALLBACK_ALLOW_FROM", "nowhere");
	set(&environment, "JUMIO_ADOPT_UNTIL", "tomorrow, ");
	make(&environment, &made);
	assert_int_equal(made.mistakes, 6);
	assert_non_null(strstr(made.told, "TOKEN_ISSUER: must be set"));
	assert_non_null(strstr(made.told, "TOKEN_AUDIENCE: must be set"));
	assert_non_null(strstr(made.told, "TOKEN_ENCRYPTION_KEY: the same"));
	assert_non_null(strstr(made.told, "SIGNING_CERT_FILE: the first certificate is over"));
	assert_non_null(strstr(made.told, "CALLBACK_ALLOW_FROM: item 1"));
	assert_non_null(strstr(made.told, "JUMIO_ADOPT_UNTIL: "));
	end(&made);
}

static void without_an_id_key_nothing_is_made_and_nothing_told_twice(void **state)
{
	(void)state;
	set_good(&environment);
	set(&environment, "ID_KEY", NULL);
	make(&environment, &made);
	assert_int_equal(made.code, ERR_INVALID);
	assert_int_equal(made.mistakes, 0);
	assert_null(made.journeys);
	end(&made);
}

/* 107 characters: with /v1/callbacks/jumio/ and a secret of 128 they make 255; a return address then has 171. */
#define URL_107    "https://idv.contoso.example/" HEX_32 HEX_32 "0123456789abcde"
#define SECRET_128 HEX_32 HEX_32 HEX_32 HEX_32
/* 191: with /return/ and a ticket 255. */
#define URL_191 URL_107 HEX_32 HEX_32 "0123456789abcdef0123"

static void a_wrong_value_is_one_line_that_names_the_setting_and_the_reason(void **state)
{
	static const struct {
		const char *name, *value, *told; /* told NULL: taken */
	} cases[] = {
	        {"PUBLIC_URL", URL_191, NULL},
	        {"PUBLIC_URL", URL_191 "x", "return address (errorUrl) has 256 characters, Jumio takes 255"},
	        {"PUBLIC_URL", "https://idv.contoso.example:8443", "Jumio refuses both"},
	        {"PUBLIC_URL", "https://192.0.2.7/idv", "Jumio refuses both"},
	        {"PUBLIC_URL", "https://[2001:db8::1]", "Jumio refuses both"},
	        {"PUBLIC_URL", "https://127.0.0.1:8443", NULL},
	        {"PUBLIC_URL", "https://localhost:8443", NULL},
	        {"PUBLIC_URL", "https://[::1]:8443", NULL},
	        {"PUBLIC_URL", "http://127.0.0.1:8080", NULL},
	        {"PUBLIC_URL", "https://1and1.example", NULL},
	        {"CALLBACK_SECRET", "AZaz09-_0123456789012345", NULL},
	        {"CALLBACK_SECRET", "slash/slash/slash/slash/slash", "CALLBACK_SECRET: only letters"},
	        {"CALLBACK_SECRET", "percent%41percent%41percent", "CALLBACK_SECRET: only letters"},
	        {"CALLBACK_SECRET", "dots..........................", "CALLBACK_SECRET: only letters"},
	        {"CALLBACK_ALLOW_FROM", "203.0.113.0/24, 2001:db8::/32", NULL},
	        {"CALLBACK_ALLOW_FROM", "callback.jumio.com", "CALLBACK_ALLOW_FROM: item 1"},
	        {"TOKEN_ENCRYPTION_KEY", SIGNING, "TOKEN_ENCRYPTION_KEY: the same"},
	        {"TOKEN_SIGNING_KEY", SIGNING ",short", "TOKEN_SIGNING_KEY: a key is shorter"},
	        {"SIGNING_CERT_FILE", expired_path, "SIGNING_CERT_FILE: the first certificate is over"},
	        {"JUMIO_ADOPT_UNTIL", "2026-02-29", "JUMIO_ADOPT_UNTIL: \"2026-02-29\" is no date"},
	        {"JUMIO_ADOPT_UNTIL", "2026-13-01", "JUMIO_ADOPT_UNTIL: "},
	        {"JUMIO_ADOPT_UNTIL", "2026-00-10", "JUMIO_ADOPT_UNTIL: "},
	        {"JUMIO_ADOPT_UNTIL", "2026-01-00", "JUMIO_ADOPT_UNTIL: "},
	        {"JUMIO_ADOPT_UNTIL", "1999-12-31", "JUMIO_ADOPT_UNTIL: "},
	        {"JUMIO_ADOPT_UNTIL", "2026/01/01", "JUMIO_ADOPT_UNTIL: "},
	        {"JUMIO_ADOPT_UNTIL", " 2026-1-01", "JUMIO_ADOPT_UNTIL: "},
	        {"JUMIO_ADOPT_UNTIL", "+026-01-01", "JUMIO_ADOPT_UNTIL: "},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		set_good(&environment);
		set(&environment, cases[i].name, cases[i].value);
		make(&environment, &made);
		bool right = cases[i].told ? made.code == ERR_INVALID && strstr(made.told, cases[i].told) &&
		                                     made.mistakes == 1 &&
		                                     strchr(made.told, '\n') == made.told + strlen(made.told) - 1
		                           : made.code == ERR_OK && !*made.told;
		if (!right)
			fail_msg("%s=%s: %s", cases[i].name, cases[i].value, made.told);
		assert_null(strstr(made.told, SECRET));
		assert_null(strstr(made.told, HEX_32 HEX_32 "s"));
		end(&made);
	}
}

static void the_callback_address_with_its_secret_has_a_limit_too(void **state)
{
	(void)state;
	set_good(&environment);
	set(&environment, "CALLBACK_SECRET", SECRET_128);
	set(&environment, "PUBLIC_URL", URL_107);
	make(&environment, &made);
	assert_string_equal(made.told, "");
	end(&made);
	set(&environment, "PUBLIC_URL", URL_107 "x");
	make(&environment, &made);
	assert_non_null(strstr(made.told, "callback address (callbackUrl) has 256 characters, Jumio takes 255"));
	assert_null(strstr(made.told, SECRET_128));
	end(&made);
}

static bool may_call_back(const char *address_text)
{
	struct sockaddr_storage address;
	assert_int_equal(cidr_address(address_text, strlen(address_text), &address), ERR_OK);
	return cidr_list_has(made.journeys->callback_from, (const struct sockaddr *)&address);
}

static void the_addresses_that_jumio_publishes_may_call_back_unless_others_are_set(void **state)
{
	static const char *const published[] = {
	        "34.202.241.227", "34.226.103.119", "34.226.254.127", "52.52.51.178", "52.53.95.123",
	        "54.67.101.173",  "34.253.41.236",  "35.157.27.193",  "52.48.0.25",   "52.57.194.92",
	        "52.58.113.86",   "52.209.180.134", "3.0.109.121",    "52.76.184.73", "52.77.102.92",
	};
	(void)state;
	set_good(&environment);
	make(&environment, &made);
	for (size_t i = 0; i < COUNT(published); i++)
		assert_true(may_call_back(published[i]));
	assert_false(may_call_back("127.0.0.1"));
	assert_false(may_call_back("52.77.102.93"));
	end(&made);
	set(&environment, "CALLBACK_ALLOW_FROM", "127.0.0.0/8");
	make(&environment, &made);
	assert_true(may_call_back("127.0.0.1"));
	assert_false(may_call_back(published[0]));
	end(&made);
}

static void references_are_adopted_until_the_end_of_that_day_in_utc(void **state)
{
	static const struct {
		const char *date;
		int64_t until_ms;
	} cases[] = {
	        {"2026-12-31", INT64_C(1798761600000)}, /* 2027-01-01T00:00:00Z */
	        {"2028-02-29", INT64_C(1835481600000)},
	        {"2000-01-01", INT64_C(946771200000)},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		set_good(&environment);
		set(&environment, "JUMIO_ADOPT_UNTIL", cases[i].date);
		set(&environment, "JUMIO_TOKEN_LIFETIME_MIN", "5");
		make(&environment, &made);
		assert_int_equal(made.code, ERR_OK);
		assert_int_equal(made.journeys->adopt_until_ms, cases[i].until_ms);
		assert_int_equal(made.journeys->ticket_life_ms, 65 * 60 * 1000);
		end(&made);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(good_settings_make_all_that_a_journey_needs),
	        cmocka_unit_test(without_a_public_url_there_are_no_journeys_whatever_else_is_set),
	        cmocka_unit_test(every_setting_that_is_missing_is_told_at_once),
	        cmocka_unit_test(a_missing_setting_hides_no_mistake_of_another),
	        cmocka_unit_test(without_an_id_key_nothing_is_made_and_nothing_told_twice),
	        cmocka_unit_test(a_wrong_value_is_one_line_that_names_the_setting_and_the_reason),
	        cmocka_unit_test(the_callback_address_with_its_secret_has_a_limit_too),
	        cmocka_unit_test(the_addresses_that_jumio_publishes_may_call_back_unless_others_are_set),
	        cmocka_unit_test(references_are_adopted_until_the_end_of_that_day_in_utc),
	};
	return cmocka_run_group_tests(tests, make_files, delete_files);
}
