/* desk: scores and journeys, from the ask to the record in Kafka and the answer, with all that may be away in between.
 */
#include "ingress/fleet.h"
#include "tests/unit/desk_fixture.h"

static const char one[] = "v000000000000000000000A", two[] = "v000000000000000000000B",
                  three[] = "v000000000000000000000C";

/* ---- a journey of its own ---- */

static void a_first_journey_is_produced_made_known_and_answered_when_it_has_left_queued(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = call_new(ASK_JOURNEY, one);
	struct verification queued;
	struct verification_texts texts;
	struct person person;
	strcpy(call->ask.request.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	submit(bench, call, WAIT_LEFT_QUEUED, WAIT_MS);
	assert_false(comes_back(call, 400));
	assert_int_equal(produced(bench, initiates), 1);
	rd_kafka_message_t *record = newest(bench, initiates);
	assert_true(record->key_len == strlen(one) && memcmp(record->key, one, strlen(one)) == 0);
	assert_header(record, HEADER_OP, "initiate");
	assert_header(record, HEADER_ATTEMPT, "0");
	assert_header(record, HEADER_TRACEPARENT, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	assert_header(record, HEADER_CAUSE, NULL);
	rd_kafka_message_destroy(record);
	assert_true(is_stored(bench, one, &queued, &texts)); /* with its person, sealed */
	assert_int_equal(queued.state, STATE_QUEUED);
	assert_int_equal(person_open(bench->ring, one, texts.sealed, strlen(texts.sealed), &person, NULL), ERR_OK);
	assert_string_equal(person.field[REQUEST_FIELD_SUBJECT], "subject-of-the-test");
	person_fini(&person);
	verification_texts_fini(&texts);
	struct verification awaiting = journey(one, STATE_AWAITING_USER);
	store(bench, &awaiting, true);
	expect(call, OUTCOME_STATE);
	assert_int_equal(call->ask.state.state, STATE_AWAITING_USER);
	call_free(call);
}

static void the_same_journey_again_changes_nothing(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *waits = call_new(ASK_JOURNEY, one), *goes = call_new(ASK_JOURNEY, one);
	struct verification known = journey(one, STATE_QUEUED);
	store(bench, &known, false);
	submit(bench, waits, WAIT_LEFT_QUEUED, WAIT_MS);
	assert_false(comes_back(waits, 300));
	known = journey(one, STATE_DEAD);
	store(bench, &known, false); /* not told: it is read again */
	expect(waits, OUTCOME_STATE);
	assert_int_equal(waits->ask.state.state, STATE_DEAD);
	expect_now(bench, goes, OUTCOME_STATE);
	assert_int_equal(produced(bench, initiates), 0);
	call_free(waits);
	call_free(goes);
}

static void a_call_whose_time_is_up_is_told_what_is_known(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = call_new(ASK_JOURNEY, one);
	int64_t began = clock_mono_ms();
	submit(bench, call, WAIT_LEFT_QUEUED, 300);
	expect(call, OUTCOME_STATE);
	assert_in_range(clock_mono_ms() - began, 300, WAIT_MS);
	assert_int_equal(call->ask.state.state, STATE_QUEUED);
	call_free(call);
}

/* ---- joining ---- */

static enum err_code write_joined(struct ask *ask)
{
	char *subject = ask->person.memory;
	subject[0] = 'S';
	assert_string_equal(ask->request.id, one);
	return ERR_OK;
}

static void expect_joined_record(struct desk_bench *bench)
{
	struct request request = {0};
	struct person person;
	rd_kafka_message_t *record = newest(bench, initiates);
	assert_int_equal(request_decode(record->payload, record->len, &request, NULL), ERR_OK);
	assert_string_equal(request.id, one);
	assert_int_equal(request_open(&request, bench->ring, &person, NULL), ERR_OK);
	assert_string_equal(person.field[REQUEST_FIELD_SUBJECT], "Subject-of-the-test");
	person_fini(&person);
	request_fini(&request);
	rd_kafka_message_destroy(record);
}

static void a_persons_next_journey_joins_the_unfinished_one_and_hands_it_its_fields(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = call_new(ASK_JOURNEY, two);
	struct verification awaiting = journey(one, STATE_AWAITING_USER), unused;
	redis_do(bench->redis, "HSET verifyd:s:person %s 5", one);
	store(bench, &awaiting, false);
	call->ask.on_joined = write_joined;
	submit(bench, call, WAIT_LEFT_QUEUED, WAIT_MS);
	expect(call, OUTCOME_STATE);
	assert_string_equal(call->ask.request.id, one);
	assert_int_equal(call->ask.state.state, STATE_AWAITING_USER);
	assert_int_equal(produced(bench, initiates), 1);
	expect_joined_record(bench);
	assert_false(is_stored(bench, two, &unused, NULL));
	call_free(call);
}

static void who_joins_one_that_is_queued_or_not_yet_known_waits_for_it(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct verification queued = journey(one, STATE_QUEUED), awaiting = journey(one, STATE_AWAITING_USER), unused;
	awaiting.rev = 3;
	redis_do(bench->redis, "HSET verifyd:s:person %s 5", one);
	for (int known = 0; known < 2; known++) {
		struct call *call = call_new(ASK_JOURNEY, two);
		redis_do(bench->redis, "DEL verifyd:v:{%s}", one);
		if (known)
			store(bench, &queued, false);
		submit(bench, call, WAIT_LEFT_QUEUED, WAIT_MS);
		assert_false(comes_back(call, 300));
		/* what Kafka has accepted is known, also when the one who claimed it never got that far */
		assert_true(is_stored(bench, one, &unused, NULL));
		store(bench, &awaiting, true);
		expect(call, OUTCOME_STATE);
		assert_string_equal(call->ask.state.id, one);
		call_free(call);
	}
	assert_int_equal(produced(bench, initiates), 2);
}

static void who_joins_is_not_answered_before_kafka_has_its_fields(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *late = call_new(ASK_JOURNEY, two), *never = call_new(ASK_JOURNEY, three);
	struct verification awaiting = journey(one, STATE_AWAITING_USER);
	redis_do(bench->redis, "HSET verifyd:s:person %s 5", one);
	store(bench, &awaiting, false);
	rd_kafka_mock_broker_set_rtt(bench->cluster, 1, 600);
	submit(bench, late, WAIT_LEFT_QUEUED, WAIT_MS);
	assert_false(comes_back(late, 200));
	awaiting.rev++;
	store(bench, &awaiting, true);
	assert_false(comes_back(late, 150));
	expect(late, OUTCOME_STATE);
	assert_int_equal(late->ask.state.rev, awaiting.rev);
	submit(bench, never, WAIT_LEFT_QUEUED, 200); /* time is up first */
	expect(never, OUTCOME_QUEUE_AWAY);
	rd_kafka_mock_broker_set_rtt(bench->cluster, 1, 0);
	call_free(late);
	call_free(never);
}

static void a_journey_follows_one_that_has_ended_until_the_days_number_is_reached(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *follows = call_new(ASK_JOURNEY, two), *is_one_too_many = call_new(ASK_JOURNEY, three);
	struct verification ended = journey(one, STATE_COMPLETED);
	redis_do(bench->redis, "HSET verifyd:s:person %s %lld", one, (long long)clock_unix_ms());
	store(bench, &ended, false);
	expect_now(bench, follows, OUTCOME_STATE);
	assert_string_equal(follows->ask.state.id, two);
	assert_int_equal(follows->ask.state.state, STATE_QUEUED);
	ended = journey(two, STATE_DEAD);
	store(bench, &ended, false);
	expect_now(bench, is_one_too_many, OUTCOME_TOO_MANY);
	assert_int_equal(produced(bench, initiates), 1);
	call_free(follows);
	call_free(is_one_too_many);
}

/* ---- what is away ---- */

static void while_the_cache_is_filled_a_journey_is_put_aside_and_then_joins(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = call_new(ASK_JOURNEY, two);
	struct verification awaiting = journey(one, STATE_AWAITING_USER);
	redis_do(bench->redis, "DEL verifyd:epoch");
	submit(bench, call, WAIT_LEFT_QUEUED, WAIT_MS);
	assert_false(comes_back(call, 400));
	assert_int_equal(produced(bench, initiates), 0);
	store(bench, &awaiting, false);
	redis_do(bench->redis, "HSET verifyd:s:person %s 5", one);
	redis_do(bench->redis, "SET verifyd:epoch filled");
	expect(call, OUTCOME_STATE);
	assert_string_equal(call->ask.state.id, one);
	assert_string_equal(call->ask.request.id, one);
	call_free(call);
}

static void when_filling_takes_longer_than_its_time_a_journey_is_produced_under_its_own_id(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = call_new(ASK_JOURNEY, two);
	redis_do(bench->redis, "HSET verifyd:s:person %s 5", one);
	redis_do(bench->redis, "DEL verifyd:epoch");
	submit(bench, call, WAIT_LEFT_QUEUED, 1500);
	expect(call, OUTCOME_STATE);
	assert_int_equal(produced(bench, initiates), 1);
	assert_string_equal(call->ask.state.id, two);
	assert_int_equal(call->ask.state.state, STATE_QUEUED);
	call_free(call);
}

static void without_redis_a_journey_is_accepted_and_made_known_when_it_is_back(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = call_new(ASK_JOURNEY, one), *score = call_new(ASK_NEW, two);
	struct verification known;
	struct verification_texts texts;
	score->ask.request.kind = KIND_BIOCATCH_SCORE;
	redis_kill(bench->redis);
	await_desk(bench, false);
	submit(bench, call, WAIT_LEFT_QUEUED, WAIT_MS);
	submit(bench, score, WAIT_FINAL, WAIT_MS);
	expect(call, OUTCOME_CACHE_AWAY);
	expect(score, OUTCOME_CACHE_AWAY);
	assert_int_equal(produced(bench, initiates), 1);
	assert_int_equal(produced(bench, scores), 1);
	redis_start(bench->redis);
	await_desk(bench, true);
	for (int i = 0; i < 500 && !is_stored(bench, one, &known, NULL); i++)
		usleep(10000);
	assert_true(is_stored(bench, one, &known, &texts));
	assert_non_null(texts.sealed);
	verification_texts_fini(&texts);
	assert_true(is_stored(bench, two, &known, &texts));
	assert_null(texts.sealed); /* a score is shown to nobody by name */
	call_free(call);
	call_free(score);
}

static void a_redis_that_hangs_holds_a_journey_up_for_a_moment_only(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = call_new(ASK_JOURNEY, one);
	int64_t began = clock_mono_ms();
	kill(bench->redis->server, SIGSTOP);
	submit(bench, call, WAIT_LEFT_QUEUED, WAIT_MS);
	expect(call, OUTCOME_CACHE_AWAY);
	int64_t took = clock_mono_ms() - began;
	kill(bench->redis->server, SIGCONT);
	assert_in_range(took, 900, WAIT_MS - 500);
	call_free(call);
}

static void what_kafka_has_not_taken_when_time_is_up_is_not_accepted(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *call = call_new(ASK_JOURNEY, one);
	int64_t began = clock_mono_ms();
	rd_kafka_mock_broker_set_rtt(bench->cluster, 1, 4000);
	submit(bench, call, WAIT_LEFT_QUEUED, 500);
	expect(call, OUTCOME_QUEUE_AWAY);
	assert_in_range(clock_mono_ms() - began, 500, 3900);
	rd_kafka_mock_broker_set_rtt(bench->cluster, 1, 0);
	call_free(call);
}

static void a_desk_that_closes_hands_back_what_it_has_in_hand(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *asks_redis = call_new(ASK_JOURNEY, one), *waits = call_new(ASK_READ, two),
	            *late = call_new(ASK_READ, two);
	struct verification queued = journey(two, STATE_QUEUED);
	store(bench, &queued, false);
	submit(bench, waits, WAIT_FINAL, 60000);
	assert_false(comes_back(waits, 200));
	kill(bench->redis->server, SIGSTOP);
	submit(bench, asks_redis, WAIT_FINAL, 60000);
	assert_false(comes_back(asks_redis, 100));
	struct desk *desk = bench->desk;
	kill(getpid(), SIGTERM);
	pthread_join(bench->thread, NULL);
	desk_close(desk);
	expect(waits, OUTCOME_STATE);
	expect(asks_redis, OUTCOME_QUEUE_AWAY);
	desk_submit(desk, &late->ask);
	expect(late, OUTCOME_QUEUE_AWAY);
	desk_free(desk);
	bench->desk = NULL;
	kill(bench->redis->server, SIGCONT);
	call_free(asks_redis);
	call_free(waits);
	call_free(late);
}

/* ---- scores ---- */

static struct call *score_call(const char *id)
{
	struct call *call = call_new(ASK_NEW, id);
	call->ask.request.kind = KIND_BIOCATCH_SCORE;
	return call;
}

static void a_score_is_joined_by_the_same_question_also_while_the_cache_is_filled(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *first = score_call(one), *joins = score_call(two);
	submit(bench, first, WAIT_FINAL, WAIT_MS);
	assert_false(comes_back(first, 300));
	redis_do(bench->redis, "DEL verifyd:epoch verifyd:v:{%s}", one); /* the claim is there, its state is not */
	submit(bench, joins, WAIT_FINAL, WAIT_MS);
	assert_false(comes_back(joins, 300));
	struct verification score = score_of(one);
	store(bench, &score, true);
	expect(first, OUTCOME_STATE);
	expect(joins, OUTCOME_STATE);
	assert_string_equal(joins->ask.state.id, one);
	assert_int_equal(joins->ask.state.score, 7);
	assert_int_equal(produced(bench, scores), 2); /* the second under the first's id: the worker asks once */
	call_free(first);
	call_free(joins);
}

/* ---- a vendor that is left alone ---- */

/* Until the desk has heard whether the vendor is left alone. */
static void await_breaker(struct desk_bench *bench, bool is_open)
{
	int64_t until = clock_mono_ms() + AWAIT_MS;
	for (bool is_down = !is_open; is_down != is_open;) {
		struct call *call = score_call(one);
		call->ask.unless_down = true;
		assert_true(clock_mono_ms() < until);
		submit(bench, call, WAIT_FINAL, 50);
		assert_true(comes_back(call, AWAIT_MS));
		is_down = call->ask.outcome == OUTCOME_VENDOR_DOWN;
		call_free(call);
	}
}

static void who_would_wait_for_a_vendor_that_is_left_alone_is_told_at_once_but_one_a_second(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	int64_t began = clock_mono_ms();
	redis_do(bench->redis, "HSET verifyd:breaker:biocatch score %s", "open 1 2 timeout");
	redis_do(bench->redis, "HSET verifyd:breaker:jumio initiate %s", "open 1 2 timeout");
	await_breaker(bench, true);
	int64_t before = produced(bench, scores);
	for (int i = 0; i < 12; i++) {
		struct call *call = score_call(one);
		call->ask.unless_down = true;
		submit(bench, call, WAIT_FINAL, WAIT_MS);
		assert_true(comes_back(call, WAIT_MS - 1000)); /* it is not held */
		assert_int_equal(call->ask.outcome, OUTCOME_VENDOR_DOWN);
		call_free(call);
		usleep(100 * 1000);
	}
	usleep(500 * 1000);
	int64_t seconds = (clock_mono_ms() - began) / FLEET_TRY_MS;
	assert_in_range(produced(bench, scores), 1, before + 2 + seconds);
	struct call *accepted = call_new(ASK_JOURNEY, two), *kept = score_call(three);
	submit(bench, accepted, WAIT_LEFT_QUEUED, WAIT_MS);
	assert_true(comes_back(accepted, WAIT_MS - 1000));
	assert_int_equal(accepted->ask.outcome, OUTCOME_STATE);
	assert_int_equal(produced(bench, initiates), 1);
	submit(bench, kept, WAIT_FINAL, WAIT_MS); /* one that does not mind */
	assert_false(comes_back(kept, 300));
	redis_do(bench->redis, "DEL verifyd:breaker:biocatch verifyd:breaker:jumio");
	await_breaker(bench, false);
	struct call *waits = score_call(two);
	waits->ask.unless_down = true;
	submit(bench, waits, WAIT_FINAL, 1000);
	assert_false(comes_back(waits, 200));
	expect(waits, OUTCOME_STATE);
	struct verification score = score_of(one);
	store(bench, &score, true);
	expect(kept, OUTCOME_STATE);
	call_free(accepted);
	call_free(kept);
	call_free(waits);
}

/* ---- too much ---- */

static void while_kafka_is_slow_who_comes_is_told_at_once_but_for_one_who_looks(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	struct call *slow = score_call(one), *looks = score_call(two), *refused = score_call(three),
	            *late = score_call("v000000000000000000000D");
	strcpy(looks->ask.request.question, "q2");
	strcpy(refused->ask.request.question, "q3");
	strcpy(late->ask.request.question, "q4");
	rd_kafka_mock_broker_set_rtt(bench->cluster, 1, 4000);
	submit(bench, slow, WAIT_FINAL, 0);
	assert_false(comes_back(slow, 1200)); /* longer than QUEUE_SLOW_MS */
	submit(bench, looks, WAIT_FINAL, 0);
	submit(bench, refused, WAIT_FINAL, WAIT_MS);
	assert_true(comes_back(refused, 2500));
	expect(refused, OUTCOME_QUEUE_AWAY);
	assert_false(comes_back(looks, 100));
	rd_kafka_mock_broker_set_rtt(bench->cluster, 1, 0);
	expect(slow, OUTCOME_STATE); /* what was accepted goes on */
	expect(looks, OUTCOME_STATE);
	expect_now(bench, late, OUTCOME_STATE);
	assert_int_equal(produced(bench, scores), 3);
	call_free(slow);
	call_free(looks);
	call_free(refused);
	call_free(late);
}

static void who_has_left_waits_no_longer_and_the_others_do(void **state)
{
	struct desk_bench *bench = desk_bench_of(state);
	atomic_bool has_left = false, stays = false;
	struct call *leaves = score_call(one), *joins = score_call(two);
	leaves->ask.left = &has_left;
	joins->ask.left = &stays;
	submit(bench, leaves, WAIT_FINAL, WAIT_MS);
	submit(bench, joins, WAIT_FINAL, WAIT_MS);
	assert_false(comes_back(leaves, 600));
	atomic_store(&has_left, true);
	assert_true(comes_back(leaves, WAIT_MS / 2));
	assert_false(comes_back(joins, 600));
	struct verification score = score_of(one);
	store(bench, &score, true);
	expect(joins, OUTCOME_STATE);
	assert_int_equal(joins->ask.state.state, STATE_COMPLETED);
	call_free(leaves);
	call_free(joins);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_DESK(a_first_journey_is_produced_made_known_and_answered_when_it_has_left_queued),
	        WITH_DESK(the_same_journey_again_changes_nothing),
	        WITH_DESK(a_call_whose_time_is_up_is_told_what_is_known),
	        WITH_DESK(a_persons_next_journey_joins_the_unfinished_one_and_hands_it_its_fields),
	        WITH_DESK(who_joins_one_that_is_queued_or_not_yet_known_waits_for_it),
	        WITH_DESK(who_joins_is_not_answered_before_kafka_has_its_fields),
	        WITH_DESK(a_journey_follows_one_that_has_ended_until_the_days_number_is_reached),
	        WITH_DESK(while_the_cache_is_filled_a_journey_is_put_aside_and_then_joins),
	        WITH_DESK(when_filling_takes_longer_than_its_time_a_journey_is_produced_under_its_own_id),
	        WITH_DESK(without_redis_a_journey_is_accepted_and_made_known_when_it_is_back),
	        WITH_DESK(a_redis_that_hangs_holds_a_journey_up_for_a_moment_only),
	        WITH_DESK(what_kafka_has_not_taken_when_time_is_up_is_not_accepted),
	        WITH_DESK(a_desk_that_closes_hands_back_what_it_has_in_hand),
	        WITH_DESK(a_score_is_joined_by_the_same_question_also_while_the_cache_is_filled),
	        WITH_DESK(who_would_wait_for_a_vendor_that_is_left_alone_is_told_at_once_but_one_a_second),
	        WITH_DESK(while_kafka_is_slow_who_comes_is_told_at_once_but_for_one_who_looks),
	        WITH_DESK(who_has_left_waits_no_longer_and_the_others_do),
	};
	return cmocka_run_group_tests(tests, start_all, stop_all);
}
