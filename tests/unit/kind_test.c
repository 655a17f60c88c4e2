/* kind: the generated tables are whole: names and topics are unique, every kind begins with an operation of its own,
 * and no field can be in a question that may not be given. Knows no vendor by name but those that are shipped. */
#include "common/domain/kind.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LONGEST_FIELD = 2048 }; /* a URL; the ingress's drafts hold no more */
#define FIELD(symbol) (1u << REQUEST_FIELD_##symbol)

static void every_kind_is_found_by_its_name_and_nothing_else_is(void **state)
{
	static const char *const strangers[] = {
	        "", "biocatch", "biocatch.score ", "BIOCATCH.SCORE", "biocatch.scor", "jumio.identity2"};
	(void)state;
	assert_true(KIND_COUNT > 0);
	for (unsigned i = 0; i < KIND_COUNT; i++)
		assert_int_equal(kind_by_name(kind_info((enum kind)i)->name), i);
	for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
		assert_int_equal(kind_by_name(strangers[i]), KIND_COUNT);
}

static void names_of_kinds_are_unique_and_begin_with_their_vendor(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KIND_COUNT; i++) {
		const struct kind_info *a = kind_info((enum kind)i);
		size_t len = strlen(a->vendor);
		assert_true(len > 0);
		assert_int_equal(strncmp(a->name, a->vendor, len), 0);
		assert_int_equal(a->name[len], '.');
		for (unsigned j = i + 1; j < KIND_COUNT; j++)
			assert_string_not_equal(a->name, kind_info((enum kind)j)->name);
	}
}

static void every_operation_has_a_topic_of_its_own_under_its_vendor(void **state)
{
	(void)state;
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		const struct operation_info *a = operation_info((enum operation)i);
		const char *vendor = kind_info(a->kind)->vendor;
		size_t len = strlen(vendor);
		assert_true(*a->name);
		assert_int_equal(strncmp(a->topic, "requests.", 9), 0);
		assert_int_equal(strncmp(a->topic + 9, vendor, len), 0);
		assert_int_equal(a->topic[9 + len], '.');
		for (unsigned j = i + 1; j < OPERATION_COUNT; j++) {
			const struct operation_info *b = operation_info((enum operation)j);
			assert_string_not_equal(a->topic, b->topic);
			assert_true(a->kind != b->kind || (a->flow != b->flow && strcmp(a->name, b->name) != 0));
		}
	}
}

static void an_operation_is_found_by_its_whole_topic_only(void **state)
{
	(void)state;
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		const char *topic = operation_info((enum operation)i)->topic;
		size_t len = strlen(topic);
		assert_int_equal(operation_by_topic(topic, len), i);
		assert_int_equal(operation_by_topic(topic, len - 1), OPERATION_COUNT);
		assert_int_equal(operation_by_topic(topic, len + 1), OPERATION_COUNT); /* with its '\0' */
		assert_int_equal(operation_by_topic(topic + 1, len - 1), OPERATION_COUNT);
	}
	assert_int_equal(operation_by_topic("", 0), OPERATION_COUNT);
	assert_int_equal(operation_by_topic("requests.biocatch.SCORE", 23), OPERATION_COUNT);
}

static void a_score_is_asked_and_a_journey_is_initiated_first_and_retrieved_later(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KIND_COUNT; i++) {
		enum kind kind = (enum kind)i;
		enum operation first = kind_first_operation(kind);
		bool journey = kind_is_journey(kind);
		assert_true(first < OPERATION_COUNT);
		assert_int_equal(operation_info(first)->kind, kind);
		assert_int_equal(operation_info(first)->flow, journey ? FLOW_INITIATE : FLOW_ASK);
		assert_int_equal(kind_operation(kind, journey ? FLOW_INITIATE : FLOW_ASK), first);
		assert_int_equal(kind_operation(kind, journey ? FLOW_ASK : FLOW_INITIATE), OPERATION_COUNT);
		enum operation retrieval = kind_operation(kind, FLOW_RETRIEVE);
		assert_int_equal(retrieval < OPERATION_COUNT, journey);
		if (journey)
			assert_int_equal(operation_info(retrieval)->kind, kind);
	}
	assert_int_equal(kind_first_operation(KIND_COUNT), OPERATION_COUNT);
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
		assert_int_equal(kind->join & ~kind->question, 0);
		assert_int_not_equal(kind->join, 0);
		assert_true(kind->join_s >= 0);
	}
}

static void a_score_is_one_question_by_person_session_activity_brand_and_journey(void **state)
{
	const uint32_t question = FIELD(SUBJECT) | FIELD(SESSION) | FIELD(ACTIVITY) | FIELD(BRAND) | FIELD(CORRELATION);
	const struct kind_info *kind = kind_info(KIND_BIOCATCH_SCORE);
	(void)state;
	assert_string_equal(operation_info(OPERATION_BIOCATCH_SCORE)->topic, "requests.biocatch.score");
	assert_string_equal(operation_info(OPERATION_BIOCATCH_SCORE)->name, "score");
	assert_int_equal(kind->question, question);
	assert_int_equal(kind->join, question);
	assert_int_equal(kind->must, FIELD(SUBJECT) | FIELD(SESSION));
	assert_int_equal(kind->join_s, 30);
	assert_false(kind_is_journey(KIND_BIOCATCH_SCORE));
}

/* Another journey of the same person finds the pointer, and has an id of its own. */
static void a_journey_is_named_by_person_and_correlation_and_joined_by_person(void **state)
{
	const struct kind_info *kind = kind_info(KIND_JUMIO_IDENTITY);
	(void)state;
	assert_string_equal(operation_info(OPERATION_JUMIO_INITIATE)->topic, "requests.jumio.initiate");
	assert_string_equal(operation_info(OPERATION_JUMIO_RETRIEVE)->topic, "requests.jumio.retrieve");
	assert_int_equal(kind->question, FIELD(SUBJECT) | FIELD(CORRELATION));
	assert_int_equal(kind->join, FIELD(SUBJECT));
	assert_int_equal(kind->must, FIELD(SUBJECT) | FIELD(CORRELATION));
	assert_true(kind_is_journey(KIND_JUMIO_IDENTITY));
}

static void every_field_has_a_name_of_its_own_and_a_limit(void **state)
{
	(void)state;
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT; i++) {
		const struct request_field_info *a = request_field_info((enum request_field)i);
		assert_true(*a->name);
		assert_int_equal(a->name_len, strlen(a->name));
		assert_in_range(a->max_bytes, 1, LONGEST_FIELD);
		for (unsigned j = i + 1; j < REQUEST_FIELD_COUNT; j++)
			assert_string_not_equal(a->name, request_field_info((enum request_field)j)->name);
	}
}

static void every_field_is_found_by_its_name_and_nothing_else_is(void **state)
{
	(void)state;
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT; i++)
		assert_int_equal(request_field_by_name(request_field_info((enum request_field)i)->name), i);
	assert_int_equal(request_field_by_name(""), REQUEST_FIELD_COUNT);
	assert_int_equal(request_field_by_name("subjec"), REQUEST_FIELD_COUNT);
	assert_int_equal(request_field_by_name("subjects"), REQUEST_FIELD_COUNT);
	assert_int_equal(request_field_by_name("Subject"), REQUEST_FIELD_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_kind_is_found_by_its_name_and_nothing_else_is),
	        cmocka_unit_test(names_of_kinds_are_unique_and_begin_with_their_vendor),
	        cmocka_unit_test(every_operation_has_a_topic_of_its_own_under_its_vendor),
	        cmocka_unit_test(an_operation_is_found_by_its_whole_topic_only),
	        cmocka_unit_test(a_score_is_asked_and_a_journey_is_initiated_first_and_retrieved_later),
	        cmocka_unit_test(what_must_be_given_may_be_given_and_so_may_the_question),
	        cmocka_unit_test(a_score_is_one_question_by_person_session_activity_brand_and_journey),
	        cmocka_unit_test(a_journey_is_named_by_person_and_correlation_and_joined_by_person),
	        cmocka_unit_test(every_field_has_a_name_of_its_own_and_a_limit),
	        cmocka_unit_test(every_field_is_found_by_its_name_and_nothing_else_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
