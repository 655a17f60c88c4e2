/* seal: AES-256-GCM over OpenSSL. The cipher is fetched once per ring; a ring's keys never change, so threads share it
 * freely. What has sealed is kept for the next seal: keying it anew costs as much as sealing. It does not count seals:
 * rotating a key in time is the operator's part. */
#include "common/base/seal.h"

#include "common/base/ids.h"
#include "common/base/random.h"
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_ID_MAX = 16,
	NONCE_BYTES = 12,
	TAG_BYTES = 16,
	RAW_MAX = NONCE_BYTES + SEAL_MAX_PLAIN_BYTES + TAG_BYTES,
	TEXT_MAX = KEY_ID_MAX + 1 + BASE64URL_LEN(RAW_MAX),
};

struct seal_key {
	char id[KEY_ID_MAX + 1];
	size_t id_len;
	unsigned char bytes[SEAL_KEY_BYTES];
};

struct seal_ring {
	EVP_CIPHER *cipher;
	_Atomic(EVP_CIPHER_CTX *) *spare; /* is &slot: changes while callers hold the ring as a constant */
	_Atomic(EVP_CIPHER_CTX *) slot;   /* keyed with the first key; NULL while a thread seals with it */
	size_t count;
	struct seal_key keys[SEAL_MAX_KEYS]; /* the first one seals */
};

static bool key_id_valid(const char *id, size_t len)
{
	if (len < 1 || len > KEY_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!((id[i] >= 'a' && id[i] <= 'z') || (id[i] >= '0' && id[i] <= '9')))
			return false;
	return true;
}

static const struct seal_key *ring_find(const struct seal_ring *ring, const char *id, size_t len)
{
	for (size_t i = 0; i < ring->count; i++)
		if (ring->keys[i].id_len == len && memcmp(ring->keys[i].id, id, len) == 0)
			return &ring->keys[i];
	return NULL;
}

/* Base64 in either alphabet, with or without the closing '='. */
static bool key_decode(const char *text, size_t len, unsigned char out[SEAL_KEY_BYTES])
{
	char digits[BASE64URL_LEN(SEAL_KEY_BYTES)];
	size_t got = 0;
	bool ok;

	if (len == sizeof(digits) + 1 && text[len - 1] == '=')
		len--;
	if (len != sizeof(digits))
		return false;
	for (size_t i = 0; i < len; i++)
		digits[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
	ok = base64url_decode(digits, len, out, SEAL_KEY_BYTES, &got) == ERR_OK && got == SEAL_KEY_BYTES;
	OPENSSL_cleanse(digits, sizeof(digits));
	return ok;
}

/* Messages name the entry by its number: a misplaced ':' could make a part of the key look like its name. */
static enum err_code ring_add(struct seal_ring *ring, const char *entry, size_t len, struct err *err)
{
	const char *colon = memchr(entry, ':', len);
	size_t id_len = colon ? (size_t)(colon - entry) : 0;
	struct seal_key *key = &ring->keys[ring->count];

	if (ring->count == SEAL_MAX_KEYS)
		return err_set(err, ERR_INVALID, "more than %d seal keys", SEAL_MAX_KEYS);
	if (!colon || !key_id_valid(entry, id_len))
		return err_set(err, ERR_INVALID, "seal key %zu: its id must be 1-%d of a-z, 0-9, followed by ':'",
		               ring->count + 1, KEY_ID_MAX);
	if (ring_find(ring, entry, id_len))
		return err_set(err, ERR_INVALID, "seal key %zu: its id is taken by an earlier one", ring->count + 1);
	if (!key_decode(colon + 1, len - id_len - 1, key->bytes))
		return err_set(err, ERR_INVALID, "seal key %zu: not the base64 of %d bytes", ring->count + 1,
		               SEAL_KEY_BYTES);
	memcpy(key->id, entry, id_len);
	key->id_len = id_len;
	ring->count++;
	return ERR_OK;
}

enum err_code seal_ring_new(const char *spec, struct seal_ring **ret_ring, struct err *err)
{
	struct seal_ring *ring = calloc(1, sizeof(*ring));
	enum err_code code = ERR_OK;

	if (!ring)
		return err_set(err, ERR_NO_MEMORY, "seal ring");
	for (const char *entry = spec; entry && code == ERR_OK;) {
		const char *comma = strchr(entry, ',');

		code = ring_add(ring, entry, comma ? (size_t)(comma - entry) : strlen(entry), err);
		entry = comma ? comma + 1 : NULL;
	}
	if (code == ERR_OK) {
		ring->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
		if (!ring->cipher)
			code = err_set(err, ERR_CRYPTO, "AES-256-GCM is not available");
	}
	if (code != ERR_OK) {
		ERR_clear_error();
		seal_ring_free(ring);
		return code;
	}
	ring->spare = &ring->slot;
	*ret_ring = ring;
	return ERR_OK;
}

void seal_ring_free(struct seal_ring *ring)
{
	if (!ring)
		return;
	EVP_CIPHER_CTX_free(ring->slot); /* overwrites the key inside */
	EVP_CIPHER_free(ring->cipher);
	OPENSSL_cleanse(ring, sizeof(*ring));
	free(ring);
}

static EVP_CIPHER_CTX *take_keyed(const struct seal_ring *ring)
{
	EVP_CIPHER_CTX *ctx = atomic_exchange(ring->spare, NULL);

	if (ctx)
		return ctx;
	ctx = EVP_CIPHER_CTX_new();
	if (ctx && EVP_EncryptInit_ex2(ctx, ring->cipher, ring->keys[0].bytes, NULL, NULL) == 1)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

/* A nonce alone begins the next text under the same key; OpenSSL refuses one without. */
static bool encrypt(const struct seal_ring *ring, const char *aad, const void *plain, size_t len, unsigned char *raw)
{
	EVP_CIPHER_CTX *ctx = take_keyed(ring);
	unsigned char *text = raw + NONCE_BYTES;
	int n = 0;
	bool ok = ctx && random_bytes(raw, NONCE_BYTES) && EVP_EncryptInit_ex2(ctx, NULL, NULL, raw, NULL) == 1 &&
	          EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)aad, (int)strlen(aad)) == 1 &&
	          (len == 0 || EVP_EncryptUpdate(ctx, text, &n, plain, (int)len) == 1) &&
	          EVP_EncryptFinal_ex(ctx, text + len, &n) == 1 &&
	          EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, text + len) == 1;

	if (ok)
		ctx = atomic_exchange(ring->spare, ctx); /* another thread's may be there already */
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

enum err_code seal_text(const struct seal_ring *ring, const char *aad, const void *plain, size_t len, struct buf *out,
                        struct err *err)
{
	const struct seal_key *key = &ring->keys[0];
	unsigned char raw[RAW_MAX];
	const size_t raw_len = NONCE_BYTES + len + TAG_BYTES;
	char *text;
	enum err_code code;

	if (len > SEAL_MAX_PLAIN_BYTES || strlen(aad) > SEAL_MAX_PLAIN_BYTES)
		return err_set(err, ERR_LIMIT, "more than %d bytes to seal", SEAL_MAX_PLAIN_BYTES);
	if (!encrypt(ring, aad, plain, len, raw)) {
		ERR_clear_error();
		return err_set(err, ERR_CRYPTO, "sealing failed");
	}
	code = buf_room(out, key->id_len + 1 + BASE64URL_LEN(raw_len), &text);
	if (code != ERR_OK)
		return err_set(err, code, "no room for the sealed text");
	memcpy(text, key->id, key->id_len);
	text += key->id_len;
	*text++ = '.';
	base64url_encode(raw, raw_len, text);
	buf_wrote(out, text + BASE64URL_LEN(raw_len));
	return ERR_OK;
}

static bool decrypt(const struct seal_ring *ring, const struct seal_key *key, const char *aad, unsigned char *raw,
                    size_t len, unsigned char *plain)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char *text = raw + NONCE_BYTES;
	int n = 0;
	bool ok = ctx && EVP_DecryptInit_ex2(ctx, ring->cipher, key->bytes, raw, NULL) == 1 &&
	          EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)aad, (int)strlen(aad)) == 1 &&
	          (len == 0 || EVP_DecryptUpdate(ctx, plain, &n, text, (int)len) == 1) &&
	          EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, text + len) == 1 &&
	          EVP_DecryptFinal_ex(ctx, plain + len, &n) == 1;

	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

/* Splits "<key id>.<base64url>" and decodes the second part into raw[0..RAW_MAX). */
static enum err_code unwrap(const char *sealed, size_t len, unsigned char *raw, size_t *ret_id_len, size_t *ret_raw_len)
{
	const char *dot = memchr(sealed, '.', len < KEY_ID_MAX + 1 ? len : KEY_ID_MAX + 1);
	size_t id_len = dot ? (size_t)(dot - sealed) : 0;
	size_t raw_len = 0;

	if (!dot || !key_id_valid(sealed, id_len) || len > TEXT_MAX)
		return ERR_INVALID;
	if (base64url_decode(dot + 1, len - id_len - 1, raw, RAW_MAX, &raw_len) != ERR_OK)
		return ERR_INVALID;
	if (raw_len < NONCE_BYTES + TAG_BYTES)
		return ERR_INVALID;
	*ret_id_len = id_len;
	*ret_raw_len = raw_len;
	return ERR_OK;
}

enum err_code seal_open(const struct seal_ring *ring, const char *aad, const char *sealed, size_t len, struct buf *out,
                        struct err *err)
{
	unsigned char raw[RAW_MAX];
	unsigned char plain[SEAL_MAX_PLAIN_BYTES + 1]; /* one more, so that an empty text has an end to point at */
	size_t id_len = 0;
	size_t raw_len = 0;
	size_t plain_len;
	const struct seal_key *key;
	enum err_code code;

	if (unwrap(sealed, len, raw, &id_len, &raw_len) != ERR_OK || strlen(aad) > SEAL_MAX_PLAIN_BYTES)
		return err_set(err, ERR_INVALID, "not the shape of a sealed text");
	key = ring_find(ring, sealed, id_len);
	if (!key)
		return err_set(err, ERR_NOT_FOUND, "sealed with a key that is not in the ring");
	plain_len = raw_len - NONCE_BYTES - TAG_BYTES;
	if (decrypt(ring, key, aad, raw, plain_len, plain)) {
		code = buf_append(out, plain, plain_len);
		if (code != ERR_OK)
			err_set(err, code, "no room for the opened text");
	} else {
		ERR_clear_error();
		code = err_set(err, ERR_CRYPTO, "forged, moved or damaged");
	}
	OPENSSL_cleanse(plain, plain_len);
	return code;
}
