/* access_token: header, key, signature, then claims; nothing of a token counts before its signature does. */
#include "ingress/access_token.h"
#include "common/base/json_in.h"
#include <string.h>
#include <strings.h>

#define SECONDS_MAX (INT64_C(1) << 40) /* far enough, and no sum of two overflows */

const char *access_verdict_name(enum access_verdict verdict)
{
	static const char *const names[ACCESS_VERDICT_COUNT] = {
#define ACCESS(symbol, name) [ACCESS_##symbol] = name,
#include "ingress/access_verdicts.def"
#undef ACCESS
	};
	return names[verdict];
}

/* ---- header ---- */

/* RFC 9068 section 2.1 wants at+jwt; Azure AD says JWT. A token of a kind that says otherwise is not for us. */
static bool is_type(const struct json_in *header)
{
	static const char *const types[] = {"JWT", "at+jwt", "application/at+jwt"};
	const struct json_in *type = json_in_get(header, "typ");
	const char *text = json_in_text(type);
	for (size_t i = 0; text && i < sizeof types / sizeof *types; i++)
		if (strcasecmp(text, types[i]) == 0)
			return true;
	return !type;
}

struct signer {
	enum key_algorithm algorithm;
	char kid[KEY_ID_BYTES];
};

/* jku, jwk, x5u, x5c and the like are the sender's own words about keys, and not read (RFC 8725 section 3.10). */
static enum access_verdict read_header(const struct jose_part *part, struct signer *ret_signer)
{
	struct json_in *header = jose_part_object(part);
	const char *algorithm = json_in_text(json_in_get(header, "alg"));
	enum access_verdict verdict = ACCESS_GOOD;
	if (!algorithm || json_in_get(header, "crit") || !is_type(header) ||
	    json_in_str(header, "kid", ret_signer->kid, sizeof ret_signer->kid, NULL) != ERR_OK)
		verdict = ACCESS_MALFORMED;
	if (algorithm && !key_algorithm_find(algorithm, &ret_signer->algorithm))
		verdict = ACCESS_ALGORITHM;
	json_in_free(header);
	return verdict;
}

/* ---- claims ---- */

static bool is_one_of(const char *text, size_t len, const char *list)
{
	while (*list) {
		size_t item = strcspn(list, ",");
		if (item == len && len > 0 && memcmp(list, text, len) == 0)
			return true;
		list += item + (list[item] == ',');
	}
	return false;
}

static bool is_text_of(const struct json_in *value, const char *list)
{
	const char *text = json_in_text(value);
	return text && is_one_of(text, json_in_text_len(value), list);
}

/* RFC 7519 section 4.1.3: one, or several in an array. */
static bool is_for_us(const struct json_in *audience, const char *ours)
{
	if (json_in_type(audience) != JSON_IN_ARRAY)
		return is_text_of(audience, ours);
	for (const struct json_in *at = json_in_first(audience); at; at = json_in_next(at))
		if (is_text_of(at, ours))
			return true;
	return false;
}

static bool is_issuer(const struct json_in *claims, const char *issuer)
{
	const char *text = json_in_text(json_in_get(claims, "iss"));
	return text && strcmp(text, issuer) == 0;
}

static enum access_verdict check_time(const struct json_in *claims, int64_t now_s)
{
	int64_t from = 0, until = 0;
	enum err_code begins = json_in_int(claims, "nbf", 0, SECONDS_MAX, &from, NULL);
	if (json_in_int(claims, "exp", 0, SECONDS_MAX, &until, NULL) != ERR_OK ||
	    (begins != ERR_OK && begins != ERR_NOT_FOUND))
		return ACCESS_MALFORMED;
	if (now_s >= until + ACCESS_LEEWAY_S)
		return ACCESS_EXPIRED;
	return from > now_s + ACCESS_LEEWAY_S ? ACCESS_TOO_EARLY : ACCESS_GOOD;
}

/* Azure AD: azp (2.0) or appid (1.0); RFC 9068: client_id; else the subject, which of such a token is the program. */
static bool read_client(const struct json_in *claims, char ret_client[ACCESS_CLIENT_BYTES])
{
	static const char *const names[] = {"azp", "appid", "client_id", "sub"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (json_in_get(claims, names[i]))
			return json_in_str(claims, names[i], ret_client, ACCESS_CLIENT_BYTES, NULL) == ERR_OK &&
			       ret_client[0];
	return false;
}

static enum access_verdict check_claims(const struct access_rules *rules, const struct json_in *claims, int64_t now_s,
                                        char ret_client[ACCESS_CLIENT_BYTES])
{
	char client[ACCESS_CLIENT_BYTES] = "";
	if (!claims)
		return ACCESS_MALFORMED;
	if (!is_issuer(claims, rules->issuer))
		return ACCESS_ISSUER;
	if (!is_for_us(json_in_get(claims, "aud"), rules->audiences))
		return ACCESS_AUDIENCE;
	enum access_verdict verdict = check_time(claims, now_s);
	if (verdict != ACCESS_GOOD)
		return verdict;
	if (!read_client(claims, client))
		return ACCESS_CLIENT;
	memcpy(ret_client, client, sizeof client);
	return ACCESS_GOOD;
}

enum access_verdict access_token_read(const struct access_rules *rules, const struct key_set *keys, const char *text,
                                      size_t len, int64_t now_s, char ret_client[ACCESS_CLIENT_BYTES])
{
	struct jose_part parts[JWS_PARTS];
	struct signer signer;
	if (!jose_split(text, len, parts, JWS_PARTS))
		return ACCESS_MALFORMED;
	enum access_verdict verdict = read_header(&parts[JWS_HEADER], &signer);
	if (verdict != ACCESS_GOOD)
		return verdict;
	if (!keys)
		return ACCESS_NO_KEYS;
	if (!key_set_has(keys, signer.kid, signer.algorithm))
		return ACCESS_UNKNOWN_KEY;
	if (!key_set_verify(keys, signer.kid, signer.algorithm, parts))
		return ACCESS_SIGNATURE;
	struct json_in *claims = jose_part_object(&parts[JWS_PAYLOAD]);
	verdict = check_claims(rules, claims, now_s, ret_client);
	json_in_free(claims);
	return verdict;
}
