/* status_kafka: how far each group is, and the dead letters of a day: counted by offsets, which costs the same for
 * ten as for ten million, and looked into as far as STATUS_DEAD_READ and STATUS_DEAD_MS allow, the newest first to be
 * had. */
#include "common/adapters/kafka_backlog.h"
#include "common/adapters/kafka_scan.h"
#include "common/adapters/status.h"
#include "common/base/clock.h"
#include "common/domain/request.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS, CLASS_BYTES = 65, PROJECTOR = OPERATION_COUNT, FIRST_DELAY };

struct status_reader {
	const struct kafka_client *kafka;
	struct kafka_backlogs *backlogs;
	size_t count;              /* operations, projector, delay topics */
	struct status_kafka dead;  /* its dead_* members as they were read last */
	int64_t dead_ms;           /* clock_mono_ms; 0: never */
	int64_t hour_ms, until_ms; /* unix ms from which a letter is of the last hour; clock_mono_ms */
};

enum err_code status_kafka_open(const struct kafka_client *kafka, struct status_reader **ret_reader, struct err *err)
{
	struct kafka_backlog_of of[KAFKA_BACKLOG_MAX];
	const struct kafka_topic *topics;
	size_t topic_count = kafka_topics(&topics);
	struct status_reader *reader = calloc(1, sizeof *reader);
	if (!reader)
		return err_set(err, ERR_NO_MEMORY, "status");
	for (; reader->count < OPERATION_COUNT; reader->count++) {
		const struct operation_info *operation = operation_info((enum operation)reader->count);
		of[reader->count] =
		        (struct kafka_backlog_of){kind_info(operation->kind)->vendor, operation->topic, NULL};
	}
	of[reader->count++] = (struct kafka_backlog_of){"projector", "results", NULL};
	for (size_t i = 0; i < topic_count && reader->count < KAFKA_BACKLOG_MAX; i++)
		if (topics[i].append_time)
			of[reader->count++] = (struct kafka_backlog_of){"delay", topics[i].name, NULL};
	reader->kafka = kafka;
	enum err_code code = kafka_backlogs_new(kafka, of, reader->count, &reader->backlogs, err);
	if (code == ERR_OK)
		*ret_reader = reader;
	else
		free(reader);
	return code;
}

void status_kafka_close(struct status_reader *reader)
{
	if (!reader)
		return;
	kafka_backlogs_free(reader->backlogs);
	free(reader);
}

/* ---- dead letters ---- */

static bool on_letter(void *ctx, const struct kafka_scan_record *record)
{
	struct status_reader *reader = ctx;
	char class[CLASS_BYTES];
	(void)kafka_scan_header(record, HEADER_CLASS, class, sizeof class); /* absent: "" */
	reader->dead.dead_by_class[operation_by_topic(class, strlen(class))]++;
	reader->dead.dead_read++;
	reader->dead.dead_hour += record->timestamp_ms >= reader->hour_ms;
	return clock_mono_ms() < reader->until_ms;
}

static void read_dead(struct status_reader *reader, int64_t now_ms)
{
	struct err err = {ERR_OK, ""};
	struct status_kafka *dead = &reader->dead;
	*dead = (struct status_kafka){.dead_known = false};
	reader->hour_ms = now_ms - HOUR_MS;
	reader->until_ms = clock_mono_ms() + STATUS_DEAD_MS;
	enum err_code code = kafka_scan_recent(reader->kafka, "dead", now_ms - DAY_MS, STATUS_DEAD_READ, STATUS_DEAD_MS,
	                                       on_letter, reader, &dead->dead_day, &err);
	dead->dead_known = code == ERR_OK;
	if (code != ERR_OK)
		(void)snprintf(dead->dead_why, sizeof dead->dead_why, "%.150s", err.msg[0] ? err.msg : err_text(code));
	reader->dead_ms = clock_mono_ms();
}

static void take_dead(const struct status_kafka *dead, struct status_kafka *kafka)
{
	kafka->dead_known = dead->dead_known;
	memcpy(kafka->dead_why, dead->dead_why, sizeof kafka->dead_why);
	kafka->dead_day = dead->dead_day;
	kafka->dead_read = dead->dead_read;
	kafka->dead_hour = dead->dead_hour;
	memcpy(kafka->dead_by_class, dead->dead_by_class, sizeof kafka->dead_by_class);
}

/* ---- all of it ---- */

static void take_backlogs(const struct status_reader *reader, struct status_kafka *kafka)
{
	for (size_t i = 0; i < reader->count; i++) {
		const struct kafka_backlog backlog = kafka_backlogs_get(reader->backlogs, i);
		if (i < OPERATION_COUNT) {
			kafka->classes[i].has_committed = backlog.has_committed;
			kafka->classes[i].lag = backlog.lag;
		} else if (i == PROJECTOR) {
			kafka->projector_lag = backlog.lag;
		} else {
			kafka->delayed += backlog.lag;
		}
	}
}

void status_kafka_look(struct status_reader *reader, int64_t now_ms, int timeout_ms, struct status_kafka *kafka)
{
	struct err err = {ERR_OK, ""};
	*kafka = (struct status_kafka){.is_up = false};
	enum err_code code = kafka_backlogs_read(reader->backlogs, timeout_ms, &err);
	kafka->is_up = code == ERR_OK;
	if (code != ERR_OK) {
		(void)snprintf(kafka->why, sizeof kafka->why, "%.150s", err.msg[0] ? err.msg : err_text(code));
		return;
	}
	take_backlogs(reader, kafka);
	if (reader->dead_ms == 0 || clock_mono_ms() - reader->dead_ms >= STATUS_DEAD_AGE_MS)
		read_dead(reader, now_ms);
	take_dead(&reader->dead, kafka);
}
