/* applications: a name for everybody who has one, and a setting that is wrong is told without repeating it. */
#include "common/base/buf.h"
#include "ingress/applications.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct applications *made_of(const char *text)
{
	struct applications *applications = NULL;
	struct err err = {ERR_OK, ""};
	assert_int_equal(applications_new(text, &applications, &err), ERR_OK);
	return applications;
}

static void a_client_comes_before_a_caller_and_both_before_the_rest(void **state)
{
	struct applications *names = made_of(" 6F1D=Fjord Bank ; shop = Harbour, Inc. = more;*=Any;");
	(void)state;
	assert_string_equal(application_name(names, "6f1d", "shop"), "Fjord Bank");
	assert_string_equal(application_name(names, "other", "SHOP"), "Harbour, Inc. = more");
	assert_string_equal(application_name(names, NULL, "shop"), "Harbour, Inc. = more");
	assert_string_equal(application_name(names, "", ""), "Any");
	assert_string_equal(application_name(names, NULL, NULL), "Any");
	applications_free(names);
}

static void who_has_no_name_is_called_nothing(void **state)
{
	struct applications *names = made_of("a=A");
	(void)state;
	assert_null(application_name(names, "b", "c"));
	assert_null(application_name(NULL, "a", "a"));
	applications_free(names);
	names = made_of(NULL);
	assert_null(application_name(names, "a", "a"));
	applications_free(names);
	applications_free(NULL);
}

static void a_wrong_setting_is_refused_and_not_repeated(void **state)
{
	static const struct {
		const char *text, *told;
	} rows[] = {
	        {"a=A;nothing", "entry 2 is not"}, {"=Secret", "entry 1 has no CLIENT-ID"},
	        {"a=", "entry 1 has no name"},     {"a= \t", "entry 1 has no name"},
	        {"a=A;A=Secret", "twice"},         {"a=\xff", "UTF-8"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct applications *names = (void *)&names;
		struct err err = {ERR_OK, ""};
		assert_int_equal(applications_new(rows[i].text, &names, &err), ERR_INVALID);
		assert_ptr_equal(names, (void *)&names);
		assert_non_null(strstr(err.msg, rows[i].told));
		assert_null(strstr(err.msg, "Secret"));
	}
}

static void names_and_their_number_have_limits(void **state)
{
	struct buf text;
	struct applications *names = NULL;
	struct err err;
	char name[APPLICATION_NAME_MAX + 2];
	(void)state;
	memset(name, 'n', sizeof name);
	name[APPLICATION_NAME_MAX] = '\0';
	buf_init(&text, 65536);
	assert_int_equal(buf_printf(&text, "x=%s", name), ERR_OK);
	applications_free(made_of(text.data));
	assert_int_equal(buf_append_str(&text, "n"), ERR_OK);
	assert_int_equal(applications_new(text.data, &names, &err), ERR_INVALID);
	buf_clear(&text);
	for (int i = 0; i < APPLICATIONS_MAX; i++)
		assert_int_equal(buf_printf(&text, "c%d=App %d;", i, i), ERR_OK);
	applications_free(made_of(text.data));
	assert_int_equal(buf_append_str(&text, "one=More"), ERR_OK);
	assert_int_equal(applications_new(text.data, &names, &err), ERR_LIMIT);
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_client_comes_before_a_caller_and_both_before_the_rest),
	        cmocka_unit_test(who_has_no_name_is_called_nothing),
	        cmocka_unit_test(a_wrong_setting_is_refused_and_not_repeated),
	        cmocka_unit_test(names_and_their_number_have_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
