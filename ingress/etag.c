/* etag: written from the state, read from a list. */
#include "ingress/etag.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void etag_of(const struct verification *state, char ret_tag[ETAG_BYTES])
{
	snprintf(ret_tag, ETAG_BYTES, "\"%" PRId64 ".%d.%" PRId64 "\"", state->rev, state->attempts, state->updated_ms);
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
