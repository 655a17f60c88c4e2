/* webhook_message: keys out of a setting, the body, and its signatures. */
#include "workers/webhook_message.h"
#include "common/base/base64.h"
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define KEY_PREFIX "whsec_"

enum {
	PREFIX_LEN = sizeof KEY_PREFIX - 1,
	MAC_BYTES = 32,
	MAC_TEXT_BYTES = 4 * ((MAC_BYTES + 2) / 3) + 1,
	BODY_MAX_BYTES = 4096,
	MESSAGE_ID_BYTES = ID_BYTES + 24,
};

struct key {
	char caller[CALLER_BYTES]; /* "": of all who have none of their own */
	unsigned char bytes[WEBHOOK_KEY_MAX_BYTES];
	size_t len;
};

struct webhook_keys {
	size_t count;
	struct key list[WEBHOOK_KEYS_MAX];
};

/* ---- keys ---- */

/* As Standard Webhooks has it: the padding may be missing. */
static bool decode(const char *text, size_t len, struct key *key)
{
	char padded[(WEBHOOK_KEY_MAX_BYTES + 2) / 3 * 4];
	size_t whole = (len + 3) / 4 * 4;
	if (whole > sizeof padded)
		return false;
	memcpy(padded, text, len);
	memset(padded + len, '=', whole - len);
	bool good = base64_decode(padded, whole, key->bytes, sizeof key->bytes, &key->len) == ERR_OK &&
	            key->len >= WEBHOOK_KEY_MIN_BYTES;
	OPENSSL_cleanse(padded, sizeof padded);
	return good;
}

static size_t count_of(const struct webhook_keys *keys, const char *caller)
{
	size_t count = 0;
	for (size_t i = 0; i < keys->count; i++)
		count += strcmp(keys->list[i].caller, caller) == 0;
	return count;
}

/* One entry, text[0..len). Returns: what is wrong with it, or NULL. */
static const char *add(struct webhook_keys *keys, const char *text, size_t len)
{
	struct key key = {.len = 0};
	const char *wrong = NULL, *cut = memmem(text, len, KEY_PREFIX, PREFIX_LEN);
	size_t name_len = cut ? (size_t)(cut - text) : 0;
	if (keys->count == WEBHOOK_KEYS_MAX)
		return "more than 256 keys";
	if (!cut || (name_len > 0 && cut[-1] != '=') || name_len > CALLER_BYTES)
		return "it is not whsec_BASE64 or caller=whsec_BASE64";
	if (name_len > 0)
		memcpy(key.caller, text, name_len - 1);
	if (!decode(cut + PREFIX_LEN, len - name_len - PREFIX_LEN, &key))
		wrong = "its key is not base64 of 24 to 64 bytes";
	else if (count_of(keys, key.caller) == WEBHOOK_KEYS_OF_CALLER_MAX)
		wrong = "more than 4 keys of one caller";
	else
		keys->list[keys->count++] = key;
	OPENSSL_cleanse(&key, sizeof key);
	return wrong;
}

enum err_code webhook_keys_new(const char *text, struct webhook_keys **ret_keys, struct err *err)
{
	struct webhook_keys *keys = calloc(1, sizeof *keys);
	const char *wrong = NULL;
	int number = 0;
	if (!keys)
		return err_set(err, ERR_NO_MEMORY, "keys of webhooks");
	while (!wrong && *text) {
		text += strspn(text, " ,\n");
		size_t len = strcspn(text, " ,\n");
		number++;
		wrong = len ? add(keys, text, len) : NULL;
		text += len;
	}
	if (!wrong && keys->count == 0)
		wrong = "there is none";
	if (!wrong) {
		*ret_keys = keys;
		return ERR_OK;
	}
	webhook_keys_free(keys);
	return err_set(err, ERR_INVALID, "entry %d: %s", number, wrong);
}

void webhook_keys_free(struct webhook_keys *keys)
{
	if (!keys)
		return;
	OPENSSL_cleanse(keys, sizeof *keys);
	free(keys);
}

/* ---- the message ---- */

static void write_data(struct json_out *json, const struct verification *state)
{
	json_out_object(json, "data");
	verification_answer(state, json);
	json_out_int(json, "updated_ms", state->updated_ms);
	json_out_object_end(json);
}

static enum err_code write_body(const struct verification *state, struct buf *out)
{
	struct json_out json;
	char when[CLOCK_TEXT_BYTES];
	clock_text(state->updated_ms, when);
	json_out_begin(&json, out);
	json_out_object(&json, NULL);
	json_out_str(&json, "type", state->state == STATE_DEAD ? "verification.dead" : "verification.completed");
	json_out_str(&json, "timestamp", when);
	write_data(&json, state);
	json_out_object_end(&json);
	return json_out_end(&json);
}

/* Appends "v1,BASE64". */
static enum err_code sign(const struct key *key, const struct buf *signed_text, struct buf *out)
{
	unsigned char mac[MAC_BYTES], text[MAC_TEXT_BYTES];
	unsigned len = sizeof mac;
	if (!HMAC(EVP_sha256(), key->bytes, (int)key->len, (const unsigned char *)signed_text->data, signed_text->len,
	          mac, &len))
		return ERR_CRYPTO;
	(void)EVP_EncodeBlock(text, mac, (int)len);
	return buf_printf(out, "%sv1,%s", out->len ? " " : "", (const char *)text);
}

/* A caller's own keys, or those of all. */
static enum err_code sign_all(const struct webhook_keys *keys, const char *caller, const struct buf *signed_text,
                              struct buf *out)
{
	const char *whose = keys && count_of(keys, caller) > 0 ? caller : "";
	enum err_code code = keys && count_of(keys, whose) > 0 ? ERR_OK : ERR_NOT_FOUND;
	for (size_t i = 0; code == ERR_OK && i < keys->count; i++)
		if (strcmp(keys->list[i].caller, whose) == 0)
			code = sign(&keys->list[i], signed_text, out);
	return code;
}

static enum err_code add_headers(const struct webhook_keys *keys, const struct verification *state, int64_t now_s,
                                 struct http_request *http)
{
	struct buf signed_text, signatures;
	char id[MESSAGE_ID_BYTES], time[24];
	snprintf(id, sizeof id, "%s-%" PRId64, state->id, state->rev);
	snprintf(time, sizeof time, "%" PRId64, now_s);
	buf_init(&signed_text, BODY_MAX_BYTES + sizeof id + sizeof time);
	buf_init(&signatures, HTTP_MAX_HEADER_BYTES);
	enum err_code code = buf_printf(&signed_text, "%s.%s.%s", id, time, http->body.data);
	if (code == ERR_OK)
		code = sign_all(keys, state->caller, &signed_text, &signatures);
	if (code == ERR_OK)
		code = http_request_header(http, "Content-Type", "application/json");
	if (code == ERR_OK)
		code = http_request_header(http, "User-Agent", "verifyd/" VERIFYD_VERSION);
	if (code == ERR_OK)
		code = http_request_header(http, "webhook-id", id);
	if (code == ERR_OK)
		code = http_request_header(http, "webhook-timestamp", time);
	if (code == ERR_OK)
		code = http_request_header(http, "webhook-signature", signatures.data);
	buf_fini(&signed_text);
	buf_fini(&signatures);
	return code;
}

enum err_code webhook_message_build(const struct webhook_keys *keys, const struct verification *state, const char *url,
                                    int64_t now_ms, struct http_request *http)
{
	http->method = "POST";
	enum err_code code = buf_append_str(&http->url, url);
	if (code == ERR_OK)
		code = write_body(state, &http->body);
	return code == ERR_OK ? add_headers(keys, state, now_ms / 1000, http) : code;
}
