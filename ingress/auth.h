/* auth: who calls. API keys, HTTP Basic users and bearer tokens from the settings, compared by SHA-256 in constant time over all of
 * them, so that neither a prefix nor the position of a match shows in the time; and access tokens of an OAuth issuer, whose
 * clients the settings name; and client certificates, named by their keys or by an authority. */
#ifndef VERIFYD_AUTH_H
#define VERIFYD_AUTH_H

#include "common/base/config.h"
#include "common/domain/request.h"
#include "ingress/certificates.h"
#include "ingress/oauth.h"
#include <stdbool.h>

enum { AUTH_MAX_CREDENTIALS = 256, AUTH_MIN_SECRET_BYTES = 24 };

#define AUTH_ANONYMOUS "anonymous"

struct auth;

/* Reads AUTH_*, OAUTH_*, TLS_CLIENT_* and CLIENT_CERT_HEADER; config must outlive it. Every mistake is one line in complaints, without the secret: a name twice, a short secret, a bad shape,
 * no credential at all while open is false, OAUTH settings or such of certificates that are half there. *ret_auth (ended by auth_free) is set only when there was none.
 * open: everybody is AUTH_ANONYMOUS. Returns: how many mistakes. */
int auth_new(const struct config *config, bool open, FILE *complaints, struct auth **ret_auth);
void auth_free(struct auth *auth); /* accepts NULL */

/* Begins what runs beside: the keys of the OAuth issuer, if there is one. Returns: ERR_OK; ERR_IO; ERR_NO_MEMORY. */
enum err_code auth_start(struct auth *auth, struct metrics *metrics) WARN_UNUSED;

/* The state of the OAuth issuer's keys; KEY_WATCH_GOOD where there is no issuer. */
bool auth_has_issuer(const struct auth *auth);
enum key_watch_state auth_keys(const struct auth *auth);

/* A number for a credential's name, below AUTH_SLOTS: one of their own for each, and one for AUTH_ANONYMOUS
 * and all whom an authority named. */
enum { AUTH_SLOTS = AUTH_MAX_CREDENTIALS + 1 };
size_t auth_slot(const struct auth *auth, const char *caller);
size_t auth_count(const struct auth *auth); /* credentials; where an authority makes them, two more than there are in the settings */

bool auth_takes_certificates(const struct auth *auth);

/* The header that carries an API key. */
const char *auth_key_header(const struct auth *auth);

/* What a request brings along; NULL: absent. Only the first that is there counts: a wrong key is not helped by a right password. */
struct auth_offer {
	const char *key;           /* the API key header's value */
	const char *authorization; /* the Authorization header's */
	const struct cert_chain *certificate;
};

enum auth_answer {
	AUTH_REFUSED,
	AUTH_TAKEN,
	AUTH_LATER, /* an access token, and the issuer's keys were never to be had so far */
};

/* Returns: AUTH_TAKEN and the credential's name, or another answer. Thread: any. Blocks: no. */
enum auth_answer auth_check(const struct auth *auth, const struct auth_offer *offer, char ret_caller[CALLER_BYTES]);

#endif
