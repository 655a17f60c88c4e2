/* idempotency: reading the key, and its names. */
#include "ingress/idempotency.h"
#include <string.h>

static bool is_visible(char c)
{
	return (unsigned char)c > 0x20 && (unsigned char)c < 0x7f;
}

/* Appends what stands in quotation marks. Returns: what follows; NULL when it is no string, or too long. */
static const char *read_quoted(const char *at, char key[IDEMPOTENCY_KEY_BYTES], size_t *len)
{
	for (at++; *at && *at != '"'; at++) {
		if (*at == '\\' && *++at != '\\' && *at != '"')
			return NULL;
		if ((!is_visible(*at) && *at != ' ') || *len == IDEMPOTENCY_KEY_MAX)
			return NULL;
		key[(*len)++] = *at;
	}
	return *at == '"' ? at + 1 : NULL;
}

static const char *read_bare(const char *at, char key[IDEMPOTENCY_KEY_BYTES], size_t *len)
{
	for (; *at && *at != ' ' && *at != '\t'; at++) {
		if (!is_visible(*at) || strchr("\",", *at) || *len == IDEMPOTENCY_KEY_MAX)
			return NULL;
		key[(*len)++] = *at;
	}
	return at;
}

const char *idempotency_read(const char *value, char ret_key[IDEMPOTENCY_KEY_BYTES])
{
	char key[IDEMPOTENCY_KEY_BYTES];
	size_t len = 0;
	value += strspn(value, " \t");
	const char *rest = *value == '"' ? read_quoted(value, key, &len) : read_bare(value, key, &len);
	if (!rest || rest[strspn(rest, " \t")] || len == 0)
		return "not one key of 1 to 255 visible characters";
	key[len] = '\0';
	memcpy(ret_key, key, len + 1);
	return NULL;
}

enum err_code idempotency_to_ask(const struct id_key *id_key, const char *key, const char *body, size_t body_len,
                                 struct ask *ask)
{
	static const char what[] = "idempotency-key";
	struct request *request = &ask->request;
	const struct id_field fields[] = {{request->caller, strlen(request->caller)},
	                                  {what, sizeof what - 1},
	                                  {key, strlen(key)},
	                                  {body, body_len}};
	enum { ALL = sizeof fields / sizeof *fields, ALL_BUT_BODY = ALL - 1 };
	enum err_code code = id_question(id_key, fields, ALL_BUT_BODY, ask->key);
	if (code == ERR_OK)
		code = id_question(id_key, fields, ALL, ask->key_body);
	if (code == ERR_OK && !kind_is_journey(request->kind))
		code = id_of_question(id_key, fields, ALL, request->id);
	return code;
}
