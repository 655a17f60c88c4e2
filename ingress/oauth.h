/* oauth: access tokens as credentials: the rules from OAUTH_*, the issuer's keys, and counters of what became of the tokens that were shown. */
#ifndef VERIFYD_OAUTH_H
#define VERIFYD_OAUTH_H

#include "common/base/config.h"
#include "common/base/metrics.h"
#include "ingress/access_token.h"
#include "ingress/key_watch.h"

struct oauth;

/* Reads OAUTH_*; config must outlive it. One line in complaints for every setting that is missing beside those that are set.
 * Returns: how many mistakes; none: *ret_oauth, ended by oauth_free; NULL when no such setting is there. */
int oauth_new(const struct config *config, FILE *complaints, struct oauth **ret_oauth);
void oauth_free(struct oauth *oauth); /* accepts NULL. Blocks: for a fetch that is under way to stop */

/* Begins to fetch the keys; until then, and until they are there, every token is ACCESS_NO_KEYS. Returns: ERR_OK; ERR_IO; ERR_NO_MEMORY. */
enum err_code oauth_start(struct oauth *oauth, struct metrics *metrics) WARN_UNUSED;

enum key_watch_state oauth_state(struct oauth *oauth);

/* As access_token_read, at this moment and with the keys that are there. Thread: any. Blocks: no. */
enum access_verdict oauth_read(struct oauth *oauth, const char *token, char ret_client[ACCESS_CLIENT_BYTES]);

/* Counts what became of a token in the end. */
void oauth_count(struct oauth *oauth, enum access_verdict verdict);

#endif
