/* What `verifyctl doctor` makes of what it finds: topics and their copies, Redis, keys, clocks, certificates, workers.
 */
#include "cert_fixture.h"
#include "ctl/ctl_doctor.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const int64_t now_s = 1790000000, day_s = 86400, month_ms = (int64_t)30 * 86400 * 1000;

static struct doctor *doctor_new(void)
{
	struct doctor *doctor = calloc(1, sizeof *doctor);
	assert_non_null(doctor);
	doctor->check = "check";
	return doctor;
}

/* The severity of the first line that holds the text; DOCTOR_SEVERITIES when there is none. */
static enum doctor_severity said(const struct doctor *doctor, const char *text)
{
	for (size_t i = 0; i < doctor->line_count; i++)
		if (strstr(doctor->lines[i].text, text))
			return doctor->lines[i].severity;
	return DOCTOR_SEVERITIES;
}

static const char *fix_of(const struct doctor *doctor, const char *text)
{
	for (size_t i = 0; i < doctor->line_count; i++)
		if (strstr(doctor->lines[i].text, text))
			return doctor->lines[i].fix;
	return "(nothing was said)";
}

static size_t findings(const struct doctor *doctor)
{
	return doctor->counts[DOCTOR_WARNING] + doctor->counts[DOCTOR_ERROR];
}

/* ---- lines ---- */

static void a_line_holds_nothing_that_steers_a_terminal(void **state)
{
	(void)state;
	struct doctor *doctor = doctor_new();
	doctor_fix(doctor, "before any line: nowhere");
	doctor_say(doctor, DOCTOR_NOTE, "%s", "a\033[2Jb\nc");
	doctor_fix(doctor, "%s", "x\ty");
	assert_string_equal(doctor->lines[0].text, "a?[2Jb?c");
	assert_string_equal(doctor->lines[0].fix, "x?y");
	doctor_say(doctor, DOCTOR_NOTE, "%s", "id:base64,\xe2\x80\xa6 \x9b");
	assert_string_equal(doctor->lines[1].text, "id:base64,... ?");
	for (int i = 0; i < 2 * DOCTOR_LINES_MAX; i++)
		doctor_say(doctor, DOCTOR_ERROR, "one more");
	assert_int_equal(doctor->line_count, DOCTOR_LINES_MAX);
	assert_int_equal(doctor->counts[DOCTOR_ERROR], 2 * DOCTOR_LINES_MAX);
	free(doctor);
}

/* ---- topics ---- */

/* A cluster of three brokers in which `results` is as it has to be. */
static struct doctor *with_topic(void)
{
	static const struct kafka_topic results = {"results", true, false};
	struct doctor *doctor = doctor_new();
	struct kafka_survey_topic *topic = &doctor->survey.topics[0];
	doctor->survey.brokers = 3;
	doctor->survey.settings_told = true;
	doctor->survey.topic_count = 1;
	topic->topic = &results;
	(void)strcpy(topic->name, "verifyd.results");
	topic->partitions = 12;
	topic->copies = topic->in_sync = 3;
	(void)strcpy(topic->settings[KAFKA_CLEANUP_POLICY], "compact,delete");
	(void)strcpy(topic->settings[KAFKA_RETENTION], "2592000000");
	(void)strcpy(topic->settings[KAFKA_MIN_IN_SYNC], "2");
	(void)strcpy(topic->settings[KAFKA_COMPRESSION], "producer");
	return doctor;
}

static void topics_that_are_as_they_have_to_be_are_good(void **state)
{
	(void)state;
	struct doctor *doctor = with_topic();
	doctor_judge_topics(doctor, "b:9092", month_ms);
	assert_int_equal(findings(doctor), 0);
	assert_int_equal(said(doctor, "1 topics, as they have to be"), DOCTOR_GOOD);
	free(doctor);
}

static void copies_and_acks_are_held_against_the_number_of_brokers(void **state)
{
	(void)state;
	static const struct {
		int brokers, copies, in_sync;
		const char *min_in_sync, *text;
		enum doctor_severity severity;
	} rows[] = {
	        {3, 1, 1, "1", "1 copies, where 3 brokers can hold 3", DOCTOR_WARNING},
	        {2, 1, 1, "1", "1 copies, where 2 brokers can hold 2", DOCTOR_WARNING},
	        {5, 3, 3, "1", "an ack may stand for one copy only", DOCTOR_WARNING},
	        {3, 3, 3, "3", "one broker away stops all writes", DOCTOR_WARNING},
	        {2, 2, 2, "2", "one broker away stops all writes", DOCTOR_WARNING},
	        {3, 3, 2, "2", "2 of 3 copies are in sync", DOCTOR_WARNING},
	        {3, 3, 1, "2", "cannot be written: 1 copies are in sync", DOCTOR_ERROR},
	        {1, 1, 1, "1", "as they have to be", DOCTOR_GOOD},
	        {3, 3, 3, "", "as they have to be", DOCTOR_GOOD}, /* not told */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct doctor *doctor = with_topic();
		doctor->survey.brokers = rows[i].brokers;
		doctor->survey.topics[0].copies = rows[i].copies;
		doctor->survey.topics[0].in_sync = rows[i].in_sync;
		(void)strcpy(doctor->survey.topics[0].settings[KAFKA_MIN_IN_SYNC], rows[i].min_in_sync);
		doctor_judge_topics(doctor, "b:9092", month_ms);
		assert_int_equal(said(doctor, rows[i].text), rows[i].severity);
		assert_int_equal(findings(doctor), rows[i].severity == DOCTOR_GOOD ? 0 : 1);
		free(doctor);
	}
}

static void a_wrong_setting_comes_with_the_command_that_mends_it(void **state)
{
	(void)state;
	struct doctor *doctor = with_topic();
	(void)strcpy(doctor->survey.topics[0].settings[KAFKA_RETENTION], "3600000");
	doctor_judge_topics(doctor, "b:9092", month_ms);
	assert_int_equal(said(doctor, "retention.ms is 3600000, needs 2592000000"), DOCTOR_ERROR);
	assert_string_equal(fix_of(doctor, "retention.ms is"),
	                    "kafka-configs.sh --bootstrap-server b:9092 --alter --entity-type topics --entity-name "
	                    "verifyd.results --add-config retention.ms=2592000000");
	free(doctor);
	doctor = with_topic();
	doctor->survey.topics[0].leaderless = 4;
	doctor_judge_topics(doctor, "b:9092", month_ms);
	assert_int_equal(said(doctor, "4 of 12 partitions have no leader"), DOCTOR_ERROR);
	free(doctor);
	doctor = with_topic();
	doctor->survey.topics[0].partitions = 0;
	doctor_judge_topics(doctor, "b:9092", month_ms);
	assert_string_equal(fix_of(doctor, "missing"), "verifyctl topics create");
	free(doctor);
}

/* ---- Redis ---- */

static struct doctor *with_redis(void)
{
	struct doctor *doctor = doctor_new();
	doctor->redis = (struct redis_survey){.info_told = true,
	                                      .version = "7.0.15",
	                                      .role = "master",
	                                      .policy = "noeviction",
	                                      .maxmemory = 1000000000,
	                                      .used_memory = 500000000,
	                                      .aof = true};
	return doctor;
}

static void redis_is_judged_by_what_it_says(void **state)
{
	(void)state;
	struct doctor *doctor = with_redis();
	doctor_judge_redis(doctor);
	assert_int_equal(findings(doctor), 0);
	free(doctor);
	doctor = with_redis();
	(void)strcpy(doctor->redis.policy, "volatile-ttl");
	(void)strcpy(doctor->redis.role, "slave");
	(void)strcpy(doctor->redis.version, "5.0.14");
	doctor->redis.used_memory = 900000000;
	doctor->redis.aof = false;
	doctor_judge_redis(doctor);
	assert_int_equal(said(doctor, "volatile-ttl"), DOCTOR_ERROR);
	assert_int_equal(said(doctor, "it is a replica"), DOCTOR_ERROR);
	assert_int_equal(said(doctor, "Redis 5.0.14"), DOCTOR_WARNING);
	assert_int_equal(said(doctor, "89 % of maxmemory"), DOCTOR_ERROR);
	assert_int_equal(said(doctor, "neither an append-only file nor a replica"), DOCTOR_NOTE);
	free(doctor);
	doctor = with_redis();
	doctor->redis.info_told = false;
	doctor_judge_redis(doctor);
	assert_int_equal(said(doctor, "hides INFO"), DOCTOR_SKIPPED);
	assert_int_equal(doctor->line_count, 1);
	free(doctor);
}

static void a_key_that_is_in_use_and_not_in_the_ring_is_an_error(void **state)
{
	(void)state;
	struct doctor *doctor = doctor_new();
	doctor->redis.seal_count = 2;
	(void)strcpy(doctor->redis.seals[0].id, "k1");
	(void)strcpy(doctor->redis.seals[1].id, "k2");
	doctor_judge_seals(doctor, "k2:AAAA,k1:BBBB");
	assert_int_equal(findings(doctor), 0);
	assert_int_equal(said(doctor, "key k1, no longer the first"), DOCTOR_NOTE);
	free(doctor);
	doctor = doctor_new();
	doctor->redis.seal_count = 1;
	(void)strcpy(doctor->redis.seals[0].id, "k1");
	doctor_judge_seals(doctor, "k12:k1:AAAA, k3:BBBB");
	assert_int_equal(said(doctor, "key k1 sealed"), DOCTOR_ERROR);
	for (size_t i = 0; i < doctor->line_count; i++)
		assert_null(strstr(doctor->lines[i].text, "AAAA"));
	free(doctor);
}

static void clocks_may_differ_by_what_could_not_be_measured(void **state)
{
	(void)state;
	static const struct {
		int64_t ahead_ms, rtt_ms;
		enum doctor_severity severity;
	} rows[] = {{0, 0, DOCTOR_GOOD},          {-1000, 0, DOCTOR_GOOD},     {1001, 0, DOCTOR_WARNING},
	            {-1500, 1000, DOCTOR_GOOD},   {-30000, 0, DOCTOR_WARNING}, {30001, 0, DOCTOR_ERROR},
	            {-86400000, 10, DOCTOR_ERROR}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct doctor *doctor = doctor_new();
		doctor->redis.ahead_ms = rows[i].ahead_ms;
		doctor->redis.rtt_ms = rows[i].rtt_ms;
		doctor_judge_clocks(doctor);
		assert_int_equal(doctor->lines[0].severity, rows[i].severity);
		free(doctor);
	}
}

/* ---- certificates ---- */

static void a_certificate_is_told_before_it_ends(void **state)
{
	(void)state;
	static const struct {
		int64_t from_days, to_days;
		enum doctor_severity used, unused;
	} rows[] = {{-10, 31, DOCTOR_GOOD, DOCTOR_GOOD},
	            {-10, 29, DOCTOR_WARNING, DOCTOR_GOOD},
	            {-10, 0, DOCTOR_ERROR, DOCTOR_NOTE},
	            {-10, -5, DOCTOR_ERROR, DOCTOR_NOTE},
	            {1, 400, DOCTOR_ERROR, DOCTOR_NOTE}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct doctor *doctor = doctor_new();
		int64_t from_s = now_s + rows[i].from_days * day_s, to_s = now_s + rows[i].to_days * day_s;
		doctor_judge_certificate(doctor, "X", true, from_s, to_s, now_s);
		doctor_judge_certificate(doctor, "X", false, from_s, to_s, now_s);
		assert_int_equal(doctor->lines[0].severity, rows[i].used);
		assert_int_equal(doctor->lines[1].severity, rows[i].unused);
		free(doctor);
	}
}

static void certificates_are_read_from_pem_and_pfx(void **state)
{
	(void)state;
	struct doctor *doctor = doctor_new();
	EVP_PKEY *key = EVP_RSA_gen(2048);
	X509 *good = cert_new(key, "good", now_s - day_s, now_s + 100 * day_s),
	     *old = cert_new(key, "old", 1, now_s - day_s);
	struct buf pem, pfx;
	buf_init(&pem, CERT_FILE_MAX_BYTES);
	buf_init(&pfx, CERT_FILE_MAX_BYTES);
	cert_put_key(&pem, key, "secret", false); /* an encrypted key is not opened */
	cert_put_pem(&pem, good);
	cert_put_pem(&pem, old);
	assert_true(cert_put_pfx(&pfx, key, good, "secret", CERT_PFX_AES));
	assert_int_equal(doctor_judge_pem(doctor, "X", pem.data, pem.len, NULL, now_s), 2);
	assert_int_equal(said(doctor, "X: its certificate holds for 100 days"), DOCTOR_GOOD);
	assert_int_equal(said(doctor, "X (number 2): its certificate ended 1 days ago"), DOCTOR_NOTE);
	assert_int_equal(doctor_judge_pem(doctor, "Y", pfx.data, pfx.len, "secret", now_s), 1);
	assert_int_equal(said(doctor, "Y: its certificate holds"), DOCTOR_GOOD);
	assert_int_equal(doctor_judge_pem(doctor, "Z", pfx.data, pfx.len, "wrong", now_s), 0);
	assert_int_equal(doctor_judge_pem(doctor, "Z", "", 0, NULL, now_s), 0);
	buf_fini(&pem);
	buf_fini(&pfx);
	X509_free(good);
	X509_free(old);
	EVP_PKEY_free(key);
	free(doctor);
}

/* ---- workers ---- */

static const int64_t now_ms = 1790000000000;

static struct doctor *with_workers(struct status_worker *list, size_t count)
{
	struct doctor *doctor = doctor_new();
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(list[i].name, sizeof list[i].name, "pod-%zu", i);
		(void)snprintf(list[i].now.version, sizeof list[i].now.version, "%s", VERIFYD_VERSION);
		list[i].now.at_ms = now_ms - 500;
		list[i].is_fresh = true;
		list[i].now.class_count = OPERATION_COUNT;
		for (unsigned class = 0; class < OPERATION_COUNT; class ++)
			list[i].now.classes[class].operation = (enum operation) class;
	}
	doctor->picture.workers = (struct status_workers){list, count, count};
	doctor->picture.redis =
	        (struct status_redis){.is_up = true, .now_ms = now_ms, .whole_known = true, .is_whole = true};
	doctor->picture.kafka.is_up = doctor->picture.kafka.dead_known = true;
	return doctor;
}

static void live_workers_of_one_version_are_good(void **state)
{
	(void)state;
	struct status_worker list[2] = {0};
	struct doctor *doctor = with_workers(list, 2);
	status_sum_up(&doctor->picture);
	doctor_judge_workers(doctor);
	assert_int_equal(findings(doctor), 0);
	assert_int_equal(said(doctor, "2 live, 0 of them draining"), DOCTOR_GOOD);
	free(doctor);
}

static void what_holds_workers_up_is_named(void **state)
{
	(void)state;
	struct status_worker list[3] = {0};
	struct doctor *doctor = with_workers(list, 3);
	(void)strcpy(list[1].now.version, "0.0.1");
	list[2].is_fresh = false;
	list[2].now.at_ms = now_ms - 20000;
	doctor->picture.kafka.dead_hour = 3;
	doctor->picture.redis.breakers[0] = (struct status_breaker){.is_open = true, .reason = "status 401"};
	doctor->picture.kafka.classes[1].lag = 5000;
	list[0].now.classes[1].has_quota = true;
	list[0].now.classes[1].quota_limit = 1;
	list[0].now.classes[1].quota_period_ms = 1000;
	status_sum_up(&doctor->picture);
	doctor_judge_workers(doctor);
	assert_int_equal(said(doctor, "different versions"), DOCTOR_WARNING);
	assert_int_equal(said(doctor, "pod-2: silent for 20 s"), DOCTOR_WARNING);
	assert_int_equal(said(doctor, "3 dead letters"), DOCTOR_WARNING);
	assert_int_equal(said(doctor, "the breaker is open: status 401"), DOCTOR_ERROR);
	assert_int_equal(said(doctor, "5000 wait, for 1h 23m at the quota"), DOCTOR_WARNING);
	free(doctor);
}

static void a_class_in_use_that_nobody_serves_is_an_error(void **state)
{
	(void)state;
	struct status_worker list[1] = {0};
	struct doctor *doctor = with_workers(list, 1);
	list[0].now.class_count = 1; /* the first class only */
	doctor->picture.kafka.classes[OPERATION_COUNT - 1].lag = 7;
	status_sum_up(&doctor->picture);
	doctor_judge_workers(doctor);
	assert_int_equal(said(doctor, "no live worker serves it; 7 wait"), DOCTOR_ERROR);
	assert_int_equal(doctor->counts[DOCTOR_ERROR], 1); /* a class that nobody uses needs none */
	free(doctor);
	doctor = with_workers(list, 0);
	status_sum_up(&doctor->picture);
	doctor_judge_workers(doctor);
	assert_int_equal(said(doctor, "no live worker"), DOCTOR_ERROR);
	free(doctor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_line_holds_nothing_that_steers_a_terminal),
	        cmocka_unit_test(topics_that_are_as_they_have_to_be_are_good),
	        cmocka_unit_test(copies_and_acks_are_held_against_the_number_of_brokers),
	        cmocka_unit_test(a_wrong_setting_comes_with_the_command_that_mends_it),
	        cmocka_unit_test(redis_is_judged_by_what_it_says),
	        cmocka_unit_test(a_key_that_is_in_use_and_not_in_the_ring_is_an_error),
	        cmocka_unit_test(clocks_may_differ_by_what_could_not_be_measured),
	        cmocka_unit_test(a_certificate_is_told_before_it_ends),
	        cmocka_unit_test(certificates_are_read_from_pem_and_pfx),
	        cmocka_unit_test(live_workers_of_one_version_are_good),
	        cmocka_unit_test(what_holds_workers_up_is_named),
	        cmocka_unit_test(a_class_in_use_that_nobody_serves_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
