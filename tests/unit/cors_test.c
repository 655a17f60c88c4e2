/* cors: an origin is on the list or it is not, and the list takes nothing that would let everybody in. */
#include "ingress/cors.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct cors *cors_of(const char *origins)
{
	struct cors *cors = NULL;
	int mistakes = 0;
	assert_int_equal(cors_new(origins, "https://T.b2clogin.com/tenant-id", NULL, &cors, &mistakes), ERR_OK);
	assert_int_equal(mistakes, 0);
	return cors;
}

static void an_origin_on_the_list_is_allowed_and_no_other(void **state)
{
	static const struct {
		const char *origin, *allowed;
	} rows[] = {
	        {"https://a.example", "https://a.example"},
	        {"https://B.example:8443", "https://b.example:8443"},
	        {"HTTPS://A.EXAMPLE", "https://a.example"},
	        {"https://a.example:443", "https://a.example"},
	        {"http://localhost:3000", "http://localhost:3000"},
	        {"http://a.example", NULL},
	        {"https://a.example:444", NULL},
	        {"https://b.example", NULL},
	        {"https://a.example.evil", NULL},
	        {"https://eviltoa.example", NULL},
	        {"https://x.a.example", NULL},
	        {"https://a.example/", NULL},
	        {"https://a.example, https://a.example", NULL},
	        {"https://a.example@evil.example", NULL},
	        {"null", NULL},
	        {"*", NULL},
	        {"", NULL},
	        {NULL, NULL},
	};
	struct cors *cors = cors_of("https://a.example,\thttps://b.EXAMPLE:8443 , http://localhost:3000,");
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *allowed = cors_allowed(cors, rows[i].origin);
		assert_int_equal(allowed != NULL, rows[i].allowed != NULL);
		if (allowed)
			assert_string_equal(allowed, rows[i].allowed);
	}
	cors_free(cors);
}

static void without_a_list_the_page_of_b2c_is_allowed(void **state)
{
	struct cors *cors = cors_of(NULL);
	(void)state;
	assert_string_equal(cors_allowed(cors, "https://t.b2clogin.com"), "https://t.b2clogin.com");
	assert_null(cors_allowed(cors, "https://b2clogin.com"));
	cors_free(cors);
	assert_null(cors_allowed(NULL, "https://t.b2clogin.com"));
	cors_free(NULL);
}

static void wildcards_and_what_is_no_origin_are_mistakes(void **state)
{
	static const struct {
		const char *origins;
		int mistakes;
		const char *says;
	} rows[] = {
	        {"*", 1, "wildcard"},
	        {"https://*.example", 1, "wildcard"},
	        {"https://a.example, *", 1, "wildcard"},
	        {"null", 1, "not an origin"},
	        {"https://a.example/", 1, "not an origin"},
	        {"https://a.example/path, a.example, http://a.example", 3, "not an origin"},
	        {"https://user@a.example", 1, "not an origin"},
	        {" , ", 1, "names no origin"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *text = NULL;
		size_t len = 0;
		int mistakes = 0;
		struct cors *cors = NULL;
		FILE *complaints = open_memstream(&text, &len);
		assert_int_equal(cors_new(rows[i].origins, "https://t.b2clogin.com", complaints, &cors, &mistakes),
		                 ERR_INVALID);
		(void)fclose(complaints);
		assert_null(cors);
		assert_int_equal(mistakes, rows[i].mistakes);
		assert_non_null(strstr(text, rows[i].says));
		free(text);
	}
}

static void more_origins_than_the_limit_are_a_mistake(void **state)
{
	struct cors *cors = NULL;
	int mistakes = 0;
	(void)state;
	char text[(CORS_MAX_ORIGINS + 1) * 24], *at = text;
	for (int i = 0; i <= CORS_MAX_ORIGINS; i++)
		at += sprintf(at, "https://a%d.example,", i);
	assert_int_equal(cors_new(text, NULL, NULL, &cors, &mistakes), ERR_INVALID);
	assert_int_equal(mistakes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_origin_on_the_list_is_allowed_and_no_other),
	        cmocka_unit_test(without_a_list_the_page_of_b2c_is_allowed),
	        cmocka_unit_test(wildcards_and_what_is_no_origin_are_mistakes),
	        cmocka_unit_test(more_origins_than_the_limit_are_a_mistake),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
