/* auth: who gets in under which name, and what is said about settings that are wrong: never a secret. */
#include "ingress/auth.h"
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY_1    "demokey-AAAAAAAAAAAAAAAAAAAA"
#define KEY_2    "demokey-BBBBBBBBBBBBBBBBBBBB="
#define PASSWORD "pass:word-CCCCCCCCCCCCCCCCCC"
#define KEYS     "VERIFYD_AUTH_API_KEYS=one=" KEY_1 ",two=" KEY_2
#define USERS    "VERIFYD_AUTH_BASIC_USERS=b2c:" PASSWORD
#define TOKEN    "demotoken.DDDD-DDDD_DDDD~DDDD+/="
#define TOKENS   "VERIFYD_AUTH_BEARER_TOKENS=bear=" TOKEN

enum { LINE_BYTES = 1024, MANY_BYTES = 65536 };

/* Makes an auth from two settings (NULL: not set). Returns: it, or NULL and what was complained of. */
static struct auth *auth_of(const char *keys, const char *users, bool open, char complaints[LINE_BYTES],
                            int *ret_mistakes)
{
	char *environment[] = {"VERIFYD_KAFKA_BROKERS=127.0.0.1:1",
	                       "VERIFYD_REDIS_URL=redis://127.0.0.1:1",
	                       "VERIFYD_ID_KEY=0123456789abcdef0123456789abcdef",
	                       "VERIFYD_SEAL_KEYS=k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	                       NULL,
	                       NULL,
	                       NULL};
	struct config *config = NULL;
	struct auth *auth = NULL;
	size_t at = 4;
	if (keys)
		environment[at++] = (char *)(uintptr_t)keys;
	if (users)
		environment[at++] = (char *)(uintptr_t)users;
	memset(complaints, 0, LINE_BYTES);
	FILE *out = fmemopen(complaints, LINE_BYTES - 1, "w");
	assert_non_null(out);
	assert_int_equal(config_load(CONFIG_INGRESS, environment, NULL, &config), ERR_OK);
	*ret_mistakes = auth_new(config, open, out, &auth);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(*ret_mistakes ? "X-Api-Key" : auth_key_header(auth), "X-Api-Key");
	assert_int_equal(*ret_mistakes == 0, auth != NULL);
	config_free(config); /* none of these tests asks for the header's name after this */
	return auth;
}

static struct auth *good_auth(bool open)
{
	char complaints[LINE_BYTES];
	int mistakes;
	struct auth *auth = auth_of(KEYS, USERS, open, complaints, &mistakes);
	assert_string_equal(complaints, "");
	assert_non_null(auth);
	return auth;
}

static const char *basic(const char *user_and_password)
{
	static char text[1024];
	unsigned char encoded[1000];
	EVP_EncodeBlock(encoded, (const unsigned char *)user_and_password, (int)strlen(user_and_password));
	(void)snprintf(text, sizeof text, "Basic %s", (char *)encoded);
	return text;
}

/* Returns: the name under which it gets in, or "(out)". */
static const char *who(const struct auth *auth, const char *key, const char *authorization)
{
	static char caller[CALLER_BYTES];
	memset(caller, '?', sizeof caller);
	const struct auth_offer offer = {.key = key, .authorization = authorization};
	return auth_check(auth, &offer, caller) == AUTH_TAKEN ? caller : "(out)";
}

static void a_key_lets_its_own_name_in(void **state)
{
	struct auth *auth = good_auth(false);
	(void)state;
	assert_string_equal(who(auth, KEY_1, NULL), "one");
	assert_string_equal(who(auth, KEY_2, NULL), "two");
	auth_free(auth);
}

static void a_password_lets_its_own_user_in(void **state)
{
	struct auth *auth = good_auth(false);
	char lower[1024];
	(void)state;
	assert_string_equal(who(auth, NULL, basic("b2c:" PASSWORD)), "b2c");
	(void)snprintf(lower, sizeof lower, "bASIC%s", basic("b2c:" PASSWORD) + 5);
	assert_string_equal(who(auth, NULL, lower), "b2c");
	auth_free(auth);
}

static void a_fixed_token_lets_its_own_name_in_and_nothing_else_does(void **state)
{
	static const char *const wrong[] = {"Bearer",
	                                    "Bearer ",
	                                    "Bearer " KEY_1,
	                                    "Bearer  " TOKEN,
	                                    "Bearer " TOKEN " ",
	                                    "Bearer " TOKEN "x",
	                                    "Bearer bear=" TOKEN,
	                                    "Basic " TOKEN,
	                                    "Bearer\t" TOKEN,
	                                    "Bearers " TOKEN,
	                                    TOKEN};
	char complaints[LINE_BYTES];
	int mistakes;
	struct auth *auth = auth_of(KEYS, TOKENS, false, complaints, &mistakes);
	(void)state;
	assert_int_equal(mistakes, 0);
	assert_string_equal(who(auth, NULL, "Bearer " TOKEN), "bear");
	assert_string_equal(who(auth, NULL, "bEARER " TOKEN), "bear");
	assert_string_equal(who(auth, "wrong", "Bearer " TOKEN), "(out)");
	assert_string_equal(who(auth, TOKEN, NULL), "(out)");
	assert_string_equal(who(auth, NULL, basic("bear:" TOKEN)), "(out)");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_string_equal(who(auth, NULL, wrong[i]), "(out)");
	auth_free(auth);
}

static void what_is_wrong_short_long_or_of_the_other_kind_stays_out(void **state)
{
	static const char *const keys[] = {"",           "one",
	                                   "demokey-",   KEY_1 "A",
	                                   KEY_1 " ",    "demokey-AAAAAAAAAAAAAAAAAAA",
	                                   PASSWORD,     "b2c:" PASSWORD,
	                                   "one=" KEY_1, "DEMOKEY-AAAAAAAAAAAAAAAAAAAA"};
	static const char *const pairs[] = {"",           ":",          "b2c",           "b2c:",
	                                    ":" PASSWORD, "b2c:pass",   "B2C:" PASSWORD, "b2c:" PASSWORD "x",
	                                    "one:" KEY_1, "b2c:" KEY_1, KEY_1,           "one=" KEY_1};
	struct auth *auth = good_auth(false);
	(void)state;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		assert_string_equal(who(auth, keys[i], NULL), "(out)");
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		assert_string_equal(who(auth, NULL, basic(pairs[i])), "(out)");
	assert_string_equal(who(auth, NULL, NULL), "(out)");
	auth_free(auth);
}

static void an_authorization_that_is_not_basic_or_not_base64_stays_out(void **state)
{
	static const char *const headers[] = {
	        "",
	        "Basic",
	        "Basic ",
	        "Basic =",
	        "Basic ====",
	        "Basic A===",
	        "Basic !!!!",
	        "Basic YjJjO",
	        ("Bearer " KEY_1),
	        "Basic     ",
	        "Basic -----------",
	        "Basic\tYjJj",
	        KEY_1,
	        "Digest username",
	        "basic ==",
	        "Basic AAAA====",
	        "Basic AA==AA==",
	};
	struct auth *auth = good_auth(false);
	char longer[4096] = "Basic ";
	(void)state;
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
		assert_string_equal(who(auth, NULL, headers[i]), "(out)");
	(void)snprintf(longer, sizeof longer, "%s    ", basic("b2c:" PASSWORD));
	assert_string_equal(who(auth, NULL, longer), "(out)");
	(void)snprintf(longer, sizeof longer, "Basic     %s", basic("b2c:" PASSWORD) + 6);
	assert_string_equal(who(auth, NULL, longer), "(out)");
	memset(longer + 6, 'A', 4000);
	assert_string_equal(who(auth, NULL, longer), "(out)");
	auth_free(auth);
}

static void a_wrong_key_is_not_helped_by_a_right_password(void **state)
{
	struct auth *auth = good_auth(false);
	(void)state;
	assert_string_equal(who(auth, "wrong", basic("b2c:" PASSWORD)), "(out)");
	assert_string_equal(who(auth, "", basic("b2c:" PASSWORD)), "(out)");
	assert_string_equal(who(auth, KEY_1, "Basic !!!!"), "one");
	assert_string_equal(who(auth, KEY_2, basic("b2c:" PASSWORD)), "two");
	auth_free(auth);
}

static void an_open_ingress_lets_everybody_in_as_nobody(void **state)
{
	char complaints[LINE_BYTES];
	int mistakes;
	struct auth *auth = auth_of(NULL, NULL, true, complaints, &mistakes);
	(void)state;
	assert_int_equal(mistakes, 0);
	assert_string_equal(who(auth, NULL, NULL), AUTH_ANONYMOUS);
	assert_string_equal(who(auth, "rubbish", "rubbish"), AUTH_ANONYMOUS);
	auth_free(auth);
}

static void names_at_their_limit_are_kept_whole(void **state)
{
	char setting[LINE_BYTES], name[CALLER_BYTES], complaints[LINE_BYTES];
	int mistakes;
	(void)state;
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	(void)snprintf(setting, sizeof setting, "VERIFYD_AUTH_API_KEYS=%s=" KEY_1 ",,a-_.@9=" KEY_2 ",", name);
	struct auth *auth = auth_of(setting, NULL, false, complaints, &mistakes);
	assert_string_equal(complaints, "");
	assert_string_equal(who(auth, KEY_1, NULL), name);
	assert_string_equal(who(auth, KEY_2, NULL), "a-_.@9");
	auth_free(auth);
}

static void every_mistake_is_a_line_that_names_the_setting_and_no_secret(void **state)
{
	static const struct {
		const char *keys, *users, *says;
		int mistakes;
	} rows[] = {
	        {NULL, NULL, "no credential is set", 1},
	        {"VERIFYD_AUTH_API_KEYS=,", NULL, "no credential is set", 1},
	        {"VERIFYD_AUTH_API_KEYS=one:" KEY_1, NULL, "not name=key", 1},
	        {"VERIFYD_AUTH_API_KEYS=one=demokey-AAAAAAAAAAAAAAA", NULL, "shorter than 24", 1},
	        {"VERIFYD_AUTH_API_KEYS=one=", NULL, "shorter than 24", 1},
	        {"VERIFYD_AUTH_API_KEYS==" KEY_1, NULL, "a name is empty", 1},
	        {"VERIFYD_AUTH_API_KEYS=o ne=" KEY_1, NULL, "a name is empty, longer", 1},
	        {"VERIFYD_AUTH_API_KEYS=one=" KEY_1 ",one=" KEY_2, NULL, "stands twice", 1},
	        {KEYS, "VERIFYD_AUTH_BASIC_USERS=one:" PASSWORD, "stands twice", 1},
	        {NULL, "VERIFYD_AUTH_BASIC_USERS=b2c=" KEY_1, "not user:password", 1},
	        {NULL, "VERIFYD_AUTH_BASIC_USERS=b2c:short", "shorter than 24", 1},
	        {KEYS, "VERIFYD_AUTH_BEARER_TOKENS=two=" TOKEN, "stands twice", 1},
	        {NULL, "VERIFYD_AUTH_BEARER_TOKENS=bear:" KEY_1, "not name=token", 1},
	        {NULL, "VERIFYD_AUTH_BEARER_TOKENS=bear=short", "shorter than 24", 1},
	        {KEYS, "VERIFYD_OAUTH_CLIENTS=two=11111111-2222-4333-8444-555555555555", "stands twice", 4},
	        {NULL, "VERIFYD_OAUTH_CLIENTS=app=", "client id is empty", 4},
	        {"VERIFYD_AUTH_API_KEYS=a=short,b=" KEY_1 ",c", "VERIFYD_AUTH_BASIC_USERS=d:short", "shorter than 24",
	         3},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char complaints[LINE_BYTES];
		int mistakes, lines = 0;
		assert_null(auth_of(rows[i].keys, rows[i].users, false, complaints, &mistakes));
		for (const char *at = complaints; *at; at++)
			lines += *at == '\n';
		assert_int_equal(mistakes, rows[i].mistakes);
		assert_int_equal(lines, rows[i].mistakes);
		assert_true(strncmp(complaints, "VERIFYD_AUTH_", 13) == 0 ||
		            strncmp(complaints, "VERIFYD_OAUTH_", 14) == 0);
		assert_non_null(strstr(complaints, rows[i].says));
		assert_null(strstr(complaints, "demokey"));
		assert_null(strstr(complaints, "short,"));
		assert_null(strstr(complaints, "word-C"));
	}
}

static void one_credential_too_many_is_a_mistake(void **state)
{
	char *setting = malloc(MANY_BYTES), complaints[LINE_BYTES];
	int at = snprintf(setting, MANY_BYTES, "VERIFYD_AUTH_API_KEYS="), mistakes;
	(void)state;
	assert_non_null(setting);
	for (int i = 0; i < AUTH_MAX_CREDENTIALS; i++)
		at += snprintf(setting + at, MANY_BYTES - (size_t)at, "n%d=" KEY_1 "%d,", i, i);
	struct auth *auth = auth_of(setting, NULL, false, complaints, &mistakes);
	assert_int_equal(mistakes, 0);
	assert_string_equal(who(auth, KEY_1 "255", NULL), "n255");
	auth_free(auth);
	assert_null(auth_of(setting, USERS, false, complaints, &mistakes));
	assert_int_equal(mistakes, 1);
	assert_non_null(strstr(complaints, "VERIFYD_AUTH_BASIC_USERS: more than 256"));
	free(setting);
	auth_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_key_lets_its_own_name_in),
	        cmocka_unit_test(a_password_lets_its_own_user_in),
	        cmocka_unit_test(a_fixed_token_lets_its_own_name_in_and_nothing_else_does),
	        cmocka_unit_test(what_is_wrong_short_long_or_of_the_other_kind_stays_out),
	        cmocka_unit_test(an_authorization_that_is_not_basic_or_not_base64_stays_out),
	        cmocka_unit_test(a_wrong_key_is_not_helped_by_a_right_password),
	        cmocka_unit_test(an_open_ingress_lets_everybody_in_as_nobody),
	        cmocka_unit_test(names_at_their_limit_are_kept_whole),
	        cmocka_unit_test(every_mistake_is_a_line_that_names_the_setting_and_no_secret),
	        cmocka_unit_test(one_credential_too_many_is_a_mistake),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
