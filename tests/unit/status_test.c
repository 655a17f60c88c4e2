/* What `verifyctl status` and the console make of what they read: sums, rates, seconds to drain, findings, and how they
 * are shown. */
#include "common/base/json_in.h"
#include "ctl/ctl_status.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int64_t now_ms = 1790000000000;

/* ---- spans and seconds ---- */

static void a_span_is_shown_in_its_two_largest_units(void **state)
{
	(void)state;
	static const struct {
		int64_t seconds;
		const char *text;
	} rows[] = {{-5, "0s"},         {0, "0s"},         {59, "59s"},       {60, "1m 00s"},
	            {200, "3m 20s"},    {3599, "59m 59s"}, {3600, "1h 00m"},  {7500, "2h 05m"},
	            {86399, "23h 59m"}, {86400, "1d 0h"},  {273600, "3d 4h"}, {INT64_MAX / 1000, "106751991167d 7h"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[STATUS_SPAN_BYTES];
		status_span(rows[i].seconds, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void what_waits_drains_at_the_quota_or_else_at_the_rate_that_is_seen(void **state)
{
	(void)state;
	int64_t seconds = -1;
	assert_int_equal(status_drain(0, 5, 5000, 0, &seconds), DRAIN_NOTHING);
	assert_int_equal(status_drain(-3, 5, 5000, 0, &seconds), DRAIN_NOTHING);
	assert_int_equal(seconds, -1);
	assert_int_equal(status_drain(480, 5, 5000, 100, &seconds), DRAIN_SECONDS);
	assert_int_equal(seconds, 480); /* the quota, however fast it was a moment ago */
	assert_int_equal(status_drain(1000, 75, 5000, 0, &seconds), DRAIN_SECONDS);
	assert_int_equal(seconds, 67); /* 66.7, rounded up */
	assert_int_equal(status_drain(1, 75, 5000, 0, &seconds), DRAIN_SECONDS);
	assert_int_equal(seconds, 1);
	assert_int_equal(status_drain(100, 0, 0, 50, &seconds), DRAIN_SECONDS);
	assert_int_equal(seconds, 2);
	seconds = -1;
	assert_int_equal(status_drain(100, 0, 0, 0, &seconds), DRAIN_UNKNOWN);
	assert_int_equal(status_drain(100, 5, 0, 0, &seconds), DRAIN_UNKNOWN);
	assert_int_equal(status_drain(INT64_MAX, 0, 0, 1e-9, &seconds), DRAIN_UNKNOWN);
	assert_int_equal(seconds, -1);
}

/* ---- what others wrote ---- */

static struct status_breaker breaker_of(const char *text)
{
	struct status_breaker breaker;
	status_read_breaker(text, strlen(text), &breaker);
	return breaker;
}

static void a_breaker_is_read_and_whatever_stands_there_is_an_open_one(void **state)
{
	(void)state;
	struct status_breaker breaker = breaker_of("open 1790000000000 1790000005000 unauthorized: 401");
	assert_true(breaker.is_open);
	assert_int_equal(breaker.since_ms, now_ms);
	assert_int_equal(breaker.next_probe_ms, now_ms + 5000);
	assert_string_equal(breaker.reason, "unauthorized: 401");
	static const char *const garbage[] = {"",
	                                      "open",
	                                      "open ",
	                                      "open x",
	                                      "open -1 2 r",
	                                      "OPEN 1 2 3",
	                                      "\xff\xfe",
	                                      "open 99999999999999999999 1 r"};
	for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
		breaker = breaker_of(garbage[i]);
		assert_true(breaker.is_open);
		assert_int_equal(breaker.since_ms, 0);
		assert_int_equal(breaker.next_probe_ms, 0);
		assert_string_equal(breaker.reason, "");
	}
	breaker = breaker_of("open 7");
	assert_int_equal(breaker.since_ms, 7);
	breaker = breaker_of("open 7 8 \033[2Jx 0123456789012345678901234567890123456789");
	assert_string_equal(breaker.reason, "?[2Jx 012345678901234567890123456789012");
}

static void a_rebuilds_progress_is_read_and_garbage_says_nothing(void **state)
{
	(void)state;
	static const char *const garbage[] = {"",
	                                      "{",
	                                      "[]",
	                                      "{}",
	                                      "{\"read\":1}",
	                                      "{\"read\":1,\"to_read\":0}",
	                                      "{\"read\":-1,\"to_read\":5}",
	                                      "{\"read\":\"1\",\"to_read\":5}"};
	struct status_redis redis = {.to_fill = 0};
	for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
		status_read_progress(garbage[i], &redis);
		assert_int_equal(redis.to_fill, 0);
	}
	status_read_progress("{\"read\":450,\"to_read\":1000,\"by\":\"x\"}", &redis);
	assert_int_equal(redis.filled, 450);
	assert_int_equal(redis.to_fill, 1000);
	status_read_progress("{\"read\":1200,\"to_read\":1000}", &redis); /* more came meanwhile */
	assert_int_equal(redis.filled, 1000);
}

/* ---- a fleet ---- */

static struct worker_status a_status(int64_t at_ms, int64_t taken)
{
	struct worker_status status = {
	        .at_ms = at_ms, .started_ms = now_ms - 3600000, .version = "0.1.0", .loop_lag_ms = 3};
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		status.classes[status.class_count++] = (struct worker_class){.operation = (enum operation)i,
		                                                             .in_flight = 10,
		                                                             .max_in_flight = 600,
		                                                             .taken = taken,
		                                                             .calls = taken,
		                                                             .completed = taken / 2};
	return status;
}

static void say_status(struct status_workers *workers, const char *name, const struct worker_status *status)
{
	struct buf text;
	buf_init(&text, WORKER_STATUS_MAX_BYTES);
	assert_int_equal(worker_status_encode(status, &text), ERR_OK);
	assert_int_equal(status_note_worker(workers, name, text.data, text.len), ERR_OK);
	buf_fini(&text);
}

/* Two looks, two seconds apart: 200 taken by each worker. */
static void two_looks(struct status_workers *workers, size_t count)
{
	char name[32];
	for (int look = 0; look < 2; look++) {
		struct worker_status status = a_status(now_ms - 2500 + 2000 * look, 1000 + 200 * look);
		status_begin_look(workers);
		for (size_t i = 0; i < count; i++) {
			(void)snprintf(name, sizeof name, "pod-%zu", i);
			say_status(workers, name, &status);
		}
		status_end_look(workers, now_ms);
	}
}

static struct status_picture *a_picture(size_t workers)
{
	struct status_picture *picture = calloc(1, sizeof *picture);
	assert_non_null(picture);
	picture->redis = (struct status_redis){.is_up = true, .now_ms = now_ms, .whole_known = true, .is_whole = true};
	picture->kafka = (struct status_kafka){.is_up = true, .dead_known = true};
	two_looks(&picture->workers, workers);
	return picture;
}

static void end(struct status_picture *picture)
{
	status_workers_fini(&picture->workers);
	free(picture);
}

static bool finds(const struct status_picture *picture, const char *code)
{
	for (size_t i = 0; i < picture->sum.finding_count; i++)
		if (strcmp(picture->sum.findings[i].code, code) == 0)
			return true;
	return false;
}

static void a_fleet_that_works_is_summed_up_and_healthy(void **state)
{
	(void)state;
	struct status_picture *picture = a_picture(10);
	status_sum_up(picture);
	const struct status_class *class = &picture->sum.classes[0];
	assert_int_equal(picture->sum.finding_count, 0);
	assert_int_equal(class->workers, 10);
	assert_int_equal(class->sum.in_flight, 100);
	assert_int_equal(class->sum.max_in_flight, 6000);
	assert_true(class->rates_known);
	assert_true(class->taken_s > 999.9 && class->taken_s < 1000.1);
	assert_true(class->completed_s > 499.9 && class->completed_s < 500.1);
	assert_int_equal(class->drain, DRAIN_NOTHING);
	end(picture);
}

static void a_class_new_to_a_worker_counts_from_nothing_and_a_new_worker_has_no_rate_yet(void **state)
{
	(void)state;
	struct status_picture *picture = a_picture(1);
	picture->workers.list[0].before.class_count = 0;
	status_sum_up(picture); /* 1200 in two seconds */
	assert_true(picture->sum.classes[0].taken_s > 599.9 && picture->sum.classes[0].taken_s < 600.1);
	struct worker_status status = a_status(now_ms, 5);
	status.started_ms = now_ms - 100; /* the same name, another process */
	status_begin_look(&picture->workers);
	say_status(&picture->workers, "pod-0", &status);
	say_status(&picture->workers, "pod-new", &status);
	status_end_look(&picture->workers, now_ms);
	status_sum_up(picture);
	assert_int_equal(picture->sum.classes[0].workers, 2);
	assert_false(picture->sum.classes[0].rates_known);
	end(picture);
}

static void who_is_not_seen_any_more_is_forgotten_and_who_is_silent_does_not_count(void **state)
{
	(void)state;
	struct status_picture *picture = a_picture(3);
	struct worker_status status = a_status(now_ms - 6000, 5);
	status_begin_look(&picture->workers);
	say_status(&picture->workers, "pod-1", &status);
	assert_int_equal(status_note_worker(&picture->workers, "pod-2", "garbage", 7), ERR_OK);
	status_end_look(&picture->workers, now_ms);
	assert_int_equal(picture->workers.count, 1);
	assert_string_equal(picture->workers.list[0].name, "pod-1");
	assert_false(picture->workers.list[0].is_fresh);
	picture->kafka.classes[0].lag = 4;
	status_sum_up(picture);
	assert_int_equal(picture->sum.classes[0].workers, 0);
	assert_int_equal(picture->sum.classes[0].drain, DRAIN_STANDS);
	assert_true(finds(picture, "no_worker"));
	end(picture);
}

static void a_class_that_nobody_ever_used_is_no_finding(void **state)
{
	(void)state;
	struct status_picture *picture = a_picture(0);
	status_sum_up(picture);
	assert_int_equal(picture->sum.finding_count, 0);
	assert_false(picture->sum.classes[0].is_used);
	picture->kafka.classes[0].has_committed = true;
	status_sum_up(picture);
	assert_true(picture->sum.classes[0].is_used);
	assert_true(finds(picture, "no_worker"));
	assert_int_equal(picture->sum.classes[0].drain, DRAIN_NOTHING);
	end(picture);
}

static void the_lag_is_kafkas_and_where_kafka_is_away_the_workers(void **state)
{
	(void)state;
	struct status_picture *picture = a_picture(2);
	picture->kafka.classes[0].lag = 300;
	picture->workers.list[0].now.classes[0].lag = 7;
	picture->workers.list[1].now.classes[0].lag = 9;
	status_sum_up(picture);
	assert_int_equal(picture->sum.classes[0].lag, 300);
	assert_int_equal(picture->sum.classes[0].drain, DRAIN_SECONDS);
	assert_int_equal(picture->sum.classes[0].drain_s, 2); /* at 200 a second */
	picture->kafka = (struct status_kafka){.is_up = false, .why = "no broker"};
	status_sum_up(picture);
	assert_int_equal(picture->sum.classes[0].lag, 16);
	assert_true(finds(picture, "kafka_away"));
	picture->redis = (struct status_redis){.is_up = false, .now_ms = now_ms};
	status_workers_fini(&picture->workers);
	status_sum_up(picture);
	assert_false(picture->sum.classes[0].lag_known);
	assert_int_equal(picture->sum.classes[0].drain, DRAIN_UNKNOWN);
	assert_null(picture->sum.classes[0].breaker);
	assert_true(finds(picture, "redis_away"));
	end(picture);
}

static void a_quota_is_the_fleets_and_not_the_workers_sum(void **state)
{
	(void)state;
	struct status_picture *picture = a_picture(2);
	for (size_t i = 0; i < 2; i++) {
		struct worker_class *class = &picture->workers.list[i].now.classes[0];
		class->has_quota = true;
		class->quota_limit = 75;
		class->quota_period_ms = 5000;
		class->quota_used = 70 + (int64_t)i;
		class->waiting[3] = 600;
	}
	picture->kafka.classes[0].lag = 900;
	status_sum_up(picture);
	assert_int_equal(picture->sum.classes[0].sum.quota_limit, 75);
	assert_int_equal(picture->sum.classes[0].sum.quota_used, 71);
	assert_int_equal(picture->sum.classes[0].sum.waiting[3], 1200);
	assert_int_equal(picture->sum.classes[0].drain_s, 80); /* what waits is more than what Kafka knew */
	end(picture);
}

static void what_needs_attention_is_found(void **state)
{
	(void)state;
	struct status_picture *picture = a_picture(1);
	picture->kafka.dead_day = picture->kafka.dead_read = 5;
	picture->kafka.dead_by_class[0] = 5;
	status_sum_up(picture);
	assert_int_equal(picture->sum.finding_count, 0); /* dead since more than an hour: nobody's night */
	picture->kafka.dead_hour = 2;
	status_sum_up(picture);
	assert_true(finds(picture, "dead_letters"));
	picture->redis.breakers[0] = (struct status_breaker){true, now_ms - 65000, now_ms + 3000, "unauthorized"};
	picture->redis.is_whole = false;
	picture->kafka.classes[0].lag = 3;
	status_sum_up(picture);
	assert_true(finds(picture, "breaker_open"));
	assert_true(finds(picture, "cache_not_whole"));
	assert_int_equal(picture->sum.classes[0].drain, DRAIN_STANDS);
	assert_non_null(strstr(picture->sum.findings[1].text, "1m 05s"));
	assert_non_null(strstr(picture->sum.findings[1].text, "unauthorized; next probe in 3s"));
	picture->kafka.dead_known = false;
	status_sum_up(picture);
	assert_true(finds(picture, "dead_unknown"));
	end(picture);
}

/* ---- shown ---- */

static void the_screen_is_plain_without_colours_and_shows_what_is_not_known_as_such(void **state)
{
	(void)state;
	struct status_picture *picture = a_picture(1);
	struct buf text;
	buf_init(&text, STATUS_TEXT_MAX_BYTES);
	(void)snprintf(picture->workers.list[0].name, WORKER_NAME_BYTES, "pod\033[31m");
	struct status_ingress ingress = {
	        .name = "front\033[31m", .is_fresh = true, .now = {.at_ms = now_ms, .held = 17}};
	picture->ingresses = (struct status_ingresses){&ingress, 1, 1};
	picture->kafka.classes[0].lag = 300;
	status_sum_up(picture);
	assert_int_equal(status_print(picture, false, &text), ERR_OK);
	assert_null(strchr(text.data, '\033'));
	assert_non_null(strstr(text.data, "front?[31m"));
	assert_non_null(strstr(text.data, "works  17 calls held"));
	assert_non_null(strstr(text.data, "healthy"));
	assert_non_null(strstr(text.data, "pod?[31m"));
	assert_non_null(strstr(text.data, " 300 "));
	buf_clear(&text);
	assert_int_equal(status_print(picture, true, &text), ERR_OK);
	assert_non_null(strstr(text.data, "\033[32mhealthy"));
	buf_clear(&text);
	picture->redis = (struct status_redis){.is_up = false, .now_ms = now_ms, .why = "gone"};
	picture->kafka = (struct status_kafka){.is_up = false, .why = "gone, too"};
	status_workers_fini(&picture->workers);
	status_sum_up(picture);
	assert_int_equal(status_print(picture, false, &text), ERR_OK);
	assert_non_null(strstr(text.data, "needs attention"));
	assert_non_null(strstr(text.data, "gone, too"));
	assert_non_null(strstr(text.data, "?"));
	assert_null(strstr(text.data, "not used"));
	buf_fini(&text);
	end(picture);
}

/* The columns' right edges, by the header and one row. */
static void columns_stand_under_their_heads(void **state)
{
	(void)state;
	struct status_picture *picture = a_picture(1);
	struct buf text;
	buf_init(&text, STATUS_TEXT_MAX_BYTES);
	picture->kafka.classes[0].lag = 31337;
	status_sum_up(picture);
	assert_int_equal(status_print(picture, false, &text), ERR_OK);
	char *head = strstr(text.data, "CLASS"), *row = strchr(head, '\n') + 1;
	assert_int_equal(strstr(row, "31337") + 5 - row, strstr(head, "LAG") + 3 - head);
	assert_int_equal(strstr(row, "10/600") + 6 - row, strstr(head, "IN FLIGHT") + 9 - head);
	assert_int_equal(strstr(row, "closed") - row, strstr(head, "BREAKER") - head);
	buf_fini(&text);
	end(picture);
}

static void what_was_not_read_of_the_dead_is_said(void **state)
{
	(void)state;
	struct status_picture *picture = a_picture(1);
	struct buf text;
	buf_init(&text, STATUS_TEXT_MAX_BYTES);
	picture->kafka.dead_day = 2000000;
	picture->kafka.dead_read = picture->kafka.dead_hour = 10000;
	picture->kafka.dead_by_class[0] = 9999;
	picture->kafka.dead_by_class[OPERATION_COUNT] = 1;
	status_sum_up(picture);
	assert_int_equal(status_print(picture, false, &text), ERR_OK);
	assert_non_null(strstr(text.data, "at least 10000 dead letters"));
	assert_non_null(strstr(text.data, "dead in 24 h 2000000, in 1 h >=10000"));
	assert_non_null(strstr(text.data, ">=9999"));
	assert_non_null(strstr(text.data, "unreadable"));
	buf_fini(&text);
	end(picture);
}

static void the_json_is_one_document_that_says_the_same(void **state)
{
	(void)state;
	struct status_picture *picture = a_picture(2);
	struct json_in *root;
	struct buf text;
	buf_init(&text, STATUS_TEXT_MAX_BYTES);
	picture->redis.breakers[0] = (struct status_breaker){true, now_ms - 65000, 0, "timeouts"};
	picture->kafka.classes[0].lag = 5;
	status_sum_up(picture);
	assert_int_equal(status_json(picture, &text), ERR_OK);
	assert_null(strchr(text.data, '\n'));
	assert_int_equal(json_in_parse(text.data, text.len, &root, NULL), ERR_OK);
	assert_int_equal(json_in_type(json_in_get(root, "healthy")), JSON_IN_FALSE);
	assert_int_equal(json_in_count(json_in_get(root, "attention")), 1);
	assert_int_equal(json_in_count(json_in_get(root, "workers")), 2);
	const struct json_in *class = json_in_first(json_in_get(root, "classes"));
	assert_int_equal(json_in_integer(json_in_get(class, "lag")), 5);
	assert_string_equal(json_in_text(json_in_get(class, "drain")), "stands");
	assert_string_equal(json_in_text(json_in_get(json_in_get(class, "breaker"), "state")), "open");
	json_in_free(root);
	buf_fini(&text);
	end(picture);
}

static void say_ingress(struct status_ingresses *ingresses, const char *name, struct ingress_status status)
{
	struct buf text;
	buf_init(&text, INGRESS_STATUS_MAX_BYTES);
	assert_int_equal(ingress_status_encode(&status, &text), ERR_OK);
	assert_int_equal(status_note_ingress(ingresses, name, text.data, text.len), ERR_OK);
	buf_fini(&text);
}

static void ingresses_are_summed_and_who_restarted_or_is_silent_adds_no_rate(void **state)
{
	struct status_ingresses ingresses = {NULL, 0, 0};
	struct status_callers callers;
	const int64_t begin = now_ms - 60000;
	(void)state;
	for (int look = 0; look < 2; look++) {
		int64_t at_ms = now_ms - 2000 + 2000 * look;
		status_begin_ingresses(&ingresses);
		say_ingress(&ingresses, "steady",
		            (struct ingress_status){.at_ms = at_ms,
		                                    .started_ms = begin,
		                                    .held = 3,
		                                    .answered = 1000 + 200 * look,
		                                    .failed = 2 * look,
		                                    .accepted = 900 + 20 * look});
		say_ingress(&ingresses, "restarted",
		            (struct ingress_status){.at_ms = at_ms,
		                                    .started_ms = look ? at_ms - 100 : begin,
		                                    .held = 4,
		                                    .answered = look ? 50 : 5});
		say_ingress(
		        &ingresses, "silent",
		        (struct ingress_status){
		                .at_ms = now_ms - 8000 + look, .started_ms = begin, .held = 50, .answered = 70 * look});
		if (look == 0)
			say_ingress(&ingresses, "gone", (struct ingress_status){.at_ms = at_ms, .started_ms = begin});
		assert_int_equal(status_note_ingress(&ingresses, "garbage", "{", 1), ERR_OK);
		status_end_ingresses(&ingresses, now_ms);
	}
	assert_int_equal(ingresses.count, 3);
	status_sum_ingresses(&ingresses, &callers);
	assert_int_equal(callers.ingresses, 2);
	assert_int_equal(callers.held, 7);
	assert_true(callers.rates_known);
	assert_true(callers.answered_s > 99.9 && callers.answered_s < 100.1);
	assert_true(callers.failed_s > 0.99 && callers.failed_s < 1.01);
	assert_true(callers.accepted_s > 9.9 && callers.accepted_s < 10.1);
	status_ingresses_fini(&ingresses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_span_is_shown_in_its_two_largest_units),
	        cmocka_unit_test(what_waits_drains_at_the_quota_or_else_at_the_rate_that_is_seen),
	        cmocka_unit_test(a_breaker_is_read_and_whatever_stands_there_is_an_open_one),
	        cmocka_unit_test(a_rebuilds_progress_is_read_and_garbage_says_nothing),
	        cmocka_unit_test(a_fleet_that_works_is_summed_up_and_healthy),
	        cmocka_unit_test(a_class_new_to_a_worker_counts_from_nothing_and_a_new_worker_has_no_rate_yet),
	        cmocka_unit_test(who_is_not_seen_any_more_is_forgotten_and_who_is_silent_does_not_count),
	        cmocka_unit_test(a_class_that_nobody_ever_used_is_no_finding),
	        cmocka_unit_test(the_lag_is_kafkas_and_where_kafka_is_away_the_workers),
	        cmocka_unit_test(a_quota_is_the_fleets_and_not_the_workers_sum),
	        cmocka_unit_test(what_needs_attention_is_found),
	        cmocka_unit_test(the_screen_is_plain_without_colours_and_shows_what_is_not_known_as_such),
	        cmocka_unit_test(columns_stand_under_their_heads),
	        cmocka_unit_test(what_was_not_read_of_the_dead_is_said),
	        cmocka_unit_test(the_json_is_one_document_that_says_the_same),
	        cmocka_unit_test(ingresses_are_summed_and_who_restarted_or_is_silent_adds_no_rate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
