/* service_settings: reads each text as its user will, and throws the outcome away. */
#include "common/adapters/service_settings.h"
#include "common/adapters/redis_url.h"
#include "common/base/seal.h"

int service_settings_check(const struct config *config, FILE *complaints)
{
	struct err err;
	struct seal_ring *ring = NULL;
	struct redis_url redis;
	const char *seal_keys = config_str(config, CONFIG_SEAL_KEYS), *redis_url = config_str(config, CONFIG_REDIS_URL);
	int mistakes = 0;
	if (seal_keys && seal_ring_new(seal_keys, &ring, &err) != ERR_OK && ++mistakes)
		fprintf(complaints, "VERIFYD_SEAL_KEYS: %s\n", err.msg);
	if (redis_url && redis_url_parse(redis_url, &redis, &err) != ERR_OK && ++mistakes)
		fprintf(complaints, "VERIFYD_REDIS_URL: %s\n", err.msg);
	seal_ring_free(ring);
	return mistakes;
}
