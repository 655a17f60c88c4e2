/* intake_fields: turns a caller's fields into an ask: limits, the person's fields, the question's name, the id. */
#ifndef VERIFYD_INTAKE_FIELDS_H
#define VERIFYD_INTAKE_FIELDS_H

#include "common/base/ids.h"
#include "ingress/ask.h"

/* What a caller gave, in clear, on the handler's stack; person_from_draft copies it and draft_wipe overwrites it. */
struct draft {
	enum kind kind;
	uint32_t given; /* bit set of enum request_field */
	char text[REQUEST_FIELD_COUNT][257];
	int64_t deadline_ms; /* relative to now; 0: none */
};

/* Sets one field. Returns: NULL; or the rule that it breaks (a constant text). An empty value counts as not given. */
const char *draft_set(struct draft *draft, enum request_field field, const char *value);

/* Completes ask->request and ask->person. ret_missing may be NULL.
 * Returns: ERR_OK; ERR_NOT_FOUND (a required field is missing: *ret_missing names it); ERR_NO_MEMORY; ERR_CRYPTO. */
enum err_code draft_to_ask(const struct draft *draft, const struct id_key *key, const char *caller, struct ask *ask,
                           const char **ret_missing) WARN_UNUSED;

void draft_wipe(struct draft *draft);

#endif
