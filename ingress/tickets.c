/* tickets: three keys of one secret, HMAC-SHA256 cut to 16 bytes. A MAC context is keyed once and copied for each use,
 * so that every thread may make and read at once. */
#include "ingress/tickets.h"
#include "ingress/hkdf.h"
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The bytes of a ticket; numbers are big-endian. */
enum {
	RAW_ID = 0,
	RAW_ID_BYTES = 16,
	RAW_MADE = RAW_ID + RAW_ID_BYTES,
	RAW_MADE_BYTES = 6,
	RAW_ENDS = RAW_MADE + RAW_MADE_BYTES,
	RAW_ENDS_BYTES = 4,
	RAW_MAC = RAW_ENDS + RAW_ENDS_BYTES,
	RAW_MAC_BYTES = 16,
	RAW_BYTES = RAW_MAC + RAW_MAC_BYTES,

	COOKIE_RANDOM_BYTES = 16,
	COOKIE_RAW_BYTES = COOKIE_RANDOM_BYTES + RAW_MAC_BYTES,

	KEY_BYTES = 32,
	DIGEST_BYTES = 32,
};

_Static_assert(BASE64URL_LEN(RAW_BYTES) + 1 == TICKET_BYTES, "a ticket's text");
_Static_assert(BASE64URL_LEN(COOKIE_RAW_BYTES) + 1 == COOKIE_VALUE_BYTES, "a cookie's text");
_Static_assert(BASE64URL_LEN(DIGEST_BYTES) + 1 == BROWSER_BYTES, "a cookie's hash as text");

enum use { USE_START, USE_RETURN, USE_COOKIE, USE_COUNT };

_Static_assert((int)USE_START == TICKET_START && (int)USE_RETURN == TICKET_RETURN, "tickets come first");

static const char *const infos[USE_COUNT] = {
        [USE_START] = "verifyd start ticket 1",
        [USE_RETURN] = "verifyd return ticket 1",
        [USE_COOKIE] = "verifyd browser cookie 1",
};

struct tickets {
	EVP_MAC_CTX *keyed[USE_COUNT]; /* never updated, only copied */
};

static EVP_MAC_CTX *keyed_mac(const unsigned char key[KEY_BYTES])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	EVP_MAC_CTX *keyed = mac ? EVP_MAC_CTX_new(mac) : NULL;
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
	        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	        OSSL_PARAM_construct_end(),
	};
	if (keyed && EVP_MAC_init(keyed, key, KEY_BYTES, params) != 1) {
		EVP_MAC_CTX_free(keyed);
		keyed = NULL;
	}
	EVP_MAC_free(mac);
	return keyed;
}

enum err_code tickets_new(const char *secret, struct tickets **ret_tickets, struct err *err)
{
	unsigned char key[KEY_BYTES];
	if (strlen(secret) < ID_KEY_MIN_BYTES)
		return err_set(err, ERR_INVALID, "the id key has fewer than %d bytes", ID_KEY_MIN_BYTES);
	struct tickets *tickets = calloc(1, sizeof *tickets);
	if (!tickets)
		return err_set(err, ERR_NO_MEMORY, "tickets");
	for (size_t use = 0; use < USE_COUNT; use++) {
		if (hkdf_sha256(secret, strlen(secret), infos[use], key, sizeof key) == ERR_OK)
			tickets->keyed[use] = keyed_mac(key);
		OPENSSL_cleanse(key, sizeof key);
		if (!tickets->keyed[use]) {
			ERR_clear_error();
			tickets_free(tickets);
			return err_set(err, ERR_CRYPTO, "HKDF or HMAC with SHA-256 is not available");
		}
	}
	*ret_tickets = tickets;
	return ERR_OK;
}

void tickets_free(struct tickets *tickets)
{
	if (!tickets)
		return;
	for (size_t use = 0; use < USE_COUNT; use++)
		EVP_MAC_CTX_free(tickets->keyed[use]); /* OpenSSL overwrites the key */
	free(tickets);
}

/* The first RAW_MAC_BYTES of the MAC over a then b. */
static enum err_code mac_of(const struct tickets *tickets, enum use use, const void *a, size_t a_len, const void *b,
                            size_t b_len, unsigned char ret_mac[RAW_MAC_BYTES])
{
	unsigned char whole[DIGEST_BYTES];
	size_t len = 0;
	EVP_MAC_CTX *mac = EVP_MAC_CTX_dup(tickets->keyed[use]);
	bool ok = mac && EVP_MAC_update(mac, a, a_len) == 1 && EVP_MAC_update(mac, b, b_len) == 1 &&
	          EVP_MAC_final(mac, whole, &len, sizeof whole) == 1 && len == sizeof whole;
	EVP_MAC_CTX_free(mac);
	if (!ok) {
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	memcpy(ret_mac, whole, RAW_MAC_BYTES);
	OPENSSL_cleanse(whole, sizeof whole);
	return ERR_OK;
}

static void put_number(unsigned char *out, size_t bytes, int64_t value)
{
	for (size_t i = bytes; i > 0; i--, value >>= 8)
		out[i - 1] = (unsigned char)(value & 0xff);
}

static int64_t take_number(const unsigned char *in, size_t bytes)
{
	int64_t value = 0;
	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | in[i];
	return value;
}

static bool fits(int64_t value, unsigned bytes)
{
	return value >= 0 && value >> (8 * bytes) == 0;
}

enum err_code ticket_make(const struct tickets *tickets, enum ticket_use use, const struct ticket *ticket,
                          char ret_text[TICKET_BYTES])
{
	unsigned char raw[RAW_BYTES];
	size_t id_len = strnlen(ticket->id, ID_BYTES), len = 0;
	if (!id_is_valid(ticket->id, id_len) ||
	    base64url_decode(ticket->id + 1, id_len - 1, raw + RAW_ID, RAW_ID_BYTES, &len) != ERR_OK)
		return ERR_INVALID;
	if (!fits(ticket->made_ms, RAW_MADE_BYTES) || !fits(ticket->ends_s, RAW_ENDS_BYTES))
		return ERR_INVALID;
	put_number(raw + RAW_MADE, RAW_MADE_BYTES, ticket->made_ms);
	put_number(raw + RAW_ENDS, RAW_ENDS_BYTES, ticket->ends_s);
	enum err_code code = mac_of(tickets, (enum use)use, raw, RAW_MAC, "", 0, raw + RAW_MAC);
	if (code == ERR_OK)
		base64url_encode(raw, sizeof raw, ret_text);
	return code;
}

enum err_code ticket_read(const struct tickets *tickets, enum ticket_use use, const char *text, int64_t now_ms,
                          struct ticket *ret_ticket)
{
	unsigned char raw[RAW_BYTES], mac[RAW_MAC_BYTES];
	size_t len = 0;
	if (strnlen(text, TICKET_BYTES) != TICKET_BYTES - 1 ||
	    base64url_decode(text, TICKET_BYTES - 1, raw, sizeof raw, &len) != ERR_OK ||
	    mac_of(tickets, (enum use)use, raw, RAW_MAC, "", 0, mac) != ERR_OK ||
	    CRYPTO_memcmp(mac, raw + RAW_MAC, RAW_MAC_BYTES) != 0)
		return ERR_INVALID;
	ret_ticket->id[0] = 'v';
	base64url_encode(raw + RAW_ID, RAW_ID_BYTES, ret_ticket->id + 1);
	ret_ticket->made_ms = take_number(raw + RAW_MADE, RAW_MADE_BYTES);
	ret_ticket->ends_s = take_number(raw + RAW_ENDS, RAW_ENDS_BYTES);
	return now_ms < ret_ticket->ends_s * 1000 ? ERR_OK : ERR_TIMEOUT;
}

/* ---- cookies ---- */

void cookie_name(const char *id, char ret_name[COOKIE_NAME_BYTES])
{
	(void)snprintf(ret_name, COOKIE_NAME_BYTES, "__Host-verifyd-%s", id);
}

enum err_code cookie_make(const struct tickets *tickets, const char *id, char ret_value[COOKIE_VALUE_BYTES])
{
	unsigned char raw[COOKIE_RAW_BYTES];
	if (RAND_bytes(raw, COOKIE_RANDOM_BYTES) != 1) {
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	enum err_code code =
	        mac_of(tickets, USE_COOKIE, id, strlen(id), raw, COOKIE_RANDOM_BYTES, raw + COOKIE_RANDOM_BYTES);
	if (code == ERR_OK)
		base64url_encode(raw, sizeof raw, ret_value);
	return code;
}

bool cookie_is_ours(const struct tickets *tickets, const char *id, const char *value)
{
	unsigned char raw[COOKIE_RAW_BYTES], mac[RAW_MAC_BYTES];
	size_t len = 0;
	return id_is_valid(id, strlen(id)) && strnlen(value, COOKIE_VALUE_BYTES) == COOKIE_VALUE_BYTES - 1 &&
	       base64url_decode(value, COOKIE_VALUE_BYTES - 1, raw, sizeof raw, &len) == ERR_OK &&
	       mac_of(tickets, USE_COOKIE, id, strlen(id), raw, COOKIE_RANDOM_BYTES, mac) == ERR_OK &&
	       CRYPTO_memcmp(mac, raw + COOKIE_RANDOM_BYTES, RAW_MAC_BYTES) == 0;
}

enum err_code cookie_hash(const char *value, char ret_hash[BROWSER_BYTES])
{
	unsigned char digest[DIGEST_BYTES];
	if (EVP_Digest(value, strlen(value), digest, NULL, EVP_sha256(), NULL) != 1) {
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	base64url_encode(digest, sizeof digest, ret_hash);
	return ERR_OK;
}
