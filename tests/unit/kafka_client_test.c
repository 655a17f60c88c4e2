/* kafka_client, kafka_admin, kafka_lookup and kafka_scan: names, partitions, the pass-through file, topics, and reading
 * one to its end. */
#include "common/adapters/kafka_admin.h"
#include "common/adapters/kafka_lookup.h"
#include "common/adapters/kafka_scan.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/domain/kind.h"
#include "common/domain/retry.h"
#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Makes a client from a file with this content (NULL: no file). */
static enum err_code client_of(const char *brokers, const char *file, struct kafka_client **ret_client, struct err *err)
{
	char path[] = "/tmp/kafka_client_test.XXXXXX", path_line[96] = "UNUSED=", brokers_line[256];
	struct config *config;
	if (file) {
		int fd = mkstemp(path);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, file, strlen(file)), strlen(file));
		assert_int_equal(close(fd), 0);
		(void)snprintf(path_line, sizeof path_line, "VERIFYD_KAFKA_CONFIG_FILE=%s", path);
	}
	(void)snprintf(brokers_line, sizeof brokers_line, "VERIFYD_KAFKA_BROKERS=%s", brokers);
	char *const environment[] = {brokers_line, path_line, "VERIFYD_REDIS_URL=redis://127.0.0.1:1",
	                             "VERIFYD_TOPIC_PREFIX=t.", NULL};
	assert_int_equal(config_load(CONFIG_CTL, environment, stderr, &config), ERR_OK);
	enum err_code code = kafka_client_new(config, "test", ret_client, err);
	config_free(config);
	if (file)
		(void)unlink(path);
	return code;
}

static void partitions_are_those_of_javas_default_partitioner(void **state)
{
	(void)state;
	static const char *const keys[] = {
	        "", "4", "34", "234", "1234", "kafka", "vQm3x-Yz_0123456789abcdE", "\xff\xfe\x80"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		for (int32_t count = 1; count < 40; count += 3)
			assert_int_equal(
			        kafka_partition(keys[i], strlen(keys[i]), count),
			        rd_kafka_msg_partitioner_murmur2(NULL, keys[i], strlen(keys[i]), count, NULL, NULL));
}

static void a_lease_token_behind_the_id_does_not_move_it(void **state)
{
	(void)state;
	for (int32_t count = 1; count < 64; count++) {
		assert_int_equal(kafka_partition("vabc!0123456789abcdef", 21, count),
		                 kafka_partition("vabc", 4, count));
		assert_int_equal(kafka_partition("!", 1, count), kafka_partition("", 0, count));
	}
}

static void a_key_hashed_in_two_steps_stands_where_it_stands_in_one(void **state)
{
	static const char key[] = "v0123456789-_abcdefXYZ\xff\x80";
	(void)state;
	for (size_t len = 0; len < sizeof key; len++) {
		for (int32_t count = 1; count < 40; count += 3) {
			size_t shared = len - len % 4;
			uint32_t begun = kafka_partition_begin(key, shared, len);
			assert_int_equal(kafka_partition_end(begun, key + shared, len - shared, count),
			                 rd_kafka_msg_partitioner_murmur2(NULL, key, len, count, NULL, NULL));
		}
	}
}

static void names_carry_the_prefix_and_lose_it_again(void **state)
{
	(void)state;
	struct kafka_client *client;
	char out[TOPIC_BYTES], long_name[300];
	assert_int_equal(client_of("127.0.0.1:1", NULL, &client, NULL), ERR_OK);
	assert_int_equal(kafka_client_name(client, "results", out), ERR_OK);
	assert_string_equal(out, "t.results");
	assert_string_equal(kafka_client_bare(client, out), "results");
	assert_string_equal(kafka_client_bare(client, "other"), "other");
	memset(long_name, 'x', sizeof long_name);
	long_name[247] = '\0';
	assert_int_equal(kafka_client_name(client, long_name, out), ERR_OK);
	long_name[247] = 'x';
	long_name[248] = '\0';
	assert_int_equal(kafka_client_name(client, long_name, out), ERR_LIMIT);
	kafka_client_free(client);
}

static void the_file_passes_settings_through_and_wins_over_tuning(void **state)
{
	(void)state;
	struct kafka_client *client;
	rd_kafka_conf_t *conf;
	char value[64];
	size_t len = sizeof value;
	assert_int_equal(client_of("127.0.0.1:1",
	                           "# a comment\n\n  security.protocol = sasl_ssl \r\nsasl.password=a=b#c\n"
	                           "reconnect.backoff.max.ms=7777\nsasl.mechanism=PLAIN",
	                           &client, NULL),
	                 ERR_OK);
	assert_int_equal(kafka_client_conf(client, &conf, NULL), ERR_OK);
	assert_int_equal(rd_kafka_conf_get(conf, "sasl.password", value, &len), RD_KAFKA_CONF_OK);
	assert_string_equal(value, "a=b#c");
	len = sizeof value;
	assert_int_equal(rd_kafka_conf_get(conf, "reconnect.backoff.max.ms", value, &len), RD_KAFKA_CONF_OK);
	assert_string_equal(value, "7777");
	assert_int_equal(kafka_client_default(client, conf, "reconnect.backoff.max.ms", "5", NULL), ERR_OK);
	assert_int_equal(kafka_client_default(client, conf, "no.such.setting", "5", NULL), ERR_OK);
	len = sizeof value;
	assert_int_equal(rd_kafka_conf_get(conf, "reconnect.backoff.max.ms", value, &len), RD_KAFKA_CONF_OK);
	assert_string_equal(value, "7777");
	rd_kafka_conf_destroy(conf);
	kafka_client_free(client);
}

/* Clouds ask for longer sessions, and tests for shorter ones; what is stored when is not theirs to say. */
static void a_file_may_set_how_long_a_silent_member_is_waited_for(void **state)
{
	(void)state;
	struct kafka_client *client;
	assert_int_equal(
	        client_of("127.0.0.1:1", "session.timeout.ms=30000\nmax.poll.interval.ms=60000", &client, NULL),
	        ERR_OK);
	kafka_client_free(client);
	assert_int_equal(client_of("127.0.0.1:1", "enable.auto.commit=false", &client, NULL), ERR_INVALID);
}

static void a_bad_line_is_named_by_number_and_its_value_is_kept_secret(void **state)
{
	(void)state;
	static const struct {
		const char *file, *says;
	} cases[] = {
	        {"enable.idempotence=false", "line 1: enable.idempotence"},
	        {"\nacks = 1", "line 2: acks"},
	        {"enable.auto.offset.store=true", "enable.auto.offset.store"},
	        {"enable.auto.commit=false", "enable.auto.commit"},
	        {"group.id=s3cret", "group.id"},
	        {"auto.offset.reset=latest", "auto.offset.reset"},
	        {"partition.assignment.strategy=cooperative-sticky", "partition.assignment.strategy"},
	        {"bootstrap.servers=s3cret", "bootstrap.servers"},
	        {"metadata.broker.list=s3cret", "metadata.broker.list"},
	        {"client.id=s3cret", "client.id"},
	        {"group.instance.id=s3cret", "group.instance.id"},
	        {"partitioner=random", "partitioner"},
	        {"# ok\nsecurity.protocol=s3cret", "line 2: security.protocol"},
	        {"no.such.setting=s3cret", "line 1: no.such.setting"},
	        {"S3cretS3cret==", "line 1: (name withheld)"},
	        {"s3cret alone", "line 1: not name=value"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct kafka_client *client = NULL;
		struct err err = {0};
		assert_int_equal(client_of("127.0.0.1:1", cases[i].file, &client, &err), ERR_INVALID);
		assert_null(client);
		assert_non_null(strstr(err.msg, cases[i].says));
		assert_null(strstr(err.msg, "3cret"));
	}
}

/* librdkafka reads them when a handle is made. */
static void a_key_or_certificate_that_cannot_be_read_is_named_and_nothing_crashes(void **state)
{
	(void)state;
	static const char *const names[] = {"ssl.key.location", "ssl.certificate.location", "ssl.ca.location"};
	const struct kafka_admin_options options = {.partitions = 1, .replication = -1, .timeout_ms = 100};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct kafka_client *client;
		struct err err = {0};
		rd_kafka_t *rk = NULL;
		char file[128];
		(void)snprintf(file, sizeof file, "security.protocol=ssl\n%s=/nowhere/s3cret\n", names[i]);
		assert_int_equal(client_of("127.0.0.1:1", file, &client, &err), ERR_OK);
		assert_int_equal(kafka_lookup_open(client, RD_KAFKA_CONSUMER, NULL, &rk, &err), ERR_INVALID);
		assert_null(rk);
		assert_non_null(strstr(err.msg, names[i]));
		assert_null(strstr(err.msg, "s3cret"));
		assert_int_equal(kafka_admin_check(client, &options, stderr, &err), ERR_INVALID);
		assert_non_null(strstr(err.msg, names[i]));
		kafka_client_free(client);
	}
}

static void every_topic_the_domain_knows_is_in_the_table(void **state)
{
	(void)state;
	const struct kafka_topic *topics;
	size_t count = kafka_topics(&topics), delays = 0, requests = 0;
	for (size_t i = 0; i < count; i++) {
		for (int tier = 0; tier < DELAY_TIER_COUNT; tier++)
			delays += strcmp(topics[i].name, delay_tiers()[tier].topic) == 0 && topics[i].append_time;
		for (int operation = 0; operation < OPERATION_COUNT; operation++)
			requests += strcmp(topics[i].name, operation_info((enum operation)operation)->topic) == 0;
		assert_int_equal(topics[i].compact, strcmp(topics[i].name, "results") == 0);
	}
	assert_int_equal(delays, DELAY_TIER_COUNT);
	assert_int_equal(requests, OPERATION_COUNT);
	assert_int_equal(count, requests + delays + 2);
}

struct broker {
	rd_kafka_t *host;
	rd_kafka_mock_cluster_t *cluster;
	struct kafka_client *client;
};

static struct broker start_broker(void)
{
	struct broker broker;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	assert_int_equal(rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", NULL, 0), RD_KAFKA_CONF_OK);
	broker.host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
	broker.cluster = rd_kafka_handle_mock_cluster(broker.host);
	assert_int_equal(client_of(rd_kafka_mock_cluster_bootstraps(broker.cluster), NULL, &broker.client, NULL),
	                 ERR_OK);
	return broker;
}

static void end_broker(struct broker *broker)
{
	kafka_client_free(broker->client);
	rd_kafka_destroy(broker->host);
}

struct seen {
	int records, stop_after;
	int64_t next[4];
};

static bool on_record(void *ctx, const struct kafka_scan_record *record)
{
	struct seen *seen = ctx;
	char header[8];
	seen->records++;
	assert_int_equal(record->offset, seen->next[record->partition]);
	seen->next[record->partition]++;
	assert_true(kafka_scan_header(record, "verifyd-class", header, sizeof header));
	assert_string_equal(header, "refused");
	assert_false(kafka_scan_header(record, "verifyd-class", header, 7));
	assert_string_equal(header, "");
	assert_false(kafka_scan_header(record, "absent", header, sizeof header));
	return seen->records != seen->stop_after;
}

static void a_scan_sees_every_record_of_every_partition_once(void **state)
{
	(void)state;
	struct broker broker = start_broker();
	struct seen all = {0}, one = {0}, early = {.stop_after = 3}, none = {0};
	assert_int_equal(rd_kafka_mock_topic_create(broker.cluster, "t.dead", 4, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(rd_kafka_mock_topic_create(broker.cluster, "t.results", 4, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
	for (int i = 0; i < 60; i++) /* partition 3 stays empty */
		assert_int_equal(rd_kafka_producev(broker.host, RD_KAFKA_V_TOPIC("t.dead"), RD_KAFKA_V_PARTITION(i % 3),
		                                   RD_KAFKA_V_KEY("k", 1), RD_KAFKA_V_VALUE("{}", 2),
		                                   RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		                                   RD_KAFKA_V_HEADER("verifyd-class", "refused", -1), RD_KAFKA_V_END),
		                 RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(rd_kafka_flush(broker.host, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(kafka_scan(broker.client, "dead", -1, 10000, on_record, &all, NULL, NULL), ERR_OK);
	assert_int_equal(all.records, 60);
	assert_int_equal(kafka_scan(broker.client, "dead", 1, 10000, on_record, &one, NULL, NULL), ERR_OK);
	assert_int_equal(one.records, 20);
	assert_int_equal(one.next[1], 20);
	assert_int_equal(kafka_scan(broker.client, "dead", -1, 10000, on_record, &early, NULL, NULL), ERR_OK);
	assert_int_equal(early.records, 3);
	assert_int_equal(kafka_scan(broker.client, "results", -1, 10000, on_record, &none, NULL, NULL), ERR_OK);
	assert_int_equal(kafka_scan(broker.client, "gone", -1, 10000, on_record, &none, NULL, NULL), ERR_NOT_FOUND);
	assert_int_equal(kafka_scan(broker.client, "dead", 4, 10000, on_record, &none, NULL, NULL), ERR_NOT_FOUND);
	assert_int_equal(none.records, 0);
	assert_int_equal(kafka_partition_count(broker.client, "dead", 5000), 4);
	assert_int_equal(kafka_partition_count(broker.client, "gone", 5000), -1);
	end_broker(&broker);
}

static bool count(void *ctx, const struct kafka_scan_record *record)
{
	struct seen *seen = ctx;
	seen->records++;
	seen->next[record->partition] = record->offset + 1;
	return true;
}

static void commit(const struct broker *broker, const char *group, int32_t partition, int64_t offset)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(broker->cluster),
	                                   NULL, 0),
	                 RD_KAFKA_CONF_OK);
	assert_int_equal(rd_kafka_conf_set(conf, "group.id", group, NULL, 0), RD_KAFKA_CONF_OK);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
	assert_non_null(rk);
	rd_kafka_topic_partition_list_add(list, "t.dead", partition)->offset = offset;
	assert_int_equal(rd_kafka_commit(rk, list, 0), RD_KAFKA_RESP_ERR_NO_ERROR);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(rk);
}

static void what_a_group_has_not_done_is_read_from_its_commits_on(void **state)
{
	(void)state;
	struct broker broker = start_broker();
	struct seen some = {0}, none = {0}, all = {0};
	assert_int_equal(rd_kafka_mock_topic_create(broker.cluster, "t.dead", 3, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
	for (int i = 0; i < 30; i++)
		assert_int_equal(rd_kafka_producev(broker.host, RD_KAFKA_V_TOPIC("t.dead"), RD_KAFKA_V_PARTITION(i % 3),
		                                   RD_KAFKA_V_VALUE("{}", 2), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		                                   RD_KAFKA_V_END),
		                 RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(rd_kafka_flush(broker.host, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
	commit(&broker, "t.workers", 0, 7);
	commit(&broker, "t.workers", 1, 10);
	assert_int_equal(kafka_scan_undone(broker.client, "dead", "workers", 10000, count, &some, NULL), ERR_OK);
	assert_int_equal(some.records, 3 + 0 + 10); /* nothing was committed of the third */
	assert_int_equal(some.next[0], 10);
	assert_int_equal(some.next[1], 0);
	for (int32_t partition = 0; partition < 3; partition++)
		commit(&broker, "t.workers", partition, 10);
	assert_int_equal(kafka_scan_undone(broker.client, "dead", "workers", 10000, count, &none, NULL), ERR_OK);
	assert_int_equal(none.records, 0);
	assert_int_equal(kafka_scan_undone(broker.client, "dead", "others", 10000, count, &all, NULL), ERR_OK);
	assert_int_equal(all.records, 30);
	end_broker(&broker);
}

/* This broker knows no CreateTopics and no DescribeConfigs, which is told at once and not when the time is up. */
static void topics_that_are_there_satisfy_create_and_a_missing_one_is_named(void **state)
{
	(void)state;
	struct broker broker = start_broker();
	const struct kafka_admin_options options = {3, -1, (int64_t)30 * 24 * 3600 * 1000, 60000};
	const struct kafka_topic *topics;
	size_t count = kafka_topics(&topics), len = 0;
	char full[TOPIC_BYTES], *text = NULL;
	struct err err = {0};
	int64_t start_ms = clock_mono_ms();
	for (size_t i = 1; i < count; i++) {
		assert_int_equal(kafka_client_name(broker.client, topics[i].name, full), ERR_OK);
		assert_int_equal(rd_kafka_mock_topic_create(broker.cluster, full, 3, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
	}
	FILE *report = open_memstream(&text, &len);
	assert_int_equal(kafka_admin_create(broker.client, &options, report, &err), ERR_CONFLICT);
	assert_int_equal(kafka_admin_check(broker.client, &options, report, &err), ERR_CONFLICT);
	assert_int_equal(fflush(report), 0);
	assert_int_equal(kafka_client_name(broker.client, topics[0].name, full), ERR_OK);
	assert_non_null(strstr(text, full));
	assert_non_null(strstr(text, "missing"));
	assert_int_equal(rd_kafka_mock_topic_create(broker.cluster, full, 3, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(kafka_admin_create(broker.client, &options, report, &err), ERR_OK);
	assert_int_equal(kafka_admin_check(broker.client, &options, report, &err), ERR_OK);
	assert_in_range(clock_mono_ms() - start_ms, 0, options.timeout_ms / 2);
	assert_int_equal(fclose(report), 0);
	free(text);
	end_broker(&broker);
}

static void a_broker_that_is_away_is_unavailable(void **state)
{
	(void)state;
	struct kafka_client *client;
	struct seen none = {0};
	const struct kafka_admin_options options = {3, -1, 3600000, 300};
	assert_int_equal(client_of("127.0.0.1:1", NULL, &client, NULL), ERR_OK);
	FILE *report = fopen("/dev/null", "we");
	assert_non_null(report);
	assert_int_equal(kafka_admin_create(client, &options, report, NULL), ERR_UNAVAILABLE);
	assert_int_equal(kafka_admin_check(client, &options, report, NULL), ERR_UNAVAILABLE);
	assert_int_equal(kafka_scan(client, "dead", -1, 300, on_record, &none, NULL, NULL), ERR_UNAVAILABLE);
	assert_int_equal(kafka_partition_count(client, "dead", 300), -1);
	assert_int_equal(fclose(report), 0);
	kafka_client_free(client);
}

int main(void)
{
	log_init("kafka_client_test", LOG_ERROR);
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(partitions_are_those_of_javas_default_partitioner),
	        cmocka_unit_test(a_lease_token_behind_the_id_does_not_move_it),
	        cmocka_unit_test(a_key_hashed_in_two_steps_stands_where_it_stands_in_one),
	        cmocka_unit_test(names_carry_the_prefix_and_lose_it_again),
	        cmocka_unit_test(the_file_passes_settings_through_and_wins_over_tuning),
	        cmocka_unit_test(a_file_may_set_how_long_a_silent_member_is_waited_for),
	        cmocka_unit_test(a_bad_line_is_named_by_number_and_its_value_is_kept_secret),
	        cmocka_unit_test(a_key_or_certificate_that_cannot_be_read_is_named_and_nothing_crashes),
	        cmocka_unit_test(every_topic_the_domain_knows_is_in_the_table),
	        cmocka_unit_test(a_scan_sees_every_record_of_every_partition_once),
	        cmocka_unit_test(what_a_group_has_not_done_is_read_from_its_commits_on),
	        cmocka_unit_test(topics_that_are_there_satisfy_create_and_a_missing_one_is_named),
	        cmocka_unit_test(a_broker_that_is_away_is_unavailable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
