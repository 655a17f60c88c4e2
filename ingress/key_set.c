/* key_set: JWKs of our own making, of the members that matter and with the algorithm pinned: libjose then refuses every
 * other one by itself. It prints its errors to stderr unless it is given a function, and its configurations are not for
 * several threads: each check has its own. */
#include "ingress/key_set.h"
#include "common/base/ids.h"
#include "common/base/json_in.h"
#include <jose/cfg.h>
#include <jose/jws.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	RSA_MIN_BYTES = 256,
	RSA_MAX_BYTES = 1024,
	EXPONENT_MAX_BYTES = 8,
	POINT_BYTES = 32, /* a coordinate on P-256 */
};

/* What a key of each algorithm has to hold: two numbers, of so many bytes. */
static const struct algorithm {
	const char *name, *type, *curve;
	struct number {
		const char *name;
		size_t min, max;
	} numbers[2];
} algorithms[KEY_ALGORITHM_COUNT] = {
        [KEY_RS256] = {"RS256", "RSA", NULL, {{"n", RSA_MIN_BYTES, RSA_MAX_BYTES}, {"e", 1, EXPONENT_MAX_BYTES}}},
        [KEY_ES256] = {"ES256", "EC", "P-256", {{"x", POINT_BYTES, POINT_BYTES}, {"y", POINT_BYTES, POINT_BYTES}}},
};

struct key {
	char kid[KEY_ID_BYTES];
	enum key_algorithm algorithm;
	json_t *jwk; /* read-only, so threads share it */
};

struct key_set {
	atomic_int owners;
	size_t count;
	struct key keys[KEY_SET_MAX_KEYS];
};

bool key_algorithm_find(const char *name, enum key_algorithm *ret_algorithm)
{
	for (enum key_algorithm i = 0; i < KEY_ALGORITHM_COUNT; i++)
		if (strcmp(algorithms[i].name, name) == 0) {
			*ret_algorithm = i;
			return true;
		}
	return false;
}

/* ---- reading ---- */

/* Whether a member is absent, or this text. */
static bool says_nothing_else(const struct json_in *key, const char *name, const char *value)
{
	const struct json_in *member = json_in_get(key, name);
	const char *text = json_in_text(member);
	return !member || (text && strcmp(text, value) == 0);
}

static const char *number_of(const struct json_in *key, const struct number *number)
{
	unsigned char bytes[RSA_MAX_BYTES];
	const struct json_in *member = json_in_get(key, number->name);
	const char *text = json_in_text(member);
	size_t len = 0;
	bool good = text && base64url_decode(text, json_in_text_len(member), bytes, number->max, &len) == ERR_OK &&
	            len >= number->min;
	return good ? text : NULL;
}

/* Returns: a key of ours; NULL when it is of no use, or there is no memory. */
static json_t *jwk_of(const struct json_in *key, const struct algorithm *algorithm)
{
	const char *type = json_in_text(json_in_get(key, "kty"));
	const char *first = number_of(key, &algorithm->numbers[0]), *second = number_of(key, &algorithm->numbers[1]);
	if (!type || strcmp(type, algorithm->type) != 0 || !first || !second || !says_nothing_else(key, "use", "sig") ||
	    !says_nothing_else(key, "alg", algorithm->name) ||
	    (algorithm->curve && (!json_in_get(key, "crv") || !says_nothing_else(key, "crv", algorithm->curve))))
		return NULL;
	return json_pack("{s:s,s:s,s:s*,s:s,s:s}", "kty", type, "alg", algorithm->name, "crv", algorithm->curve,
	                 algorithm->numbers[0].name, first, algorithm->numbers[1].name, second);
}

static bool add(struct key_set *set, const struct json_in *from)
{
	for (enum key_algorithm i = 0; i < KEY_ALGORITHM_COUNT; i++) {
		struct key *key = &set->keys[set->count];
		if (json_in_str(from, "kid", key->kid, sizeof key->kid, NULL) != ERR_OK || !key->kid[0] ||
		    key_set_has(set, key->kid, i))
			continue;
		key->algorithm = i;
		key->jwk = jwk_of(from, &algorithms[i]);
		set->count += key->jwk != NULL;
		if (set->count == KEY_SET_MAX_KEYS)
			return false;
	}
	return true;
}

enum err_code key_set_parse(const char *text, size_t len, struct key_set **ret_set, struct err *err)
{
	struct json_in *root = NULL;
	if (len > KEY_SET_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "more than %d bytes", KEY_SET_MAX_BYTES);
	enum err_code code = json_in_parse(text, len, &root, err);
	if (code != ERR_OK)
		return code;
	const struct json_in *keys = json_in_get(root, "keys");
	struct key_set *set = calloc(1, sizeof *set);
	if (!set) {
		json_in_free(root);
		return err_set(err, ERR_NO_MEMORY, "keys");
	}
	set->owners = 1;
	if (json_in_type(keys) == JSON_IN_ARRAY)
		for (const struct json_in *at = json_in_first(keys); at && add(set, at); at = json_in_next(at))
			continue;
	json_in_free(root);
	if (set->count == 0) {
		key_set_free(set);
		return err_set(err, ERR_INVALID, "no key for RS256 or ES256 with a kid in it");
	}
	*ret_set = set;
	return ERR_OK;
}

struct key_set *key_set_share(struct key_set *set)
{
	atomic_fetch_add(&set->owners, 1);
	return set;
}

void key_set_free(struct key_set *set)
{
	if (!set || atomic_fetch_sub(&set->owners, 1) > 1)
		return;
	for (size_t i = 0; i < set->count; i++)
		json_decref(set->keys[i].jwk);
	free(set);
}

/* ---- using ---- */

static const struct key *find(const struct key_set *set, const char *kid, enum key_algorithm algorithm)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->keys[i].algorithm == algorithm && strcmp(set->keys[i].kid, kid) == 0)
			return &set->keys[i];
	return NULL;
}

size_t key_set_count(const struct key_set *set)
{
	return set->count;
}

bool key_set_has(const struct key_set *set, const char *kid, enum key_algorithm algorithm)
{
	return find(set, kid, algorithm) != NULL;
}

static void hush(void *misc, const char *file, int line, uint64_t error, const char *fmt, va_list arguments)
{
	(void)misc, (void)file, (void)line, (void)error, (void)fmt, (void)arguments;
}

bool key_set_verify(const struct key_set *set, const char *kid, enum key_algorithm algorithm,
                    const struct jose_part parts[JWS_PARTS])
{
	const struct key *key = find(set, kid, algorithm);
	jose_cfg_t *cfg = key ? jose_cfg() : NULL;
	if (!cfg)
		return false;
	jose_cfg_set_err_func(cfg, hush, NULL);
	const struct jose_part *header = &parts[JWS_HEADER], *payload = &parts[JWS_PAYLOAD];
	const struct jose_part *signature = &parts[JWS_SIGNATURE];
	json_t *jws = json_pack("{s:s%,s:s%,s:s%}", "protected", header->text, header->len, "payload", payload->text,
	                        payload->len, "signature", signature->text, signature->len);
	bool good = jws && jose_jws_ver(cfg, jws, NULL, key->jwk, false);
	json_decref(jws);
	jose_cfg_decref(cfg);
	if (!good)
		ERR_clear_error();
	return good;
}
