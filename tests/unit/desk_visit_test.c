/* desk: what is known of a verification, told to its caller, to the person who comes and goes, and to the vendor's
 * callback. */
#include "tests/unit/desk_fixture.h"

static const char one[] = "v000000000000000000000A", two[] = "v000000000000000000000B";
static const char guid[] = "0f3c2B1a-0000-4000-8000-00000000000e",
                  other_guid[] = "ffffffff-0000-4000-8000-00000000000e";

/* ---- reading ---- */

static void a_state_is_read_by_its_caller_and_for_its_person_only(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	static const struct {
		const char *caller, *question;
		enum outcome outcome;
	} rows[] = {
	        {"b2c", "person", OUTCOME_STATE}, {"", "", OUTCOME_STATE},          {"b2c", "", OUTCOME_STATE},
	        {"app", "", OUTCOME_NOT_FOUND},   {"", "other", OUTCOME_NOT_FOUND},
	};
	struct verification known = journey(one, STATE_COMPLETED);
	store(bench, &known, false);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct call *call = call_new(ASK_READ, one);
		strcpy(call->ask.request.caller, rows[i].caller);
		strcpy(call->ask.request.question, rows[i].question);
		expect_now(bench, call, rows[i].outcome);
		assert_string_equal(call->ask.state.id, rows[i].outcome == OUTCOME_STATE ? one : "");
		call_free(call);
	}
}

static void what_nobody_knows_is_not_found_only_while_the_cache_is_whole(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	static const enum ask_type types[] = {ASK_READ, ASK_START, ASK_RETURN, ASK_CALLBACK};
	for (int whole = 1; whole >= 0; whole--) {
		for (int i = 0; i < 4; i++) {
			struct call *call = call_new(types[i], one);
			call->ask.ticket_ms = call->ask.browser_ttl_ms = 1000;
			strcpy(call->ask.browser, "mine");
			expect_now(bench, call, whole ? OUTCOME_NOT_FOUND : OUTCOME_CACHE_AWAY);
			call_free(call);
		}
		redis_do(bench->redis, "DEL verifyd:epoch");
	}
}

static void without_redis_every_visit_says_so(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	static const enum ask_type types[] = {ASK_READ, ASK_START, ASK_RETURN, ASK_CALLBACK, ASK_ADOPT, ASK_CALLBACK};
	redis_kill(bench->redis);
	await_desk(bench, false);
	for (int i = 0; i < 6; i++) {
		struct call *call = call_new(types[i], i == 5 ? "" : one);
		strcpy(call->ask.reference, guid);
		expect_now(bench, call, OUTCOME_CACHE_AWAY);
		call_free(call);
	}
}

static bool is_read_again(struct desk_bench *bench, const char *id)
{
	struct call *call = call_new(ASK_READ, id);
	submit(bench, call, WAIT_FINAL, 0);
	assert_true(comes_back(call, WAIT_MS));
	bool is_read = call->ask.outcome == OUTCOME_STATE;
	call_free(call);
	return is_read;
}

static void what_was_accepted_while_redis_was_away_is_not_said_to_be_unknown(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *before = call_new(ASK_READ, one), *after = call_new(ASK_READ, one);
	struct verification known = journey(two, STATE_QUEUED);
	store(bench, &known, false);
	expect_now(bench, before, OUTCOME_NOT_FOUND);
	redis_do(bench->redis, "CLIENT KILL TYPE normal");
	while (!is_read_again(bench, two))
		continue;
	expect_now(bench, after, OUTCOME_CACHE_AWAY); /* its ingress, or a worker, may still be about to save it */
	call_free(before);
	call_free(after);
}

static void who_waits_for_a_verdict_is_not_woken_by_less(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *wants_verdict = call_new(ASK_READ, one), *wants_page = call_new(ASK_READ, one);
	struct verification known = journey(one, STATE_QUEUED);
	store(bench, &known, false);
	submit(bench, wants_verdict, WAIT_SETTLED, 1200);
	submit(bench, wants_page, WAIT_LEFT_QUEUED, WAIT_MS);
	assert_false(comes_back(wants_page, 100));
	known.state = STATE_CHECKING;
	known.rev = 3;
	store(bench, &known, true);
	expect(wants_page, OUTCOME_STATE);
	known.state = STATE_DEAD;
	known.checking_ms = 5; /* after the upload: somebody may still decide it */
	known.rev = 4;
	store(bench, &known, true);
	assert_false(comes_back(wants_verdict, 400));
	expect(wants_verdict, OUTCOME_STATE);
	assert_int_equal(wants_verdict->ask.state.rev, 4); /* the newest that was heard */
	call_free(wants_verdict);
	call_free(wants_page);
}

/* ---- the person ---- */

static struct call *visit(enum ask_type type, const char *browser, int64_t ticket_ms)
{
	struct call *call = call_new(type, one);
	strcpy(call->ask.browser, browser);
	call->ask.ticket_ms = ticket_ms;
	call->ask.browser_ttl_ms = 60000;
	return call;
}

static void a_start_binds_its_browser_and_waits_for_the_vendors_page(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *mine = visit(ASK_START, "mine", 1000), *other = visit(ASK_START, "other", 1000),
	            *newer = visit(ASK_START, "other", 1001);
	struct verification known = journey(one, STATE_QUEUED);
	redis_do(bench->redis, "SET verifyd:v:{%s} %s", one,
	         "{\"id\":\"v000000000000000000000A\",\"kind\":\"jumio.identity\",\"state\":\"queued\",\"rev\":1,"
	         "\"caller\":\"b2c\",\"question\":\"person\",\"attempts\":0,\"replays\":0,\"sealed\":\"early\"}");
	submit(bench, mine, WAIT_LEFT_QUEUED, WAIT_MS);
	assert_false(comes_back(mine, 300));
	expect_now(bench, other, OUTCOME_OTHER_BROWSER);
	known.state = STATE_AWAITING_USER;
	store(bench, &known, true);
	expect(mine, OUTCOME_STATE);
	assert_string_equal(mine->ask.texts.link, "link-text");
	assert_string_equal(mine->ask.texts.sealed, "sealed-text");
	expect_now(bench, newer, OUTCOME_STATE); /* a new ticket of the same journey */
	assert_int_equal(newer->ask.state.state, STATE_AWAITING_USER);
	assert_string_equal(newer->ask.texts.link, "link-text");
	assert_int_equal(produced(bench, retrievals), 0);
	call_free(mine);
	call_free(other);
	call_free(newer);
}

static void a_return_is_noted_once_and_the_person_goes_on(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	static const struct {
		enum state state;
		int64_t returned_ms;
		int produced;
	} rows[] = {
	        {STATE_QUEUED, 0, 0},   {STATE_AWAITING_USER, 0, 1}, {STATE_CHECKING, 0, 1},
	        {STATE_CHECKING, 7, 0}, {STATE_COMPLETED, 7, 0},     {STATE_DEAD, 0, 0},
	};
	int sum = 0;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct call *call = visit(ASK_RETURN, "mine", 0);
		struct verification known = journey(one, rows[i].state);
		known.returned_ms = rows[i].returned_ms;
		store(bench, &known, false);
		expect_now(bench, call, OUTCOME_STATE);
		assert_int_equal(call->ask.state.state, rows[i].state);
		assert_string_equal(call->ask.texts.sealed, "sealed-text");
		assert_int_equal(produced(bench, retrievals), sum += rows[i].produced);
		call_free(call);
	}
}

static void a_returns_record_carries_the_state_and_why_it_was_made(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = visit(ASK_RETURN, "mine", 0);
	struct verification known = journey(one, STATE_AWAITING_USER), carried;
	struct request request = {0};
	strcpy(known.reference, guid);
	strcpy(call->ask.request.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	store(bench, &known, false);
	submit(bench, call, WAIT_FINAL, WAIT_MS); /* however long it may wait: no verdict is waited for */
	expect(call, OUTCOME_STATE);
	rd_kafka_message_t *record = newest(bench, retrievals);
	assert_true(record->key_len == strlen(one) && memcmp(record->key, one, strlen(one)) == 0);
	assert_header(record, HEADER_OP, "retrieve");
	assert_header(record, HEADER_CAUSE, "returned");
	assert_header(record, HEADER_SCHEMA, "1");
	assert_header(record, HEADER_ATTEMPT, "0");
	assert_header(record, HEADER_TRACEPARENT, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	assert_header(record, HEADER_DEADLINE, NULL);
	assert_int_equal(request_decode(record->payload, record->len, &request, NULL), ERR_OK);
	assert_string_equal(request.sealed, "sealed-text");
	assert_int_equal(retrieval_decode_state(record->payload, record->len, &carried, NULL), ERR_OK);
	assert_string_equal(carried.reference, guid);
	assert_int_equal(carried.state, STATE_AWAITING_USER);
	request_fini(&request);
	rd_kafka_message_destroy(record);
	call_free(call);
}

static void a_return_is_its_browsers_unless_nobody_knows_whose_it_is(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *opens = visit(ASK_START, "mine", 1000), *other = visit(ASK_RETURN, "other", 0),
	            *mine = visit(ASK_RETURN, "mine", 0), *forgotten = visit(ASK_RETURN, "other", 0);
	struct verification known = journey(one, STATE_AWAITING_USER);
	store(bench, &known, false);
	expect_now(bench, opens, OUTCOME_STATE);
	expect_now(bench, other, OUTCOME_OTHER_BROWSER);
	assert_int_equal(produced(bench, retrievals), 0);
	expect_now(bench, mine, OUTCOME_STATE);
	redis_do(bench->redis, "DEL verifyd:browser:{%s}", one);
	expect_now(bench, forgotten, OUTCOME_STATE);
	call_free(opens);
	call_free(other);
	call_free(mine);
	call_free(forgotten);
}

static void a_return_that_kafka_has_not_taken_in_time_is_told_so_whatever_is_heard_meanwhile(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = visit(ASK_RETURN, "mine", 0);
	struct verification known = journey(one, STATE_AWAITING_USER);
	store(bench, &known, false);
	rd_kafka_mock_broker_set_rtt(bench->cluster, 1, 1500);
	submit(bench, call, WAIT_FINAL, 500);
	known.state = STATE_COMPLETED;
	assert_false(comes_back(call, 200));
	store(bench, &known, true);
	expect(call, OUTCOME_QUEUE_AWAY);
	rd_kafka_mock_broker_set_rtt(bench->cluster, 1, 0);
	call_free(call);
}

/* ---- the vendor ---- */

static int64_t counted(struct desk_bench *bench, const char *what)
{
	char label[32];
	snprintf(label, sizeof label, "what=\"%s\"", what);
	return metric_value(metrics_counter(bench->metrics, "verifyd_callbacks", label, ""));
}

static void call_back(struct desk_bench *bench, const char *id, const char *reference, enum outcome outcome)
{
	struct call *call = call_new(ASK_CALLBACK, id);
	call->ask.request.kind = (enum kind)0; /* the vendor does not say */
	call->ask.request.caller[0] = call->ask.request.question[0] = '\0';
	strcpy(call->ask.reference, reference);
	expect_now(bench, call, outcome);
	call_free(call);
}

static void a_callback_leads_to_a_look_unless_it_is_about_nothing_that_can_still_change(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct verification known = journey(one, STATE_AWAITING_USER);
	char upper[] = "0F3C2B1A-0000-4000-8000-00000000000E";
	strcpy(known.reference, guid);
	store(bench, &known, false);
	redis_do(bench->redis, "SET verifyd:ref:jumio:0f3c2b1a-0000-4000-8000-00000000000e %s", one);
	call_back(bench, one, "", OUTCOME_STATE);
	call_back(bench, one, upper, OUTCOME_STATE);
	call_back(bench, "", guid, OUTCOME_STATE);
	assert_int_equal(counted(bench, "taken"), 3);
	assert_int_equal(produced(bench, retrievals), 3);
	rd_kafka_message_t *record = newest(bench, retrievals);
	assert_header(record, HEADER_CAUSE, "callback");
	rd_kafka_message_destroy(record);
	call_back(bench, one, other_guid, OUTCOME_STATE);
	assert_int_equal(counted(bench, "orphan"), 1);
	call_back(bench, two, guid, OUTCOME_NOT_FOUND);
	call_back(bench, "", other_guid, OUTCOME_NOT_FOUND);
	assert_int_equal(counted(bench, "unknown"), 2);
	known.state = STATE_COMPLETED;
	store(bench, &known, false);
	call_back(bench, one, guid, OUTCOME_STATE);
	known.state = STATE_ERASED;
	store(bench, &known, false);
	call_back(bench, one, guid, OUTCOME_STATE);
	assert_int_equal(counted(bench, "finished"), 2);
	assert_int_equal(produced(bench, retrievals), 3);
	known.state = STATE_DEAD;
	store(bench, &known, false);
	call_back(bench, one, guid, OUTCOME_STATE); /* it may revive it */
	assert_int_equal(produced(bench, retrievals), 4);
	known.kind = KIND_BIOCATCH_SCORE;
	store(bench, &known, false);
	call_back(bench, one, "", OUTCOME_NOT_FOUND);
	redis_do(bench->redis, "DEL verifyd:epoch");
	call_back(bench, two, guid, OUTCOME_CACHE_AWAY);
	assert_int_equal(counted(bench, "failed"), 1);
}

/* ---- adoption ---- */

static struct call *adopt(const char *question)
{
	struct call *call = call_new(ASK_ADOPT, two);
	strcpy(call->ask.reference, guid);
	strcpy(call->ask.request.question, question);
	return call;
}

static void a_reference_that_nobody_knows_is_checked_under_its_own_id(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = adopt("person"), *again = adopt("person"), *stranger = adopt("other");
	struct verification known, carried;
	struct verification_texts texts;
	struct person person;
	submit(bench, call, WAIT_SETTLED, WAIT_MS);
	assert_false(comes_back(call, 300));
	assert_true(is_stored(bench, two, &known, &texts));
	assert_int_equal(known.state, STATE_CHECKING);
	assert_true(known.adopted && known.rev == 1 && known.checking_ms == known.created_ms);
	assert_string_equal(known.reference, guid);
	assert_int_equal(person_open(bench->ring, two, texts.sealed, strlen(texts.sealed), &person, NULL), ERR_OK);
	person_fini(&person);
	verification_texts_fini(&texts);
	rd_kafka_message_t *record = newest(bench, retrievals);
	assert_header(record, HEADER_CAUSE, "adopted");
	assert_int_equal(retrieval_decode_state(record->payload, record->len, &carried, NULL), ERR_OK);
	assert_string_equal(carried.reference, guid);
	assert_true(carried.adopted && carried.checking_ms == known.checking_ms);
	rd_kafka_message_destroy(record);
	expect_now(bench, again, OUTCOME_STATE);
	expect_now(bench, stranger, OUTCOME_NOT_FOUND);
	assert_int_equal(produced(bench, retrievals), 1);
	known.state = STATE_COMPLETED;
	known.rev = 2;
	store(bench, &known, true);
	expect(call, OUTCOME_STATE);
	assert_int_equal(call->ask.state.state, STATE_COMPLETED);
	call_free(call);
	call_free(again);
	call_free(stranger);
}

static void a_reference_of_ours_is_read_under_its_id_and_for_its_person_only(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = adopt("person"), *stranger = adopt("other");
	struct verification known = journey(one, STATE_COMPLETED);
	store(bench, &known, false);
	redis_do(bench->redis, "SET verifyd:ref:jumio:0f3c2b1a-0000-4000-8000-00000000000e %s", one);
	expect_now(bench, call, OUTCOME_STATE);
	assert_string_equal(call->ask.request.id, one);
	expect_now(bench, stranger, OUTCOME_NOT_FOUND);
	assert_int_equal(produced(bench, retrievals), 0);
	call_free(call);
	call_free(stranger);
}

static void nothing_is_adopted_while_the_cache_is_filled(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = adopt("person");
	redis_do(bench->redis, "DEL verifyd:epoch");
	expect_now(bench, call, OUTCOME_CACHE_AWAY);
	assert_int_equal(produced(bench, retrievals), 0);
	call_free(call);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_DESK(a_state_is_read_by_its_caller_and_for_its_person_only),
	        WITH_DESK(what_nobody_knows_is_not_found_only_while_the_cache_is_whole),
	        WITH_DESK(without_redis_every_visit_says_so),
	        WITH_DESK(what_was_accepted_while_redis_was_away_is_not_said_to_be_unknown),
	        WITH_DESK(who_waits_for_a_verdict_is_not_woken_by_less),
	        WITH_DESK(a_start_binds_its_browser_and_waits_for_the_vendors_page),
	        WITH_DESK(a_return_is_noted_once_and_the_person_goes_on),
	        WITH_DESK(a_returns_record_carries_the_state_and_why_it_was_made),
	        WITH_DESK(a_return_is_its_browsers_unless_nobody_knows_whose_it_is),
	        WITH_DESK(a_return_that_kafka_has_not_taken_in_time_is_told_so_whatever_is_heard_meanwhile),
	        WITH_DESK(a_callback_leads_to_a_look_unless_it_is_about_nothing_that_can_still_change),
	        WITH_DESK(a_reference_that_nobody_knows_is_checked_under_its_own_id),
	        WITH_DESK(a_reference_of_ours_is_read_under_its_id_and_for_its_person_only),
	        WITH_DESK(nothing_is_adopted_while_the_cache_is_filled),
	};
	return cmocka_run_group_tests(tests, start_all, stop_all);
}
