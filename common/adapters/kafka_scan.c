/* kafka_scan: reads a topic on a handle that lives for one call: notes where each partition ends, and reads up to
 * there, from its start, from where a read before it ended, or from where a group stands. Joins no group and commits
 * nothing. */
#include "common/adapters/kafka_scan.h"
#include "common/adapters/kafka_lookup.h"
#include "common/base/clock.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_PARTITIONS = KAFKA_SCAN_PARTITIONS, POLL_MS = 100, METADATA_MS = 10000 };

struct scan {
	rd_kafka_t *rk;
	char full[TOPIC_BYTES];
	const char *group; /* whose commits it begins at, without prefix; NULL: at the start */
	int timeout_ms;
	int64_t until_ms;                 /* silence up to then ends it */
	int64_t end[MAX_PARTITIONS];      /* exclusive; 0: nothing to read any more */
	int64_t at[MAX_PARTITIONS];       /* the next offset to read */
	int32_t count;                    /* partitions of the topic */
	int32_t open;                     /* partitions with something to read */
	struct kafka_scan_places *places; /* NULL: nobody asks */
	bool (*on_record)(void *ctx, const struct kafka_scan_record *record);
	void *ctx;
	const atomic_bool *stop;
	int64_t since_ms, most, since_count; /* kafka_scan_recent; since_ms 0: from the start */
};

static int scan_left_ms(const struct scan *scan)
{
	int64_t left = scan->until_ms - clock_mono_ms();
	return left > 0 ? (int)left : 0;
}

/* A partition that is changing its leader has none for a moment. */
static rd_kafka_resp_err_t query_ends(const struct scan *scan, int32_t partition, int64_t *ret_low, int64_t *ret_high)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	for (;;) {
		rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(scan->rk, scan->full, partition, ret_low,
		                                                             ret_high, scan_left_ms(scan));
		if (error == RD_KAFKA_RESP_ERR_NO_ERROR || scan_left_ms(scan) == 0)
			return error;
		(void)nanosleep(&pause, NULL);
	}
}

/* Notes that a partition was read up to `next`. */
static void scan_advance(struct scan *scan, int32_t partition, int64_t next)
{
	if (scan->places && next > scan->at[partition])
		atomic_fetch_add(&scan->places->done, next - scan->at[partition]);
	scan->at[partition] = next;
}

/* Returns: where reading begins. */
static int64_t scan_begin(struct scan *scan, int32_t partition, int64_t low, int64_t high)
{
	struct kafka_scan_places *places = scan->places;
	if (places && partition < places->count && places->next[partition] > low && places->next[partition] <= high)
		low = places->next[partition];
	if (places && low < high)
		atomic_fetch_add(&places->todo, high - low);
	scan->at[partition] = low;
	return low;
}

/* Moves each partition's begin to what the handle's group has committed of it; where it has nothing, or what is not
 * there any more, the begin stays. */
static rd_kafka_resp_err_t begin_at_commits(const struct scan *scan, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_topic_partition_list_t *committed = rd_kafka_topic_partition_list_copy(list);
	rd_kafka_resp_err_t error = rd_kafka_committed(scan->rk, committed, scan_left_ms(scan));
	for (int i = 0; error == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *one = &committed->elems[i];
		error = one->err;
		if (one->offset > list->elems[i].offset)
			list->elems[i].offset = one->offset;
	}
	rd_kafka_topic_partition_list_destroy(committed);
	return error;
}

/* What is behind its partition's end already is not read: nothing would come. */
static void leave_out_read(struct scan *scan, rd_kafka_topic_partition_list_t *list)
{
	for (int i = list->cnt; i-- > 0;) {
		int32_t partition = list->elems[i].partition;
		if (list->elems[i].offset < scan->end[partition])
			continue;
		scan->end[partition] = 0;
		scan->open--;
		(void)rd_kafka_topic_partition_list_del_by_idx(list, i);
	}
}

/* Notes where each partition ends now, and reads them from where they begin. */
static enum err_code scan_assign(struct scan *scan, int32_t first, int32_t last, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(last - first + 1);
	rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
	for (int32_t i = first; i <= last && error == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
		int64_t low = 0, high = 0;
		error = query_ends(scan, i, &low, &high);
		low = scan_begin(scan, i, low, high);
		if (error != RD_KAFKA_RESP_ERR_NO_ERROR || low >= high)
			continue;
		rd_kafka_topic_partition_list_add(list, scan->full, i)->offset = low;
		scan->end[i] = high;
		scan->open++;
	}
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR && list->cnt > 0 && scan->group)
		error = begin_at_commits(scan, list);
	leave_out_read(scan, list);
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR && list->cnt > 0)
		error = rd_kafka_assign(scan->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return error ? err_set(err, ERR_UNAVAILABLE, "topic %s: %s", scan->full, rd_kafka_err2name(error)) : ERR_OK;
}

/* ---- what came in lately ---- */

/* Asks for one offset of each partition: by time, or RD_KAFKA_OFFSET_END. */
static rd_kafka_resp_err_t scan_query(const struct scan *scan, rd_kafka_topic_partition_list_t *list, int64_t when)
{
	for (int i = 0; i < list->cnt; i++)
		list->elems[i].offset = when;
	rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(scan->rk, list, scan_left_ms(scan));
	for (int i = 0; i < list->cnt && error == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
		error = list->elems[i].err;
	return error;
}

/* first: the offset of the first record since then, negative where there is none. Becomes the list to be assigned. */
static void scan_narrow(struct scan *scan, rd_kafka_topic_partition_list_t *first)
{
	int64_t each = scan->most / first->cnt > 0 ? scan->most / first->cnt : 1;
	for (int i = first->cnt - 1; i >= 0; i--) {
		int32_t partition = first->elems[i].partition;
		int64_t end = scan->end[partition], begin = first->elems[i].offset;
		scan->end[partition] = 0;
		if (begin < 0 || begin >= end) {
			(void)rd_kafka_topic_partition_list_del_by_idx(first, i);
			continue;
		}
		scan->since_count += end - begin;
		first->elems[i].offset = end - begin > each ? end - each : begin;
		scan->end[partition] = end;
		scan->open++;
	}
}

static enum err_code scan_assign_recent(struct scan *scan, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(scan->count);
	rd_kafka_topic_partition_list_add_range(list, scan->full, 0, scan->count - 1);
	rd_kafka_resp_err_t error = scan_query(scan, list, RD_KAFKA_OFFSET_END);
	for (int i = 0; i < list->cnt && error == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
		scan->end[list->elems[i].partition] = list->elems[i].offset;
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
		error = scan_query(scan, list, scan->since_ms);
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
		scan_narrow(scan, list);
		if (list->cnt > 0)
			error = rd_kafka_assign(scan->rk, list);
	}
	rd_kafka_topic_partition_list_destroy(list);
	return error ? err_set(err, ERR_UNAVAILABLE, "topic %s: %s", scan->full, rd_kafka_err2name(error)) : ERR_OK;
}

/* ---- reading ---- */

static void scan_close_partition(struct scan *scan, int32_t partition)
{
	if (scan->end[partition] > 0) {
		scan_advance(scan, partition, scan->end[partition]);
		scan->open--;
	}
	scan->end[partition] = 0;
}

/* Returns: false when the receiver wants no more. */
static bool scan_hand_out(struct scan *scan, rd_kafka_message_t *message)
{
	rd_kafka_headers_t *headers = NULL;
	if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		headers = NULL;
	const struct kafka_scan_record record = {.partition = message->partition,
	                                         .offset = message->offset,
	                                         .timestamp_ms = rd_kafka_message_timestamp(message, NULL),
	                                         .key = message->key,
	                                         .key_len = message->key_len,
	                                         .value = message->payload,
	                                         .value_len = message->len,
	                                         .headers = headers};
	return scan->on_record(scan->ctx, &record);
}

/* The last records may have been compacted away: then only the end of the partition says that it was reached. */
static bool scan_message(struct scan *scan, rd_kafka_message_t *message)
{
	int32_t partition = message->partition;
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		scan_close_partition(scan, partition);
		return true;
	}
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) /* passes, or the time runs out */
		return true;
	int64_t end = scan->end[partition];
	bool goes_on = message->offset >= end || scan_hand_out(scan, message);
	if (message->offset < end)
		scan_advance(scan, partition, message->offset + 1);
	if (message->offset + 1 >= end)
		scan_close_partition(scan, partition);
	return goes_on;
}

static enum err_code scan_read(struct scan *scan, struct err *err)
{
	bool goes_on = true;
	while (goes_on && scan->open > 0 && !(scan->stop && atomic_load(scan->stop))) {
		int left_ms = scan_left_ms(scan);
		if (left_ms == 0)
			return err_set(err, ERR_TIMEOUT, "topic %s: %d partitions not read to their end", scan->full,
			               scan->open);
		rd_kafka_message_t *message = rd_kafka_consumer_poll(scan->rk, left_ms < POLL_MS ? left_ms : POLL_MS);
		if (!message)
			continue;
		goes_on = scan_message(scan, message);
		if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			scan->until_ms = clock_mono_ms() + scan->timeout_ms;
		rd_kafka_message_destroy(message);
	}
	return ERR_OK;
}

/* Opens the handle and assigns what is to be read. */
static enum err_code scan_open(struct scan *scan, const struct kafka_client *client, const char *topic,
                               int32_t partition, struct err *err)
{
	kafka_lookup_t *metadata;
	int left_ms = scan_left_ms(scan);
	enum err_code code = kafka_client_name(client, topic, scan->full);
	if (code != ERR_OK)
		return err_set(err, code, "topic %s: name too long", topic);
	code = kafka_lookup_open(client, RD_KAFKA_CONSUMER, scan->group, &scan->rk, err);
	if (code == ERR_OK)
		code = kafka_lookup_fetch(scan->rk, left_ms < METADATA_MS ? left_ms : METADATA_MS, &metadata, err);
	if (code != ERR_OK)
		return code;
	kafka_lookup_topic_t *there = kafka_lookup_find(metadata, scan->full);
	int32_t count = there ? there->partition_cnt : 0;
	rd_kafka_metadata_destroy(metadata);
	if (partition >= count || count == 0 || count > MAX_PARTITIONS)
		return err_set(err, ERR_NOT_FOUND, "no topic %s, or no such partition", scan->full);
	scan->count = count;
	if (scan->since_ms != 0)
		return scan_assign_recent(scan, err);
	return scan_assign(scan, partition < 0 ? 0 : partition, partition < 0 ? count - 1 : partition, err);
}

static void scan_note_places(const struct scan *scan, struct kafka_scan_places *places)
{
	for (int32_t i = 0; i < scan->count; i++)
		places->next[i] = scan->at[i];
	places->count = scan->count;
}

static enum err_code scan_topic(const struct kafka_client *client, const char *topic, int32_t partition, int timeout_ms,
                                struct scan *scan, struct err *err)
{
	scan->timeout_ms = timeout_ms;
	scan->until_ms = clock_mono_ms() + timeout_ms;
	enum err_code code = scan_open(scan, client, topic, partition, err);
	if (code == ERR_OK)
		code = scan_read(scan, err);
	if (code == ERR_OK && scan->places)
		scan_note_places(scan, scan->places);
	if (scan->rk)
		rd_kafka_destroy_flags(scan->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return code;
}

enum err_code kafka_scan(const struct kafka_client *client, const char *topic, int32_t partition, int timeout_ms,
                         bool (*on_record)(void *ctx, const struct kafka_scan_record *record), void *ctx,
                         const atomic_bool *stop, struct err *err)
{
	struct scan *scan = calloc(1, sizeof *scan);
	if (!scan)
		return err_set(err, ERR_NO_MEMORY, "reading topic %s", topic);
	scan->on_record = on_record;
	scan->ctx = ctx;
	scan->stop = stop;
	enum err_code code = scan_topic(client, topic, partition, timeout_ms, scan, err);
	free(scan);
	return code;
}

enum err_code kafka_scan_on(const struct kafka_client *client, const char *topic, struct kafka_scan_places *places,
                            int timeout_ms, bool (*on_record)(void *ctx, const struct kafka_scan_record *record),
                            void *ctx, const atomic_bool *stop, struct err *err)
{
	struct scan *scan = calloc(1, sizeof *scan);
	if (!scan)
		return err_set(err, ERR_NO_MEMORY, "reading topic %s", topic);
	scan->places = places;
	scan->on_record = on_record;
	scan->ctx = ctx;
	scan->stop = stop;
	enum err_code code = scan_topic(client, topic, -1, timeout_ms, scan, err);
	free(scan);
	return code;
}

enum err_code kafka_scan_undone(const struct kafka_client *client, const char *topic, const char *group, int timeout_ms,
                                bool (*on_record)(void *ctx, const struct kafka_scan_record *record), void *ctx,
                                struct err *err)
{
	struct scan *scan = calloc(1, sizeof *scan);
	if (!scan)
		return err_set(err, ERR_NO_MEMORY, "reading topic %s", topic);
	scan->group = group;
	scan->on_record = on_record;
	scan->ctx = ctx;
	enum err_code code = scan_topic(client, topic, -1, timeout_ms, scan, err);
	free(scan);
	return code;
}

enum err_code kafka_scan_recent(const struct kafka_client *client, const char *topic, int64_t since_ms, int64_t most,
                                int timeout_ms, bool (*on_record)(void *ctx, const struct kafka_scan_record *record),
                                void *ctx, int64_t *ret_count, struct err *err)
{
	struct scan *scan = calloc(1, sizeof *scan);
	if (!scan)
		return err_set(err, ERR_NO_MEMORY, "reading topic %s", topic);
	scan->since_ms = since_ms;
	scan->most = most;
	scan->on_record = on_record;
	scan->ctx = ctx;
	enum err_code code = scan_topic(client, topic, -1, timeout_ms, scan, err);
	if (code == ERR_OK)
		*ret_count = scan->since_count;
	free(scan);
	return code;
}

bool kafka_scan_header(const struct kafka_scan_record *record, const char *name, char *out, size_t cap)
{
	const void *value;
	size_t len;
	*out = '\0';
	if (!record->headers ||
	    rd_kafka_header_get_last(record->headers, name, &value, &len) != RD_KAFKA_RESP_ERR_NO_ERROR || !value ||
	    len >= cap)
		return false;
	memcpy(out, value, len);
	out[len] = '\0';
	return true;
}
