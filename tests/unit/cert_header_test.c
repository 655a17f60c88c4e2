/* cert_header: the forms in which proxies write a certificate, and what is none of them. */
#include "ingress/cert_header.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END   "-----END CERTIFICATE-----"

enum { OUT_BYTES = 64 };

/* The bytes behind "MIIB+/8=" are 30 82 01 fb ff. */
static void every_proxys_form_is_read(void **state)
{
	static const char *const forms[] = {
	        "MIIB+/8=",
	        ":MIIB+/8=:",
	        "MIIB%2B%2F8%3D",
	        BEGIN " MIIB +/8= " END,
	        BEGIN " MIIB+/8= " END " ",
	        "-----BEGIN%20CERTIFICATE-----%0AMIIB%2B%2F8%3D%0A-----END%20CERTIFICATE-----%0A",
	        "-----BEGIN%20CERTIFICATE-----%0D%0AMIIB%2b%0d%0a%2f8%3d%0D%0A-----END%20CERTIFICATE-----",
	        BEGIN "\tMIIB+/8=\t" END,
	};
	static const unsigned char wanted[] = {0x30, 0x82, 0x01, 0xfb, 0xff};
	(void)state;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		unsigned char out[OUT_BYTES];
		size_t len = 0;
		assert_int_equal(cert_header_read(forms[i], out, sizeof out, &len), ERR_OK);
		assert_int_equal(len, sizeof wanted);
		assert_memory_equal(out, wanted, sizeof wanted);
	}
}

static void what_is_none_of_them_is_refused(void **state)
{
	static const char *const texts[] = {"",
	                                    " ",
	                                    "=",
	                                    "====",
	                                    "MII",
	                                    "MIIB+/8",
	                                    "MIIB+/8=, MIIB+/8=",
	                                    "MIIB=/8=",
	                                    "M===",
	                                    "MIIB+/9=",
	                                    "MIIB-_8=",
	                                    "MIIB%2",
	                                    "MIIB%",
	                                    "MIIB%zz8=",
	                                    "MIIB%00/8=",
	                                    ":",
	                                    "::",
	                                    ":MIIB+/8=",
	                                    BEGIN,
	                                    BEGIN END,
	                                    BEGIN "MIIB+/8=",
	                                    "MIIB+/8=" END,
	                                    BEGIN "MIIB+/8=" END "MIIB",
	                                    BEGIN "MIIB+/8=" END BEGIN "MIIB+/8=" END,
	                                    "-----BEGIN PRIVATE KEY-----MIIB+/8=-----END PRIVATE KEY-----",
	                                    "Hash=00;Cert=\"MIIB+/8=\""};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		unsigned char out[OUT_BYTES];
		size_t len = OUT_BYTES + 1;
		assert_int_equal(cert_header_read(texts[i], out, sizeof out, &len), ERR_INVALID);
		assert_int_equal(len, OUT_BYTES + 1);
	}
}

static void a_certificate_that_is_too_long_is_refused(void **state)
{
	char *text = malloc(CERT_HEADER_MAX_BYTES + 2);
	unsigned char out[OUT_BYTES];
	size_t len;
	(void)state;
	memset(text, 'A', CERT_HEADER_MAX_BYTES + 1);
	text[CERT_HEADER_MAX_BYTES + 1] = '\0';
	assert_int_equal(cert_header_read(text, out, sizeof out, &len), ERR_LIMIT);
	text[CERT_HEADER_MAX_BYTES] = '\0';
	assert_int_equal(cert_header_read(text, out, sizeof out, &len), ERR_LIMIT);
	text[OUT_BYTES / 4 * 4] = '\0';
	assert_int_equal(cert_header_read(text, out, sizeof out, &len), ERR_OK);
	assert_int_equal(len, OUT_BYTES / 4 * 3);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_proxys_form_is_read),
	        cmocka_unit_test(what_is_none_of_them_is_refused),
	        cmocka_unit_test(a_certificate_that_is_too_long_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
