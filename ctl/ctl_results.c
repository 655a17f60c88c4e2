/* ctl_results: states from Kafka's `results`, where the truth is. */
#include "common/adapters/kafka_lookup.h"
#include "common/adapters/kafka_scan.h"
#include "ctl/ctl.h"
#include <string.h>

enum { ID_LEN = ID_BYTES - 1 };

struct reading {
	const char *id; /* NULL: every one */
	ctl_results_fn on_value;
	void *ctx;
};

/* A record's key is its id, or the id, '!' and a lease token. */
static bool on_record(void *ctx, const struct kafka_scan_record *record)
{
	struct reading *reading = ctx;
	char id[ID_BYTES] = "";
	bool has_id =
	        record->key && record->key_len >= ID_LEN && (record->key_len == ID_LEN || record->key[ID_LEN] == '!');
	if (!has_id || !record->value || !id_is_valid(record->key, ID_LEN))
		return true;
	memcpy(id, record->key, ID_LEN);
	if (!reading->id || strcmp(reading->id, id) == 0)
		reading->on_value(reading->ctx, id, record->value, record->value_len);
	return true;
}

enum err_code ctl_results_each(const struct ctl_call *call, const char *id, ctl_results_fn on_value, void *ctx,
                               struct err *err)
{
	struct reading reading = {.id = id, .on_value = on_value, .ctx = ctx};
	int32_t partition = -1;
	if (id) {
		int32_t count = kafka_partition_count(call->kafka, "results", ctl_left_ms(call));
		if (count <= 0)
			return err_set(err, ERR_UNAVAILABLE, "Kafka is away, or its topic results is not there");
		partition = kafka_partition(id, ID_LEN, count);
	}
	return kafka_scan(call->kafka, "results", partition, ctl_left_ms(call), on_record, &reading, NULL, err);
}
