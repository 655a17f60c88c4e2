/* kafka_admin: blocking calls on a handle that lives for one call. Changes nothing of a topic that is there. */
#include "common/adapters/kafka_admin.h"
#include "common/adapters/kafka_lookup.h"
#include "common/adapters/kafka_survey.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TOPICS = 64 };

/* Two kinds may share a topic, which then stands twice in the table. */
static bool is_repeated(const struct kafka_topic *topics, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (strcmp(topics[i].name, topics[index].name) == 0)
			return true;
	return false;
}

static rd_kafka_NewTopic_t *new_topic(const struct kafka_topic *topic, const char *full,
                                      const struct kafka_admin_options *options)
{
	struct kafka_need needs[KAFKA_NEEDS_MAX];
	size_t count = kafka_needs_of(topic, options->result_retention_ms, needs);
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
	rd_kafka_event_t *event = kafka_lookup_await(queue, RD_KAFKA_EVENT_CREATETOPICS_RESULT, timeout_ms);
	enum err_code code;
	if (event && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = report_created(event, report, err);
	else
		code = err_set(err, ERR_CONFLICT, "%zu topics are missing and this broker made none: %s", count,
		               kafka_lookup_refusal(event));
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
		code = create(rk, wanted, count, kafka_lookup_patience_ms(rk, metadata, options->timeout_ms), report,
		              err);
	for (size_t i = 0; i < count; i++)
		rd_kafka_NewTopic_destroy(wanted[i]);
	if (metadata)
		rd_kafka_metadata_destroy(metadata);
	rd_kafka_destroy(rk);
	return code;
}

static size_t check_settings(const struct kafka_survey_topic *topic, int64_t result_retention_ms, FILE *report)
{
	struct kafka_need needs[KAFKA_NEEDS_MAX];
	size_t count = kafka_needs_of(topic->topic, result_retention_ms, needs), findings = 0;
	for (size_t i = 0; i < count; i++) {
		const char *value = kafka_survey_value(topic, needs[i].name);
		if (!*value || kafka_need_is_met(&needs[i], value))
			continue;
		findings++;
		(void)fprintf(report, "%s: %s is %s, needs %s\n", topic->name, needs[i].name, value, needs[i].value);
	}
	return findings;
}

/* An old dead or delayed record must not outlive the state that says its person was erased. */
static size_t check_retentions(const struct kafka_survey *survey, FILE *report)
{
	int64_t longest = kafka_survey_longest_ms(survey), results = kafka_survey_results_ms(survey);
	if (results >= longest)
		return 0;
	(void)fprintf(report,
	              "results: retention.ms %" PRId64 " is shorter than that of dead or delayed records, %" PRId64
	              "\n",
	              results, longest);
	return 1;
}

/* Request topics of equal width let the range assignor give a pod the same partitions of each. */
static size_t check_width(const struct kafka_survey_topic *topic, int *width, FILE *report)
{
	if (!kafka_survey_is_request(topic))
		return 0;
	if (*width == 0)
		*width = topic->partitions;
	if (*width == topic->partitions)
		return 0;
	(void)fprintf(report, "%s: %d partitions, another request topic has %d\n", topic->name, topic->partitions,
	              *width);
	return 1;
}

static size_t check_all(const struct kafka_survey *survey, const struct kafka_admin_options *options, FILE *report)
{
	size_t findings = 0;
	int width = 0;
	for (size_t i = 0; i < survey->topic_count; i++) {
		const struct kafka_survey_topic *topic = &survey->topics[i];
		(void)fprintf(report, topic->partitions > 0 ? "%s: %d partitions\n" : "%s: missing\n", topic->name,
		              topic->partitions);
		findings += topic->partitions > 0 ? check_width(topic, &width, report) : 1;
	}
	if (!survey->settings_told && survey->settings_why[0]) {
		(void)fprintf(report,
		              "note: the broker does not tell the topics' settings (%s), so they are not checked\n",
		              survey->settings_why);
		return findings;
	}
	for (size_t i = 0; i < survey->topic_count; i++)
		findings += check_settings(&survey->topics[i], options->result_retention_ms, report);
	return findings + check_retentions(survey, report);
}

enum err_code kafka_admin_check(const struct kafka_client *client, const struct kafka_admin_options *options,
                                FILE *report, struct err *err)
{
	struct kafka_survey *survey = malloc(sizeof *survey);
	if (!survey)
		return err_set(err, ERR_NO_MEMORY, "kafka survey");
	enum err_code code = kafka_survey_look(client, options->timeout_ms, survey, err);
	size_t findings = code == ERR_OK ? check_all(survey, options, report) : 0;
	if (findings > 0)
		code = err_set(err, ERR_CONFLICT, "%zu findings", findings);
	free(survey);
	return code;
}
