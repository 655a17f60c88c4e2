/* ids: random names, keyed names of questions, and base64url.
 * The MAC is fetched and keyed once; each question works on a copy, so a key may be used from every thread at once. One
 * copy is kept for the next question: making it and ending it costs as much as the MAC. */
#include "common/base/ids.h"
#include "common/base/random.h"

#include <endian.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ID_RANDOM_BYTES = 16, MAC_BYTES = 32, GATHERED_BYTES = 512, BASE64URL_DIGITS = 64 };
enum { VECTOR_BYTES = 12, VECTOR_DIGITS = 16 };

struct id_key {
	EVP_MAC_CTX *keyed;            /* never updated, only copied */
	_Atomic(EVP_MAC_CTX *) *spare; /* is &slot: changes while callers hold the key as a constant */
	_Atomic(EVP_MAC_CTX *) slot;   /* a copy at its beginning; NULL while a thread works on it */
};

static const char base64url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* A digit's value + 1; 0 for a byte that is no digit. */
static const uint8_t base64url_values[256] = {
        ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
        ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
        ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
        ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
        ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
        ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
        ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
        ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};

_Static_assert(ID_BYTES == 1 + BASE64URL_LEN(ID_RANDOM_BYTES) + 1, "an id is 'v' and its bytes");
_Static_assert(ID_VARIES_AT + 2 <= 1 + ID_RANDOM_BYTES * 8 / 6, "the last digit of an id is not a whole one");
_Static_assert(QUESTION_BYTES == BASE64URL_LEN(MAC_BYTES) + 1, "a question is a whole MAC");

static enum err_code crypto_failed(struct err *err, const char *what)
{
	ERR_clear_error(); /* the next user of this thread's error queue shall not find ours */
	return err_set(err, ERR_CRYPTO, "%s", what);
}

static EVP_MAC_CTX *keyed_mac(const char *secret, size_t len)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	                       OSSL_PARAM_construct_end()};

	EVP_MAC_free(mac); /* the context holds its own reference */
	if (ctx && EVP_MAC_init(ctx, (const unsigned char *)secret, len, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

enum err_code id_key_new(const char *secret, struct id_key **ret_key, struct err *err)
{
	size_t len = strlen(secret);
	struct id_key *key;

	if (len < ID_KEY_MIN_BYTES)
		return err_set(err, ERR_INVALID, "the id key has fewer than %d bytes", ID_KEY_MIN_BYTES);
	key = calloc(1, sizeof(*key));
	if (!key)
		return err_set(err, ERR_NO_MEMORY, "id key");
	key->keyed = keyed_mac(secret, len);
	if (!key->keyed) {
		free(key);
		return crypto_failed(err, "HMAC-SHA256 is not available");
	}
	key->spare = &key->slot;
	*ret_key = key;
	return ERR_OK;
}

void id_key_free(struct id_key *key)
{
	if (!key)
		return;
	EVP_MAC_CTX_free(key->slot); /* overwrites the key inside */
	EVP_MAC_CTX_free(key->keyed);
	free(key);
}

/* What goes into a MAC, put together: each call of OpenSSL's costs as much as a hundred bytes do. */
struct gathered {
	EVP_MAC_CTX *mac;
	unsigned char bytes[GATHERED_BYTES];
	size_t len;
};

static bool flush(struct gathered *gathered)
{
	size_t len = gathered->len;

	gathered->len = 0;
	return len == 0 || EVP_MAC_update(gathered->mac, gathered->bytes, len) == 1;
}

static bool gather(struct gathered *gathered, const void *data, size_t len)
{
	if (len > GATHERED_BYTES - gathered->len && !flush(gathered))
		return false;
	if (len > GATHERED_BYTES)
		return EVP_MAC_update(gathered->mac, data, len) == 1;
	memcpy(gathered->bytes + gathered->len, data, len);
	gathered->len += len;
	return true;
}

static bool gather_field(struct gathered *gathered, const struct id_field *field)
{
	uint64_t prefix = htobe64(field->text ? field->len : 0);

	return gather(gathered, &prefix, sizeof(prefix)) && (!field->text || gather(gathered, field->text, field->len));
}

static EVP_MAC_CTX *take_copy(const struct id_key *key)
{
	EVP_MAC_CTX *mac = atomic_exchange(key->spare, NULL);

	return mac ? mac : EVP_MAC_CTX_dup(key->keyed);
}

/* Without a key EVP_MAC_init takes the one that is there; what was left of the question is gone then. */
static void keep_copy(const struct id_key *key, EVP_MAC_CTX *mac)
{
	if (mac && EVP_MAC_init(mac, NULL, 0, NULL) == 1)
		mac = atomic_exchange(key->spare, mac); /* another thread's may be there already */
	else
		ERR_clear_error();
	EVP_MAC_CTX_free(mac);
}

static enum err_code mac_of_question(const struct id_key *key, const struct id_field *fields, size_t count,
                                     unsigned char out[MAC_BYTES])
{
	struct gathered gathered;
	size_t len = 0;
	bool ok;

	gathered.mac = take_copy(key);
	gathered.len = 0;
	ok = gathered.mac != NULL;
	for (size_t i = 0; ok && i < count; i++)
		ok = gather_field(&gathered, &fields[i]);
	ok = ok && flush(&gathered) && EVP_MAC_final(gathered.mac, out, &len, MAC_BYTES) == 1 && len == MAC_BYTES;
	keep_copy(key, gathered.mac);
	explicit_bzero(gathered.bytes, sizeof(gathered.bytes));
	if (ok)
		return ERR_OK;
	ERR_clear_error();
	return ERR_CRYPTO;
}

static void id_from_bytes(const unsigned char bytes[ID_RANDOM_BYTES], char out[ID_BYTES])
{
	out[0] = 'v';
	base64url_encode(bytes, ID_RANDOM_BYTES, out + 1);
}

enum err_code id_question(const struct id_key *key, const struct id_field *fields, size_t count,
                          char ret_question[QUESTION_BYTES])
{
	unsigned char mac[MAC_BYTES];

	if (mac_of_question(key, fields, count, mac) != ERR_OK)
		return ERR_CRYPTO;
	base64url_encode(mac, sizeof(mac), ret_question);
	return ERR_OK;
}

enum err_code id_of_question(const struct id_key *key, const struct id_field *fields, size_t count,
                             char ret_id[ID_BYTES])
{
	unsigned char mac[MAC_BYTES];

	if (mac_of_question(key, fields, count, mac) != ERR_OK)
		return ERR_CRYPTO;
	id_from_bytes(mac, ret_id);
	return ERR_OK;
}

enum err_code id_random(char ret_id[ID_BYTES])
{
	unsigned char bytes[ID_RANDOM_BYTES];

	if (!random_bytes(bytes, sizeof(bytes)))
		return ERR_CRYPTO;
	id_from_bytes(bytes, ret_id);
	return ERR_OK;
}

enum err_code id_token(char ret_token[TOKEN_BYTES])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char bytes[(TOKEN_BYTES - 1) / 2];

	if (!random_bytes(bytes, sizeof(bytes)))
		return ERR_CRYPTO;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		ret_token[2 * i] = hex[bytes[i] >> 4];
		ret_token[2 * i + 1] = hex[bytes[i] & 0xf];
	}
	ret_token[TOKEN_BYTES - 1] = '\0';
	return ERR_OK;
}

static char next_digit(char digit)
{
	return base64url_digits[base64url_values[(unsigned char)digit] % BASE64URL_DIGITS]; /* a value counts from 1 */
}

void id_vary(char id[ID_BYTES], unsigned turn)
{
	char *digits = id + ID_VARIES_AT;

	digits[1] = next_digit(digits[1]);
	if (turn % BASE64URL_DIGITS == BASE64URL_DIGITS - 1)
		digits[0] = next_digit(digits[0]);
}

bool id_is_valid(const char *text, size_t len)
{
	if (len != ID_BYTES - 1 || text[0] != 'v')
		return false;
	for (size_t i = 1; i < len; i++)
		if (base64url_values[(unsigned char)text[i]] == 0)
			return false;
	return true;
}

/* Six bytes as eight values of six bits, one in each byte. */
static uint64_t spread(const unsigned char *in)
{
	uint64_t bits;

	memcpy(&bits, in, sizeof(bits));
	bits = be64toh(bits) >> 16;
	bits = (bits & 0xffffff000000) << 8 | (bits & 0xffffff);
	bits = (bits & 0xfff00000fff000) << 4 | (bits & 0xfff00000fff);
	bits = (bits & 0xfc00fc00fc00fc0) << 2 | (bits & 0x3f003f003f003f);
	return htobe64(bits);
}

/* Twelve bytes as sixteen digits: to each value the distance to its digit is added, range after range. */
static void encode_vector(const unsigned char *in, char *out)
{
	typedef signed char vector __attribute__((vector_size(VECTOR_DIGITS)));
	typedef unsigned char digits __attribute__((vector_size(VECTOR_DIGITS)));
	const uint64_t words[] = {spread(in), spread(in + VECTOR_BYTES / 2)};
	vector values;
	digits text;

	memcpy(&values, words, sizeof(values));
	text = (digits)values + 'A';
	text += (digits)((values > 25) & ('a' - 'A' - 26));
	text += (digits)((values > 51) & ('0' - 'a' - 26));
	text += (digits)((values > 61) & ('-' - '0' - 10));
	text += (digits)((values > 62) & ('_' - '-' - 1));
	memcpy(out, &text, sizeof(text));
}

void base64url_encode(const void *data, size_t len, char *out)
{
	const unsigned char *in = data;
	uint32_t bits;

	for (; len >= VECTOR_BYTES + 2; len -= VECTOR_BYTES, in += VECTOR_BYTES, out += VECTOR_DIGITS)
		encode_vector(in, out); /* reads two bytes more than it takes */
	for (; len >= 3; len -= 3, in += 3) {
		bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
		*out++ = base64url_digits[bits >> 18];
		*out++ = base64url_digits[bits >> 12 & 63];
		*out++ = base64url_digits[bits >> 6 & 63];
		*out++ = base64url_digits[bits & 63];
	}
	if (len > 0) {
		bits = (uint32_t)in[0] << 16 | (len == 2 ? (uint32_t)in[1] << 8 : 0);
		*out++ = base64url_digits[bits >> 18];
		*out++ = base64url_digits[bits >> 12 & 63];
		if (len == 2)
			*out++ = base64url_digits[bits >> 6 & 63];
	}
	*out = '\0';
}

enum err_code base64url_decode(const char *text, size_t len, void *out, size_t cap, size_t *ret_len)
{
	unsigned char *bytes = out;
	size_t used = 0;
	uint32_t bits = 0;
	unsigned pending = 0; /* how many of the low bits are not written yet: 0, 2, 4 or 6 */

	if (len % 4 == 1)
		return ERR_INVALID;
	if (len / 4 * 3 + len % 4 * 3 / 4 > cap)
		return ERR_LIMIT;
	for (size_t i = 0; i < len; i++) {
		uint8_t value = base64url_values[(unsigned char)text[i]];

		if (value == 0)
			return ERR_INVALID;
		bits = (bits << 6 | (uint32_t)(value - 1)) & 0xfff;
		pending += 6;
		if (pending >= 8) {
			pending -= 8;
			bytes[used++] = (unsigned char)(bits >> pending & 0xff);
		}
	}
	if ((bits & ((1U << pending) - 1)) != 0)
		return ERR_INVALID;
	*ret_len = used;
	return ERR_OK;
}
