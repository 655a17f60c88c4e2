/* fuzz_route_path: any path. Folding never grows it, leaves no doubled slash, and the same path leads the same way. */
#include "ingress/routes/routes.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *path = fuzz_text(data, size), out[EXCHANGE_PATH_BYTES], twice[EXCHANGE_PATH_BYTES];
	const char *tail = NULL;
	FUZZ_RULE(path);
	if (route_fold_path(path, out)) {
		FUZZ_RULE(strlen(out) <= strlen(path) && !strstr(out, "//"));
		FUZZ_RULE(route_fold_path(out, twice) && strcmp(out, twice) == 0);
		const struct route *route = route_find(out, true, &tail);
		FUZZ_RULE(tail && (!route || ((route->flags & ROUTE_PREFIX) == 0) == (*tail == '\0')));
		const struct route *without = route_find(out, false, &tail);
		FUZZ_RULE(without == (route && (route->flags & ROUTE_JOURNEYS) ? NULL : route));
		FUZZ_RULE(!route || route->dialect == route_dialect(out));
	}
	free(path);
	return 0;
}
