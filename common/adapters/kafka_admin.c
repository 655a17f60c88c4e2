/* kafka_admin: blocking calls on a handle that lives for one call. Changes nothing of a topic that is there. */
#include "common/adapters/kafka_admin.h"
#include "common/adapters/kafka_lookup.h"
#include "common/base/clock.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TOPICS = 64, VALUE_BYTES = 64 };

static const int64_t work_retention_ms = (int64_t)7 * 24 * 3600 * 1000;
/* So that a reader who is an hour behind still sees each state. */
static const char compaction_lag_ms[] = "3600000";

/* Two kinds may share a topic, which then stands twice in the table. */
static bool is_repeated(const struct kafka_topic *topics, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (strcmp(topics[i].name, topics[index].name) == 0)
			return true;
	return false;
}

/* How long an admin call is worth waiting for. It goes to the controller, and librdkafka waits for one that is not
 * among the brokers, as the dev broker's never is, until the time is up. -1: there is none just now, so one may come.
 */
static int patience_ms(rd_kafka_t *rk, kafka_lookup_t *metadata, int timeout_ms)
{
	int32_t controller = rd_kafka_controllerid(rk, 0); /* what came with the metadata */
	for (int i = 0; i < metadata->broker_cnt; i++)
		if (metadata->brokers[i].id == controller)
			return timeout_ms;
	return controller < 0 ? timeout_ms : 0;
}

static const char *refusal(rd_kafka_event_t *event)
{
	return event ? rd_kafka_err2name(rd_kafka_event_error(event)) : "no controller answers";
}

/* Waits for the one answer of an admin call. Returns: the event, ended by rd_kafka_event_destroy, or NULL. */
static rd_kafka_event_t *await(rd_kafka_queue_t *queue, rd_kafka_event_type_t type, int timeout_ms)
{
	int64_t until = clock_mono_ms() + timeout_ms;
	for (int64_t now = clock_mono_ms(); now < until; now = clock_mono_ms()) {
		rd_kafka_event_t *event = rd_kafka_queue_poll(queue, (int)(until - now));
		if (event && rd_kafka_event_type(event) == type)
			return event;
		rd_kafka_event_destroy(event); /* accepts NULL */
	}
	return NULL;
}

/* What a topic of the table needs, as broker settings. Returns: how many. */
enum { MAX_NEEDS = 4 };
struct need {
	const char *name;
	char value[VALUE_BYTES];
};

static size_t needs_of(const struct kafka_topic *topic, int64_t result_retention_ms, struct need out[MAX_NEEDS])
{
	size_t count = 0;
	out[count] = (struct need){"cleanup.policy", "delete"};
	if (topic->compact)
		(void)snprintf(out[count].value, VALUE_BYTES, "compact,delete");
	count++;
	out[count] = (struct need){.name = "retention.ms"};
	(void)snprintf(out[count++].value, VALUE_BYTES, "%" PRId64,
	               topic->compact ? result_retention_ms : work_retention_ms);
	if (topic->compact) {
		out[count] = (struct need){.name = "min.compaction.lag.ms"};
		(void)snprintf(out[count++].value, VALUE_BYTES, "%s", compaction_lag_ms);
	}
	if (topic->append_time)
		out[count++] = (struct need){"message.timestamp.type", "LogAppendTime"};
	return count;
}

static rd_kafka_NewTopic_t *new_topic(const struct kafka_topic *topic, const char *full,
                                      const struct kafka_admin_options *options)
{
	struct need needs[MAX_NEEDS];
	size_t count = needs_of(topic, options->result_retention_ms, needs);
	rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(full, options->partitions, options->replication, NULL, 0);
	for (size_t i = 0; made && i < count; i++) {
		if (rd_kafka_NewTopic_set_config(made, needs[i].name, needs[i].value) != RD_KAFKA_RESP_ERR_NO_ERROR) {
			rd_kafka_NewTopic_destroy(made);
			return NULL;
		}
	}
	return made;
}

static enum err_code report_created(const rd_kafka_event_t *event, FILE *report, struct err *err)
{
	size_t count = 0, refused = 0;
	const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(
	        rd_kafka_event_CreateTopics_result((rd_kafka_event_t *)event), &count);
	for (size_t i = 0; i < count; i++) {
		rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
		bool is_made = error == RD_KAFKA_RESP_ERR_NO_ERROR;
		bool is_there = error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS; /* somebody was faster */
		refused += !is_made && !is_there;
		(void)fprintf(report, "%s: %s%s\n", rd_kafka_topic_result_name(results[i]),
		              is_made    ? "made"
		              : is_there ? "is there"
		                         : "refused: ",
		              is_made || is_there ? "" : rd_kafka_err2str(error));
	}
	if (refused > 0)
		return err_set(err, ERR_CONFLICT, "the broker refused %zu topics", refused);
	return ERR_OK;
}

/* The broker told its topics a moment ago, so one that does not answer now makes no topics: the dev broker. */
static enum err_code create(rd_kafka_t *rk, rd_kafka_NewTopic_t **wanted, size_t count, int timeout_ms, FILE *report,
                            struct err *err)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_CreateTopics(rk, wanted, count, NULL, queue);
	rd_kafka_event_t *event = await(queue, RD_KAFKA_EVENT_CREATETOPICS_RESULT, timeout_ms);
	enum err_code code;
	if (event && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = report_created(event, report, err);
	else
		code = err_set(err, ERR_CONFLICT, "%zu topics are missing and this broker made none: %s", count,
		               refusal(event));
	rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	return code;
}

enum err_code kafka_admin_create(const struct kafka_client *client, const struct kafka_admin_options *options,
                                 FILE *report, struct err *err)
{
	const struct kafka_topic *topics;
	rd_kafka_NewTopic_t *wanted[MAX_TOPICS];
	size_t topic_count = kafka_topics(&topics), count = 0;
	rd_kafka_t *rk;
	kafka_lookup_t *metadata = NULL;
	char full[TOPIC_BYTES];
	enum err_code code = kafka_lookup_open(client, RD_KAFKA_PRODUCER, NULL, &rk, err);
	if (code != ERR_OK)
		return code;
	code = kafka_lookup_fetch(rk, options->timeout_ms, &metadata, err);
	for (size_t i = 0; code == ERR_OK && i < topic_count; i++) {
		kafka_lookup_topic_t *there;
		if (is_repeated(topics, i))
			continue;
		if (count == MAX_TOPICS || kafka_client_name(client, topics[i].name, full) != ERR_OK)
			code = err_set(err, ERR_INVALID, "topic %s: name too long, or one too many", topics[i].name);
		else if ((there = kafka_lookup_find(metadata, full)))
			(void)fprintf(report, "%s: is there, %d partitions\n", full, there->partition_cnt);
		else if ((wanted[count] = new_topic(&topics[i], full, options)))
			count++;
		else
			code = err_set(err, ERR_INVALID, "topic %s: partitions or replication out of range", full);
	}
	if (code == ERR_OK && count > 0)
		code = create(rk, wanted, count, patience_ms(rk, metadata, options->timeout_ms), report, err);
	for (size_t i = 0; i < count; i++)
		rd_kafka_NewTopic_destroy(wanted[i]);
	if (metadata)
		rd_kafka_metadata_destroy(metadata);
	rd_kafka_destroy(rk);
	return code;
}

static const char *setting_of(const rd_kafka_ConfigResource_t *resource, const char *name)
{
	size_t count;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0)
			return rd_kafka_ConfigEntry_value(entries[i]);
	return NULL;
}

/* retention.ms: -1 is for ever, the largest. Returns: whether what is set will do for what is needed. */
static bool will_do(const struct need *need, const char *value)
{
	if (strcmp(need->name, "min.compaction.lag.ms") == 0)
		return true; /* advice for new topics only */
	if (strcmp(need->name, "retention.ms") == 0) {
		int64_t has = strtoll(value, NULL, 10);
		return has < 0 || has >= strtoll(need->value, NULL, 10);
	}
	if (strcmp(value, "delete,compact") == 0)
		value = "compact,delete";
	return strcmp(value, need->value) == 0;
}

static size_t check_settings(const struct kafka_topic *topic, const rd_kafka_ConfigResource_t *resource,
                             int64_t result_retention_ms, FILE *report)
{
	struct need needs[MAX_NEEDS];
	size_t count = needs_of(topic, result_retention_ms, needs), findings = 0;
	for (size_t i = 0; i < count; i++) {
		const char *value = setting_of(resource, needs[i].name);
		if (!value || will_do(&needs[i], value))
			continue;
		findings++;
		(void)fprintf(report, "%s: %s is %s, needs %s\n", rd_kafka_ConfigResource_name(resource), needs[i].name,
		              value, needs[i].value);
	}
	return findings;
}

/* An old dead or delayed record must not outlive the state that says its person was erased. */
static size_t check_retentions(const int64_t *retention_ms, const struct kafka_topic *topics, size_t count,
                               FILE *report)
{
	int64_t longest = 0, results = INT64_MAX;
	for (size_t i = 0; i < count; i++) {
		if (topics[i].compact)
			results = retention_ms[i];
		else if (retention_ms[i] > longest)
			longest = retention_ms[i];
	}
	if (results >= longest)
		return 0;
	(void)fprintf(report,
	              "results: retention.ms %" PRId64 " is shorter than that of dead or delayed records, %" PRId64
	              "\n",
	              results, longest);
	return 1;
}

/* Returns: findings of the settings; none where the broker does not tell them. */
static size_t check_described(const struct kafka_client *client, const rd_kafka_event_t *event,
                              const struct kafka_admin_options *options, FILE *report)
{
	const struct kafka_topic *topics;
	size_t topic_count = kafka_topics(&topics), count, findings = 0;
	int64_t retention_ms[MAX_TOPICS] = {0};
	const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
	        rd_kafka_event_DescribeConfigs_result((rd_kafka_event_t *)event), &count);
	for (size_t i = 0; i < count; i++) {
		const char *bare = kafka_client_bare(client, rd_kafka_ConfigResource_name(resources[i]));
		for (size_t j = 0; j < topic_count && j < MAX_TOPICS; j++) {
			const char *value = setting_of(resources[i], "retention.ms");
			if (strcmp(topics[j].name, bare) != 0 || !value)
				continue;
			retention_ms[j] = strtoll(value, NULL, 10);
			if (retention_ms[j] < 0)
				retention_ms[j] = INT64_MAX;
			findings += check_settings(&topics[j], resources[i], options->result_retention_ms, report);
		}
	}
	return findings +
	       check_retentions(retention_ms, topics, topic_count < MAX_TOPICS ? topic_count : MAX_TOPICS, report);
}

static size_t describe(const struct kafka_client *client, rd_kafka_t *rk, rd_kafka_ConfigResource_t **asked,
                       size_t count, int wait_ms, const struct kafka_admin_options *options, FILE *report)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_DescribeConfigs(rk, asked, count, NULL, queue);
	rd_kafka_event_t *event = await(queue, RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT, wait_ms);
	size_t findings = 0;
	if (event && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR)
		findings = check_described(client, event, options, report);
	else
		(void)fprintf(report,
		              "note: the broker does not tell the topics' settings (%s), so they are not checked\n",
		              refusal(event));
	rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	return findings;
}

/* Request topics of equal width let the range assignor give a pod the same partitions of each. */
static size_t check_width(const struct kafka_topic *topic, kafka_lookup_topic_t *there, int *width, FILE *report)
{
	if (strncmp(topic->name, "requests.", strlen("requests.")) != 0)
		return 0;
	if (*width == 0)
		*width = there->partition_cnt;
	if (*width == there->partition_cnt)
		return 0;
	(void)fprintf(report, "%s: %d partitions, another request topic has %d\n", there->topic, there->partition_cnt,
	              *width);
	return 1;
}

enum err_code kafka_admin_check(const struct kafka_client *client, const struct kafka_admin_options *options,
                                FILE *report, struct err *err)
{
	const struct kafka_topic *topics;
	rd_kafka_ConfigResource_t *asked[MAX_TOPICS];
	size_t topic_count = kafka_topics(&topics), count = 0, findings = 0;
	int width = 0;
	rd_kafka_t *rk;
	kafka_lookup_t *metadata = NULL;
	char full[TOPIC_BYTES];
	enum err_code code = kafka_lookup_open(client, RD_KAFKA_PRODUCER, NULL, &rk, err);
	if (code != ERR_OK)
		return code;
	code = kafka_lookup_fetch(rk, options->timeout_ms, &metadata, err);
	for (size_t i = 0; code == ERR_OK && i < topic_count && count < MAX_TOPICS; i++) {
		if (is_repeated(topics, i) || kafka_client_name(client, topics[i].name, full) != ERR_OK)
			continue;
		kafka_lookup_topic_t *there = kafka_lookup_find(metadata, full);
		(void)fprintf(report, there ? "%s: %d partitions\n" : "%s: missing\n", full,
		              there ? there->partition_cnt : 0);
		if (!there)
			findings++;
		else
			findings += check_width(&topics[i], there, &width, report);
		if (there && (asked[count] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, full)))
			count++;
	}
	if (code == ERR_OK && count > 0)
		findings += describe(client, rk, asked, count, patience_ms(rk, metadata, options->timeout_ms), options,
		                     report);
	if (code == ERR_OK && findings > 0)
		code = err_set(err, ERR_CONFLICT, "%zu findings", findings);
	rd_kafka_ConfigResource_destroy_array(asked, count);
	if (metadata)
		rd_kafka_metadata_destroy(metadata);
	rd_kafka_destroy(rk);
	return code;
}
