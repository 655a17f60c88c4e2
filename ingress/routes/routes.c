/* routes: the table. */
#include "ingress/routes/routes.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	API = ROUTE_IGNORE_CASE,
	JUMIO = ROUTE_IGNORE_CASE | ROUTE_JOURNEYS,
	POLLED = JUMIO | ROUTE_OPEN | ROUTE_CORS,
	OIDC = JUMIO | ROUTE_OPEN,
	CALLED_BACK = ROUTE_PREFIX | ROUTE_JOURNEYS | ROUTE_OPEN | ROUTE_ANY_TYPE,
	PAGE = ROUTE_PREFIX | ROUTE_JOURNEYS | ROUTE_OPEN,
	FOR_PAGES = ROUTE_PREFIX | ROUTE_OPEN | ROUTE_CORS,
};

#define ROUTE(name, path, flags, methods, dialect, handle)                                                             \
	{name, path, sizeof(path) - 1, flags, methods, DIALECT_##dialect, handle},
#define GET  METHOD_GET
#define POST METHOD_POST

static const struct route table[ROUTE_COUNT] = {
#include "ingress/routes/routes.def"
};

const struct route *routes_all(void)
{
	return table;
}

static bool fits(const struct route *route, const char *path, size_t len)
{
	if (route->flags & ROUTE_PREFIX ? len <= route->path_len : len != route->path_len)
		return false;
	return (route->flags & ROUTE_IGNORE_CASE) ? strncasecmp(path, route->path, route->path_len) == 0
	                                          : memcmp(path, route->path, route->path_len) == 0;
}

const struct route *route_find(const char *path, bool journeys, const char **ret_tail)
{
	size_t len = strlen(path);
	for (size_t i = 0; i < ROUTE_COUNT; i++) {
		if (!fits(&table[i], path, len) || ((table[i].flags & ROUTE_JOURNEYS) && !journeys))
			continue;
		*ret_tail = path + table[i].path_len;
		return &table[i];
	}
	*ret_tail = "";
	return NULL;
}

enum dialect route_dialect(const char *path)
{
	if (strncmp(path, "/start/", 7) == 0 || strncmp(path, "/return/", 8) == 0)
		return DIALECT_PAGE;
	return strncasecmp(path, "/api/", 5) == 0 ? DIALECT_B2C : DIALECT_PROBLEM;
}

bool route_fold_path(const char *path, char out[EXCHANGE_PATH_BYTES])
{
	size_t n = 0;
	for (; *path; path++) {
		if (*path == '/' && n > 0 && out[n - 1] == '/')
			continue;
		if (n + 1 >= EXCHANGE_PATH_BYTES)
			return false;
		out[n++] = *path;
	}
	out[n] = '\0';
	return true;
}

void route_allow(const struct route *route, char ret_allow[ALLOW_BYTES])
{
	static const char *const names[] = {"GET", "POST", "OPTIONS"}; /* by bit */
	size_t len = 0;
	ret_allow[0] = '\0';
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (route->methods & (1u << i))
			len += (size_t)snprintf(ret_allow + len, ALLOW_BYTES - len, "%s%s", len ? ", " : "", names[i]);
}
