/* worker_status: the text of a worker's status, written and read. What a worker of another version wrote is read as far
 * as it is understood: a fleet is never of one version while it is being rolled out. */
#include "common/domain/worker_status.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The plain numbers of a class. */
static const struct {
	const char *name;
	size_t at;
} numbers[] = {
        {"in_flight", offsetof(struct worker_class, in_flight)},
        {"max_in_flight", offsetof(struct worker_class, max_in_flight)},
        {"lag", offsetof(struct worker_class, lag)},
        {"taken", offsetof(struct worker_class, taken)},
        {"calls", offsetof(struct worker_class, calls)},
        {"completed", offsetof(struct worker_class, completed)},
        {"retried", offsetof(struct worker_class, retried)},
        {"dead", offsetof(struct worker_class, dead)},
};

enum { NUMBER_COUNT = sizeof numbers / sizeof *numbers, PARTITION_BYTES = 12, PARTITION_MAX = 1000000 };

static const int64_t took_ms[WORKER_TOOK_BUCKETS] = {5,    10,   25,   50,    100,   250,      500,
                                                     1000, 2500, 5000, 10000, 25000, INT64_MAX};

int64_t worker_took_ms(size_t bucket)
{
	return took_ms[bucket];
}

size_t worker_took_bucket(int64_t us)
{
	size_t i = 0;
	while (i + 1 < WORKER_TOOK_BUCKETS && us > took_ms[i] * 1000)
		i++;
	return i;
}

/* ---- writing ---- */

static void put_quota(struct json_out *json, const struct worker_class *class)
{
	if (!class->has_quota) {
		json_out_null(json, "quota");
		return;
	}
	json_out_object(json, "quota");
	json_out_int(json, "limit", class->quota_limit);
	json_out_int(json, "period_ms", class->quota_period_ms);
	json_out_int(json, "used", class->quota_used);
	json_out_object_end(json);
}

/* Returns: the number as text, inside of digits. */
static const char *name_of(int32_t partition, char digits[PARTITION_BYTES])
{
	char *at = digits + PARTITION_BYTES - 1;
	*at = '\0';
	do
		*--at = (char)('0' + partition % 10);
	while ((partition /= 10) > 0);
	return at;
}

static void put_partitions(struct json_out *json, const struct worker_class *class)
{
	char digits[PARTITION_BYTES];
	json_out_object(json, "watermarks");
	for (size_t i = 0; i < class->partition_count; i++)
		json_out_int(json, name_of(class->partitions[i].partition, digits), class->partitions[i].next);
	json_out_object_end(json);
}

static void put_class(struct json_out *json, const struct worker_class *class, bool with_partitions)
{
	json_out_object(json, NULL);
	json_out_str(json, "vendor", kind_info(operation_info(class->operation)->kind)->vendor);
	json_out_str(json, "op", operation_info(class->operation)->name);
	for (size_t i = 0; i < NUMBER_COUNT; i++)
		json_out_int(json, numbers[i].name, *(const int64_t *)((const char *)class + numbers[i].at));
	json_out_array(json, "waiting");
	for (size_t i = 0; i < WORKER_STATUS_PRIORITIES; i++)
		json_out_int(json, NULL, class->waiting[i]);
	json_out_array_end(json);
	json_out_array(json, "took");
	for (size_t i = 0; i < WORKER_TOOK_BUCKETS; i++)
		json_out_int(json, NULL, class->took[i]);
	json_out_array_end(json);
	put_quota(json, class);
	json_out_str(json, "breaker", class->breaker_open ? "open" : "closed");
	if (with_partitions)
		put_partitions(json, class);
	json_out_object_end(json);
}

static enum err_code encode(const struct worker_status *status, bool with_partitions, struct buf *text)
{
	struct json_out json;
	buf_clear(text);
	json_out_begin(&json, text);
	json_out_object(&json, NULL);
	json_out_int(&json, "at_ms", status->at_ms);
	json_out_str(&json, "version", status->version);
	json_out_int(&json, "started_ms", status->started_ms);
	json_out_bool(&json, "draining", status->draining);
	json_out_int(&json, "loop_lag_ms", status->loop_lag_ms);
	json_out_array(&json, "classes");
	for (size_t i = 0; i < status->class_count; i++)
		put_class(&json, &status->classes[i], with_partitions);
	json_out_array_end(&json);
	json_out_object_end(&json);
	return json_out_end(&json);
}

enum err_code worker_status_encode(const struct worker_status *status, struct buf *out)
{
	struct buf text;
	buf_init(&text, WORKER_STATUS_MAX_BYTES);
	enum err_code code = encode(status, true, &text);
	if (code == ERR_LIMIT || (code == ERR_OK && text.len > out->max - out->len))
		code = encode(status, false, &text);
	if (code == ERR_OK)
		code = buf_append(out, text.data, text.len);
	buf_fini(&text);
	return code;
}

/* ---- reading ---- */

/* What is no count is none. */
static int64_t count_of(const struct json_in *value)
{
	int64_t count = json_in_integer(value);
	return count > 0 ? count : 0;
}

static enum operation operation_named(const char *vendor, const char *name)
{
	unsigned i = 0;
	while (i < OPERATION_COUNT && (strcmp(operation_info((enum operation)i)->name, name) != 0 ||
	                               strcmp(kind_info(operation_info((enum operation)i)->kind)->vendor, vendor) != 0))
		i++;
	return (enum operation)i;
}

static void read_partitions(const struct json_in *watermarks, struct worker_class *class)
{
	if (json_in_type(watermarks) != JSON_IN_OBJECT || json_in_count(watermarks) > WORKER_STATUS_PARTITIONS)
		return;
	for (const struct json_in *each = json_in_first(watermarks); each; each = json_in_next(each)) {
		char *end;
		const char *name = json_in_name(each);
		long partition = strtol(name, &end, 10);
		if (*name < '0' || *name > '9' || *end || partition > PARTITION_MAX ||
		    json_in_type(each) != JSON_IN_INTEGER || json_in_integer(each) < 0)
			continue;
		class->partitions[class->partition_count].partition = (int32_t)partition;
		class->partitions[class->partition_count++].next = json_in_integer(each);
	}
}

static void read_quota(const struct json_in *quota, struct worker_class *class)
{
	class->quota_limit = count_of(json_in_get(quota, "limit"));
	class->quota_period_ms = count_of(json_in_get(quota, "period_ms"));
	class->quota_used = count_of(json_in_get(quota, "used"));
	class->has_quota = class->quota_limit > 0 && class->quota_period_ms > 0;
}

static void read_class(const struct json_in *value, struct worker_status *status)
{
	const char *vendor = json_in_text(json_in_get(value, "vendor")), *name = json_in_text(json_in_get(value, "op"));
	const char *breaker = json_in_text(json_in_get(value, "breaker"));
	const struct json_in *waiting = json_in_first(json_in_get(value, "waiting"));
	const struct json_in *took = json_in_first(json_in_get(value, "took"));
	enum operation operation = vendor && name ? operation_named(vendor, name) : OPERATION_COUNT;
	if (operation == OPERATION_COUNT || worker_status_class(status, operation))
		return;
	struct worker_class *class = &status->classes[status->class_count++];
	class->operation = operation;
	for (size_t i = 0; i < NUMBER_COUNT; i++)
		*(int64_t *)((char *)class + numbers[i].at) = count_of(json_in_get(value, numbers[i].name));
	for (size_t i = 0; i < WORKER_STATUS_PRIORITIES && waiting; i++, waiting = json_in_next(waiting))
		class->waiting[i] = count_of(waiting);
	for (size_t i = 0; i < WORKER_TOOK_BUCKETS && took; i++, took = json_in_next(took))
		class->took[i] = count_of(took);
	class->breaker_open = breaker && strcmp(breaker, "open") == 0;
	read_quota(json_in_get(value, "quota"), class);
	read_partitions(json_in_get(value, "watermarks"), class);
}

enum err_code worker_status_decode(const char *text, size_t len, struct worker_status *ret_status, struct err *err)
{
	struct json_in *root = NULL;
	if (len > WORKER_STATUS_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "a worker's status is longer than %d bytes", WORKER_STATUS_MAX_BYTES);
	enum err_code code = json_in_parse(text, len, &root, err);
	if (code != ERR_OK)
		return code;
	struct worker_status status = {.at_ms = count_of(json_in_get(root, "at_ms"))};
	if (status.at_ms == 0)
		code = err_set(err, ERR_INVALID, "a worker's status without at_ms");
	status.started_ms = count_of(json_in_get(root, "started_ms"));
	status.loop_lag_ms = count_of(json_in_get(root, "loop_lag_ms"));
	status.draining = json_in_type(json_in_get(root, "draining")) == JSON_IN_TRUE;
	if (json_in_str(root, "version", status.version, sizeof status.version, NULL) != ERR_OK)
		status.version[0] = '\0';
	for (const struct json_in *each = json_in_first(json_in_get(root, "classes")); each; each = json_in_next(each))
		read_class(each, &status);
	json_in_free(root);
	if (code == ERR_OK)
		*ret_status = status;
	return code;
}

bool worker_status_is_fresh(const struct worker_status *status, int64_t now_ms)
{
	return now_ms - status->at_ms <= WORKER_FRESH_MS;
}

const struct worker_class *worker_status_class(const struct worker_status *status, enum operation operation)
{
	for (size_t i = 0; i < status->class_count; i++)
		if (status->classes[i].operation == operation)
			return &status->classes[i];
	return NULL;
}
