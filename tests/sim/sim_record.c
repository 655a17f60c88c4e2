/* sim_record: a ring of copies and two tallies behind one lock.
 * Nothing is written to disk: the records hold what callers sent and end with the process. */
#include "tests/sim/sim_record.h"
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "tests/sim/sim_tally.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct record {
	int64_t at_ms;
	bool is_body;
	size_t payload_len;
	size_t text_len;
	const char *path, *session, *uuid, *traceparent, *payload; /* into text; the method stands at its start */
	char text[];
};

struct sim_records {
	pthread_mutex_t lock; /* everything below */
	struct sim_stats stats;
	struct sim_tally sessions;
	struct sim_tally pairs;
	struct record *ring[SIM_RECORDS_MAX];
	size_t first; /* the oldest one's place */
	size_t count;
	size_t bytes;
};

enum err_code sim_records_new(struct sim_records **ret_records, struct err *err)
{
	struct sim_records *records = calloc(1, sizeof(*records));
	if (!records)
		return err_set(err, ERR_NO_MEMORY, "no memory for the ring of requests");
	if (pthread_mutex_init(&records->lock, NULL) != 0) {
		free(records);
		return err_set(err, ERR_INTERNAL, "no lock for the ring of requests");
	}
	*ret_records = records;
	return ERR_OK;
}

static void drop_oldest(struct sim_records *records)
{
	struct record *oldest = records->ring[records->first];
	records->ring[records->first] = NULL;
	records->first = (records->first + 1) % SIM_RECORDS_MAX;
	records->count--;
	records->bytes -= oldest->text_len;
	free(oldest);
}

void sim_records_reset(struct sim_records *records)
{
	pthread_mutex_lock(&records->lock);
	while (records->count > 0)
		drop_oldest(records);
	sim_tally_fini(&records->sessions);
	sim_tally_fini(&records->pairs);
	int64_t in_flight = records->stats.in_flight;
	records->stats = (struct sim_stats){.in_flight = in_flight, .max_in_flight = in_flight};
	pthread_mutex_unlock(&records->lock);
}

void sim_records_free(struct sim_records *records)
{
	if (!records)
		return;
	sim_records_reset(records);
	pthread_mutex_destroy(&records->lock);
	free(records);
}

void sim_records_begin(struct sim_records *records)
{
	pthread_mutex_lock(&records->lock);
	records->stats.requests++;
	records->stats.in_flight++;
	if (records->stats.in_flight > records->stats.max_in_flight)
		records->stats.max_in_flight = records->stats.in_flight;
	pthread_mutex_unlock(&records->lock);
}

void sim_records_done(struct sim_records *records)
{
	pthread_mutex_lock(&records->lock);
	records->stats.in_flight--;
	pthread_mutex_unlock(&records->lock);
}

/* Copies text[0..len) and a '\0' to *at, which moves on. Returns where the copy stands. */
static const char *put(char **at, const char *text, size_t len)
{
	char *copy = *at;
	memcpy(copy, text, len);
	copy[len] = '\0';
	*at += len + 1;
	return copy;
}

static struct record *record_new(const struct sim_entry *entry)
{
	const size_t lens[] = {strlen(entry->method), strlen(entry->path), strlen(entry->session), strlen(entry->uuid),
	                       strlen(entry->traceparent)};
	size_t text_len = entry->payload_len + 1;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		text_len += lens[i] + 1;
	struct record *record = malloc(sizeof(*record) + text_len);
	if (!record)
		return NULL;
	char *at = record->text;
	put(&at, entry->method, lens[0]);
	record->path = put(&at, entry->path, lens[1]);
	record->session = put(&at, entry->session, lens[2]);
	record->uuid = put(&at, entry->uuid, lens[3]);
	record->traceparent = put(&at, entry->traceparent, lens[4]);
	record->payload = put(&at, entry->payload, entry->payload_len);
	record->payload_len = entry->payload_len;
	record->text_len = text_len;
	record->is_body = entry->is_body;
	record->at_ms = clock_unix_ms();
	return record;
}

static void keep(struct sim_records *records, struct record *record)
{
	while (records->count == SIM_RECORDS_MAX ||
	       (records->count > 0 && records->bytes + record->text_len > SIM_RECORDS_BYTES)) {
		drop_oldest(records);
		records->stats.dropped++;
	}
	records->ring[(records->first + records->count) % SIM_RECORDS_MAX] = record;
	records->count++;
	records->bytes += record->text_len;
}

static enum err_code count(struct sim_records *records, const struct sim_entry *entry, int64_t *ret_call)
{
	uint64_t session = sim_tally_hash(SIM_TALLY_SEED, entry->session);
	int64_t pair_calls;
	*ret_call = 1;
	if (*entry->session == '\0')
		return ERR_OK;
	enum err_code code = sim_tally_add(&records->sessions, session, ret_call);
	if (code != ERR_OK || *entry->uuid == '\0')
		return code;
	code = sim_tally_add(&records->pairs, sim_tally_hash(session, entry->uuid), &pair_calls);
	records->stats.distinct = (int64_t)records->pairs.used;
	return code;
}

enum err_code sim_records_add(struct sim_records *records, const struct sim_entry *entry, int64_t *ret_call)
{
	struct record *record = record_new(entry);
	int64_t call = 0;
	if (!record)
		return ERR_NO_MEMORY;
	pthread_mutex_lock(&records->lock);
	enum err_code code = count(records, entry, &call);
	if (code == ERR_OK)
		keep(records, record);
	pthread_mutex_unlock(&records->lock);
	if (code != ERR_OK)
		free(record);
	else
		*ret_call = call;
	return code;
}

void sim_records_stats(struct sim_records *records, struct sim_stats *ret_stats)
{
	pthread_mutex_lock(&records->lock);
	*ret_stats = records->stats;
	pthread_mutex_unlock(&records->lock);
}

static void record_write(const struct record *record, struct json_out *out)
{
	json_out_object(out, NULL);
	json_out_str(out, "method", record->text);
	json_out_str(out, "path", record->path);
	json_out_str(out, "session", record->session);
	json_out_str(out, "uuid", record->uuid);
	json_out_str(out, "traceparent", record->traceparent[0] ? record->traceparent : NULL);
	json_out_int(out, "at_ms", record->at_ms);
	json_out_strn(out, record->is_body ? "body" : "query", record->payload, record->payload_len);
	json_out_object_end(out);
}

enum err_code sim_records_list(struct sim_records *records, const char *session, struct buf *out, int64_t *ret_dropped)
{
	struct json_out json;
	json_out_begin(&json, out);
	json_out_array(&json, NULL);
	pthread_mutex_lock(&records->lock);
	for (size_t i = 0; i < records->count; i++) {
		const struct record *record = records->ring[(records->first + i) % SIM_RECORDS_MAX];
		if (!session || strcmp(record->session, session) == 0)
			record_write(record, &json);
	}
	int64_t dropped = records->stats.dropped;
	pthread_mutex_unlock(&records->lock);
	json_out_array_end(&json);
	enum err_code code = json_out_end(&json);
	if (code == ERR_OK)
		*ret_dropped = dropped;
	return code;
}
