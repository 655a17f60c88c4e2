/* auth: a table of digests. Secrets themselves are not kept. A client id is none, but stands in the same table: every
 * credential has a name that no other one has. */
#include "ingress/auth.h"
#include "common/base/authorization.h"
#include "common/base/base64.h"
#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { DIGEST_BYTES = 32 };

enum scheme { SCHEME_KEY, SCHEME_BASIC, SCHEME_BEARER, SCHEME_CLIENT, SCHEME_PIN, SCHEME_COUNT };

/* How a setting writes its entries. */
static const struct scheme_shape {
	enum config_option option;
	char cut; /* between name and secret */
	const char *setting;
	const char *complaint;
	size_t min_bytes; /* of the secret */
} shapes[SCHEME_COUNT] = {
        [SCHEME_KEY] = {CONFIG_AUTH_API_KEYS, '=', "VERIFYD_AUTH_API_KEYS", "an entry is not name=key",
                        AUTH_MIN_SECRET_BYTES},
        [SCHEME_BASIC] = {CONFIG_AUTH_BASIC_USERS, ':', "VERIFYD_AUTH_BASIC_USERS", "an entry is not user:password",
                          AUTH_MIN_SECRET_BYTES},
        [SCHEME_BEARER] = {CONFIG_AUTH_BEARER_TOKENS, '=', "VERIFYD_AUTH_BEARER_TOKENS", "an entry is not name=token",
                           AUTH_MIN_SECRET_BYTES},
        [SCHEME_CLIENT] = {CONFIG_OAUTH_CLIENTS, '=', "VERIFYD_OAUTH_CLIENTS", "an entry is not name=client-id", 1},
        [SCHEME_PIN] = {CONFIG_TLS_CLIENT_SPKI, '=', "VERIFYD_TLS_CLIENT_SPKI", "an entry is not name=base64", 0},
};

struct credential {
	enum scheme scheme;
	char name[CALLER_BYTES];
	unsigned char digest[DIGEST_BYTES]; /* of the secret; of "user:password" for Basic */
};

struct auth {
	bool open;
	const char *key_header;
	EVP_MD *sha256;
	_Atomic(EVP_MD_CTX *) *spare;      /* is &slot: changes while callers hold the table as a constant */
	_Atomic(EVP_MD_CTX *) slot;        /* kept for the next digest; NULL while a thread works on it */
	struct oauth *oauth;               /* NULL: access tokens are not taken */
	struct certificates *certificates; /* NULL: no certificates are */
	size_t count;
	struct credential list[AUTH_MAX_CREDENTIALS];
};

/* What was digested is overwritten by EVP_DigestFinal_ex; its context is kept: making one costs as much as the digest.
 */
static bool digest(const struct auth *auth, const char *text, size_t len, unsigned char out[DIGEST_BYTES])
{
	EVP_MD_CTX *ctx = atomic_exchange(auth->spare, NULL);
	if (!ctx)
		ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestInit_ex(ctx, auth->sha256, NULL) == 1 && EVP_DigestUpdate(ctx, text, len) == 1 &&
	          EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	if (ok)
		ctx = atomic_exchange(auth->spare, ctx); /* another thread's may be there already */
	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool name_is_good(const char *name, size_t len)
{
	if (len == 0 || len >= CALLER_BYTES)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.@", name[i]))
			return false;
	return true;
}

static bool name_is_taken(const struct auth *auth, const char *name, size_t len)
{
	for (size_t i = 0; i < auth->count; i++)
		if (strlen(auth->list[i].name) == len && memcmp(auth->list[i].name, name, len) == 0)
			return true;
	return false;
}

/* As `openssl dgst -sha256 -binary | base64` writes it. */
static bool read_pin(const char *text, size_t len, unsigned char pin[DIGEST_BYTES])
{
	size_t got = 0;
	return base64_decode(text, len, pin, DIGEST_BYTES, &got) == ERR_OK && got == DIGEST_BYTES;
}

/* One entry, "name=secret" or "user:password". Returns: what is wrong with it, or NULL. */
static const char *add(struct auth *auth, enum scheme scheme, const char *entry, size_t len)
{
	const char *cut = memchr(entry, shapes[scheme].cut, len);
	if (!cut)
		return shapes[scheme].complaint;
	size_t name_len = (size_t)(cut - entry), secret_len = len - name_len - 1;
	if (!name_is_good(entry, name_len))
		return "a name is empty, longer than 64 characters, or not of letters, digits and -_.@";
	if (name_is_taken(auth, entry, name_len))
		return "a name stands twice: two credentials would share their answers";
	if (secret_len < shapes[scheme].min_bytes)
		return scheme == SCHEME_CLIENT ? "a client id is empty" : "a secret is shorter than 24 characters";
	if (auth->count == AUTH_MAX_CREDENTIALS)
		return "more than 256 credentials";
	struct credential *credential = &auth->list[auth->count];
	bool whole = scheme == SCHEME_BASIC;
	if (scheme == SCHEME_PIN && !read_pin(cut + 1, secret_len, credential->digest))
		return "a value is not the base64 of a SHA-256 (44 characters)";
	if (scheme != SCHEME_PIN &&
	    !digest(auth, whole ? entry : cut + 1, whole ? len : secret_len, credential->digest))
		return "SHA-256 failed";
	credential->scheme = scheme;
	memcpy(credential->name, entry, name_len);
	auth->count++;
	return NULL;
}

static int add_all(struct auth *auth, enum scheme scheme, const struct config *config, FILE *complaints)
{
	const char *text = config_str(config, shapes[scheme].option);
	int mistakes = 0;
	while (text && *text) {
		size_t len = strcspn(text, ",\n");
		const char *wrong = len ? add(auth, scheme, text, len) : NULL;
		if (wrong) {
			fprintf(complaints, "%s: %s\n", shapes[scheme].setting, wrong);
			mistakes++;
		}
		text += len + (text[len] != '\0');
	}
	return mistakes;
}

int auth_new(const struct config *config, bool open, FILE *complaints, struct auth **ret_auth)
{
	struct auth *auth = calloc(1, sizeof *auth);
	int mistakes = 0;
	if (!auth || !(auth->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL))) {
		fputs("auth: out of memory\n", complaints);
		auth_free(auth);
		return 1;
	}
	auth->spare = &auth->slot;
	auth->open = open;
	auth->key_header = config_str(config, CONFIG_AUTH_API_KEY_HEADER);
	for (enum scheme scheme = 0; scheme < SCHEME_COUNT; scheme++)
		mistakes += add_all(auth, scheme, config, complaints);
	mistakes += oauth_new(config, complaints, &auth->oauth);
	mistakes += certificates_new(config, complaints, &auth->certificates);
	if (mistakes == 0 && auth_count(auth) == 0 && !open) {
		fputs("VERIFYD_AUTH_API_KEYS: no credential is set; give one here, or in VERIFYD_AUTH_BASIC_USERS, "
		      "VERIFYD_AUTH_BEARER_TOKENS, VERIFYD_OAUTH_CLIENTS or VERIFYD_TLS_CLIENT_SPKI "
		      "(--insecure-no-auth is for loopback only)\n",
		      complaints);
		mistakes++;
	}
	if (mistakes == 0)
		*ret_auth = auth;
	else
		auth_free(auth);
	return mistakes;
}

void auth_free(struct auth *auth)
{
	if (!auth)
		return;
	oauth_free(auth->oauth);
	certificates_free(auth->certificates);
	EVP_MD_CTX_free(auth->slot);
	EVP_MD_free(auth->sha256);
	OPENSSL_cleanse(auth, sizeof *auth);
	free(auth);
}

enum err_code auth_start(struct auth *auth, struct metrics *metrics)
{
	if (auth->certificates)
		certificates_count_in(auth->certificates, metrics);
	return auth->oauth ? oauth_start(auth->oauth, metrics) : ERR_OK;
}

bool auth_has_issuer(const struct auth *auth)
{
	return auth->oauth != NULL;
}

enum key_watch_state auth_keys(const struct auth *auth)
{
	return auth->oauth ? oauth_state(auth->oauth) : KEY_WATCH_GOOD;
}

size_t auth_slot(const struct auth *auth, const char *caller)
{
	size_t slot = 0;
	while (slot < auth->count && strcmp(auth->list[slot].name, caller) != 0)
		slot++;
	return slot < auth->count ? slot : AUTH_MAX_CREDENTIALS;
}

size_t auth_count(const struct auth *auth)
{
	enum { MANY = 2 }; /* how many an authority makes is not known */
	return auth->count + (auth->certificates && !certificates_are_pinned(auth->certificates) ? MANY : 0);
}

bool auth_takes_certificates(const struct auth *auth)
{
	return auth->certificates != NULL;
}

const char *auth_key_header(const struct auth *auth)
{
	return auth->key_header;
}

/* All are compared, whichever fits: the time tells nothing. */
static const struct credential *match_digest(const struct auth *auth, enum scheme scheme,
                                             const unsigned char sent[DIGEST_BYTES])
{
	const struct credential *found = NULL;
	for (size_t i = 0; i < auth->count; i++)
		if (CRYPTO_memcmp(sent, auth->list[i].digest, DIGEST_BYTES) == 0 && auth->list[i].scheme == scheme)
			found = &auth->list[i];
	return found;
}

static const struct credential *match(const struct auth *auth, enum scheme scheme, const char *text, size_t len)
{
	unsigned char sent[DIGEST_BYTES];
	return digest(auth, text, len, sent) ? match_digest(auth, scheme, sent) : NULL;
}

static const struct credential *match_basic(const struct auth *auth, const char *base64)
{
	struct basic basic;
	bool is_pair = authorization_basic(base64, &basic);
	const struct credential *found = is_pair ? match(auth, SCHEME_BASIC, basic.pair, basic.len) : NULL;
	OPENSSL_cleanse(&basic, sizeof basic);
	return found;
}

static const struct credential *match_token(const struct auth *auth, const char *token, bool *ret_later)
{
	char client[ACCESS_CLIENT_BYTES];
	enum access_verdict verdict = oauth_read(auth->oauth, token, client);
	const struct credential *found = NULL;
	if (verdict == ACCESS_GOOD) {
		found = match(auth, SCHEME_CLIENT, client, strlen(client));
		verdict = found ? ACCESS_GOOD : ACCESS_CLIENT;
	}
	oauth_count(auth->oauth, verdict);
	*ret_later = verdict == ACCESS_NO_KEYS;
	return found;
}

static const struct credential *match_authorization(const struct auth *auth, const char *authorization, bool *ret_later)
{
	const char *basic = authorization_of(authorization, "Basic"),
	           *bearer = authorization_of(authorization, "Bearer");
	if (basic)
		return match_basic(auth, basic);
	const struct credential *found = bearer ? match(auth, SCHEME_BEARER, bearer, strlen(bearer)) : NULL;
	return bearer && !found && auth->oauth ? match_token(auth, bearer, ret_later) : found;
}

/* Whom a certificate stands for: the name of its key in the settings, or the one that an authority gave it, if that is
 * nobody else's. Returns: false for nobody. */
static bool match_certificate(const struct auth *auth, const struct cert_chain *chain, char ret_caller[CALLER_BYTES])
{
	struct client_cert cert;
	const char *name = NULL;
	enum cert_verdict verdict = certificates_check(auth->certificates, chain, &cert);
	if (verdict == CERT_GOOD && certificates_are_pinned(auth->certificates)) {
		const struct credential *found = match_digest(auth, SCHEME_PIN, cert.spki);
		name = found ? found->name : NULL;
	} else if (verdict == CERT_GOOD) {
		size_t len = strlen(cert.name);
		name = name_is_good(cert.name, len) && !name_is_taken(auth, cert.name, len) ? cert.name : NULL;
	}
	if (verdict == CERT_GOOD && !name)
		verdict = CERT_UNKNOWN;
	certificates_count(auth->certificates, verdict);
	if (name)
		memcpy(ret_caller, name, strlen(name) + 1);
	return name != NULL;
}

enum auth_answer auth_check(const struct auth *auth, const struct auth_offer *offer, char ret_caller[CALLER_BYTES])
{
	const struct credential *found = NULL;
	bool later = false;
	if (offer->key)
		found = match(auth, SCHEME_KEY, offer->key, strlen(offer->key));
	else if (offer->authorization)
		found = match_authorization(auth, offer->authorization, &later);
	else if (offer->certificate && auth->certificates && match_certificate(auth, offer->certificate, ret_caller))
		return AUTH_TAKEN;
	if (!found && !auth->open)
		return later ? AUTH_LATER : AUTH_REFUSED;
	const char *name = found ? found->name : AUTH_ANONYMOUS;
	memcpy(ret_caller, name, strlen(name) + 1);
	return AUTH_TAKEN;
}
