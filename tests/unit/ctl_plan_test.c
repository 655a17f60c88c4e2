/* What `verifyctl plan` makes of its flags: bounds, the queue at the quota, pods, stores, cost, the bottleneck; and how
 * it is shown. */
#include "common/base/json_in.h"
#include "ctl/ctl_plan.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct plan_input nothing = {.burst_s = 3600, .latency_s = 1, .retention_s = 30 * 86400.0};

#define near(a, b) assert_true((a) > (b)*0.9999 - 1e-9 && (a) < (b)*1.0001 + 1e-9)

/* ---- flags ---- */

/* One flag beside 60 sign-ups a minute. */
static const char *read_with(enum plan_flag flag, const char *text, struct plan_input *ret_input)
{
	static char complaint[PLAN_COMPLAINT_BYTES];
	const char *texts[PLAN_FLAG_COUNT] = {[PLAN_SIGNUPS] = "60"};
	texts[flag] = text;
	return plan_read(texts, ret_input, complaint);
}

static void what_is_not_given_has_its_default(void **state)
{
	(void)state;
	struct plan_input input;
	assert_null(read_with(PLAN_SIGNUPS, "90", &input));
	near(input.signups_s, 1.5);
	near(input.scores_s, 0);
	near(input.burst_s, 3600);
	near(input.quotas[PLAN_QUOTA_INITIATE], 1);
	near(input.quotas[PLAN_QUOTA_RETRIEVE], 15);
	near(input.quotas[PLAN_QUOTA_SCORE], 0);
	near(input.latency_s, 1);
	near(input.retention_s, 30 * 86400.0);
	near(input.prices[PLAN_SIGNUP], 0);
}

static void each_flag_is_read_in_its_own_unit(void **state)
{
	(void)state;
	struct plan_input input;
	assert_null(read_with(PLAN_SCORES, "0.25", &input));
	near(input.scores_s, 0.25);
	assert_null(read_with(PLAN_MINUTES, "90", &input));
	near(input.burst_s, 5400);
	assert_null(read_with(PLAN_HOURS, "24", &input));
	near(input.burst_s, 86400);
	assert_null(read_with(PLAN_INITIATE_RATE, "3/500ms", &input));
	near(input.quotas[PLAN_QUOTA_INITIATE], 6);
	assert_null(read_with(PLAN_SCORE_RATE, "75/5s", &input));
	near(input.quotas[PLAN_QUOTA_SCORE], 15);
	assert_null(read_with(PLAN_RETENTION, "7d", &input));
	near(input.retention_s, 7 * 86400.0);
	assert_null(read_with(PLAN_PRICE_SCORE, "0.000001", &input));
	near(input.prices[PLAN_SCORE], 1e-6);
	assert_null(read_with(PLAN_SIGNUPS, "1000000", &input));
}

static void what_is_out_of_bounds_is_refused_by_name_and_changes_nothing(void **state)
{
	(void)state;
	static const struct {
		enum plan_flag flag;
		const char *text, *named;
	} rows[] = {
	        {PLAN_SIGNUPS, "1000000.1", "--signups-per-minute"},
	        {PLAN_SIGNUPS, "-1", "--signups-per-minute"},
	        {PLAN_SIGNUPS, "1e3", "--signups-per-minute"},
	        {PLAN_SIGNUPS, "1.", "--signups-per-minute"},
	        {PLAN_SIGNUPS, ".5", "--signups-per-minute"},
	        {PLAN_SIGNUPS, "1.0000001", "--signups-per-minute"},
	        {PLAN_SIGNUPS, "", "--signups-per-minute"},
	        {PLAN_SIGNUPS, "99999999999999999999", "--signups-per-minute"},
	        {PLAN_SCORES, "100001", "--scores-per-second"},
	        {PLAN_MINUTES, "0", "--minutes"},
	        {PLAN_MINUTES, "1441", "--minutes"},
	        {PLAN_HOURS, "25", "--hours"},
	        {PLAN_INITIATE_RATE, "5", "--initiate-rate"},
	        {PLAN_INITIATE_RATE, "0/5s", "--initiate-rate"},
	        {PLAN_RETRIEVE_RATE, "75/5h", "--retrieve-rate"},
	        {PLAN_LATENCY, "60001", "--vendor-latency-ms"},
	        {PLAN_RETENTION, "59m", "--retention"},
	        {PLAN_RETENTION, "30", "--retention"},
	        {PLAN_PRICE_INITIATE, "nan", "--price-initiate"},
	        {PLAN_SIGNUPS, "0", "needs --signups-per-minute"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct plan_input input = nothing;
		const char *complaint = read_with(rows[i].flag, rows[i].text, &input);
		assert_non_null(complaint);
		assert_non_null(strstr(complaint, rows[i].named));
		assert_memory_equal(&input, &nothing, sizeof input);
	}
	const char *both[PLAN_FLAG_COUNT] = {[PLAN_SIGNUPS] = "1", [PLAN_HOURS] = "1", [PLAN_MINUTES] = "1"};
	struct plan_input input;
	char complaint[PLAN_COMPLAINT_BYTES];
	assert_non_null(plan_read(both, &input, complaint));
}

/* ---- the queue ---- */

/* 5 a second come, 3 a second are allowed, of which 95 % are used: 2.85. */
static void who_comes_faster_than_the_quota_waits_for_those_before(void **state)
{
	(void)state;
	struct plan_input input = nothing;
	input.signups_s = 5;
	input.burst_s = 60;
	input.quotas[PLAN_QUOTA_INITIATE] = 3;
	input.quotas[PLAN_QUOTA_RETRIEVE] = 100;
	struct plan plan = plan_of(&input);
	near(plan.waiting_most, 129);
	near(plan.drain_s, 129 / 2.85);
	near(plan.longest_wait_s, 129 / 2.85 + 1);
	near(plan.verdict_delay_s, 0);
	near(plan.used[PLAN_OF_INITIATES], 5 / 2.85);
	assert_int_equal(plan.bottleneck, PLAN_OF_INITIATES);
	input.quotas[PLAN_QUOTA_INITIATE] = 6;
	plan = plan_of(&input);
	near(plan.waiting_most, 0);
	near(plan.drain_s, 0);
	near(plan.longest_wait_s, 1); /* the vendor's call */
}

/* 5 a second finish and take 4 looks each: 20 a second, of which 9.5 are let through. */
static void a_small_quota_of_retrievals_holds_the_verdicts_up(void **state)
{
	(void)state;
	struct plan_input input = nothing;
	input.signups_s = 5;
	input.burst_s = 95;
	input.quotas[PLAN_QUOTA_RETRIEVE] = 10;
	struct plan plan = plan_of(&input);
	double looks = plan_each(PLAN_EACH_RETRIEVES, PLAN_SIGNUP);
	near(plan.verdict_delay_s, (5 * looks - 9.5) * 95 / 9.5);
	assert_int_equal(plan.bottleneck, PLAN_OF_RETRIEVES);
	/* A quota of initiates lets them come more slowly. */
	input.quotas[PLAN_QUOTA_INITIATE] = 1;
	plan = plan_of(&input);
	near(plan.verdict_delay_s, 0);
	assert_int_equal(plan.bottleneck, PLAN_OF_INITIATES);
}

static void scores_beyond_the_quota_are_unknown_and_not_bought(void **state)
{
	(void)state;
	struct plan_input input = nothing;
	input.scores_s = 100;
	input.burst_s = 10;
	input.prices[PLAN_SCORE] = 0.5;
	input.quotas[PLAN_QUOTA_SCORE] = 50;
	struct plan plan = plan_of(&input);
	near(plan.scores_unknown, 0.525);
	near(plan.cost_day, 0.5 * 475);
	assert_int_equal(plan.bottleneck, PLAN_OF_SCORES);
	input.quotas[PLAN_QUOTA_SCORE] = 0;
	plan = plan_of(&input);
	near(plan.scores_unknown, 0);
	near(plan.cost_day, 500);
	near(plan.longest_wait_s, 0); /* nobody signs up */
}

/* ---- sizes ---- */

static void one_pod_more_than_the_load_needs(void **state)
{
	(void)state;
	struct plan_input input = nothing;
	input.scores_s = 1;
	struct plan plan = plan_of(&input);
	assert_int_equal(plan.ingress_pods, 2);
	assert_int_equal(plan.worker_pods, 2);
	assert_int_equal(plan.partitions, 12);
	input.scores_s = 0.5 / (plan_each(PLAN_EACH_CPU_WORKER, PLAN_SCORE) / 1e6); /* half a core: one full pod */
	input.latency_s = 0.001;
	plan = plan_of(&input);
	near(plan.cores_worker, 0.5);
	assert_int_equal(plan.worker_pods, 2);
	input.scores_s *= 1.01;
	assert_int_equal(plan_of(&input).worker_pods, 3);
}

static void slow_vendors_need_places_for_their_calls(void **state)
{
	(void)state;
	struct plan_input input = nothing;
	input.scores_s = 100;
	input.latency_s = 20; /* 2000 calls in flight, 333 of which a worker plans for */
	struct plan plan = plan_of(&input);
	assert_int_equal(plan.worker_pods, 1 + 7);
	assert_int_equal(plan.partitions, 16);
	assert_int_equal(plan.ingress_pods, 1 + 1); /* 2005 held, of 2500 */
	input.latency_s = 30;
	assert_int_equal(plan_of(&input).ingress_pods, 1 + 2);
}

static void stores_grow_with_what_is_kept(void **state)
{
	(void)state;
	struct plan_input input = nothing;
	input.scores_s = 10;
	input.signups_s = 1;
	input.burst_s = 100;
	struct plan plan = plan_of(&input);
	near(plan.scores_day, 1000);
	near(plan.signups_day, 100);
	double week =
	        1000 * plan_each(PLAN_EACH_KAFKA_WEEK, PLAN_SCORE) + 100 * plan_each(PLAN_EACH_KAFKA_WEEK, PLAN_SIGNUP);
	double results = 1000 * plan_each(PLAN_EACH_KAFKA_RESULTS, PLAN_SCORE) +
	                 100 * plan_each(PLAN_EACH_KAFKA_RESULTS, PLAN_SIGNUP);
	near(plan.kafka_day_bytes, week + results);
	near(plan.kafka_bytes, 7 * week + 30 * results);
	double before = plan.redis_bytes;
	input.retention_s *= 2;
	struct plan longer = plan_of(&input);
	near(longer.redis_bytes - before,
	     30 * (1000 * plan_each(PLAN_EACH_REDIS, PLAN_SCORE) + 100 * plan_each(PLAN_EACH_REDIS, PLAN_SIGNUP)));
	input.retention_s = 3600; /* what is kept for an hour is there once a day */
	near(plan_of(&input).kafka_bytes, 7 * week + results);
}

static void a_price_is_paid_for_each(void **state)
{
	(void)state;
	struct plan_input input = nothing;
	input.scores_s = 2;
	input.signups_s = 0.5;
	input.burst_s = 60;
	input.prices[PLAN_SCORE] = 0.01;
	input.prices[PLAN_SIGNUP] = 2;
	near(plan_of(&input).cost_day, 120 * 0.01 + 30 * 2.0);
}

static void the_largest_input_gives_figures(void **state)
{
	(void)state;
	const char *texts[PLAN_FLAG_COUNT] = {
	        [PLAN_SIGNUPS] = "1000000",       [PLAN_SCORES] = "100000",         [PLAN_HOURS] = "24",
	        [PLAN_INITIATE_RATE] = "1/3600s", [PLAN_RETRIEVE_RATE] = "1/3600s", [PLAN_SCORE_RATE] = "1/3600s",
	        [PLAN_LATENCY] = "60000",         [PLAN_RETENTION] = "3650d",       [PLAN_PRICE_INITIATE] = "1000000",
	        [PLAN_PRICE_SCORE] = "1000000"};
	struct plan_input input;
	char complaint[PLAN_COMPLAINT_BYTES];
	struct buf out;
	assert_null(plan_read(texts, &input, complaint));
	struct plan plan = plan_of(&input);
	assert_true(plan.worker_pods > 1000 && plan.worker_pods < 1000000000);
	buf_init(&out, 16 * 1024);
	assert_int_equal(plan_print(&input, &plan, &out), ERR_OK);
	assert_null(strstr(out.data, "inf"));
	assert_null(strstr(out.data, "nan"));
	buf_fini(&out);
}

/* ---- shown ---- */

static void a_person_reads_the_queue_and_what_would_help(void **state)
{
	(void)state;
	struct plan_input input = nothing;
	struct buf out;
	input.signups_s = 5;
	input.burst_s = 3600;
	input.quotas[PLAN_QUOTA_INITIATE] = 1;
	struct plan plan = plan_of(&input);
	buf_init(&out, 16 * 1024);
	assert_int_equal(plan_print(&input, &plan, &out), ERR_OK);
	assert_non_null(strstr(out.data, "14580 people wait"));
	assert_non_null(strstr(out.data, "4h 15m after the burst"));
	assert_non_null(strstr(out.data, "too long: a ticket lives"));
	assert_non_null(strstr(out.data, "526 % used in the burst; only a larger contract helps"));
	buf_clear(&out);
	input.quotas[PLAN_QUOTA_INITIATE] = 0;
	plan = plan_of(&input);
	assert_int_equal(plan_print(&input, &plan, &out), ERR_OK);
	assert_non_null(strstr(out.data, "Queue       none"));
	assert_non_null(strstr(out.data, "nothing queues"));
	buf_fini(&out);
}

static void a_script_reads_one_document(void **state)
{
	(void)state;
	struct plan_input input = nothing;
	struct json_in *root = NULL;
	struct buf out;
	int64_t number;
	input.signups_s = 1;
	input.quotas[PLAN_QUOTA_INITIATE] = 1;
	struct plan plan = plan_of(&input);
	buf_init(&out, 16 * 1024);
	assert_int_equal(plan_json(&input, &plan, &out), ERR_OK);
	assert_int_equal(json_in_parse(out.data, out.len, &root, NULL), ERR_OK);
	assert_int_equal(json_in_int(root, "ingress_pods", 2, 2, &number, NULL), ERR_OK);
	assert_non_null(strstr(out.data, "\"bottleneck\":\"initiate_rate\""));
	assert_non_null(strstr(out.data, "\"each\":{\"score\":{\"cpu_ingress_us\":"));
	json_in_free(root);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_not_given_has_its_default),
	        cmocka_unit_test(each_flag_is_read_in_its_own_unit),
	        cmocka_unit_test(what_is_out_of_bounds_is_refused_by_name_and_changes_nothing),
	        cmocka_unit_test(who_comes_faster_than_the_quota_waits_for_those_before),
	        cmocka_unit_test(a_small_quota_of_retrievals_holds_the_verdicts_up),
	        cmocka_unit_test(scores_beyond_the_quota_are_unknown_and_not_bought),
	        cmocka_unit_test(one_pod_more_than_the_load_needs),
	        cmocka_unit_test(slow_vendors_need_places_for_their_calls),
	        cmocka_unit_test(stores_grow_with_what_is_kept),
	        cmocka_unit_test(a_price_is_paid_for_each),
	        cmocka_unit_test(the_largest_input_gives_figures),
	        cmocka_unit_test(a_person_reads_the_queue_and_what_would_help),
	        cmocka_unit_test(a_script_reads_one_document),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
