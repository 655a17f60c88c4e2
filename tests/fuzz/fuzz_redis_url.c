/* fuzz_redis_url: any text as VERIFYD_REDIS_URL. What is accepted can be connected to; what is not is never quoted. */
#include "common/adapters/redis_url.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct redis_url url = {.port = -1};
	struct err err = {ERR_OK, ""};
	FUZZ_RULE(text);
	if (redis_url_parse(text, &url, &err) == ERR_OK) {
		FUZZ_RULE(url.host[0] && strlen(url.host) < sizeof url.host && url.port > 0 && url.port <= 65535);
		FUZZ_RULE(strlen(url.user) < sizeof url.user && strlen(url.password) < sizeof url.password);
		FUZZ_RULE(url.db >= 0 && url.db <= 9999);
		redis_url_fini(&url);
		FUZZ_RULE(url.password[0] == '\0');
	} else {
		FUZZ_RULE(url.port == -1 &&
		          (strncmp(err.msg, "must be", 7) == 0 || strncmp(err.msg, "rediss://", 9) == 0));
	}
	free(text);
	return 0;
}
