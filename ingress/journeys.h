/* journeys: what the ingress needs so that people can be sent to a vendor and come back: addresses, tickets, tokens, hints, and who
 * may call back. One for the process; read-only after it was made; any thread. */
#ifndef VERIFYD_JOURNEYS_H
#define VERIFYD_JOURNEYS_H

#include "common/base/config.h"
#include "ingress/applications.h"
#include "ingress/cidr.h"
#include "ingress/hints.h"
#include "ingress/tickets.h"
#include "ingress/tokens.h"

enum { JOURNEY_URL_BYTES = 1025 };

struct journeys {
	char public_url[JOURNEY_URL_BYTES];    /* VERIFYD_PUBLIC_URL, without a slash at its end */
	char b2c_base_url[JOURNEY_URL_BYTES];  /* B2C_BASE_REDIRECT_URL, likewise */
	struct tickets *tickets;
	struct tokens *tokens;
	struct hints *hints;
	struct cidr_list *callback_from; /* who may call back */
	const char *callback_secret;     /* the config's */
	int64_t ticket_life_ms; /* of tickets and cookies: the vendor token's lifetime + 1 h */
	int64_t initiate_wait_ms;
	int64_t adopt_until_ms; /* unix ms, the first after that day; 0: bare references are not adopted */
	int max_a_day;
	struct applications *applications; /* what people's apps are called */
};

/* VERIFYD_PUBLIC_URL not set: ERR_OK and *ret_journeys NULL: this ingress serves no journeys, whatever else is set (the file of
 * `verifyctl keys new` sets keys for everybody). Set: all that is needed must be; every mistake is one line in complaints (NULL: nowhere).
 * config must outlive the journeys. Returns: ERR_OK, ended by journeys_free; ERR_INVALID (*ret_mistakes counts them; 0 when only
 * VERIFYD_ID_KEY is missing, which the settings' table has complained of); ERR_CRYPTO; ERR_NO_MEMORY. */
enum err_code journeys_new(const struct config *config, int64_t now_ms, FILE *complaints, struct journeys **ret_journeys,
			   int *ret_mistakes) WARN_UNUSED;
void journeys_free(struct journeys *journeys); /* accepts NULL */

#endif
