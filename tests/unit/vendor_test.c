/* Tests of what all vendors share: building a request, percent-encoding, statuses, and the registry. */
#include "workers/vendors/vendor.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void header_is_written_as_one_line(void **state)
{
	struct http_request http;

	(void)state;
	http_request_init(&http);
	assert_int_equal(http_request_header(&http, "Accept", "application/json"), ERR_OK);
	assert_int_equal(http_request_header(&http, "X-Tab", "a\tb"), ERR_OK);
	assert_int_equal(http.header_count, 2);
	assert_string_equal(http.headers[0].data, "Accept: application/json");
	assert_string_equal(http.headers[1].data, "X-Tab: a\tb");
	http_request_fini(&http);
}

static void header_that_could_become_two_is_refused(void **state)
{
	static const char *const refused[][2] = {
	        {"X", "a\r\nY: b"}, {"X", "a\nb"}, {"X", "a\rb"}, {"X", "\x01"}, {"X", "\x7f"},   {"X", ""},
	        {"X", " \t "},      {"", "a"},     {"X:", "a"},   {"X Y", "a"},  {"X\r\nY", "a"}, {"\xc3\xa4", "a"},
	};
	struct http_request http;

	(void)state;
	http_request_init(&http);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(http_request_header(&http, refused[i][0], refused[i][1]), ERR_INVALID);
	assert_int_equal(http.header_count, 0);
	http_request_fini(&http);
}

static void headers_over_the_limits_are_refused_whole(void **state)
{
	char value[HTTP_MAX_HEADER_BYTES + 1];
	struct http_request http;

	(void)state;
	memset(value, 'x', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	http_request_init(&http);
	assert_int_equal(http_request_header(&http, "X", value), ERR_LIMIT);
	assert_int_equal(http.header_count, 0);
	for (int i = 0; i < HTTP_MAX_HEADERS; i++)
		assert_int_equal(http_request_header(&http, "X", "a"), ERR_OK);
	assert_string_equal(http.headers[0].data, "X: a"); /* nothing of the refused one is left */
	assert_int_equal(http_request_header(&http, "X", "a"), ERR_LIMIT);
	http_request_fini(&http);
	http_request_fini(&http); /* twice is allowed */
}

static void statuses_map_to_the_failure_that_the_retry_policy_expects(void **state)
{
	static const struct {
		int from, to;
		enum failure failure;
	} rows[] = {
	        {-1, 399, FAILURE_GARBAGE},  {400, 400, FAILURE_REFUSED},      {401, 401, FAILURE_CREDENTIALS},
	        {402, 402, FAILURE_REFUSED}, {403, 404, FAILURE_CREDENTIALS},  {405, 407, FAILURE_REFUSED},
	        {408, 408, FAILURE_TIMEOUT}, {409, 428, FAILURE_REFUSED},      {429, 429, FAILURE_THROTTLED},
	        {430, 499, FAILURE_REFUSED}, {500, 599, FAILURE_SERVER_ERROR}, {600, 700, FAILURE_GARBAGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int status = rows[i].from; status <= rows[i].to; status++)
			assert_int_equal(failure_of_status(status), rows[i].failure);
}

static void vendor_is_found_by_its_whole_name_only(void **state)
{
	(void)state;
	assert_non_null(vendors_all[0]);
	for (const struct vendor *const *at = vendors_all; *at; at++) {
		size_t len = strlen((*at)->name);
		assert_ptr_equal(vendor_by_name((*at)->name, len), *at);
		assert_null(vendor_by_name((*at)->name, len - 1));
		assert_null(vendor_by_name((*at)->name, 0));
	}
	assert_null(vendor_by_name("no-such-vendor", 14));
}

static void every_vendor_has_all_its_functions_and_a_kind(void **state)
{
	(void)state;
	for (const struct vendor *const *at = vendors_all; *at; at++) {
		bool has_kind = false;
		assert_true((*at)->configure && (*at)->free && (*at)->build && (*at)->read && (*at)->timeout_ms);
		for (int kind = 0; kind < KIND_COUNT; kind++)
			has_kind = has_kind || strcmp(kind_info((enum kind)kind)->vendor, (*at)->name) == 0;
		assert_true(has_kind);
		(*at)->free(NULL);
	}
}

static bool retrieves(const struct vendor *vendor)
{
	bool found = false;

	for (int i = 0; i < OPERATION_COUNT; i++) {
		const struct operation_info *info = operation_info((enum operation)i);
		found = found ||
		        (info->flow == FLOW_RETRIEVE && strcmp(kind_info(info->kind)->vendor, vendor->name) == 0);
	}
	return found;
}

static void vendor_has_a_schedule_when_it_has_retrievals_and_only_then(void **state)
{
	(void)state;
	for (const struct vendor *const *at = vendors_all; *at; at++) {
		assert_int_equal((*at)->next_poll_ms != NULL, retrieves(*at));
		assert_int_equal((*at)->watchdog_ms != NULL, retrieves(*at));
		assert_int_equal((*at)->max_a_day != NULL, retrieves(*at));
	}
}

static void answer_is_a_failure_until_something_is_set(void **state)
{
	struct vendor_answer answer;

	(void)state;
	memset(&answer, 0xa5, sizeof(answer));
	vendor_answer_init(&answer);
	assert_true(answer.failed);
	assert_int_equal(answer.failure, FAILURE_GARBAGE);
	assert_int_equal(answer.next_step, 0);
	assert_int_equal(answer.event.verdict, VERDICT_NONE);
	assert_int_equal(answer.retry_after_ms, 0);
	assert_string_equal(answer.link.data, "");
	vendor_answer_fini(&answer);
}

static void link_holds_the_longest_url_and_no_longer_one(void **state)
{
	char url[HTTP_MAX_URL_BYTES + 1];
	struct vendor_answer answer;

	(void)state;
	memset(url, 'u', sizeof(url));
	vendor_answer_init(&answer);
	assert_int_equal(buf_append(&answer.link, url, sizeof(url)), ERR_LIMIT);
	assert_int_equal(answer.link.len, 0);
	assert_int_equal(buf_append(&answer.link, url, sizeof(url) - 1), ERR_OK);
	vendor_answer_fini(&answer);
	assert_int_equal(answer.link.len, 0);
	vendor_answer_fini(&answer); /* twice is allowed */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(header_is_written_as_one_line),
	        cmocka_unit_test(header_that_could_become_two_is_refused),
	        cmocka_unit_test(headers_over_the_limits_are_refused_whole),
	        cmocka_unit_test(statuses_map_to_the_failure_that_the_retry_policy_expects),
	        cmocka_unit_test(vendor_is_found_by_its_whole_name_only),
	        cmocka_unit_test(every_vendor_has_all_its_functions_and_a_kind),
	        cmocka_unit_test(vendor_has_a_schedule_when_it_has_retrievals_and_only_then),
	        cmocka_unit_test(answer_is_a_failure_until_something_is_set),
	        cmocka_unit_test(link_holds_the_longest_url_and_no_longer_one),
	};
	return cmocka_run_group_tests_name("vendor", tests, NULL, NULL);
}
