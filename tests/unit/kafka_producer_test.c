/* kafka_producer against librdkafka's in-process cluster: what is promised about deliveries. */
#include "kafka_producer_bench.h"

static void every_message_is_reported_once_and_stands_in_its_keys_partition(void **state)
{
	struct bench *bench = bench_of(state);
	static struct sent sent[200];
	char key[16];
	memset(sent, 0, sizeof sent);
	open_producer(bench, 5000, 1000);
	for (int i = 0; i < 200; i++) {
		(void)snprintf(key, sizeof key, "v%d", i);
		assert_int_equal(send_one(bench, key, &sent[i]), ERR_OK);
		assert_int_equal(sent[i].calls, 0);
	}
	assert_int_equal(kafka_producer_queued(bench->producer), 200);
	await(bench, sent, 200);
	assert_int_equal(kafka_producer_queued(bench->producer), 0);
	for (int i = 0; i < 200; i++) {
		(void)snprintf(key, sizeof key, "v%d", i);
		assert_int_equal(sent[i].calls, 1);
		assert_int_equal(sent[i].result, ERR_OK);
		assert_int_equal(sent[i].partition, kafka_partition(key, strlen(key), PARTITIONS));
		assert_true(sent[i].offset >= 0);
	}
}

static void a_topics_partitions_are_known_after_a_message_to_it(void **state)
{
	struct bench *bench = bench_of(state);
	struct sent sent = {.calls = 0};
	open_producer(bench, 5000, 10);
	assert_int_equal(kafka_producer_partitions(bench->producer, "work"), 0);
	assert_int_equal(send_one(bench, "a", &sent), ERR_OK);
	await(bench, &sent, 1);
	assert_int_equal(kafka_producer_partitions(bench->producer, "work"), PARTITIONS);
	assert_int_equal(kafka_producer_partitions(bench->producer, "other"), 0);
}

static void one_more_than_the_queue_holds_is_refused_and_not_reported(void **state)
{
	struct bench *bench = bench_of(state);
	static struct sent sent[3];
	memset(sent, 0, sizeof sent);
	rd_kafka_mock_broker_set_down(bench->cluster, 1);
	open_producer(bench, 5000, 2);
	assert_int_equal(send_one(bench, "a", &sent[0]), ERR_OK);
	assert_int_equal(send_one(bench, "b", &sent[1]), ERR_OK);
	assert_int_equal(send_one(bench, "c", &sent[2]), ERR_LIMIT);
	rd_kafka_mock_broker_set_up(bench->cluster, 1);
	await(bench, sent, 2);
	assert_int_equal(sent[0].result, ERR_OK);
	assert_int_equal(sent[2].calls, 0);
}

static void a_dead_broker_ends_in_a_timeout_and_a_revived_one_is_noticed(void **state)
{
	struct bench *bench = bench_of(state);
	struct sent sent[1] = {0}, again[1] = {0};
	rd_kafka_mock_broker_set_down(bench->cluster, 1);
	open_producer(bench, 1000, 10);
	assert_int_equal(send_one(bench, "a", &sent[0]), ERR_OK);
	await(bench, sent, 1);
	assert_int_equal(sent[0].calls, 1);
	assert_int_equal(sent[0].result, ERR_TIMEOUT);
	assert_false(kafka_producer_is_up(bench->producer));
	rd_kafka_mock_broker_set_up(bench->cluster, 1);
	int64_t until = clock_mono_ms() + 15000;
	while (!kafka_producer_is_up(bench->producer) && clock_mono_ms() < until)
		(void)uv_run(&bench->loop, UV_RUN_ONCE);
	assert_true(kafka_producer_is_up(bench->producer)); /* nothing was sent meanwhile */
	assert_int_equal(send_one(bench, "a", &again[0]), ERR_OK);
	await(bench, again, 1);
	assert_int_equal(again[0].result, ERR_OK);
}

static void errors_that_pass_are_retried_without_loss_or_double(void **state)
{
	struct bench *bench = bench_of(state);
	static struct sent sent[100];
	static bool seen[PARTITIONS][100];
	char key[16];
	memset(sent, 0, sizeof sent);
	rd_kafka_mock_push_request_errors(bench->cluster, API_PRODUCE, 3, RD_KAFKA_RESP_ERR__TRANSPORT,
	                                  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
	                                  RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
	open_producer(bench, 15000, 1000);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(key, sizeof key, "v%d", i);
		assert_int_equal(send_one(bench, key, &sent[i]), ERR_OK);
	}
	await(bench, sent, 100);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(sent[i].calls, 1);
		assert_int_equal(sent[i].result, ERR_OK);
		assert_in_range(sent[i].offset, 0, 99);
		assert_false(seen[sent[i].partition][sent[i].offset]);
		seen[sent[i].partition][sent[i].offset] = true;
	}
}

static void after_a_fatal_error_all_is_reported_and_a_new_handle_sends(void **state)
{
	struct bench *bench = bench_of(state);
	static struct sent sent[20], again[1];
	char key[16];
	memset(sent, 0, sizeof sent);
	memset(again, 0, sizeof again);
	rd_kafka_mock_push_request_errors(bench->cluster, API_INIT_PRODUCER_ID, 1,
	                                  RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
	open_producer(bench, 15000, 1000);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(key, sizeof key, "v%d", i);
		assert_int_equal(send_one(bench, key, &sent[i]), ERR_OK);
	}
	await(bench, sent, 20);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(sent[i].calls, 1);
		assert_int_equal(sent[i].result, ERR_UNAVAILABLE);
	}
	int64_t until = clock_mono_ms() + 10000;
	while (send_one(bench, "again", &again[0]) != ERR_OK && clock_mono_ms() < until)
		(void)uv_run(&bench->loop, UV_RUN_ONCE);
	await(bench, again, 1);
	assert_int_equal(again[0].result, ERR_OK);
	for (int i = 0; i < 20; i++)
		assert_int_equal(sent[i].calls, 1);
}

static void closing_reports_what_could_not_be_sent(void **state)
{
	struct bench *bench = bench_of(state);
	static struct sent sent[5];
	memset(sent, 0, sizeof sent);
	rd_kafka_mock_broker_set_down(bench->cluster, 1);
	open_producer(bench, 60000, 10);
	for (int i = 0; i < 5; i++)
		assert_int_equal(send_one(bench, "a", &sent[i]), ERR_OK);
	assert_int_equal(send_one(bench, "nobody asks", NULL), ERR_OK);
	int64_t begin = clock_mono_ms();
	kafka_producer_close(bench->producer, 200);
	bench->producer = NULL;
	assert_in_range(clock_mono_ms() - begin, 0, 20000);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(sent[i].calls, 1);
		assert_int_equal(sent[i].result, ERR_UNAVAILABLE);
	}
}

static void a_message_too_large_is_reported(void **state)
{
	struct bench *bench = bench_of(state);
	struct sent sent = {.delivery = {.delivered = on_delivered}};
	size_t len = 2000000;
	char *value = calloc(1, len);
	const struct kafka_message message = {
	        .topic = "work", .key = "a", .value = value, .value_len = len, .delivery = &sent.delivery};
	open_producer(bench, 5000, 10);
	assert_int_equal(kafka_producer_send(bench->producer, &message, NULL), ERR_OK);
	free(value);
	await(bench, &sent, 1);
	assert_int_equal(sent.calls, 1);
	assert_int_equal(sent.result, ERR_LIMIT);
	assert_int_equal(kafka_producer_queued(bench->producer), 0);
}

static void warming_names_the_topic_that_is_missing(void **state)
{
	struct bench *bench = bench_of(state);
	const char *const there[] = {"work"}, *const gone[] = {"work", "gone"};
	struct err err = {0};
	open_producer(bench, 5000, 10);
	assert_int_equal(kafka_producer_warm(bench->producer, there, 1, 5000, &err), ERR_OK);
	assert_int_equal(kafka_producer_warm(bench->producer, gone, 2, 5000, &err), ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "gone"));
	rd_kafka_mock_broker_set_down(bench->cluster, 1);
	assert_int_equal(kafka_producer_warm(bench->producer, there, 1, 300, &err), ERR_UNAVAILABLE);
}

static void options_out_of_range_are_refused(void **state)
{
	struct bench *bench = bench_of(state);
	static const struct kafka_producer_options bad[] = {{999, 10}, {300001, 10}, {5000, 0}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(kafka_producer_new(bench->client, &bad[i], &bench->loop, &bench->producer, NULL),
		                 ERR_INVALID);
	assert_null(bench->producer);
}

/* Each delivery sets work going; with thousands of them in one turn nothing else would be come to. */
static void a_turn_of_the_loop_tells_a_few_dozen(void **state)
{
	enum { MANY = 2000, A_FEW_DOZEN = 64 };
	struct bench *bench = bench_of(state);
	struct sent *sent = calloc(MANY, sizeof *sent);
	int told = 0, most = 0;
	char key[16];
	assert_non_null(sent);
	open_producer(bench, 20000, MANY);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(key, sizeof key, "key-%d", i);
		assert_int_equal(send_one(bench, key, &sent[i]), ERR_OK);
	}
	while (kafka_producer_queued(bench->producer) == MANY)
		(void)uv_run(&bench->loop, UV_RUN_ONCE);
	while (kafka_producer_queued(bench->producer) > 0) {
		int before = (int)kafka_producer_queued(bench->producer);
		uv_sleep(5); /* reports gather */
		(void)uv_run(&bench->loop, UV_RUN_ONCE);
		told = before - (int)kafka_producer_queued(bench->producer);
		most = told > most ? told : most;
	}
	assert_in_range(most, 1, A_FEW_DOZEN);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(sent[i].calls, 1);
	free(sent);
}

int main(void)
{
	log_init("kafka_producer_test", LOG_ERROR);
	const struct CMUnitTest tests[] = {
	        RULE(every_message_is_reported_once_and_stands_in_its_keys_partition),
	        RULE(a_turn_of_the_loop_tells_a_few_dozen),
	        RULE(a_topics_partitions_are_known_after_a_message_to_it),
	        RULE(one_more_than_the_queue_holds_is_refused_and_not_reported),
	        RULE(a_dead_broker_ends_in_a_timeout_and_a_revived_one_is_noticed),
	        RULE(errors_that_pass_are_retried_without_loss_or_double),
	        RULE(after_a_fatal_error_all_is_reported_and_a_new_handle_sends),
	        RULE(closing_reports_what_could_not_be_sent),
	        RULE(a_message_too_large_is_reported),
	        RULE(warming_names_the_topic_that_is_missing),
	        RULE(options_out_of_range_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
