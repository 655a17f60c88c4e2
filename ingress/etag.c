/* etag: written from the state, read from a list. */
#include "ingress/etag.h"
#include "common/base/decimal.h"
#include <string.h>

_Static_assert(ETAG_BYTES > 3 * DECIMAL_BYTES + 4, "three numbers, two points, two quotation marks");

void etag_of(const struct verification *state, char ret_tag[ETAG_BYTES])
{
	char *end = ret_tag;
	*end++ = '"';
	end = decimal_write(state->rev, end);
	*end++ = '.';
	end = decimal_write(state->attempts, end);
	*end++ = '.';
	end = decimal_write(state->updated_ms, end);
	*end++ = '"';
	*end = '\0';
}

bool etag_is_listed(const char *list, const char *tag)
{
	static const char between[] = " \t,";
	size_t tag_len = strlen(tag);
	list += strspn(list, between);
	if (strcmp(list, "*") == 0)
		return true;
	while (*list) {
		list += strncmp(list, "W/", 2) == 0 ? 2 : 0;
		const char *end = *list == '"' ? strchr(list + 1, '"') : NULL;
		if (!end)
			return false;
		size_t len = (size_t)(end + 1 - list);
		if (len == tag_len && memcmp(list, tag, len) == 0)
			return true;
		list = end + 1;
		if (*list && !strchr(between, *list))
			return false;
		list += strspn(list, between);
	}
	return false;
}
