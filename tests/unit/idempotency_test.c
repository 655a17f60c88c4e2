/* idempotency: how a key is written, and what it makes of a question. */
#include "ingress/idempotency.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void a_key_is_read_with_quotation_marks_or_without(void **state)
{
	static const struct {
		const char *value, *key;
	} rows[] = {
	        {"\"8e03978e-40d5\"", "8e03978e-40d5"},
	        {"8e03978e-40d5", "8e03978e-40d5"},
	        {" abc ", "abc"},
	        {"\"a b\"", "a b"},
	        {"\"a\\\"b\\\\c\"", "a\"b\\c"},
	        {"x=1;y/z", "x=1;y/z"},
	        {"\"a\"\t", "a"},
	};
	char key[IDEMPOTENCY_KEY_BYTES];
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (idempotency_read(rows[i].value, key))
			fail_msg("refused: %s", rows[i].value);
		assert_string_equal(key, rows[i].key);
	}
}

static void what_is_not_one_key_is_refused(void **state)
{
	static const char *const values[] = {
	        "",       " ",        "\"\"",    "\"a",    "a\"",   "a b",      "a, b",         "\"a\", \"b\"",
	        "\"a\"x", "\"a\\x\"", "\"a\\\"", "\"\t\"", "a\x7f", "\xc3\xa4", "\"\xc3\xa4\"", "\"a\";p=1"};
	char key[IDEMPOTENCY_KEY_BYTES] = "untouched";
	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		if (!idempotency_read(values[i], key))
			fail_msg("taken: %s", values[i]);
	assert_string_equal(key, "untouched");
}

static void a_key_has_at_most_255_characters(void **state)
{
	char value[300], key[IDEMPOTENCY_KEY_BYTES];
	(void)state;
	memset(value, 'k', sizeof value);
	value[255] = '\0';
	assert_null(idempotency_read(value, key));
	assert_int_equal(strlen(key), 255);
	value[255] = 'k';
	value[256] = '\0';
	assert_non_null(idempotency_read(value, key));
	memmove(value + 1, value, 256);
	value[0] = value[257] = '"';
	value[258] = '\0';
	assert_non_null(idempotency_read(value, key));
	value[256] = '"';
	value[257] = '\0';
	assert_null(idempotency_read(value, key));
}

static struct ask asked(const struct id_key *id_key, enum kind kind, const char *caller, const char *key,
                        const char *body)
{
	struct ask ask = {.request = {.kind = kind, .id = "v000000000000000000000A"}};
	(void)snprintf(ask.request.caller, sizeof ask.request.caller, "%s", caller);
	assert_int_equal(idempotency_to_ask(id_key, key, body, strlen(body), &ask), ERR_OK);
	return ask;
}

static void caller_key_and_body_make_the_names_and_a_scores_id(void **state)
{
	struct id_key *id_key = NULL;
	(void)state;
	assert_int_equal(id_key_new("0123456789abcdef0123456789abcdef", &id_key, NULL), ERR_OK);
	const struct ask first = asked(id_key, KIND_BIOCATCH_SCORE, "b2c", "k", "{}"),
	                 again = asked(id_key, KIND_BIOCATCH_SCORE, "b2c", "k", "{}"),
	                 other_body = asked(id_key, KIND_BIOCATCH_SCORE, "b2c", "k", "{ }"),
	                 other_key = asked(id_key, KIND_BIOCATCH_SCORE, "b2c", "l", "{}"),
	                 other_caller = asked(id_key, KIND_BIOCATCH_SCORE, "app", "k", "{}"),
	                 journey = asked(id_key, KIND_JUMIO_IDENTITY, "b2c", "k", "{}");
	assert_string_equal(first.key, again.key);
	assert_string_equal(first.key_body, again.key_body);
	assert_string_equal(first.request.id, again.request.id);
	assert_true(id_is_valid(first.request.id, strlen(first.request.id)));
	assert_string_equal(first.key, other_body.key);
	assert_string_not_equal(first.key_body, other_body.key_body);
	assert_string_not_equal(first.request.id, other_body.request.id);
	assert_string_not_equal(first.key, other_key.key);
	assert_string_not_equal(first.request.id, other_key.request.id);
	assert_string_not_equal(first.key, other_caller.key);
	assert_string_not_equal(first.request.id, other_caller.request.id);
	assert_string_equal(journey.request.id, "v000000000000000000000A"); /* its question's, as ever */
	assert_true(first.key[0] && strcmp(first.key, first.key_body) != 0);
	id_key_free(id_key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_key_is_read_with_quotation_marks_or_without),
	        cmocka_unit_test(what_is_not_one_key_is_refused),
	        cmocka_unit_test(a_key_has_at_most_255_characters),
	        cmocka_unit_test(caller_key_and_body_make_the_names_and_a_scores_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
