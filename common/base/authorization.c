/* authorization: one scheme, one blank, and what follows. */
#include "common/base/authorization.h"
#include "common/base/base64.h"
#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

const char *authorization_of(const char *header, const char *scheme)
{
	size_t len = strlen(scheme);
	return strncasecmp(header, scheme, len) == 0 && header[len] == ' ' ? header + len + 1 : NULL;
}

bool authorization_basic(const char *base64, struct basic *ret_basic)
{
	const char *colon = NULL;
	if (base64_decode(base64, strlen(base64), ret_basic->pair, sizeof ret_basic->pair, &ret_basic->len) == ERR_OK)
		colon = memchr(ret_basic->pair, ':', ret_basic->len);
	if (colon)
		ret_basic->password = (size_t)(colon + 1 - ret_basic->pair);
	else
		OPENSSL_cleanse(ret_basic, sizeof *ret_basic);
	return colon != NULL;
}
