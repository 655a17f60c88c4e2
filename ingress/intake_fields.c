/* intake_fields: no I/O; the same for every route that takes questions. */
#include "ingress/intake_fields.h"
#include "common/base/clock.h"
#include "common/base/utf8.h"
#include <stdlib.h>
#include <string.h>

const char *draft_set(struct draft *draft, enum request_field field, const char *value)
{
	size_t len = strlen(value);
	if (len > request_field_info(field)->max_bytes)
		return "it is too long";
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
			return "it holds a control character";
	if (!utf8_is_valid(value, len))
		return "it is not UTF-8";
	if (draft->given & (1u << field))
		return "it is given twice";
	if (len == 0)
		return NULL;
	memcpy(draft->text[field], value, len + 1);
	draft->given |= 1u << field;
	return NULL;
}

static enum err_code person_from_draft(const struct draft *draft, struct person *ret_person)
{
	size_t total = 1;
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT; i++)
		total += draft->given & (1u << i) ? strlen(draft->text[i]) + 1 : 0;
	char *at = malloc(total);
	if (!at)
		return ERR_NO_MEMORY;
	*ret_person = (struct person){.memory = at, .memory_len = total};
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT; i++) {
		if (!(draft->given & (1u << i)))
			continue;
		size_t bytes = strlen(draft->text[i]) + 1;
		memcpy(at, draft->text[i], bytes);
		ret_person->field[i] = at;
		at += bytes;
	}
	return ERR_OK;
}

/* The question: the caller's name and kind, then the fields that the kind's row names, given or not. */
static enum err_code name_question(const struct draft *draft, const struct id_key *key, struct request *request)
{
	const struct kind_info *kind = kind_info(draft->kind);
	struct id_field fields[2 + REQUEST_FIELD_COUNT] = {
	        {request->caller, strlen(request->caller)},
	        {kind->name, strlen(kind->name)},
	};
	size_t count = 2;
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT; i++)
		if (kind->question & (1u << i))
			fields[count++] = (struct id_field){draft->text[i], strlen(draft->text[i])};
	enum err_code code = id_question(key, fields, count, request->question);
	if (code == ERR_OK)
		code = kind->join_s > 0 ? id_random(request->id) : id_of_question(key, fields, count, request->id);
	return code;
}

enum err_code draft_to_ask(const struct draft *draft, const struct id_key *key, const char *caller, struct ask *ask,
                           const char **ret_missing)
{
	const struct kind_info *kind = kind_info(draft->kind);
	struct request *request = &ask->request;
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT; i++) {
		if ((kind->must & ~draft->given) & (1u << i)) {
			if (ret_missing)
				*ret_missing = request_field_info((enum request_field)i)->name;
			return ERR_NOT_FOUND;
		}
	}
	ask->type = ASK_NEW;
	request->kind = draft->kind;
	request->created_ms = clock_unix_ms();
	request->deadline_ms = draft->deadline_ms ? request->created_ms + draft->deadline_ms : 0;
	strncpy(request->caller, caller, sizeof request->caller - 1);
	enum err_code code = name_question(draft, key, request);
	return code == ERR_OK ? person_from_draft(draft, &ask->person) : code;
}

void draft_wipe(struct draft *draft)
{
	explicit_bzero(draft, sizeof *draft);
}
