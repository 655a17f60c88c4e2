/* routes: the table of what the public listener answers. One file per family; a handler runs in an HTTP thread, never
 * blocks, and either answers or asks the desk. */
#ifndef VERIFYD_ROUTES_H
#define VERIFYD_ROUTES_H

#include "common/base/metrics.h"
#include "ingress/exchange.h"

enum method { METHOD_GET = 1, METHOD_POST = 2, METHOD_OPTIONS = 4 };

enum route_flags {
	ROUTE_PREFIX = 1,      /* `path` goes up to where the tail begins */
	ROUTE_IGNORE_CASE = 2, /* /api: as the ASP.NET original does */
	ROUTE_OPEN = 4,        /* no credential: browsers and the vendor have none */
	ROUTE_CORS = 8,        /* pages of the origins of VERIFYD_CORS_ORIGINS may ask */
	ROUTE_JOURNEYS = 16,   /* there only where journeys are served */
	ROUTE_ANY_TYPE = 32,   /* a body of any content type is read */
};

struct route {
	const char *name; /* in metrics */
	const char *path;
	size_t path_len;
	unsigned flags;   /* bit set of enum route_flags */
	unsigned methods; /* bit set of enum method */
	enum dialect dialect;
	void (*handle)(struct exchange *exchange, enum method method); /* never METHOD_OPTIONS */
};

enum { ROUTE_COUNT = 16 };
const struct route *routes_all(void); /* ROUTE_COUNT rows */

/* Finds the route of a path. Returns: NULL when there is none; *ret_tail is what follows a prefix, else "". */
const struct route *route_find(const char *path, bool journeys, const char **ret_tail);

/* The dialect that errors about this path are told in, also where no route is. */
enum dialect route_dialect(const char *path);

/* Folds doubled slashes (policies are filled with URLs that end in one). Returns: false when it does not fit. */
bool route_fold_path(const char *path, char out[EXCHANGE_PATH_BYTES]);

enum { ALLOW_BYTES = 32 };
/* The Allow header's value: "GET, POST". */
void route_allow(const struct route *route, char ret_allow[ALLOW_BYTES]);

void biocatch_score(struct exchange *exchange, enum method method);
void jumio_initialize_transaction(struct exchange *exchange, enum method method);
void jumio_initialize_verification(struct exchange *exchange, enum method method);
void jumio_verify_status(struct exchange *exchange, enum method method);
void jumio_validate_token(struct exchange *exchange, enum method method);
void oidc_discovery(struct exchange *exchange, enum method method);
void oidc_keys(struct exchange *exchange, enum method method);
void verifications_create(struct exchange *exchange, enum method method);
void verifications_read(struct exchange *exchange, enum method method);
void callbacks_jumio(struct exchange *exchange, enum method method);
void journey_start(struct exchange *exchange, enum method method);
void journey_wait(struct exchange *exchange, enum method method);
void journey_return(struct exchange *exchange, enum method method);
void ui_file(struct exchange *exchange, enum method method);

#endif
