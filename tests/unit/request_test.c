/* request: the person's fields open only under their own id and key; what comes from Kafka is read strictly where it
 * matters and leniently where a newer writer may have added something. */
#include "common/domain/request.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY_A     "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B     "k1://////////////////////////////////////////8="
#define ID        "vAAAAAAAAAAAAAAAAAAAAAA"
#define OTHER_ID  "vBBBBBBBBBBBBBBBBBBBBBA"
#define GOOD_HEAD "{\"id\":\"" ID "\",\"kind\":\"biocatch.score\",\"caller\":\"demo\",\"question\":\"q\","
#define GOOD_TAIL "\"created_ms\":7,\"sealed\":\"k1.AAAA\"}"

static struct seal_ring *ring_of(const char *spec)
{
	struct seal_ring *ring = NULL;
	assert_int_equal(seal_ring_new(spec, &ring, NULL), ERR_OK);
	return ring;
}

static struct request sealed_request(const struct seal_ring *ring)
{
	const struct person person = {.field = {[REQUEST_FIELD_SUBJECT] = "p-17",
	                                        [REQUEST_FIELD_SESSION] = "s\"\\ \xc3\xa9",
	                                        [REQUEST_FIELD_BRAND] = "b"}};
	struct request request = {.id = ID, .kind = KIND_BIOCATCH_SCORE, .caller = "demo", .question = "q"};
	request.created_ms = 1700000000000;
	request.notify = true;
	assert_int_equal(request_seal(&request, ring, &person, NULL), ERR_OK);
	return request;
}

static enum err_code decode(const char *text, struct request *ret)
{
	return request_decode(text, strlen(text), ret, NULL);
}

static void a_person_sealed_is_the_person_opened(void **state)
{
	struct seal_ring *ring = ring_of(KEY_A);
	struct request request = sealed_request(ring);
	struct person person = {0};
	(void)state;
	assert_null(strstr(request.sealed, "p-17"));
	assert_int_equal(strlen(request.sealed), request.sealed_len);
	assert_int_equal(request_open(&request, ring, &person, NULL), ERR_OK);
	assert_string_equal(person.field[REQUEST_FIELD_SUBJECT], "p-17");
	assert_string_equal(person.field[REQUEST_FIELD_SESSION], "s\"\\ \xc3\xa9");
	assert_string_equal(person.field[REQUEST_FIELD_BRAND], "b");
	assert_null(person.field[REQUEST_FIELD_ACTIVITY]);
	assert_null(person.field[REQUEST_FIELD_CORRELATION]);
	person_fini(&person);
	assert_null(person.field[REQUEST_FIELD_SUBJECT]);
	assert_null(person.memory);
	person_fini(&person);
	request_fini(&request);
	request_fini(&request);
	seal_ring_free(ring);
}

static void a_sealed_part_moved_to_another_id_or_key_does_not_open(void **state)
{
	struct seal_ring *ring = ring_of(KEY_A), *wrong = ring_of(KEY_B);
	struct request request = sealed_request(ring);
	struct person person = {0};
	(void)state;
	assert_int_equal(request_open(&request, wrong, &person, NULL), ERR_CRYPTO);
	memcpy(request.id, OTHER_ID, sizeof request.id);
	assert_int_equal(request_open(&request, ring, &person, NULL), ERR_CRYPTO);
	assert_null(person.memory);
	request_fini(&request);
	seal_ring_free(ring);
	seal_ring_free(wrong);
}

static void a_field_beyond_its_limit_is_not_sealed(void **state)
{
	struct seal_ring *ring = ring_of(KEY_A);
	char text[300];
	struct person person = {.field = {[REQUEST_FIELD_ACTIVITY] = text}};
	struct request request = {.id = ID, .kind = KIND_BIOCATCH_SCORE};
	struct err err;
	(void)state;
	memset(text, 'x', sizeof text);
	text[65] = '\0';
	assert_int_equal(request_seal(&request, ring, &person, &err), ERR_LIMIT);
	assert_null(request.sealed);
	assert_null(strstr(err.msg, "xx"));
	text[64] = '\0';
	assert_int_equal(request_seal(&request, ring, &person, NULL), ERR_OK);
	request_fini(&request);
	seal_ring_free(ring);
}

static void a_sealed_text_without_a_field_is_refused(void **state)
{
	static const char *const plains[] = {"{}", "{\"subject\":7}", "[]", "\"subject\"", "{\"subject\":\"a\"", ""};
	struct seal_ring *ring = ring_of(KEY_A);
	(void)state;
	for (size_t i = 0; i < sizeof plains / sizeof *plains; i++) {
		struct request request = {.id = ID, .kind = KIND_BIOCATCH_SCORE};
		struct person person = {0};
		struct buf sealed;
		buf_init(&sealed, 4096);
		assert_int_equal(seal_text(ring, ID, plains[i], strlen(plains[i]), &sealed, NULL), ERR_OK);
		request.sealed = sealed.data;
		request.sealed_len = sealed.len;
		assert_int_equal(request_open(&request, ring, &person, NULL), ERR_INVALID);
		assert_null(person.memory);
		buf_fini(&sealed);
	}
	seal_ring_free(ring);
}

static void what_was_encoded_decodes_to_the_same(void **state)
{
	struct seal_ring *ring = ring_of(KEY_A);
	struct request request = sealed_request(ring), back;
	struct buf value;
	(void)state;
	buf_init(&value, REQUEST_MAX_BYTES);
	assert_int_equal(request_encode(&request, &value), ERR_OK);
	assert_int_equal(request_decode(value.data, value.len, &back, NULL), ERR_OK);
	assert_string_equal(back.id, request.id);
	assert_int_equal(back.kind, request.kind);
	assert_string_equal(back.caller, "demo");
	assert_string_equal(back.question, "q");
	assert_int_equal(back.created_ms, request.created_ms);
	assert_true(back.notify);
	assert_int_equal(back.sealed_len, request.sealed_len);
	assert_string_equal(back.sealed, request.sealed);
	assert_int_equal(back.deadline_ms + back.attempts + back.replays + back.first_failure_ms, 0);
	assert_string_equal(back.traceparent, "");
	buf_fini(&value);
	request_fini(&request);
	request_fini(&back);
	seal_ring_free(ring);
}

/* A B2C journey's longest fields still fit into a record, sealed; the vendor's limits are stricter. */
static void the_longest_person_fits_into_a_record(void **state)
{
	struct seal_ring *ring = ring_of(KEY_A);
	struct request request = {
	        .id = ID, .kind = KIND_JUMIO_IDENTITY, .caller = "demo", .question = "q", .created_ms = 7};
	struct person person = {.memory = NULL}, back = {.memory = NULL};
	static char texts[REQUEST_FIELD_COUNT][4096];
	struct buf value;
	(void)state;
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT; i++) {
		memset(texts[i], 'a', request_field_info((enum request_field)i)->max_bytes);
		person.field[i] = texts[i];
	}
	assert_int_equal(request_seal(&request, ring, &person, NULL), ERR_OK);
	buf_init(&value, REQUEST_MAX_BYTES);
	assert_int_equal(request_encode(&request, &value), ERR_OK);
	assert_int_equal(person_open(ring, ID, request.sealed, request.sealed_len, &back, NULL), ERR_OK);
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT; i++)
		assert_string_equal(back.field[i], texts[i]);
	assert_int_equal(person_open(ring, OTHER_ID, request.sealed, request.sealed_len, &person, NULL), ERR_CRYPTO);
	person_fini(&back);
	request_fini(&request);
	buf_fini(&value);
	seal_ring_free(ring);
}

static void members_of_a_newer_writer_are_ignored(void **state)
{
	struct request request;
	(void)state;
	assert_int_equal(decode(GOOD_HEAD "\"x\":null,\"more\":{\"a\":[1,true]}," GOOD_TAIL, &request), ERR_OK);
	assert_int_equal(request.created_ms, 7);
	assert_false(request.notify);
	request_fini(&request);
}

static void a_malformed_record_is_refused_and_leaves_the_output_alone(void **state)
{
	static const char *const texts[] = {
	        "",
	        "null",
	        "[]",
	        "\"" ID "\"",
	        "{}",
	        "{",
	        GOOD_HEAD "\"created_ms\":7}",
	        GOOD_HEAD "\"created_ms\":7,\"sealed\":\"\"}",
	        GOOD_HEAD "\"created_ms\":7,\"sealed\":7}",
	        GOOD_HEAD "\"created_ms\":\"7\",\"sealed\":\"k\"}",
	        GOOD_HEAD "\"created_ms\":7.0,\"sealed\":\"k\"}",
	        GOOD_HEAD "\"sealed\":\"k\"}",
	        GOOD_HEAD GOOD_TAIL "x",
	        GOOD_HEAD "\"id\":\"" ID "\"," GOOD_TAIL,
	        "{\"kind\":\"biocatch.score\",\"caller\":\"d\",\"question\":\"q\"," GOOD_TAIL,
	        "{\"id\":\"vAAAAAAAAAAAAAAAAAAAAA\",\"kind\":\"biocatch.score\",\"caller\":\"d\",\"question\":"
	        "\"q\"," GOOD_TAIL,
	        "{\"id\":\"xAAAAAAAAAAAAAAAAAAAAAA\",\"kind\":\"biocatch.score\",\"caller\":\"d\",\"question\":"
	        "\"q\"," GOOD_TAIL,
	        "{\"id\":\"vAAAAAAAAAAAAAAAAAAAAA}\",\"kind\":\"biocatch.score\",\"caller\":\"d\",\"question\":"
	        "\"q\"," GOOD_TAIL,
	        "{\"id\":\"" ID "\",\"kind\":\"nobody.knows\",\"caller\":\"d\",\"question\":\"q\"," GOOD_TAIL,
	        "{\"id\":\"" ID "\",\"kind\":\"biocatch.score\",\"caller\":\"a\\nb\",\"question\":\"q\"," GOOD_TAIL,
	        "{\"id\":\"" ID "\",\"kind\":\"biocatch.score\",\"caller\":\"a\\u0000b\",\"question\":\"q\"," GOOD_TAIL,
	};
	struct request request = {.attempts = 41};
	struct err err;
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		enum err_code code = request_decode(texts[i], strlen(texts[i]), &request, &err);
		if (code != ERR_INVALID)
			print_error("accepted, or another error: %s\n", texts[i]);
		assert_int_equal(code, ERR_INVALID);
		assert_int_equal(request.attempts, 41);
		assert_null(request.sealed);
	}
	assert_int_equal(request_decode(NULL, 0, &request, NULL), ERR_INVALID);
	assert_int_equal(decode(GOOD_HEAD "\"created_ms\":-7,\"sealed\":\"k\"}", &request), ERR_LIMIT);
}

static void a_record_or_member_that_is_too_long_is_refused(void **state)
{
	struct request request = {.sealed = NULL};
	char *text = malloc(REQUEST_MAX_BYTES + 2);
	(void)state;
	assert_non_null(text);
	memset(text, ' ', REQUEST_MAX_BYTES + 1);
	text[REQUEST_MAX_BYTES + 1] = '\0';
	assert_int_equal(request_decode(text, REQUEST_MAX_BYTES + 1, &request, NULL), ERR_LIMIT);
	int n = snprintf(text, REQUEST_MAX_BYTES, GOOD_HEAD "\"created_ms\":7,\"sealed\":\"%025000d\"}", 0);
	assert_int_equal(request_decode(text, (size_t)n, &request, NULL), ERR_INVALID);
	n = snprintf(
	        text, REQUEST_MAX_BYTES,
	        "{\"id\":\"" ID "\",\"kind\":\"biocatch.score\",\"caller\":\"%065d\",\"question\":\"q\"," GOOD_TAIL, 0);
	assert_int_equal(request_decode(text, (size_t)n, &request, NULL), ERR_LIMIT);
	n = snprintf(
	        text, REQUEST_MAX_BYTES,
	        "{\"id\":\"" ID "\",\"kind\":\"biocatch.score\",\"caller\":\"%064d\",\"question\":\"q\"," GOOD_TAIL, 0);
	assert_int_equal(request_decode(text, (size_t)n, &request, NULL), ERR_OK);
	request_fini(&request);
	free(text);
}

static enum err_code set(struct request *request, const char *name, const char *value)
{
	return request_set_header(request, name, value, strlen(value), NULL);
}

static void headers_are_read_into_their_places(void **state)
{
	static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	struct request request = {.sealed = NULL};
	(void)state;
	assert_int_equal(set(&request, HEADER_DEADLINE, "1700000000123"), ERR_OK);
	assert_int_equal(set(&request, HEADER_ATTEMPT, "3"), ERR_OK);
	assert_int_equal(set(&request, HEADER_REPLAYS, "002"), ERR_OK);
	assert_int_equal(set(&request, HEADER_FIRST_FAILURE, "0"), ERR_OK);
	assert_int_equal(set(&request, HEADER_TRACEPARENT, trace), ERR_OK);
	assert_int_equal(set(&request, HEADER_POLL, "7"), ERR_OK);
	assert_int_equal(set(&request, HEADER_OP, "anything"), ERR_OK);
	assert_int_equal(set(&request, "verifyd-of-tomorrow", "\x01\xff"), ERR_OK);
	assert_int_equal(request.deadline_ms, 1700000000123);
	assert_int_equal(request.attempts, 3);
	assert_int_equal(request.replays, 2);
	assert_int_equal(request.poll, 7);
	assert_int_equal(request.cause, CAUSE_NONE);
	assert_int_equal(request.first_failure_ms, 0);
	assert_string_equal(request.traceparent, trace);
	assert_int_equal(request_set_header(&request, HEADER_ATTEMPT, "45", 1, NULL), ERR_OK);
	assert_int_equal(request.attempts, 4); /* the length counts, not a '\0' */
}

static void every_cause_is_found_by_its_whole_name_and_nothing_else_is(void **state)
{
	static const char *const strangers[] = {"", "Poll", "poll ", "polls", "pol", "7"};
	(void)state;
	assert_string_equal(cause_name(CAUSE_NONE), "");
	for (unsigned i = CAUSE_NONE + 1; i < CAUSE_COUNT; i++) {
		struct request request = {.sealed = NULL};
		assert_true(*cause_name((enum cause)i));
		assert_int_equal(set(&request, HEADER_CAUSE, cause_name((enum cause)i)), ERR_OK);
		assert_int_equal(request.cause, i);
		for (size_t j = 0; j < sizeof strangers / sizeof *strangers; j++)
			assert_int_equal(set(&request, HEADER_CAUSE, strangers[j]), ERR_INVALID);
		assert_int_equal(request.cause, i);
	}
	struct request request = {.sealed = NULL};
	assert_int_equal(request_set_header(&request, HEADER_CAUSE, NULL, 0, NULL), ERR_INVALID);
	assert_int_equal(request_set_header(&request, HEADER_CAUSE, "polls", 4, NULL), ERR_OK); /* the length counts */
	assert_int_equal(request.cause, CAUSE_POLL);
}

static void rubbish_in_a_header_is_refused_and_changes_nothing(void **state)
{
	static const char *const numbers[] = {HEADER_DEADLINE, HEADER_ATTEMPT, HEADER_REPLAYS, HEADER_FIRST_FAILURE,
	                                      HEADER_POLL};
	static const char *const values[] = {
	        "",
	        " 1",
	        "1 ",
	        "+1",
	        "-1",
	        "0x1",
	        "1e3",
	        "1.0",
	        "one",
	        "1\n",
	        "\xc2\xb2",
	        "1234567890123456789",
	        "99999999999999999999",
	};
	struct request request = {.deadline_ms = 5, .attempts = 5, .replays = 5, .first_failure_ms = 5, .poll = 5};
	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		for (size_t j = 0; j < sizeof values / sizeof *values; j++)
			assert_int_equal(set(&request, numbers[i], values[j]), ERR_INVALID);
	assert_int_equal(set(&request, HEADER_ATTEMPT, "2147483648"), ERR_INVALID);
	assert_int_equal(request_set_header(&request, HEADER_ATTEMPT, "1\0002", 3, NULL), ERR_INVALID);
	assert_int_equal(set(&request, HEADER_TRACEPARENT, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x"),
	                 ERR_INVALID);
	assert_int_equal(
	        request.deadline_ms + request.attempts + request.replays + request.first_failure_ms + request.poll, 25);
	assert_string_equal(request.traceparent, "");
	assert_int_equal(set(&request, HEADER_ATTEMPT, "2147483647"), ERR_OK);
	assert_int_equal(request.attempts, INT_MAX);
}

static void a_header_without_a_value_is_no_crash(void **state)
{
	struct request request = {.sealed = NULL};
	(void)state;
	assert_int_equal(request_set_header(&request, HEADER_ATTEMPT, NULL, 0, NULL), ERR_INVALID);
	assert_int_equal(request_set_header(&request, HEADER_TRACEPARENT, NULL, 0, NULL), ERR_OK);
	assert_string_equal(request.traceparent, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_person_sealed_is_the_person_opened),
	        cmocka_unit_test(a_sealed_part_moved_to_another_id_or_key_does_not_open),
	        cmocka_unit_test(a_field_beyond_its_limit_is_not_sealed),
	        cmocka_unit_test(a_sealed_text_without_a_field_is_refused),
	        cmocka_unit_test(what_was_encoded_decodes_to_the_same),
	        cmocka_unit_test(the_longest_person_fits_into_a_record),
	        cmocka_unit_test(members_of_a_newer_writer_are_ignored),
	        cmocka_unit_test(a_malformed_record_is_refused_and_leaves_the_output_alone),
	        cmocka_unit_test(a_record_or_member_that_is_too_long_is_refused),
	        cmocka_unit_test(headers_are_read_into_their_places),
	        cmocka_unit_test(every_cause_is_found_by_its_whole_name_and_nothing_else_is),
	        cmocka_unit_test(rubbish_in_a_header_is_refused_and_changes_nothing),
	        cmocka_unit_test(a_header_without_a_value_is_no_crash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
