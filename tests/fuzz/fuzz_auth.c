/* fuzz_auth: any text as API key and as Authorization header, cut at the first line break. Nobody guesses their way in:
 * only the two credentials of the seeds open. */
#include "ingress/auth.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

#define KEY   "demokey-AAAAAAAAAAAAAAAAAAAA"
#define BASIC "YjJjOnBhc3MtQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0M=" /* b2c:pass-CCC… */

static struct auth *make_auth(void)
{
	char brokers[] = "VERIFYD_KAFKA_BROKERS=127.0.0.1:1", redis[] = "VERIFYD_REDIS_URL=redis://127.0.0.1:1";
	char seal[] = "VERIFYD_SEAL_KEYS=k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	char id[] = "VERIFYD_ID_KEY=0123456789abcdef0123456789abcdef", keys[] = "VERIFYD_AUTH_API_KEYS=one=" KEY;
	char users[] = "VERIFYD_AUTH_BASIC_USERS=b2c:pass-CCCCCCCCCCCCCCCCCCCCCCC";
	char *const environment[] = {brokers, redis, seal, id, keys, users, NULL};
	struct config *config = NULL;
	struct auth *auth = NULL;
	FUZZ_RULE(config_load(CONFIG_INGRESS, environment, stderr, &config) == ERR_OK);
	FUZZ_RULE(auth_new(config, false, stderr, &auth) == 0);
	config_free(config); /* only auth_key_header would need it */
	return auth;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct auth *auth; /* for the life of the process */
	char *text = fuzz_text(data, size), caller[CALLER_BYTES] = "";
	FUZZ_RULE(text);
	if (!auth)
		auth = make_auth();
	char *authorization = text, *key = strsep(&authorization, "\n");
	const struct auth_offer offer = {.key = *key ? key : NULL, .authorization = authorization};
	bool in = auth_check(auth, &offer, caller) == AUTH_TAKEN;
	FUZZ_RULE(!in || strcmp(caller, strcmp(key, KEY) == 0 ? "one" : "b2c") == 0);
	FUZZ_RULE(!in || strcmp(key, KEY) == 0 || (!*key && strstr(authorization, "YjJjOnBhc3M")));
	free(text);
	return 0;
}
