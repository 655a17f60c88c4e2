/* media_type: the name alone is compared; parameters begin behind a semicolon, or a blank before it. */
#include "ingress/media_type.h"
#include <string.h>
#include <strings.h>

bool media_type_is(const char *content_type, const char *media_type)
{
	size_t len = strlen(media_type);
	return content_type && strncasecmp(content_type, media_type, len) == 0 &&
	       (content_type[len] == '\0' || strchr("; \t", content_type[len]));
}
