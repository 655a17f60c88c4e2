/* kafka_survey: metadata, DescribeConfigs, DescribeGroups, and what librdkafka notes of a broker's ApiVersions. */
#include "common/adapters/kafka_survey.h"
#include "common/adapters/kafka_lookup.h"
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { API_FETCH = 1, API_JOIN_GROUP = 11 };

static const int64_t work_retention_ms = (int64_t)7 * 24 * 3600 * 1000;
/* So that a reader who is an hour behind still sees each state. */
static const char compaction_lag_ms[] = "3600000";

static const char *const setting_names[KAFKA_SURVEY_SETTINGS] = {
        [KAFKA_CLEANUP_POLICY] = "cleanup.policy",        [KAFKA_RETENTION] = "retention.ms",
        [KAFKA_COMPACTION_LAG] = "min.compaction.lag.ms", [KAFKA_TIMESTAMP_TYPE] = "message.timestamp.type",
        [KAFKA_MIN_IN_SYNC] = "min.insync.replicas",      [KAFKA_COMPRESSION] = "compression.type",
};

/* ---- needs ---- */

size_t kafka_needs_of(const struct kafka_topic *topic, int64_t result_retention_ms,
                      struct kafka_need out[KAFKA_NEEDS_MAX])
{
	size_t count = 0;
	out[count] = (struct kafka_need){setting_names[KAFKA_CLEANUP_POLICY], "delete"};
	if (topic->compact)
		(void)snprintf(out[count].value, KAFKA_VALUE_BYTES, "compact,delete");
	count++;
	out[count] = (struct kafka_need){.name = setting_names[KAFKA_RETENTION]};
	(void)snprintf(out[count++].value, KAFKA_VALUE_BYTES, "%" PRId64,
	               topic->compact ? result_retention_ms : work_retention_ms);
	if (topic->compact) {
		out[count] = (struct kafka_need){.name = setting_names[KAFKA_COMPACTION_LAG]};
		(void)snprintf(out[count++].value, KAFKA_VALUE_BYTES, "%s", compaction_lag_ms);
	}
	if (topic->append_time)
		out[count++] = (struct kafka_need){setting_names[KAFKA_TIMESTAMP_TYPE], "LogAppendTime"};
	return count;
}

/* retention.ms: -1 is for ever, the largest. */
bool kafka_need_is_met(const struct kafka_need *need, const char *value)
{
	if (strcmp(need->name, setting_names[KAFKA_COMPACTION_LAG]) == 0)
		return true; /* advice for new topics only */
	if (strcmp(need->name, setting_names[KAFKA_RETENTION]) == 0) {
		int64_t has = strtoll(value, NULL, 10);
		return has < 0 || has >= strtoll(need->value, NULL, 10);
	}
	if (strcmp(value, "delete,compact") == 0)
		value = "compact,delete";
	return strcmp(value, need->value) == 0;
}

const char *kafka_survey_setting_name(enum kafka_survey_setting setting)
{
	return setting_names[setting];
}

const char *kafka_survey_value(const struct kafka_survey_topic *topic, const char *name)
{
	for (size_t i = 0; i < KAFKA_SURVEY_SETTINGS; i++)
		if (strcmp(setting_names[i], name) == 0)
			return topic->settings[i];
	return "";
}

/* Returns: -1 when it is not told. */
static int64_t retention_of(const struct kafka_survey_topic *topic)
{
	const char *value = topic->settings[KAFKA_RETENTION];
	int64_t ms = *value ? strtoll(value, NULL, 10) : -1;
	return *value && ms < 0 ? INT64_MAX : ms;
}

int64_t kafka_survey_results_ms(const struct kafka_survey *survey)
{
	for (size_t i = 0; i < survey->topic_count; i++)
		if (survey->topics[i].topic->compact && retention_of(&survey->topics[i]) >= 0)
			return retention_of(&survey->topics[i]);
	return INT64_MAX;
}

int64_t kafka_survey_longest_ms(const struct kafka_survey *survey)
{
	int64_t longest = 0;
	for (size_t i = 0; i < survey->topic_count; i++) {
		int64_t ms = retention_of(&survey->topics[i]);
		if (!survey->topics[i].topic->compact && ms > longest)
			longest = ms;
	}
	return longest;
}

bool kafka_survey_is_request(const struct kafka_survey_topic *topic)
{
	return strncmp(topic->topic->name, "requests.", strlen("requests.")) == 0;
}

/* ---- what brokers speak ---- */

/* The versions are nowhere to be had but in the lines of debug=feature, the same in 2.0 and 2.8:
 * "…  ApiKey Fetch (1) Versions 4..17". From librdkafka's threads. */
struct heard {
	struct kafka_owner owner; /* first: librdkafka's opaque */
	atomic_int fetch_max, join_min;
};

/* Reads "(1) Versions 4..17". */
static bool take_numbers(const char *at, long numbers[3])
{
	static const char *const before[3] = {"(", ") Versions ", ".."};
	for (size_t i = 0; i < 3; i++) {
		size_t len = strlen(before[i]);
		char *end;
		if (strncmp(at, before[i], len) != 0)
			return false;
		numbers[i] = strtol(at + len, &end, 10);
		if (end == at + len || numbers[i] < 0 || numbers[i] > INT16_MAX)
			return false;
		at = end;
	}
	return true;
}

static void on_line(const rd_kafka_t *rk, int level, const char *facility, const char *line)
{
	struct heard *heard = rk ? rd_kafka_opaque(rk) : NULL;
	const char *at = strstr(line, "ApiKey ");
	long numbers[3]; /* key, least and greatest version */
	(void)level;
	(void)facility;
	at = at ? strchr(at, '(') : NULL;
	if (!heard || !at || !take_numbers(at, numbers))
		return;
	if (numbers[0] == API_FETCH)
		atomic_store(&heard->fetch_max, (int)numbers[2]);
	if (numbers[0] == API_JOIN_GROUP)
		atomic_store(&heard->join_min, (int)numbers[1]);
}

static enum err_code open_listening(const struct kafka_client *client, struct heard *heard, rd_kafka_t **ret_rk,
                                    struct err *err)
{
	rd_kafka_conf_t *conf;
	enum err_code code = kafka_client_conf(client, &conf, err);
	if (code != ERR_OK)
		return code;
	rd_kafka_conf_set_opaque(conf, heard);
	rd_kafka_conf_set_log_cb(conf, on_line);
	code = kafka_client_set(conf, "debug", "feature", err);
	if (code == ERR_OK)
		return kafka_client_open(RD_KAFKA_PRODUCER, conf, ret_rk, err);
	rd_kafka_conf_destroy(conf);
	return code;
}

/* ---- topics ---- */

static void look_at_parts(struct kafka_survey_topic *topic, kafka_lookup_topic_t *there)
{
	topic->partitions = there->partition_cnt;
	for (int i = 0; i < there->partition_cnt; i++) {
		const struct rd_kafka_metadata_partition *part = &there->partitions[i];
		topic->leaderless += part->leader < 0;
		if (i == 0 || part->replica_cnt < topic->copies)
			topic->copies = part->replica_cnt;
		if (i == 0 || part->isr_cnt < topic->in_sync)
			topic->in_sync = part->isr_cnt;
	}
}

static bool is_listed(const struct kafka_survey *survey, const char *full)
{
	for (size_t i = 0; i < survey->topic_count; i++)
		if (strcmp(survey->topics[i].name, full) == 0)
			return true;
	return false;
}

/* Two kinds may share a topic, which then stands twice in the table. */
static enum err_code look_at_topics(const struct kafka_client *client, kafka_lookup_t *metadata,
                                    struct kafka_survey *survey, struct err *err)
{
	const struct kafka_topic *topics;
	size_t count = kafka_topics(&topics);
	for (size_t i = 0; i < count; i++) {
		struct kafka_survey_topic *topic = &survey->topics[survey->topic_count];
		char full[TOPIC_BYTES];
		if (kafka_client_name(client, topics[i].name, full) != ERR_OK ||
		    survey->topic_count == KAFKA_SURVEY_TOPICS)
			return err_set(err, ERR_INVALID, "topic %s: name too long, or one too many", topics[i].name);
		if (is_listed(survey, full))
			continue;
		*topic = (struct kafka_survey_topic){.topic = &topics[i]};
		memcpy(topic->name, full, sizeof full);
		kafka_lookup_topic_t *there = kafka_lookup_find(metadata, full);
		if (there)
			look_at_parts(topic, there);
		survey->topic_count++;
	}
	return ERR_OK;
}

static void take_settings(struct kafka_survey *survey, const rd_kafka_ConfigResource_t *resource)
{
	size_t count;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
	for (size_t i = 0; i < survey->topic_count; i++) {
		struct kafka_survey_topic *topic = &survey->topics[i];
		if (strcmp(topic->name, rd_kafka_ConfigResource_name(resource)) != 0)
			continue;
		for (size_t j = 0; j < count * KAFKA_SURVEY_SETTINGS; j++) {
			const rd_kafka_ConfigEntry_t *entry = entries[j / KAFKA_SURVEY_SETTINGS];
			size_t setting = j % KAFKA_SURVEY_SETTINGS;
			const char *value = rd_kafka_ConfigEntry_value(entry);
			if (value && strcmp(rd_kafka_ConfigEntry_name(entry), setting_names[setting]) == 0)
				(void)snprintf(topic->settings[setting], KAFKA_VALUE_BYTES, "%s", value);
		}
	}
}

static void ask_settings(rd_kafka_t *rk, struct kafka_survey *survey, rd_kafka_ConfigResource_t **asked, size_t count,
                         int wait_ms)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_DescribeConfigs(rk, asked, count, NULL, queue);
	rd_kafka_event_t *event = kafka_lookup_await(queue, RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT, wait_ms);
	survey->settings_told = event && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR;
	if (survey->settings_told) {
		size_t told;
		const rd_kafka_ConfigResource_t **resources =
		        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &told);
		for (size_t i = 0; i < told; i++)
			take_settings(survey, resources[i]);
	} else {
		(void)snprintf(survey->settings_why, sizeof survey->settings_why, "%s", kafka_lookup_refusal(event));
	}
	rd_kafka_event_destroy(event); /* accepts NULL */
	rd_kafka_queue_destroy(queue);
}

static void look_at_settings(rd_kafka_t *rk, struct kafka_survey *survey, int wait_ms)
{
	rd_kafka_ConfigResource_t *asked[KAFKA_SURVEY_TOPICS];
	size_t count = 0;
	for (size_t i = 0; i < survey->topic_count; i++)
		if (survey->topics[i].partitions > 0 &&
		    (asked[count] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, survey->topics[i].name)))
			count++;
	if (count > 0)
		ask_settings(rk, survey, asked, count, wait_ms);
	rd_kafka_ConfigResource_destroy_array(asked, count);
}

enum err_code kafka_survey_look(const struct kafka_client *client, int timeout_ms, struct kafka_survey *ret_survey,
                                struct err *err)
{
	struct heard heard = {.owner = {client}};
	rd_kafka_t *rk = NULL;
	kafka_lookup_t *metadata = NULL;
	atomic_init(&heard.fetch_max, -1);
	atomic_init(&heard.join_min, -1);
	struct kafka_survey *survey = calloc(1, sizeof *survey);
	if (!survey)
		return err_set(err, ERR_NO_MEMORY, "kafka survey");
	enum err_code code = open_listening(client, &heard, &rk, err);
	if (code != ERR_OK) {
		free(survey);
		return code;
	}
	code = kafka_lookup_fetch(rk, timeout_ms, &metadata, err);
	if (code == ERR_OK) {
		survey->brokers = metadata->broker_cnt;
		code = look_at_topics(client, metadata, survey, err);
	}
	if (code == ERR_OK)
		look_at_settings(rk, survey, kafka_lookup_patience_ms(rk, metadata, timeout_ms));
	if (metadata)
		rd_kafka_metadata_destroy(metadata);
	rd_kafka_destroy(rk);
	survey->fetch_max = atomic_load(&heard.fetch_max);
	survey->join_min = atomic_load(&heard.join_min);
	if (code == ERR_OK)
		*ret_survey = *survey;
	free(survey);
	return code;
}

/* ---- groups ---- */

enum err_code kafka_survey_members(const struct kafka_client *client, const char *group, int timeout_ms,
                                   int *ret_members, struct err *err)
{
	const struct rd_kafka_group_list *list = NULL;
	char full[TOPIC_BYTES];
	rd_kafka_t *rk;
	enum err_code code = kafka_client_name(client, group, full);
	if (code != ERR_OK)
		return err_set(err, ERR_INVALID, "group %s: name too long", group);
	code = kafka_lookup_open(client, RD_KAFKA_PRODUCER, NULL, &rk, err);
	if (code != ERR_OK)
		return code;
	/* Not the admin client's DescribeConsumerGroups: that of librdkafka 2.0.2 asks a coordinator, and ends the
	 * process when that goes away meanwhile. */
	rd_kafka_resp_err_t error = rd_kafka_list_groups(rk, full, &list, timeout_ms);
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR__PARTIAL) {
		*ret_members = list && list->group_cnt > 0 ? list->groups[0].member_cnt : 0;
	} else {
		code = err_set(err, ERR_UNAVAILABLE, "group %s: %s", full, rd_kafka_err2name(error));
	}
	if (list)
		rd_kafka_group_list_destroy(list);
	rd_kafka_destroy(rk);
	return code;
}
