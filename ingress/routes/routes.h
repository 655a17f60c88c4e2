/* routes: the table of what the public listener answers. One file per family; a handler runs in an HTTP thread, never
 * blocks, and either answers or asks the desk. */
#ifndef VERIFYD_ROUTES_H
#define VERIFYD_ROUTES_H

#include "common/base/metrics.h"
#include "ingress/exchange.h"

enum method { METHOD_GET = 1, METHOD_POST = 2 };

struct route {
	const char *name; /* in metrics */
	const char *path; /* whole, or with `prefix` up to where the tail begins */
	bool prefix;
	unsigned methods; /* bit set of enum method */
	enum dialect dialect;
	bool ignore_case; /* /api: as the ASP.NET original does */
	void (*handle)(struct exchange *exchange, enum method method);
};

enum { ROUTE_COUNT = 4 };
const struct route *routes_all(void); /* ROUTE_COUNT rows */

/* Finds the route of a path. Returns: NULL when there is none; *ret_tail is what follows a prefix, else "". */
const struct route *route_find(const char *path, const char **ret_tail);

/* The dialect that errors about this path are told in, also where no route is. */
enum dialect route_dialect(const char *path);

/* Folds doubled slashes (policies are filled with URLs that end in one). Returns: false when it does not fit. */
bool route_fold_path(const char *path, char out[EXCHANGE_PATH_BYTES]);

void biocatch_score(struct exchange *exchange, enum method method);
void verifications_create(struct exchange *exchange, enum method method);
void verifications_read(struct exchange *exchange, enum method method);

#endif
