/* fuzz_ticket: any text as a ticket of either use and as a cookie. Only the three of the seeds pass, each where it
 * belongs: another one would be a forged MAC. */
#include "ingress/tickets.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

#define SECRET       "0123456789abcdef0123456789abcdef"
#define ID           "vAAECAwQFBgcICQoLDA0ODw"
#define START_TICKET "AAECAwQFBgcICQoLDA0ODwGgxFBse2qxUJjHro7EUAAtyAWT5cbSCnOb"
#define BACK_TICKET  "AAECAwQFBgcICQoLDA0ODwGgxFBse2qxUJgrtRt1I9capCcctCwxjuda"
#define COOKIE       "17HeBQRal5rPMDWJhfgpfzDznlZP6s7X0QPDsIyGDAo"

enum { BOTH_END_S = 1790005400 };

static void check(const struct tickets *tickets, enum ticket_use use, const char *text, const char *ours)
{
	struct ticket ticket = {.ends_s = -1};
	bool known = strcmp(text, ours) == 0;
	enum err_code code = ticket_read(tickets, use, text, 0, &ticket);
	FUZZ_RULE(code == (known ? ERR_OK : ERR_INVALID));
	FUZZ_RULE(known ? strcmp(ticket.id, ID) == 0 && ticket.ends_s == BOTH_END_S : ticket.ends_s == -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tickets *tickets; /* for the life of the process */
	char *text = fuzz_text(data, size), hash[BROWSER_BYTES];
	if (!tickets)
		FUZZ_RULE(tickets_new(SECRET, &tickets, NULL) == ERR_OK);
	check(tickets, TICKET_START, text, START_TICKET);
	check(tickets, TICKET_RETURN, text, BACK_TICKET);
	FUZZ_RULE(cookie_is_ours(tickets, ID, text) == (strcmp(text, COOKIE) == 0));
	FUZZ_RULE(!cookie_is_ours(tickets, text, COOKIE) || strcmp(text, ID) == 0);
	FUZZ_RULE(cookie_hash(text, hash) == ERR_OK && strlen(hash) == BROWSER_BYTES - 1);
	free(text);
	return 0;
}
