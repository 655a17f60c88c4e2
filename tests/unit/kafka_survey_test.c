/* kafka_survey: what a topic needs, what will do, and which retentions contradict each other. The cluster itself:
 * tests/e2e/test_doctor.py, test_ctl.py. */
#include "common/adapters/kafka_survey.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct kafka_topic plain = {"requests.a", false, false}, compacted = {"results", true, false},
                                delayed = {"delay.5s", false, true};

static const char *need_of(const struct kafka_topic *topic, const char *name)
{
	static struct kafka_need needs[KAFKA_NEEDS_MAX];
	size_t count = kafka_needs_of(topic, 86400000, needs);
	for (size_t i = 0; i < count; i++)
		if (strcmp(needs[i].name, name) == 0)
			return needs[i].value;
	return NULL;
}

static void each_topic_has_its_own_needs(void **state)
{
	(void)state;
	assert_string_equal(need_of(&plain, "cleanup.policy"), "delete");
	assert_string_equal(need_of(&plain, "retention.ms"), "604800000");
	assert_null(need_of(&plain, "message.timestamp.type"));
	assert_string_equal(need_of(&compacted, "cleanup.policy"), "compact,delete");
	assert_string_equal(need_of(&compacted, "retention.ms"), "86400000");
	assert_non_null(need_of(&compacted, "min.compaction.lag.ms"));
	assert_string_equal(need_of(&delayed, "message.timestamp.type"), "LogAppendTime");
}

static void what_is_more_than_needed_will_do(void **state)
{
	(void)state;
	static const struct {
		struct kafka_need need;
		const char *value;
		bool met;
	} rows[] = {
	        {{"retention.ms", "1000"}, "1000", true},
	        {{"retention.ms", "1000"}, "999", false},
	        {{"retention.ms", "1000"}, "-1", true},
	        {{"retention.ms", "1000"}, "1001", true},
	        {{"cleanup.policy", "compact,delete"}, "delete,compact", true},
	        {{"cleanup.policy", "compact,delete"}, "compact", false},
	        {{"cleanup.policy", "delete"}, "compact,delete", false},
	        {{"min.compaction.lag.ms", "3600000"}, "0", true},
	        {{"message.timestamp.type", "LogAppendTime"}, "CreateTime", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(kafka_need_is_met(&rows[i].need, rows[i].value), rows[i].met);
}

static void results_must_outlive_the_rest(void **state)
{
	(void)state;
	struct kafka_survey *survey = calloc(1, sizeof *survey);
	assert_non_null(survey);
	survey->topic_count = 2;
	survey->topics[0].topic = &compacted;
	survey->topics[1].topic = &plain;
	assert_true(kafka_survey_results_ms(survey) >= kafka_survey_longest_ms(survey)); /* nothing is told */
	(void)strcpy(survey->topics[0].settings[KAFKA_RETENTION], "1000");
	(void)strcpy(survey->topics[1].settings[KAFKA_RETENTION], "2000");
	assert_int_equal(kafka_survey_results_ms(survey), 1000);
	assert_int_equal(kafka_survey_longest_ms(survey), 2000);
	(void)strcpy(survey->topics[1].settings[KAFKA_RETENTION], "-1");
	assert_true(kafka_survey_longest_ms(survey) == INT64_MAX);
	assert_string_equal(kafka_survey_value(&survey->topics[0], "retention.ms"), "1000");
	assert_string_equal(kafka_survey_value(&survey->topics[0], "nothing"), "");
	assert_true(kafka_survey_is_request(&survey->topics[1]));
	assert_false(kafka_survey_is_request(&survey->topics[0]));
	free(survey);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_topic_has_its_own_needs),
	        cmocka_unit_test(what_is_more_than_needed_will_do),
	        cmocka_unit_test(results_must_outlive_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
