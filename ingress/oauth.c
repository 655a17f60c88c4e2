/* oauth: settings, keys and counters around access_token. */
#include "ingress/oauth.h"
#include "common/adapters/http_fetch.h"
#include "common/base/clock.h"
#include <stdlib.h>
#include <string.h>

struct oauth {
	struct access_rules rules;
	struct http_way source;
	bool fetches;
	struct key_watch *keys;
	struct metric *verdicts[ACCESS_VERDICT_COUNT];
};

/* All of them, or none. */
static const struct {
	enum config_option option;
	const char *name, *what;
} settings[] = {
        {CONFIG_OAUTH_ISSUER, "VERIFYD_OAUTH_ISSUER", "whose tokens are believed"},
        {CONFIG_OAUTH_AUDIENCE, "VERIFYD_OAUTH_AUDIENCE", "for whom they have to be"},
        {CONFIG_OAUTH_JWKS_URL, "VERIFYD_OAUTH_JWKS_URL", "where the issuer's keys are"},
        {CONFIG_OAUTH_CLIENTS, "VERIFYD_OAUTH_CLIENTS",
         "which programs may call: at most issuers any program can get a token for this audience"},
};

enum { SETTINGS = sizeof settings / sizeof *settings };

int oauth_new(const struct config *config, FILE *complaints, struct oauth **ret_oauth)
{
	int set = 0;
	*ret_oauth = NULL;
	for (size_t i = 0; i < SETTINGS; i++)
		set += config_str(config, settings[i].option) != NULL;
	for (size_t i = 0; i < SETTINGS && set > 0; i++)
		if (!config_str(config, settings[i].option))
			fprintf(complaints, "%s: missing beside the other OAUTH settings: %s\n", settings[i].name,
			        settings[i].what);
	if (set == 0 || set < SETTINGS)
		return set == 0 ? 0 : SETTINGS - set;
	struct oauth *oauth = calloc(1, sizeof *oauth);
	if (!oauth) {
		fputs("VERIFYD_OAUTH_ISSUER: out of memory\n", complaints);
		return 1;
	}
	oauth->rules.issuer = config_str(config, CONFIG_OAUTH_ISSUER);
	oauth->rules.audiences = config_str(config, CONFIG_OAUTH_AUDIENCE);
	oauth->source = (struct http_way){.url = config_str(config, CONFIG_OAUTH_JWKS_URL),
	                                  .proxy = config_str(config, CONFIG_OAUTH_PROXY),
	                                  .ca_file = config_str(config, CONFIG_OAUTH_CA_FILE)};
	*ret_oauth = oauth;
	return 0;
}

void oauth_free(struct oauth *oauth)
{
	if (!oauth)
		return;
	key_watch_free(oauth->keys);
	if (oauth->fetches)
		http_fetch_close();
	free(oauth);
}

static enum err_code fetch(void *ctx, const atomic_bool *stop, struct buf *out, struct err *err)
{
	const struct oauth *oauth = ctx;
	return http_fetch(&oauth->source, stop, out, err);
}

enum err_code oauth_start(struct oauth *oauth, struct metrics *metrics)
{
	const struct key_watch_options options = {.fetch = fetch, .ctx = oauth, .metrics = metrics};
	char label[64];
	for (enum access_verdict i = 0; i < ACCESS_VERDICT_COUNT; i++) {
		(void)snprintf(label, sizeof label, "verdict=\"%s\"", access_verdict_name(i));
		oauth->verdicts[i] =
		        metrics_counter(metrics, "verifyd_oauth_tokens", label, "access tokens that callers showed");
	}
	enum err_code code = http_fetch_open();
	oauth->fetches = code == ERR_OK;
	return code == ERR_OK ? key_watch_new(&options, &oauth->keys) : code;
}

enum key_watch_state oauth_state(struct oauth *oauth)
{
	return oauth->keys ? key_watch_state(oauth->keys) : KEY_WATCH_NONE;
}

enum access_verdict oauth_read(struct oauth *oauth, const char *token, char ret_client[ACCESS_CLIENT_BYTES])
{
	enum { MS_PER_S = 1000 };
	struct key_set *keys = oauth->keys ? key_watch_take(oauth->keys) : NULL;
	enum access_verdict verdict =
	        access_token_read(&oauth->rules, keys, token, strlen(token), clock_unix_ms() / MS_PER_S, ret_client);
	key_set_free(keys);
	if (verdict == ACCESS_UNKNOWN_KEY)
		key_watch_miss(oauth->keys);
	return verdict;
}

void oauth_count(struct oauth *oauth, enum access_verdict verdict)
{
	if (oauth->verdicts[verdict])
		metric_add(oauth->verdicts[verdict], 1);
}
