/* kafka_survey: what a cluster looks like: its brokers and what they speak, verifyd's topics with their copies and settings
 * beside what they need, and who is in a group. For checks. Blocking; changes nothing and joins nothing. */
#ifndef VERIFYD_KAFKA_SURVEY_H
#define VERIFYD_KAFKA_SURVEY_H

#include "common/adapters/kafka_client.h"

/* ---- what topics need ---- */

enum { KAFKA_NEEDS_MAX = 4, KAFKA_VALUE_BYTES = 64 };

struct kafka_need { /* a topic's setting, in the broker's words */
	const char *name;
	char value[KAFKA_VALUE_BYTES];
};

/* Returns: how many were written to out. */
size_t kafka_needs_of(const struct kafka_topic *topic, int64_t result_retention_ms,
		      struct kafka_need out[KAFKA_NEEDS_MAX]);
/* Whether what is set will do for what is needed: a longer retention does; min.compaction.lag.ms is advice only. */
bool kafka_need_is_met(const struct kafka_need *need, const char *value);

/* ---- what is there ---- */

enum { KAFKA_SURVEY_TOPICS = 64, KAFKA_SURVEY_WHY_BYTES = 80 };

enum kafka_survey_setting {
	KAFKA_CLEANUP_POLICY,
	KAFKA_RETENTION,
	KAFKA_COMPACTION_LAG,
	KAFKA_TIMESTAMP_TYPE,
	KAFKA_MIN_IN_SYNC,
	KAFKA_COMPRESSION,
	KAFKA_SURVEY_SETTINGS
};

struct kafka_survey_topic {
	const struct kafka_topic *topic; /* of kafka_topics */
	char name[TOPIC_BYTES];          /* with prefix */
	int partitions;                  /* 0: it is not there */
	int copies, in_sync;             /* the fewest of any partition */
	int leaderless;                  /* partitions */
	char settings[KAFKA_SURVEY_SETTINGS][KAFKA_VALUE_BYTES]; /* "": the broker did not tell */
};

struct kafka_survey {
	int brokers;
	bool settings_told;
	char settings_why[KAFKA_SURVEY_WHY_BYTES]; /* !settings_told */
	int fetch_max, join_min; /* versions of Fetch and JoinGroup that the broker speaks; -1: not heard */
	size_t topic_count;
	struct kafka_survey_topic topics[KAFKA_SURVEY_TOPICS];
};

const char *kafka_survey_setting_name(enum kafka_survey_setting setting);
/* "": not told, or none of those above. */
const char *kafka_survey_value(const struct kafka_survey_topic *topic, const char *name);

/* retention.ms of `results`, and the longest of the other topics; for ever: INT64_MAX. Not told: INT64_MAX and 0, so that a
 * comparison finds nothing. */
int64_t kafka_survey_results_ms(const struct kafka_survey *survey);
int64_t kafka_survey_longest_ms(const struct kafka_survey *survey);
bool kafka_survey_is_request(const struct kafka_survey_topic *topic);

/* Looks at every topic of kafka_topics, each once. Blocks: up to twice timeout_ms. Returns: ERR_OK and *ret_survey;
 * ERR_UNAVAILABLE; ERR_INVALID; ERR_NO_MEMORY. */
enum err_code kafka_survey_look(const struct kafka_client *client, int timeout_ms, struct kafka_survey *ret_survey,
				struct err *err) WARN_UNUSED;

/* How many members a group (without prefix) has; 0 also when there is no such group. Blocks: up to timeout_ms.
 * Returns: ERR_OK and *ret_members; ERR_UNAVAILABLE; ERR_INVALID; ERR_NO_MEMORY. */
enum err_code kafka_survey_members(const struct kafka_client *client, const char *group, int timeout_ms, int *ret_members,
				   struct err *err) WARN_UNUSED;

#endif
