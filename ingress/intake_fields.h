/* intake_fields: turns a caller's fields into an ask: limits, the person's fields, the question's name, the id. */
#ifndef VERIFYD_INTAKE_FIELDS_H
#define VERIFYD_INTAKE_FIELDS_H

#include "common/base/ids.h"
#include "ingress/ask.h"

enum { DRAFT_BYTES = 8192 }; /* all values of one draft, with their '\0' */

/* What a caller gave, in clear, on the handler's stack; draft_to_ask copies it and draft_wipe overwrites it. */
struct draft {
	enum kind kind;
	uint32_t given; /* bit set of enum request_field */
	const char *text[REQUEST_FIELD_COUNT]; /* NULL: not given; points into `bytes`, so a draft cannot be copied */
	char bytes[DRAFT_BYTES];
	size_t used;
	int64_t deadline_ms; /* relative to now; 0: none */
};

/* Sets one field. Returns: NULL; or the rule that it breaks (a constant text). An empty value counts as not given. */
const char *draft_set(struct draft *draft, enum request_field field, const char *value);

/* Completes ask->request and ask->person. ret_missing may be NULL.
 * Returns: ERR_OK; ERR_NOT_FOUND (a required field is missing: *ret_missing names it); ERR_NO_MEMORY; ERR_CRYPTO. */
enum err_code draft_to_ask(const struct draft *draft, const struct id_key *key, const char *caller, struct ask *ask,
                           const char **ret_missing) WARN_UNUSED;

/* Its two halves, for fields that are made of the id: ask->request, then ask->person. */
enum err_code draft_to_request(const struct draft *draft, const struct id_key *key, const char *caller, struct ask *ask,
                               const char **ret_missing) WARN_UNUSED;
enum err_code draft_to_person(const struct draft *draft, struct ask *ask) WARN_UNUSED;

/* Nothing is given yet. `bytes` are not cleared: 8 KB of zeros for a few hundred bytes of values. */
void draft_init(struct draft *draft, enum kind kind);
void draft_wipe(struct draft *draft);

/* The name of the pointer to a person's journeys. Returns: ERR_OK; ERR_CRYPTO. */
enum err_code subject_question(const struct id_key *key, const char *caller, enum kind kind, const char *subject,
                               char ret_question[QUESTION_BYTES]) WARN_UNUSED;

/* Whether this journey is that person's. Compared in constant time; false for a score. */
bool subject_is(const struct id_key *key, const struct verification *state, const char *subject);

#endif
