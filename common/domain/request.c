/* request: the codec of request.v1 and of the person's fields inside it. */
#include "common/domain/request.h"
#include "common/base/decimal.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { SEALED_MAX_BYTES = 24 * 1024, USUAL_BYTES = 500 };

void request_fini(struct request *request)
{
	free(request->sealed);
	request->sealed = NULL;
	request->sealed_len = 0;
}

void person_fini(struct person *person)
{
	if (person->memory) {
		explicit_bzero(person->memory, person->memory_len);
		free(person->memory);
	}
	*person = (struct person){0};
}

static enum err_code person_encode(const struct person *person, struct buf *out, struct err *err)
{
	struct json_out json;
	json_out_begin(&json, out);
	json_out_object(&json, NULL);
	for (int i = 0; i < REQUEST_FIELD_COUNT; i++) {
		const char *value = person->field[i];
		const struct request_field_info *info = request_field_info((enum request_field)i);
		if (!value)
			continue;
		if (strlen(value) > info->max_bytes)
			return err_set(err, ERR_LIMIT, "%s: more than %zu bytes", info->name, info->max_bytes);
		json_out_str(&json, info->name, value);
	}
	json_out_object_end(&json);
	return json_out_end(&json);
}

enum err_code request_seal(struct request *request, const struct seal_ring *ring, const struct person *person,
                           struct err *err)
{
	struct buf plain, sealed;
	buf_init(&plain, SEAL_MAX_PLAIN_BYTES);
	buf_init(&sealed, SEALED_MAX_BYTES);
	buf_expect(&plain, USUAL_BYTES);
	char *text;
	size_t len;
	enum err_code code = person_encode(person, &plain, err);
	if (code == ERR_OK)
		code = seal_text(ring, request->id, plain.data, plain.len, &sealed, err);
	if (code == ERR_OK)
		code = buf_take(&sealed, &text, &len);
	if (code == ERR_OK) {
		request_fini(request);
		request->sealed = text;
		request->sealed_len = len;
	}
	buf_fini_secret(&plain);
	buf_fini(&sealed);
	return code;
}

/* Copies the fields out of the document into one block, so that wiping them is one call. */
static enum err_code person_from_json(const struct json_in *root, struct person *ret_person, struct err *err)
{
	size_t total = 0;
	const char *found[REQUEST_FIELD_COUNT] = {NULL};
	for (int i = 0; i < REQUEST_FIELD_COUNT; i++) {
		found[i] = json_in_text(json_in_get(root, request_field_info((enum request_field)i)->name));
		total += found[i] ? strlen(found[i]) + 1 : 0;
	}
	if (total == 0)
		return err_set(err, ERR_INVALID, "the sealed part holds no field");
	char *at = malloc(total);
	if (!at)
		return err_set(err, ERR_NO_MEMORY, "person of %zu bytes", total);
	*ret_person = (struct person){.memory = at, .memory_len = total};
	for (int i = 0; i < REQUEST_FIELD_COUNT; i++) {
		if (!found[i])
			continue;
		size_t bytes = strlen(found[i]) + 1;
		memcpy(at, found[i], bytes);
		ret_person->field[i] = at;
		at += bytes;
	}
	return ERR_OK;
}

enum err_code request_open(const struct request *request, const struct seal_ring *ring, struct person *ret_person,
                           struct err *err)
{
	return person_open(ring, request->id, request->sealed, request->sealed_len, ret_person, err);
}

enum err_code person_open(const struct seal_ring *ring, const char *id, const char *sealed, size_t len,
                          struct person *ret_person, struct err *err)
{
	struct buf plain;
	buf_init(&plain, SEAL_MAX_PLAIN_BYTES);
	struct json_in *root = NULL;
	enum err_code code = seal_open(ring, id, sealed, len, &plain, err);
	if (code == ERR_OK)
		code = json_in_parse(plain.data, plain.len, &root, err);
	if (code == ERR_OK)
		code = person_from_json(root, ret_person, err);
	json_in_free(root);
	buf_fini_secret(&plain);
	return code;
}

enum err_code request_encode(const struct request *request, struct buf *out)
{
	struct json_out json;
	json_out_begin(&json, out);
	json_out_object(&json, NULL);
	json_out_str(&json, "id", request->id);
	json_out_str(&json, "kind", kind_info(request->kind)->name);
	json_out_str(&json, "caller", request->caller);
	json_out_str(&json, "question", request->question);
	json_out_int(&json, "created_ms", request->created_ms);
	if (request->notify)
		json_out_bool(&json, "notify", true);
	json_out_strn(&json, "sealed", request->sealed ? request->sealed : "", request->sealed_len);
	json_out_object_end(&json);
	return json_out_end(&json);
}

static enum err_code decode_members(const struct json_in *root, struct request *request, struct err *err)
{
	char kind[64];
	enum err_code code;
	if ((code = json_in_str(root, "id", request->id, sizeof request->id, err)) != ERR_OK ||
	    (code = json_in_str(root, "kind", kind, sizeof kind, err)) != ERR_OK ||
	    (code = json_in_str(root, "caller", request->caller, sizeof request->caller, err)) != ERR_OK ||
	    (code = json_in_str(root, "question", request->question, sizeof request->question, err)) != ERR_OK ||
	    (code = json_in_int(root, "created_ms", 0, INT64_MAX, &request->created_ms, err)) != ERR_OK)
		return code == ERR_NOT_FOUND ? err_set(err, ERR_INVALID, "a required member is missing") : code;
	if (!id_is_valid(request->id, strlen(request->id)))
		return err_set(err, ERR_INVALID, "id: not of the right shape");
	if ((request->kind = kind_by_name(kind)) == KIND_COUNT)
		return err_set(err, ERR_INVALID, "kind: not known to this version");
	request->notify = json_in_type(json_in_get(root, "notify")) == JSON_IN_TRUE;
	const struct json_in *sealed = json_in_get(root, "sealed");
	size_t len = json_in_text_len(sealed);
	if (len == 0 || len > SEALED_MAX_BYTES)
		return err_set(err, ERR_INVALID, "sealed: missing, empty or too long");
	request->sealed = strdup(json_in_text(sealed));
	request->sealed_len = len;
	return request->sealed ? ERR_OK : err_set(err, ERR_NO_MEMORY, "sealed part of %zu bytes", len);
}

enum err_code request_decode(const char *value, size_t len, struct request *ret_request, struct err *err)
{
	if (!value || len > REQUEST_MAX_BYTES)
		return err_set(err, value ? ERR_LIMIT : ERR_INVALID, "record of %zu bytes", len);
	struct json_in *root = NULL;
	enum err_code code = json_in_parse(value, len, &root, err);
	if (code != ERR_OK)
		return code;
	struct request request = {0};
	code = json_in_type(root) == JSON_IN_OBJECT ? decode_members(root, &request, err)
	                                            : err_set(err, ERR_INVALID, "not an object");
	json_in_free(root);
	if (code == ERR_OK)
		*ret_request = request;
	else
		request_fini(&request);
	return code;
}

static const char *const causes[CAUSE_COUNT] = {
        "",
#define CAUSE(symbol, name) name,
#include "common/domain/causes.def"
#undef CAUSE
};

const char *cause_name(enum cause cause)
{
	assert(cause < CAUSE_COUNT);
	return causes[cause];
}

static enum err_code set_cause(struct request *request, const char *value, size_t len, struct err *err)
{
	for (unsigned i = CAUSE_NONE + 1; i < CAUSE_COUNT; i++) {
		if (strlen(causes[i]) == len && memcmp(causes[i], value, len) == 0) {
			request->cause = (enum cause)i;
			return ERR_OK;
		}
	}
	return err_set(err, ERR_INVALID, "header %s: not one that this version knows", HEADER_CAUSE);
}

enum err_code request_set_header(struct request *request, const char *name, const char *value, size_t len,
                                 struct err *err)
{
	int64_t number = 0;
	if (strcmp(name, HEADER_TRACEPARENT) == 0) {
		if (len >= TRACEPARENT_BYTES)
			return err_set(err, ERR_INVALID, "%s: too long", name);
		if (len > 0) /* a header may have no value at all: then value is NULL */
			memcpy(request->traceparent, value, len);
		request->traceparent[len] = '\0';
		return ERR_OK;
	}
	if (strcmp(name, HEADER_CAUSE) == 0)
		return set_cause(request, value, len, err);
	const struct {
		const char *name;
		int64_t *number;
	} wide[] = {
	        {HEADER_POLL, &request->poll},
	        {HEADER_DEADLINE, &request->deadline_ms},
	        {HEADER_FIRST_FAILURE, &request->first_failure_ms},
	};
	const struct {
		const char *name;
		int *number;
	} narrow[] = {
	        {HEADER_ATTEMPT, &request->attempts},
	        {HEADER_REPLAYS, &request->replays},
	};
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
		if (strcmp(name, wide[i].name) == 0)
			code = decimal_parse(value, len, INT64_MAX, wide[i].number);
	for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++) {
		if (strcmp(name, narrow[i].name) != 0)
			continue;
		code = decimal_parse(value, len, INT_MAX, &number);
		if (code == ERR_OK)
			*narrow[i].number = (int)number;
	}
	return code == ERR_OK ? ERR_OK : err_set(err, ERR_INVALID, "header %s: not a number in range", name);
}
