/* kafka_backlog: an OffsetFetch and two ListOffsets per topic. Not by the admin client: that of librdkafka 2.0.2 ends
 * the process (an assertion in rd_kafka_enq_once_del_source_return) when the coordinator goes away while it is asked.
 */
#include "common/adapters/kafka_backlog.h"
#include "common/adapters/kafka_consumer_internal.h"
#include "common/adapters/kafka_lookup.h"
#include "common/base/clock.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TOPICS_AGE_MS = 30000, PAUSE_MS = 100 };

/* What is told of a partition; taken over when all of a reading is there. */
struct told {
	int64_t begin, end, committed; /* committed: -1, nothing */
};

struct entry {
	rd_kafka_t *rk;                              /* of the group */
	bool is_ours;                                /* the handle */
	char group[TOPIC_BYTES], topic[TOPIC_BYTES]; /* with prefix */
	size_t count;
	struct kafka_backlog_part *parts; /* as shown */
	struct told *told;                /* of the reading that goes on */
	int64_t lag;
	bool has_committed;
};

struct kafka_backlogs {
	int64_t until_ms, topics_ms; /* clock_mono_ms; when the topics were looked up, 0: never */
	bool no_leader;              /* that was what went wrong */
	size_t count;
	struct entry entries[KAFKA_BACKLOG_MAX];
};

static int left_ms(const struct kafka_backlogs *backlogs)
{
	int64_t left = backlogs->until_ms - clock_mono_ms();
	return left > 1 ? (int)left : 1;
}

/* ---- topics ---- */

static enum err_code resize(struct entry *entry, int32_t count)
{
	if (count > KAFKA_BACKLOG_PARTITIONS_MAX)
		return ERR_LIMIT;
	if (entry->count == (size_t)count)
		return ERR_OK;
	struct kafka_backlog_part *parts = calloc(count ? (size_t)count : 1, sizeof *parts);
	struct told *told = calloc(count ? (size_t)count : 1, sizeof *told);
	if (!parts || !told) {
		free(parts);
		free(told);
		return ERR_NO_MEMORY;
	}
	free(entry->parts);
	free(entry->told);
	entry->parts = parts;
	entry->told = told;
	entry->count = (size_t)count;
	entry->lag = 0;
	return ERR_OK;
}

static enum err_code look_up_topics(struct kafka_backlogs *backlogs, struct err *err)
{
	kafka_lookup_t *metadata;
	if (backlogs->topics_ms && clock_mono_ms() - backlogs->topics_ms < TOPICS_AGE_MS)
		return ERR_OK;
	enum err_code code = kafka_lookup_fetch(backlogs->entries[0].rk, left_ms(backlogs), &metadata, err);
	if (code != ERR_OK)
		return code;
	for (size_t i = 0; i < backlogs->count && code == ERR_OK; i++) {
		kafka_lookup_topic_t *there = kafka_lookup_find(metadata, backlogs->entries[i].topic);
		code = resize(&backlogs->entries[i], there ? there->partition_cnt : 0);
	}
	rd_kafka_metadata_destroy(metadata);
	if (code != ERR_OK)
		return err_set(err, code, "the partitions of a topic");
	backlogs->topics_ms = clock_mono_ms();
	return ERR_OK;
}

/* ---- begin, end and commits ---- */

/* All partitions of a topic, each with this offset. */
static rd_kafka_topic_partition_list_t *list_of(const struct entry *entry, int64_t offset)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)entry->count);
	for (size_t part = 0; part < entry->count; part++)
		rd_kafka_topic_partition_list_add(list, entry->topic, (int32_t)part)->offset = offset;
	return list;
}

static rd_kafka_resp_err_t first_error(rd_kafka_resp_err_t error, const rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < list->cnt && error == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
		error = list->elems[i].err;
	return error;
}

/* librdkafka may have changed the order. what: which of told's members is noted. */
static void note(struct entry *entry, const rd_kafka_topic_partition_list_t *list, size_t what)
{
	for (int i = 0; i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *part = &list->elems[i];
		if (part->partition >= 0 && (size_t)part->partition < entry->count)
			*(int64_t *)((char *)&entry->told[part->partition] + what) = part->offset;
	}
}

/* where: RD_KAFKA_OFFSET_BEGINNING or _END, which ListOffsets takes in place of a time. */
static rd_kafka_resp_err_t read_edge(struct kafka_backlogs *backlogs, struct entry *entry, int64_t where, size_t what)
{
	rd_kafka_topic_partition_list_t *list = list_of(entry, where);
	rd_kafka_resp_err_t error = first_error(rd_kafka_offsets_for_times(entry->rk, list, left_ms(backlogs)), list);
	note(entry, list, what);
	rd_kafka_topic_partition_list_destroy(list);
	return error;
}

static rd_kafka_resp_err_t read_commits(struct kafka_backlogs *backlogs, struct entry *entry)
{
	rd_kafka_topic_partition_list_t *list = list_of(entry, RD_KAFKA_OFFSET_INVALID);
	rd_kafka_resp_err_t error = first_error(rd_kafka_committed(entry->rk, list, left_ms(backlogs)), list);
	note(entry, list, offsetof(struct told, committed));
	rd_kafka_topic_partition_list_destroy(list);
	return error;
}

/* A partition that is new, or is changing its leader, has none for a moment. */
static bool is_leaderless(rd_kafka_resp_err_t error)
{
	return error == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
	       error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

static enum err_code read_entry(struct kafka_backlogs *backlogs, struct entry *entry, struct err *err)
{
	if (entry->count == 0)
		return ERR_OK;
	rd_kafka_resp_err_t error = read_commits(backlogs, entry);
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
		error = read_edge(backlogs, entry, RD_KAFKA_OFFSET_BEGINNING, offsetof(struct told, begin));
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
		error = read_edge(backlogs, entry, RD_KAFKA_OFFSET_END, offsetof(struct told, end));
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
		return ERR_OK;
	backlogs->topics_ms = 0; /* perhaps a topic was made anew */
	backlogs->no_leader = is_leaderless(error);
	return err_set(err, ERR_UNAVAILABLE, "how far group %s is: %s", entry->group, rd_kafka_err2name(error));
}

/* ---- all of it ---- */

/* Retention may have overtaken a group, and a commit may be ahead of an end that was asked for before it. */
static void take_over(struct entry *entry)
{
	entry->lag = 0;
	entry->has_committed = false;
	for (size_t i = 0; i < entry->count; i++) {
		struct kafka_backlog_part *part = &entry->parts[i];
		const struct told *told = &entry->told[i];
		part->next = told->committed < told->begin ? told->begin : told->committed;
		part->end = told->end < part->next ? part->next : told->end;
		entry->lag += part->end - part->next;
		entry->has_committed = entry->has_committed || told->committed >= 0;
	}
}

static enum err_code read_all(struct kafka_backlogs *backlogs, struct err *err)
{
	backlogs->no_leader = false;
	enum err_code code = look_up_topics(backlogs, err);
	for (size_t i = 0; i < backlogs->count && code == ERR_OK; i++)
		code = read_entry(backlogs, &backlogs->entries[i], err);
	return code;
}

enum err_code kafka_backlogs_read(struct kafka_backlogs *backlogs, int timeout_ms, struct err *err)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	backlogs->until_ms = clock_mono_ms() + timeout_ms;
	enum err_code code = read_all(backlogs, err);
	while (backlogs->no_leader && left_ms(backlogs) > PAUSE_MS) {
		(void)nanosleep(&pause, NULL);
		code = read_all(backlogs, err);
	}
	for (size_t i = 0; i < backlogs->count && code == ERR_OK; i++)
		take_over(&backlogs->entries[i]);
	return code;
}

struct kafka_backlog kafka_backlogs_get(const struct kafka_backlogs *backlogs, size_t index)
{
	const struct entry *entry = &backlogs->entries[index];
	return (struct kafka_backlog){entry->count, entry->parts, entry->lag, entry->has_committed};
}

/* ---- life ---- */

/* A handle that is in the group by name only: it can ask what is committed, and never joins. */
static enum err_code open_handle(const struct kafka_client *client, const char *group, rd_kafka_t **ret_rk,
                                 struct err *err)
{
	rd_kafka_conf_t *conf;
	enum err_code code = kafka_client_conf(client, &conf, err);
	if (code != ERR_OK)
		return code;
	code = kafka_client_set(conf, "group.id", group, err);
	if (code == ERR_OK)
		code = kafka_client_set(conf, "enable.auto.commit", "false", err);
	if (code == ERR_OK)
		return kafka_client_open(RD_KAFKA_CONSUMER, conf, ret_rk, err);
	rd_kafka_conf_destroy(conf);
	return code;
}

/* Entries of one group share a handle. */
static enum err_code add(struct kafka_backlogs *backlogs, const struct kafka_client *client,
                         const struct kafka_backlog_of *of, struct err *err)
{
	struct entry *entry = &backlogs->entries[backlogs->count++];
	if (kafka_client_name(client, of->group, entry->group) != ERR_OK ||
	    kafka_client_name(client, of->topic, entry->topic) != ERR_OK)
		return err_set(err, ERR_LIMIT, "%s: name too long", of->topic);
	entry->rk = of->member ? of->member->rk : NULL;
	for (size_t i = 0; !entry->rk && i + 1 < backlogs->count; i++)
		if (strcmp(backlogs->entries[i].group, entry->group) == 0)
			entry->rk = backlogs->entries[i].rk;
	if (entry->rk)
		return ERR_OK;
	entry->is_ours = true;
	return open_handle(client, entry->group, &entry->rk, err);
}

enum err_code kafka_backlogs_new(const struct kafka_client *client, const struct kafka_backlog_of *of, size_t count,
                                 struct kafka_backlogs **ret_backlogs, struct err *err)
{
	if (count == 0 || count > KAFKA_BACKLOG_MAX)
		return err_set(err, ERR_LIMIT, "backlogs of %zu topics", count);
	struct kafka_backlogs *backlogs = calloc(1, sizeof *backlogs);
	if (!backlogs)
		return err_set(err, ERR_NO_MEMORY, "kafka backlogs");
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < count && code == ERR_OK; i++)
		code = add(backlogs, client, &of[i], err);
	if (code == ERR_OK)
		*ret_backlogs = backlogs;
	else
		kafka_backlogs_free(backlogs);
	return code;
}

void kafka_backlogs_free(struct kafka_backlogs *backlogs)
{
	if (!backlogs)
		return;
	for (size_t i = 0; i < backlogs->count; i++) {
		struct entry *entry = &backlogs->entries[i];
		free(entry->parts);
		free(entry->told);
		if (entry->is_ours && entry->rk)
			rd_kafka_destroy_flags(entry->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	}
	free(backlogs);
}
