/* journey_fields: what a journey needs beyond a caller's fields: our addresses in it (with tickets), the address to send the
 * person on to, and the name of a reference that is taken over. */
#ifndef VERIFYD_JOURNEY_FIELDS_H
#define VERIFYD_JOURNEY_FIELDS_H

#include "ingress/intake_fields.h"
#include "ingress/journeys.h"

enum {
	JOURNEY_LINK_BYTES = JOURNEY_URL_BYTES + 16 + TICKET_BYTES, /* PUBLIC_URL/start/{ticket} */
	JOURNEY_ONWARD_MAX_BYTES = 4000, /* without the hint, which has as much again: together below a header's limit */
};

/* The caller's name of what was taken over from the sample. */
#define ADOPTED_CALLER "adopted"

/* The rule that a field breaks, as its kind of journey has it (a constant text), with *ret_field; NULL: all good. Looks at
 * redirect_uri, policy, return_url, and at the length of the address to go on to. */
const char *journey_check(const struct journeys *journeys, const struct draft *draft, enum request_field *ret_field);

/* Completes a journey's ask, with our own addresses in the person's fields. The draft gets them too. ret_missing may be NULL.
 * Returns: what draft_to_ask returns; ERR_LIMIT (the fields leave no room). */
enum err_code journey_to_ask(const struct journeys *journeys, struct draft *draft, const struct id_key *key, const char *caller,
                             struct ask *ask, const char **ret_missing) WARN_UNUSED;

/* Writes PUBLIC_URL/start/{ticket} of a ticket that is made now. Returns: ERR_OK; ERR_INVALID; ERR_CRYPTO. */
enum err_code journey_start_link(const struct journeys *journeys, const char *id, int64_t now_ms,
                                 char ret_link[JOURNEY_LINK_BYTES]) WARN_UNUSED;
/* PUBLIC_URL/return/{ticket}, likewise. */
enum err_code journey_return_link(const struct journeys *journeys, const char *id, int64_t now_ms,
                                  char ret_link[JOURNEY_LINK_BYTES]) WARN_UNUSED;

/* Appends where the person goes on to: B2C with a fresh hint, or the return_url of a /v1 caller.
 * Returns: ERR_OK; ERR_NOT_FOUND (the person's fields name no address); ERR_LIMIT; ERR_CRYPTO; ERR_NO_MEMORY. */
enum err_code journey_onward(const struct journeys *journeys, const char *id, const struct person *person, int64_t now_s,
                             struct buf *out) WARN_UNUSED;

/* Whether text is a vendor's reference in the form 8-4-4-4-12 hexadecimal digits. */
bool reference_is_guid(const char *text);

/* Completes an ask for taking over a reference that we never gave (ASK_ADOPT). Returns: ERR_OK; ERR_LIMIT (a field is
 * too long); ERR_CRYPTO; ERR_NO_MEMORY. */
enum err_code adoption_to_ask(const struct id_key *key, const char *reference, const char *subject, struct ask *ask) WARN_UNUSED;

#endif
