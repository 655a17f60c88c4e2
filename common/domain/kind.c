/* kind: rows of the generated tables. */
#include "common/domain/kind.h"
#include <assert.h>
#include <string.h>

#define FIELD(symbol) (1u << REQUEST_FIELD_##symbol)

static const struct kind_info kinds[] = {
#define KIND(symbol, name, vendor, may, must, question, join, join_s) {name, vendor, may, must, question, join, join_s},
#define OPERATION(symbol, kind, name, topic, flow)
#include "vendor_kinds.def"
#undef KIND
#undef OPERATION
};

static const struct operation_info operations[] = {
#define KIND(symbol, name, vendor, may, must, question, join, join_s)
#define OPERATION(symbol, kind, name, topic, flow) {KIND_##kind, name, topic, FLOW_##flow},
#include "vendor_kinds.def"
#undef KIND
#undef OPERATION
};

static const struct request_field_info fields[] = {
#define REQUEST_FIELD(symbol, name, max_bytes) {name, sizeof(name) - 1, max_bytes},
#include "common/domain/request_fields.def"
#undef REQUEST_FIELD
};

const struct kind_info *kind_info(enum kind kind)
{
	assert(kind < KIND_COUNT);
	return &kinds[kind];
}

const struct operation_info *operation_info(enum operation operation)
{
	assert(operation < OPERATION_COUNT);
	return &operations[operation];
}

enum kind kind_by_name(const char *name)
{
	for (unsigned i = 0; i < KIND_COUNT; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return (enum kind)i;
	return KIND_COUNT;
}

enum operation kind_first_operation(enum kind kind)
{
	unsigned i = 0;
	while (i < OPERATION_COUNT && operations[i].kind != kind)
		i++;
	return (enum operation)i;
}

enum operation kind_operation(enum kind kind, enum flow_kind flow)
{
	unsigned i = 0;
	while (i < OPERATION_COUNT && (operations[i].kind != kind || operations[i].flow != flow))
		i++;
	return (enum operation)i;
}

bool kind_is_journey(enum kind kind)
{
	return kind_info(kind)->join_s == 0;
}

enum operation operation_by_topic(const char *topic, size_t len)
{
	unsigned i = 0;
	while (i < OPERATION_COUNT &&
	       (strlen(operations[i].topic) != len || memcmp(operations[i].topic, topic, len) != 0))
		i++;
	return (enum operation)i;
}

const struct request_field_info *request_field_info(enum request_field field)
{
	assert(field < REQUEST_FIELD_COUNT);
	return &fields[field];
}

enum request_field request_field_by_name(const char *name)
{
	size_t len = strlen(name);
	unsigned i = 0;
	while (i < REQUEST_FIELD_COUNT && (fields[i].name_len != len || memcmp(fields[i].name, name, len) != 0))
		i++;
	return (enum request_field)i;
}
