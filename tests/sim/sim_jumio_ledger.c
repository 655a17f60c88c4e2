/* sim_jumio_ledger: two tables of chains and two lists; each transaction is one allocation with its texts behind it. */
#include "tests/sim/sim_jumio_ledger.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "tests/sim/sim_tally.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { GUID_RANDOM = 16, TOKEN_RANDOM = 32 };

void jumio_ledger_init(struct jumio_ledger *ledger)
{
	list_init(&ledger->all);
	list_init(&ledger->finished);
}

static size_t bucket_of(const char *key)
{
	return (size_t)sim_tally_hash(SIM_TALLY_SEED, key) & (JUMIO_BUCKETS - 1);
}

static void drop(struct jumio_ledger *ledger, struct jumio_transaction *transaction)
{
	struct jumio_transaction **at = &ledger->by_reference[bucket_of(transaction->reference)];
	while (*at != transaction)
		at = &(*at)->next_by_reference;
	*at = transaction->next_by_reference;
	at = &ledger->by_token[bucket_of(transaction->token)];
	while (*at != transaction)
		at = &(*at)->next_by_token;
	*at = transaction->next_by_token;
	list_remove(&transaction->by_age);
	if (transaction->outcome)
		list_remove(&transaction->by_finish);
	ledger->count--;
	free(transaction);
}

void jumio_ledger_clear(struct jumio_ledger *ledger)
{
	while (!list_is_empty(&ledger->all))
		drop(ledger, LIST_ENTRY(ledger->all.next, struct jumio_transaction, by_age));
	ledger->dropped = 0;
}

static void make_room(struct jumio_ledger *ledger)
{
	if (ledger->count < JUMIO_TRANSACTIONS_MAX)
		return;
	if (list_is_empty(&ledger->finished))
		drop(ledger, LIST_ENTRY(ledger->all.next, struct jumio_transaction, by_age));
	else
		drop(ledger, LIST_ENTRY(ledger->finished.next, struct jumio_transaction, by_finish));
	ledger->dropped++;
}

/* A GUID of version 4 and a token. Returns false when there is no randomness. */
static bool name(struct jumio_transaction *transaction)
{
	unsigned char bytes[GUID_RANDOM + TOKEN_RANDOM];
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return false;
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	for (size_t i = 0, at = 0; i < GUID_RANDOM; i++) {
		bool dash = i == 4 || i == 6 || i == 8 || i == 10;
		int used = snprintf(transaction->reference + at, sizeof(transaction->reference) - at,
		                    dash ? "-%02x" : "%02x", (unsigned)bytes[i]);
		at += (size_t)used;
	}
	base64url_encode(bytes + GUID_RANDOM, TOKEN_RANDOM, transaction->token);
	return true;
}

/* Copies each text of the order behind the transaction. */
static struct jumio_transaction *transaction_new(const struct jumio_order *order)
{
	const char *texts[] = {order->customer_reference, order->user,         order->criteria, order->success_url,
	                       order->error_url,          order->callback_url, order->locale};
	enum { TEXTS = sizeof(texts) / sizeof(texts[0]) };
	size_t len = 0;
	for (size_t i = 0; i < TEXTS; i++)
		len += strlen(texts[i]) + 1;
	struct jumio_transaction *transaction = malloc(sizeof(*transaction) + len);
	if (!transaction)
		return NULL;
	*transaction = (struct jumio_transaction){
	        .workflow = order->workflow,
	        .life_ms = order->life_ms,
	        .initiated_ms = clock_unix_ms(),
	        .initiated_mono_ms = clock_mono_ms(),
	};
	const char **places[] = {&transaction->customer_reference,
	                         &transaction->user,
	                         &transaction->criteria,
	                         &transaction->success_url,
	                         &transaction->error_url,
	                         &transaction->callback_url,
	                         &transaction->locale};
	char *at = transaction->text;
	for (size_t i = 0; i < TEXTS; i++) {
		*places[i] = at;
		at = stpcpy(at, texts[i]) + 1;
	}
	return transaction;
}

enum err_code jumio_ledger_add(struct jumio_ledger *ledger, const struct jumio_order *order,
                               struct jumio_transaction **ret_transaction)
{
	struct jumio_transaction *transaction = transaction_new(order);
	if (!transaction)
		return ERR_NO_MEMORY;
	if (!name(transaction)) {
		free(transaction);
		return ERR_CRYPTO;
	}
	make_room(ledger);
	struct jumio_transaction **chain = &ledger->by_reference[bucket_of(transaction->reference)];
	transaction->next_by_reference = *chain;
	*chain = transaction;
	chain = &ledger->by_token[bucket_of(transaction->token)];
	transaction->next_by_token = *chain;
	*chain = transaction;
	list_insert(&ledger->all, &transaction->by_age);
	ledger->count++;
	*ret_transaction = transaction;
	return ERR_OK;
}

struct jumio_transaction *jumio_ledger_by_reference(struct jumio_ledger *ledger, const char *reference)
{
	struct jumio_transaction *at = ledger->by_reference[bucket_of(reference)];
	while (at && strcmp(at->reference, reference) != 0)
		at = at->next_by_reference;
	return at;
}

struct jumio_transaction *jumio_ledger_by_token(struct jumio_ledger *ledger, const char *token)
{
	struct jumio_transaction *at = ledger->by_token[bucket_of(token)];
	while (at && strcmp(at->token, token) != 0)
		at = at->next_by_token;
	return at;
}

void jumio_ledger_finish(struct jumio_ledger *ledger, struct jumio_transaction *transaction,
                         const struct jumio_outcome *outcome)
{
	assert(!transaction->outcome);
	transaction->outcome = outcome;
	transaction->finished_ms = clock_unix_ms();
	list_insert(&ledger->finished, &transaction->by_finish);
}
