/* ctl_dead: reads a dead letter from its record. The value is looked at only to learn whether it can be replayed and
 * what kind it is; nothing of it is shown, so that a poison record cannot leak what it holds. */
#include "ctl/ctl_dead.h"
#include "common/adapters/kafka_lookup.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES = 20 }; /* 19 digits of an int64 and '\0' */

/* Returns: the header as a number, 0 when it is absent or none in range. */
static int64_t header_number(const struct kafka_scan_record *record, const char *name, int64_t max)
{
	char text[NUMBER_BYTES];
	if (!kafka_scan_header(record, name, text, sizeof text) || !*text || text[strspn(text, "0123456789")])
		return 0;
	long long number = strtoll(text, NULL, 10); /* out of range: LLONG_MAX */
	return number < max ? number : 0;
}

static void header_text(const struct kafka_scan_record *record, const char *name, char *out, size_t cap)
{
	char raw[DEAD_MESSAGE_BYTES];
	(void)kafka_scan_header(record, name, raw, sizeof raw); /* absent: "" */
	ctl_printable(raw, out, cap);
}

static enum kind kind_of(const struct kafka_scan_record *record, const char *id)
{
	struct request request;
	if (!record->value || request_decode(record->value, record->value_len, &request, NULL) != ERR_OK)
		return KIND_COUNT;
	enum kind kind = strcmp(request.id, id) == 0 ? request.kind : KIND_COUNT;
	request_fini(&request);
	return kind;
}

/* The class of a dead letter is its request's topic. */
static enum operation operation_of(enum kind kind, const char *class)
{
	enum operation operation = operation_by_topic(class, strlen(class));
	if (kind == KIND_COUNT)
		return OPERATION_COUNT;
	bool fits = operation < OPERATION_COUNT && operation_info(operation)->kind == kind;
	return fits ? operation : kind_first_operation(kind);
}

void dead_letter_read(const struct kafka_scan_record *record, struct dead_letter *ret)
{
	*ret = (struct dead_letter){
	        .partition = record->partition,
	        .offset = record->offset,
	        .timestamp_ms = record->timestamp_ms,
	        .attempts = (int)header_number(record, HEADER_ATTEMPTS, INT_MAX),
	        .replays = (int)header_number(record, HEADER_REPLAYS, INT_MAX),
	        .first_failure_ms = header_number(record, HEADER_FIRST_FAILURE, INT64_MAX),
	        .last_failure_ms = header_number(record, HEADER_LAST_FAILURE, INT64_MAX),
	        .deadline_ms = header_number(record, HEADER_DEADLINE, INT64_MAX),
	        .poll = header_number(record, HEADER_POLL, INT64_MAX),
	};
	if (record->key && id_is_valid(record->key, record->key_len))
		memcpy(ret->id, record->key, sizeof ret->id - 1);
	ret->kind = kind_of(record, ret->id);
	header_text(record, HEADER_CLASS, ret->class, sizeof ret->class);
	ret->operation = operation_of(ret->kind, ret->class);
	header_text(record, HEADER_ERROR, ret->error, sizeof ret->error);
	header_text(record, HEADER_MESSAGE, ret->message, sizeof ret->message);
	header_text(record, HEADER_CAUSE, ret->cause, sizeof ret->cause);
	header_text(record, HEADER_TRACEPARENT, ret->traceparent, sizeof ret->traceparent);
}

enum err_code dead_scan(const struct ctl_call *call, const char *id,
                        bool (*on_record)(void *ctx, const struct kafka_scan_record *record), void *ctx,
                        struct err *err)
{
	int32_t partition = -1;
	if (id) {
		int32_t count = kafka_partition_count(call->kafka, "dead", ctl_left_ms(call));
		if (count <= 0)
			return err_set(err, ERR_UNAVAILABLE, "Kafka is away, or its topic dead is not there");
		partition = kafka_partition(id, ID_BYTES - 1, count);
	}
	return kafka_scan(call->kafka, "dead", partition, ctl_left_ms(call), on_record, ctx, NULL, err);
}
