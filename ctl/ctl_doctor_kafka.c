/* ctl_doctor_kafka: brokers, topics and groups. */
#include "ctl/ctl_doctor.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { COPIES_WANTED = 3, IN_SYNC_WANTED = 2, JOIN_OLDEST = 1, SHOWN_BYTES = 100, LAG_MUCH = 10000 };

/* Which Kafka speaks Fetch up to this version (its FetchRequest.json). */
static const struct {
	int fetch_max;
	const char *release;
} releases[] = {{18, "4.1 or newer"}, {17, "3.9 or 4.0"}, {16, "3.7 or 3.8"},
                {15, "3.5 or 3.6"},   {13, "3.1 to 3.4"}, {12, "2.7 to 3.0"}};

static const char *release_of(int fetch_max)
{
	for (size_t i = 0; i < sizeof releases / sizeof releases[0]; i++)
		if (fetch_max >= releases[i].fetch_max)
			return releases[i].release;
	return fetch_max < 0 ? "of a version it does not tell" : "older than 2.7";
}

static void brokers_of(const struct doctor *doctor, char out[SHOWN_BYTES])
{
	ctl_printable(config_str(doctor->call->config, CONFIG_KAFKA_BROKERS), out, SHOWN_BYTES);
	out[strcspn(out, ",")] = '\0';
}

void doctor_kafka(struct doctor *doctor)
{
	struct err err = {ERR_OK, ""};
	enum err_code code = kafka_survey_look(doctor->call->kafka, doctor->timeout_ms, &doctor->survey, &err);
	const struct kafka_survey *survey = &doctor->survey;
	doctor->kafka_answers = code == ERR_OK;
	if (code != ERR_OK) {
		doctor_say(doctor, DOCTOR_ERROR, "%s", err.msg[0] ? err.msg : err_text(code));
		doctor_fix(doctor, "VERIFYD_KAFKA_BROKERS, and TLS and SASL in VERIFYD_KAFKA_CONFIG_FILE; "
		                   "VERIFYD_LOG_LEVEL=debug verifyctl topics check tells more");
		return;
	}
	doctor_say(doctor, DOCTOR_GOOD, "%d brokers, Kafka %s by what it speaks; librdkafka %s", survey->brokers,
	           release_of(survey->fetch_max), rd_kafka_version_str());
	if (survey->join_min > JOIN_OLDEST) {
		doctor_say(doctor, DOCTOR_WARNING,
		           "the broker has dropped JoinGroup 0 and 1, as only Kafka 4.0.0 has: "
		           "librdkafka may not be able to join groups");
		doctor_fix(doctor, "Kafka 4.0.1 or newer");
	}
	if (survey->brokers == 1)
		doctor_say(doctor, DOCTOR_NOTE, "one broker: what it has acked is gone with its disk; for trials only");
}

/* ---- topics ---- */

/* A value with commas goes in brackets. */
static void fix_setting(struct doctor *doctor, const char *brokers, const char *topic, const char *name,
                        const char *value)
{
	bool is_list = strchr(value, ',') != NULL;
	doctor_fix(doctor,
	           "kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name %s "
	           "--add-config %s=%s%s%s",
	           brokers, topic, name, is_list ? "[" : "", value, is_list ? "]" : "");
}

static void judge_settings(struct doctor *doctor, const char *brokers, const struct kafka_survey_topic *topic,
                           int64_t result_retention_ms)
{
	struct kafka_need needs[KAFKA_NEEDS_MAX];
	size_t count = kafka_needs_of(topic->topic, result_retention_ms, needs);
	for (size_t i = 0; i < count; i++) {
		const char *value = kafka_survey_value(topic, needs[i].name);
		if (!*value || kafka_need_is_met(&needs[i], value))
			continue;
		doctor_say(doctor, DOCTOR_ERROR, "%s: %s is %s, needs %s", topic->name, needs[i].name, value,
		           needs[i].value);
		fix_setting(doctor, brokers, topic->name, needs[i].name, needs[i].value);
	}
	const char *compression = topic->settings[KAFKA_COMPRESSION];
	if (*compression && strcmp(compression, "producer") != 0) {
		doctor_say(doctor, DOCTOR_WARNING, "%s: compression.type is %s: the broker packs every record anew",
		           topic->name, compression);
		fix_setting(doctor, brokers, topic->name, "compression.type", "producer");
	}
}

static void judge_copies(struct doctor *doctor, const char *brokers, const struct kafka_survey_topic *topic)
{
	int wanted = doctor->survey.brokers < COPIES_WANTED ? doctor->survey.brokers : COPIES_WANTED;
	const char *told = topic->settings[KAFKA_MIN_IN_SYNC];
	int min_in_sync = *told ? (int)strtol(told, NULL, 10) : 0;
	if (topic->leaderless > 0) {
		doctor_say(doctor, DOCTOR_ERROR, "%s: %d of %d partitions have no leader", topic->name,
		           topic->leaderless, topic->partitions);
		doctor_fix(doctor, "start the brokers that are down");
	} else if (min_in_sync > topic->in_sync) {
		doctor_say(doctor, DOCTOR_ERROR,
		           "%s: cannot be written: %d copies are in sync, min.insync.replicas is %d", topic->name,
		           topic->in_sync, min_in_sync);
		doctor_fix(doctor, "start the brokers that are down, or have more copies");
	} else if (topic->in_sync < topic->copies) {
		doctor_say(doctor, DOCTOR_WARNING, "%s: %d of %d copies are in sync", topic->name, topic->in_sync,
		           topic->copies);
		doctor_fix(doctor,
		           "look at the broker that lags: kafka-topics.sh --bootstrap-server %s --describe "
		           "--under-replicated-partitions",
		           brokers);
	}
	if (topic->copies < wanted) {
		doctor_say(doctor, DOCTOR_WARNING, "%s: %d copies, where %d brokers can hold %d", topic->name,
		           topic->copies, doctor->survey.brokers, wanted);
		doctor_fix(doctor, "kafka-reassign-partitions.sh --bootstrap-server %s", brokers);
	} else if (*told && topic->copies >= COPIES_WANTED && min_in_sync < IN_SYNC_WANTED) {
		doctor_say(doctor, DOCTOR_WARNING, "%s: min.insync.replicas is %d: an ack may stand for one copy only",
		           topic->name, min_in_sync);
		fix_setting(doctor, brokers, topic->name, "min.insync.replicas", "2");
	} else if (topic->copies > 1 && min_in_sync == topic->copies) {
		doctor_say(doctor, DOCTOR_WARNING,
		           "%s: min.insync.replicas is the number of copies, %d: one broker away stops all writes",
		           topic->name, min_in_sync);
		fix_setting(doctor, brokers, topic->name, "min.insync.replicas", topic->copies > 2 ? "2" : "1");
	}
}

static void judge_all(struct doctor *doctor, const char *brokers, int64_t result_retention_ms)
{
	const struct kafka_survey *survey = &doctor->survey;
	int64_t results_ms = kafka_survey_results_ms(survey), longest_ms = kafka_survey_longest_ms(survey);
	int width = 0;
	for (size_t i = 0; i < survey->topic_count; i++) {
		const struct kafka_survey_topic *topic = &survey->topics[i];
		if (topic->partitions == 0) {
			doctor_say(doctor, DOCTOR_ERROR, "%s: missing", topic->name);
			doctor_fix(doctor, "verifyctl topics create");
			continue;
		}
		judge_settings(doctor, brokers, topic, result_retention_ms);
		judge_copies(doctor, brokers, topic);
		if (!kafka_survey_is_request(topic))
			continue;
		width = width ? width : topic->partitions;
		if (topic->partitions != width) {
			doctor_say(doctor, DOCTOR_WARNING, "%s: %d partitions, another request topic has %d",
			           topic->name, topic->partitions, width);
			doctor_fix(doctor, "docs/operations.md, Scaling: partitions");
		}
	}
	if (results_ms < longest_ms) {
		doctor_say(doctor, DOCTOR_ERROR,
		           "results: retention.ms %" PRId64
		           " is shorter than that of dead or delayed records, %" PRId64,
		           results_ms, longest_ms);
		doctor_fix(doctor, "VERIFYD_RESULT_RETENTION, and retention.ms of results");
	}
}

void doctor_judge_topics(struct doctor *doctor, const char *brokers, int64_t result_retention_ms)
{
	size_t before = doctor->counts[DOCTOR_ERROR] + doctor->counts[DOCTOR_WARNING];
	judge_all(doctor, brokers, result_retention_ms);
	if (!doctor->survey.settings_told && *doctor->survey.settings_why)
		doctor_say(doctor, DOCTOR_SKIPPED, "the broker does not tell the topics' settings: %s",
		           doctor->survey.settings_why);
	if (doctor->counts[DOCTOR_ERROR] + doctor->counts[DOCTOR_WARNING] == before)
		doctor_say(doctor, DOCTOR_GOOD, "%zu topics, as they have to be", doctor->survey.topic_count);
}

void doctor_topics(struct doctor *doctor)
{
	char brokers[SHOWN_BYTES];
	if (!doctor->kafka_answers) {
		doctor_say(doctor, DOCTOR_SKIPPED, "Kafka does not answer");
		return;
	}
	brokers_of(doctor, brokers);
	doctor_judge_topics(doctor, brokers, config_int(doctor->call->config, CONFIG_RESULT_RETENTION));
}

/* ---- groups ---- */

static size_t fresh_workers(const struct doctor *doctor)
{
	size_t count = 0;
	for (size_t i = 0; i < doctor->picture.workers.count; i++)
		count += doctor->picture.workers.list[i].is_fresh;
	return count;
}

/* served: workers that say they serve what this group reads; lag: of that. */
static void judge_group(struct doctor *doctor, const char *group, size_t served, int64_t lag, const char *unit)
{
	struct err err = {ERR_OK, ""};
	int members = 0;
	enum err_code code = kafka_survey_members(doctor->call->kafka, group, doctor->timeout_ms, &members, &err);
	if (code != ERR_OK) {
		doctor_say(doctor, DOCTOR_WARNING, "%s", err.msg);
		return;
	}
	if (members == 0 && (served > 0 || lag > 0)) {
		doctor_say(doctor, DOCTOR_ERROR, "group %s: no member; %" PRId64 " %s wait", group, lag, unit);
		doctor_fix(doctor, served > 0 ? "the workers run, but are not in the group: look at their logs, "
		                                "and at VERIFYD_KAFKA_BROKERS, VERIFYD_TOPIC_PREFIX"
		                              : "start verifyd-worker");
		return;
	}
	doctor_say(doctor, lag > LAG_MUCH ? DOCTOR_WARNING : DOCTOR_GOOD, "group %s: %d members, %" PRId64 " %s wait",
	           group, members, lag, unit);
	if (lag > LAG_MUCH)
		doctor_fix(doctor,
		           "verifyctl status shows how long; more workers, unless the quota is what it waits for");
}

static void judge_vendor_group(struct doctor *doctor, const char *vendor)
{
	int64_t lag = 0;
	size_t served = 0;
	bool is_used = false;
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		const struct status_class *class = &doctor->picture.sum.classes[i];
		if (strcmp(kind_info(operation_info((enum operation)i)->kind)->vendor, vendor) != 0)
			continue;
		lag += class->lag;
		served += class->workers;
		is_used = is_used || class->is_used;
	}
	if (is_used)
		judge_group(doctor, vendor, served, lag, "requests");
}

void doctor_groups(struct doctor *doctor)
{
	if (!doctor->picture.kafka.is_up) {
		doctor_say(doctor, DOCTOR_SKIPPED, "Kafka did not tell how far the groups are: %s",
		           doctor->picture.kafka.why);
		return;
	}
	for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
		const char *vendor = kind_info((enum kind)kind)->vendor;
		bool is_repeated = false;
		for (unsigned i = 0; i < kind; i++)
			is_repeated = is_repeated || strcmp(kind_info((enum kind)i)->vendor, vendor) == 0;
		if (!is_repeated)
			judge_vendor_group(doctor, vendor);
	}
	judge_group(doctor, "delay", fresh_workers(doctor), 0, "records beyond their time");
	judge_group(doctor, "projector", fresh_workers(doctor), doctor->picture.kafka.projector_lag, "results");
}
