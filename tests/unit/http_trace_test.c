/* http_trace: what a call carries of its trace, and what its span says of it, and of the URL does not. */
#include "workers/http_trace.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define ID     "vAAECAwQFBgcICQoLDA0ODw"

enum { TOLD_BYTES = 1024 };

/* All that a span says: its name, then name=value for each attribute. */
static const char *told(const struct http_trace *trace)
{
	static char text[TOLD_BYTES];
	struct span span = {.begin_us = 1};
	http_trace_describe(trace, &span);
	int len = snprintf(text, sizeof text, "%s", span.name);
	for (size_t i = 0; i < span.attribute_count; i++) {
		const struct span_attribute *one = &span.attributes[i];
		len += one->is_text
		               ? snprintf(text + len, sizeof text - (size_t)len, " %s=%s", one->name, one->text)
		               : snprintf(text + len, sizeof text - (size_t)len, " %s=%d", one->name, (int)one->number);
	}
	return text;
}

static void a_span_names_method_target_and_host_and_nothing_else_of_the_url(void **state)
{
	struct http_request request;
	const struct http_trace trace = {.request = &request, .target = "callback_url", .error = ""};
	(void)state;
	http_request_init(&request);
	request.method = "POST";
	assert_int_equal(buf_append_str(&request.url, "https://Hooks.Example.com/secret/path?token=secret"), ERR_OK);
	assert_string_equal(told(&trace), "POST callback_url http.request.method=POST "
	                                  "server.address=hooks.example.com server.port=443");
	http_request_fini(&request);
}

static void status_resends_and_error_are_told_where_there_are_any(void **state)
{
	struct http_request request;
	struct http_trace trace = {.request = &request, .target = "jumio/retrieve", .status = 503, .error = "busy"};
	(void)state;
	http_request_init(&request);
	request.method = "GET";
	assert_int_equal(buf_append_str(&request.url, "http://127.0.0.1:8080/"), ERR_OK);
	assert_string_equal(told(&trace), "GET jumio/retrieve http.request.method=GET server.address=127.0.0.1 "
	                                  "server.port=8080 http.response.status_code=503 error.type=busy");
	trace.status = 0;
	trace.resends = 2;
	assert_string_equal(told(&trace), "GET jumio/retrieve http.request.method=GET server.address=127.0.0.1 "
	                                  "server.port=8080 http.request.resend_count=2 error.type=busy");
	http_request_fini(&request);
}

static void a_call_whose_request_was_never_built_or_cannot_be_sent_has_no_host(void **state)
{
	struct http_request request;
	struct http_trace trace = {.target = "jumio/initiate", .error = "cancelled"};
	(void)state;
	assert_string_equal(told(&trace), "HTTP jumio/initiate http.request.method=HTTP error.type=cancelled");
	http_request_init(&request);
	assert_int_equal(buf_append_str(&request.url, "https://user:secret@example.com/"), ERR_OK);
	trace.request = &request;
	assert_string_equal(told(&trace), "GET jumio/initiate http.request.method=GET error.type=cancelled");
	http_request_fini(&request);
}

static void a_request_carries_its_traceparent_if_there_is_one_and_room_for_it(void **state)
{
	struct http_request request;
	(void)state;
	http_request_init(&request);
	http_trace_carry(&request, "", ID);
	assert_int_equal(request.header_count, 0);
	http_trace_carry(&request, PARENT, ID);
	assert_int_equal(request.header_count, 1);
	assert_string_equal(request.headers[0].data, "traceparent: " PARENT);
	while (request.header_count < HTTP_MAX_HEADERS)
		assert_int_equal(http_request_header(&request, "X-More", "1"), ERR_OK);
	http_trace_carry(&request, PARENT, ID);
	assert_int_equal(request.header_count, HTTP_MAX_HEADERS);
	http_request_fini(&request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_span_names_method_target_and_host_and_nothing_else_of_the_url),
	        cmocka_unit_test(status_resends_and_error_are_told_where_there_are_any),
	        cmocka_unit_test(a_call_whose_request_was_never_built_or_cannot_be_sent_has_no_host),
	        cmocka_unit_test(a_request_carries_its_traceparent_if_there_is_one_and_room_for_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
