/* fuzz_access_token: any text as an access token, with a key set that a line break cuts off in front of it, or with a
 * fixed one. Nobody without the private key gets in. */
#include "ingress/access_token.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

#define FIXED                                                                                                          \
	"{\"keys\":[{\"kty\":\"EC\",\"kid\":\"ec\",\"crv\":\"P-256\",\"x\":"                                           \
	"\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","                                                             \
	"\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}]}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct access_rules rules = {"https://issuer.example", "api://verifyd"};
	char *text = fuzz_text(data, size), client[ACCESS_CLIENT_BYTES];
	struct key_set *fixed = NULL, *given = NULL;
	FUZZ_RULE(text && key_set_parse(FIXED, strlen(FIXED), &fixed, NULL) == ERR_OK);
	char *token = text, *keys = strsep(&token, "\n");
	if (token && key_set_parse(keys, strlen(keys), &given, NULL) == ERR_OK)
		(void)access_token_read(&rules, given, token, strlen(token), 1790000000, client);
	FUZZ_RULE(access_token_read(&rules, fixed, keys, strlen(keys), 1790000000, client) != ACCESS_GOOD);
	FUZZ_RULE(access_token_read(&rules, NULL, keys, strlen(keys), 1790000000, client) != ACCESS_GOOD);
	key_set_free(given);
	key_set_free(fixed);
	free(text);
	return 0;
}
