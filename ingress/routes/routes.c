/* routes: the table. */
#include "ingress/routes/routes.h"
#include <string.h>
#include <strings.h>

static const struct route table[ROUTE_COUNT] = {
        {"GetScore", "/api/BioCatch/GetScore", false, METHOD_GET | METHOD_POST, DIALECT_B2C, true, biocatch_score},
        {"GetScore", "/api/v6/score", false, METHOD_GET | METHOD_POST, DIALECT_B2C, true, biocatch_score},
        {"CreateVerification", "/v1/verifications", false, METHOD_POST, DIALECT_PROBLEM, false, verifications_create},
        {"ReadVerification", "/v1/verifications/", true, METHOD_GET, DIALECT_PROBLEM, false, verifications_read},
};

const struct route *routes_all(void)
{
	return table;
}

static bool fits(const struct route *route, const char *path)
{
	size_t len = strlen(route->path);
	int differs = route->ignore_case ? strncasecmp(path, route->path, len) : strncmp(path, route->path, len);
	return differs == 0 && (route->prefix ? path[len] != '\0' : path[len] == '\0');
}

const struct route *route_find(const char *path, const char **ret_tail)
{
	for (size_t i = 0; i < ROUTE_COUNT; i++) {
		if (!fits(&table[i], path))
			continue;
		*ret_tail = path + strlen(table[i].path);
		return &table[i];
	}
	*ret_tail = "";
	return NULL;
}

enum dialect route_dialect(const char *path)
{
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
