/* waiters: who waits for what, and for how long, in fake time: nothing here sleeps. */
#include "ingress/waiters.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { START = 1234567, MANY = 20000, WHEEL_MS = WAITERS_SLOTS * WAITERS_SLOT_MS };

static int new_table(void **state)
{
	return waiters_new(START, (struct waiters **)state) == ERR_OK ? 0 : -1;
}

static int free_table(void **state)
{
	waiters_free(*state);
	return 0;
}

static void add(struct waiters *waiters, struct ask *ask, int number, int64_t until_ms)
{
	*ask = (struct ask){.wait_until_ms = until_ms};
	(void)snprintf(ask->request.id, sizeof ask->request.id, "v%022d", number);
	waiters_add(waiters, ask, START);
}

static bool fits_all(const void *ctx, struct ask *ask)
{
	(void)ctx;
	(void)ask;
	return true;
}

static struct ask *take(struct waiters *waiters, int number)
{
	char id[ID_BYTES];
	(void)snprintf(id, sizeof id, "v%022d", number);
	return waiters_take(waiters, id, fits_all, NULL);
}

static void every_waiter_of_an_id_is_found_and_nobody_else(void **state)
{
	struct waiters *waiters = *state;
	struct ask *asks = calloc(MANY, sizeof *asks);
	assert_non_null(asks);
	for (int i = 0; i < MANY; i++)
		add(waiters, &asks[i], i / 2, START + i);
	assert_int_equal(waiters_count(waiters), MANY);
	assert_null(take(waiters, MANY));
	for (int id = MANY / 2 - 1; id >= 0; id--) {
		struct ask *first = take(waiters, id), *second = take(waiters, id);
		assert_true(first == &asks[2 * id] || first == &asks[2 * id + 1]);
		assert_true(second == &asks[2 * id] || second == &asks[2 * id + 1]);
		assert_ptr_not_equal(first, second);
		assert_false(first->waiting || second->waiting);
		assert_null(take(waiters, id));
	}
	assert_int_equal(waiters_count(waiters), 0);
	assert_null(waiters_take_due(waiters, START + 10 * WHEEL_MS));
	free(asks);
}

/* Steps through fake time and takes who is due; returns how many there were. */
static int take_all_due(struct waiters *waiters, int64_t from, int64_t to, int64_t step)
{
	int taken = 0;
	for (int64_t now = from; now <= to; now += step)
		for (struct ask *ask; (ask = waiters_take_due(waiters, now)); taken++) {
			assert_true(ask->wait_until_ms <= now);
			assert_true(now - ask->wait_until_ms <= WAITERS_SLOT_MS + step);
			assert_false(ask->waiting);
		}
	return taken;
}

static void nobody_is_sent_away_early_or_more_than_a_slot_late(void **state)
{
	struct waiters *waiters = *state;
	struct ask *asks = calloc(MANY, sizeof *asks);
	unsigned random = 1;
	assert_non_null(asks);
	for (int i = 0; i < MANY; i++) {
		random = random * 1103515245u + 12345u;
		add(waiters, &asks[i], i, START + (random >> 8) % (WHEEL_MS - 2 * WAITERS_SLOT_MS));
	}
	assert_int_equal(take_all_due(waiters, START, START + WHEEL_MS, 1), MANY);
	assert_int_equal(waiters_count(waiters), 0);
	free(asks);
}

static void a_time_beyond_the_wheel_is_kept_for_as_many_rounds_as_it_takes(void **state)
{
	struct waiters *waiters = *state;
	struct ask asks[5];
	static const int64_t waits[] = {WHEEL_MS - 1, WHEEL_MS, WHEEL_MS + 1, 3 * WHEEL_MS + 7, 10 * WHEEL_MS};
	for (int i = 0; i < 5; i++)
		add(waiters, &asks[i], i, START + waits[i]);
	assert_int_equal(take_all_due(waiters, START, START + WHEEL_MS - 2, 3), 0);
	assert_int_equal(take_all_due(waiters, START + WHEEL_MS - 1, START + 2 * WHEEL_MS, 3), 3);
	assert_int_equal(take_all_due(waiters, START + 2 * WHEEL_MS, START + 11 * WHEEL_MS, 7), 2);
}

static void a_jump_of_time_finds_everybody_who_is_due_and_no_one_else(void **state)
{
	struct waiters *waiters = *state;
	struct ask asks[4];
	int64_t jump = START + 5 * WHEEL_MS;
	add(waiters, &asks[0], 0, START + 1);
	add(waiters, &asks[1], 1, START + WHEEL_MS);
	add(waiters, &asks[2], 2, jump - WAITERS_SLOT_MS);
	add(waiters, &asks[3], 3, jump + 2 * WAITERS_SLOT_MS);
	for (int i = 0; i < 3; i++)
		assert_non_null(waiters_take_due(waiters, jump));
	assert_null(waiters_take_due(waiters, jump));
	assert_ptr_equal(waiters_take_due(waiters, jump + 4 * WAITERS_SLOT_MS), &asks[3]);
}

static void a_time_that_is_over_already_is_due_with_the_next_slot(void **state)
{
	struct waiters *waiters = *state;
	struct ask ask;
	assert_null(waiters_take_due(waiters, START + 500));
	add(waiters, &ask, 1, START - 100000);
	assert_ptr_equal(waiters_take_due(waiters, START + 500 + WAITERS_SLOT_MS), &ask);
}

static bool fits_content(const void *ctx, struct ask *ask)
{
	return ask_is_content(ask, ctx);
}

static void who_is_not_content_waits_on_among_those_of_the_same_id(void **state)
{
	struct waiters *waiters = *state;
	struct ask asks[6];
	const struct verification awaiting = {.state = STATE_AWAITING_USER}, completed = {.state = STATE_COMPLETED};
	static const enum wait_for wants[] = {WAIT_FINAL,   WAIT_LEFT_QUEUED, WAIT_SETTLED,
	                                      WAIT_SETTLED, WAIT_LEFT_QUEUED, WAIT_LEFT_QUEUED};
	for (int i = 0; i < 6; i++) {
		add(waiters, &asks[i], i == 5 ? 8 : 7, START + 50);
		asks[i].wait_for = wants[i];
	}
	const char *id = asks[0].request.id;
	for (int i = 0; i < 2; i++) {
		struct ask *ask = waiters_take(waiters, id, fits_content, &awaiting);
		assert_true(ask == &asks[1] || ask == &asks[4]);
		assert_false(ask->waiting);
	}
	assert_null(waiters_take(waiters, id, fits_content, &awaiting));
	assert_int_equal(waiters_count(waiters), 4);
	for (int i = 0; i < 3; i++)
		assert_non_null(waiters_take(waiters, id, fits_content, &completed));
	assert_null(waiters_take(waiters, id, fits_content, &completed));
	assert_ptr_equal(waiters_take_due(waiters, START + 100), &asks[5]); /* of another id: nobody took it */
}

static void who_was_taken_by_id_is_not_due_any_more_and_the_other_way_round(void **state)
{
	struct waiters *waiters = *state;
	struct ask asks[3];
	for (int i = 0; i < 3; i++) /* all in one slot and, by id, in one line */
		add(waiters, &asks[i], 7, START + 50);
	struct ask *by_id = take(waiters, 7);
	struct ask *by_time = waiters_take_due(waiters, START + 100);
	assert_ptr_not_equal(by_id, by_time);
	struct ask *last = take(waiters, 7);
	assert_true(last && last != by_id && last != by_time);
	assert_null(waiters_take_due(waiters, START + 1000));
	assert_null(take(waiters, 7));
	assert_int_equal(waiters_count(waiters), 0);
}

static void removing_twice_or_what_never_waited_is_harmless(void **state)
{
	struct waiters *waiters = *state;
	struct ask asks[3], never = {.waiting = false};
	for (int i = 0; i < 3; i++)
		add(waiters, &asks[i], 7, START + 50);
	waiters_remove(waiters, &asks[1]);
	waiters_remove(waiters, &asks[1]);
	waiters_remove(waiters, &never);
	assert_int_equal(waiters_count(waiters), 2);
	waiters_add(waiters, &asks[1], START);
	assert_int_equal(asks[1].waiting_since_ms, START);
	assert_int_equal(waiters_count(waiters), 3);
	for (int i = 0; i < 3; i++)
		waiters_remove(waiters, &asks[i]);
	assert_int_equal(waiters_count(waiters), 0);
}

static void count_each(void *ctx, struct ask *ask)
{
	ask->outcome = OUTCOME_FAILED; /* marks it as seen */
	++*(int *)ctx;
}

static void each_sees_everybody_once_and_take_any_empties_the_table(void **state)
{
	enum { SOME = 300 };
	struct waiters *waiters = *state;
	struct ask *asks = calloc(SOME, sizeof *asks);
	int seen = 0;
	assert_non_null(asks);
	assert_null(waiters_take_any(waiters));
	for (int i = 0; i < SOME; i++)
		add(waiters, &asks[i], i % 100, START + i);
	waiters_each(waiters, count_each, &seen);
	assert_int_equal(seen, SOME);
	for (int i = 0; i < SOME; i++)
		assert_int_equal(asks[i].outcome, OUTCOME_FAILED);
	for (int i = 0; i < SOME; i++)
		assert_non_null(waiters_take_any(waiters));
	assert_null(waiters_take_any(waiters));
	for (int i = 0; i < SOME; i++)
		assert_false(asks[i].waiting);
	free(asks);
}

static void a_table_may_be_missing_when_it_is_freed(void **state)
{
	(void)state;
	waiters_free(NULL);
}

#define WITH_TABLE(test) cmocka_unit_test_setup_teardown(test, new_table, free_table)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_TABLE(every_waiter_of_an_id_is_found_and_nobody_else),
	        WITH_TABLE(nobody_is_sent_away_early_or_more_than_a_slot_late),
	        WITH_TABLE(a_time_beyond_the_wheel_is_kept_for_as_many_rounds_as_it_takes),
	        WITH_TABLE(a_jump_of_time_finds_everybody_who_is_due_and_no_one_else),
	        WITH_TABLE(a_time_that_is_over_already_is_due_with_the_next_slot),
	        WITH_TABLE(who_is_not_content_waits_on_among_those_of_the_same_id),
	        WITH_TABLE(who_was_taken_by_id_is_not_due_any_more_and_the_other_way_round),
	        WITH_TABLE(removing_twice_or_what_never_waited_is_harmless),
	        WITH_TABLE(each_sees_everybody_once_and_take_any_empties_the_table),
	        cmocka_unit_test(a_table_may_be_missing_when_it_is_freed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
