/* tickets: the short names in the addresses that a person's browser opens, and the cookie that binds a journey to it.
 *
 * A ticket is base64url of id (16 bytes) | made, unix ms (6) | ends, unix s (4) | MAC (16): 56 characters, because a vendor may
 * allow 255 for a whole address (contracts 2.2). Start and return tickets have keys of their own, derived from VERIFYD_ID_KEY by
 * HKDF-SHA256 (RFC 5869), so that one never passes for the other. Read-only after it was made; any thread. */
#ifndef VERIFYD_TICKETS_H
#define VERIFYD_TICKETS_H

#include "common/adapters/redis_store.h"
#include "common/base/ids.h"
#include <stdbool.h>
#include <stdint.h>

enum {
	TICKET_BYTES = 57,      /* with its '\0' */
	COOKIE_NAME_BYTES = 48, /* "__Host-verifyd-" and the id */
	COOKIE_VALUE_BYTES = 44, /* base64url of 16 random bytes | MAC (16) */
};

struct tickets;

enum ticket_use { TICKET_START, TICKET_RETURN };

struct ticket {
	char id[ID_BYTES];
	int64_t made_ms; /* unix ms */
	int64_t ends_s;  /* unix s */
};

/* secret: VERIFYD_ID_KEY. Returns: ERR_OK, *ret_tickets ended by tickets_free; ERR_INVALID; ERR_CRYPTO; ERR_NO_MEMORY. */
enum err_code tickets_new(const char *secret, struct tickets **ret_tickets, struct err *err) WARN_UNUSED;
void tickets_free(struct tickets *tickets); /* overwrites; accepts NULL */

/* Returns: ERR_OK; ERR_INVALID (not an id, a time out of range); ERR_CRYPTO. */
enum err_code ticket_make(const struct tickets *tickets, enum ticket_use use, const struct ticket *ticket,
			  char ret_text[TICKET_BYTES]) WARN_UNUSED;

/* Returns: ERR_OK; ERR_INVALID (not a ticket of this use of ours); ERR_TIMEOUT (was one; *ret_ticket is filled, it has ended). */
enum err_code ticket_read(const struct tickets *tickets, enum ticket_use use, const char *text, int64_t now_ms,
			  struct ticket *ret_ticket) WARN_UNUSED;

/* The cookie of a journey. Its value proves by itself that this browser was bound once, also when Redis forgot it. */
void cookie_name(const char *id, char ret_name[COOKIE_NAME_BYTES]);
enum err_code cookie_make(const struct tickets *tickets, const char *id, char ret_value[COOKIE_VALUE_BYTES]) WARN_UNUSED;
bool cookie_is_ours(const struct tickets *tickets, const char *id, const char *value);
/* What is stored of it. */
enum err_code cookie_hash(const char *value, char ret_hash[BROWSER_BYTES]) WARN_UNUSED;

#endif
