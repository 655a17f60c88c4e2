/* json_in_internal: what a document is made of: its values in the order of the text, side by side. A container's first
 * value is the node behind it. */
#ifndef VERIFYD_JSON_IN_INTERNAL_H
#define VERIFYD_JSON_IN_INTERNAL_H

#include "common/base/json_in.h"

struct json_in {
	union {
		const char *text;
		int64_t integer;
		double real;
	} as;
	const char *name; /* a member's, else NULL */
	uint32_t name_len;
	uint32_t len;  /* a string's bytes, a container's values */
	uint32_t next; /* how many nodes behind this one its container goes on; 0: nowhere */
	enum json_in_type type;
};

#endif
