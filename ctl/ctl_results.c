/* ctl_results: states from Kafka's `results`, where the truth is. The record that stands is the highest one in the
 * order of verification_compare; among equal completed ones the first, because a partition is read in the order of
 * offsets. */
#include "common/adapters/kafka_lookup.h"
#include "common/adapters/kafka_scan.h"
#include "ctl/ctl.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ID_LEN = ID_BYTES - 1 };

struct wanted {
	const char *id;
	struct ctl_state *state;
};

struct search {
	struct wanted wanted[CTL_IDS_MAX]; /* sorted by id */
	size_t count;
};

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct wanted *)a)->id, ((const struct wanted *)b)->id);
}

/* key: the id, or the id, '!' and a lease token. */
static struct wanted *find(struct search *search, const char *key, size_t len)
{
	char id[ID_BYTES] = "";
	if (!key || len < ID_LEN || (len > ID_LEN && key[ID_LEN] != '!'))
		return NULL;
	memcpy(id, key, ID_LEN);
	const struct wanted sample = {.id = id};
	return bsearch(&sample, search->wanted, search->count, sizeof sample, by_id);
}

static bool on_record(void *ctx, const struct kafka_scan_record *record)
{
	struct verification found;
	struct wanted *wanted = find(ctx, record->key, record->key_len);
	if (!wanted || !record->value)
		return true;
	if (verification_decode(record->value, record->value_len, &found, NULL, NULL) != ERR_OK ||
	    strcmp(found.id, wanted->id) != 0)
		return true;
	struct ctl_state *state = wanted->state;
	if (!state->there || verification_compare(&found, &state->verification) > 0)
		*state = (struct ctl_state){.there = true, .verification = found};
	return true;
}

static enum err_code scan(const struct ctl_call *call, struct search *search, struct err *err)
{
	int32_t partition = -1;
	if (search->count == 1) {
		int32_t count = kafka_partition_count(call->kafka, "results", ctl_left_ms(call));
		if (count <= 0)
			return err_set(err, ERR_UNAVAILABLE, "Kafka is away, or its topic results is not there");
		partition = kafka_partition(search->wanted[0].id, ID_LEN, count);
	}
	return kafka_scan(call->kafka, "results", partition, ctl_left_ms(call), on_record, search, NULL, err);
}

enum err_code ctl_results_states(const struct ctl_call *call, const char *const *ids, size_t count,
                                 struct ctl_state *states, struct err *err)
{
	assert(count <= CTL_IDS_MAX);
	struct search *search = calloc(1, sizeof *search);
	if (!search)
		return err_set(err, ERR_NO_MEMORY, "search of results");
	for (size_t i = 0; i < count; i++)
		if (!states[i].there)
			search->wanted[search->count++] = (struct wanted){ids[i], &states[i]};
	qsort(search->wanted, search->count, sizeof search->wanted[0], by_id);
	enum err_code code = search->count > 0 ? scan(call, search, err) : ERR_OK;
	free(search);
	return code;
}
