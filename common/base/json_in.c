/* json_in: asks a document that json_in_parse made. */
#include "common/base/json_in_internal.h"
#include <assert.h>
#include <stdbool.h>
#include <string.h>

enum json_in_type json_in_type(const struct json_in *value)
{
	return value ? value->type : JSON_IN_ABSENT;
}

const char *json_in_text(const struct json_in *value)
{
	return json_in_type(value) == JSON_IN_STRING ? value->as.text : NULL;
}

size_t json_in_text_len(const struct json_in *value)
{
	return json_in_type(value) == JSON_IN_STRING ? value->len : 0;
}

int64_t json_in_integer(const struct json_in *value)
{
	return json_in_type(value) == JSON_IN_INTEGER ? value->as.integer : 0;
}

double json_in_real(const struct json_in *value)
{
	return json_in_type(value) == JSON_IN_REAL ? value->as.real : 0;
}

size_t json_in_count(const struct json_in *container)
{
	enum json_in_type type = json_in_type(container);

	return type == JSON_IN_ARRAY || type == JSON_IN_OBJECT ? container->len : 0;
}

const struct json_in *json_in_first(const struct json_in *container)
{
	return json_in_count(container) > 0 ? container + 1 : NULL;
}

const struct json_in *json_in_next(const struct json_in *value)
{
	return value && value->next > 0 ? value + value->next : NULL;
}

const char *json_in_name(const struct json_in *value)
{
	return value ? value->name : NULL;
}

const struct json_in *json_in_get(const struct json_in *object, const char *name)
{
	size_t len = strlen(name);

	if (json_in_type(object) != JSON_IN_OBJECT)
		return NULL;
	for (const struct json_in *at = json_in_first(object); at; at = json_in_next(at))
		if (at->name_len == len && memcmp(at->name, name, len) == 0)
			return at;
	return NULL;
}

/* C0, DEL and, as UTF-8 writes them (C2 80 … C2 9F), C1: none may reach a header, a key or a log line. */
static bool holds_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte < 0x20 || byte == 0x7f)
			return true;
		if (byte == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0)
			return true;
	}
	return false;
}

enum err_code json_in_str(const struct json_in *object, const char *name, char *out, size_t cap, struct err *err)
{
	const struct json_in *member = json_in_get(object, name);
	size_t len;

	assert(cap > 0);
	out[0] = '\0';
	if (!member)
		return err_set(err, ERR_NOT_FOUND, "%s is missing", name);
	if (json_in_type(member) != JSON_IN_STRING)
		return err_set(err, ERR_INVALID, "%s is not a string", name);
	len = json_in_text_len(member);
	if (len >= cap)
		return err_set(err, ERR_LIMIT, "%s is longer than %zu bytes", name, cap - 1);
	if (holds_control(json_in_text(member), len))
		return err_set(err, ERR_INVALID, "%s holds a control character", name);
	memcpy(out, json_in_text(member), len + 1);
	return ERR_OK;
}

enum err_code json_in_int(const struct json_in *object, const char *name, int64_t min, int64_t max, int64_t *ret_value,
                          struct err *err)
{
	const struct json_in *member = json_in_get(object, name);
	int64_t value;

	if (!member)
		return err_set(err, ERR_NOT_FOUND, "%s is missing", name);
	if (json_in_type(member) != JSON_IN_INTEGER)
		return err_set(err, ERR_INVALID, "%s is not an integer", name);
	value = json_in_integer(member);
	if (value < min || value > max)
		return err_set(err, ERR_LIMIT, "%s is outside %lld..%lld", name, (long long)min, (long long)max);
	*ret_value = value;
	return ERR_OK;
}
