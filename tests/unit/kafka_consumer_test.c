/* kafka_consumer against librdkafka's in-process cluster; some rules go on where the one before ended. */
#include "tests/unit/kafka_probe.h"

enum { API_HEARTBEAT = 12 };

static void a_record_shows_key_value_and_headers(void **state)
{
	(void)state;
	struct probe *probe = &probes[ORDER];
	const char *name, *value;
	size_t len = 0;
	produce("order", 0, 5);
	AWAIT(probe->seen == 5);
	const struct kafka_record *record = probe->out[3];
	assert_int_equal(record->partition, 0);
	assert_int_equal(record->offset, 3);
	assert_true(record->timestamp_ms > 1600000000000);
	assert_memory_equal(record->key, "k3", record->key_len);
	assert_memory_equal(record->value, "{}", record->value_len);
	value = kafka_record_header(record, "verifyd-attempt", &len);
	assert_non_null(value);
	assert_int_equal(len, 1);
	assert_memory_equal(value, "2", 1);
	assert_null(kafka_record_header(record, "absent", &len));
	assert_true(kafka_record_header_at(record, 0, &name, &value, &len));
	assert_string_equal(name, "verifyd-op");
	assert_false(kafka_record_header_at(record, 2, &name, &value, &len));
}

/* Goes on with the five records of the rule before. */
static void only_what_is_done_without_a_hole_is_committed(void **state)
{
	(void)state;
	struct probe *probe = &probes[ORDER];
	finish(probe, 4, true);
	finish(probe, 1, true);
	run_for(1500);
	assert_int_equal(committed("order", 0), -1);
	finish(probe, 0, true);
	AWAIT(committed("order", 0) == 2);
	finish(probe, 3, true);
	assert_int_equal(kafka_consumer_lag(probe->consumer), 3);
}

/* And once more. What is given up holds the watermark, so it must come again, or its partition would stand still. */
static void a_dropped_record_comes_again_until_it_is_done(void **state)
{
	(void)state;
	struct probe *probe = &probes[ORDER];
	for (size_t i = 0; i < 2; i++) {
		finish(probe, i ? 5 : 2, false);
		assert_int_equal(kafka_consumer_outstanding(probe->consumer), 0);
		assert_int_equal(probe->seen, 5 + i); /* not at once: whoever drops has no room */
		AWAIT(probe->seen == 6 + i);
		assert_int_equal(probe->out[5 + i]->offset, 2);
		assert_memory_equal(probe->out[5 + i]->key, "k2", 2);
	}
	assert_int_equal(kafka_consumer_outstanding(probe->consumer), 1);
	assert_int_equal(committed("order", 0), 2);
	finish(probe, 6, true);
	AWAIT(committed("order", 0) == 5);
	produce("order", 0, 1);
	AWAIT(probe->seen == 8);
	finish(probe, 7, false);
	end(probe); /* frees it, and leaves it to the next reader */
	assert_int_equal(committed("order", 0), 5);
}

static void intake_stops_at_the_limit_and_goes_on_without_loss_or_double(void **state)
{
	(void)state;
	struct probe *probe = &probes[FULL];
	static int times[2][300];
	produce("full", 0, 150);
	produce("full", 1, 150);
	AWAIT(probe->seen == 8);
	run_for(2200); /* long enough for the partitions to be paused */
	assert_int_equal(probe->seen, 8);
	finish(probe, 0, true);
	finish(probe, 1, true);
	run_for(200);
	assert_int_equal(probe->seen, 8); /* 6 of 8 is not below 3/4 */
	int64_t began_ms = clock_mono_ms();
	for (size_t i = 0; i < 300; i++) {
		AWAIT(probe->seen > i);
		assert_in_range(kafka_consumer_outstanding(probe->consumer), 0, 8);
		if (!probe->out[i])
			continue;
		times[probe->out[i]->partition][probe->out[i]->offset]++;
		finish(probe, i, true);
	}
	assert_true(clock_mono_ms() - began_ms < 45000); /* by the timer alone it would be a hundred seconds */
	run_for(300);
	assert_int_equal(probe->seen, 300);
	int once = 0;
	for (int i = 0; i < 300; i++)
		once += times[i / 150][i % 150] == 1;
	assert_int_equal(once, 298); /* all but the two that were done before */
	AWAIT(committed("full", 0) == 150 && committed("full", 1) == 150);
}

/* A turn of the loop reads a few, and the next one follows: with the timer alone it would take a minute. */
static void a_deep_backlog_goes_out_without_a_pause(void **state)
{
	enum { DEPTH = 3900 };
	(void)state;
	struct probe *probe = &probes[DEEP];
	produce("deep", 0, DEPTH);
	AWAIT(probe->seen == DEPTH);
	AWAIT(committed("deep", 0) == DEPTH);
}

/* Goes on with the reader of the rule before. Its timer and librdkafka's statistics turn the loop twice a second, so by
 * them alone no two records in a row would take less than some second; how slow the machine is, the quickest two show.
 */
static void a_record_that_comes_alone_wakes_the_loop(void **state)
{
	enum { COUNT = 40, BY_ITSELF_MS = 500 };
	(void)state;
	struct probe *probe = &probes[DEEP];
	int64_t quickest = INT64_MAX, last = INT64_MAX / 2;
	for (size_t i = 0, seen = probe->seen; i < COUNT; i++) {
		int64_t began_ms = clock_mono_ms();
		produce("deep", 0, 1);
		AWAIT(probe->seen == seen + i + 1);
		int64_t took = clock_mono_ms() - began_ms;
		quickest = took + last < quickest ? took + last : quickest;
		last = took;
	}
	assert_in_range(quickest, 0, BY_ITSELF_MS);
}

static void of_more_partitions_than_there_is_room_for_only_the_number_is_told(void **state)
{
	struct kafka_position positions[2] = {{-7, -7}, {-7, -7}};
	(void)state;
	struct probe *probe = &probes[FULL];
	assert_int_equal(kafka_consumer_positions(probe->consumer, positions, 1), 2);
	assert_int_equal(positions[0].next, 150);
	assert_int_equal(positions[1].next, -7);
	assert_int_equal(kafka_consumer_positions(probe->consumer, positions, 2), 2);
	assert_int_equal(positions[0].next + positions[1].next, 300);
	assert_int_equal(positions[0].partition + positions[1].partition, 1);
	assert_int_equal(kafka_consumer_positions(probes[LATE].consumer, positions, 2), 0); /* nothing was done yet */
}

/* What fits goes out as it comes; of the backlog behind it the oldest, whichever partition it is in. A clock that is
 * ahead puts its records behind what is older than the present, and not behind what comes after that. */
static void of_a_backlog_the_oldest_goes_out_first_whichever_partition_it_is_in(void **state)
{
	enum { EACH = 200, FULL_AT = 8, ALL = 2 * EACH };
	struct probe *probe = &probes[MERGE];
	int64_t now = clock_unix_ms(), began = now - 100000, last = 0;
	(void)state;
	produce_at("merge", 0, EACH, began, 20);
	AWAIT(probe->seen == FULL_AT);
	produce_at("merge", 1, EACH, began + 7, 10);
	run_for(1000); /* all of them are here */
	assert_int_equal(probe->seen, FULL_AT);
	for (size_t i = 0; i < ALL; i++) {
		AWAIT(probe->seen > i);
		if (i >= FULL_AT) {
			assert_true(probe->out[i]->timestamp_ms >= last);
			last = probe->out[i]->timestamp_ms;
		}
		finish(probe, i, true);
	}
	AWAIT(committed("merge", 0) == EACH && committed("merge", 1) == EACH);
}

static void a_clock_that_is_ahead_holds_its_partition_up_no_longer_than_to_the_present(void **state)
{
	enum { OLDER = 30, FULL_AT = 8 };
	struct probe *probe = &probes[MERGE];
	size_t seen = probe->seen;
	int64_t now = clock_unix_ms();
	(void)state;
	produce_at("merge", 0, FULL_AT, now, 0);
	AWAIT(probe->seen == seen + FULL_AT);
	produce_at("merge", 0, 1, now + 3600000, 0);
	produce_at("merge", 1, OLDER, now - 1000, 0);
	run_for(300); /* both partitions have something to choose from */
	finish_all(probe, true);
	AWAIT(probe->seen == seen + 2 * FULL_AT);
	produce_at("merge", 1, OLDER, clock_unix_ms() + 10000,
	           1); /* later than the other one is read, however slow this is */
	run_for(300);
	size_t place = 0;
	for (size_t i = seen + FULL_AT; i < seen + FULL_AT + 1 + 2 * OLDER; i++) {
		AWAIT(probe->seen > i);
		place = probe->out[i]->timestamp_ms > now + 1000000 ? i : place;
		finish(probe, i, true);
	}
	assert_in_range(place, seen + FULL_AT, seen + FULL_AT + OLDER);
}

static void a_held_partition_waits_and_the_other_goes_on(void **state)
{
	(void)state;
	struct probe *probe = &probes[HOLD];
	kafka_consumer_hold(probe->consumer, "hold", 0);
	kafka_consumer_hold(probe->consumer, "hold", 77); /* not ours: nothing happens */
	produce("hold", 0, 10);
	produce("hold", 1, 10);
	AWAIT(probe->seen == 10);
	run_for(300);
	assert_int_equal(probe->seen, 10);
	kafka_consumer_unhold(probe->consumer, "hold", 0);
	AWAIT(probe->seen == 20);
	AWAIT(committed("hold", 0) == 10 && committed("hold", 1) == 10);
}

static void one_stuck_record_stops_only_its_own_partition(void **state)
{
	(void)state;
	struct probe *probe = &probes[SPAN];
	produce("span", 0, 50);
	AWAIT(probe->seen == 10);
	produce("span", 1, 8);
	AWAIT(probe->seen == 18);
	for (size_t i = 1; i < 18; i++)
		finish(probe, i, true);
	run_for(300);
	assert_int_equal(probe->seen, 18);
	finish(probe, 0, true);
	for (size_t i = 18; i < 58; i++) {
		AWAIT(probe->seen > i);
		assert_int_equal(probe->out[i]->offset, i - 8);
		finish(probe, i, true);
	}
	AWAIT(committed("span", 0) == 50);
}

/* Starts a second member of the probe's group, which takes one of its two partitions. */
static struct probe *join(const struct probe *probe, int second_index)
{
	struct probe *second = &probes[second_index];
	*second = (struct probe){
	        .name = probe->name, .partitions = 1, .max_outstanding = 100, .max_span = 100, .done_at_once = true};
	start(second);
	return second;
}

/* The stand-in refuses commits while a group rebalances (Kafka takes them), so here the commit comes before. */
static void a_rebalance_waits_for_what_is_on_its_way_and_not_for_what_waits(void **state)
{
	(void)state;
	struct probe *probe = &probes[WAIT];
	produce("wait", 0, 5);
	produce("wait", 1, 5);
	AWAIT(probe->seen == 10);
	for (size_t i = 1; i < 10; i++)
		if (probe->out[i]->offset < PROBE_FIRST)
			finish(probe, i, true);
	int busy = probe->out[0]->partition, idle = 1 - busy;
	AWAIT(committed("wait", idle) == PROBE_FIRST);
	kafka_consumer_hold(probe->consumer, "wait", 0); /* forgotten with the assignment */
	kafka_consumer_hold(probe->consumer, "wait", 1);
	int before = probe->assignments;
	struct probe *second = join(probe, SECOND_WAIT);
	AWAIT(probe->revokes == 1); /* comes with the next heartbeat */
	run_for(1500);
	assert_int_equal(kafka_consumer_outstanding(probe->consumer), 1);
	assert_int_equal(probe->assignments, before);
	assert_int_equal(second->partition_count, 0);
	finish(probe, 0, true);
	AWAIT(probe->partition_count == 1 && second->partition_count == 1);
	second->done_at_once = true;
	produce("wait", idle, 1);
	AWAIT((finish_all(probe, true), committed("wait", idle) == 6 && committed("wait", busy) == 5));
	/* what was done and committed before the rebalance came once, however many turns the group took */
	assert_int_equal(probe->first_seen_of[idle] + second->first_seen_of[idle], PROBE_FIRST);
}

/* Goes on with the two members of the rule before. A partition that is taken back goes on where it was. */
static void a_partition_that_was_held_goes_on_in_its_next_assignment(void **state)
{
	(void)state;
	struct probe *probe = &probes[WAIT], *second = &probes[SECOND_WAIT];
	size_t seen = probe->seen;
	int revokes = probe->revokes;
	int64_t ends[] = {committed("wait", 0) + 1, committed("wait", 1) + 1};
	produce("wait", 0, 1);
	produce("wait", 1, 1);
	AWAIT(probe->seen == seen + 1);
	int others = 1 - probe->out[seen]->partition;
	AWAIT(committed("wait", others) == ends[others]); /* done at once by the second member */
	for (int32_t i = 0; i < 2; i++)                   /* the one that is its own */
		kafka_consumer_hold(probe->consumer, "wait", i);
	end(second);
	AWAIT(probe->revokes == revokes + 1);
	assert_int_equal(kafka_consumer_outstanding(probe->consumer), 0);
	AWAIT(probe->partition_count == 2);
	AWAIT(probe->seen == seen + 2); /* the dropped one again */
	produce("wait", 0, 1);
	produce("wait", 1, 1);
	AWAIT(probe->seen == seen + 4);
}

static void a_rebalance_waits_no_longer_than_it_may_and_old_records_are_harmless(void **state)
{
	(void)state;
	struct probe *probe = &probes[LATE];
	produce("late", 0, 3);
	produce("late", 1, 3);
	AWAIT(probe->seen == 6);
	struct probe *second = join(probe, SECOND_LATE);
	AWAIT(probe->partition_count == 1 && second->partition_count == 1);
	AWAIT(probe->seen >= 9 && second->seen >= 3); /* nothing was committed, so all six come again */
	run_for(1000);
	size_t old = probe->seen - 3; /* the last three are the present assignment's */
	for (size_t i = 0; i < old; i++)
		finish(probe, i, true);
	run_for(1500);
	assert_int_equal(committed("late", probe->out[old]->partition), -1);
	assert_int_equal(kafka_consumer_outstanding(probe->consumer), 3);
	finish_all(probe, true);
	AWAIT(committed("late", 0) == 3 && committed("late", 1) == 3);
}

/* Goes on with the two members of the rule before. The drain of a whole process may take much longer. */
static void a_stopped_member_leaves_its_partitions_to_others_within_the_wait(void **state)
{
	(void)state;
	struct probe *probe = &probes[LATE], *second = &probes[SECOND_LATE];
	size_t before = probe->seen;
	produce("late", 0, 1);
	produce("late", 1, 1);
	AWAIT(probe->seen == before + 1);
	kafka_consumer_stop(probe->consumer);
	AWAIT(probe->partition_count == 0);
	AWAIT(second->partition_count == 2);
	AWAIT(second->seen_of[probe->out[before]->partition] > 0);
	assert_int_equal(kafka_consumer_outstanding(probe->consumer), 1);
	finish(probe, before, true); /* too late to count, and harmless */
	end(second);
}

static void a_stopped_consumer_hands_out_nothing_more(void **state)
{
	(void)state;
	struct probe *probe = &probes[STOP];
	produce("stop", 0, 3);
	AWAIT(probe->seen == 3);
	kafka_consumer_stop(probe->consumer);
	produce("stop", 0, 3);
	run_for(500);
	assert_int_equal(probe->seen, 3);
	assert_true(kafka_consumer_is_up(probe->consumer));
	end(probe);
	assert_int_equal(committed("stop", 0), 3);
}

static void a_fenced_member_is_down_for_good(void **state)
{
	(void)state;
	struct probe *probe = &probes[HOLD];
	assert_true(kafka_consumer_is_up(probe->consumer));
	rd_kafka_resp_err_t fenced[50];
	for (size_t i = 0; i < sizeof fenced / sizeof *fenced; i++)
		fenced[i] = RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID; /* whoever else is still there gets some of them */
	rd_kafka_mock_push_request_errors_array(bench.kafka.mock, API_HEARTBEAT, sizeof fenced / sizeof *fenced,
	                                        fenced);
	AWAIT(!kafka_consumer_is_up(probe->consumer));
	produce("hold", 1, 1);
	run_for(1500);
	assert_false(kafka_consumer_is_up(probe->consumer));
	assert_int_equal(probe->seen, 20);
}

int main(void)
{
	log_init("kafka_consumer_test", LOG_ERROR);
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_record_shows_key_value_and_headers),
	        cmocka_unit_test(only_what_is_done_without_a_hole_is_committed),
	        cmocka_unit_test(a_dropped_record_comes_again_until_it_is_done),
	        cmocka_unit_test(intake_stops_at_the_limit_and_goes_on_without_loss_or_double),
	        cmocka_unit_test(of_more_partitions_than_there_is_room_for_only_the_number_is_told),
	        cmocka_unit_test(a_deep_backlog_goes_out_without_a_pause),
	        cmocka_unit_test(a_record_that_comes_alone_wakes_the_loop),
	        cmocka_unit_test(of_a_backlog_the_oldest_goes_out_first_whichever_partition_it_is_in),
	        cmocka_unit_test(a_clock_that_is_ahead_holds_its_partition_up_no_longer_than_to_the_present),
	        cmocka_unit_test(a_held_partition_waits_and_the_other_goes_on),
	        cmocka_unit_test(one_stuck_record_stops_only_its_own_partition),
	        cmocka_unit_test(a_rebalance_waits_for_what_is_on_its_way_and_not_for_what_waits),
	        cmocka_unit_test(a_partition_that_was_held_goes_on_in_its_next_assignment),
	        cmocka_unit_test(a_rebalance_waits_no_longer_than_it_may_and_old_records_are_harmless),
	        cmocka_unit_test(a_stopped_member_leaves_its_partitions_to_others_within_the_wait),
	        cmocka_unit_test(a_stopped_consumer_hands_out_nothing_more),
	        cmocka_unit_test(a_fenced_member_is_down_for_good),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
