/* kind: rows of the generated table. */
#include "common/domain/kind.h"
#include <assert.h>
#include <string.h>

#define FIELD(symbol) (1u << REQUEST_FIELD_##symbol)

static const struct kind_info kinds[] = {
#define KIND(symbol, name, vendor, topic, op, may, must, question, join_s)                                             \
	{name, vendor, topic, op, may, must, question, join_s},
#include "vendor_kinds.def"
#undef KIND
};

static const struct request_field_info fields[] = {
#define REQUEST_FIELD(symbol, name, max_bytes) {name, max_bytes},
#include "common/domain/request_fields.def"
#undef REQUEST_FIELD
};

const struct kind_info *kind_info(enum kind kind)
{
	assert(kind < KIND_COUNT);
	return &kinds[kind];
}

enum kind kind_by_name(const char *name)
{
	for (unsigned i = 0; i < KIND_COUNT; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return (enum kind)i;
	return KIND_COUNT;
}

const struct request_field_info *request_field_info(enum request_field field)
{
	assert(field < REQUEST_FIELD_COUNT);
	return &fields[field];
}
