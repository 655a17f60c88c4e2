/* intake_fields: limits of what a caller gives, and what makes two questions the same one. */
#include "ingress/intake_fields.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ID_KEY "0123456789abcdef0123456789abcdef"

static int make_key(void **state)
{
	return id_key_new(ID_KEY, (struct id_key **)state, NULL) == ERR_OK ? 0 : -1;
}

static int free_key(void **state)
{
	id_key_free(*state);
	return 0;
}

/* Fills *draft in place: it points into itself. */
static struct draft *draft_of(struct draft *draft, const char *subject, const char *session)
{
	*draft = (struct draft){.kind = KIND_BIOCATCH_SCORE};
	if (subject)
		assert_null(draft_set(draft, REQUEST_FIELD_SUBJECT, subject));
	if (session)
		assert_null(draft_set(draft, REQUEST_FIELD_SESSION, session));
	return draft;
}

/* Asks and keeps only the question's name (and the id). */
static void question_of(const struct id_key *key, const struct draft *draft, const char *caller,
                        char question[QUESTION_BYTES], char id[ID_BYTES])
{
	struct ask ask = {.outcome = OUTCOME_STATE};
	const char *missing = NULL;
	assert_int_equal(draft_to_ask(draft, key, caller, &ask, &missing), ERR_OK);
	memcpy(question, ask.request.question, QUESTION_BYTES);
	memcpy(id, ask.request.id, ID_BYTES);
	ask_fini(&ask);
}

static bool same_question(const struct id_key *key, const struct draft *a, const char *caller_a, const struct draft *b,
                          const char *caller_b)
{
	char question_a[QUESTION_BYTES], question_b[QUESTION_BYTES], id_a[ID_BYTES], id_b[ID_BYTES];
	question_of(key, a, caller_a, question_a, id_a);
	question_of(key, b, caller_b, question_b, id_b);
	assert_true(id_is_valid(id_a, strlen(id_a)));
	assert_string_not_equal(id_a, id_b); /* a joined kind's id is random: the pointer in the cache joins */
	return strcmp(question_a, question_b) == 0;
}

static void the_same_fields_are_the_same_question(void **state)
{
	struct draft a, b;
	draft_of(&a, "p", "s");
	draft_of(&b, "p", "s");
	assert_true(same_question(*state, &a, "one", &b, "one"));
	assert_null(draft_set(&a, REQUEST_FIELD_BRAND, ""));
	assert_true(same_question(*state, &a, "one", &b, "one"));
}

static void another_caller_asks_another_question(void **state)
{
	struct draft draft;
	draft_of(&draft, "p", "s");
	assert_false(same_question(*state, &draft, "one", &draft, "two"));
	assert_false(same_question(*state, &draft, "one", &draft, "One"));
}

static void text_that_moves_from_field_to_field_is_another_question(void **state)
{
	struct draft a, b, c, brand, activity;
	draft_of(&a, "ab", "c");
	draft_of(&b, "a", "bc");
	draft_of(&c, "c", "ab");
	draft_of(&brand, "p", "s");
	draft_of(&activity, "p", "s");
	assert_false(same_question(*state, &a, "one", &b, "one"));
	assert_false(same_question(*state, &a, "one", &c, "one"));
	assert_null(draft_set(&brand, REQUEST_FIELD_BRAND, "x"));
	assert_null(draft_set(&activity, REQUEST_FIELD_ACTIVITY, "x"));
	assert_false(same_question(*state, &brand, "one", &activity, "one"));
}

static void every_field_of_the_question_counts_and_the_others_do_not(void **state)
{
	const struct kind_info *kind = kind_info(KIND_BIOCATCH_SCORE);
	const uint32_t counts = kind->question | 1u << REQUEST_FIELD_CALLBACK_URL; /* of any score: who is to be told */
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT; i++) {
		bool is_must = kind->must & (1u << i);
		struct draft a, b;
		draft_of(&a, "p", "s");
		draft_of(&b, is_must && i == REQUEST_FIELD_SUBJECT ? "q" : "p",
		         is_must && i == REQUEST_FIELD_SESSION ? "t" : "s");
		if (!is_must)
			assert_null(draft_set(&b, (enum request_field)i, "given"));
		assert_int_equal(same_question(*state, &a, "one", &b, "one"), !(counts & (1u << i)));
	}
}

static void the_id_key_is_part_of_every_name(void **state)
{
	struct draft draft;
	char here[QUESTION_BYTES], there[QUESTION_BYTES], id[ID_BYTES];
	struct id_key *other = NULL;
	draft_of(&draft, "p", "s");
	assert_int_equal(id_key_new(ID_KEY "x", &other, NULL), ERR_OK);
	question_of(*state, &draft, "one", here, id);
	question_of(other, &draft, "one", there, id);
	assert_string_not_equal(here, there);
	id_key_free(other);
}

static void every_field_takes_its_limit_and_not_a_byte_more(void **state)
{
	char text[2100];
	(void)state;
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT; i++) {
		size_t max = request_field_info((enum request_field)i)->max_bytes;
		struct draft draft = {.kind = KIND_BIOCATCH_SCORE};
		memset(text, 'x', sizeof text);
		text[max + 1] = '\0';
		assert_string_equal(draft_set(&draft, (enum request_field)i, text), "it is too long");
		assert_int_equal(draft.given, 0);
		text[max] = '\0';
		assert_null(draft_set(&draft, (enum request_field)i, text));
		assert_string_equal(draft.text[i], text);
		assert_int_equal(draft.given, 1u << i);
	}
}

static void control_characters_stray_bytes_and_second_values_are_refused(void **state)
{
	struct draft draft;
	char text[] = "a?b";
	(void)state;
	draft_of(&draft, "p", NULL);
	for (int c = 1; c < 256; c++) {
		struct draft fresh = {.kind = KIND_BIOCATCH_SCORE};
		bool refused = c < 0x20 || c >= 0x7f; /* a byte from 0x80 on is no UTF-8 by itself */
		text[1] = (char)c;
		assert_int_equal(draft_set(&fresh, REQUEST_FIELD_SESSION, text) != NULL, refused);
		assert_int_equal(fresh.given != 0, !refused);
	}
	struct draft accents = {.kind = KIND_BIOCATCH_SCORE};
	assert_null(draft_set(&accents, REQUEST_FIELD_SESSION, "J\xc3\xbcrgen"));
	assert_string_equal(draft_set(&draft, REQUEST_FIELD_SUBJECT, "other"), "it is given twice");
	assert_string_equal(draft.text[REQUEST_FIELD_SUBJECT], "p");
}

static void an_empty_value_is_none(void **state)
{
	struct draft draft;
	struct ask ask = {.outcome = OUTCOME_STATE};
	const char *missing = NULL;
	draft_of(&draft, "", "s");
	assert_int_equal(draft_to_ask(&draft, *state, "one", &ask, &missing), ERR_NOT_FOUND);
	assert_string_equal(missing, "subject");
	ask_fini(&ask);
	assert_null(draft_set(&draft, REQUEST_FIELD_SUBJECT, "p"));
	assert_null(draft_set(&draft, REQUEST_FIELD_ACTIVITY, ""));
	assert_int_equal(draft_to_ask(&draft, *state, "one", &ask, &missing), ERR_OK);
	assert_null(ask.person.field[REQUEST_FIELD_ACTIVITY]);
	ask_fini(&ask);
}

static void what_is_missing_is_named_to_who_wants_to_know(void **state)
{
	struct draft draft;
	struct ask ask = {.outcome = OUTCOME_STATE};
	const char *missing = NULL;
	draft_of(&draft, "p", NULL);
	assert_int_equal(draft_to_ask(&draft, *state, "one", &ask, &missing), ERR_NOT_FOUND);
	assert_string_equal(missing, "session");
	assert_int_equal(draft_to_ask(&draft, *state, "one", &ask, NULL), ERR_NOT_FOUND);
	ask_fini(&ask);
}

static void the_ask_holds_copies_of_what_was_given(void **state)
{
	struct draft draft;
	struct ask ask = {.outcome = OUTCOME_STATE};
	static const struct draft zero;
	const char *missing = NULL;
	draft_of(&draft, "p-1", "s-1");
	draft.deadline_ms = 20000;
	assert_int_equal(draft_to_ask(&draft, *state, "one", &ask, &missing), ERR_OK);
	draft_wipe(&draft);
	assert_memory_equal(&draft, &zero, sizeof draft);
	assert_int_equal(ask.type, ASK_NEW);
	assert_string_equal(ask.request.caller, "one");
	assert_string_equal(ask.person.field[REQUEST_FIELD_SUBJECT], "p-1");
	assert_string_equal(ask.person.field[REQUEST_FIELD_SESSION], "s-1");
	assert_int_equal(ask.request.deadline_ms - ask.request.created_ms, 20000);
	ask_fini(&ask);
}

static void without_a_deadline_there_is_none(void **state)
{
	struct draft draft;
	struct ask ask = {.outcome = OUTCOME_STATE};
	const char *missing = NULL;
	draft_of(&draft, "p", "s");
	assert_int_equal(draft_to_ask(&draft, *state, "one", &ask, &missing), ERR_OK);
	assert_int_equal(ask.request.deadline_ms, 0);
	ask_fini(&ask);
}

static void all_fields_together_take_their_limit_and_not_a_byte_more(void **state)
{
	struct draft draft = {.kind = KIND_BIOCATCH_SCORE};
	char text[2100];
	size_t used = 0;
	unsigned i = 0;
	(void)state;
	for (; i < REQUEST_FIELD_COUNT; i++) {
		size_t max = request_field_info((enum request_field)i)->max_bytes;
		memset(text, 'x', max);
		text[max] = '\0';
		used += max + 1;
		const char *broken = draft_set(&draft, (enum request_field)i, text);
		assert_int_equal(broken != NULL, used > DRAFT_BYTES);
		if (broken)
			used -= max + 1;
		assert_int_equal(draft.used, used);
	}
	assert_true(used <= DRAFT_BYTES);
}

/* ---- journeys ---- */

static void journey_of(struct draft *draft, const char *subject, const char *correlation)
{
	*draft = (struct draft){.kind = KIND_JUMIO_IDENTITY};
	assert_null(draft_set(draft, REQUEST_FIELD_SUBJECT, subject));
	assert_null(draft_set(draft, REQUEST_FIELD_CORRELATION, correlation));
}

static void ask_for(const struct id_key *key, const char *subject, const char *correlation, const char *caller,
                    struct request *ret_request)
{
	struct draft draft;
	struct ask ask = {.outcome = OUTCOME_STATE};
	journey_of(&draft, subject, correlation);
	assert_int_equal(draft_to_ask(&draft, key, caller, &ask, NULL), ERR_OK);
	assert_int_equal(ask.type, ASK_JOURNEY);
	*ret_request = ask.request;
	ask_fini(&ask);
}

static void a_journey_has_the_same_id_whenever_it_is_asked_for(void **state)
{
	struct request first, again, next, other, foreign;
	ask_for(*state, "p", "c", "one", &first);
	ask_for(*state, "p", "c", "one", &again);
	ask_for(*state, "p", "d", "one", &next);
	ask_for(*state, "q", "c", "one", &other);
	ask_for(*state, "p", "c", "two", &foreign);
	assert_string_equal(first.id, again.id);
	assert_string_not_equal(first.id, next.id);
	assert_string_not_equal(first.id, other.id);
	assert_string_not_equal(first.id, foreign.id);
	assert_string_equal(first.question, again.question); /* the pointer is the person's */
	assert_string_equal(first.question, next.question);
	assert_string_not_equal(first.question, other.question);
	assert_string_not_equal(first.question, foreign.question);
}

static void a_state_is_known_to_be_its_persons_and_nobody_elses(void **state)
{
	struct verification verification = {.kind = KIND_JUMIO_IDENTITY, .caller = "one"};
	struct request request;
	char question[QUESTION_BYTES];
	ask_for(*state, "p", "c", "one", &request);
	verification_queued(&request, &verification);
	assert_true(subject_is(*state, &verification, "p"));
	assert_false(subject_is(*state, &verification, "q"));
	assert_false(subject_is(*state, &verification, "P"));
	assert_false(subject_is(*state, &verification, ""));
	assert_int_equal(subject_question(*state, "one", KIND_JUMIO_IDENTITY, "p", question), ERR_OK);
	assert_string_equal(question, request.question);
	strcpy(verification.caller, "two");
	assert_false(subject_is(*state, &verification, "p"));
	strcpy(verification.caller, "one");
	verification.question[0] = '\0';
	assert_false(subject_is(*state, &verification, "p"));
	verification_queued(&request, &verification);
	verification.kind = KIND_BIOCATCH_SCORE;
	assert_false(subject_is(*state, &verification, "p"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_same_fields_are_the_same_question),
	        cmocka_unit_test(another_caller_asks_another_question),
	        cmocka_unit_test(text_that_moves_from_field_to_field_is_another_question),
	        cmocka_unit_test(every_field_of_the_question_counts_and_the_others_do_not),
	        cmocka_unit_test(the_id_key_is_part_of_every_name),
	        cmocka_unit_test(every_field_takes_its_limit_and_not_a_byte_more),
	        cmocka_unit_test(control_characters_stray_bytes_and_second_values_are_refused),
	        cmocka_unit_test(an_empty_value_is_none),
	        cmocka_unit_test(what_is_missing_is_named_to_who_wants_to_know),
	        cmocka_unit_test(the_ask_holds_copies_of_what_was_given),
	        cmocka_unit_test(without_a_deadline_there_is_none),
	        cmocka_unit_test(all_fields_together_take_their_limit_and_not_a_byte_more),
	        cmocka_unit_test(a_journey_has_the_same_id_whenever_it_is_asked_for),
	        cmocka_unit_test(a_state_is_known_to_be_its_persons_and_nobody_elses),
	};
	return cmocka_run_group_tests(tests, make_key, free_key);
}
