/* jose_compact: cuts, and decodes each part to see that it is one. */
#include "ingress/jose_compact.h"
#include "common/base/ids.h"
#include <openssl/crypto.h>
#include <string.h>

enum { PART_MAX_BYTES = JOSE_COMPACT_MAX_BYTES / 4 * 3 };

static bool is_good(const struct jose_part *part, bool may_be_empty)
{
	unsigned char bytes[PART_MAX_BYTES];
	size_t used;
	bool good = (part->len > 0 || may_be_empty) &&
	            base64url_decode(part->text, part->len, bytes, sizeof bytes, &used) == ERR_OK;
	OPENSSL_cleanse(bytes, sizeof bytes);
	return good;
}

bool jose_split(const char *text, size_t len, struct jose_part *ret_parts, size_t count)
{
	struct jose_part parts[JWE_PARTS];
	bool good = len <= JOSE_COMPACT_MAX_BYTES;
	for (size_t i = 0; i < count && good; i++) {
		const char *dot = memchr(text, '.', len);
		size_t part = dot ? (size_t)(dot - text) : len, taken = part + (dot != NULL);
		parts[i] = (struct jose_part){text, part};
		good = (dot != NULL) == (i + 1 < count) && is_good(&parts[i], count == JWE_PARTS && i == JWE_KEY);
		text += taken;
		len -= taken;
	}
	if (good)
		memcpy(ret_parts, parts, count * sizeof *parts);
	return good;
}

struct json_in *jose_part_object(const struct jose_part *part)
{
	char bytes[PART_MAX_BYTES];
	size_t len = 0;
	struct json_in *object = NULL;
	if (base64url_decode(part->text, part->len, bytes, sizeof bytes, &len) != ERR_OK ||
	    json_in_parse(bytes, len, &object, NULL) != ERR_OK)
		object = NULL;
	OPENSSL_cleanse(bytes, sizeof bytes);
	if (json_in_type(object) == JSON_IN_OBJECT)
		return object;
	json_in_free(object);
	return NULL;
}
