/* Tests of common/base/asn1_time: both forms, UTC wherever the machine stands, and what is no time. */
#include "common/base/asn1_time.h"
#include <openssl/asn1.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { UNTOUCHED = -77 };

static int64_t read_text(int type, const char *text)
{
	ASN1_STRING *time = ASN1_STRING_type_new(type);
	int64_t unix_s = UNTOUCHED;
	assert_non_null(time);
	assert_int_equal(ASN1_STRING_set(time, text, (int)strlen(text)), 1);
	bool done = asn1_time_read(time, &unix_s);
	assert_int_equal(done, unix_s != UNTOUCHED);
	ASN1_STRING_free(time);
	return unix_s;
}

static void both_forms_are_read_as_utc(void **state)
{
	static const struct {
		int type;
		const char *text;
		int64_t unix_s;
	} rows[] = {
	        {V_ASN1_UTCTIME, "700101000000Z", 0},
	        {V_ASN1_UTCTIME, "261121080001Z", 1795248001},
	        {V_ASN1_UTCTIME, "240229235959Z", 1709251199},
	        {V_ASN1_UTCTIME, "491231235959Z", 2524607999}, /* 2049 */
	        {V_ASN1_UTCTIME, "500101000000Z", -631152000}, /* 1950 */
	        {V_ASN1_GENERALIZEDTIME, "20500101000000Z", 2524608000},
	        {V_ASN1_GENERALIZEDTIME, "99991231235959Z", 253402300799}, /* no end (RFC 5280, 4.1.2.5) */
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(read_text(rows[i].type, rows[i].text), rows[i].unix_s);
}

static void what_is_no_time_leaves_the_output_alone(void **state)
{
	static const char *const texts[] = {"", "261121", "261321080001Z", "261121080001", "today", "20261121080001Z"};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_int_equal(read_text(V_ASN1_UTCTIME, texts[i]), UNTOUCHED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(both_forms_are_read_as_utc),
	        cmocka_unit_test(what_is_no_time_leaves_the_output_alone),
	};
	if (setenv("TZ", "UTC-5:30", 1) != 0) /* must not matter */
		return 1;
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
