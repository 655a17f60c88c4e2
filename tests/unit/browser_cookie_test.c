/* browser_cookie: finds its own among others, takes no foreign one, and writes one that stays with this host and this
 * browser. */
#include "ingress/browser_cookie.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int make_tickets(void **state)
{
	return tickets_new("0123456789abcdef0123456789abcdef", (struct tickets **)state, NULL) == ERR_OK ? 0 : -1;
}

static int free_tickets(void **state)
{
	tickets_free(*state);
	return 0;
}

#define ID    "vAAAAAAAAAAAAAAAAAAAAAA"
#define OTHER "vBBBBBBBBBBBBBBBBBBBBBA"

static void its_own_cookie_is_found_wherever_it_stands(void **state)
{
	static const char *const shapes[] = {
	        "%s=%s",  "a=b; %s=%s", "%s=%s; a=b", "a;;  b=; %s=%s ;c", "x__Host-verifyd-" ID "=no; %s=%s",
	        "\t%s=%s"};
	char name[COOKIE_NAME_BYTES], mine[COOKIE_VALUE_BYTES], found[COOKIE_VALUE_BYTES], header[512];
	cookie_name(ID, name);
	assert_int_equal(cookie_make(*state, ID, mine), ERR_OK);
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(header, sizeof header, shapes[i], name, mine);
#pragma GCC diagnostic pop
		assert_true(browser_cookie_read(*state, ID, header, found));
		assert_string_equal(found, mine);
	}
	/* a forged one before it does not hide it */
	(void)snprintf(header, sizeof header, "%s=%.42sx; %s=%s", name, mine, name, mine);
	assert_true(browser_cookie_read(*state, ID, header, found));
	assert_string_equal(found, mine);
}

static void no_other_cookie_counts(void **state)
{
	char name[COOKIE_NAME_BYTES], others[COOKIE_VALUE_BYTES], found[COOKIE_VALUE_BYTES] = "untouched", header[512];
	cookie_name(ID, name);
	assert_int_equal(cookie_make(*state, OTHER, others), ERR_OK);
	assert_false(browser_cookie_read(*state, ID, NULL, found));
	assert_false(browser_cookie_read(*state, ID, "", found));
	assert_false(browser_cookie_read(*state, ID, " ; ;", found));
	(void)snprintf(header, sizeof header, "%s=%s", name, others); /* another journey's value under this name */
	assert_false(browser_cookie_read(*state, ID, header, found));
	(void)snprintf(header, sizeof header, "%s=", name);
	assert_false(browser_cookie_read(*state, ID, header, found));
	(void)snprintf(header, sizeof header, "%s", name);
	assert_false(browser_cookie_read(*state, ID, header, found));
	(void)snprintf(header, sizeof header, "%s=%sx", name, others); /* longer than any of ours */
	assert_false(browser_cookie_read(*state, ID, header, found));
	assert_string_equal(found, "untouched");
}

static void the_cookie_is_for_this_host_hidden_and_not_sent_along(void **state)
{
	char header[SET_COOKIE_BYTES], value[COOKIE_VALUE_BYTES], expected[SET_COOKIE_BYTES];
	assert_int_equal(cookie_make(*state, ID, value), ERR_OK);
	browser_cookie_write(ID, value, 86400 * 61000LL, header);
	(void)snprintf(expected, sizeof expected,
	               "__Host-verifyd-" ID "=%s; Max-Age=5270400; Path=/; Secure; HttpOnly; SameSite=Lax", value);
	assert_string_equal(header, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(its_own_cookie_is_found_wherever_it_stands),
	        cmocka_unit_test(no_other_cookie_counts),
	        cmocka_unit_test(the_cookie_is_for_this_host_hidden_and_not_sent_along),
	};
	return cmocka_run_group_tests(tests, make_tickets, free_tickets);
}
