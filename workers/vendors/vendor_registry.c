/* vendor_registry: finds a vendor by its name in the table that the build puts together from the folders. */
#include "workers/vendors/vendor.h"
#include <string.h>

const struct vendor *vendor_by_name(const char *name, size_t len)
{
	for (const struct vendor *const *at = vendors_all; *at; at++)
		if (strlen((*at)->name) == len && memcmp((*at)->name, name, len) == 0)
			return *at;
	return NULL;
}
