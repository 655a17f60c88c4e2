/* verification_codec: every value of every table survives the trip; nothing is ever null; names of another version are
 * refused and members of another version are not. */
#include "common/base/json_in.h"
#include "common/domain/verification.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID    "vAAAAAAAAAAAAAAAAAAAAAA"
#define HEAD  "{\"id\":\"" ID "\",\"kind\":\"biocatch.score\",\"caller\":\"demo\""
#define X13   "xxxxxxxxxxxxx"
#define X65   X13 X13 X13 X13 X13
#define LEAST HEAD ",\"state\":\"queued\",\"rev\":1}"

static void round_trip(const struct verification *given)
{
	struct verification back;
	struct buf value;
	memset(&back, 0, sizeof back);
	buf_init(&value, VERIFICATION_MAX_BYTES);
	assert_int_equal(verification_encode(given, NULL, &value), ERR_OK);
	assert_null(strstr(value.data, "null"));
	assert_int_equal(verification_decode(value.data, value.len, &back, NULL, NULL), ERR_OK);
	assert_string_equal(back.id, given->id);
	assert_string_equal(back.caller, given->caller);
	assert_int_equal(back.kind, given->kind);
	assert_int_equal(back.state, given->state);
	assert_int_equal(back.rev, given->rev);
	assert_int_equal(back.risk, given->risk);
	assert_int_equal(back.score, given->score);
	assert_int_equal(back.reason, given->reason);
	assert_int_equal(back.attempts, given->attempts);
	assert_int_equal(back.replays, given->replays);
	assert_int_equal(back.created_ms, given->created_ms);
	assert_int_equal(back.taken_ms, given->taken_ms);
	assert_int_equal(back.asked_ms, given->asked_ms);
	assert_int_equal(back.answered_ms, given->answered_ms);
	assert_int_equal(back.updated_ms, given->updated_ms);
	assert_int_equal(back.verdict, given->verdict);
	assert_string_equal(back.question, given->question);
	assert_string_equal(back.reference, given->reference);
	assert_int_equal(back.adopted, given->adopted);
	assert_int_equal(back.notify, given->notify);
	assert_int_equal(back.sends, given->sends);
	assert_int_equal(back.poll, given->poll);
	assert_int_equal(back.polls, given->polls);
	assert_int_equal(back.initiated_ms, given->initiated_ms);
	assert_int_equal(back.until_ms, given->until_ms);
	assert_int_equal(back.resumed_ms, given->resumed_ms);
	assert_int_equal(back.returned_ms, given->returned_ms);
	assert_int_equal(back.called_back_ms, given->called_back_ms);
	assert_int_equal(back.checking_ms, given->checking_ms);
	assert_int_equal(back.decided_ms, given->decided_ms);
	buf_fini(&value);
}

static struct verification plain(void)
{
	return (struct verification){.id = ID,
	                             .kind = KIND_BIOCATCH_SCORE,
	                             .rev = 1,
	                             .caller = "demo",
	                             .score = SCORE_NONE,
	                             .created_ms = 1};
}

static void every_state_risk_and_reason_survives_the_trip(void **state)
{
	struct verification given = plain();
	(void)state;
	for (unsigned i = 0; i < STATE_COUNT; i++)
		for (unsigned j = 0; j < RISK_COUNT; j++)
			for (unsigned k = 0; k < REASON_COUNT; k++) {
				given.state = (enum state)i;
				given.risk = (enum risk)j;
				given.reason = (enum reason)k;
				given.score = j == RISK_LOW ? 0 : j == RISK_HIGH ? SCORE_MAX : SCORE_NONE;
				round_trip(&given);
			}
}

static struct verification journey(void)
{
	return (struct verification){.id = ID,
	                             .kind = KIND_JUMIO_IDENTITY,
	                             .state = STATE_CHECKING,
	                             .rev = 5,
	                             .caller = "b2c",
	                             .score = SCORE_NONE,
	                             .question = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	                             .reference = "8b7b3c2e-3f1a-4d36-9c0e-1f6a2f4b7c10",
	                             .sends = 1,
	                             .poll = 2,
	                             .polls = 3,
	                             .created_ms = 11,
	                             .initiated_ms = 12,
	                             .until_ms = 13,
	                             .resumed_ms = 14,
	                             .returned_ms = 15,
	                             .called_back_ms = 16,
	                             .checking_ms = 17,
	                             .updated_ms = 18};
}

static void a_journey_survives_the_trip_with_every_verdict(void **state)
{
	struct verification given = journey();
	(void)state;
	for (unsigned i = 0; i < VERDICT_COUNT; i++) {
		given.verdict = (enum verdict)i;
		given.adopted = i % 2 == 0;
		given.notify = i % 3 == 0;
		round_trip(&given);
	}
	given.sends = given.polls = INT_MAX;
	given.poll = given.until_ms = given.checking_ms = given.decided_ms = INT64_MAX;
	memset(given.reference, 'r', sizeof given.reference - 1);
	memset(given.question, 'q', sizeof given.question - 1);
	round_trip(&given);
}

static void sealed_texts_survive_the_trip_and_are_read_only_by_who_wants_them(void **state)
{
	static char sealed[] = "k1.SEALED", link[] = "k1.LINK";
	const struct verification given = journey();
	const struct verification_texts rows[] = {{NULL, NULL}, {sealed, NULL}, {NULL, link}, {sealed, link}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct verification_texts texts = {sealed, sealed};
		struct verification back;
		struct buf value;
		buf_init(&value, VERIFICATION_MAX_BYTES);
		assert_int_equal(verification_encode(&given, &rows[i], &value), ERR_OK);
		assert_null(strstr(value.data, "null"));
		assert_int_equal(strstr(value.data, "LINK") != NULL, rows[i].link != NULL);
		assert_int_equal(verification_decode(value.data, value.len, &back, NULL, NULL), ERR_OK);
		assert_int_equal(verification_decode(value.data, value.len, &back, &texts, NULL), ERR_OK);
		assert_int_equal(texts.sealed != NULL, rows[i].sealed != NULL);
		assert_int_equal(texts.link != NULL, rows[i].link != NULL);
		if (texts.sealed)
			assert_string_equal(texts.sealed, sealed);
		if (texts.link)
			assert_string_equal(texts.link, link);
		verification_texts_fini(&texts);
		assert_true(!texts.sealed && !texts.link);
		verification_texts_fini(&texts);
		buf_fini(&value);
	}
}

static void a_state_that_is_refused_leaves_the_texts_alone(void **state)
{
	static const char text[] = HEAD ",\"state\":\"queued\",\"rev\":1,\"sealed\":\"k1.A\",\"verdict\":\"sold\"}";
	static char mine[] = "mine";
	struct verification_texts texts = {mine, NULL};
	struct verification got;
	(void)state;
	assert_int_equal(verification_decode(text, strlen(text), &got, &texts, NULL), ERR_NEWER);
	assert_ptr_equal(texts.sealed, mine);
	assert_null(texts.link);
}

static void a_state_with_its_texts_has_one_limit(void **state)
{
	const struct verification given = journey();
	struct verification_texts texts = {malloc(VERIFICATION_MAX_BYTES), NULL};
	struct buf value;
	(void)state;
	assert_non_null(texts.sealed);
	memset(texts.sealed, 's', VERIFICATION_MAX_BYTES - 1);
	texts.sealed[VERIFICATION_MAX_BYTES - 1] = '\0';
	buf_init(&value, VERIFICATION_MAX_BYTES);
	assert_int_equal(verification_encode(&given, &texts, &value), ERR_LIMIT);
	buf_fini(&value);
	texts.sealed[24 * 1024] = '\0'; /* the longest that a request may have */
	buf_init(&value, VERIFICATION_MAX_BYTES);
	assert_int_equal(verification_encode(&given, &texts, &value), ERR_OK);
	buf_fini(&value);
	buf_init(&value, REQUEST_MAX_BYTES);
	assert_int_equal(retrieval_encode(&given, &texts, &value), ERR_OK);
	buf_fini(&value);
	verification_texts_fini(&texts);
}

static void a_retrieval_is_a_request_that_brings_the_state_along(void **state)
{
	static char sealed[] = "k1.SEALED", link[] = "k1.LINK";
	const struct verification given = journey();
	const struct verification_texts texts = {sealed, link}, none = {NULL, link};
	struct verification back;
	struct request request;
	struct buf value;
	(void)state;
	buf_init(&value, REQUEST_MAX_BYTES);
	assert_int_equal(retrieval_encode(&given, &none, &value), ERR_INVALID);
	assert_int_equal(value.len, 0);
	assert_int_equal(retrieval_encode(&given, &texts, &value), ERR_OK);
	assert_null(strstr(value.data, "LINK"));
	assert_int_equal(request_decode(value.data, value.len, &request, NULL), ERR_OK);
	assert_string_equal(request.id, given.id);
	assert_string_equal(request.caller, given.caller);
	assert_string_equal(request.question, given.question);
	assert_string_equal(request.sealed, sealed);
	assert_int_equal(request.created_ms, given.created_ms);
	request_fini(&request);
	assert_int_equal(retrieval_decode_state(value.data, value.len, &back, NULL), ERR_OK);
	assert_string_equal(back.reference, given.reference);
	assert_int_equal(back.poll, given.poll);
	assert_int_equal(verification_compare(&back, &given), 0);
	buf_fini(&value);
}

static void a_state_that_was_not_brought_along_is_not_made_up(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
	} rows[] = {
	        {"{}", ERR_NOT_FOUND},
	        {LEAST, ERR_INVALID}, /* a state's own member `state` is no state */
	        {"{\"state\":null}", ERR_INVALID},
	        {"{\"state\":[]}", ERR_INVALID},
	        {"{\"state\":{}}", ERR_INVALID},
	        {"{\"state\":" LEAST, ERR_INVALID},
	        {"", ERR_INVALID},
	        {"[]", ERR_NOT_FOUND},
	        {"{\"state\":" LEAST "}", ERR_OK},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct verification got = {.rev = 77};
		enum err_code code = retrieval_decode_state(rows[i].text, strlen(rows[i].text), &got, NULL);
		if (code != rows[i].code)
			print_error("%s\n", rows[i].text);
		assert_int_equal(code, rows[i].code);
		assert_int_equal(got.rev, code == ERR_OK ? 1 : 77);
	}
	struct verification got;
	char *text = calloc(1, REQUEST_MAX_BYTES + 1);
	assert_non_null(text);
	assert_int_equal(retrieval_decode_state(text, REQUEST_MAX_BYTES + 1, &got, NULL), ERR_LIMIT);
	assert_int_equal(retrieval_decode_state(NULL, 0, &got, NULL), ERR_INVALID);
	free(text);
}

static void the_largest_numbers_survive_the_trip(void **state)
{
	struct verification given = plain();
	(void)state;
	given.rev = given.created_ms = given.taken_ms = given.asked_ms = INT64_MAX;
	given.answered_ms = given.updated_ms = INT64_MAX;
	given.attempts = given.replays = INT_MAX;
	memset(given.caller, 'c', sizeof given.caller - 1);
	round_trip(&given);
}

static void what_has_not_happened_is_absent(void **state)
{
	const struct verification given = plain();
	static const char *const absent[] = {
	        "risk",        "score",          "reason",      "taken_ms",     "asked_ms", "answered_ms",
	        "updated_ms",  "verdict",        "question",    "reference",    "adopted",  "notify",
	        "sends",       "poll",           "polls",       "initiated_ms", "until_ms", "resumed_ms",
	        "returned_ms", "called_back_ms", "checking_ms", "sealed",       "link"};
	struct buf value;
	struct json_in *root = NULL;
	(void)state;
	buf_init(&value, VERIFICATION_MAX_BYTES);
	assert_int_equal(verification_encode(&given, NULL, &value), ERR_OK);
	assert_int_equal(json_in_parse(value.data, value.len, &root, NULL), ERR_OK);
	for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
		assert_null(json_in_get(root, absent[i]));
	assert_int_equal(json_in_count(root), 8);
	json_in_free(root);
	buf_fini(&value);
}

static void absent_members_read_as_has_not_happened(void **state)
{
	struct verification got;
	(void)state;
	memset(&got, 0xa5, sizeof got);
	assert_int_equal(verification_decode(LEAST, strlen(LEAST), &got, NULL, NULL), ERR_OK);
	assert_int_equal(got.risk, RISK_NONE);
	assert_int_equal(got.score, SCORE_NONE);
	assert_int_equal(got.reason, REASON_NONE);
	assert_int_equal(got.attempts + got.replays, 0);
	assert_int_equal(got.created_ms + got.taken_ms + got.asked_ms + got.answered_ms + got.updated_ms, 0);
}

static void members_of_a_newer_writer_are_ignored(void **state)
{
	static const char text[] =
	        HEAD ",\"mood\":null,\"extras\":[{\"n\":2}],\"state\":\"dead\",\"rev\":9,\"reason\":\"reset\"}";
	struct verification got;
	(void)state;
	assert_int_equal(verification_decode(text, strlen(text), &got, NULL, NULL), ERR_OK);
	assert_int_equal(got.state, STATE_DEAD);
	assert_int_equal(got.rev, 9);
	assert_int_equal(got.reason, REASON_RESET);
}

static void a_newer_writers_reason_is_some_other_one(void **state)
{
	static const char text[] = HEAD ",\"state\":\"dead\",\"rev\":9,\"reason\":\"bad_mood\"}";
	struct verification got;
	(void)state;
	assert_int_equal(verification_decode(text, strlen(text), &got, NULL, NULL), ERR_OK);
	assert_int_equal(got.reason, REASON_OTHER);
	assert_string_equal(reason_name(got.reason), "other");
}

static void what_is_not_known_or_not_whole_is_refused(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
	} rows[] = {
	        {"", ERR_INVALID},
	        {"7", ERR_INVALID},
	        {"[]", ERR_INVALID},
	        {"{}", ERR_INVALID},
	        {HEAD ",\"state\":\"queued\"}", ERR_INVALID},
	        {HEAD ",\"rev\":1}", ERR_INVALID},
	        {HEAD ",\"state\":\"verified\",\"rev\":1}", ERR_NEWER},
	        {HEAD ",\"state\":null,\"rev\":1}", ERR_INVALID},
	        {HEAD ",\"state\":\"queued\",\"rev\":\"1\"}", ERR_INVALID},
	        {HEAD ",\"state\":\"queued\",\"rev\":0}", ERR_LIMIT},
	        {HEAD ",\"state\":\"queued\",\"rev\":1,\"risk\":\"SEVERE\"}", ERR_NEWER},
	        {HEAD ",\"state\":\"queued\",\"rev\":1,\"verdict\":\"approved\"}", ERR_NEWER},
	        {HEAD ",\"state\":\"queued\",\"rev\":1,\"verdict\":null}", ERR_INVALID},
	        {HEAD ",\"state\":\"queued\",\"rev\":1,\"sends\":2147483648}", ERR_LIMIT},
	        {HEAD ",\"state\":\"queued\",\"rev\":1,\"poll\":-1}", ERR_LIMIT},
	        {HEAD ",\"state\":\"queued\",\"rev\":1,\"until_ms\":\"1\"}", ERR_INVALID},
	        {HEAD ",\"state\":\"queued\",\"rev\":1,\"reference\":7}", ERR_INVALID},
	        {HEAD ",\"state\":\"queued\",\"rev\":1,\"reference\":\"a\\nb\"}", ERR_INVALID},
	        {HEAD ",\"state\":\"queued\",\"rev\":1,\"reference\":\"" X65 "\"}", ERR_LIMIT},
	        {HEAD ",\"state\":\"queued\",\"rev\":1,\"score\":1001}", ERR_LIMIT},
	        {HEAD ",\"state\":\"queued\",\"rev\":1,\"score\":-1}", ERR_LIMIT},
	        {HEAD ",\"state\":\"queued\",\"rev\":1,\"score\":87.5}", ERR_INVALID},
	        {HEAD ",\"state\":\"queued\",\"rev\":1,\"attempts\":2147483648}", ERR_LIMIT},
	        {HEAD ",\"state\":\"queued\",\"rev\":1,\"taken_ms\":-1}", ERR_LIMIT},
	        {HEAD ",\"state\":\"queued\",\"rev\":1,\"rev\":2}", ERR_INVALID},
	        {"{\"id\":\"" ID "\",\"kind\":\"other.kind\",\"caller\":\"d\",\"state\":\"queued\",\"rev\":1}",
	         ERR_NEWER},
	        {"{\"id\":\"v\",\"kind\":\"biocatch.score\",\"caller\":\"d\",\"state\":\"queued\",\"rev\":1}",
	         ERR_INVALID},
	        {"{\"id\":\"" ID "\",\"kind\":\"biocatch.score\",\"state\":\"queued\",\"rev\":1}", ERR_INVALID},
	        {LEAST "}", ERR_INVALID},
	};
	struct verification got = {.rev = 77};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		enum err_code code = verification_decode(rows[i].text, strlen(rows[i].text), &got, NULL, NULL);
		if (code != rows[i].code)
			print_error("%s\n", rows[i].text);
		assert_int_equal(code, rows[i].code);
		assert_int_equal(got.rev, 77);
	}
	assert_int_equal(verification_decode(NULL, 0, &got, NULL, NULL), ERR_INVALID);
}

static void a_state_that_is_too_long_is_refused_before_it_is_read(void **state)
{
	struct verification got;
	char *text = malloc(VERIFICATION_MAX_BYTES + 1);
	(void)state;
	assert_non_null(text);
	memset(text, ' ', VERIFICATION_MAX_BYTES + 1);
	memcpy(text, LEAST, strlen(LEAST));
	assert_int_equal(verification_decode(text, VERIFICATION_MAX_BYTES, &got, NULL, NULL), ERR_OK);
	assert_int_equal(verification_decode(text, VERIFICATION_MAX_BYTES + 1, &got, NULL, NULL), ERR_LIMIT);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_state_risk_and_reason_survives_the_trip),
	        cmocka_unit_test(a_journey_survives_the_trip_with_every_verdict),
	        cmocka_unit_test(sealed_texts_survive_the_trip_and_are_read_only_by_who_wants_them),
	        cmocka_unit_test(a_state_that_is_refused_leaves_the_texts_alone),
	        cmocka_unit_test(a_state_with_its_texts_has_one_limit),
	        cmocka_unit_test(a_retrieval_is_a_request_that_brings_the_state_along),
	        cmocka_unit_test(a_state_that_was_not_brought_along_is_not_made_up),
	        cmocka_unit_test(the_largest_numbers_survive_the_trip),
	        cmocka_unit_test(what_has_not_happened_is_absent),
	        cmocka_unit_test(absent_members_read_as_has_not_happened),
	        cmocka_unit_test(members_of_a_newer_writer_are_ignored),
	        cmocka_unit_test(a_newer_writers_reason_is_some_other_one),
	        cmocka_unit_test(what_is_not_known_or_not_whole_is_refused),
	        cmocka_unit_test(a_state_that_is_too_long_is_refused_before_it_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
