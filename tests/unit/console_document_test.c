/* The console's document: small, whole, and under a policy that allows its own style and script and nothing else. */
#include "common/adapters/console_document.h"
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { DOCUMENT_BYTES = 40 * 1024 };

static void hash_between(const char *text, const char *begin, const char *end, char ret_hash[64])
{
	unsigned char digest[32];
	const char *from = strstr(text, begin);
	assert_non_null(from);
	from += strlen(begin);
	const char *to = strstr(from, end);
	assert_non_null(to);
	assert_int_equal(EVP_Digest(from, (size_t)(to - from), digest, NULL, EVP_sha256(), NULL), 1);
	EVP_EncodeBlock((unsigned char *)ret_hash, digest, sizeof digest);
}

static void the_policy_allows_what_is_inside_and_nothing_else(void **state)
{
	struct buf document;
	char csp[CONSOLE_CSP_BYTES], style[64], script[64], rule[128];
	(void)state;
	buf_init(&document, DOCUMENT_BYTES);
	assert_int_equal(console_document_write("<main>x</main>", &document), ERR_OK);
	assert_int_equal(console_document_csp(csp), ERR_OK);
	hash_between(document.data, "<style>", "</style>", style);
	hash_between(document.data, "<script>", "</script>", script);
	snprintf(rule, sizeof rule, "style-src 'sha256-%s';", style);
	assert_non_null(strstr(csp, rule));
	snprintf(rule, sizeof rule, "script-src 'sha256-%s';", script);
	assert_non_null(strstr(csp, rule));
	assert_non_null(strstr(csp, "default-src 'none'"));
	assert_non_null(strstr(csp, "frame-ancestors 'none'"));
	assert_null(strstr(csp, "unsafe"));
	buf_fini(&document);
}

static void the_document_needs_nothing_from_elsewhere_and_works_without_a_script(void **state)
{
	static const char *const wanted[] = {"<!DOCTYPE html>",
	                                     "<html lang=\"en\">",
	                                     "<main>x</main>",
	                                     "viewport",
	                                     "prefers-color-scheme",
	                                     "prefers-reduced-motion",
	                                     "<noscript><meta http-equiv=\"refresh\""};
	static const char *const unwanted[] = {"http://", "https://",  "@import", "url(",
	                                       " src=",   "innerHTML", " style="};
	struct buf document;
	(void)state;
	buf_init(&document, DOCUMENT_BYTES);
	assert_int_equal(console_document_write("<main>x</main>", &document), ERR_OK);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (!strstr(document.data, wanted[i]))
			fail_msg("%s is missing", wanted[i]);
	for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
		if (strstr(document.data, unwanted[i]))
			fail_msg("%s is there", unwanted[i]);
	buf_fini(&document);
	buf_init(&document, 1000);
	assert_int_equal(console_document_write("", &document), ERR_LIMIT);
	buf_fini(&document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_policy_allows_what_is_inside_and_nothing_else),
	        cmocka_unit_test(the_document_needs_nothing_from_elsewhere_and_works_without_a_script),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
