/* admission: who is held, who is answered at once, and who is told to come again. */
#include "ingress/admission.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ID "v000000000000000000000A"

static struct metrics *metrics;

static int start(void **state)
{
	const struct admission_options options = {.per_caller = 2, .per_id = 3, .metrics = NULL};
	struct admission_options with = options;
	assert_int_equal(metrics_new(&metrics), ERR_OK);
	with.metrics = metrics;
	return admission_new(&with, (struct admission **)state) == ERR_OK ? 0 : -1;
}

static int stop(void **state)
{
	admission_free(*state);
	metrics_free(metrics);
	return 0;
}

static struct ask ask_of(enum ask_type type, const char *id, int64_t wait_until_ms)
{
	struct ask ask = {.type = type, .wait_until_ms = wait_until_ms};
	strcpy(ask.request.id, id);
	return ask;
}

static int64_t limited(const char *labels)
{
	return metric_value(metrics_counter(metrics, "verifyd_calls_limited", labels, ""));
}

static void a_credential_beyond_its_number_is_not_held_but_served(void **state)
{
	struct admitted admitted[4];
	struct ask ask = ask_of(ASK_NEW, "", 1000);
	for (int i = 0; i < 2; i++)
		assert_true(admission_take(*state, "a", &ask, &admitted[i]));
	assert_int_equal(ask.wait_until_ms, 1000);
	assert_true(admission_take(*state, "a", &ask, &admitted[2]));
	assert_int_equal(ask.wait_until_ms, 0);
	assert_int_equal(limited("why=\"credential\""), 1);
	ask.wait_until_ms = 1000;
	assert_true(admission_take(*state, "b", &ask, &admitted[3]));
	assert_int_equal(ask.wait_until_ms, 1000);
	admission_give(*state, &admitted[2]); /* it was not counted */
	assert_true(admission_take(*state, "a", &ask, &admitted[2]));
	assert_int_equal(ask.wait_until_ms, 0);
	admission_give(*state, &admitted[0]);
	admission_give(*state, &admitted[0]); /* once is enough */
	ask.wait_until_ms = 1000;
	assert_true(admission_take(*state, "a", &ask, &admitted[0]));
	assert_int_equal(ask.wait_until_ms, 1000);
}

static void who_does_not_wait_or_has_no_credential_is_not_counted(void **state)
{
	struct admitted admitted;
	struct ask waits = ask_of(ASK_NEW, "", 1000), goes = ask_of(ASK_NEW, "", 0);
	for (int i = 0; i < 10; i++) {
		assert_true(admission_take(*state, "a", &goes, &admitted));
		assert_true(admission_take(*state, "", &waits, &admitted));
		assert_int_equal(waits.wait_until_ms, 1000);
	}
}

static void about_one_verification_there_are_so_many_calls_and_no_more(void **state)
{
	static const enum ask_type types[] = {ASK_READ, ASK_START, ASK_RETURN};
	struct admitted admitted[4];
	for (int i = 0; i < 3; i++) {
		struct ask ask = ask_of(types[i], ID, i);
		assert_true(admission_take(*state, "", &ask, &admitted[i]));
	}
	struct ask more = ask_of(ASK_READ, ID, 0);
	assert_false(admission_take(*state, "", &more, &admitted[3]));
	assert_int_equal(limited("why=\"verification\""), 1);
	admission_give(*state, &admitted[3]); /* harmless */
	assert_false(admission_take(*state, "", &more, &admitted[3]));
	strcpy(more.request.id, "v000000000000000000000B");
	assert_true(admission_take(*state, "", &more, &admitted[3]));
	struct ask new = ask_of(ASK_NEW, ID, 0); /* an id of its own making is nobody's to flood */
	assert_true(admission_take(*state, "", &new, &admitted[3]));
	admission_give(*state, &admitted[1]);
	strcpy(more.request.id, ID);
	assert_true(admission_take(*state, "", &more, &admitted[1]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(a_credential_beyond_its_number_is_not_held_but_served, start, stop),
	        cmocka_unit_test_setup_teardown(who_does_not_wait_or_has_no_credential_is_not_counted, start, stop),
	        cmocka_unit_test_setup_teardown(about_one_verification_there_are_so_many_calls_and_no_more, start,
	                                        stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
