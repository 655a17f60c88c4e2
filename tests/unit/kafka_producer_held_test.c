/* kafka_producer_send against librdkafka's in-process cluster: which messages are held, for how long, and what becomes
 * of them when their handle ends. */
#include "kafka_producer_bench.h"

static void messages_of_one_turn_go_together_at_its_end(void **state)
{
	struct bench *bench = bench_of(state);
	static struct sent sent[3];
	open_producer(bench, 5000, 10);
	struct kafka_producer *producer = bench->producer;
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_one(bench, "a", &sent[i]), ERR_OK);
	assert_int_equal(producer->current->unreported, 0);
	(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
	assert_int_equal(producer->current->unreported, 3);
	assert_true(list_is_empty(&producer->held.messages));
	assert_false(uv_is_active((uv_handle_t *)&producer->held.turn));
	await(bench, sent, 3);
	assert_int_equal(producer->current->unreported, 0);
	for (int i = 1; i < 3; i++)
		assert_int_equal(sent[i].offset, sent[i - 1].offset + 1);
}

static void a_message_that_is_alone_goes_at_once_however_soon_after_the_last(void **state)
{
	struct bench *bench = bench_of(state);
	static struct sent sent[5];
	open_producer(bench, 5000, 10);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(send_one(bench, "a", &sent[i]), ERR_OK);
		(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
		assert_true(list_is_empty(&bench->producer->held.messages));
		await(bench, &sent[i], 1);
	}
}

/* Sends until a message is held behind those that were not acked: each that is not held was handed over, so a machine
 * that is too slow for a moment only needs a further one. Returns how many were sent. */
static int send_until_held(struct bench *bench, struct sent *sent, int count)
{
	for (int i = 0; i < count; i++) {
		assert_int_equal(send_one(bench, "a", &sent[i]), ERR_OK);
		(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
		if (!list_is_empty(&bench->producer->held.messages))
			return i + 1;
	}
	fail_msg("none of %d was held", count);
	return 0;
}

static void what_is_held_counts_as_queued_and_goes_in_its_order(void **state)
{
	enum { MOST = 50, LATER = 3 };
	struct bench *bench = bench_of(state);
	static struct sent sent[MOST + LATER + 1];
	memset(sent, 0, sizeof sent);
	rd_kafka_mock_broker_set_down(bench->cluster, 1);
	open_producer(bench, 15000, MOST + LATER);
	struct kafka_producer *producer = bench->producer;
	int count = send_until_held(bench, sent, MOST);
	assert_true(count > 1); /* the first had none before it */
	assert_true(uv_is_active((uv_handle_t *)&producer->held.timer));
	assert_true(uv_timer_get_due_in(&producer->held.timer) <= 50);
	for (; kafka_producer_queued(producer) < MOST + LATER; count++)
		assert_int_equal(send_one(bench, "a", &sent[count]), ERR_OK);
	assert_int_equal(count, MOST + LATER);
	assert_true(producer->current->unreported < MOST + LATER);
	assert_int_equal(send_one(bench, "a", &sent[count]), ERR_LIMIT);
	rd_kafka_mock_broker_set_up(bench->cluster, 1);
	await(bench, sent, count);
	for (int i = 0; i < count; i++) {
		assert_int_equal(sent[i].calls, 1);
		assert_int_equal(sent[i].result, ERR_OK);
		assert_int_equal(sent[i].offset, i);
	}
	assert_int_equal(sent[count].calls, 0);
	assert_false(uv_is_active((uv_handle_t *)&producer->held.turn));
	assert_false(uv_is_active((uv_handle_t *)&producer->held.timer));
}

/* The broker does not ack for as long as this takes: what is held goes after a moment all the same. */
static void what_comes_before_an_ack_does_not_wait_for_it(void **state)
{
	struct bench *bench = bench_of(state);
	static struct sent sent[2];
	rd_kafka_mock_broker_set_down(bench->cluster, 1);
	open_producer(bench, 5000, 10);
	struct kafka_producer *producer = bench->producer;
	assert_int_equal(send_one(bench, "a", &sent[0]), ERR_OK);
	(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
	assert_int_equal(producer->current->unreported, 1);
	assert_int_equal(send_one(bench, "b", &sent[1]), ERR_OK);
	int64_t until = clock_mono_ms() + 20000;
	while (producer->current->unreported < 2 && clock_mono_ms() < until)
		(void)uv_run(&bench->loop, UV_RUN_ONCE);
	assert_int_equal(producer->current->unreported, 2);
	assert_int_equal(sent[0].calls, 0);
	rd_kafka_mock_broker_set_up(bench->cluster, 1);
	await(bench, sent, 2);
}

/* As if so many had gone in this very millisecond of the loop, all acked. Returns whether a message waits then. */
static bool waits_behind(struct bench *bench, size_t handed, struct sent *sent)
{
	struct kafka_producer *producer = bench->producer;
	uv_update_time(&bench->loop);
	producer->held.handed = handed;
	producer->held.handed_ms = uv_now(&bench->loop);
	assert_int_equal(send_one(bench, "a", sent), ERR_OK);
	(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
	bool waits = !list_is_empty(&producer->held.messages);
	assert_int_equal(producer->current->unreported, waits ? 0 : 1);
	assert_int_equal(uv_is_active((uv_handle_t *)&producer->held.timer), waits);
	assert_true(!waits || uv_timer_get_due_in(&producer->held.timer) <= 1);
	await(bench, sent, 1);
	assert_int_equal(sent->calls, 1);
	assert_int_equal(sent->result, ERR_OK);
	return waits;
}

/* The millisecond may be over before the turn is: then it is tried again. */
static void after_a_crowd_the_next_ones_wait_for_the_next_millisecond(void **state)
{
	enum { TRIES = 100 };
	struct bench *bench = bench_of(state);
	static struct sent sent[2 * TRIES];
	bool waited = false;
	open_producer(bench, 5000, 10);
	for (int i = 0; i < TRIES && !waited; i++)
		waited = waits_behind(bench, PRODUCER_CROWD, &sent[i]);
	assert_true(waited);
	for (int i = TRIES; i < TRIES + 10; i++)
		assert_false(waits_behind(bench, PRODUCER_CROWD - 1, &sent[i]));
}

/* Held ones never came to librdkafka, so nobody but the producer can report them. */
static void what_is_held_when_its_handle_is_retired_is_reported_once_and_at_once(void **state)
{
	enum { GIVEN = 2, ALL = 5 };
	struct bench *bench = bench_of(state);
	static struct sent sent[ALL], again;
	rd_kafka_mock_broker_set_down(bench->cluster, 1);
	open_producer(bench, 15000, 10);
	struct kafka_producer *producer = bench->producer;
	struct handle *handle = producer->current;
	for (int i = 0; i < GIVEN; i++)
		assert_int_equal(send_one(bench, "a", &sent[i]), ERR_OK);
	(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
	assert_int_equal(handle->unreported, GIVEN);
	assert_int_equal(rd_kafka_test_fatal_error(handle->rk, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "test"),
	                 RD_KAFKA_RESP_ERR_NO_ERROR);
	for (int i = GIVEN; i < ALL; i++)
		assert_int_equal(send_one(bench, "a", &sent[i]), ERR_OK);
	producer_rebuild_soon(handle); /* as librdkafka's word of it does, and before the end of this turn */
	producer->build_at_ms = uv_now(&bench->loop) + 500; /* there is no handle for a while */
	kafka_wake_clear(handle->fd);
	for (int i = 0; i < 2; i++) /* libuv 1.45 and later runs timers after it has polled */
		(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
	assert_true(producer->current != handle);
	assert_true(list_is_empty(&producer->held.messages));
	assert_false(uv_is_active((uv_handle_t *)&producer->held.turn));
	for (int i = GIVEN; i < ALL; i++)
		assert_int_equal(sent[i].calls, 1);
	await(bench, sent, ALL);
	rd_kafka_mock_broker_set_up(bench->cluster, 1);
	int64_t until = clock_mono_ms() + 10000;
	while (send_one(bench, "a", &again) != ERR_OK && clock_mono_ms() < until)
		(void)uv_run(&bench->loop, UV_RUN_ONCE);
	await(bench, &again, 1);
	assert_int_equal(again.result, ERR_OK);
	for (int i = 0; i < ALL; i++) {
		assert_int_equal(sent[i].calls, 1);
		assert_int_equal(sent[i].result, ERR_UNAVAILABLE);
	}
	assert_int_equal(kafka_producer_queued(producer), 0);
}

static void closing_still_sends_what_is_held(void **state)
{
	struct bench *bench = bench_of(state);
	static struct sent sent[3];
	open_producer(bench, 20000, 10);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_one(bench, "a", &sent[i]), ERR_OK);
	assert_int_equal(bench->producer->current->unreported, 0);
	kafka_producer_close(bench->producer, 20000);
	bench->producer = NULL;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sent[i].calls, 1);
		assert_int_equal(sent[i].result, ERR_OK);
		assert_int_equal(sent[i].offset, i);
	}
}

int main(void)
{
	log_init("kafka_producer_held_test", LOG_ERROR);
	const struct CMUnitTest tests[] = {
	        RULE(messages_of_one_turn_go_together_at_its_end),
	        RULE(a_message_that_is_alone_goes_at_once_however_soon_after_the_last),
	        RULE(what_is_held_counts_as_queued_and_goes_in_its_order),
	        RULE(what_comes_before_an_ack_does_not_wait_for_it),
	        RULE(after_a_crowd_the_next_ones_wait_for_the_next_millisecond),
	        RULE(what_is_held_when_its_handle_is_retired_is_reported_once_and_at_once),
	        RULE(closing_still_sends_what_is_held),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
