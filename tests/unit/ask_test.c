/* ask: what ends a wait before its time, state by state, and what an ask owns. */
#include "ingress/ask.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool is_content(enum wait_for wait_for, enum state state, int64_t checking_ms)
{
	const struct ask ask = {.wait_for = wait_for};
	const struct verification verification = {.state = state, .checking_ms = checking_ms};
	return ask_is_content(&ask, &verification);
}

struct row {
	enum state state;
	int64_t checking_ms; /* 0: it never came to the upload */
	bool content;
};

static void check_rows(enum wait_for wait_for, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_content(wait_for, rows[i].state, rows[i].checking_ms) != rows[i].content)
			fail_msg("%s, checking since %lld", state_name(rows[i].state), (long long)rows[i].checking_ms);
}

static void who_wants_the_end_is_content_with_final_states_only(void **state)
{
	static const struct row rows[] = {
	        {STATE_QUEUED, 0, false}, {STATE_AWAITING_USER, 0, false}, {STATE_CHECKING, 5, false},
	        {STATE_DEAD, 0, true},    {STATE_DEAD, 5, true},           {STATE_COMPLETED, 5, true},
	        {STATE_ERASED, 0, true},
	};
	(void)state;
	check_rows(WAIT_FINAL, rows, sizeof rows / sizeof *rows);
	const struct ask unsaid = {.type = ASK_NEW};
	const struct verification queued = {.state = STATE_QUEUED};
	assert_false(ask_is_content(&unsaid, &queued)); /* the end is what is waited for when nothing is said */
}

static void who_wants_to_go_on_is_content_with_all_but_queued(void **state)
{
	static const struct row rows[] = {
	        {STATE_QUEUED, 0, false}, {STATE_AWAITING_USER, 0, true}, {STATE_CHECKING, 5, true},
	        {STATE_DEAD, 0, true},    {STATE_DEAD, 5, true},          {STATE_COMPLETED, 5, true},
	        {STATE_ERASED, 0, true},
	};
	(void)state;
	check_rows(WAIT_LEFT_QUEUED, rows, sizeof rows / sizeof *rows);
}

static void who_wants_a_verdict_waits_on_when_it_died_after_the_upload(void **state)
{
	static const struct row rows[] = {
	        {STATE_QUEUED, 0, false}, {STATE_AWAITING_USER, 0, false}, {STATE_CHECKING, 5, false},
	        {STATE_DEAD, 0, true},    {STATE_DEAD, 5, false},          {STATE_COMPLETED, 5, true},
	        {STATE_ERASED, 5, true},
	};
	(void)state;
	check_rows(WAIT_SETTLED, rows, sizeof rows / sizeof *rows);
}

static void an_asks_end_frees_what_it_owns_once(void **state)
{
	struct ask ask = {.type = ASK_START};
	(void)state;
	ask_fini(&ask);
	ask.request.sealed = strdup("sealed");
	ask.person.memory = strdup("person");
	ask.person.memory_len = strlen("person");
	ask.texts.sealed = strdup("sealed");
	ask.texts.link = strdup("link");
	ask_fini(&ask);
	assert_true(!ask.request.sealed && !ask.person.memory && !ask.texts.sealed && !ask.texts.link);
	ask_fini(&ask);
}

static void who_joined_waits_until_the_journey_has_its_fields(void **state)
{
	struct ask ask = {.wait_for = WAIT_LEFT_QUEUED, .joined = true, .request = {.created_ms = 100}};
	struct verification known = {.state = STATE_AWAITING_USER, .resumed_ms = 99};
	(void)state;
	assert_false(ask_is_content(&ask, &known));
	known.resumed_ms = 100;
	assert_true(ask_is_content(&ask, &known));
	known = (struct verification){.state = STATE_DEAD};
	assert_true(ask_is_content(&ask, &known)); /* it will have none any more */
	ask.joined = false;
	known.state = STATE_AWAITING_USER;
	assert_true(ask_is_content(&ask, &known));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(who_wants_the_end_is_content_with_final_states_only),
	        cmocka_unit_test(who_joined_waits_until_the_journey_has_its_fields),
	        cmocka_unit_test(who_wants_to_go_on_is_content_with_all_but_queued),
	        cmocka_unit_test(who_wants_a_verdict_waits_on_when_it_died_after_the_upload),
	        cmocka_unit_test(an_asks_end_frees_what_it_owns_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
