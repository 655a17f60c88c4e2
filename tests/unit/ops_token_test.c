/* The ops listener's token: as Bearer, as a Basic password, and nothing else. */
#include "common/base/ops_token.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef01234567"

static void it_is_taken_as_bearer_and_as_the_password_of_any_user(void **state)
{
	static const char *const good[] = {
	        "Bearer " SECRET, "bearer " SECRET, "Basic b3BzOjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nw==", /* ops: */
	        "basic OjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nw==",                                         /* no user */
	};
	struct ops_token *token = NULL;
	(void)state;
	assert_int_equal(ops_token_new(SECRET, &token), ERR_OK);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(ops_token_fits(token, good[i]));
	ops_token_free(token);
}

static void whatever_else_comes_does_not_fit(void **state)
{
	static const char *const bad[] = {
	        NULL,
	        "",
	        SECRET,
	        "Bearer",
	        "Bearer ",
	        "Bearer 0123456789abcdef0123456",
	        "Bearer  " SECRET,
	        "Bearer " SECRET " ",
	        "Digest " SECRET,
	        "Basic " SECRET,
	        "Basic MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",         /* without a user's colon */
	        "Basic MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3Og==",     /* as the user's name */
	        "Basic b3BzOjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nw",   /* without its padding */
	        "Basic b3BzOjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2NyE=", /* one more character */
	        "Basic OjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nx==",     /* a stray bit */
	        "Basic b3BzOjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nw==    ",
	        "Basic     b3BzOjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nw==",
	        "Basic ====",
	        "Basic !!!!",
	};
	struct ops_token *token = NULL;
	(void)state;
	assert_int_equal(ops_token_new(SECRET, &token), ERR_OK);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(ops_token_fits(token, bad[i]));
	ops_token_free(token);
	ops_token_free(NULL);
}

static void a_secret_or_a_header_beyond_its_limit_is_refused(void **state)
{
	char text[8192];
	struct ops_token *token = NULL;
	(void)state;
	memset(text, 'A', sizeof text);
	text[OPS_TOKEN_MAX_BYTES + 1] = '\0';
	assert_int_equal(ops_token_new(text, &token), ERR_LIMIT);
	text[OPS_TOKEN_MAX_BYTES] = '\0';
	assert_int_equal(ops_token_new(text, &token), ERR_OK);
	memset(text, 'A', sizeof text);
	memcpy(text, "Basic ", 6);
	text[6 + 8000] = '\0';
	assert_false(ops_token_fits(token, text));
	ops_token_free(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(it_is_taken_as_bearer_and_as_the_password_of_any_user),
	        cmocka_unit_test(whatever_else_comes_does_not_fit),
	        cmocka_unit_test(a_secret_or_a_header_beyond_its_limit_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
