/* sim_jumio_ledger: the transactions the stand-in for Jumio knows, found by reference or by token.
 *
 * Bounded: beyond JUMIO_TRANSACTIONS_MAX the one that finished first goes; when none has finished, the oldest one.
 * Thread: the owner's lock, for everything here and for as long as a transaction is looked at. */
#ifndef SIM_JUMIO_LEDGER_H
#define SIM_JUMIO_LEDGER_H

#include "common/base/err.h"
#include "common/base/list.h"
#include "tests/sim/sim_jumio_outcome.h"
#include <stdint.h>

enum {
	JUMIO_TRANSACTIONS_MAX = 100000,
	JUMIO_BUCKETS = 1 << 17,
	JUMIO_REFERENCE_BYTES = 37, /* a GUID as text with its '\0' */
	JUMIO_TOKEN_BYTES = 44,     /* base64url of 32 random bytes with its '\0' */
	JUMIO_TEXT_BYTES = 401,     /* 100 characters of UTF-8 with '\0' */
	JUMIO_LONG_URL_BYTES = 2048,
	JUMIO_URL_BYTES = 256,
	JUMIO_LOCALE_BYTES = 6
};

/* What a good initiate asks for. Texts that were not given are "". */
struct jumio_order {
	char customer_reference[JUMIO_TEXT_BYTES];
	char user[JUMIO_TEXT_BYTES];
	char criteria[JUMIO_TEXT_BYTES];
	char success_url[JUMIO_LONG_URL_BYTES];
	char error_url[JUMIO_URL_BYTES];
	char callback_url[JUMIO_URL_BYTES];
	char locale[JUMIO_LOCALE_BYTES];
	int64_t workflow; /* workflowId; 0: not given */
	int64_t life_ms;  /* of the token */
};

struct jumio_transaction {
	char reference[JUMIO_REFERENCE_BYTES];
	char token[JUMIO_TOKEN_BYTES];
	const char *customer_reference, *user, *criteria, *success_url, *error_url, *callback_url, *locale; /* into text */
	int64_t workflow;
	int64_t life_ms;
	int64_t initiated_ms;      /* Unix time */
	int64_t initiated_mono_ms; /* for its life */
	int64_t finished_ms;       /* Unix time; 0: not finished */
	const struct jumio_outcome *outcome; /* NULL: not finished */
	int64_t status_calls, data_calls;
	int64_t pending_told; /* how often status said PENDING after the finish */
	int64_t callbacks;    /* sent */
	long callback_status; /* of the last one that ended; 0: no answer, or none ended yet */
	struct jumio_transaction *next_by_reference, *next_by_token;
	struct list by_age;    /* in all */
	struct list by_finish; /* in finished, once it is */
	char text[];
};

/* All zero and then jumio_ledger_init. */
struct jumio_ledger {
	struct jumio_transaction *by_reference[JUMIO_BUCKETS];
	struct jumio_transaction *by_token[JUMIO_BUCKETS];
	struct list all;      /* oldest first */
	struct list finished; /* the one that finished first is first */
	int64_t count;
	int64_t dropped;
};

void jumio_ledger_init(struct jumio_ledger *ledger);
/* Forgets everything; the ledger may be used again. */
void jumio_ledger_clear(struct jumio_ledger *ledger);

/* Returns: ERR_OK and the new transaction, the ledger's; ERR_NO_MEMORY; ERR_CRYPTO (no randomness). */
enum err_code jumio_ledger_add(struct jumio_ledger *ledger, const struct jumio_order *order,
                               struct jumio_transaction **ret_transaction) WARN_UNUSED;

/* Return NULL when there is none. */
struct jumio_transaction *jumio_ledger_by_reference(struct jumio_ledger *ledger, const char *reference);
struct jumio_transaction *jumio_ledger_by_token(struct jumio_ledger *ledger, const char *token);

/* It must not have finished yet. */
void jumio_ledger_finish(struct jumio_ledger *ledger, struct jumio_transaction *transaction,
                         const struct jumio_outcome *outcome);

#endif
