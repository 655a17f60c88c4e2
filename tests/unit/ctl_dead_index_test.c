/* ctl_dead_index: of each id the newest letter, in bounded memory, and what a replay does with it. */
#include "ctl/ctl_dead_index.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct dead_letter letter(int number, int32_t partition, int64_t offset)
{
	struct dead_letter letter = {.partition = partition,
	                             .offset = offset,
	                             .timestamp_ms = 1000 + offset,
	                             .kind = KIND_BIOCATCH_SCORE,
	                             .operation = kind_first_operation(KIND_BIOCATCH_SCORE),
	                             .class = "requests.biocatch.score",
	                             .error = "timeout",
	                             .last_failure_ms = 5000 + offset};
	if (number >= 0)
		(void)snprintf(letter.id, sizeof letter.id, "v%021dA", number);
	return letter;
}

static struct dead_index *make(size_t max)
{
	struct dead_index *index;
	assert_int_equal(dead_index_new(max, &index), ERR_OK);
	return index;
}

static void add(struct dead_index *index, struct dead_letter letter, bool fits)
{
	assert_int_equal(dead_index_add(index, &letter, fits), ERR_OK);
}

static void the_newest_letter_of_an_id_stands_and_decides_whether_it_fits(void **state)
{
	struct dead_index *index = make(100);
	(void)state;
	add(index, letter(1, 0, 5), true);
	add(index, letter(1, 0, 9), true);
	add(index, letter(1, 0, 7), true); /* older than what is there */
	add(index, letter(2, 0, 3), true);
	add(index, letter(2, 0, 4), false); /* has died again of something else */
	add(index, letter(3, 0, 1), false);
	add(index, letter(3, 0, 2), true);
	add(index, letter(4, 1, 20), true);
	add(index, letter(4, 2, 10),
	    true); /* the topic has got more partitions: the broker's time says what is older */
	dead_index_settle(index);
	assert_int_equal(dead_index_count(index), 3);
	assert_int_equal(dead_index_find(index, letter(1, 0, 0).id)->offset, 9);
	assert_null(dead_index_find(index, letter(2, 0, 0).id));
	assert_int_equal(dead_index_find(index, letter(3, 0, 0).id)->offset, 2);
	assert_int_equal(dead_index_find(index, letter(4, 0, 0).id)->offset, 20);
	dead_index_free(index);
}

static void poison_without_an_id_has_an_entry_each(void **state)
{
	struct dead_index *index = make(100);
	(void)state;
	add(index, letter(-1, 0, 1), true);
	add(index, letter(-1, 0, 2), true);
	dead_index_settle(index);
	assert_int_equal(dead_index_count(index), 2);
	assert_null(dead_index_find(index, ""));
	dead_index_free(index);
}

static void every_one_of_many_is_found_again(void **state)
{
	enum { MANY = 20000 };
	struct dead_index *index = make(DEAD_INDEX_MAX);
	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < MANY; i++)
			add(index, letter(i, 0, round * MANY + i), i % 3 != 0);
	assert_int_equal(dead_index_count(index), MANY - MANY / 3 - 1);
	dead_index_settle(index);
	for (int i = 0; i < MANY; i++) {
		struct dead_entry *entry = dead_index_find(index, letter(i, 0, 0).id);
		assert_int_equal(entry != NULL, i % 3 != 0);
		if (entry)
			assert_int_equal(entry->offset, MANY + i);
	}
	dead_index_free(index);
}

static void a_full_index_says_so_and_still_takes_news_of_what_it_has(void **state)
{
	struct dead_index *index = make(2);
	const struct dead_letter third = letter(3, 0, 3);
	(void)state;
	add(index, letter(1, 0, 1), true);
	add(index, letter(2, 0, 2), true);
	assert_int_equal(dead_index_add(index, &third, true), ERR_LIMIT);
	add(index, third, false);
	add(index, letter(1, 0, 4), true);
	assert_int_equal(dead_index_count(index), 2);
	assert_int_equal(dead_index_find(index, letter(1, 0, 0).id)->offset, 4);
	dead_index_free(index);
}

static void a_million_letters_fit_in_a_quarter_of_a_gigabyte(void **state)
{
	(void)state;
	assert_in_range(sizeof(struct dead_entry) * 2 * 1048576, 0, 256 * 1048576); /* room grows twofold */
}

static void texts_are_kept_once_and_those_beyond_the_limit_are_not_made_up(void **state)
{
	struct dead_index *index = make(2 * DEAD_TEXTS_MAX);
	struct dead_letter one = letter(0, 0, 0);
	(void)state;
	for (int i = 0; i < DEAD_TEXTS_MAX + 50; i++) {
		one = letter(i, 0, i);
		(void)snprintf(one.message, sizeof one.message, "message %d", i);
		add(index, one, true);
	}
	const struct dead_entry *first = dead_index_find(index, letter(0, 0, 0).id);
	const struct dead_entry *last = dead_index_find(index, one.id);
	assert_string_equal(dead_index_text(index, first->message), "message 0");
	assert_string_equal(dead_index_text(index, first->class), "requests.biocatch.score");
	assert_string_equal(dead_index_text(index, last->error), "timeout");
	assert_non_null(strstr(dead_index_text(index, last->message), "more different texts"));
	dead_index_free(index);
}

static void they_are_sorted_by_when_they_failed_last(void **state)
{
	struct dead_index *index = make(10);
	struct dead_letter old = letter(3, 0, 7);
	(void)state;
	old.last_failure_ms = 0; /* does not say: when the broker got it */
	add(index, letter(1, 0, 9), true);
	add(index, letter(2, 0, 8), true);
	add(index, old, true);
	struct dead_entry **sorted = dead_index_by_time(index);
	assert_non_null(sorted);
	assert_int_equal(sorted[0]->offset, 7);
	assert_int_equal(sorted[1]->offset, 8);
	assert_int_equal(sorted[2]->offset, 9);
	free(sorted);
	dead_index_free(index);
}

/* ---- what a replay does ---- */

static const struct dead_rules rules = {.now_ms = 100, .max_replays = 3};

static struct dead_entry entry(void)
{
	return (struct dead_entry){.id = "vAAAAAAAAAAAAAAAAAAAAAA", .state = STATE_COUNT, .kind = KIND_BIOCATCH_SCORE};
}

static void note(struct dead_entry *entry, enum state state, int64_t rev, int replays)
{
	const struct verification found = {.state = state, .rev = rev, .replays = replays};
	dead_entry_note(entry, &found);
}

static void only_what_is_dead_is_replayed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STATE_COUNT; i++) {
		struct dead_entry one = entry();
		assert_int_equal(dead_entry_fate(&one, &rules),
		                 FATE_REPLAY); /* nothing is known: the letter says dead */
		note(&one, (enum state)i, 5, 0);
		assert_int_equal(dead_entry_fate(&one, &rules), i == STATE_DEAD ? FATE_REPLAY : FATE_ALIVE);
		one.is_unknown = true;
		assert_int_equal(dead_entry_fate(&one, &rules), FATE_UNKNOWN);
	}
}

static void the_highest_state_counts_whatever_came_last(void **state)
{
	struct dead_entry one = entry();
	(void)state;
	note(&one, STATE_DEAD, 7, 2);
	note(&one, STATE_QUEUED, 5, 1);
	assert_int_equal(one.state, STATE_DEAD);
	assert_int_equal(dead_entry_next_replay(&one), 3);
	note(&one, STATE_COMPLETED, 3, 1);
	note(&one, STATE_DEAD, 9, 3);
	assert_int_equal(one.state, STATE_COMPLETED);
}

static void a_replay_is_one_more_than_the_letter_and_the_state_know_of(void **state)
{
	struct dead_entry one = entry();
	(void)state;
	assert_int_equal(dead_entry_next_replay(&one), 1);
	one.replays = 2;
	assert_int_equal(dead_entry_next_replay(&one), 3);
	note(&one, STATE_DEAD, 9, 4);
	assert_int_equal(dead_entry_next_replay(&one), 5);
}

static void what_was_replayed_too_often_or_waits_or_is_stale_is_left(void **state)
{
	struct dead_entry one = entry();
	(void)state;
	one.replays = 2;
	assert_int_equal(dead_entry_fate(&one, &rules), FATE_REPLAY);
	one.replays = 3;
	assert_int_equal(dead_entry_fate(&one, &rules), FATE_LOOPING);
	one = entry();
	one.is_waiting = true;
	assert_int_equal(dead_entry_fate(&one, &rules), FATE_WAITING);
	one = entry();
	one.deadline_ms = 101;
	assert_int_equal(dead_entry_fate(&one, &rules), FATE_REPLAY);
	one.deadline_ms = 100;
	assert_int_equal(dead_entry_fate(&one, &rules), FATE_STALE);
	const struct dead_rules also_stale = {.now_ms = 100, .max_replays = 3, .include_stale = true};
	assert_int_equal(dead_entry_fate(&one, &also_stale), FATE_REPLAY);
	one = entry();
	one.kind = KIND_COUNT;
	assert_int_equal(dead_entry_fate(&one, &rules), FATE_POISON);
}

static void every_fate_but_a_replay_says_why(void **state)
{
	(void)state;
	for (unsigned fate = 0; fate < FATE_COUNT; fate++) {
		struct dead_entry one = entry();
		char why[100];
		one.fate = (uint8_t)fate;
		note(&one, STATE_CHECKING, 1, 0);
		dead_entry_why(&one, why, sizeof why);
		assert_int_equal(*why != '\0', fate != FATE_REPLAY);
		assert_true(*dead_fate_name((enum dead_fate)fate));
		if (fate == FATE_ALIVE)
			assert_string_equal(why, "it is checking, not dead");
	}
}

/* ---- filters ---- */

static void a_filter_takes_a_class_by_any_of_its_names(void **state)
{
	static const char *const names[] = {"requests.jumio.retrieve", "retrieve", "jumio/retrieve", "still_pending"};
	static const char *const others[] = {
	        "requests.jumio.initiate", "initiate", "biocatch/retrieve", "jumio/", "jumio", "timeout", ""};
	struct dead_letter one = letter(1, 0, 1);
	(void)state;
	one.kind = KIND_JUMIO_IDENTITY;
	one.operation = kind_operation(KIND_JUMIO_IDENTITY, FLOW_RETRIEVE);
	strcpy(one.class, "requests.jumio.retrieve");
	strcpy(one.error, "still_pending");
	struct dead_filter filter = {.until_ms = INT64_MAX};
	assert_true(dead_filter_fits(&filter, &one));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		filter.class = names[i];
		assert_true(dead_filter_fits(&filter, &one));
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		filter.class = others[i];
		assert_false(dead_filter_fits(&filter, &one));
	}
	one.kind = KIND_COUNT;
	one.operation = OPERATION_COUNT;
	strcpy(one.class, "poison");
	filter.class = "poison";
	assert_true(dead_filter_fits(&filter, &one));
	filter.class = "retrieve";
	assert_false(dead_filter_fits(&filter, &one));
}

static void a_filter_takes_vendors_times_and_ids_together(void **state)
{
	const struct dead_letter one = letter(1, 0, 1); /* failed at 5001 */
	const char *ids[] = {"vAAAAAAAAAAAAAAAAAAAAAA", one.id};
	struct dead_filter filter = {
	        .vendor = "biocatch", .since_ms = 5001, .until_ms = 5002, .ids = ids, .id_count = 2};
	(void)state;
	if (strcmp(ids[0], ids[1]) > 0) {
		ids[1] = ids[0];
		ids[0] = one.id;
	}
	assert_true(dead_filter_fits(&filter, &one));
	filter.since_ms = 5002;
	assert_false(dead_filter_fits(&filter, &one));
	filter.since_ms = 0;
	filter.until_ms = 5001;
	assert_false(dead_filter_fits(&filter, &one));
	filter.until_ms = INT64_MAX;
	filter.vendor = "jumio";
	assert_false(dead_filter_fits(&filter, &one));
	filter.vendor = NULL;
	assert_true(dead_filter_fits(&filter, &one));
	ids[0] = ids[1] = "vAAAAAAAAAAAAAAAAAAAAAA";
	assert_false(dead_filter_fits(&filter, &one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_newest_letter_of_an_id_stands_and_decides_whether_it_fits),
	        cmocka_unit_test(poison_without_an_id_has_an_entry_each),
	        cmocka_unit_test(every_one_of_many_is_found_again),
	        cmocka_unit_test(a_full_index_says_so_and_still_takes_news_of_what_it_has),
	        cmocka_unit_test(a_million_letters_fit_in_a_quarter_of_a_gigabyte),
	        cmocka_unit_test(texts_are_kept_once_and_those_beyond_the_limit_are_not_made_up),
	        cmocka_unit_test(they_are_sorted_by_when_they_failed_last),
	        cmocka_unit_test(only_what_is_dead_is_replayed),
	        cmocka_unit_test(the_highest_state_counts_whatever_came_last),
	        cmocka_unit_test(a_replay_is_one_more_than_the_letter_and_the_state_know_of),
	        cmocka_unit_test(what_was_replayed_too_often_or_waits_or_is_stale_is_left),
	        cmocka_unit_test(every_fate_but_a_replay_says_why),
	        cmocka_unit_test(a_filter_takes_a_class_by_any_of_its_names),
	        cmocka_unit_test(a_filter_takes_vendors_times_and_ids_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
