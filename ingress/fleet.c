/* fleet: one look at every vendor's breakers, in one go; what it found counts when the vendor's answer is complete. */
#include "ingress/fleet.h"
#include "common/adapters/redis_store_gate.h"
#include <stdlib.h>
#include <string.h>

struct look {
	struct fleet *fleet;
	const char *vendor; /* constant */
	bool found[OPERATION_COUNT];
};

struct fleet {
	struct redis_store *store;
	int64_t looked_ms;
	int pending; /* vendors that were not answered about yet */
	struct look looks[KIND_COUNT];
	size_t vendors;
	bool open[OPERATION_COUNT];
	int64_t tried_ms[OPERATION_COUNT]; /* 0: never */
};

static const char *vendor_of(enum operation operation)
{
	return kind_info(operation_info(operation)->kind)->vendor;
}

static void add_vendor(struct fleet *fleet, const char *vendor)
{
	for (size_t i = 0; i < fleet->vendors; i++)
		if (strcmp(fleet->looks[i].vendor, vendor) == 0)
			return;
	fleet->looks[fleet->vendors].fleet = fleet;
	fleet->looks[fleet->vendors++].vendor = vendor;
}

enum err_code fleet_new(struct redis_store *store, struct fleet **ret_fleet)
{
	struct fleet *fleet = calloc(1, sizeof *fleet);
	if (!fleet)
		return ERR_NO_MEMORY;
	fleet->store = store;
	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		add_vendor(fleet, kind_info((enum kind)kind)->vendor);
	*ret_fleet = fleet;
	return ERR_OK;
}

void fleet_free(struct fleet *fleet)
{
	free(fleet);
}

static void on_breaker(void *ctx, const char *op, const char *state)
{
	struct look *look = ctx;
	(void)state;
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		if (strcmp(vendor_of((enum operation)i), look->vendor) == 0 &&
		    strcmp(operation_info((enum operation)i)->name, op) == 0)
			look->found[i] = true;
}

static void on_read(void *ctx, enum err_code code)
{
	struct look *look = ctx;
	struct fleet *fleet = look->fleet;
	fleet->pending--;
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		if (strcmp(vendor_of((enum operation)i), look->vendor) == 0)
			fleet->open[i] = code == ERR_OK && look->found[i];
}

void fleet_turn(struct fleet *fleet, int64_t now_ms)
{
	if (fleet->pending > 0 || now_ms - fleet->looked_ms < FLEET_EVERY_MS)
		return;
	fleet->looked_ms = now_ms;
	for (size_t i = 0; i < fleet->vendors; i++) {
		struct look *look = &fleet->looks[i];
		memset(look->found, 0, sizeof look->found);
		fleet->pending++;
		if (redis_store_read_breakers(fleet->store, look->vendor, on_breaker, on_read, look) != ERR_OK)
			on_read(look, ERR_UNAVAILABLE);
	}
}

bool fleet_is_open(const struct fleet *fleet, enum operation operation)
{
	return fleet->open[operation];
}

bool fleet_may_try(struct fleet *fleet, enum operation operation, int64_t now_ms)
{
	int64_t *tried_ms = &fleet->tried_ms[operation];
	if (*tried_ms != 0 && now_ms - *tried_ms < FLEET_TRY_MS)
		return false;
	*tried_ms = now_ms;
	return true;
}
