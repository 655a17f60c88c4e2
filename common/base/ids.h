/* ids: names that cannot be guessed. A verification's id is 'v' and 22 characters of base64url (16 bytes); a question
 * is the HMAC-SHA256 of its fields, so that equal questions meet without anybody storing what was asked. */
#ifndef VERIFYD_IDS_H
#define VERIFYD_IDS_H

#include "common/base/err.h"
#include <stdbool.h>
#include <stddef.h>

enum {
	ID_BYTES = 24,       /* id with its '\0' */
	QUESTION_BYTES = 44, /* base64url of 32 bytes with its '\0' */
	ID_VARIES_AT = 20,
	TOKEN_BYTES = 17,    /* lease token: 16 hex digits with its '\0' */
	ID_KEY_MIN_BYTES = 32,
};

struct id_key;

/* secret: at least ID_KEY_MIN_BYTES bytes of text. Returns: ERR_OK, *ret_key ended by id_key_free; ERR_INVALID;
 * ERR_CRYPTO; ERR_NO_MEMORY. */
enum err_code id_key_new(const char *secret, struct id_key **ret_key, struct err *err) WARN_UNUSED;
void id_key_free(struct id_key *key); /* overwrites; accepts NULL */

/* One field of a question; a NULL text counts as "". Fields are length-prefixed, so ("ab","c") and ("a","bc") differ. */
struct id_field {
	const char *text;
	size_t len;
};

/* Names a question. Returns: ERR_OK; ERR_CRYPTO. Thread: any. */
enum err_code id_question(const struct id_key *key, const struct id_field *fields, size_t count,
			  char ret_question[QUESTION_BYTES]) WARN_UNUSED;

/* The id that is the same for the same question, on any pod, without Redis: 'v' + the first 16 bytes of its HMAC. */
enum err_code id_of_question(const struct id_key *key, const struct id_field *fields, size_t count,
			     char ret_id[ID_BYTES]) WARN_UNUSED;

/* A new random id / lease token. Returns: ERR_OK; ERR_CRYPTO when the system has no randomness. */
enum err_code id_random(char ret_id[ID_BYTES]) WARN_UNUSED;
enum err_code id_token(char ret_token[TOKEN_BYTES]) WARN_UNUSED;

/* Makes another id of an id: called with turn 0, 1, 2… it goes through 4096 that differ in two characters, those from
 * ID_VARIES_AT on. */
void id_vary(char id[ID_BYTES], unsigned turn);

/* True for the shape of an id, so that nothing else reaches Redis or Kafka as a key. */
bool id_is_valid(const char *text, size_t len);

/* base64url without padding (RFC 4648 section 5). out holds BASE64URL_LEN(len) + 1 bytes. */
#define BASE64URL_LEN(n) (((n) * 4 + 2) / 3)
void base64url_encode(const void *data, size_t len, char *out);
/* Strict: no padding, no white space, no stray bits. Returns: ERR_OK and *ret_len; ERR_INVALID; ERR_LIMIT (cap). */
enum err_code base64url_decode(const char *text, size_t len, void *out, size_t cap, size_t *ret_len) WARN_UNUSED;

#endif
