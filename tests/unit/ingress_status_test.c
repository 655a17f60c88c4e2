/* ingress_status: what one ingress writes another program reads, also when it is of another version, or no status. */
#include "common/domain/ingress_status.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const int64_t now_ms = 1790000000000;

static enum err_code decode(const char *text, struct ingress_status *ret_status)
{
	return ingress_status_decode(text, strlen(text), ret_status, NULL);
}

static void what_is_written_is_read(void **state)
{
	const struct ingress_status written = {.at_ms = now_ms,
	                                       .started_ms = now_ms - 5000,
	                                       .version = "1.2",
	                                       .draining = true,
	                                       .redis_up = true,
	                                       .loop_lag_ms = 3,
	                                       .held = 4,
	                                       .answered = 500,
	                                       .failed = 6,
	                                       .accepted = 70,
	                                       .joined = 8,
	                                       .refused = 9,
	                                       .limited = INT64_MAX};
	struct ingress_status read;
	struct buf text;
	(void)state;
	memset(&read, 0x55, sizeof read);
	buf_init(&text, INGRESS_STATUS_MAX_BYTES);
	assert_int_equal(ingress_status_encode(&written, &text), ERR_OK);
	assert_int_equal(decode(text.data, &read), ERR_OK);
	assert_string_equal(read.version, "1.2");
	assert_int_equal(read.at_ms, now_ms);
	assert_int_equal(read.started_ms, now_ms - 5000);
	assert_true(read.draining && read.redis_up && !read.kafka_up);
	assert_int_equal(read.loop_lag_ms, 3);
	assert_int_equal(read.held, 4);
	assert_int_equal(read.answered, 500);
	assert_int_equal(read.failed, 6);
	assert_int_equal(read.accepted, 70);
	assert_int_equal(read.joined, 8);
	assert_int_equal(read.refused, 9);
	assert_true(read.limited == INT64_MAX);
	buf_fini(&text);
}

static void what_another_version_leaves_out_or_adds_is_nothing(void **state)
{
	struct ingress_status read;
	(void)state;
	assert_int_equal(decode("{\"at_ms\":5,\"news\":[1],\"held\":-1,\"version\":7,\"draining\":1}", &read), ERR_OK);
	assert_int_equal(read.at_ms, 5);
	assert_int_equal(read.held, 0);
	assert_string_equal(read.version, "");
	assert_false(read.draining);
}

static void what_is_no_status_is_refused_and_changes_nothing(void **state)
{
	static const char *const bad[] = {"", "x", "[]", "{}", "{\"at_ms\":0}", "{\"at_ms\":\"5\"}", "{\"at_ms\":5"};
	struct ingress_status read = {.held = 42};
	char longest[INGRESS_STATUS_MAX_BYTES + 2];
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_not_equal(decode(bad[i], &read), ERR_OK);
	memset(longest, ' ', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(decode(longest, &read), ERR_LIMIT);
	assert_int_equal(read.held, 42);
}

static void it_is_fresh_for_five_seconds(void **state)
{
	const struct ingress_status status = {.at_ms = now_ms};
	(void)state;
	assert_true(ingress_status_is_fresh(&status, now_ms - 60000));
	assert_true(ingress_status_is_fresh(&status, now_ms + 5000));
	assert_false(ingress_status_is_fresh(&status, now_ms + 5001));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_written_is_read),
	        cmocka_unit_test(what_another_version_leaves_out_or_adds_is_nothing),
	        cmocka_unit_test(what_is_no_status_is_refused_and_changes_nothing),
	        cmocka_unit_test(it_is_fresh_for_five_seconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
