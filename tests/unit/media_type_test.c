/* media_type: what a Content-Type says. */
#include "ingress/media_type.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FORM "application/x-www-form-urlencoded"

static void a_type_is_known_in_any_case_and_with_parameters(void **state)
{
	(void)state;
	assert_true(media_type_is("application/json", "application/json"));
	assert_true(media_type_is("Application/JSON ; charset=utf-8", "application/json"));
	assert_true(media_type_is("application/json\t;charset=utf-8", "application/json"));
	assert_true(media_type_is("Application/X-WWW-Form-URLEncoded; charset=UTF-8", FORM));
}

static void what_only_begins_like_it_is_another(void **state)
{
	(void)state;
	assert_false(media_type_is("application/jsonp", "application/json"));
	assert_false(media_type_is("application/json,text/html", "application/json"));
	assert_false(media_type_is(FORM "x", FORM));
	assert_false(media_type_is("application/x-www-form", FORM));
	assert_false(media_type_is("application/json", FORM));
	assert_false(media_type_is("", FORM));
	assert_false(media_type_is(NULL, FORM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_type_is_known_in_any_case_and_with_parameters),
	        cmocka_unit_test(what_only_begins_like_it_is_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
