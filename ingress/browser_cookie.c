/* browser_cookie: one pass over the header. */
#include "ingress/browser_cookie.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool browser_cookie_read(const struct tickets *tickets, const char *id, const char *header,
                         char ret_value[COOKIE_VALUE_BYTES])
{
	char name[COOKIE_NAME_BYTES], value[COOKIE_VALUE_BYTES];
	cookie_name(id, name);
	size_t name_len = strlen(name);
	while (header && *header) {
		header += strspn(header, "; \t");
		size_t len = strcspn(header, "; \t");
		if (len > name_len && header[name_len] == '=' && strncmp(header, name, name_len) == 0 &&
		    len - name_len - 1 < sizeof value) {
			memcpy(value, header + name_len + 1, len - name_len - 1);
			value[len - name_len - 1] = '\0';
			if (cookie_is_ours(tickets, id, value)) {
				memcpy(ret_value, value, sizeof value);
				return true;
			}
		}
		header += len;
	}
	return false;
}

void browser_cookie_write(const char *id, const char *value, int64_t life_ms, char ret_header[SET_COOKIE_BYTES])
{
	char name[COOKIE_NAME_BYTES];
	cookie_name(id, name);
	snprintf(ret_header, SET_COOKIE_BYTES, "%s=%s; Max-Age=%" PRId64 "; Path=/; Secure; HttpOnly; SameSite=Lax",
	         name, value, life_ms / 1000);
}
