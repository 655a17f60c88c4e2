/* rebuild_read against librdkafka's in-process cluster: which states it hands over, in which order, and from where it
 * goes on. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "kafka_cluster.h"
#include "workers/rebuild_read.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PARTITIONS = 2, MAX_SEEN = 8192, WAIT_MS = 30000 };

static const char *const topics[] = {"t.results", "t.requests.jumio.initiate", "t.requests.biocatch.score"};
static const char question[] = "0123456789012345678901234567890123456789012";
static const char first[] = "v0000000000000000000001", second[] = "v0000000000000000000002";

struct seen {
	char id[ID_BYTES];
	enum state state;
	int64_t rev;
};

struct bench {
	struct kafka_cluster kafka;
	uv_loop_t loop;
	struct ports ports;
	struct rebuild_reader *reader;
	int takes; /* batches to take before the test looks; < 0: all */
	struct seen seen[MAX_SEEN];
	size_t count;
	int ends;
	bool whole;
};

static void on_batches(void *ctx)
{
	struct bench *bench = ctx;
	const struct restore *states[RESTORE_MAX];
	struct rebuild_batch *batch = NULL;
	while (bench->takes != 0 && (batch = rebuild_reader_take(bench->reader))) {
		size_t count = rebuild_batch_states(batch, states);
		for (size_t i = 0; i < count; i++) {
			struct verification again;
			struct seen *seen = &bench->seen[bench->count++];
			assert_true(bench->count < MAX_SEEN);
			assert_int_equal(verification_decode(states[i]->value, states[i]->len, &again, NULL, NULL),
			                 ERR_OK);
			assert_int_equal(verification_compare(&again, &states[i]->state), 0);
			memcpy(seen->id, again.id, ID_BYTES);
			seen->state = again.state;
			seen->rev = again.rev;
		}
		rebuild_batch_free(batch);
		bench->takes -= bench->takes > 0;
	}
}

static void on_end(void *ctx, bool whole)
{
	struct bench *bench = ctx;
	bench->ends++;
	bench->whole = whole;
	on_batches(bench);
}

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof *bench);
	kafka_cluster_start(&bench->kafka);
	for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
		kafka_cluster_topic(&bench->kafka, topics[i], PARTITIONS);
	assert_int_equal(uv_loop_init(&bench->loop), 0);
	bench->ports =
	        (struct ports){.loop = &bench->loop, .config = bench->kafka.config, .kafka = bench->kafka.client};
	bench->takes = -1;
	assert_int_equal(rebuild_reader_new(&bench->ports, on_batches, on_end, bench, &bench->reader, NULL), ERR_OK);
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;
	rebuild_reader_close(bench->reader);
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
	rebuild_reader_free(bench->reader);
	int left_open = uv_loop_close(&bench->loop);
	kafka_cluster_stop(&bench->kafka);
	free(bench);
	return left_open;
}

static void produce(struct bench *bench, const char *topic, const char *id, const char *value, size_t len)
{
	int32_t partition = (id[ID_BYTES - 2] - '0') % PARTITIONS;
	assert_int_equal(rd_kafka_producev(bench->kafka.host, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
	                                   RD_KAFKA_V_KEY(id, strlen(id)),
	                                   RD_KAFKA_V_VALUE((void *)(uintptr_t)value, len),
	                                   RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
	                 RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void publish(struct bench *bench, const char *id, enum state now, int64_t rev)
{
	struct verification state = {.kind = KIND_JUMIO_IDENTITY, .state = now, .rev = rev, .score = SCORE_NONE};
	struct buf text;
	(void)snprintf(state.id, sizeof state.id, "%s", id);
	strcpy(state.caller, "b2c");
	strcpy(state.question, question);
	if (now == STATE_COMPLETED)
		state.verdict = VERDICT_VERIFIED;
	buf_init(&text, VERIFICATION_MAX_BYTES);
	assert_int_equal(verification_encode(&state, NULL, &text), ERR_OK);
	produce(bench, topics[0], id, text.data, text.len);
	buf_fini(&text);
}

static void accept_request(struct bench *bench, const char *id)
{
	char text[512];
	(void)snprintf(
	        text, sizeof text,
	        "{\"id\":\"%s\",\"kind\":\"biocatch.score\",\"caller\":\"b2c\",\"question\":\"%s\",\"created_ms\":5,"
	        "\"sealed\":\"k1.QUJD\"}",
	        id, question);
	produce(bench, topics[2], id, text, strlen(text));
}

static void begin(struct bench *bench, bool on)
{
	assert_int_equal(rd_kafka_flush(bench->kafka.host, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
	bench->count = 0;
	bench->ends = 0;
	assert_int_equal(rebuild_reader_begin(bench->reader, on), ERR_OK);
}

static void await_end(struct bench *bench)
{
	int64_t until = clock_mono_ms() + WAIT_MS;
	while (bench->ends == 0) {
		if (clock_mono_ms() > until)
			fail_msg("it does not end");
		(void)uv_run(&bench->loop, UV_RUN_ONCE);
	}
}

static void assert_seen(const struct bench *bench, size_t at, const char *id, enum state state, int64_t rev)
{
	assert_true(at < bench->count);
	assert_string_equal(bench->seen[at].id, id);
	assert_int_equal(bench->seen[at].state, state);
	assert_int_equal(bench->seen[at].rev, rev);
}

static void of_a_journeys_states_the_highest_is_handed_over(void **state)
{
	struct bench *bench = *state;
	publish(bench, first, STATE_QUEUED, 2);
	publish(bench, first, STATE_AWAITING_USER, 3);
	publish(bench, first, STATE_CHECKING, 5);
	publish(bench, first, STATE_CHECKING, 4); /* written late */
	begin(bench, false);
	await_end(bench);
	assert_true(bench->whole);
	assert_int_equal(bench->count, 1);
	assert_seen(bench, 0, first, STATE_CHECKING, 5);
	publish(bench, first, STATE_COMPLETED, 6);
	publish(bench, first, STATE_COMPLETED, 8); /* a zombie's: the first one is to stand, so it comes first */
	begin(bench, false);
	await_end(bench);
	assert_int_equal(bench->count, 2);
	assert_seen(bench, 0, first, STATE_COMPLETED, 6);
}

static void what_died_and_lives_again_comes_after_its_death(void **state)
{
	struct bench *bench = *state;
	publish(bench, first, STATE_DEAD, 4);
	publish(bench, first, STATE_CHECKING, 5);
	begin(bench, false);
	await_end(bench);
	assert_int_equal(bench->count, 2);
	assert_seen(bench, 0, first, STATE_DEAD, 4);
	assert_seen(bench, 1, first, STATE_CHECKING, 5);
}

static void accepted_requests_come_after_all_results_as_queued_ones(void **state)
{
	struct bench *bench = *state;
	accept_request(bench, second);
	publish(bench, first, STATE_CHECKING, 5);
	produce(bench, topics[2], first, "no request", 10);
	produce(bench, topics[0], first, "no state", 8);
	produce(bench, topics[0], first, NULL, 0);
	begin(bench, false);
	await_end(bench);
	assert_true(bench->whole); /* what nobody can read is passed over */
	assert_int_equal(bench->count, 2);
	assert_seen(bench, 0, first, STATE_CHECKING, 5);
	assert_seen(bench, 1, second, STATE_QUEUED, 1);
}

static void it_goes_on_where_it_had_read_everything(void **state)
{
	struct bench *bench = *state;
	int64_t done, todo;
	publish(bench, first, STATE_CHECKING, 5);
	publish(bench, second, STATE_COMPLETED, 5);
	begin(bench, false);
	await_end(bench);
	assert_int_equal(bench->count, 2);
	begin(bench, true);
	await_end(bench);
	assert_true(bench->whole);
	assert_int_equal(bench->count, 0);
	publish(bench, first, STATE_CHECKING, 6);
	accept_request(bench, second);
	begin(bench, true);
	await_end(bench);
	assert_int_equal(bench->count, 2);
	assert_seen(bench, 0, first, STATE_CHECKING, 6);
	assert_seen(bench, 1, second, STATE_QUEUED, 1);
	rebuild_reader_progress(bench->reader, &done, &todo);
	assert_int_equal(done, 4);
	assert_int_equal(todo, 4);
	begin(bench, false);
	await_end(bench);
	assert_int_equal(bench->count, 3);
}

static void it_reads_no_further_ahead_than_stated_and_ends_when_told(void **state)
{
	struct bench *bench = *state;
	char id[ID_BYTES];
	for (int i = 0; i < (READ_MAX_BATCHES + 8) * RESTORE_MAX; i++) {
		(void)snprintf(id, sizeof id, "v%022d", i);
		publish(bench, id, STATE_COMPLETED, 3);
	}
	begin(bench, false);
	bench->takes = 1;
	int64_t began = clock_mono_ms(), done = 0, todo;
	while (clock_mono_ms() < began + 1000 || (done < RESTORE_MAX && clock_mono_ms() < began + WAIT_MS)) {
		(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
		rebuild_reader_progress(bench->reader, &done, &todo);
	}
	assert_int_equal(bench->ends, 0);
	assert_in_range(done, RESTORE_MAX, (READ_MAX_BATCHES + 2) * RESTORE_MAX);
	rebuild_reader_stop(bench->reader);
	await_end(bench);
	assert_false(bench->whole);
	assert_null(rebuild_reader_take(bench->reader));
	bench->takes = -1;
	begin(bench, false);
	await_end(bench);
	assert_true(bench->whole);
	assert_int_equal(bench->count, (READ_MAX_BATCHES + 8) * RESTORE_MAX);
}

static void it_may_be_closed_while_it_reads(void **state)
{
	struct bench *bench = *state;
	for (int i = 0; i < 1000; i++)
		publish(bench, first, STATE_CHECKING, 2 + i);
	begin(bench, false);
	(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
	/* tear_down closes it; nothing may be left open, lost, or called any more */
	bench->takes = 0;
}

static void a_broker_that_is_away_is_no_whole_read(void **state)
{
	struct bench *bench = *state;
	publish(bench, first, STATE_CHECKING, 5);
	assert_int_equal(rd_kafka_flush(bench->kafka.host, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(rd_kafka_mock_broker_set_down(bench->kafka.mock, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
	begin(bench, false);
	await_end(bench);
	assert_false(bench->whole);
	assert_int_equal(rd_kafka_mock_broker_set_up(bench->kafka.mock, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
	begin(bench, false);
	await_end(bench);
	assert_true(bench->whole);
	assert_int_equal(bench->count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(of_a_journeys_states_the_highest_is_handed_over, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(what_died_and_lives_again_comes_after_its_death, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(accepted_requests_come_after_all_results_as_queued_ones, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(it_goes_on_where_it_had_read_everything, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(it_reads_no_further_ahead_than_stated_and_ends_when_told, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(it_may_be_closed_while_it_reads, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(a_broker_that_is_away_is_no_whole_read, set_up, tear_down),
	};
	log_init("test", LOG_LEVEL_COUNT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
