/* language: what people's browsers and apps say, and which of our languages that is. */
#include "ingress/language.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NONE LANGUAGE_COUNT

static void of_a_list_of_tags_the_first_of_ours_counts(void **state)
{
	static const struct {
		const char *tags;
		enum language language;
	} rows[] = {
	        {"de", LANGUAGE_DE},
	        {"de-AT", LANGUAGE_DE},
	        {"DE_ch", LANGUAGE_DE},
	        {"en-GB de", LANGUAGE_EN},
	        {"fr de en", LANGUAGE_DE},
	        {"fr", NONE},
	        {"", NONE},
	        {NULL, NONE},
	        {"  ,\tfr-CA, en", LANGUAGE_EN},
	        {"deu", NONE},
	        {"d", NONE},
	        {"-de", NONE},
	        {"english", NONE},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(language_of_tags(rows[i].tags), rows[i].language);
}

static void of_a_header_the_one_of_ours_that_is_liked_best_counts(void **state)
{
	static const struct {
		const char *header;
		enum language language;
	} rows[] = {
	        {"de", LANGUAGE_DE},
	        {"de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", LANGUAGE_DE},
	        {"en;q=0.5, de;q=0.51", LANGUAGE_DE},
	        {"en;q=0.5, de;q=0.5", LANGUAGE_EN},
	        {"de;q=0.499, en;q=0.5", LANGUAGE_EN},
	        {"fr, de;q=0.001", LANGUAGE_DE},
	        {"fr, *;q=0.1", LANGUAGE_DEFAULT},
	        {"*", LANGUAGE_DEFAULT},
	        {"de;q=0", NONE},
	        {"de;q=0.000, en;q=0", NONE},
	        {"fr-FR", NONE},
	        {"", NONE},
	        {NULL, NONE},
	        {",,;q=1,, de ; q=1.0", LANGUAGE_DE},
	        {"de;q=", NONE},
	        {"de;q=2", NONE},
	        {"de;q=x, en;q=0.1", LANGUAGE_EN},
	        {"de;level=1", NONE},
	        {"en;q=1.999, de", LANGUAGE_EN},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(language_of_accept(rows[i].header), rows[i].language);
}

static void a_header_without_end_is_read_up_to_a_limit(void **state)
{
	char header[LANGUAGE_HEADER_MAX_BYTES * 4];
	(void)state;
	memset(header, ',', sizeof header);
	memcpy(header + LANGUAGE_HEADER_MAX_BYTES + 1, "de", 2);
	header[sizeof header - 1] = '\0';
	assert_int_equal(language_of_accept(header), NONE);
	memcpy(header + LANGUAGE_HEADER_MAX_BYTES - 2, "de", 2);
	assert_int_equal(language_of_accept(header), LANGUAGE_DE);
}

static void every_language_has_its_tag(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LANGUAGE_COUNT; i++)
		assert_int_equal(language_of_tags(language_tag((enum language)i)), i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(of_a_list_of_tags_the_first_of_ours_counts),
	        cmocka_unit_test(of_a_header_the_one_of_ours_that_is_liked_best_counts),
	        cmocka_unit_test(a_header_without_end_is_read_up_to_a_limit),
	        cmocka_unit_test(every_language_has_its_tag),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
