/* redis_survey: its readers: INFO as Redis and others write it, and the key ids of sealed states. Over a connection:
 * tests/e2e/test_doctor.py. */
#include "common/adapters/redis_survey.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct redis_survey read_info(const char *text)
{
	struct redis_survey survey = {.info_told = false};
	redis_survey_read_info(text, strlen(text), &survey);
	return survey;
}

static void info_is_read_line_by_line(void **state)
{
	(void)state;
	struct redis_survey survey =
	        read_info("# Server\r\nredis_version:7.0.15\r\nloading:0\r\n\r\n# Memory\r\nused_memory:1048576\r\n"
	                  "maxmemory:2097152\r\nmaxmemory_policy:allkeys-lru\r\naof_enabled:1\r\n"
	                  "role:master\r\nconnected_slaves:2\r\n");
	assert_true(survey.info_told);
	assert_string_equal(survey.version, "7.0.15");
	assert_string_equal(survey.policy, "allkeys-lru");
	assert_string_equal(survey.role, "master");
	assert_int_equal(survey.used_memory, 1048576);
	assert_int_equal(survey.maxmemory, 2097152);
	assert_int_equal(survey.replicas, 2);
	assert_true(survey.aof);
	assert_false(survey.loading);
}

static void what_cannot_be_read_is_not_known(void **state)
{
	(void)state;
	assert_false(read_info("").info_told);
	assert_false(read_info("# nothing\r\nno colon here\r\n").info_told);
	struct redis_survey survey =
	        read_info("maxmemory:lots\nused_memory:-1\nconnected_slaves:99999\nrole:"
	                  "a-role-that-is-much-too-long-for-what-is-kept-of-it\nredis_version:8.0.0");
	assert_int_equal(survey.maxmemory, 0);
	assert_int_equal(survey.used_memory, 0);
	assert_int_equal(survey.replicas, 0);
	assert_int_equal(strlen(survey.role), REDIS_WORD_BYTES - 1);
	assert_string_equal(survey.version, "8.0.0"); /* the last line has no end */
	char line[400];
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = '\0';
	assert_false(read_info(line).info_told);
}

static void note(struct redis_survey *survey, const char *text)
{
	redis_survey_note_state(text, strlen(text), survey);
}

static void states_are_counted_by_the_key_that_sealed_them(void **state)
{
	(void)state;
	struct redis_survey survey = {.info_told = false};
	note(&survey, "{\"id\":\"v1\",\"sealed\":\"k2.AAAA\",\"x\":1}");
	note(&survey, "{\"id\":\"v2\",\"sealed\":\"k1.BBBB\"}");
	note(&survey, "{\"id\":\"v3\",\"sealed\":\"k2.CCCC\"}");
	note(&survey, "{\"id\":\"v4\"}");
	note(&survey, "{\"id\":\"v5\",\"state\":\"checking\",\"sealed\":\"k2.DDDD\"}");
	note(&survey, "{\"id\":\"v6\",\"state\":\"completed\",\"sealed\":\"k0.EEEE\"}"); /* nobody opens it any more */
	note(&survey, "{\"id\":\"v7\",\"state\":\"dead\",\"sealed\":\"k0.FFFF\"}");
	assert_int_equal(survey.states_read, 7);
	assert_int_equal(survey.seal_count, 2);
	assert_string_equal(survey.seals[0].id, "k2");
	assert_int_equal(survey.seals[0].states, 3);
	assert_string_equal(survey.seals[1].id, "k1");
	assert_int_equal(survey.seals[1].states, 1);
}

static void what_is_no_sealed_text_names_no_key(void **state)
{
	(void)state;
	static const char *const texts[] = {"",
	                                    "\"sealed\":\"",
	                                    "\"sealed\":\"k1",
	                                    "\"sealed\":\".x\"",
	                                    "\"sealed\":\"K1.x\"",
	                                    "\"sealed\":\"a2345678901234567.x\"",
	                                    "\"sealed\":\"k1 .x\""};
	struct redis_survey survey = {.info_told = false};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		note(&survey, texts[i]);
	assert_int_equal(survey.seal_count, 0);
	for (int i = 0; i < REDIS_SEALS_MAX + 5; i++) {
		char text[40];
		(void)snprintf(text, sizeof text, "\"sealed\":\"k%d.x\"", i);
		note(&survey, text);
	}
	assert_int_equal(survey.seal_count, REDIS_SEALS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(info_is_read_line_by_line),
	        cmocka_unit_test(what_cannot_be_read_is_not_known),
	        cmocka_unit_test(states_are_counted_by_the_key_that_sealed_them),
	        cmocka_unit_test(what_is_no_sealed_text_names_no_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
