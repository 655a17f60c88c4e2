/* kind: the generated table is whole: names and topics are unique, and no field can be in a question that may not be
 * given. Knows no vendor by name but the one that is shipped. */
#include "common/domain/kind.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LONGEST_FIELD = 256 }; /* what a draft of the ingress holds */

static void every_kind_is_found_by_its_name_and_nothing_else_is(void **state)
{
	static const char *const strangers[] = {"", "biocatch", "biocatch.score ", "BIOCATCH.SCORE", "biocatch.scor"};
	(void)state;
	assert_true(KIND_COUNT > 0);
	for (unsigned i = 0; i < KIND_COUNT; i++)
		assert_int_equal(kind_by_name(kind_info((enum kind)i)->name), i);
	for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
		assert_int_equal(kind_by_name(strangers[i]), KIND_COUNT);
}

static void names_and_topics_are_there_and_unique(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KIND_COUNT; i++) {
		const struct kind_info *a = kind_info((enum kind)i);
		assert_true(*a->name && *a->vendor && *a->topic && *a->op);
		assert_int_equal(strncmp(a->name, a->vendor, strlen(a->vendor)), 0);
		assert_int_equal(strncmp(a->topic, "requests.", 9), 0);
		for (unsigned j = i + 1; j < KIND_COUNT; j++) {
			assert_string_not_equal(a->name, kind_info((enum kind)j)->name);
			assert_string_not_equal(a->topic, kind_info((enum kind)j)->topic);
		}
	}
}

static void what_must_be_given_may_be_given_and_so_may_the_question(void **state)
{
	const uint32_t all = (1u << REQUEST_FIELD_COUNT) - 1;
	(void)state;
	for (unsigned i = 0; i < KIND_COUNT; i++) {
		const struct kind_info *kind = kind_info((enum kind)i);
		assert_int_equal(kind->may & ~all, 0);
		assert_int_equal(kind->must & ~kind->may, 0);
		assert_int_equal(kind->question & ~kind->may, 0);
		assert_int_not_equal(kind->question, 0);
		assert_true(kind->join_s >= 0);
	}
}

static void a_score_is_one_question_by_person_session_activity_brand_and_journey(void **state)
{
	const uint32_t question = 1u << REQUEST_FIELD_SUBJECT | 1u << REQUEST_FIELD_SESSION |
	                          1u << REQUEST_FIELD_ACTIVITY | 1u << REQUEST_FIELD_BRAND |
	                          1u << REQUEST_FIELD_CORRELATION;
	const struct kind_info *kind = kind_info(KIND_BIOCATCH_SCORE);
	(void)state;
	assert_string_equal(kind->topic, "requests.biocatch.score");
	assert_string_equal(kind->op, "score");
	assert_int_equal(kind->question, question);
	assert_int_equal(kind->must, 1u << REQUEST_FIELD_SUBJECT | 1u << REQUEST_FIELD_SESSION);
	assert_int_equal(kind->join_s, 30);
}

static void every_field_has_a_name_of_its_own_and_a_limit(void **state)
{
	(void)state;
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT; i++) {
		const struct request_field_info *a = request_field_info((enum request_field)i);
		assert_true(*a->name);
		assert_in_range(a->max_bytes, 1, LONGEST_FIELD);
		for (unsigned j = i + 1; j < REQUEST_FIELD_COUNT; j++)
			assert_string_not_equal(a->name, request_field_info((enum request_field)j)->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_kind_is_found_by_its_name_and_nothing_else_is),
	        cmocka_unit_test(names_and_topics_are_there_and_unique),
	        cmocka_unit_test(what_must_be_given_may_be_given_and_so_may_the_question),
	        cmocka_unit_test(a_score_is_one_question_by_person_session_activity_brand_and_journey),
	        cmocka_unit_test(every_field_has_a_name_of_its_own_and_a_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
