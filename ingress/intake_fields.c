/* intake_fields: no I/O; the same for every route that takes questions. */
#include "ingress/intake_fields.h"
#include "common/base/ascii.h"
#include "common/base/clock.h"
#include "common/base/utf8.h"
#include <openssl/crypto.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define CALLBACK (1u << REQUEST_FIELD_CALLBACK_URL)

const char *draft_set(struct draft *draft, enum request_field field, const char *value)
{
	size_t len = strlen(value);
	if (len > request_field_info(field)->max_bytes)
		return "it is too long";
	bool is_ascii = ascii_is_printable(value, len);
	for (size_t i = 0; i < len && !is_ascii; i++)
		if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
			return "it holds a control character";
	if (!is_ascii && !utf8_is_valid(value, len))
		return "it is not UTF-8";
	if (draft->given & (1u << field))
		return "it is given twice";
	if (len == 0)
		return NULL;
	if (len + 1 > DRAFT_BYTES - draft->used)
		return "all fields together are too long";
	draft->text[field] = memcpy(draft->bytes + draft->used, value, len + 1);
	draft->used += len + 1;
	draft->given |= 1u << field;
	return NULL;
}

enum err_code draft_to_person(const struct draft *draft, struct ask *ask)
{
	size_t total = draft->used + 1;
	char *copy = malloc(total);
	if (!copy)
		return ERR_NO_MEMORY;
	memcpy(copy, draft->bytes, draft->used);
	copy[draft->used] = '\0';
	ask->person = (struct person){.memory = copy, .memory_len = total};
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT; i++)
		if (draft->given & (1u << i))
			ask->person.field[i] = copy + (draft->text[i] - draft->bytes);
	return ERR_OK;
}

/* The fields that name a question or a pointer: the caller's name and kind, then those of the mask, given or not. */
static size_t naming_fields(const struct draft *draft, const struct request *request, uint32_t mask,
                            struct id_field fields[2 + REQUEST_FIELD_COUNT])
{
	const struct kind_info *kind = kind_info(draft->kind);
	fields[0] = (struct id_field){request->caller, strlen(request->caller)};
	fields[1] = (struct id_field){kind->name, strlen(kind->name)};
	size_t count = 2;
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT; i++)
		if (mask & (1u << i))
			fields[count++] =
			        (struct id_field){draft->text[i], draft->text[i] ? strlen(draft->text[i]) : 0};
	return count;
}

static enum err_code name_question(const struct draft *draft, const struct id_key *key, struct request *request)
{
	const struct kind_info *kind = kind_info(draft->kind);
	struct id_field fields[2 + REQUEST_FIELD_COUNT];
	/* who asks to be told elsewhere asks another question, or nobody would tell them */
	uint32_t elsewhere = kind_is_journey(draft->kind) ? 0 : draft->given & CALLBACK;
	size_t count = naming_fields(draft, request, kind->join | elsewhere, fields);
	enum err_code code = id_question(key, fields, count, request->question);
	if (code != ERR_OK || !kind_is_journey(draft->kind))
		return code == ERR_OK ? id_random(request->id) : code;
	count = naming_fields(draft, request, kind->question, fields);
	return id_of_question(key, fields, count, request->id);
}

enum err_code draft_to_request(const struct draft *draft, const struct id_key *key, const char *caller, struct ask *ask,
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
	ask->type = kind_is_journey(draft->kind) ? ASK_JOURNEY : ASK_NEW;
	request->kind = draft->kind;
	request->notify = draft->given & CALLBACK;
	request->created_ms = clock_unix_ms();
	request->deadline_ms = draft->deadline_ms ? request->created_ms + draft->deadline_ms : 0;
	strncpy(request->caller, caller, sizeof request->caller - 1);
	return name_question(draft, key, request);
}

enum err_code draft_to_ask(const struct draft *draft, const struct id_key *key, const char *caller, struct ask *ask,
                           const char **ret_missing)
{
	enum err_code code = draft_to_request(draft, key, caller, ask, ret_missing);
	return code == ERR_OK ? draft_to_person(draft, ask) : code;
}

void draft_init(struct draft *draft, enum kind kind)
{
	memset(draft, 0, offsetof(struct draft, bytes));
	draft->kind = kind;
	draft->used = 0;
	draft->deadline_ms = 0;
}

void draft_wipe(struct draft *draft)
{
	explicit_bzero(draft->bytes, draft->used); /* nothing was written behind that */
	explicit_bzero(draft, offsetof(struct draft, bytes));
	draft->used = 0;
	draft->deadline_ms = 0;
}

enum err_code subject_question(const struct id_key *key, const char *caller, enum kind kind, const char *subject,
                               char ret_question[QUESTION_BYTES])
{
	const char *name = kind_info(kind)->name;
	const struct id_field fields[] = {{caller, strlen(caller)}, {name, strlen(name)}, {subject, strlen(subject)}};
	return id_question(key, fields, sizeof fields / sizeof *fields, ret_question);
}

bool subject_is(const struct id_key *key, const struct verification *state, const char *subject)
{
	char question[QUESTION_BYTES];
	return kind_is_journey(state->kind) &&
	       subject_question(key, state->caller, state->kind, subject, question) == ERR_OK &&
	       CRYPTO_memcmp(question, state->question, sizeof question) == 0;
}
