/* Tests of common/base/otlp_json: the request's body byte for byte, the collector's answer, and headers as a setting.
 */
#include "common/base/otlp_json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { BODY_MAX_BYTES = 1 << 20 };

static const struct otlp_resource resource = {"verifyd-worker", "1.2.3", "pod-1"};

static const char golden[] =
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":["
        "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"verifyd-worker\"}},"
        "{\"key\":\"service.version\",\"value\":{\"stringValue\":\"1.2.3\"}},"
        "{\"key\":\"service.instance.id\",\"value\":{\"stringValue\":\"pod-1\"}}]},"
        "\"scopeSpans\":[{\"scope\":{\"name\":\"verifyd\",\"version\":\"1.2.3\"},\"spans\":["
        "{\"traceId\":\"0af7651916cd43dd8448eb211c80319c\",\"spanId\":\"b7ad6b7169203331\","
        "\"name\":\"GET /x\",\"kind\":2,\"startTimeUnixNano\":\"1700000000000001000\","
        "\"endTimeUnixNano\":\"1700000000250001000\"},"
        "{\"traceId\":\"0af7651916cd43dd8448eb211c80319c\",\"spanId\":\"00f067aa0ba902b7\","
        "\"parentSpanId\":\"b7ad6b7169203331\",\"name\":\"POST \\\"v\\\"\",\"kind\":3,"
        "\"startTimeUnixNano\":\"1700000000000002000\",\"endTimeUnixNano\":\"1700000000000002000\","
        "\"attributes\":[{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"503\"}},"
        "{\"key\":\"error.type\",\"value\":{\"stringValue\":\"server_error\"}}],"
        "\"links\":[{\"traceId\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"spanId\":\"d75597dee50b0cac\"}],"
        "\"status\":{\"code\":2}}]}]}]}";

static void make_spans(struct span spans[2])
{
	spans[0] = (struct span){
	        .context = {"0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", true},
	        .kind = SPAN_SERVER,
	        .name = "GET /x",
	        .begin_us = 1700000000000001,
	        .end_us = 1700000000250001,
	};
	spans[1] = (struct span){
	        .context = {"0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7", true},
	        .parent_id = "b7ad6b7169203331",
	        .link = {"4bf92f3577b34da6a3ce929d0e0e4736", "d75597dee50b0cac", true},
	        .kind = SPAN_CLIENT,
	        .name = "POST \"v\"",
	        .begin_us = 1700000000000002,
	        .end_us = 1700000000000002,
	        .failed = true,
	};
	span_number(&spans[1], "http.response.status_code", 503);
	span_text(&spans[1], "error.type", "server_error");
}

static void spans_are_written_as_the_protocol_says(void **state)
{
	struct span spans[2];
	struct buf body;
	(void)state;
	make_spans(spans);
	buf_init(&body, BODY_MAX_BYTES);
	assert_int_equal(otlp_encode(&resource, spans, 2, &body), ERR_OK);
	assert_string_equal(body.data, golden);
	buf_fini(&body);
}

static void what_does_not_fit_is_an_error_and_no_torn_body(void **state)
{
	struct span spans[2];
	struct buf body;
	(void)state;
	make_spans(spans);
	for (size_t max = 0; max < sizeof golden - 1; max += 7) {
		buf_init(&body, max);
		assert_int_equal(otlp_encode(&resource, spans, 2, &body), ERR_LIMIT);
		buf_fini(&body);
	}
}

static void the_collectors_answer_says_what_it_did_not_take(void **state)
{
	static const struct {
		const char *answer;
		int64_t rejected;
	} rows[] = {
	        {"{}", 0},
	        {"", 0},
	        {"<html>", 0},
	        {"[1]", 0},
	        {"{\"partialSuccess\":{}}", 0},
	        {"{\"partialSuccess\":null}", 0},
	        {"{\"partialSuccess\":{\"rejectedSpans\":\"7\",\"errorMessage\":\"no\"}}", 7},
	        {"{\"partialSuccess\":{\"rejectedSpans\":7}}", 7},
	        {"{\"partialSuccess\":{\"rejectedSpans\":-7}}", 0},
	        {"{\"partialSuccess\":{\"rejectedSpans\":\"many\"}}", 0},
	        {"{\"partialSuccess\":{\"rejectedSpans\":true}}", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(otlp_rejected(rows[i].answer, strlen(rows[i].answer)), rows[i].rejected);
}

static bool join(void *ctx, const char *line)
{
	struct buf *joined = ctx;
	return buf_printf(joined, "%s|", line) == ERR_OK;
}

static void headers_are_read_as_opentelemetry_writes_them(void **state)
{
	static const struct {
		const char *text, *lines;
	} rows[] = {
	        {"api-key=secret", "api-key: secret|"},
	        {"Authorization=Basic%20dTpw%3d", "Authorization: Basic dTpw=|"},
	        {"a=1,b=2", "a: 1|b: 2|"},
	        {" a=1 ,\tb=2\t", "a: 1|b: 2|"},
	        {"a=b=c", "a: b=c|"},
	        {"a=1,b=2,c=3,d=4,e=5,f=6,g=7,h=8", "a: 1|b: 2|c: 3|d: 4|e: 5|f: 6|g: 7|h: 8|"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf joined;
		struct err err = {ERR_OK, ""};
		buf_init(&joined, 200);
		assert_int_equal(otlp_headers(rows[i].text, join, &joined, &err), ERR_OK);
		assert_string_equal(joined.data, rows[i].lines);
		assert_int_equal(otlp_headers(rows[i].text, NULL, NULL, &err), ERR_OK);
		buf_fini(&joined);
	}
}

static void what_is_no_header_is_refused_without_its_value(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
	} rows[] = {
	        {"", ERR_INVALID},
	        {"hush", ERR_INVALID},
	        {"=hush", ERR_INVALID},
	        {"a=", ERR_INVALID},
	        {"a=hush,", ERR_INVALID},
	        {"a=hush,,b=1", ERR_INVALID},
	        {"a b=hush", ERR_INVALID},
	        {"a:=hush", ERR_INVALID},
	        {"a=hush%0d%0ab: 1", ERR_INVALID},
	        {"a=hush%", ERR_INVALID},
	        {"a=hush%2", ERR_INVALID},
	        {"a=hush%zz", ERR_INVALID},
	        {"a=hush\xc3\xa9", ERR_INVALID},
	        {"a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=hush", ERR_LIMIT},
	};
	char longest[OTLP_HEADER_MAX_BYTES + 8] = "a=";
	struct err err;
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		err = (struct err){ERR_OK, ""};
		assert_int_equal(otlp_headers(rows[i].text, NULL, NULL, &err), rows[i].code);
		assert_true(err.msg[0] != '\0');
		assert_null(strstr(err.msg, "hush"));
	}
	memset(longest + 2, 'x', OTLP_HEADER_MAX_BYTES - 4);
	assert_int_equal(otlp_headers(longest, NULL, NULL, &err), ERR_OK);
	longest[OTLP_HEADER_MAX_BYTES - 2] = 'x';
	assert_int_equal(otlp_headers(longest, NULL, NULL, &err), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(spans_are_written_as_the_protocol_says),
	        cmocka_unit_test(what_does_not_fit_is_an_error_and_no_torn_body),
	        cmocka_unit_test(the_collectors_answer_says_what_it_did_not_take),
	        cmocka_unit_test(headers_are_read_as_opentelemetry_writes_them),
	        cmocka_unit_test(what_is_no_header_is_refused_without_its_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
